package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

const (
	// workEvery is how often Work looks.
	workEvery = 5 * time.Second
	// batch bounds what is deleted or restored in one go.
	batch = 100
)

// Work ends sweeps and carries out decisions until ctx ends.
func (s *Sources) Work(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(workEvery)
	defer tick.Stop()
	for {
		if err := s.Tick(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "working on sweeps failed; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.kick:
		}
	}
}

// Tick does what is due.
func (s *Sources) Tick(ctx context.Context) error {
	s.ticking.Lock()
	defer s.ticking.Unlock()
	rows, err := s.db.Read().QueryContext(ctx, "SELECT "+sweepColumns+" FROM sweeps WHERE state IN ('open', 'held', 'approved') ORDER BY id")
	list, err := store.All(rows, err, scanSweep)
	if err != nil {
		return fmt.Errorf("list sweeps: %w", err)
	}
	var errs []error
	for _, w := range list {
		if err := s.tend(ctx, w); err != nil {
			errs = append(errs, fmt.Errorf("sweep %d of %s: %w", w.ID, w.Source, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Sources) tend(ctx context.Context, w Sweep) error {
	silent := s.now().Sub(w.TouchedAt)
	switch {
	case w.State == approved:
		return s.apply(ctx, w)
	case w.State == held:
		return s.tendHeld(ctx, w)
	case w.Kind == listed && silent >= quiet:
		return s.close(ctx, w)
	case w.Kind == live && silent >= window:
		return s.over(ctx, w, done, "")
	case w.Kind == byReport && silent >= abandoned:
		return s.over(ctx, w, failed, "it was not completed within an hour")
	default:
		return nil
	}
}

// over ends a sweep unless it went on meanwhile.
func (s *Sources) over(ctx context.Context, w Sweep, state, reason string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		now, err := s.readSweep(ctx, tx, w.ID, tx.ForUpdate())
		if err != nil || now.State != w.State || !now.TouchedAt.Equal(w.TouchedAt) {
			return err
		}
		return s.end(ctx, tx, &now, state, reason)
	})
}

// close ends a sweep that has become silent, or is complete: within the brake
// its deletes are carried out. One that would leave nothing of the source is
// held however small it is: a source that cannot see anything looks just so.
func (s *Sources) close(ctx context.Context, w Sweep) error {
	goes := false
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		now, err := s.readSweep(ctx, tx, w.ID, tx.ForUpdate())
		if err != nil || now.State != open || !now.TouchedAt.Equal(w.TouchedAt) {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM sweep_items WHERE sweep = $1 AND state = 'waiting'", w.ID).Scan(&n); err != nil {
			return fmt.Errorf("count its deletes: %w", err)
		}
		if n == 0 {
			return s.end(ctx, tx, &now, done, "")
		}
		asked, err := s.asked(ctx, tx, &now)
		switch {
		case err != nil:
			return err
		case asked > now.Brake:
			return s.hold(ctx, tx, &now, fmt.Sprintf("more than %d deletes", now.Brake))
		case n >= now.Entities:
			return s.hold(ctx, tx, &now, "nothing of the source would be left")
		}
		goes = true
		_, err = tx.ExecContext(ctx, "UPDATE sweeps SET state = 'approved' WHERE id = $1", w.ID)
		return err
	})
	if err != nil || !goes {
		return err
	}
	w.State = approved
	return s.apply(ctx, w)
}

// tendHeld puts back what is missing of a held sweep, and ends it when the
// source has reported everything again.
func (s *Sources) tendHeld(ctx context.Context, w Sweep) error {
	if err := s.putBack(ctx, w.ID); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		now, err := s.readSweep(ctx, tx, w.ID, tx.ForUpdate())
		if err != nil || now.State != held {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM sweep_items WHERE sweep = $1 AND state IN ('held', 'restoring')", w.ID).Scan(&n); err != nil || n > 0 {
			return err
		}
		if err := s.end(ctx, tx, &now, withdrawn, "the source reported everything again"); err != nil {
			return err
		}
		return s.record(ctx, tx, "sweep.withdraw", w.Source, audit.System, "sweep", w.ID)
	})
}

