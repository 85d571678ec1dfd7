// Package code knows how flags are named in source code: it finds the places,
// and it takes the calls that the golden path's templates make out again.
package code

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"sphera/internal/flag"
	"sphera/internal/forge"
)

const (
	// maxFile is the largest file that is looked through.
	maxFile = 1 << 20
	// maxFound is how many places of one flag in one repository are kept.
	maxFound = 100
	maxText  = 300
)

// Keys are flags to look for. In the repository of a service, a key that
// begins with the service's name is also found where the templates put it
// together: serviceName+".greeting".
type Keys map[string]bool

// Find lists the places of a repository that name flags, by key.
func (k Keys) Find(repository string, files []forge.File) map[string][]flag.Reference {
	suffixes := map[string]string{}
	for key := range k {
		if rest, ok := strings.CutPrefix(key, repository+"."); ok {
			suffixes["."+rest] = key
		}
	}
	out := map[string][]flag.Reference{}
	for _, f := range files {
		if f.Binary || len(f.Content) > maxFile || skipped(f.Path) {
			continue
		}
		n := 0
		for line := range bytes.Lines(f.Content) {
			n++
			for _, key := range k.in(line, suffixes) {
				if len(out[key]) < maxFound {
					out[key] = append(out[key], flag.Reference{Repository: repository, Path: f.Path, Line: n, Text: shown(line)})
				}
			}
		}
	}
	return out
}

// skipped leaves out what people did not write.
func skipped(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if slices.Contains([]string{"node_modules", "vendor", ".git", "dist"}, part) {
			return true
		}
	}
	return slices.Contains([]string{"package-lock.json", "go.sum", "yarn.lock"}, path.Base(name))
}

func shown(line []byte) string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(line), "\uFFFD"))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

func wordy(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// in lists the keys that a line names as whole words.
func (k Keys) in(line []byte, suffixes map[string]string) []string {
	var found []string
	add := func(key string) {
		if !slices.Contains(found, key) {
			found = append(found, key)
		}
	}
	for i := 0; i < len(line); {
		if !wordy(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && wordy(line[i]) {
			i++
		}
		word := string(line[start:i])
		if trimmed := strings.TrimRight(word, ".-"); k[word] {
			add(word)
		} else if k[trimmed] {
			add(trimmed)
		}
		if key, ok := suffixes[word]; ok && puttogether(line, start) {
			add(key)
		}
	}
	return found
}

// puttogether tells that something stands before ".greeting" that can be the
// service's name: a string that begins there, or a variable in a template.
func puttogether(line []byte, at int) bool {
	if at == 0 {
		return false
	}
	return strings.IndexByte("\"'`}", line[at-1]) >= 0 && utf8.Valid(line)
}
