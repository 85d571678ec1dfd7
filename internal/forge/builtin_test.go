package forge

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// clock moves on by a second each time it is asked, so that order is visible.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Second)
	return c.at
}

// rig is a built-in forge on a database of its own.
type rig struct {
	*Builtin
	db     *store.DB
	dir    string
	mu     sync.Mutex
	events []Event
	now    func() time.Time
}

func newRig(t testing.TB, db *store.DB) *rig {
	t.Helper()
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	r := &rig{db: db, dir: t.TempDir(), now: c.now}
	r.Builtin = r.open(t)
	return r
}

// open opens the forge on the rig's folder and database, as a new process
// would.
func (r *rig) open(t testing.TB) *Builtin {
	t.Helper()
	b, err := NewBuiltin(r.db, audit.New(r.now), r.dir, BuiltinOptions{
		Now: r.now, Logger: slog.New(slog.DiscardHandler), PublicURL: func() string { return "http://sphera.test" }, AllowPrivate: true,
		OnEvent: func(_ context.Context, _ *store.Tx, e Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
			return nil
		},
	})
	if err != nil {
		t.Fatalf("open the forge: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

func (r *rig) seen(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func sqliteRig(t testing.TB) *rig {
	t.Helper()
	return newRig(t, storetest.Open(t, storetest.SQLite(t)))
}

var (
	ada   = Person{ID: "u-ada", Name: "Ada", Email: "ada@example.com", Roles: []string{"developer"}, Teams: []string{"payments"}}
	grace = Person{ID: "u-grace", Name: "Grace", Email: "grace@example.com", Roles: []string{"infrastructure"}, Teams: []string{"platform"}}
)

// seeded makes a repository with a first commit.
func seeded(t testing.TB, b *Builtin, name string, files ...File) {
	t.Helper()
	ctx := context.Background()
	if _, err := b.CreateRepository(ctx, NewRepository{Name: name, Key: "run-" + name, Owner: "payments"}); err != nil {
		t.Fatalf("create: %v", err)
	}
	if len(files) == 0 {
		files = []File{{Path: "README.md", Content: []byte("# " + name + "\n")}}
	}
	if _, err := b.Commit(ctx, name, NewCommit{Branch: "main", Message: "First commit", Author: ada, Files: files, Key: "run-" + name + "/first", Bypass: true}); err != nil {
		t.Fatalf("first commit: %v", err)
	}
}
