package store_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"

	"golang.org/x/sys/unix"
)

var errStop = errors.New("stop")

// each runs test on both engines with a table things(id, text).
func each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		exec(t, db, "CREATE TABLE things (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
		test(t, db)
	})
}

func exec(t *testing.T, db *store.DB, query string, args ...any) {
	t.Helper()
	if err := tryExec(t.Context(), db, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func tryExec(ctx context.Context, db *store.DB, query string, args ...any) error {
	return db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM things").Scan(&n); err != nil {
		t.Fatalf("count: %v", err)
	}
	return n
}

func receive(t *testing.T, ch <-chan string) string {
	t.Helper()
	select {
	case note := <-ch:
		return note
	case <-time.After(20 * time.Second):
		t.Fatal("no note came")
		return ""
	}
}

func TestTxCommitsOrLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		notes, stop := db.Subscribe("thing")
		defer stop()
		after := 0
		insert := func(id int, result error) error {
			return db.Tx(t.Context(), func(tx *store.Tx) error {
				tx.AfterCommit(func() { after += id })
				tx.Notify("thing", string(rune('0'+id)))
				if _, err := tx.ExecContext(t.Context(), "INSERT INTO things VALUES ($1, 'x')", id); err != nil {
					return err
				}
				return result
			})
		}
		if err := insert(1, errStop); !errors.Is(err, errStop) || count(t, db) != 0 || after != 0 {
			t.Fatalf("failed: %v, %d rows, after %d", err, count(t, db), after)
		}
		if err := insert(2, nil); err != nil || count(t, db) != 1 || after != 2 {
			t.Fatalf("committed: %v, %d rows, after %d", err, count(t, db), after)
		}
		for { // the feed's first connection to PostgreSQL may tell everybody to look
			if note := receive(t, notes); note == "2" {
				break
			} else if note != "" {
				t.Fatalf("a note of the failed transaction came: %q", note)
			}
		}
		if err := insert(2, nil); !store.IsUnique(err) || after != 2 {
			t.Fatalf("the same again: %v", err)
		}
	})
}

func TestTxPanicReleasesTheDatabase(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			if err := db.Tx(t.Context(), func(*store.Tx) error { panic("bug") }); err != nil {
				t.Error(err)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := tryExec(ctx, db, "INSERT INTO things VALUES (1, 'x')"); err != nil {
			t.Fatalf("the next write: %v", err)
		}
	})
}

