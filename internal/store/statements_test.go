package store

import (
	"slices"
	"testing"
)

func TestStatementsFitTheEngine(t *testing.T) {
	const text = `-- A comment; with a semicolon.
CREATE TABLE t (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
  doc JSONB NOT NULL
);

INSERT INTO t (doc) VALUES ('a; b');
-- only sqlite: CREATE TRIGGER x BEFORE DELETE ON t BEGIN SELECT 1; END;
`
	cases := map[Dialect][]string{
		SQLite: {
			"CREATE TABLE t (\n id INTEGER PRIMARY KEY AUTOINCREMENT,\n  doc TEXT NOT NULL\n)",
			"INSERT INTO t (doc) VALUES ('a; b')",
			"CREATE TRIGGER x BEFORE DELETE ON t BEGIN SELECT 1; END",
		},
		Postgres: {
			"CREATE TABLE t (\n id BIGINT GENERATED ALWAYS AS IDENTITY,\n  doc JSONB NOT NULL\n)",
			"INSERT INTO t (doc) VALUES ('a; b')",
		},
	}
	for dialect, want := range cases {
		if got := statements(text, dialect); !slices.Equal(got, want) {
			t.Errorf("%s: %q", dialect, got)
		}
	}
}
