package forge

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"sphera/internal/fault"
)

// bareConfig is all the configuration a repository has on disk.
const bareConfig = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"

// lockName is the file inside a repository that is locked for changes.
const lockName = "sphera.lock"

func repositoryDir(id string) string { return "repositories/" + id + ".git" }

// path is the absolute folder of a repository.
func (b *Builtin) path(id string) string { return filepath.Join(b.dir, repositoryDir(id)) }

// makeBare makes an empty bare repository under a temporary name and renames
// it, so that a folder under its final name is always complete.
func (b *Builtin) makeBare(id, branch string) error {
	temp := repositoryDir(id) + ".new"
	for _, dir := range []string{"", "/objects", "/objects/pack", "/objects/info", "/refs", "/refs/heads", "/refs/tags"} {
		if err := b.root.Mkdir(temp+dir, 0o700); err != nil {
			return diskFault("make a repository", err)
		}
	}
	files := map[string]string{"HEAD": "ref: refs/heads/" + branch + "\n", "config": bareConfig, lockName: ""}
	for name, content := range files {
		if err := b.writeSynced(temp+"/"+name, content); err != nil {
			return err
		}
	}
	if err := b.root.Rename(temp, repositoryDir(id)); err != nil {
		return diskFault("name a repository's folder", err)
	}
	return b.syncDir("repositories")
}

func (b *Builtin) writeSynced(name, content string) error {
	f, err := b.root.Create(name)
	if err != nil {
		return diskFault("write "+name, err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return diskFault("write "+name, err)
	}
	return nil
}

func (b *Builtin) syncDir(name string) error {
	d, err := b.root.Open(name)
	if err != nil {
		return fmt.Errorf("open the folder %s: %w", name, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return diskFault("write the folder "+name, err)
	}
	return nil
}

func diskFault(what string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(fault.StorageFull, "The disk with the git repositories is full, so nothing was saved. Free some space on the machine that runs Sphera and try again.").Wrap(err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
