package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/catalog/jq"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/run"
)

// facts is what rules look at.
type facts struct {
	wish     run.Wish
	input    map[string]any
	entities []catalog.Entity
	// subject is the first entity as it is answered; nil for none.
	subject map[string]any
	// environments are identifiers and kinds of those that the run touches.
	environments []environment
	risk         action.Risk
}

type environment struct {
	ID   string `json:"identifier"`
	Kind string `json:"kind"`
}

func (s *Service) facts(ctx context.Context, w run.Wish) (*facts, error) {
	f := &facts{wish: w, input: map[string]any{}}
	if len(w.Input) > 0 {
		if err := json.Unmarshal(w.Input, &f.input); err != nil {
			return nil, fault.Field("input", "is not a JSON object", "an object with one key per field")
		}
	}
	if w.Action.Input != nil { // as the action will see them
		for _, p := range w.Action.Input.Properties {
			if _, sent := f.input[p.Name]; !sent && p.Default != nil {
				f.input[p.Name] = p.Default
			}
		}
	}
	refs := slices.Clone(w.Plan.Entities)
	if w.Action.Blueprint != "" && w.Entity != "" {
		refs = append([]string{w.Action.Blueprint + "/" + w.Entity}, refs...)
	}
	seen := map[string]bool{}
	for _, ref := range refs {
		blueprint, id, ok := strings.Cut(ref, "/")
		if !ok || seen[ref] || len(f.entities) >= 50 {
			continue
		}
		seen[ref] = true
		e, err := s.Catalog.Entity(ctx, blueprint, id)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
			continue // it is going to be made
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", ref, err)
		}
		f.entities = append(f.entities, e)
	}
	var err error
	if len(f.entities) > 0 {
		if f.subject, err = asObject(f.entities[0]); err != nil {
			return nil, err
		}
	}
	if f.environments, err = s.environments(ctx, f); err != nil {
		return nil, err
	}
	f.risk = f.assess()
	return f, nil
}

func asObject(v any) (map[string]any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	var out map[string]any
	return out, json.Unmarshal(raw, &out)
}

// environments are those that inputs, the plan and the entities name.
func (s *Service) environments(ctx context.Context, f *facts) ([]environment, error) {
	var names []string
	add := func(v any) {
		switch v := v.(type) {
		case string:
			names = append(names, v)
		case []any:
			for _, one := range v {
				if text, ok := one.(string); ok {
					names = append(names, text)
				}
			}
		}
	}
	add(f.input["environment"])
	add(f.input["environments"])
	if f.wish.Action.Input != nil {
		for _, p := range f.wish.Action.Input.Properties {
			if p.Entity == "Environment" {
				add(f.input[p.Name])
			}
		}
	}
	for _, p := range f.wish.Plan.Processes {
		names = append(names, p.Environment)
	}
	for _, o := range f.wish.Plan.Objects {
		if !o.Held {
			names = append(names, o.Environment)
		}
	}
	for _, e := range f.entities {
		if e.Blueprint == "Environment" {
			names = append(names, e.Identifier)
		}
		add(e.Relations["environment"])
		add(e.Properties["environment"])
	}
	slices.Sort(names)
	var out []environment
	for _, name := range slices.Compact(names) {
		if name == "" || len(out) >= 100 {
			continue
		}
		one := environment{ID: name}
		e, err := s.Catalog.Entity(ctx, "Environment", name)
		switch {
		case err == nil:
			one.Kind, _ = e.Properties["kind"].(string)
		case !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Unprocessable):
			return nil, fmt.Errorf("read environment %s: %w", name, err)
		}
		out = append(out, one)
	}
	return out, nil
}

// assess is the risk that the action states, or else what follows from what the
// plan touches.
func (f *facts) assess() action.Risk {
	if r := f.wish.Plan.Risk; r != nil && level(r.Level) > 0 {
		return *r
	}
	r := action.Risk{Level: action.LowRisk, Reasons: []string{}}
	raise := func(to, why string) {
		if level(to) > level(r.Level) {
			r.Level = to
		}
		r.Reasons = append(r.Reasons, why)
	}
	for _, e := range f.environments {
		if e.Kind == "production" {
			raise(action.HighRisk, "It touches "+e.ID+", which is production.")
		}
	}
	for _, c := range f.wish.Plan.Catalog {
		if c.Verb == "remove" {
			raise(action.HighRisk, "It removes "+c.Blueprint+" "+c.Identifier+".")
		}
	}
	if n := len(f.wish.Plan.PullRequests); n > 0 {
		raise(action.MediumRisk, fmt.Sprintf("It changes code or configuration in %d repositories.", n))
	}
	if n := len(f.wish.Plan.Calls); n > 0 {
		raise(action.MediumRisk, "It calls other systems.")
	}
	return r
}

func level(name string) int {
	return 1 + slices.Index([]string{action.LowRisk, action.MediumRisk, action.HighRisk}, name)
}

