package code

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/forge"
)

// scanEvery is how often repositories are looked through.
const scanEvery = 5 * time.Minute

// Scanner looks through the repositories of the forge for flags.
type Scanner struct {
	Forge forge.Forge
	Flags *flag.Flags
	Log   *slog.Logger
}

// Work looks through what is new until ctx ends.
func (s *Scanner) Work(ctx context.Context) error {
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for {
		if err := s.Scan(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "looking for flags in the code failed; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Scan looks through the main branch of every repository that has changed, or
// of all when there are other flags than before.
func (s *Scanner) Scan(ctx context.Context) error {
	keys, err := s.Flags.Keys(ctx)
	if err != nil {
		return err
	}
	known, err := s.Flags.Scanned(ctx)
	if err != nil {
		return err
	}
	wanted, sum := Keys{}, fnv.New32a()
	for _, key := range keys {
		wanted[key] = true
		fmt.Fprintln(sum, key) // a hash does not fail
	}
	mark := fmt.Sprintf("-%08x", sum.Sum32())
	var failed error
	from := ""
	for {
		list, next, err := s.Forge.Repositories(ctx, forge.RepositoryQuery{Limit: 100, From: from})
		if err != nil {
			return fmt.Errorf("list the repositories: %w", err)
		}
		for _, repo := range list {
			failed = errors.Join(failed, s.repository(ctx, repo.Name, known[repo.Name], mark, wanted))
			delete(known, repo.Name)
		}
		if from = next; from == "" || ctx.Err() != nil {
			break
		}
	}
	if failed == nil && ctx.Err() == nil {
		for gone := range known {
			failed = errors.Join(failed, s.Flags.ForgetRepository(ctx, gone))
		}
	}
	return failed
}

func (s *Scanner) repository(ctx context.Context, name, before, mark string, keys Keys) error {
	sha, err := s.Forge.Head(ctx, name, "main")
	if fault.Is(err, fault.NotFound) {
		return nil // nothing was pushed yet
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	if before == sha+mark {
		return nil
	}
	files, err := s.Forge.Archive(ctx, name, sha)
	if fault.Is(err, fault.TooLarge) || fault.Is(err, fault.Unprocessable) {
		s.Log.InfoContext(ctx, "a repository is not looked through for flags", "repository", name, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return s.Flags.SetReferences(ctx, name, sha+mark, keys.Find(name, files))
}
