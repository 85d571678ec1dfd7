package source

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Listed is called when a client asked which entities are its own: what it
// deletes from now on is a sweep, which ends when it is silent.
func (s *Sources) Listed(ctx context.Context, c Client) error {
	if !c.Braked() {
		return nil
	}
	entities, err := s.catalog.CountOfDatasource(ctx, c.Prefix, c.Suffix)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		w, err := s.active(ctx, tx, c)
		switch {
		case err != nil:
			return err
		case w == nil:
			_, err = s.begin(ctx, tx, c, listed, entities)
			return err
		case w.State == open && w.Kind == live:
			// What it deleted live counts on, what comes now waits.
			return s.touch(ctx, tx, w, listed)
		default:
			return s.touch(ctx, tx, w, w.Kind)
		}
	})
}

// wish is one delete that a source asks for.
type wish struct {
	identifier string
	dependents int
	// kept says why it is not carried out at all.
	kept string
}

// Delete is asked before a client's deletes are carried out. It returns those
// that are to be deleted now, by the caller. The others were noted: they are
// deleted when their sweep has ended within the brake, or wait for a person.
// The client is told that all were deleted, which is what it can understand.
func (s *Sources) Delete(ctx context.Context, c Client, blueprint string, identifiers []string, dependents bool) ([]string, error) {
	if !c.Braked() || len(identifiers) == 0 {
		return identifiers, nil
	}
	wishes, missing, err := s.wishes(ctx, c, blueprint, identifiers, dependents)
	if err != nil {
		return nil, err
	}
	entities, err := s.entitiesAtStart(ctx, c)
	if err != nil {
		return nil, err
	}
	var now []string
	var tripped int64
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		now, tripped = nil, 0
		w, err := s.active(ctx, tx, c)
		if err != nil {
			return err
		}
		if w == nil {
			if w, err = s.begin(ctx, tx, c, live, entities); err != nil {
				return err
			}
		}
		if err := s.touch(ctx, tx, w, w.Kind); err != nil {
			return err
		}
		list, err := s.wanted(ctx, tx, c, blueprint, wishes)
		if err != nil {
			return err
		}
		if now, err = s.note(ctx, tx, w, blueprint, list); err != nil {
			return err
		}
		over, err := s.overBrake(ctx, tx, w)
		if err != nil || !over {
			return err
		}
		tripped, now = w.ID, nil
		return s.hold(ctx, tx, w, fmt.Sprintf("more than %d deletes", w.Brake))
	})
	if err != nil {
		return nil, err
	}
	if tripped != 0 {
		err = s.putBackSoon(ctx, tripped)
	}
	return append(now, missing...), err
}

// entitiesAtStart counts the entities of a source that has no sweep yet; later
// nobody needs the number again.
func (s *Sources) entitiesAtStart(ctx context.Context, c Client) (int, error) {
	var active int
	if err := s.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM sweeps WHERE source = $1 AND state IN ('open', 'held', 'approved')", c.ID).Scan(&active); err != nil {
		return 0, fmt.Errorf("look for a sweep of %s: %w", c.ID, err)
	}
	if active > 0 {
		return 0, nil
	}
	return s.catalog.CountOfDatasource(ctx, c.Prefix, c.Suffix)
}

// putBackSoon puts back what is little at once, and leaves more to Work, for
// which the client would not wait.
func (s *Sources) putBackSoon(ctx context.Context, sweep int64) error {
	var n int
	if err := s.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM sweep_items WHERE sweep = $1 AND state = 'restoring'", sweep).Scan(&n); err != nil {
		return fmt.Errorf("count what is to be put back: %w", err)
	}
	if n <= batch {
		return s.putBack(ctx, sweep)
	}
	s.wake()
	return nil
}

// wishes looks at what is to be deleted. What does not exist is left to the
// caller, whose answer the client knows.
func (s *Sources) wishes(ctx context.Context, c Client, blueprint string, identifiers []string, dependents bool) (list []wish, missing []string, err error) {
	writers, err := s.catalog.Writers(ctx, blueprint, identifiers)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(identifiers))) {
		sources, there := writers[id]
		if !there {
			missing = append(missing, id)
			continue
		}
		one := wish{identifier: id, kept: c.shared(sources)}
		if dependents {
			if one.dependents, err = s.reach(ctx, blueprint, id); err != nil {
				return nil, nil, err
			}
		}
		list = append(list, one)
	}
	return list, missing, nil
}

// shared says who else has written to an entity; "" when nobody has.
func (c Client) shared(sources map[string]time.Time) string {
	for _, name := range sortedNames(sources) {
		if !c.wrote(name) {
			return name + " has written to it, too"
		}
	}
	return ""
}

func sortedNames(m map[string]time.Time) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// maxReach is where reach stops to count.
const maxReach = 1000