// fits says whether a rule is about a run, and why. A condition that cannot be
// evaluated asks, and never approves.
func (s *Service) fits(ctx context.Context, r *Rule, f *facts) (bool, string) {
	m := &r.Match
	var why []string
	if len(m.Actions) > 0 {
		id := f.wish.Action.Identifier
		if !slices.ContainsFunc(m.Actions, func(p string) bool { return glob(p, id) }) {
			return false, ""
		}
		why = append(why, "the action is "+f.wish.Action.Title)
	}
	if len(m.Environments) > 0 {
		at := slices.IndexFunc(f.environments, func(e environment) bool {
			return slices.Contains(m.Environments, e.Kind) || slices.Contains(m.Environments, e.ID)
		})
		if at < 0 {
			return false, ""
		}
		why = append(why, "it touches "+f.environments[at].ID)
	}
	if len(m.Blueprints) > 0 {
		about := f.blueprints()
		at := slices.IndexFunc(about, func(b string) bool { return slices.Contains(m.Blueprints, b) })
		if at < 0 {
			return false, ""
		}
		why = append(why, "it is about a "+about[at])
	}
	if m.MinCost != nil {
		c := f.wish.Plan.Cost
		if c == nil || c.Monthly < *m.MinCost {
			return false, ""
		}
		why = append(why, fmt.Sprintf("it costs %.2f %s a month", c.Monthly, c.Currency))
	}
	if m.MinRisk != "" {
		if level(f.risk.Level) < level(m.MinRisk) {
			return false, ""
		}
		why = append(why, "its risk is "+f.risk.Level)
	}
	ok, more := s.conditions(ctx, r, f)
	if !ok {
		return false, ""
	}
	why = append(why, more...)
	if len(why) == 0 {
		return true, "Because it is so for every run."
	}
	return true, "Because " + strings.Join(why, " and ") + "."
}

func (f *facts) blueprints() []string {
	var out []string
	if f.wish.Action.Blueprint != "" {
		out = append(out, f.wish.Action.Blueprint)
	}
	for _, e := range f.wish.Plan.Entities {
		b, _, _ := strings.Cut(e, "/")
		out = append(out, b)
	}
	for _, c := range f.wish.Plan.Catalog {
		out = append(out, c.Blueprint)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// conditions are the queries and the jq of a rule.
func (s *Service) conditions(ctx context.Context, r *Rule, f *facts) (bool, []string) {
	m := &r.Match
	var why []string
	asks := r.Effect != AutoApprove
	for what, one := range map[string]struct {
		raw     json.RawMessage
		subject map[string]any
	}{
		"the entity fits the rule's query": {m.Entity, f.subject},
		"the inputs fit the rule's query":  {m.Input, map[string]any{"identifier": f.wish.Entity, "blueprint": f.wish.Action.Blueprint, "properties": f.input, "relations": map[string]any{}}},
	} {
		if len(one.raw) == 0 || string(one.raw) == "null" {
			continue
		}
		if one.subject == nil {
			return false, nil
		}
		q, problems := query.Parse(one.raw)
		fits, err := false, error(nil)
		if len(problems) == 0 {
			fits, err = q.Match(one.subject, query.Env{Now: s.Now(), User: f.wish.Actor.Email, UserTeams: f.wish.Actor.Teams})
		}
		if len(problems) > 0 || err != nil {
			if !asks {
				return false, nil
			}
			what = "a query of the rule cannot be answered"
			fits = true
		}
		if !fits {
			return false, nil
		}
		why = append(why, what)
	}
	if m.Condition == "" {
		return true, why
	}
	yes, err := s.condition(ctx, m.Condition, f)
	if err != nil {
		s.Log.InfoContext(ctx, "the condition of a rule for approvals failed", "rule", r.Name, "error", err)
		return asks, append(why, "the rule's condition cannot be answered")
	}
	return yes, append(why, "the rule's condition holds")
}

func (s *Service) condition(ctx context.Context, text string, f *facts) (bool, error) {
	program, err := jq.Compile(text)
	if err != nil {
		return false, err
	}
	subject, err := asObject(map[string]any{
		"action": map[string]any{"identifier": f.wish.Action.Identifier, "title": f.wish.Action.Title, "group": f.wish.Action.Group, "blueprint": f.wish.Action.Blueprint},
		"input":  f.input, "entity": f.subject, "environments": f.environments, "plan": f.wish.Plan, "cost": f.wish.Plan.Cost, "risk": f.risk,
		"requester": map[string]any{"email": f.wish.Actor.Email, "name": f.wish.Actor.Name, "roles": f.wish.Actor.Roles, "teams": f.wish.Actor.Teams},
	})
	if err != nil {
		return false, err
	}
	v, err := program.First(ctx, subject, jq.Limits{Time: 200e6, Output: 1 << 20})
	if err != nil {
		return false, err
	}
	yes, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("the condition gives neither true nor false")
	}
	return yes, nil
}

// glob matches identifiers; a pattern that cannot be read fits nothing but
// itself.
func glob(pattern, id string) bool {
	ok, err := path.Match(pattern, id)
	return pattern == id || err == nil && ok
}
