package forge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"sphera/internal/fault"
)

// maxTreeEntries is how many entries of one folder are listed.
const maxTreeEntries = 5000

// object is an entry of a git tree.
type object struct {
	mode, kind, sha, path string
	size                  int64
}

// lsTree lists a tree; recursive lists files only.
func (b *Builtin) lsTree(ctx context.Context, dir, tree string, recursive bool) ([]object, error) {
	args := []string{"ls-tree", "-z", "-l"}
	if recursive {
		args = append(args, "-r")
	}
	out, err := b.git.run(ctx, call{dir: dir, args: append(args, "--end-of-options", tree)})
	if err != nil {
		return nil, err
	}
	list := []object{}
	for record := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		meta, path, found := strings.Cut(record, "\t")
		fields := strings.Fields(meta)
		if !found || len(fields) != 4 {
			continue
		}
		size, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			size = 0 // folders and submodules have "-"
		}
		list = append(list, object{mode: fields[0], kind: fields[1], sha: fields[2], path: path, size: size})
	}
	return list, nil
}

// Tree implements Forge: folders first, by name.
func (b *Builtin) Tree(ctx context.Context, repo, ref, path string) ([]TreeEntry, error) {
	path = strings.Trim(path, "/")
	if path != "" {
		if err := CheckPath(path); err != nil {
			return nil, err
		}
	}
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return nil, err
	}
	sha, err := b.startOf(ctx, r, ref)
	if err != nil || sha == "" {
		return []TreeEntry{}, err
	}
	list, err := b.lsTree(ctx, b.path(r.id), sha+":"+path, false)
	if exitCode(err) > 0 {
		return nil, fault.New(fault.NotFound, "There is no folder %s at %s in %s.", path, short(sha), repo).Wrap(err)
	}
	if err != nil {
		return nil, fmt.Errorf("list %s of %s: %w", path, repo, err)
	}
	if len(list) > maxTreeEntries {
		list = list[:maxTreeEntries]
	}
	folders, files := []TreeEntry{}, []TreeEntry{}
	for _, o := range list {
		e := TreeEntry{Name: o.path, Path: o.path, Kind: entryKind(o), Size: o.size}
		if path != "" {
			e.Path = path + "/" + o.path
		}
		if e.Kind == "folder" {
			folders = append(folders, e)
		} else {
			files = append(files, e)
		}
	}
	return append(folders, files...), nil
}

func entryKind(o object) string {
	switch {
	case o.kind == "tree":
		return "folder"
	case o.kind == "commit":
		return "submodule"
	case o.mode == "120000":
		return "link"
	default:
		return "file"
	}
}

// File implements Forge. A link is shown as a file with its target as text; it
// is never followed.
func (b *Builtin) File(ctx context.Context, repo, ref, path string) (File, error) {
	if err := CheckPath(path); err != nil {
		return File{}, err
	}
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return File{}, err
	}
	sha, err := b.resolve(ctx, r, ref)
	if err != nil {
		return File{}, err
	}
	// Asked for by its folder, because only a tree knows whether a file can be
	// executed.
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	missing := fault.New(fault.NotFound, "There is no file %s at %s in %s.", path, short(sha), repo)
	list, err := b.lsTree(ctx, b.path(r.id), sha+":"+parent, false)
	if exitCode(err) > 0 {
		return File{}, missing.Wrap(err)
	}
	if err != nil {
		return File{}, fmt.Errorf("find %s of %s: %w", path, repo, err)
	}
	for _, o := range list {
		if o.path == name && o.kind == "blob" {
			return b.blob(ctx, b.path(r.id), o, path)
		}
	}
	return File{}, missing
}

func (b *Builtin) blob(ctx context.Context, dir string, o object, path string) (File, error) {
	f := File{Path: path, Executable: o.mode == "100755", Size: o.size}
	content, err := b.git.run(ctx, call{dir: dir, args: []string{"cat-file", "blob", o.sha}, limit: MaxFileSize})
	if errors.Is(err, errOutputLimit) {
		f.Truncated, err = true, nil
	}
	if err != nil {
		return File{}, fmt.Errorf("read %s: %w", path, err)
	}
	f.Content, f.Binary = content, isBinary(content)
	return f, nil
}

// isBinary is git's own guess: a zero byte near the start.
func isBinary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0
}

// Archive implements Forge: regular files only, no links and no submodules,
// and only paths that CheckPath accepts.
func (b *Builtin) Archive(ctx context.Context, repo, ref string) ([]File, error) {
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return nil, err
	}
	sha, err := b.resolve(ctx, r, ref)
	if err != nil {
		return nil, err
	}
	list, err := b.lsTree(ctx, b.path(r.id), sha, true)
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", repo, err)
	}
	if len(list) > MaxFiles {
		return nil, fault.New(fault.TooLarge, "%s has %d files, at most %d are handed out.", repo, len(list), MaxFiles)
	}
	var total int64
	regular := list[:0]
	for _, o := range list {
		if entryKind(o) != "file" {
			continue
		}
		if err := CheckPath(o.path); err != nil {
			return nil, fault.New(fault.Unprocessable, "%s has a file whose name is not safe to write: %q.", repo, clean(o.path, 200)).Wrap(err)
		}
		regular, total = append(regular, o), total+o.size
	}
	if total > MaxArchiveSize {
		return nil, fault.New(fault.TooLarge, "The files of %s have %d MiB, at most %d MiB are handed out.", repo, total>>20, MaxArchiveSize>>20)
	}
	return b.blobs(ctx, b.path(r.id), regular, total)
}

// blobs reads many files by one process.
func (b *Builtin) blobs(ctx context.Context, dir string, list []object, total int64) ([]File, error) {
	if len(list) == 0 {
		return []File{}, nil
	}
	var in strings.Builder
	for _, o := range list {
		in.WriteString(o.sha + "\n")
	}
	out, err := b.git.run(ctx, call{
		dir: dir, args: []string{"cat-file", "--batch", "--buffer"}, stdin: strings.NewReader(in.String()),
		limit: total + int64(len(list))*100,
	})
	if err != nil {
		return nil, fmt.Errorf("read files: %w", err)
	}
	reader := bufio.NewReader(bytes.NewReader(out))
	files := make([]File, 0, len(list))
	for _, o := range list {
		header, err := reader.ReadString('\n')
		if err != nil || !strings.HasPrefix(header, o.sha+" blob ") {
			return nil, fmt.Errorf("read %s: git answered %q", o.path, clean(header, 100))
		}
		content := make([]byte, o.size)
		if _, err := io.ReadFull(reader, content); err != nil {
			return nil, fmt.Errorf("read %s: %w", o.path, err)
		}
		if _, err := reader.Discard(1); err != nil {
			return nil, fmt.Errorf("read %s: %w", o.path, err)
		}
		files = append(files, File{Path: o.path, Content: content, Executable: o.mode == "100755", Binary: isBinary(content), Size: o.size})
	}
	return files, nil
}
