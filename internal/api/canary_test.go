package api

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sphera/internal/auth"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// TestS39_SecretsAppearNowhere gives every route that takes a secret one of its
// own, and looks for it afterwards in the answers of all routes, in the log,
// the metrics, the audit log and its exports, in every text of the database,
// in its files and in a backup. The only trace is the sealed or hashed form.
func TestS39_SecretsAppearNowhere(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		db := storetest.Open(t, url)
		h := start(t, db, Options{})
		id := h.fixtures()
		const canary = "SPHERA-CANARY-39b1"
		n := 0
		secretText := func() string {
			n++
			return fmt.Sprintf("%s-%d-secret", canary, n)
		}
		h.must("administrator", "POST", "/v1/organization/secrets", map[string]any{"secretName": "A", "secretValue": secretText(), "description": "of A"})
		h.must("administrator", "PATCH", "/v1/organization/secrets/A", map[string]any{"secretValue": secretText()})
		h.must("administrator", "POST", "/v1/webhooks", map[string]any{
			"identifier": "hook", "title": "Hook", "mappings": []any{}, "security": map[string]any{"secret": secretText(), "signatureHeaderName": "x-sig", "signatureAlgorithm": "sha256"},
		})
		h.must("administrator", "POST", "/v1/repositories/group%2Fr/webhooks", map[string]any{"url": "https://example.com/hook", "secret": secretText(), "events": []string{"push"}})
		if _, err := h.auth.CreateUser(t.Context(), auth.NewUser{Email: "new@example.com", Name: "New", Roles: []string{"viewer"}, Password: secretText()}, "system"); err != nil {
			t.Fatal(err)
		}
		h.call("", "POST", "/v1/auth/login", map[string]any{"email": "new@example.com", "password": secretText()})
		h.call("", "POST", "/v1/auth/access_token", map[string]any{"clientId": "x", "clientSecret": secretText()})
		h.call("", "POST", "/v1/auth/token-exchange", map[string]any{"token": secretText()})
		h.call("", "POST", "/v1/setup", map[string]any{"token": secretText(), "email": "a@example.com", "name": "A", "password": secretText()})
		h.call("", "GET", "/v1/me", nil, "Authorization", "Bearer spu_"+secretText())
		h.sealAll()

		for key, rt := range h.api.mux.entries {
			stream := strings.HasSuffix(rt.path, "/events") || strings.HasSuffix(rt.path, "/stream") || strings.Contains(rt.path, "sync") || strings.HasPrefix(rt.path, "/run/")
			if rt.method != http.MethodGet || stream {
				continue
			}
			if got := h.call("administrator", rt.method, concrete(rt.path, id), nil); strings.Contains(got.text, canary) {
				t.Errorf("%s answers a secret: %.300s", key, got.text)
			}
		}
		for _, format := range []string{"jsonl", "ocsf"} {
			if got := h.must("administrator", "POST", "/v1/audit/export?format="+format, nil); strings.Contains(got.text, canary) || !strings.Contains(got.text, "secret.create") {
				t.Errorf("the export has a secret, or has not its event: %.300s", got.text)
			}
		}
		if strings.Contains(h.log.String(), canary) {
			t.Error("the log has a secret")
		}
		for table, text := range h.texts() {
			if i := strings.Index(text, canary); i >= 0 {
				t.Errorf("the table %s has a secret: %.100s", table, text[i:])
			}
		}
		if db.Dialect == store.SQLite {
			h.filesWithout(url, canary)
		}
	})
}

// texts is all that each table holds, as text.
func (h *harness) texts() map[string]string {
	h.t.Helper()
	list := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%'"
	if h.db.Dialect == store.Postgres {
		list = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	rows, err := h.db.Read().QueryContext(h.t.Context(), list)
	tables, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (string, error) {
		var name string
		err := row.Scan(&name)
		return name, err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[string]string{}
	for _, table := range tables {
		rows, err := h.db.Read().QueryContext(h.t.Context(), `SELECT * FROM "`+table+`"`)
		if err != nil {
			h.t.Fatalf("%s: %v", table, err)
		}
		columns, err := rows.Columns()
		if err != nil {
			h.t.Fatal(err)
		}
		var b strings.Builder
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				h.t.Fatal(err)
			}
			for _, v := range values {
				switch text := (*v.(*any)).(type) {
				case []byte:
					b.Write(text)
				default:
					fmt.Fprint(&b, text)
				}
				b.WriteByte('\n')
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // many tables in one function
			h.t.Fatal(err)
		}
		out[table] = b.String()
	}
	return out
}

// filesWithout reads the database's files and a backup byte by byte.
func (h *harness) filesWithout(path, canary string) {
	h.t.Helper()
	backup := filepath.Join(h.t.TempDir(), "backup.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(h.t.Context(), "VACUUM INTO '"+backup+"'"); err != nil {
		h.t.Fatalf("make a backup: %v", err)
	}
	for _, name := range []string{path, path + "-wal", backup} {
		raw, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			h.t.Fatal(err)
		}
		if strings.Contains(string(raw), canary) {
			h.t.Errorf("the file %s has a secret", filepath.Base(name))
		}
	}
}
