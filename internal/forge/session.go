package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// recordTimeout bounds recording refs after the caller has gone.
const recordTimeout = 30 * time.Second

// writer is who changes refs, kept in the note beside the repository so that
// an interrupted change is recorded under the right name.
type writer struct {
	by     Person
	runID  string
	portal bool
}

type note struct {
	By     Person `json:"by"`
	RunID  string `json:"runId"`
	Portal bool   `json:"portal"`
}

// session is exclusive write access to the refs of one repository.
type session struct {
	*writer
	b    *Builtin
	repo repository
	dir  string
	lock *os.File
	// touched are the branches that may have changed; every says all of them.
	touched []string
	every   bool
}

func (s *session) touch(branches ...string) {
	for _, name := range branches {
		if !slices.Contains(s.touched, name) {
			s.touched = append(s.touched, name)
		}
	}
}

// git runs a process that holds the session's lock as well.
func (s *session) git(ctx context.Context, c call) ([]byte, error) {
	c.dir, c.lock = s.dir, s.lock
	return s.b.git.run(ctx, c)
}

// exclusive runs f while nobody else changes the repository's refs and then
// records the branches f touched, whatever became of f: what git has done is
// done.
func (b *Builtin) exclusive(ctx context.Context, repo repository, w writer, f func(ctx context.Context, s *session) error) error {
	release, err := b.locks.acquire(ctx, repo.id)
	if err != nil {
		return err
	}
	defer release()
	lock, err := b.root.OpenFile(repositoryDir(repo.id)+"/"+lockName, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the lock of repository %s: %w", repo.name, err)
	}
	defer func() {
		if err := errors.Join(unix.Flock(int(lock.Fd()), unix.LOCK_UN), lock.Close()); err != nil {
			b.logger.WarnContext(ctx, "unlock a repository", "repository", repo.name, "error", err)
		}
	}()
	if err := lockFile(ctx, lock); err != nil {
		return err
	}
	s := &session{writer: &w, b: b, dir: b.path(repo.id), lock: lock}
	if s.repo, err = b.byID(ctx, repo.id); err != nil {
		return err
	}
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	return s.noted(ctx, f)
}

// noted runs f between leaving the note and removing it.
func (s *session) noted(ctx context.Context, f func(ctx context.Context, s *session) error) error {
	raw, err := json.Marshal(note{By: s.by, RunID: s.runID, Portal: s.portal})
	if err != nil {
		return fmt.Errorf("write the note of a change: %w", err)
	}
	if err := s.b.root.WriteFile(s.noteName(), raw, 0o600); err != nil {
		return diskFault("write the note of a change", err)
	}
	failed := f(ctx, s)
	if errors.Is(failed, errKilled) {
		return failed
	}
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := s.record(recording); err != nil {
		return errors.Join(failed, fmt.Errorf("record the refs of %s: %w", s.repo.name, err))
	}
	s.tidy(recording)
	return errors.Join(failed, s.removeNote())
}

// errKilled stands in tests for the end of the process.
var errKilled = errors.New("killed")

// catchUp records what an interrupted change left, under its own name.
func (s *session) catchUp(ctx context.Context) error {
	raw, err := s.b.root.ReadFile(s.noteName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the note of an interrupted change: %w", err)
	}
	// A note cut short by the kill was written before anything changed.
	var left note
	if err := json.Unmarshal(raw, &left); err != nil {
		left = note{By: Portal()}
	}
	old := *s.writer
	*s.writer = writer{by: left.By, runID: left.RunID, portal: left.Portal}
	s.every = true
	if err := s.record(ctx); err != nil {
		return fmt.Errorf("record an interrupted change of %s: %w", s.repo.name, err)
	}
	*s.writer, s.every, s.touched = old, false, nil
	if s.repo, err = s.b.byID(ctx, s.repo.id); err != nil {
		return err
	}
	return s.removeNote()
}

func (s *session) noteName() string { return "pending/" + s.repo.id + ".json" }

func (s *session) removeNote() error {
	if err := s.b.root.Remove(s.noteName()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the note of a change: %w", err)
	}
	return nil
}
