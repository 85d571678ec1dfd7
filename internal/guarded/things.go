package guarded

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
)

// Things tell by name what may be read: of audit events, and of what browsers
// are told has changed.
type Things struct {
	g         *Guard
	runs      *Runs
	forge     *Forge
	flags     *Flags
	approvals *Approvals
	services  *Services
}

// Things puts together what knows of each kind.
func (g *Guard) Things(r *Runs, f *Forge, flags *Flags, a *Approvals, s *Services) *Things {
	return &Things{g: g, runs: r, forge: f, flags: flags, approvals: a, services: s}
}

// unscoped is who acts without the scopes of the credential: one that was made
// to read the audit log is not one to read runs, and reads of them there.
func unscoped(ctx context.Context) context.Context {
	p, ok := auth.From(ctx)
	if !ok || p.Scopes == nil {
		return ctx
	}
	p.Scopes = nil
	return auth.WithPrincipal(ctx, p)
}

// Hidden tells which of the names may not be read: "run/ID", "repository/NAME",
// "pull-request/REPOSITORY/NUMBER", "flag/PROJECT" with or without "/KEY",
// "secret/NAME", "approval/ID", "instance/SERVICE/ENVIRONMENT", and entities as
// "Blueprint/identifier". Of runs and repositories that are gone nobody knows
// any more whose they were: they are hidden from those who do not see all.
func (t *Things) Hidden(ctx context.Context, names []string) (map[string]bool, error) {
	if _, err := who(ctx); err != nil {
		return nil, err
	}
	ctx = unscoped(ctx)
	hidden := map[string]bool{}
	var runs, entities []string
	for _, name := range names {
		if _, done := hidden[name]; done {
			continue
		}
		kind, id, _ := strings.Cut(name, "/")
		if kind == "run" && id != "" {
			runs = append(runs, id)
			continue
		}
		known, is, err := t.one(ctx, kind, id)
		if err != nil {
			return nil, err
		}
		if !known {
			entities = append(entities, name)
			continue
		}
		hidden[name] = is
	}
	if len(runs) > 0 {
		seen, err := t.runs.Seen(ctx, runs)
		if err != nil {
			return nil, err
		}
		for _, id := range runs {
			hidden["run/"+id] = !seen[id]
		}
	}
	if len(entities) == 0 {
		return hidden, nil
	}
	of, err := t.g.catalog.Hidden(ctx, entities)
	if fault.Is(err, fault.Forbidden) { // who may read nothing of the catalog
		err = nil
		for _, name := range entities {
			hidden[name] = name != ""
		}
	}
	maps.Copy(hidden, of)
	return hidden, err
}

// one decides about what is no run and no entity.
func (t *Things) one(ctx context.Context, kind, id string) (known, hidden bool, err error) {
	if id == "" {
		return false, false, nil
	}
	switch kind {
	case "repository":
		err = t.forge.see(ctx, id)
	case "pull-request":
		err = t.pull(ctx, id)
	case "flag":
		project, flag, _ := strings.Cut(id, "/")
		err = t.flags.see(ctx, place{project: project, flag: flag})
	case "secret":
		err = t.g.may(ctx, "secret.read", secretObject(id))
	case "approval":
		seen, err := t.approvals.Seen(ctx, []string{id})
		return true, !seen[id], err
	case "instance":
		service, environment, _ := strings.Cut(id, "/")
		is, err := t.services.hidden(ctx, service, environment)
		return true, is, err
	default:
		return false, false, nil
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unprocessable) {
		return true, true, nil
	}
	return true, false, err
}

func (t *Things) pull(ctx context.Context, id string) error {
	look, err := t.g.sight(ctx, readForge, "pull-request")
	if err != nil {
		return err
	}
	at := strings.LastIndex(id, "/")
	number, bad := strconv.Atoi(id[at+1:])
	if at < 0 || bad != nil {
		return noPull(id, 0)
	}
	if err := t.forge.see(ctx, id[:at]); err != nil || look.all() {
		return err
	}
	_, o, err := t.forge.pull(ctx, id[:at], number)
	if err != nil {
		return err
	}
	return look.one(ctx, o, noPull(id[:at], number))
}

// Events leaves out what is about things that may not be read. That a run which
// may not be read did something stands nowhere.
func (t *Things) Events(ctx context.Context, events []audit.Event) ([]audit.Event, error) {
	if _, err := who(ctx); err != nil {
		return nil, err
	}
	ctx = unscoped(ctx)
	names := make([]string, 0, 3*len(events))
	for _, e := range events {
		names = append(names, e.Object, e.Entity)
		if e.RunID != "" {
			names = append(names, "run/"+e.RunID)
		}
	}
	hidden, err := t.Hidden(ctx, names)
	if err != nil {
		return nil, err
	}
	out := make([]audit.Event, 0, len(events))
	for _, e := range events {
		family := audit.Family(e.Verb)
		byHidden := e.RunID != "" && hidden["run/"+e.RunID]
		if hidden[e.Object] || hidden[e.Entity] || byHidden && (family == "run" || family == "approval") {
			continue
		}
		if strings.HasPrefix(family, "flag") {
			seen, err := t.flagEvent(ctx, e)
			if err != nil {
				return nil, err
			}
			if !seen {
				continue
			}
		}
		if byHidden {
			e.RunID = ""
		}
		out = append(out, e)
	}
	return out, nil
}

// flagEvent tells whether the flag that an event is about may be read. Events
// of flags are kept with the service, their details name the flag.
func (t *Things) flagEvent(ctx context.Context, e audit.Event) (bool, error) {
	var about struct {
		Project     string `json:"project"`
		Key         string `json:"key"`
		Flag        string `json:"flag"`
		Environment string `json:"environment"`
	}
	if json.Unmarshal(e.Detail, &about) != nil {
		return false, nil //nolint:nilerr // what cannot be read is not shown
	}
	if about.Project == "" {
		about.Project = about.Key
	}
	look, err := t.g.sight(ctx, readFlags, "flag")
	if fault.Is(err, fault.Forbidden) {
		return false, nil
	}
	if err != nil || look.all() || about.Project == "" {
		return err == nil, err
	}
	err = t.flags.see(ctx, place{project: about.Project, flag: about.Flag, environment: about.Environment})
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// All tells whether who acts may read everything there is of these kinds.
func (t *Things) All(ctx context.Context) (bool, error) {
	ctx = unscoped(ctx)
	for verb, kinds := range map[string][]string{readRuns: {"run"}, readForge: {"repository", "pull-request"}, readFlags: {"flag"}, "secret.read": {"secret"}, "audit.read": {"audit"}} {
		for _, kind := range kinds {
			look, err := t.g.sight(ctx, verb, kind)
			if fault.Is(err, fault.Forbidden) {
				return false, nil
			}
			if err != nil || !look.all() {
				return false, err
			}
		}
	}
	return t.g.catalog.Whole(ctx)
}
