package catalog

import (
	"context"
	"fmt"
	"slices"

	"sphera/internal/store"
)

// writeLock is the key of the PostgreSQL advisory lock that writers of the
// catalog take turns by. What one derives from a neighbour another may be
// changing: only one after the other are the results right, and SQLite has one
// writer anyway; docs/adr/0011.
const writeLock = 7310466

func lockCatalog(ctx context.Context, tx *store.Tx) error {
	if tx.Dialect != store.Postgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", writeLock); err != nil {
		return fmt.Errorf("wait for other writers of the catalog: %w", err)
	}
	return nil
}

// row is an entity in a batch: as the database has it and as it will be.
type row struct {
	s *schema
	// old is what the database has; nil for a new entity.
	old *stored
	// now is the state after the batch. Its maps are replaced, never changed
	// in place: old may share them.
	now stored
	// verb is what the version is told as; "" where no version is made.
	verb string
	// cause is what made a derived change.
	cause string
	// told are the fields whose change was not yet told to readers.
	told map[string]bool
	// changed are all fields that changed in this batch.
	changed map[string]bool
	// sent is true where own values were written, by whom the batch says.
	sent bool
	// linked is true once the relations are read.
	linked bool
	// fresh is true until a new row is inserted.
	fresh bool
	// created is true for a new row until its state is complete.
	created bool
	// stub is a missing related entity, made on the way.
	stub bool
	// gone is true for a deleted entity.
	gone bool
	// queued is true while the row waits to be derived.
	queued bool
	// first is what the batch made of the row when it was first written.
	first *firstState
}

// firstState is what was there before the batch, and what the batch did.
type firstState struct {
	verb string
	old  *stored
}

func (r *row) change(fields ...string) {
	if r.told == nil {
		r.told = map[string]bool{}
	}
	if r.changed == nil {
		r.changed = map[string]bool{}
	}
	for _, f := range fields {
		r.told[f], r.changed[f] = true, true
	}
}

func (r *row) ref() string { return Ref(r.s.Identifier, r.now.Identifier) }

// batch is one transaction that changes entities: rows are read once, changed
// in memory, derived, and written once at the end.
type batch struct {
	c  *Catalog
	tx *store.Tx
	m  *model
	w  Write
	at int64

	rows   map[int64]*row
	byName map[string]*row
	// fresh are the rows to insert, in order.
	fresh []*row
	nextID,
	idsLeft int64

	derive deriveState
	// due is when verdicts on entities may change by themselves.
	due map[int64]int64
	// marks are digests and datasources of rows that stay as they are.
	marks      [][]any
	facets     facetDelta
	look       *sights
	statements map[string]*preparedStatement
	counts     struct{ created, updated, derived, deleted int }
}

func (c *Catalog) newBatch(ctx context.Context, tx *store.Tx, w Write) (*batch, error) {
	m, err := c.readModel(ctx, tx, true)
	if err != nil {
		return nil, err
	}
	return c.batchOf(tx, m, w), nil
}

func (c *Catalog) batchOf(tx *store.Tx, m *model, w Write) *batch {
	b := &batch{
		c: c, tx: tx, m: m, w: w, at: store.Millis(c.now()),
		rows: map[int64]*row{}, byName: map[string]*row{}, due: map[int64]int64{}, statements: map[string]*preparedStatement{},
	}
	b.derive.init(b)
	return b
}

func nameKey(blueprint, identifier string) string { return blueprint + "\x00" + identifier }

func (b *batch) adopt(r *stored) *row {
	if known := b.rows[r.id]; known != nil {
		return known
	}
	s := b.m.blueprints[r.blueprint]
	if s == nil {
		return nil // its blueprint went in this transaction
	}
	one := &row{s: s, old: r, now: *r}
	b.rows[r.id] = one
	b.byName[nameKey(r.blueprint, r.Identifier)] = one
	return one
}

