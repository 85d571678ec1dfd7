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
// run, or a flag, may read the request about it; those about policies are for
// who may read policies, which the list itself asks.
type Approvals struct {
	runs      *Runs
	flags     *Flags
	approvals *approval.Service
}

// Approvals guards the requests about runs, flags and policies.
func (g *Guard) Approvals(s *approval.Service, runs *Runs, flags *Flags) *Approvals {
	return &Approvals{runs: runs, flags: flags, approvals: s}
}

func noRequest() error { return fault.New(fault.NotFound, "There is no such request.") }

// seen leaves of requests those that may be read.
func (s *Approvals) seen(ctx context.Context, list []approval.Request) ([]approval.Request, error) {
	var runs []string
	for _, one := range list {
		if one.Kind == approval.KindRun {
			runs = append(runs, one.RunID)
		}
	}
	seen, err := s.runs.Seen(ctx, runs)
	if err != nil {
		return nil, err
	}
	out := make([]approval.Request, 0, len(list))
	for _, one := range list {
		may := seen[one.RunID]
		if one.Kind != approval.KindRun {
			if may, err = s.other(ctx, one.Kind, one.ID); err != nil {
				return nil, err
			}
		}
		if may {
			out = append(out, one)
		}
	}
	return out, nil
}

// other tells whether a request that is not about a run may be read.
func (s *Approvals) other(ctx context.Context, kind, id string) (bool, error) {
	if kind != approval.KindFlag {
		return true, nil
	}
	one, err := s.flags.flags.ProposalByID(ctx, id)
	if err == nil {
		err = s.flags.see(ctx, proposed(one.Proposal))
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return false, nil
	}
	return err == nil, err
}

// List is approval.Service.List without what may not be read.
func (s *Approvals) List(ctx context.Context, p auth.User, view, from string, limit int) ([]approval.Request, string, error) {
	runs, err := s.runs.g.sight(ctx, readRuns, "run")
	if err != nil {
		return nil, "", err
	}
	if err := own(ctx, p.ID); err != nil {
		return nil, "", err
	}
	fetch := func(limit int, from string) ([]approval.Request, string, error) {
		return s.approvals.List(ctx, p, view, from, limit)
	}
	flags, err := s.runs.g.sight(ctx, readFlags, "flag")
	if err != nil && !fault.Is(err, fault.Forbidden) {
		return nil, "", err
	}
	if runs.all() && flags.all() {
		return fetch(limit, from)
	}
	return filled(limit, from, fetch, func(list []approval.Request) ([]approval.Request, error) { return s.seen(ctx, list) })
}

// Get is approval.Service.Get.
func (s *Approvals) Get(ctx context.Context, p auth.User, id string) (approval.Detail, error) {
	if err := own(ctx, p.ID); err != nil {
		return approval.Detail{}, err
	}
	one, err := s.approvals.Get(ctx, p, id)
	if err == nil && one.Kind == approval.KindRun {
		err = s.runs.see(ctx, one.RunID, noRequest())
	} else if err == nil {
		var may bool
		if may, err = s.other(ctx, one.Kind, one.ID); err == nil && !may {
			err = noRequest()
		}
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
	p, err := who(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		runID, err := s.approvals.RunOf(ctx, id)
		if err != nil {
			return nil, err
		}
		if runID == "" {
			one, err := s.approvals.Get(ctx, p.User, id)
			if fault.Is(err, fault.NotFound) { // the id of a hold
				out[id] = true
				continue
			}
			if err == nil {
				out[id], err = s.other(ctx, one.Kind, id)
			}
			if err != nil {
				return nil, err
			}
			continue
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
