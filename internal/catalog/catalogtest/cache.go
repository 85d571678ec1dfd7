package catalogtest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/store"
)

// Sizes are the catalogs that benchmarks measure; SPHERA_BENCH=full takes an
// hour.
func Sizes() []int {
	if os.Getenv("SPHERA_BENCH") == "full" {
		return []int{10_000, 100_000, 500_000}
	}
	return []int{10_000, 100_000}
}

// World is a loaded catalog.
type World struct {
	*catalog.Catalog
	DB   *store.DB
	Data *Data
	// Loaded is how long it took to load; 0 when it was there from before.
	Loaded time.Duration
}

// Open is a catalog of n entities on an engine, sqlite or postgres. It is kept
// in SPHERA_BENCH_CACHE (a folder; on PostgreSQL a database) for the next run,
// and made again when the schema or the data differ.
func Open(b testing.TB, engine string, n int) *World {
	b.Helper()
	ctx := context.Background()
	name := fmt.Sprintf("sphera_bench_v%d_%d", Version, n)
	url := address(b, engine, name, false)
	w, err := try(ctx, url, n)
	if err != nil {
		b.Logf("made again: %v", err)
		url = address(b, engine, name, true)
		w, err = try(ctx, url, n)
	}
	if err != nil {
		b.Fatalf("open %s: %v", url, err)
	}
	b.Cleanup(func() {
		if err := w.DB.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
	})
	return w
}

// CopyTo writes a SQLite database to a new file.
func (w *World) CopyTo(ctx context.Context, path string) error {
	var file string
	if err := w.DB.Read().QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	if _, err := w.DB.Read().ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("write the log back: %w", err)
	}
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, content); err != nil {
		return err
	}
	return out.Close()
}

// try opens and, when it is empty, loads.
func try(ctx context.Context, url string, n int) (*World, error) {
	db, err := store.Open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	w := &World{Catalog: catalog.New(db, audit.New(time.Now), time.Now).Guard(Anybody()), DB: db, Data: New(1, n)}
	if err := w.fill(ctx); err != nil {
		if closed := db.Close(); closed != nil {
			err = fmt.Errorf("%w; and close: %w", err, closed)
		}
		return nil, err
	}
	return w, nil
}

func (w *World) fill(ctx context.Context) error {
	if err := w.DB.Migrate(ctx); err != nil {
		return err
	}
	var entities int
	if err := w.DB.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM entities").Scan(&entities); err != nil {
		return err
	}
	if entities == w.Data.Total() {
		return nil
	}
	if entities > 0 {
		return fmt.Errorf("there are %d entities of %d", entities, w.Data.Total())
	}
	began := time.Now()
	if err := w.Data.Load(ctx, w.Catalog, nil); err != nil {
		return err
	}
	w.Loaded = time.Since(began)
	if w.DB.Dialect == store.Postgres { // what autovacuum does by itself, later
		return w.DB.Tx(ctx, func(tx *store.Tx) error { _, err := tx.ExecContext(ctx, "ANALYZE"); return err })
	}
	return nil
}

// address is the file or the database of a benchmark; again removes it first.
func address(b testing.TB, engine, name string, again bool) string {
	b.Helper()
	kept := os.Getenv("SPHERA_BENCH_CACHE")
	if engine == "sqlite" {
		folder := kept
		if folder == "" {
			folder = b.TempDir()
		}
		path := filepath.Join(folder, name+".db")
		if again {
			for _, end := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(path + end); err != nil && !os.IsNotExist(err) {
					b.Fatal(err)
				}
			}
		}
		return path
	}
	server := os.Getenv("SPHERA_TEST_POSTGRES")
	if server == "" {
		b.Skip("SPHERA_TEST_POSTGRES is not set: `make bench` starts a server, or name one")
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		b.Fatal(err)
	}
	defer admin.Close()
	drop := func() {
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			b.Log(err)
		}
	}
	if again {
		drop()
	}
	var there int
	if err := admin.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM pg_database WHERE datname = $1", name).Scan(&there); err != nil {
		b.Fatal(err)
	}
	if there == 0 {
		if _, err := admin.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
			b.Fatal(err)
		}
	}
	if kept == "" {
		b.Cleanup(func() {
			again, err := sql.Open("pgx", server)
			if err == nil {
				_, err = again.ExecContext(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
				again.Close()
			}
			if err != nil {
				b.Log(err)
			}
		})
	}
	base, query, _ := strings.Cut(server, "?")
	return base[:strings.LastIndex(base, "/")+1] + name + "?" + query
}
