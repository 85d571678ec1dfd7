package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// TestS52_BackupsCarryNoKey: a copy of the database has neither the key nor a
// value that was sealed, and with another key what is sealed says so, while
// everything else works and can be set again.
func TestS52_BackupsCarryNoKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		dir := t.TempDir()
		sealer, err := secret.OpenSealer(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		by := secret.Actor{ID: "ada", Name: "Ada"}
		v := secret.NewVault(db, audit.New(time.Now), time.Now, sealer)
		if _, err := v.Create(ctx, "A", "d", secret.NewValue(canary), by); err != nil {
			t.Fatal(err)
		}
		if _, err := v.NewSigning(ctx, by); err != nil {
			t.Fatal(err)
		}
		key, err := os.ReadFile(filepath.Join(dir, secret.KeyFile))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSpace(string(key))
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		copied := backup(t, db)
		if !strings.Contains(copied, "organization") || len(copied) < 1000 {
			t.Fatalf("the copy has %d bytes and not what was stored", len(copied))
		}
		for name, needle := range map[string]string{
			"the value": canary, "the value as base64": base64.StdEncoding.EncodeToString([]byte(canary))[:20], "the value as hex": hex.EncodeToString([]byte(canary)),
			"the key": string(raw), "the key's text": strings.TrimRight(text, "="), "the key as hex": hex.EncodeToString(raw),
		} {
			if strings.Contains(copied, needle) {
				t.Errorf("a copy of the database has %s", name)
			}
		}
		restored := secret.NewVault(db, audit.New(time.Now), time.Now, newSealer(t))
		if _, err := restored.Resolve(ctx, "A"); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "another key") {
			t.Errorf("with another key: %v", err)
		}
		if list, err := restored.Secrets(ctx); err != nil || len(list) != 1 {
			t.Errorf("the list: %v, %v", list, err)
		}
		fresh := secret.NewValue("new")
		if _, err := restored.Change(ctx, "A", nil, &fresh, by); err != nil {
			t.Errorf("set again: %v", err)
		}
		if got, err := restored.Resolve(ctx, "A"); err != nil || !got.Equal([]byte("new")) {
			t.Errorf("after it was set again: %v", err)
		}
	})
}

// backup is a copy of the database as an operator makes it: the files on SQLite,
// every row of every table on PostgreSQL.
func backup(t *testing.T, db *store.DB) string {
	t.Helper()
	if db.Dialect == store.SQLite {
		var seq int
		var name, file string
		if err := db.Read().QueryRowContext(t.Context(), "PRAGMA database_list").Scan(&seq, &name, &file); err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, part := range []string{file, file + "-wal"} {
			raw, err := os.ReadFile(part)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			all.Write(raw)
		}
		return all.String()
	}
	rows, err := db.Read().QueryContext(t.Context(), "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
	names, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (name string, err error) { return name, row.Scan(&name) })
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		rows, err := db.Read().QueryContext(t.Context(), fmt.Sprintf(`SELECT CAST(t AS TEXT) FROM "%s" t`, name))
		lines, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (line string, err error) { return line, row.Scan(&line) })
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(name + "\n" + strings.Join(lines, "\n") + "\n")
	}
	return all.String()
}
