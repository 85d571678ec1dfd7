package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the key of the PostgreSQL advisory lock; any constant will do.
const migrationLock = 7310465

type migration struct {
	version int
	name    string
	sql     string
}

// Migrate brings the schema to this program's version. Each migration is one
// transaction; replicas that start together take turns. A database from a
// newer program is refused.
func (db *DB) Migrate(ctx context.Context) error {
	all, err := readMigrations()
	if err != nil {
		return err
	}
	if err := db.Tx(ctx, func(tx *Tx) error {
		if err := lockMigrations(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)`)
		return err
	}); err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if version, err := db.version(ctx); err != nil {
		return err
	} else if newest := all[len(all)-1].version; version > newest {
		return fmt.Errorf("the database has schema version %d, this program knows up to %d: start the newer program again, or restore the backup made before the upgrade", version, newest)
	}
	for _, m := range all {
		if err := db.apply(ctx, m); err != nil {
			return fmt.Errorf("migration %04d %s: %w", m.version, m.name, err)
		}
	}
	return nil
}

func (db *DB) version(ctx context.Context) (int, error) {
	var version int
	if err := db.Read().QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM schema_migrations").Scan(&version); err != nil {
		return 0, fmt.Errorf("read the schema version: %w", err)
	}
	return version, nil
}

func (db *DB) apply(ctx context.Context, m migration) error {
	return db.Tx(ctx, func(tx *Tx) error {
		if err := lockMigrations(ctx, tx); err != nil {
			return err
		}
		var done int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM schema_migrations WHERE version = $1", m.version).Scan(&done); err != nil {
			return err
		}
		if done > 0 {
			return nil
		}
		for _, statement := range statements(m.sql, tx.Dialect) {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%w in: %s", err, statement)
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)", m.version, m.name, Millis(time.Now())) //nolint:forbidigo // a note for people; nothing is decided by it
		return err
	})
}

func lockMigrations(ctx context.Context, tx *Tx) error {
	if tx.Dialect != Postgres {
		return nil // BEGIN IMMEDIATE is the lock
	}
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", migrationLock)
	return err
}

// statements splits a migration at semicolons that end a line and fits it to
// the engine: JSONB is TEXT on SQLite, and a line that starts with
// "-- only postgres:" or "-- only sqlite:" belongs to that engine alone.
func statements(text string, d Dialect) []string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(trimmed, "-- only "+string(d)+":"); ok {
			b.WriteString(rest + "\n")
			continue
		}
		if trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		b.WriteString(line)
	}
	text = b.String()
	if d == SQLite {
		text = strings.ReplaceAll(text, " JSONB", " TEXT")
	}
	var out []string
	for statement := range strings.SplitSeq(text, ";\n") {
		if s := strings.TrimSuffix(strings.TrimSpace(statement), ";"); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func readMigrations() ([]migration, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	all := make([]migration, 0, len(names))
	for _, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		number, rest, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, "migrations/"), ".sql"), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("migration %s does not start with a number", name)
		}
		all = append(all, migration{version: version, name: rest, sql: string(text)})
	}
	return all, nil
}
