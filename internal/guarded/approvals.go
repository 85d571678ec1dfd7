package guarded

import (
	"context"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/run"
)

// Approvals are the requests, rules and holds of approvals. Whoever may read a
// run may read its request.
type Approvals struct {
	runs      *Runs
	approvals *approval.Service
}

// Approvals guards the requests about the runs.
func (g *Guard) Approvals(s *approval.Service, runs *Runs) *Approvals {
	return &Approvals{runs: runs, approvals: s}
}

func noRequest() error { return fault.New(fault.NotFound, "There is no such request.") }

func (s *Approvals) about(ctx context.Context, list []approval.Request) ([]auth.Object, error) {
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = one.RunID
	}
	found, err := s.runs.runs.Some(ctx, ids)
	if err != nil {
		return nil, err
	}
	runs := make([]run.Run, len(list))
	for i, id := range ids {
		runs[i] = found[id]
	}
	return s.runs.objects(ctx, runs)
}

// List is approval.Service.List without what may not be read.
func (s *Approvals) List(ctx context.Context, p auth.User, view, from string, limit int) ([]approval.Request, string, error) {
	look, err := s.runs.g.sight(ctx, readRuns, "run")
	if err != nil {
		return nil, "", err
	}
	if err := own(ctx, p.ID); err != nil {
		return nil, "", err
	}
	return page(ctx, look, limit, from, func(limit int, from string) ([]approval.Request, string, error) {
		return s.approvals.List(ctx, p, view, from, limit)
	}, s.about)
}

// Get is approval.Service.Get.
func (s *Approvals) Get(ctx context.Context, p auth.User, id string) (approval.Detail, error) {
	if err := own(ctx, p.ID); err != nil {
		return approval.Detail{}, err
	}
	one, err := s.approvals.Get(ctx, p, id)
	if err == nil {
		err = s.runs.see(ctx, one.RunID, noRequest())
	}
	if err != nil {
		return approval.Detail{}, err
	}
	return one, nil
}

// Of is approval.Service.Of.
func (s *Approvals) Of(ctx context.Context, runID string) (string, error) {
	if err := s.runs.see(ctx, runID, noRequest()); err != nil {
		return "", err
	}
	return s.approvals.Of(ctx, runID)
}

// Seen tells which of the requests may be read.
func (s *Approvals) Seen(ctx context.Context, ids []string) (map[string]bool, error) {
	out := make(map[string]bool, len(ids))
	look, err := s.runs.g.sight(ctx, readRuns, "run")
	if err != nil && !fault.Is(err, fault.Forbidden) {
		return nil, err
	}
	for _, id := range ids {
		if look.all() {
			out[id] = true
			continue
		}
		runID, err := s.approvals.RunOf(ctx, id)
		if err != nil {
			return nil, err
		}
		seen, err := s.runs.Seen(ctx, []string{runID})
		if err != nil {
			return nil, err
		}
		out[id] = seen[runID]
	}
	return out, nil
}

// Decide is approval.Service.Decide.
func (s *Approvals) Decide(ctx context.Context, actor action.Actor, runID string, w approval.Word) (run.Run, error) {
	if err := s.runs.change(ctx, "run.approve", runID); err != nil {
		return run.Run{}, err
	}
	return s.approvals.Decide(ctx, actor, runID, w)
}

// Times is approval.Service.Times.
func (s *Approvals) Times(ctx context.Context, days int) (approval.Waited, error) {
	if err := s.runs.g.may(ctx, "insight.read", auth.Object{}); err != nil {
		return approval.Waited{}, err
	}
	return s.approvals.Times(ctx, days)
}

// Rules is approval.Service.Rules.
func (s *Approvals) Rules(ctx context.Context) ([]approval.Rule, error) {
	if err := s.runs.g.may(ctx, readRuns, auth.Object{}); err != nil {
		return nil, err
	}
	return s.approvals.Rules(ctx)
}

// AddRule is approval.Service.AddRule.
func (s *Approvals) AddRule(ctx context.Context, body approval.RuleBody, by auth.User) (approval.Rule, error) {
	if err := s.runs.g.may(ctx, "approval.write", auth.Object{}); err != nil {
		return approval.Rule{}, err
	}
	return s.approvals.AddRule(ctx, body, by)
}

// PutRule is approval.Service.PutRule.
func (s *Approvals) PutRule(ctx context.Context, id string, body approval.RuleBody, position int, by auth.User) (approval.Rule, error) {
	if err := s.runs.g.may(ctx, "approval.write", auth.Object{}); err != nil {
		return approval.Rule{}, err
	}
	return s.approvals.PutRule(ctx, id, body, position, by)
}

// DeleteRule is approval.Service.DeleteRule.
func (s *Approvals) DeleteRule(ctx context.Context, id string, by auth.User) error {
	if err := s.runs.g.may(ctx, "approval.write", auth.Object{}); err != nil {
		return err
	}
	return s.approvals.DeleteRule(ctx, id, by)
}

// Delegations is approval.Service.Delegations: one's own.
func (s *Approvals) Delegations(ctx context.Context, p auth.User) ([]approval.Delegation, error) {
	if err := own(ctx, p.ID); err != nil {
		return nil, err
	}
	return s.approvals.Delegations(ctx, p)
}

// Delegate is approval.Service.Delegate.
func (s *Approvals) Delegate(ctx context.Context, p auth.User, body approval.DelegationBody) (approval.Delegation, error) {
	if err := own(ctx, p.ID); err != nil {
		return approval.Delegation{}, err
	}
	return s.approvals.Delegate(ctx, p, body)
}

// EndDelegation is approval.Service.EndDelegation.
func (s *Approvals) EndDelegation(ctx context.Context, p auth.User, id string) error {
	if err := own(ctx, p.ID); err != nil {
		return err
	}
	return s.approvals.EndDelegation(ctx, p, id)
}

// Holds is approval.Service.Holds.
func (s *Approvals) Holds(ctx context.Context) ([]approval.Hold, error) {
	if err := s.runs.g.may(ctx, readRuns, auth.Object{}); err != nil {
		return nil, err
	}
	return s.approvals.Holds(ctx)
}

// SetHold is approval.Service.SetHold.
func (s *Approvals) SetHold(ctx context.Context, body approval.HoldBody, by auth.User) (approval.Hold, error) {
	if err := s.runs.g.may(ctx, "run.hold", auth.Object{}); err != nil {
		return approval.Hold{}, err
	}
	return s.approvals.SetHold(ctx, body, by)
}

// LiftHold is approval.Service.LiftHold.
func (s *Approvals) LiftHold(ctx context.Context, id string, by auth.User) error {
	if err := s.runs.g.may(ctx, "run.hold", auth.Object{}); err != nil {
		return err
	}
	return s.approvals.LiftHold(ctx, id, by)
}
