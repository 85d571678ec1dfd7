package source

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

func checkID(id string) error {
	if !idPattern.MatchString(id) || strings.HasPrefix(id, "port-") || id == Terraform {
		return fault.Field("id", "is not the name of a source that reports", "lower case letters, digits, dots and dashes, at most 100, not beginning with port-")
	}
	return nil
}

// Begin starts a sweep by report. A source has one sweep at a time.
func (s *Sources) Begin(ctx context.Context, id, by string) (Sweep, error) {
	if err := checkID(id); err != nil {
		return Sweep{}, err
	}
	c := reporter(id, by)
	entities, err := s.catalog.CountOfDatasource(ctx, c.Prefix, c.Suffix)
	if err != nil {
		return Sweep{}, err
	}
	var out Sweep
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		w, err := s.active(ctx, tx, c)
		if err != nil {
			return err
		}
		if w != nil && w.State == open && s.now().Sub(w.TouchedAt) >= abandoned {
			if err := s.end(ctx, tx, w, failed, "it was not completed within an hour"); err != nil {
				return err
			}
			w = nil
		}
		if w != nil {
			return fault.New(fault.Conflict, "Sweep %d of %s is %s. Complete it, or let somebody decide it, before the next.", w.ID, id, w.State).WithData(map[string]any{"sweep": w.ID})
		}
		if w, err = s.begin(ctx, tx, c, byReport, entities); err != nil {
			return err
		}
		out = *w
		return s.record(ctx, tx, "sweep.begin", id, by, "sweep", w.ID, "generation", w.Generation)
	})
	return out, err
}

// Reported is one page of a sweep: entities to write, and names of those that
// are there and unchanged.
type Reported struct {
	// Page counts from 1. A page that was sent already may be sent again.
	Page     int                 `json:"page" minimum:"1"`
	Entities []catalog.NewEntity `json:"entities,omitempty" maxItems:"1000"`
	Seen     []catalog.Name      `json:"seen,omitempty" maxItems:"10000"`
}

// Page takes one page of a sweep. What cannot be written is told, and counts as
// seen: it is there, only not as it should be.
func (s *Sources) Page(ctx context.Context, sweep int64, r Reported, by string) ([]catalog.Item, error) {
	w, err := s.reporting(ctx, sweep)
	if err != nil {
		return nil, err
	}
	if r.Page > w.Pages+1 || r.Page < 1 {
		return nil, fault.New(fault.Conflict, "Page %d came after page %d. A page that is missing would look like entities that are gone.", r.Page, w.Pages)
	}
	c := reporter(w.Source, by)
	items, err := s.catalog.PutMixed(ctx, r.Entities, catalog.Write{Upsert: true, Merge: true, By: by, Datasource: c.UserAgent, Source: c.ID})
	if err != nil {
		return nil, err
	}
	seen := r.Seen
	for _, n := range r.Entities {
		seen = append(seen, catalog.Name{Blueprint: n.Blueprint, Identifier: n.Identifier})
	}
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		now, err := s.readSweep(ctx, tx, sweep, tx.ForUpdate())
		if err != nil {
			return err
		}
		if now.State != open || now.Pages+1 < r.Page {
			return fault.New(fault.Conflict, "Sweep %d is %s with %d pages.", sweep, now.State, now.Pages)
		}
		for _, n := range seen {
			if _, err := tx.ExecContext(ctx, "INSERT INTO sweep_seen (sweep, blueprint, identifier) VALUES ($1, $2, $3) ON CONFLICT (sweep, blueprint, identifier) DO NOTHING", sweep, n.Blueprint, n.Identifier); err != nil {
				return fmt.Errorf("note what sweep %d has seen: %w", sweep, err)
			}
		}
		if err := s.sign(ctx, tx, c); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE sweeps SET pages = $1, touched_at = $2, seen = (SELECT COUNT(*) FROM sweep_seen WHERE sweep = $3) WHERE id = $3",
			max(now.Pages, r.Page), store.Millis(s.now()), sweep)
		return err
	})
	return items, err
}

func (s *Sources) reporting(ctx context.Context, sweep int64) (Sweep, error) {
	w, err := s.readSweep(ctx, s.db.Read(), sweep, "")
	if err == nil && (w.Kind != byReport || w.State != open) {
		err = fault.New(fault.Conflict, "Sweep %d is %s; it takes no more reports.", sweep, w.State)
	}
	return w, err
}

