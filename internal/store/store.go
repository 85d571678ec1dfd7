// Package store opens the database, SQLite or PostgreSQL, and owns
// transactions, migrations and the feed that tells other parts (and other
// replicas) what was committed. One SQL text serves both engines; see
// docs/adr/0004-sql-by-hand.md for what is portable.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sphera/internal/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx", too
	sqlite "modernc.org/sqlite"
)

// Dialect is the database engine.
type Dialect string

// The engines.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// DB is an open database. On SQLite one connection writes and a pool reads, so
// that writers queue in the program instead of failing with "locked".
type DB struct {
	Dialect Dialect
	write   *sql.DB
	read    *sql.DB
	feed    *feed
	log     *slog.Logger
}

// Querier runs statements; Tx and the read pool implement it.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Open opens the database at url: a "postgres://" address, or the path of a
// SQLite file, which is created with its folder. It does not migrate.
func Open(ctx context.Context, url string, log *slog.Logger) (*DB, error) {
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url, log)
	}
	return openSQLite(ctx, url, log)
}

func openPostgres(ctx context.Context, url string, log *slog.Logger) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		// Our statements are short. PostgreSQL guesses some to be long and
		// compiles them, which takes several times longer than the work.
		_, err := conn.Exec(ctx, "SET jit = off")
		return err
	}))
	pool.SetMaxOpenConns(20)
	pool.SetMaxIdleConns(10)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reach PostgreSQL: %w", unreachable(err)), pool.Close())
	}
	db := &DB{Dialect: Postgres, write: pool, read: pool, log: log}
	db.feed = newFeed(log)
	db.feed.sender = newSender(pool, log)
	db.feed.startListening(url)
	return db, nil
}

// ErrUnreachable says that the database may be there later: nobody answered, or
// it is starting. A wrong password is not that.
var ErrUnreachable = errors.New("the database cannot be reached now")

func unreachable(err error) error {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok && !strings.HasPrefix(answer.Code, "57P") {
		return err
	}
	return errors.Join(ErrUnreachable, err)
}

// pragmas: busy_timeout comes first, because the others can meet a lock.
// synchronous(FULL) makes an acknowledged write one that is on disk.
const pragmas = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=cache_size(-8000)"

// writerPragmas: writes touch pages all over many indexes. With 64 MB kept and
// the log written back each 32 MB, a page that changes often is read and
// written back once and not each time.
const writerPragmas = "&_pragma=cache_size(-64000)&_pragma=wal_autocheckpoint(8000)"

func openSQLite(ctx context.Context, path string, log *slog.Logger) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the database: %w", err)
	}
	if err := ownerOnly(path); err != nil {
		return nil, err
	}
	dsn := "file:" + (&urlPath{path}).escaped() + "?" + pragmas
	write, err := sql.Open("sqlite", dsn+"&_txlock=immediate"+writerPragmas)
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open SQLite for reading: %w", err), write.Close())
	}
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(4)
	if err := write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open SQLite file %s: %w", path, err), write.Close(), read.Close())
	}
	return &DB{Dialect: SQLite, write: write, read: read, feed: newFeed(log), log: log}, nil
}

// ownerOnly creates the file readable by its owner only, or refuses one that
// others can read.
func ownerOnly(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("inspect the database file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("the database file %s can be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

type urlPath struct{ path string }

// escaped keeps a path with "?" or "%" from being read as part of the DSN.
func (u *urlPath) escaped() string {
	return strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23").Replace(u.path)
}

// Close closes the pools and stops the feed.
func (db *DB) Close() error {
	db.feed.stop()
	if db.read == db.write {
		return db.write.Close()
	}
	return errors.Join(db.read.Close(), db.write.Close())
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.read.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	return nil
}

// Read runs single statements outside a transaction; it must not write.
func (db *DB) Read() Querier { return db.read }

// Tx is a write transaction.
type Tx struct {
	*sql.Tx
	Dialect Dialect
	after   []func()
	notes   []note
}

// AfterCommit runs f once the transaction is committed, in the caller's
// goroutine.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// ForUpdate is " FOR UPDATE" on PostgreSQL and empty on SQLite, where a write
// transaction already holds the only write lock.
func (tx *Tx) ForUpdate() string {
	if tx.Dialect == Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// SkipLocked is " FOR UPDATE SKIP LOCKED" on PostgreSQL and empty on SQLite.
func (tx *Tx) SkipLocked() string {
	if tx.Dialect == Postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Tx runs f in a write transaction and commits when f returns nil. f must not
// call out of the process and must use only the tx, never the DB. On
// PostgreSQL f may be called again after a serialization failure or deadlock.
func (db *DB) Tx(ctx context.Context, f func(tx *Tx) error) error {
	for attempt := 0; ; attempt++ {
		tx, err := db.once(ctx, f)
		if err == nil {
			for _, after := range tx.after {
				after()
			}
			db.feed.committed(tx.notes)
			return nil
		}
		if attempt < 4 && retryable(err) {
			continue
		}
		return translate(err)
	}
}

func (db *DB) once(ctx context.Context, f func(tx *Tx) error) (*Tx, error) {
	raw, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	tx := &Tx{Tx: raw, Dialect: db.Dialect}
	// Deferred, so that a panic in f does not keep SQLite's only writer. After
	// a commit it does nothing.
	defer func() {
		if err := raw.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
			db.log.WarnContext(ctx, "rollback failed", "error", err)
		}
	}()
	if err := f(tx); err != nil {
		return nil, err
	}
	if err := raw.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return tx, nil
}

func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// IsUnique reports whether err is a violation of a unique constraint.
func IsUnique(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23505"
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code() == 2067 || lite.Code() == 1555 // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY
	}
	return false
}

// translate gives storage conditions that people can act on their own code.
func translate(err error) error {
	if _, ok := fault.As(err); ok {
		return err
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		switch lite.Code() & 0xff {
		case 13: // SQLITE_FULL
			return fault.New(fault.StorageFull, "The disk is full, so nothing was saved. Free some space on the machine that runs Sphera and try again.").Wrap(err)
		case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
			return fault.New(fault.Unavailable, "The database is busy. Try again in a moment.").Wrap(err)
		}
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "53100" {
		return fault.New(fault.StorageFull, "The database's disk is full, so nothing was saved.").Wrap(err)
	}
	return err
}

// Millis is how times are kept: milliseconds since 1970 UTC; 0 for no time.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Time is the inverse of Millis, in UTC.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// All reads every row with scan and closes rows.
func All[T any](rows *sql.Rows, err error, scan func(row interface{ Scan(...any) error }) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
