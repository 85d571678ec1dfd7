package api

import (
	"context"
	"encoding/json"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/golden"
)

// onProduction waits for the required audit sink, if there is one, before
// something is done to an environment of kind production. Every right that is
// asked for comes through here.
func (a *API) onProduction(ctx context.Context, p auth.Principal, verb string, o auth.Object) error {
	switch {
	case !a.sinks.Required(), strings.HasSuffix(verb, ".read"), strings.HasSuffix(verb, ".plan"):
		return nil
	case o.EnvironmentKind == golden.Production:
		return a.confirm(ctx, p, verb, o)
	case verb == "flag.write" && o.Environment == "": // what is not of one environment reaches all of them
		return a.confirm(ctx, p, verb, o)
	case o.Blueprint == "Environment" && o.Properties["kind"] == golden.Production:
		return a.confirm(ctx, p, verb, o)
	case verb == "run.approve", verb == "run.retry", verb == "run.undo":
		return a.knownRunOnProduction(ctx, verb, o.ID)
	}
	return nil
}

// runOnProduction is onProduction for a run with these inputs.
func (a *API) runOnProduction(ctx context.Context, verb, about string, input any) error {
	if !a.sinks.Required() {
		return nil
	}
	raw, err := json.Marshal(input)
	if err != nil {
		return err
	}
	var in struct {
		Environment  any `json:"environment"`
		Environments any `json:"environments"`
	}
	if json.Unmarshal(raw, &in) != nil {
		return nil //nolint:nilerr // no object: no environment
	}
	for _, name := range append(names(in.Environment), names(in.Environments)...) {
		e, err := a.catalog.Entity(ctx, "Environment", name)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if e.Properties["kind"] == golden.Production {
			return a.confirm(ctx, who(ctx), verb, auth.Object{Kind: "run", ID: about})
		}
	}
	return nil
}

// names reads one name, or a list of them.
func names(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, one := range v {
			out = append(out, names(one)...)
		}
		return out
	}
	return nil
}

func (a *API) confirm(ctx context.Context, p auth.Principal, verb string, o auth.Object) error {
	err := a.sinks.Confirm(ctx)
	if err != nil {
		a.recordDenied(ctx, p, verb, o, err)
	}
	return err
}

// knownRunOnProduction is runOnProduction for a run that exists.
func (a *API) knownRunOnProduction(ctx context.Context, verb, id string) error {
	one, err := a.runs.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil // the handler says so
	}
	if err != nil {
		return err
	}
	return a.runOnProduction(ctx, verb, one.ID, one.Input)
}