// Complete ends the report of a sweep. Only now, and only if the pages are all
// there, what was not seen is taken to be gone.
func (s *Sources) Complete(ctx context.Context, sweep int64, pages int) (Sweep, error) {
	w, err := s.reporting(ctx, sweep)
	if err != nil {
		return w, err
	}
	if pages != w.Pages {
		return w, fault.New(fault.Conflict, "Sweep %d has %d pages and was said to have %d. Nothing was deleted; send what is missing.", sweep, w.Pages, pages)
	}
	c := reporter(w.Source, w.Caller)
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		now, err := s.readSweep(ctx, tx, sweep, tx.ForUpdate())
		if err != nil || now.State != open {
			return err
		}
		// What the source wrote last and did not see, unless it wrote it since
		// the sweep began. What others have written to is kept, below.
		_, err = tx.ExecContext(ctx, `INSERT INTO sweep_items (sweep, blueprint, identifier, source, state, at, dependents, reason)
			SELECT CAST($1 AS BIGINT), e.blueprint, e.identifier, CAST($2 AS TEXT), 'waiting', CAST($3 AS BIGINT), 0, '' FROM entities e
			WHERE e.datasource = $4 AND e.datasource <> '' AND e.pending = 0
			AND NOT EXISTS (SELECT 1 FROM sweep_seen n WHERE n.sweep = $1 AND n.blueprint = e.blueprint AND n.identifier = e.identifier)`,
			sweep, w.Source, store.Millis(w.StartedAt), c.UserAgent)
		if err != nil {
			return fmt.Errorf("find what sweep %d did not see: %w", sweep, err)
		}
		if err := s.sign(ctx, tx, c); err != nil {
			return err
		}
		return s.record(ctx, tx, "sweep.complete", w.Source, w.Caller, "sweep", sweep, "generation", w.Generation)
	})
	if err != nil {
		return w, err
	}
	if err := s.keepShared(ctx, c, sweep); err != nil {
		return w, err
	}
	if w, err = s.readSweep(ctx, s.db.Read(), sweep, ""); err != nil {
		return w, err
	}
	if err := s.close(ctx, w); err != nil {
		return w, err
	}
	w, _, _, err = s.Sweep(ctx, sweep, 0, 1)
	return w, err
}

// keepShared takes out of a sweep what others have written to, or what is newer
// than its start.
func (s *Sources) keepShared(ctx context.Context, c Client, sweep int64) error {
	return s.eachItem(ctx, sweep, waiting, func(list []Item) error {
		byBlueprint := map[string][]string{}
		for _, i := range list {
			byBlueprint[i.Blueprint] = append(byBlueprint[i.Blueprint], i.Identifier)
		}
		writers := map[string]string{}
		for blueprint, ids := range byBlueprint {
			found, err := s.catalog.Writers(ctx, blueprint, ids)
			if err != nil {
				return err
			}
			for id, sources := range found {
				reason := c.shared(sources)
				for _, name := range sortedNames(sources) {
					if sources[name].After(list[0].At) && reason == "" {
						reason = "it was written after the sweep began"
					}
				}
				writers[catalog.Ref(blueprint, id)] = reason
			}
		}
		for _, i := range list {
			if reason := writers[catalog.Ref(i.Blueprint, i.Identifier)]; reason != "" {
				if err := s.settle(ctx, sweep, i, kept, reason); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Fail ends a sweep by report without believing any of it.
func (s *Sources) Fail(ctx context.Context, sweep int64, reason, by string) (Sweep, error) {
	if _, err := s.reporting(ctx, sweep); err != nil {
		return Sweep{}, err
	}
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		w, err := s.readSweep(ctx, tx, sweep, tx.ForUpdate())
		if err != nil || w.State != open {
			return err
		}
		if err := s.end(ctx, tx, &w, failed, reason); err != nil {
			return err
		}
		return s.record(ctx, tx, "sweep.fail", w.Source, by, "sweep", sweep, "reason", reason)
	})
	if err != nil {
		return Sweep{}, err
	}
	w, _, _, err := s.Sweep(ctx, sweep, 0, 1)
	return w, err
}