// named reads the rows with these identifiers that are not read yet, pending
// ones too. Missing ones are simply not there afterwards.
func (b *batch) named(ctx context.Context, blueprint string, identifiers []string) error {
	missing := make([]string, 0, len(identifiers))
	for _, id := range identifiers {
		if b.byName[nameKey(blueprint, id)] == nil {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	if len(missing) == 0 {
		return nil
	}
	arg, err := valuesArg(b.tx.Dialect, missing)
	if err != nil {
		return err
	}
	rows, err := b.tx.QueryContext(ctx, "SELECT "+writeColumns+" FROM entities e WHERE e.blueprint = $1 AND "+among(b.tx.Dialect, "e.identifier", 2), blueprint, arg)
	list, err := store.All(rows, err, scanWhole)
	if err != nil {
		return fmt.Errorf("read %s: %w", blueprint, err)
	}
	return b.link(ctx, b.adoptAll(list))
}

func (b *batch) adoptAll(list []*stored) []*row {
	out := make([]*row, 0, len(list))
	for _, r := range list {
		if one := b.adopt(r); one != nil {
			out = append(out, one)
		}
	}
	return out
}

// load reads rows by id, without their relations.
func (b *batch) load(ctx context.Context, ids []int64) error {
	missing := make([]int64, 0, len(ids))
	for _, id := range ids {
		if b.rows[id] == nil {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	for part := range slices.Chunk(missing, 5000) {
		these, args := idsIn(b.tx.Dialect, "e.id", part, 1)
		rows, err := b.tx.QueryContext(ctx, "SELECT "+writeColumns+" FROM entities e WHERE "+these, args...)
		list, err := store.All(rows, err, scanWhole)
		if err != nil {
			return fmt.Errorf("read entities: %w", err)
		}
		b.adoptAll(list)
	}
	return nil
}

// link reads the relations of rows that have not been read.
func (b *batch) link(ctx context.Context, list []*row) error {
	var missing []*stored
	for _, r := range list {
		if !r.linked && r.old != nil {
			r.linked = true
			missing = append(missing, r.old)
		}
	}
	for part := range slices.Chunk(missing, 5000) {
		if err := readRelations(ctx, b.tx, b.tx.Dialect, part...); err != nil {
			return err
		}
	}
	for _, old := range missing {
		r := b.rows[old.id]
		r.now.Relations, r.now.targets = old.Relations, old.targets
	}
	return nil
}

// newID gives the next database id. Ids are known before the rows are written,
// so that relations and derived values can be worked out first.
func (b *batch) newID(ctx context.Context, wanted int) (int64, error) {
	if b.idsLeft == 0 {
		if b.tx.Dialect == store.SQLite {
			if b.nextID == 0 {
				err := b.tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'entities'").Scan(&b.nextID)
				if err != nil {
					return 0, fmt.Errorf("give an id: %w", err)
				}
			}
			b.idsLeft = 1 << 62 // alone in the transaction
		} else {
			// A block of the sequence in one statement: the lock makes this the
			// only transaction that takes from it.
			n := max(wanted, 1)
			err := b.tx.QueryRowContext(ctx, "SELECT setval(s, nextval(s) + $1) - $1 FROM (SELECT CAST(pg_get_serial_sequence('entities', 'id') AS REGCLASS) AS s) AS q", n-1).Scan(&b.nextID)
			if err != nil {
				return 0, fmt.Errorf("give an id: %w", err)
			}
			b.idsLeft = int64(n)
		}
	}
	id := b.nextID
	b.nextID++
	b.idsLeft--
	return id, nil
}

// add puts a new entity into the batch.
func (b *batch) add(ctx context.Context, s *schema, d draft, wanted int) (*row, error) {
	id, err := b.newID(ctx, wanted)
	if err != nil {
		return nil, err
	}
	r := &row{s: s, linked: true, sent: true, fresh: true, verb: verbCreate}
	r.now = stored{
		id: id, blueprint: s.Identifier, draft: d, derived: map[string]any{}, scorecards: map[string]any{}, targets: map[string][]int64{},
		created: b.at, updated: b.at, createdBy: b.w.By, updatedBy: b.w.By, datasource: b.w.Datasource, pending: b.w.Pending,
	}
	b.rows[id] = r
	b.byName[nameKey(s.Identifier, d.Identifier)] = r
	b.fresh = append(b.fresh, r)
	return r, nil
}

// comeBack gives a new row the number and the past of the deleted one.
func (b *batch) comeBack(r *row, back *comeback) error {
	delete(b.rows, r.now.id)
	r.verb = verbRestore
	r.now.id, r.now.version = back.id, back.row.Version+1
	r.now.created, r.now.createdBy, r.now.datasource = back.row.Created, back.row.CreatedBy, back.row.Datasource
	b.rows[r.now.id] = r
	return decode(back.row.Provenance, &r.now.provenance, &r.now)
}
