package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"sphera/internal/store"
)

// field is one column that many rows are written to at a time.
type field struct {
	name string
	kind kind
}

// kind is what a column holds; nil is allowed in all but bigints.
type kind byte

const (
	kindInt kind = iota
	kindText
	kindJSON
	kindNumber
)

// preparedStatement is a statement of one transaction.
type preparedStatement struct{ *sql.Stmt }

// inserts writes rows into table: one by one with one prepared statement on
// SQLite, many in one statement on PostgreSQL, where each round trip counts.
func (b *batch) inserts(ctx context.Context, table string, fields []field, more string, rows [][]any) error {
	names := make([]string, len(fields))
	marks := make([]string, len(fields))
	for i, f := range fields {
		names[i], marks[i] = f.name, "$"+strconv.Itoa(i+1)
	}
	if b.tx.Dialect == store.SQLite {
		return b.each(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")"+more, rows)
	}
	own := ""
	if names[0] == "id" {
		own = "OVERRIDING SYSTEM VALUE "
	}
	return b.together(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") "+own+"SELECT "+columnsOf(fields)+" FROM "+unnest(fields)+more, fields, rows)
}

// updates sets the fields of rows by the first, their key.
func (b *batch) updates(ctx context.Context, table string, fields []field, rows [][]any) error {
	sets := make([]string, len(fields)-1)
	if b.tx.Dialect == store.SQLite {
		for i, f := range fields[1:] {
			sets[i] = f.name + " = $" + strconv.Itoa(i+2)
		}
		return b.each(ctx, "UPDATE "+table+" SET "+strings.Join(sets, ", ")+" WHERE "+fields[0].name+" = $1", rows)
	}
	for i, f := range fields[1:] {
		sets[i] = f.name + " = " + value(f)
	}
	return b.together(ctx, "UPDATE "+table+" AS t SET "+strings.Join(sets, ", ")+" FROM "+unnest(fields)+" WHERE t."+fields[0].name+" = v."+fields[0].name, fields, rows)
}

func value(f field) string {
	if f.kind == kindJSON {
		return "CAST(v." + f.name + " AS JSONB)"
	}
	return "v." + f.name
}

func columnsOf(fields []field) string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = value(f)
	}
	return strings.Join(out, ", ")
}

func unnest(fields []field) string {
	arrays := make([]string, len(fields))
	names := make([]string, len(fields))
	for i, f := range fields {
		kind := map[kind]string{kindInt: "BIGINT[]", kindText: "TEXT[]", kindJSON: "TEXT[]", kindNumber: "DOUBLE PRECISION[]"}[f.kind]
		arrays[i] = "CAST($" + strconv.Itoa(i+1) + " AS " + kind + ")"
		names[i] = f.name
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS v(" + strings.Join(names, ", ") + ")"
}

func (b *batch) each(ctx context.Context, statement string, rows [][]any) error {
	prepared := b.statements[statement]
	if prepared == nil {
		s, err := b.tx.PrepareContext(ctx, statement)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", statement, err)
		}
		prepared = &preparedStatement{s}
		b.statements[statement] = prepared
	}
	for _, args := range rows {
		if _, err := prepared.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// together turns rows into one array per column.
func (b *batch) together(ctx context.Context, statement string, fields []field, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	args := make([]any, len(fields))
	for i, f := range fields {
		switch f.kind {
		case kindInt:
			args[i] = column[int64](rows, i)
		case kindNumber:
			args[i] = nullable[float64](rows, i)
		case kindText, kindJSON:
			args[i] = nullable[string](rows, i)
		}
	}
	_, err := b.tx.ExecContext(ctx, statement, args...)
	return err
}

func column[T any](rows [][]any, i int) []T {
	out := make([]T, len(rows))
	for k, row := range rows {
		out[k], _ = row[i].(T)
	}
	return out
}

func nullable[T any](rows [][]any, i int) []*T {
	out := make([]*T, len(rows))
	for k, row := range rows {
		if v, ok := row[i].(T); ok {
			out[k] = &v
		}
	}
	return out
}
