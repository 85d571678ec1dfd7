package forge

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sphera/internal/fault"
)

// Limits of names, well under what file systems and git take.
const (
	maxRepositoryName = 100
	maxRefName        = 200
	maxPath           = 1024
	maxPathPart       = 200
	maxKey            = 300
)

// ArchivedGroup holds archived repositories; nothing else is created in it.
const ArchivedGroup = "archived"

// portalBranches is the group of branches that only the portal writes. An
// automatic approval rests on nobody else having touched them.
const portalBranches = "sphera/"

var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
	shaPattern  = regexp.MustCompile(`^[0-9a-f]{7,40}$`)
	fullSHA     = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// CheckRepositoryName accepts "name" and "group/name".
func CheckRepositoryName(name string) error {
	const expected = "letters, digits, dot, dash and underscore, starting with a letter or digit, as \"name\" or \"group/name\", at most 100 characters"
	if problem := nameProblem(name, maxRepositoryName); problem != "" {
		return fault.Field("name", problem, expected)
	}
	if strings.Count(name, "/") > 1 {
		return fault.Field("name", "has more than one slash", expected)
	}
	return nil
}

// CheckRefName accepts the short name of a branch or tag.
func CheckRefName(name string) error {
	const expected = "letters, digits, dot, dash, underscore and slash, starting with a letter or digit, at most 200 characters"
	if problem := nameProblem(name, maxRefName); problem != "" {
		return fault.Field("ref", problem, expected)
	}
	switch {
	case strings.EqualFold(name, "HEAD"), strings.HasPrefix(name, "refs/"):
		return fault.Field("ref", "is reserved by git", "a branch or tag name without refs/")
	case fullSHA.MatchString(name):
		return fault.Field("ref", "looks like a commit id", "a name that cannot be mistaken for a commit")
	}
	return nil
}

// nameProblem says in words what is wrong with a name, or "".
func nameProblem(name string, limit int) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > limit:
		return "is too long"
	case !namePattern.MatchString(name):
		return "has characters that are not allowed"
	case strings.Contains(name, ".."):
		return "has two dots in a row"
	}
	for part := range strings.SplitSeq(name, "/") {
		lower := strings.ToLower(part)
		switch {
		case part == "":
			return "has an empty part"
		case part[0] == '.' || part[0] == '-':
			return "has a part that starts with a dot or dash"
		case strings.HasSuffix(part, "."):
			return "has a part that ends with a dot"
		case strings.HasSuffix(lower, ".lock"), strings.HasSuffix(lower, ".git"):
			return "has a part that ends with .lock or .git"
		}
	}
	return ""
}

// CheckPath accepts the path of a file or folder inside a repository, with the
// forms of ".git" refused that some file system reads as ".git".
func CheckPath(path string) error {
	const expected = "a relative path with slashes, without .git, dot or dot-dot parts, backslashes or control characters, at most 1024 bytes"
	if problem := pathProblem(path); problem != "" {
		return fault.Field("path", problem, expected)
	}
	return nil
}

func pathProblem(path string) string {
	switch {
	case path == "":
		return "is empty"
	case len(path) > maxPath:
		return "is too long"
	case !utf8.ValidString(path):
		return "is not valid UTF-8"
	case strings.ContainsRune(path, '\\'):
		return "has a backslash"
	case strings.ContainsFunc(path, isControl):
		return "has a control character"
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "":
			return "is absolute or has an empty part"
		case part == "." || part == "..":
			return "has a part that is a dot or two dots"
		case len(part) > maxPathPart:
			return "has a part that is too long"
		case isDotGit(part):
			return "has a part that is .git on some file system"
		}
	}
	return ""
}

// isDotGit knows what Windows (short names, trailing dots and spaces, streams)
// and macOS (case, invisible characters) read as ".git".
func isDotGit(part string) bool {
	visible := strings.ToLower(strings.Map(func(r rune) rune {
		if isIgnorable(r) {
			return -1
		}
		return r
	}, part))
	if before, _, found := strings.Cut(visible, ":"); found {
		visible = before
	}
	visible = strings.TrimRight(visible, ". ")
	return visible == ".git" || strings.HasPrefix(visible, "git~")
}

// isIgnorable is git's list of characters that HFS+ ignores in names.
func isIgnorable(r rune) bool {
	return r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 }

// checkKey accepts what can stand as the value of a trailer.
func checkKey(key string) error {
	if len(key) > maxKey || strings.ContainsFunc(key, isControl) || strings.TrimSpace(key) != key || !utf8.ValidString(key) {
		return fault.Field("key", "cannot be written into a commit", "one line of at most 300 bytes")
	}
	return nil
}

// checkTitle accepts one line for people.
func checkTitle(field, s string, limit int) error {
	if strings.TrimSpace(s) == "" {
		return fault.Field(field, "is empty", "one line of text")
	}
	return checkLine(field, s, limit)
}

func checkLine(field, s string, limit int) error {
	if len(s) > limit || strings.ContainsFunc(s, isControl) || !utf8.ValidString(s) {
		return fault.Field(field, "is too long or has control characters", "one line of text")
	}
	return nil
}

func checkText(field, s string, limit int) error {
	if len(s) > limit || strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		return fault.Field(field, "is too long or not valid text", "text of at most 64 KiB")
	}
	return nil
}

func oneOf[T ~string](field string, v T, allowed ...T) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	return fault.Field(field, "is not one of the known values", strings.Join(words, ", "))
}