// items reads a batch of a sweep's items in a state.
func (s *Sources) items(ctx context.Context, sweep int64, state string, after catalog.Name) ([]Item, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT blueprint, identifier, state, at, dependents, reason FROM sweep_items
		WHERE sweep = $1 AND state = $2 AND (blueprint > $3 OR blueprint = $3 AND identifier > $4) ORDER BY blueprint, identifier LIMIT $5`,
		sweep, state, after.Blueprint, after.Identifier, batch)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Item, error) {
		var i Item
		var at int64
		err := row.Scan(&i.Blueprint, &i.Identifier, &i.State, &at, &i.Dependents, &i.Reason)
		i.At = store.Time(at)
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what it deletes: %w", err)
	}
	return list, nil
}

// eachItem calls f with batches of the items in a state.
func (s *Sources) eachItem(ctx context.Context, sweep int64, state string, f func(list []Item) error) error {
	for after := (catalog.Name{}); ; {
		list, err := s.items(ctx, sweep, state, after)
		if err != nil || len(list) == 0 {
			return err
		}
		last := list[len(list)-1] // f may change the list
		if err := f(list); err != nil {
			return err
		}
		after = catalog.Name{Blueprint: last.Blueprint, Identifier: last.Identifier}
	}
}

func (s *Sources) settle(ctx context.Context, sweep int64, i Item, state, reason string) error {
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE sweep_items SET state = $1, reason = $2 WHERE sweep = $3 AND blueprint = $4 AND identifier = $5 AND state = $6",
			state, reason, sweep, i.Blueprint, i.Identifier, i.State)
		return err
	})
	if err != nil {
		return fmt.Errorf("note what became of %s: %w", catalog.Ref(i.Blueprint, i.Identifier), err)
	}
	return nil
}

// putBack restores what a held sweep had deleted before it was held.
func (s *Sources) putBack(ctx context.Context, sweep int64) error {
	w, err := s.readSweep(ctx, s.db.Read(), sweep, "")
	if err != nil {
		return err
	}
	by := catalog.Write{By: audit.System, Cause: fmt.Sprintf("held sweep %d of %s", w.ID, w.Source)}
	return s.eachItem(ctx, sweep, restoring, func(list []Item) error {
		ids := make([]int64, 0, len(list))
		for _, i := range list {
			id, err := s.catalog.DeletedSince(ctx, catalog.Name{Blueprint: i.Blueprint, Identifier: i.Identifier}, i.At)
			if err != nil {
				return err
			}
			if id != 0 {
				ids = append(ids, id)
			}
		}
		if _, err := s.catalog.RestoreMany(ctx, ids, by); err != nil {
			if err := s.putBackSingly(ctx, ids, by); err != nil {
				return err
			}
		}
		for _, i := range list {
			if err := s.settle(ctx, sweep, i, held, i.Reason); err != nil {
				return err
			}
		}
		return nil
	})
}

// putBackSingly is for the case that one of many cannot come back: the others
// shall.
func (s *Sources) putBackSingly(ctx context.Context, ids []int64, by catalog.Write) error {
	for _, id := range ids {
		if _, err := s.catalog.Restore(ctx, id, by); err != nil {
			if _, known := fault.As(err); !known {
				return err
			}
		}
	}
	return nil
}

// apply deletes what a sweep waits to delete: all of an approved one, and what
// is not newer than the sweep of one within the brake.
func (s *Sources) apply(ctx context.Context, w Sweep) error {
	c := Of(w.Source, w.Caller)
	if one, err := s.Source(ctx, w.Source); err == nil {
		c.ID, c.Kind, c.Prefix, c.Suffix = one.ID, one.Kind, one.prefix, one.suffix
	}
	for round := range 2 { // what others of the sweep require goes in the second
		for _, state := range []string{waiting, held} {
			if state == held && w.DecidedBy == "" {
				continue
			}
			err := s.eachItem(ctx, w.ID, state, func(list []Item) error {
				if w.DecidedBy != "" { // what was asked for after the decision needs another one
					list = slices.DeleteFunc(list, func(i Item) bool { return i.At.After(w.DecidedAt) })
				}
				left, err := s.deleteTogether(ctx, c, w, list)
				if err != nil {
					return err
				}
				for _, i := range left {
					if err := s.delete(ctx, c, w, i, round == 1); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return s.applied(ctx, w)
}

// deleteTogether deletes what nothing speaks against, in one transaction for
// each blueprint, and returns the items that have to be looked at one by one.
func (s *Sources) deleteTogether(ctx context.Context, c Client, w Sweep, list []Item) ([]Item, error) {
	plain := map[string][]string{}
	for _, i := range list {
		if i.Dependents == 0 {
			plain[i.Blueprint] = append(plain[i.Blueprint], i.Identifier)
		}
	}
	gone := map[string]bool{}
	for _, blueprint := range slices.Sorted(maps.Keys(plain)) {
		writers, err := s.catalog.Writers(ctx, blueprint, plain[blueprint])
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, i := range list {
			sources, there := writers[i.Identifier]
			if i.Blueprint == blueprint && i.Dependents == 0 && there && s.against(c, w, i, sources) == "" {
				ids = append(ids, i.Identifier)
			}
		}
		if len(ids) == 0 {
			continue
		}
		_, err = s.catalog.DeleteMany(ctx, blueprint, ids, w.deleteAs(c, false))
		if _, ok := fault.As(err); ok {
			continue // one of them; which one is found singly
		}
		if err != nil {
			return nil, err
		}
		where, args := itemsOf(w.Source, blueprint, ids)
		err = s.db.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE sweep_items SET state = 'deleted' WHERE %s AND sweep = $%d AND state IN ('waiting', 'held')", where, len(args)+1), append(args, w.ID)...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("note what was deleted: %w", err)
		}
		for _, id := range ids {
			gone[catalog.Ref(blueprint, id)] = true
		}
	}
	return slices.DeleteFunc(list, func(i Item) bool { return gone[catalog.Ref(i.Blueprint, i.Identifier)] }), nil
}

// against says what speaks against a delete; "" when nothing does.
func (s *Sources) against(c Client, w Sweep, i Item, sources map[string]time.Time) string {
	if reason := c.shared(sources); reason != "" {
		return reason
	}
	for _, name := range sortedNames(sources) {
		if w.DecidedBy == "" && sources[name].After(i.At) {
			return "it was written again since"
		}
	}
	return ""
}

func (w Sweep) deleteAs(c Client, dependents bool) catalog.DeleteOptions {
	by := w.DecidedBy
	if by == "" {
		by = w.Caller
	}
	return catalog.DeleteOptions{Dependents: dependents, By: by, Datasource: c.UserAgent, Cause: fmt.Sprintf("sweep %d of %s", w.ID, w.Source)}
}

// applied ends an approved sweep. What was asked for meanwhile is held again, or
// waits again where nobody had to decide.
func (s *Sources) applied(ctx context.Context, w Sweep) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		now, err := s.readSweep(ctx, tx, w.ID, tx.ForUpdate())
		if err != nil || now.State != approved {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM sweep_items WHERE sweep = $1 AND state IN ('held', 'waiting')", w.ID).Scan(&n); err != nil {
			return fmt.Errorf("count its deletes: %w", err)
		}
		switch {
		case n == 0:
			return s.end(ctx, tx, &now, done, "")
		case w.DecidedBy != "":
			return s.hold(ctx, tx, &now, "asked for after the decision")
		}
		if _, err := tx.ExecContext(ctx, "UPDATE sweep_items SET state = 'waiting' WHERE sweep = $1 AND state = 'held'", w.ID); err != nil {
			return fmt.Errorf("go on: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE sweeps SET state = 'open' WHERE id = $1", w.ID); err != nil {
			return fmt.Errorf("go on: %w", err)
		}
		return nil
	})
}

// delete carries out one delete of a sweep, or says why not. With last unset
// one that others still require is left for another round.
func (s *Sources) delete(ctx context.Context, c Client, w Sweep, i Item, last bool) error {
	writers, err := s.catalog.Writers(ctx, i.Blueprint, []string{i.Identifier})
	if err != nil {
		return err
	}
	sources, there := writers[i.Identifier]
	if !there {
		return s.settle(ctx, w.ID, i, deleted, "it was gone already")
	}
	if reason := s.against(c, w, i, sources); reason != "" {
		return s.settle(ctx, w.ID, i, kept, reason)
	}
	_, err = s.catalog.DeleteMany(ctx, i.Blueprint, []string{i.Identifier}, w.deleteAs(c, i.Dependents > 0))
	if f, ok := fault.As(err); ok {
		if !last {
			return nil
		}
		return s.settle(ctx, w.ID, i, kept, f.Message)
	}
	if err != nil {
		return err
	}
	return s.settle(ctx, w.ID, i, deleted, "")
}
