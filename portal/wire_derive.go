package portal

import (
	"context"
	"fmt"
	"time"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/run"
	"sphera/internal/store"
)

const (
	// deriveAction is how runs that work out derived values are listed.
	deriveAction = "derive_catalog"
	// derivePart is how many entities are worked out before it is looked at
	// how many are left; more than that become a run that people can see.
	derivePart = 1000
	// lookAnyway is how long a lost note can go unnoticed.
	lookAnyway = time.Minute
)

// derive works out what changes left to be worked out, and what the passing of
// time changes, until ctx ends.
func (p *parts) derive(ctx context.Context) error {
	queue, stopQueue := p.db.Subscribe(catalog.QueueTopic)
	defer stopQueue()
	verdicts, stopVerdicts := p.db.Subscribe(catalog.VerdictTopic)
	defer stopVerdicts()
	if err := p.indexText(ctx); err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "indexing the catalog's text failed; trying again at the next start", "error", err)
	}
	visible := ""
	for {
		next := lookAnyway
		if at, err := p.deriveOnce(ctx, &visible); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "working out derived values failed; trying again in a minute", "error", err)
		} else if !at.IsZero() {
			next = min(max(at.Sub(p.now()), time.Second), lookAnyway)
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-queue:
		case <-verdicts:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// deriveOnce does what there is to do, and says when time makes more.
func (p *parts) deriveOnce(ctx context.Context, visible *string) (time.Time, error) {
	_, next, err := p.catalog.DueVerdicts(ctx, derivePart)
	if err != nil {
		return next, fmt.Errorf("look for verdicts that are due: %w", err)
	}
	if *visible != "" {
		r, err := p.runs.Get(ctx, *visible)
		if err == nil && r.EndedAt.IsZero() {
			return next, nil // the run does it
		}
		*visible = ""
	}
	_, left, err := p.catalog.Recompute(ctx, derivePart)
	if err != nil || left == 0 {
		return next, err
	}
	step, err := p.deriveStep().Step("derive", "Work out derived values", deriveArgs{Entities: left})
	if err != nil {
		return next, err
	}
	err = p.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := p.runs.Start(ctx, tx, run.NewRun{
			Action: deriveAction, Title: fmt.Sprintf("Work out derived values of %d entities", left), Locks: []string{"catalog:derive"},
			Actor: action.Actor{ID: "system", Name: "Sphera", Roles: []string{}, Teams: []string{}}, Steps: []action.Step{step},
		})
		*visible = r.ID
		return err
	})
	return next, err
}

type deriveArgs struct {
	Entities int `json:"entities"`
}

// deriveStep works off the queue. Done again it goes on where it was.
func (p *parts) deriveStep() action.StepKind[deriveArgs, struct{}] {
	return action.NewStepType("catalog.derive", action.ByName, func(ctx context.Context, x *action.Exec, in deriveArgs) (struct{}, error) {
		total := 0
		for {
			done, left, err := p.catalog.Recompute(ctx, derivePart)
			if err != nil {
				return struct{}{}, err
			}
			if total += done; left == 0 {
				x.Logf("%d entities worked out", total)
				return struct{}{}, nil
			}
			x.Logf("%d of %d", total, total+left)
		}
	})
}

// indexText brings entities from before the text index into it.
func (p *parts) indexText(ctx context.Context) error {
	for {
		done, err := p.catalog.IndexText(ctx)
		if err != nil || done == 0 {
			return err
		}
	}
}
