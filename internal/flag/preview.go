package flag

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/flag/eval"
)

// Preview says what an edit would do.
func (f *Flags) Preview(ctx context.Context, project, key, environment string, in Patch, samples []Sample) (Preview, error) {
	e, err := f.environment(ctx, environment)
	if err != nil {
		return Preview{}, err
	}
	p, err := f.load(ctx, f.d.DB.Read(), project)
	if err != nil {
		return Preview{}, err
	}
	s := p.flag(key)
	if s == nil {
		return Preview{}, fault.New(fault.NotFound, "There is no flag %s in the project %s.", key, project)
	}
	return f.preview(ctx, p, s, e, s.setting(environment).at(f.d.Now()).patched(in), samples)
}

func (f *Flags) preview(ctx context.Context, p *whole, s *stored, e EnvironmentInfo, after Setting, samples []Sample) (Preview, error) {
	now := f.d.Now()
	before := s.setting(e.ID).at(now)
	after = after.filled(s.Settings)
	c := checker{p: p, f: s, environment: e.ID, now: now}
	if err := c.fit(&after); err != nil {
		return Preview{}, err
	}
	out := Preview{Diff: diff(before, after, now), Summary: after.summary(now), Raise: raise(before, after, now), Warnings: f.warnings(s, before, after)}
	out.Why = f.needsSecond(p, s, e, before, after)
	out.NeedsApproval = out.Why != ""

	b := &builder{p: p, environment: e.ID, now: now, segments: map[string]bool{}}
	old, err := p.snapshot(e.ID, now)
	if err != nil {
		return Preview{}, err
	}
	s.settings[e.ID] = after
	fresh, err := p.snapshot(e.ID, now)
	if err != nil {
		return Preview{}, err
	}
	if out.Definition, err = json.Marshal(b.flag(s)); err != nil {
		return Preview{}, fmt.Errorf("write the definition: %w", err)
	}
	both := comparison{old: old.Set, fresh: fresh.Set, key: s.Key, now: now.Unix()}
	for _, sample := range append(slices.Clone(p.settings.Samples), samples...) {
		x, y := both.of(sample.Context)
		out.Samples = append(out.Samples, SampleChange{Name: sample.Name, Before: x, After: y, Changed: x != y})
	}
	out.Population, err = f.population(ctx, p, both)
	return out, err
}

// comparison evaluates before and after.
type comparison struct {
	old, fresh *eval.Set
	key        string
	now        int64
}

func (c comparison) of(values map[string]any) (before, after string) {
	about := eval.NewContext(values)
	name := func(r eval.Result) string {
		if r.Variant == nil {
			return ""
		}
		return r.Variant.Name
	}
	return name(c.old.Evaluate(c.key, about, c.now)), name(c.fresh.Evaluate(c.key, about, c.now))
}

// The blueprint whose entities are the known accounts, and the attribute with
// their identifier, of projects that name no other.
const (
	usualPopulation = "Account"
	usualAttribute  = "accountId"
)

func (s ProjectSettings) population() (blueprint, attribute string) {
	blueprint, attribute = s.PopulationBlueprint, s.PopulationAttribute
	if blueprint == "" {
		blueprint = usualPopulation
		if attribute == "" {
			attribute = usualAttribute
		}
	}
	if attribute == "" {
		attribute = "targetingKey"
	}
	return blueprint, attribute
}

// maxKnown is how many known contexts a preview asks.
const maxKnown = 10_000

// population asks every known account: the entities of a blueprint that the
// person may read, each as a context with its identifier and properties.
func (f *Flags) population(ctx context.Context, p *whole, both comparison) (Population, error) {
	blueprint, attribute := p.settings.population()
	out := Population{Attribute: attribute, Before: []Count{}, After: []Count{}}
	if f.d.Catalog == nil {
		return out, nil
	}
	before, after := map[string]int{}, map[string]int{}
	from := ""
	for out.Known < maxKnown {
		page, err := f.d.Catalog.Search(ctx, catalog.Query{Blueprint: blueprint, Sort: "$identifier", Limit: 500, From: from})
		if fault.Is(err, fault.NotFound) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("read the known accounts: %w", err)
		}
		for _, e := range page.Entities {
			values := map[string]any{}
			maps.Copy(values, e.Properties)
			values["targetingKey"], values[out.Attribute] = e.Identifier, e.Identifier
			x, y := both.of(values)
			before[x]++
			after[y]++
			if out.Known++; x != y {
				out.Changed++
			}
		}
		if from = page.Next; from == "" {
			break
		}
	}
	out.Source, out.Before, out.After = blueprint, counts(before), counts(after)
	return out, nil
}

func counts(m map[string]int) []Count {
	out := []Count{}
	for _, name := range sortedKeys(m) {
		out = append(out, Count{Variation: name, Count: m[name]})
	}
	return out
}

// warnings are what is allowed and may surprise.
func (f *Flags) warnings(s *stored, before, after Setting) []string {
	out := []string{}
	if len(before.Serve.Weights) > 0 && len(after.Serve.Weights) > 0 {
		if keyOf(before.Serve.By) != keyOf(after.Serve.By) {
			out = append(out, fmt.Sprintf("The share is divided by %s instead of %s: others will get it.", keyOf(after.Serve.By), keyOf(before.Serve.By)))
		}
		order := func(v Serve) []string {
			names := []string{}
			for _, w := range v.Weights {
				names = append(names, w.Variation)
			}
			return names
		}
		if !slices.Equal(order(before.Serve), order(after.Serve)) {
			out = append(out, "The variations are in another order: some who have one now will get another.")
		}
	}
	for i, w := range after.Serve.Weights {
		if i > 0 && i < len(after.Serve.Weights)-1 && w.Weight != before.Serve.weightOf(w.Variation) && len(before.Serve.Weights) > 0 {
			out = append(out, fmt.Sprintf("The share of %s in the middle changes: some who have it now will get another. The first and the last can grow without that.", w.Variation))
		}
	}
	if s.ClientVisible && len(after.Prerequisites) > 0 {
		out = append(out, "Clients see the result of the prerequisite inside this flag.")
	}
	return out
}
