// Package resource keeps documents that clients send and want back as they
// were: pages, folders, webhooks, integrations, workflows. A document is known
// by its kind, its parent (often none) and its identifier; what is in it is the
// business of the package that owns the kind.
package resource

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Topic is notified with "kind/identifier" of each document that changed.
const Topic = "resource"

// maxDoc bounds one document in bytes.
const maxDoc = 1 << 20

// Kind is one kind of document.
type Kind struct {
	// Name is kept in the database and begins the verbs of audit events, e.g.
	// "page" in "page.create".
	Name string
	// Max is how many documents there can be.
	Max int
}

// Resource is one document.
type Resource struct {
	Kind       string
	Parent     string
	Identifier string
	Doc        Doc
	// Revision grows by one with each change.
	Revision             int64
	CreatedAt, UpdatedAt time.Time
	CreatedBy, UpdatedBy string
}

// Actor is who changes a document.
type Actor struct{ ID, Name string }

// Store keeps the documents.
type Store struct {
	log *audit.Log
	now func() time.Time
}

// New returns a store. It holds no database: every method takes the
// transaction, or for reading whatever runs queries.
func New(log *audit.Log, now func() time.Time) *Store { return &Store{log: log, now: now} }

const columns = "kind, parent, identifier, doc, revision, created_at, updated_at, created_by, updated_by"

func scan(row interface{ Scan(...any) error }) (Resource, error) {
	var r Resource
	var doc string
	var created, updated int64
	err := row.Scan(&r.Kind, &r.Parent, &r.Identifier, &doc, &r.Revision, &created, &updated, &r.CreatedBy, &r.UpdatedBy)
	if err != nil {
		return r, err
	}
	r.CreatedAt, r.UpdatedAt = store.Time(created), store.Time(updated)
	if err := json.Unmarshal([]byte(doc), &r.Doc); err != nil {
		return r, fmt.Errorf("stored %s %s: %w", r.Kind, r.Identifier, err)
	}
	return r, nil
}

// Get returns one document, or NotFound.
func (s *Store) Get(ctx context.Context, q store.Querier, k Kind, parent, identifier string) (Resource, error) {
	return s.get(ctx, q, k, parent, identifier, "")
}

func (s *Store) get(ctx context.Context, q store.Querier, k Kind, parent, identifier, lock string) (Resource, error) {
	r, err := scan(q.QueryRowContext(ctx, "SELECT "+columns+" FROM resources WHERE kind = $1 AND parent = $2 AND identifier = $3"+lock, k.Name, parent, identifier))
	if errors.Is(err, sql.ErrNoRows) {
		return r, fault.New(fault.NotFound, "There is no %s %q.", k.noun(), cut(identifier))
	}
	if err != nil {
		return r, fmt.Errorf("read %s %s: %w", k.Name, identifier, err)
	}
	return r, nil
}

// All returns every document of a kind by parent and identifier.
func (s *Store) All(ctx context.Context, q store.Querier, k Kind) ([]Resource, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+columns+" FROM resources WHERE kind = $1 ORDER BY parent, identifier LIMIT $2", k.Name, k.Max)
	list, err := store.All(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("list %ss: %w", k.Name, err)
	}
	return list, nil
}

// Page returns up to limit documents after from, which is what an earlier page
// gave as next; next is empty at the end.
func (s *Store) Page(ctx context.Context, q store.Querier, k Kind, from string, limit int) (list []Resource, next string, err error) {
	parent, identifier, err := readCursor(from)
	if err != nil {
		return nil, "", err
	}
	rows, err := q.QueryContext(ctx, "SELECT "+columns+" FROM resources WHERE kind = $1 AND (parent, identifier) > ($2, $3) ORDER BY parent, identifier LIMIT $4",
		k.Name, parent, identifier, limit+1)
	if list, err = store.All(rows, err, scan); err != nil {
		return nil, "", fmt.Errorf("list %ss: %w", k.Name, err)
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = base64.RawURLEncoding.EncodeToString([]byte(last.Parent + "\x00" + last.Identifier))
	}
	return list, next, nil
}

func readCursor(from string) (parent, identifier string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(from)
	parent, identifier, ok := strings.Cut(string(raw), "\x00")
	if from != "" && (err != nil || !ok) {
		return "", "", fault.Field("from", "is not a place in this list", "next of an earlier answer")
	}
	return parent, identifier, nil
}

