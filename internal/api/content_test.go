package api

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// content is what the database holds, table by table, as a count and a hash.
// Of what changes by looking, such as when a session was last used, it knows
// nothing: forgotten names those columns and tables.
func (h *harness) content() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	for _, table := range h.tables() {
		if _, forgotten := forgotten()[table]; forgotten {
			continue
		}
		out[table] = h.contentOf(table)
	}
	if len(out) < 50 {
		h.t.Fatalf("only %d tables are looked at", len(out))
	}
	return out
}

// forgotten are tables, and columns of tables, that are not part of what the
// portal holds for people.
func forgotten() map[string]string {
	const used = "when it was last used"
	return map[string]string{
		"auth_sessions.seen_at": used, "auth_tokens.used_at": used, "auth_service_tokens.used_at": used,
		"audit_events": "the log itself", "sqlite_sequence": "the engine's own",
	}
}

func (h *harness) tables() []string {
	h.t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
	if h.db.Dialect == "postgres" {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name"
	}
	rows, err := h.db.Read().QueryContext(h.t.Context(), query)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			h.t.Fatal(err)
		}
		if !strings.Contains(name, "fts") { // indexes of what other tables hold
			out = append(out, name)
		}
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *harness) contentOf(table string) string {
	h.t.Helper()
	rows, err := h.db.Read().QueryContext(h.t.Context(), `SELECT * FROM "`+table+`"`)
	if err != nil {
		h.t.Fatalf("%s: %v", table, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		h.t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			h.t.Fatalf("%s: %v", table, err)
		}
		var line strings.Builder
		for i, column := range columns {
			if _, skip := forgotten()[table+"."+column]; !skip {
				v, _ := values[i].(*any)
				fmt.Fprintf(&line, "%s=%v\n", column, *v)
			}
		}
		lines = append(lines, line.String())
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d rows, %x", len(lines), sha256.Sum256([]byte(strings.Join(lines, "\x00"))))
}

// differences are the tables that are not the same.
func differences(before, after map[string]string) []string {
	var out []string
	for _, table := range sortedKeys(after) {
		if before[table] != after[table] {
			out = append(out, fmt.Sprintf("%s: %s, was %s", table, after[table], before[table]))
		}
	}
	return out
}
