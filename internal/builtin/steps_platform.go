package builtin

import (
	"context"
	"fmt"
	"io"

	"sphera/action"
)

type slotsArgs struct {
	Service string `json:"service"`
	Slots   []slot `json:"slots"`
}

type slot struct {
	Environment string `json:"environment"`
	Name        string `json:"name"`
}

type nothing struct{}

// slotsStep makes the named, still empty places for secrets.
func slotsStep(d Deps) action.StepKind[slotsArgs, nothing] {
	return action.NewStepType("secret.slots", action.ByName,
		func(ctx context.Context, x *action.Exec, in slotsArgs) (nothing, error) {
			for _, s := range in.Slots {
				if _, err := d.Secrets.Ensure(ctx, in.Service, s.Environment, s.Name, x.Actor.ID, x.RunID); err != nil {
					return nothing{}, permanentIfFault(fmt.Errorf("make the secret slot %s in %s: %w", s.Name, s.Environment, err))
				}
				x.Changed(action.Change{Kind: "secret_slot", Verb: "created", Title: s.Name + " in " + s.Environment})
				x.Boundary("slot")
			}
			x.Logf("made %d secret slots, empty for now", len(in.Slots))
			return nothing{}, nil
		}).
		WithUndo(func(ctx context.Context, x *action.Exec, in slotsArgs, _ nothing) error {
			for _, s := range in.Slots {
				if err := ignoreMissing(d.Secrets.Remove(ctx, in.Service, s.Environment, s.Name, x.Actor.ID, x.RunID)); err != nil {
					return fmt.Errorf("remove the secret slot %s in %s: %w", s.Name, s.Environment, err)
				}
				x.Boundary("slot")
			}
			x.Logf("removed %d secret slots", len(in.Slots))
			return nil
		}).
		WithBoundaries("slot")
}

type flagProjectArgs struct {
	Key     string `json:"key"`
	Service string `json:"service"`
}

// flagProjectStep makes the service's flag project.
func flagProjectStep(d Deps) action.StepKind[flagProjectArgs, nothing] {
	return action.NewStepType("flag.project", action.ByName,
		func(ctx context.Context, x *action.Exec, in flagProjectArgs) (nothing, error) {
			if _, err := d.Flags.Ensure(ctx, in.Key, in.Service, x.Actor.ID, x.RunID); err != nil {
				return nothing{}, permanentIfFault(fmt.Errorf("make the flag project %s: %w", in.Key, err))
			}
			x.Logf("made the flag project %s, without flags for now", in.Key)
			x.Changed(action.Change{Kind: "flag_project", Verb: "created", Title: in.Key})
			return nothing{}, nil
		}).
		WithUndo(func(ctx context.Context, x *action.Exec, in flagProjectArgs, _ nothing) error {
			if err := ignoreMissing(d.Flags.Remove(ctx, in.Key, x.Actor.ID, x.RunID)); err != nil {
				return fmt.Errorf("remove the flag project %s: %w", in.Key, err)
			}
			x.Logf("removed the flag project %s", in.Key)
			return nil
		})
}

type contractArgs struct {
	Service string `json:"service"`
	// Strict makes the step fail when a check fails.
	Strict bool `json:"strict"`
	// DeployStep is the step of the run that started the service in
	// Environment; empty when none did.
	DeployStep  string `json:"deployStep,omitempty"`
	Environment string `json:"environment,omitempty"`
}

type contractResult struct {
	Passed  int      `json:"passed"`
	Failing []string `json:"failing"`
}

// contractStep holds the service against the service contract.
func contractStep(d Deps) action.StepKind[contractArgs, contractResult] {
	return action.NewStepType("golden.verify", action.ByName,
		func(ctx context.Context, x *action.Exec, in contractArgs) (contractResult, error) {
			if err := in.awaitService(ctx, d, x); err != nil {
				return contractResult{}, err
			}
			checks, err := d.Contracts.Check(ctx, in.Service)
			if err != nil {
				return contractResult{}, fmt.Errorf("check the service contract of %s: %w", in.Service, err)
			}
			out := contractResult{Failing: []string{}}
			for _, c := range checks {
				if c.OK {
					out.Passed++
					x.Logf("ok   %s", c.Title)
					continue
				}
				out.Failing = append(out.Failing, c.Title)
				x.Logf("FAIL %s: %s; expected %s", c.Title, c.Found, c.Expected)
			}
			if in.Strict && len(out.Failing) > 0 {
				return out, fmt.Errorf("%d of %d checks of the service contract fail, first: %s", len(out.Failing), len(checks), out.Failing[0])
			}
			return out, nil
		})
}

// awaitService waits until what the run started answers. It did so once, but
// when the portal has ended since, it is just being started again, and its
// absence says nothing about the contract.
func (in contractArgs) awaitService(ctx context.Context, d Deps, x *action.Exec) error {
	if in.DeployStep == "" {
		return nil
	}
	deployed, err := action.Result[deployResult](x, in.DeployStep)
	if err != nil {
		return err
	}
	if _, err := d.Runtime.WaitReady(ctx, in.Service, in.Environment, deployed.Version, io.Discard); err != nil {
		return permanentIfFault(fmt.Errorf("wait for %s in %s: %w", in.Service, in.Environment, err))
	}
	return nil
}