func TestTxRunsAgainAfterSerializationFailure(t *testing.T) {
	db := storetest.Open(t, storetest.Postgres(t))
	exec(t, db, "CREATE TABLE things (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
	tries, after := 0, 0
	err := db.Tx(t.Context(), func(tx *store.Tx) error {
		tries++
		tx.AfterCommit(func() { after++ })
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO things VALUES (1, 'x')"); err != nil {
			return err
		}
		if tries < 3 {
			_, err := tx.ExecContext(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
			return err
		}
		return nil
	})
	if err != nil || tries != 3 || after != 1 || count(t, db) != 1 {
		t.Fatalf("%v after %d tries, %d hooks, %d rows", err, tries, after, count(t, db))
	}
	tries = 0
	err = db.Tx(t.Context(), func(tx *store.Tx) error {
		tries++
		_, err := tx.ExecContext(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$")
		return err
	})
	if err == nil || tries != 5 {
		t.Fatalf("a lasting failure: %v after %d tries", err, tries)
	}
}

func TestReadPoolDoesNotWrite(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	if _, err := db.Read().ExecContext(t.Context(), "CREATE TABLE things (id BIGINT)"); err == nil {
		t.Fatal("the read pool wrote")
	}
}

func TestSlowReaderLosesNotesAndBlocksNobody(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		_, stop := db.Subscribe("thing") // never read
		defer stop()
		for i := range 200 {
			err := db.Tx(t.Context(), func(tx *store.Tx) error {
				tx.Notify("thing", string(rune('a'+i%26)))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestNotesReachOtherReplicas(t *testing.T) {
	url := storetest.Postgres(t)
	a, b := storetest.Open(t, url), storetest.Open(t, url)
	notes, stop := b.Subscribe("thing")
	defer stop()
	other, stopOther := b.Subscribe("other")
	defer stopOther()
	awaitFeed(t, a, notes)
	if err := a.Tx(t.Context(), func(tx *store.Tx) error { tx.Notify("thing", "id with spaces"); return nil }); err != nil {
		t.Fatal(err)
	}
	for receive(t, notes) != "id with spaces" {
	}
	for len(other) > 0 {
		if note := receive(t, other); note != "" {
			t.Fatalf("the wrong topic got %q", note)
		}
	}
}

// awaitFeed returns when a note sent through db arrives, so that the link of
// the feed is known to stand.
func awaitFeed(t *testing.T, db *store.DB, notes <-chan string) {
	t.Helper()
	ping := time.NewTicker(50 * time.Millisecond)
	defer ping.Stop()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case note := <-notes:
			if note == "ping" {
				return
			}
		case <-ping.C:
			if err := db.Tx(t.Context(), func(tx *store.Tx) error { tx.Notify("thing", "ping"); return nil }); err != nil {
				t.Fatal(err)
			}
		case <-deadline:
			t.Fatal("the feed does not work")
		}
	}
}

func TestL11_FeedReconnectsAndTellsEverybodyToLook(t *testing.T) {
	db := storetest.Open(t, storetest.Postgres(t))
	notes, stop := db.Subscribe("thing")
	defer stop()
	awaitFeed(t, db, notes)
	var killed int
	err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN%'`).Scan(&killed)
	if err != nil || killed != 1 {
		t.Fatalf("cut %d links, %v", killed, err)
	}
	for receive(t, notes) != "" { // pings that were on their way
	}
	awaitFeed(t, db, notes)
}

func TestS51_DatabaseFileIsForItsOwnerOnly(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	folder := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(folder, "sphera.db")
	db, err := store.Open(t.Context(), path, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{folder, path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v", filepath.Base(name), info.Mode(), err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o644, 0o640, 0o606} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := store.Open(t.Context(), path, log)
		if err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}

func TestSQLitePathWithOddCharacters(t *testing.T) {
	for _, name := range []string{"with space.db", "what?.db", "50%41.db", "a#b.db", "a&mode=memory.db", "naïve-日本.db", "semi;colon'quote\".db"} {
		folder := t.TempDir()
		path := filepath.Join(folder, name)
		db, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := db.Migrate(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) != 1 || entries[0].Name() != name {
			t.Errorf("%s: the folder holds %v, %v", name, entries, err)
		}
	}
}

func TestL7_FullDiskIsSaidAndRecoversWithoutRestart(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Skipf("a small disk cannot be mounted here (%v): run as root to test a full disk", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	db := storetest.Open(t, filepath.Join(folder, "sphera.db"))
	exec(t, db, "CREATE TABLE things (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
	big := strings.Repeat("x", 50_000)
	rows := 0
	var err error
	for ; err == nil && rows < 200; rows++ {
		err = tryExec(t.Context(), db, "INSERT INTO things VALUES ($1, $2)", rows, big)
	}
	if !fault.Is(err, fault.StorageFull) {
		t.Fatalf("after %d rows: %v", rows, err)
	}
	kept := count(t, db)
	if kept != rows-1 {
		t.Errorf("%d rows were acknowledged, %d can be read", rows-1, kept)
	}
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_REMOUNT, "size=16m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO things VALUES (1000, 'recovered')")
	if got := count(t, db); got != kept+1 {
		t.Errorf("%d rows after recovery, want %d", got, kept+1)
	}
}

func TestL8_WriterWaitsForAForeignLock(t *testing.T) {
	path := storetest.SQLite(t)
	a, b := storetest.Open(t, path), storetest.Open(t, path)
	exec(t, a, "CREATE TABLE things (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
	locked, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		done <- a.Tx(context.Background(), func(tx *store.Tx) error {
			close(locked)
			<-release
			return nil
		})
	}()
	<-locked
	go func() { done <- tryExec(context.Background(), b, "INSERT INTO things VALUES (1, 'x')") }()
	if n := count(t, b); n != 0 { // readers go on meanwhile
		t.Errorf("%d rows", n)
	}
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestTimesAreMillisecondsInUTC(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123_000_000, time.FixedZone("x", 3600))
	if got := store.Time(store.Millis(at)); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("%v came back as %v", at, got)
	}
	if store.Millis(time.Time{}) != 0 || !store.Time(0).IsZero() {
		t.Error("no time did not stay no time")
	}
}

func TestAllClosesRowsWhenScanFails(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		exec(t, db, "INSERT INTO things VALUES (1, 'a'), (2, 'b')")
		for range 50 { // more than the pool has connections
			rows, err := db.Read().QueryContext(t.Context(), "SELECT id FROM things")
			_, err = store.All(rows, err, func(interface{ Scan(...any) error }) (int, error) { return 0, errStop })
			if !errors.Is(err, errStop) {
				t.Fatal(err)
			}
		}
		rows, err := db.Read().QueryContext(t.Context(), "SELECT text FROM things ORDER BY id")
		texts, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (s string, err error) { return s, row.Scan(&s) })
		if err != nil || !slices.Equal(texts, []string{"a", "b"}) {
			t.Fatalf("%v, %v", texts, err)
		}
	})
}