// Create keeps a new document; one that exists is Taken.
func (s *Store) Create(ctx context.Context, tx *store.Tx, k Kind, parent, identifier string, doc Doc, by Actor) (Resource, error) {
	at := s.now().Truncate(time.Millisecond)
	r := Resource{
		Kind: k.Name, Parent: parent, Identifier: identifier, Doc: maps.Clone(doc), Revision: 1,
		CreatedAt: at, UpdatedAt: at, CreatedBy: by.ID, UpdatedBy: by.ID,
	}
	text, err := r.text(k)
	if err != nil {
		return r, err
	}
	if err := s.room(ctx, tx, k); err != nil {
		return r, err
	}
	res, err := tx.ExecContext(ctx, "INSERT INTO resources ("+columns+") VALUES ($1, $2, $3, $4, 1, $5, $5, $6, $6) ON CONFLICT DO NOTHING",
		k.Name, parent, identifier, text, store.Millis(at), by.ID)
	if err != nil {
		return r, fmt.Errorf("create %s %s: %w", k.Name, identifier, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return r, errors.Join(err, fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", k.noun(), cut(identifier)))
	}
	return r, s.record(ctx, tx, k.Name+".create", r, by, slices.Sorted(maps.Keys(doc)))
}

func (s *Store) room(ctx context.Context, tx *store.Tx, k Kind) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM resources WHERE kind = $1", k.Name).Scan(&n); err != nil {
		return fmt.Errorf("count %ss: %w", k.Name, err)
	}
	if n >= k.Max {
		return fault.New(fault.TooLarge, "There are %d %ss already, which is the most that are kept.", n, k.noun())
	}
	return nil
}

// Change lets f change a document, its identifier included. What f leaves as it
// was is not written.
func (s *Store) Change(ctx context.Context, tx *store.Tx, k Kind, parent, identifier string, by Actor, f func(r *Resource) error) (Resource, error) {
	old, err := s.get(ctx, tx, k, parent, identifier, tx.ForUpdate())
	if err != nil {
		return old, err
	}
	r := old
	r.Doc = maps.Clone(old.Doc)
	if err := f(&r); err != nil {
		return old, err
	}
	changed := old.Doc.differs(r.Doc)
	if r.Identifier != identifier {
		changed = append(changed, "identifier")
	}
	if len(changed) == 0 {
		return old, nil
	}
	r.Revision++
	r.UpdatedAt, r.UpdatedBy = later(s.now().Truncate(time.Millisecond), old.UpdatedAt), by.ID
	text, err := r.text(k)
	if err != nil {
		return old, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE resources SET identifier = $1, doc = $2, revision = $3, updated_at = $4, updated_by = $5
		WHERE kind = $6 AND parent = $7 AND identifier = $8`, r.Identifier, text, r.Revision, store.Millis(r.UpdatedAt), by.ID, k.Name, parent, identifier)
	if store.IsUnique(err) {
		return old, fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", k.noun(), cut(r.Identifier))
	}
	if err != nil {
		return old, fmt.Errorf("change %s %s: %w", k.Name, identifier, err)
	}
	return r, s.record(ctx, tx, k.Name+".update", r, by, changed)
}

// later keeps the time of a change growing: clients look for a newer one.
func later(now, before time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Millisecond)
}

// Delete removes a document and returns what it was.
func (s *Store) Delete(ctx context.Context, tx *store.Tx, k Kind, parent, identifier string, by Actor) (Resource, error) {
	r, err := s.get(ctx, tx, k, parent, identifier, tx.ForUpdate())
	if err != nil {
		return r, err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM resources WHERE kind = $1 AND parent = $2 AND identifier = $3", k.Name, parent, identifier); err != nil {
		return r, fmt.Errorf("delete %s %s: %w", k.Name, identifier, err)
	}
	return r, s.record(ctx, tx, k.Name+".delete", r, by, nil)
}

// record appends the event: which fields, never their values.
func (s *Store) record(ctx context.Context, tx *store.Tx, verb string, r Resource, by Actor, fields []string) error {
	tx.Notify(Topic, r.Kind+"/"+r.Identifier)
	object := r.Kind + "/" + r.Identifier
	if r.Parent != "" {
		object = r.Kind + "/" + r.Parent + "/" + r.Identifier
	}
	if len(fields) > 50 {
		fields = fields[:50]
	}
	return s.log.Append(ctx, tx, audit.Event{
		Actor: by.ID, ActorName: by.Name, Verb: verb, Object: object, Outcome: audit.Success,
		Detail: audit.Detail("fields", append([]string{}, fields...), "revision", r.Revision),
	})
}

func (r *Resource) text(k Kind) (string, error) {
	raw, err := r.Doc.encode()
	if err != nil {
		return "", fmt.Errorf("encode %s %s: %w", r.Kind, r.Identifier, err)
	}
	if len(raw) > maxDoc {
		return "", fault.New(fault.TooLarge, "The %s %q has %d bytes; at most %d are kept.", k.noun(), cut(r.Identifier), len(raw), maxDoc)
	}
	return string(raw), nil
}

// noun is the kind in a sentence.
func (k Kind) noun() string { return strings.ReplaceAll(k.Name, "_", " ") }

func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}