// reach counts what would be deleted with an entity: all that points at it,
// and step by step all that requires one of those.
func (s *Sources) reach(ctx context.Context, blueprint, identifier string) (int, error) {
	type name struct{ blueprint, identifier string }
	first := name{blueprint, identifier}
	seen := map[name]bool{first: true}
	for list := []name{first}; len(list) > 0 && len(seen) <= maxReach; list = list[1:] {
		hits, err := s.catalog.Dependents(ctx, list[0].blueprint, list[0].identifier)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return 0, err
		}
		for _, h := range hits {
			n := name{h.Blueprint, h.Identifier}
			if seen[n] || list[0] != first && !h.Required {
				continue
			}
			seen[n] = true
			list = append(list, n)
		}
	}
	return len(seen) - 1, nil
}

// wanted leaves out what a person decided to keep, as long as the source has
// not reported it again, and what waits already.
func (s *Sources) wanted(ctx context.Context, tx *store.Tx, c Client, blueprint string, wishes []wish) ([]wish, error) {
	if len(wishes) == 0 {
		return nil, nil
	}
	ids := make([]string, len(wishes))
	for i, w := range wishes {
		ids[i] = w.identifier
	}
	where, args := itemsOf(c.ID, blueprint, ids)
	rows, err := tx.QueryContext(ctx, "SELECT identifier FROM sweep_items WHERE "+where+" AND state IN ('rejected', 'waiting', 'held', 'restoring')", args...)
	known, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("look for decisions about %s: %w", blueprint, err)
	}
	return slices.DeleteFunc(wishes, func(w wish) bool { return slices.Contains(known, w.identifier) }), nil
}

// note writes down what is asked for and returns what is to be deleted now.
func (s *Sources) note(ctx context.Context, tx *store.Tx, w *Sweep, blueprint string, wishes []wish) ([]string, error) {
	var now []string
	for _, one := range wishes {
		state := waiting
		switch {
		case w.State == held || w.State == approved:
			state = held
		case w.Kind == live:
			state = immediate
			now = append(now, one.identifier)
		}
		reason := one.kept
		if reason != "" && state != immediate { // what is watched going away is gone, whoever wrote to it
			state = kept
		}
		if err := s.item(ctx, tx, w, blueprint, one.identifier, state, reason, one.dependents); err != nil {
			return nil, err
		}
	}
	return now, nil
}

func (s *Sources) item(ctx context.Context, tx *store.Tx, w *Sweep, blueprint, identifier, state, reason string, dependents int) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sweep_items (sweep, blueprint, identifier, source, state, at, dependents, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (sweep, blueprint, identifier) DO UPDATE SET state = excluded.state, at = excluded.at, dependents = excluded.dependents, reason = excluded.reason`,
		w.ID, blueprint, identifier, w.Source, state, store.Millis(s.now()), dependents, reason)
	if err != nil {
		return fmt.Errorf("note a delete of sweep %d: %w", w.ID, err)
	}
	return nil
}

// overBrake says whether an open sweep has asked for more than it may do by
// itself. Deletes that were carried out within the window count as well.
func (s *Sources) overBrake(ctx context.Context, tx *store.Tx, w *Sweep) (bool, error) {
	if w.State != open {
		return false, nil
	}
	n, err := s.asked(ctx, tx, w)
	return n > w.Brake, err
}

func (s *Sources) asked(ctx context.Context, tx *store.Tx, w *Sweep) (int, error) {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT COALESCE(SUM(1 + dependents), 0) FROM sweep_items
		WHERE source = $1 AND (state = 'waiting' AND sweep = $2 OR state = 'immediate' AND at > $3)`,
		w.Source, w.ID, store.Millis(s.now().Add(-window))).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what sweep %d asked for: %w", w.ID, err)
	}
	return n, nil
}

// hold stops a sweep: nothing of it happens before a person has decided. What
// it deleted within the window is to be put back.
func (s *Sources) hold(ctx context.Context, tx *store.Tx, w *Sweep, reason string) error {
	since := store.Millis(s.now().Add(-window))
	for _, statement := range []struct {
		text string
		args []any
	}{
		{"UPDATE sweeps SET state = 'held', reason = $1 WHERE id = $2", []any{reason, w.ID}},
		{"UPDATE sweep_items SET state = 'held' WHERE sweep = $1 AND state = 'waiting'", []any{w.ID}},
		{`DELETE FROM sweep_items WHERE source = $1 AND sweep <> $2 AND state = 'immediate' AND at > $3
			AND EXISTS (SELECT 1 FROM sweep_items i WHERE i.sweep = $2 AND i.blueprint = sweep_items.blueprint AND i.identifier = sweep_items.identifier)`, []any{w.Source, w.ID, since}},
		{"UPDATE sweep_items SET sweep = $1, state = 'restoring' WHERE source = $2 AND state = 'immediate' AND at > $3", []any{w.ID, w.Source, since}},
	} {
		if _, err := tx.ExecContext(ctx, statement.text, statement.args...); err != nil {
			return fmt.Errorf("hold sweep %d: %w", w.ID, err)
		}
	}
	w.State, w.Reason = held, reason
	if s.onHeld != nil {
		if err := s.onHeld(ctx, tx, *w); err != nil {
			return err
		}
	}
	return s.record(ctx, tx, "sweep.hold", w.Source, w.Caller, "sweep", w.ID, "reason", reason, "entities", w.Entities)
}
