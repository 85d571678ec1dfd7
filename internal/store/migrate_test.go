package store_test

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func open(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func TestL6_TwoReplicasApplyEachMigrationOnce(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		const replicas = 3
		done := make(chan error, replicas)
		for range replicas {
			db := open(t, url)
			go func() { done <- db.Migrate(context.Background()) }()
		}
		for range replicas {
			if err := <-done; err != nil {
				t.Errorf("migrate: %v", err)
			}
		}
		db := open(t, url)
		if err := db.Migrate(t.Context()); err != nil {
			t.Errorf("migrate again: %v", err)
		}
		var n int
		if err := db.Read().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM schema_migrations").Scan(&n); err != nil || n != len(files) {
			t.Errorf("%d migrations recorded of %d, %v", n, len(files), err)
		}
	})
}

func TestL6_NewerSchemaIsRefused(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		db := storetest.Open(t, url)
		exec(t, db, "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'from_the_future', 0)")
		err := db.Migrate(t.Context())
		if err == nil || !strings.Contains(err.Error(), "9999") || !strings.Contains(err.Error(), "newer program") {
			t.Fatalf("migrate: %v", err)
		}
	})
}

func TestL6_FailedMigrationLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		// A migration is one transaction of many statements; a later one that
		// fails takes the earlier ones back, tables included.
		err := db.Tx(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.ExecContext(t.Context(), "CREATE TABLE half_made (id BIGINT)"); err != nil {
				return err
			}
			_, err := tx.ExecContext(t.Context(), "CREATE TABLE nonsense (")
			return err
		})
		if err == nil {
			t.Fatal("nonsense was carried out")
		}
		if err := tryExec(t.Context(), db, "CREATE TABLE half_made (id BIGINT)"); err != nil {
			t.Fatalf("the table of the failed transaction is there: %v", err)
		}
	})
}

func TestMigrationNumbersAreUnique(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	seen := map[string]string{}
	for _, file := range files {
		number, _, found := strings.Cut(filepath.Base(file), "_")
		if !found || len(number) != 4 {
			t.Errorf("%s is not named NNNN_name.sql", file)
		}
		if other := seen[number]; other != "" {
			t.Errorf("%s and %s have the same number", other, file)
		}
		seen[number] = file
	}
}
