// Package storetest opens real databases for tests: always a SQLite file, and
// PostgreSQL when it is installed. It is imported by tests only.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sphera/internal/store"

	"github.com/google/uuid"
)

// Each runs test once per engine on an own, migrated, empty database.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		test(t, Open(t, url))
	})
}

// EachURL is Each for tests that start the whole program.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite returns the path of a new SQLite file.
func SQLite(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "sphera.db")
}

// Open opens and migrates, and closes at the end of the test.
func Open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return db
}

// Postgres returns the address of a new database on the server that
// SPHERA_TEST_POSTGRES names ("make test" starts one), dropped at the end.
// Without that variable the test is skipped with the reason.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("SPHERA_TEST_POSTGRES")
	if server == "" {
		t.Skip("SPHERA_TEST_POSTGRES is not set: run the tests by `make test`, which starts PostgreSQL, or name a server")
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatalf("open %s: %v", server, err)
	}
	name := "sphera_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := admin.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", name)); err != nil {
			t.Logf("drop %s: %v", name, err)
		}
		if err := admin.Close(); err != nil {
			t.Logf("close: %v", err)
		}
	})
	base, query, _ := strings.Cut(server, "?")
	i := strings.LastIndex(base, "/")
	return base[:i+1] + name + "?" + query
}
