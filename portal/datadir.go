package portal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dataDir is the server's folder, for its user only, and on SQLite for one
// server at a time.
type dataDir struct{ lock *os.File }

// openDataDir makes the folder or checks it; with exclusive it also takes its
// lock, which the system gives back when the process ends, however it ends.
func openDataDir(dir string, exclusive bool) (*dataDir, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("inspect the data folder: %w", err)
	}
	if !info.IsDir() {
		return nil, usage("%s is not a folder", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, usage("the data folder %s can be entered by others (mode %04o); run: chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	if !exclusive {
		return &dataDir{}, nil
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data folder: %w", err)
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		lock.Close()
		return nil, usage("another sphera server works in %s. Stop it first, or give this one another --data-dir. Several servers on the same data need PostgreSQL (--database-url)", dir)
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	return &dataDir{lock: lock}, nil
}

func (d *dataDir) close() {
	if d.lock != nil {
		d.lock.Close()
	}
}
