package forge_test

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/forge"
	"sphera/internal/forge/forgetest"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestBuiltinConformance(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		forgetest.Run(t, func(t *testing.T) forgetest.Harness {
			t.Helper()
			return forgetest.Harness{
				Forge:    openBuiltin(t, db),
				Author:   forge.Person{ID: "u-author", Name: "Ada Author", Email: "ada@example.com", Teams: []string{"payments"}},
				Reviewer: forge.Person{ID: "u-reviewer", Name: "Rita Reviewer", Email: "rita@example.com", Teams: []string{"platform"}, Roles: []string{"infrastructure"}},
				Stranger: forge.Person{ID: "u-stranger", Name: "Sam Stranger", Email: "sam@example.com", Teams: []string{"sales"}, Roles: []string{"developer"}},
			}
		})
	})
}

func openBuiltin(t *testing.T, db *store.DB) *forge.Builtin {
	t.Helper()
	empty(t, db)
	var mu sync.Mutex
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(time.Second)
		return at
	}
	b, err := forge.NewBuiltin(db, audit.New(now), t.TempDir(), forge.BuiltinOptions{
		Now: now, Logger: slog.New(slog.DiscardHandler), PublicURL: func() string { return "http://sphera.test" },
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

// empty makes the database new for the next test: one migration per engine is
// enough.
func empty(t *testing.T, db *store.DB) {
	t.Helper()
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), "DELETE FROM forge_repositories")
		return err
	}); err != nil {
		t.Fatalf("empty the forge's tables: %v", err)
	}
}
