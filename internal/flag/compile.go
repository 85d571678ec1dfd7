package flag

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// stored is a flag as it is kept, with its settings in all environments.
type stored struct {
	Flag
	last     int64
	settings map[string]Setting
	versions map[string]int64
}

// whole is all that the sets of one project are compiled from.
type whole struct {
	key      string
	service  string
	settings ProjectSettings
	// revisions are by environment; the empty one counts for all.
	revisions map[string]int64
	flags     []stored
	segments  []Segment
	// teams look after the flag that is being changed; kinds are the
	// organisation's environments.
	teams []string
	kinds []EnvironmentInfo
	// deciders may let a change of the flag pass.
	deciders Deciders
}

func (p *whole) flag(key string) *stored {
	for i := range p.flags {
		if p.flags[i].Key == key {
			return &p.flags[i]
		}
	}
	return nil
}

func (p *whole) revision(environment string) int64 { return p.revisions[""] + p.revisions[environment] }

func (p *whole) segment(key string) *Segment {
	for i := range p.segments {
		if p.segments[i].Key == key {
			return &p.segments[i]
		}
	}
	return nil
}

// setting is what a flag does in an environment; off where nobody has said
// anything.
func (s *stored) setting(environment string) Setting {
	if v, ok := s.settings[environment]; ok {
		return v
	}
	return initial(s.Settings)
}

// initial is the setting of a flag that nobody has touched: off. A boolean
// gives false while it is off and true when it is on; of others the first
// variation is given.
func initial(s Settings) Setting {
	out := Setting{Prerequisites: []Prerequisite{}, Targets: []Target{}, Rules: []Rule{}, Schedule: []Scheduled{}}
	if len(s.Variations) == 0 {
		return out
	}
	out.Off, out.Default = s.Variations[0].Name, s.Variations[0].Name
	if s.Type != Boolean {
		return out
	}
	for _, v := range s.Variations {
		if string(v.Value) == "false" {
			out.Off = v.Name
		} else {
			out.Default = v.Name
		}
	}
	return out
}

// maxDepth is how many flags can hang on each other.
const maxDepth = 5

// builder writes one set as a flagd definition.
type builder struct {
	p           *whole
	environment string
	now         time.Time
	segments    map[string]bool
}

type tree = map[string]any

func op(name string, args ...any) tree { return tree{name: args} }

func attribute(path string) tree { return tree{"var": path} }

func timestamp() tree { return tree{"var": "$flagd.timestamp"} }

// definition is the flagd JSON of a set, and the flags that clients may see.
func (p *whole) definition(environment string, now time.Time) ([]byte, map[string]bool, error) {
	b := &builder{p: p, environment: environment, now: now, segments: map[string]bool{}}
	flags, clients := tree{}, map[string]bool{}
	for i := range p.flags {
		f := &p.flags[i]
		if f.ArchivedAt != nil {
			continue
		}
		flags[f.Key] = b.flag(f)
		if f.ClientVisible {
			clients[f.Key] = true
		}
	}
	out := tree{
		"$schema":  "https://flagd.dev/schema/v0/flags.json",
		"metadata": tree{"flagSetId": p.key, "environment": environment, "version": strconv.FormatInt(p.revision(environment), 10)},
		"flags":    flags,
	}
	if len(b.segments) > 0 {
		evaluators := tree{}
		for key := range b.segments {
			evaluators[key] = b.segment(*p.segment(key))
		}
		out["$evaluators"] = evaluators
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, nil, fmt.Errorf("write the definition of %s in %s: %w", p.key, environment, err)
	}
	return raw, clients, nil
}

// flag is one entry of flags.
func (b *builder) flag(f *stored) tree {
	s := f.setting(b.environment).at(b.now)
	variants := tree{}
	for _, v := range f.Variations {
		variants[v.Name] = v.Value
	}
	meta := tree{"version": f.versions[b.environment], "kind": f.Kind, "enabled": s.On}
	if f.Owner != "" {
		meta["owner"] = f.Owner
	}
	out := tree{"state": "ENABLED", "variants": variants, "metadata": meta}
	if s.Default != "" {
		out["defaultVariant"] = s.Default
	}
	if len(s.Schedule) > 0 {
		out["targeting"] = b.scheduled(f, s)
		return out
	}
	switch {
	case s.On:
		if rule := b.on(f, s, 0); rule != nil {
			out["targeting"] = rule
		}
	case s.Off == "":
		out["state"] = "DISABLED"
	default:
		out["defaultVariant"] = s.Off
	}
	return out
}

// at is the setting as it is at a time: what the schedule did is done.
func (s Setting) at(now time.Time) Setting {
	for len(s.Schedule) > 0 && !s.Schedule[0].At.After(now) {
		s = s.apply(s.Schedule[0])
		s.Schedule = s.Schedule[1:]
	}
	return s
}

func (s Setting) apply(change Scheduled) Setting {
	if change.On != nil {
		s.On = *change.On
	}
	if change.Serve != nil {
		s.Serve = *change.Serve
	}
	return s
}

// scheduled nests what is valid at which time: the last that has begun counts.
func (b *builder) scheduled(f *stored, s Setting) any {
	rule := b.always(f, s, 0)
	for _, change := range s.Schedule {
		s = s.apply(change)
		rule = op("if", op(">=", timestamp(), change.At.Unix()), b.always(f, s, 0), rule)
	}
	return rule
}

// always gives what a flag answers, on or off; nil is the default variation.
func (b *builder) always(f *stored, s Setting, depth int) any {
	if !s.On {
		return named(s.Off)
	}
	return b.on(f, s, depth)
}

func named(variation string) any {
	if variation == "" {
		return nil
	}
	return variation
}

// on is the rule of a flag that is on; nil when it always gives the default.
func (b *builder) on(f *stored, s Setting, depth int) any {
	var chain []any
	for _, need := range s.Prerequisites {
		chain = append(chain, op("!", b.prerequisite(need, depth)), named(s.Off))
	}
	for _, t := range s.Targets {
		if len(t.Values) > 0 {
			chain = append(chain, op("in", attribute(keyOf(t.Attribute)), t.Values), t.Variation)
		}
	}
	for _, rule := range s.Rules {
		chain = append(chain, b.conditions(rule.Conditions, "and"), b.serve(f, s, rule.Serve))
	}
	last := b.serve(f, s, s.Serve)
	if len(chain) == 0 {
		return last
	}
	return tree{"if": append(chain, last)}
}

func keyOf(attribute string) string {
	if attribute == "" {
		return "targetingKey"
	}
	return attribute
}

// prerequisite tells whether another flag gives one of the variations; its
// whole rule is written out, so that every provider can follow.
func (b *builder) prerequisite(need Prerequisite, depth int) any {
	parent := b.p.flag(need.Flag)
	if parent == nil || parent.ArchivedAt != nil || depth >= maxDepth {
		return false
	}
	s := parent.setting(b.environment).at(b.now)
	rule := b.always(parent, s, depth+1)
	for _, change := range s.Schedule {
		s = s.apply(change)
		rule = op("if", op(">=", timestamp(), change.At.Unix()), b.always(parent, s, depth+1), rule)
	}
	if rule == nil {
		return s.Default != "" && slices.Contains(need.Variations, s.Default) && s.On
	}
	return op("in", op("or", rule, s.Default), need.Variations)
}

// serve is what somebody gets; nil is the default variation.
func (b *builder) serve(f *stored, s Setting, v Serve) any {
	switch {
	case len(v.Raw) > 0 && string(v.Raw) != "null":
		return v.Raw
	case len(v.Weights) > 0:
		by := attribute(keyOf(v.By))
		args := []any{op("cat", f.Salt, by)}
		for _, w := range v.Weights {
			args = append(args, []any{w.Variation, weight(v, w)})
		}
		return op("if", op("!!", by), tree{"fractional": args}, named(v.Otherwise))
	case v.Variation == "" || v.Variation == s.Default:
		return nil
	default:
		return v.Variation
	}
}

// weight is a number, or with a ramp an expression of the time.
func weight(v Serve, w Weight) any {
	if v.Ramp == nil || w.Variation != v.Ramp.Variation && w.Variation != v.base() {
		return w.Weight
	}
	if w.Variation == v.Ramp.Variation {
		return v.Ramp.expression(w.Weight)
	}
	others := 0
	for _, other := range v.Weights {
		if other.Variation != v.Ramp.Variation && other.Variation != w.Variation {
			others += other.Weight
		}
	}
	return op("-", Whole-others, v.Ramp.expression(v.weightOf(v.Ramp.Variation)))
}

// base is the variation that a ramp takes its share from: the last other one.
func (v Serve) base() string {
	for _, w := range slices.Backward(v.Weights) {
		if v.Ramp == nil || w.Variation != v.Ramp.Variation {
			return w.Variation
		}
	}
	return ""
}

func (v Serve) weightOf(variation string) int {
	for _, w := range v.Weights {
		if w.Variation == variation {
			return w.Weight
		}
	}
	return 0
}

// expression is the share of a ramp by the time; before is what it is before
// the first step.
func (r *Ramp) expression(before int) any {
	chain := []any{}
	for i, step := range r.Steps {
		var until any = before
		if i > 0 {
			until = r.between(i - 1)
		}
		chain = append(chain, op("<", timestamp(), step.At.Unix()), until)
	}
	return tree{"if": append(chain, r.Steps[len(r.Steps)-1].Weight)}
}

// between is the share between a step and the next one.
func (r *Ramp) between(i int) any {
	from, to := r.Steps[i], r.Steps[i+1]
	if !r.Linear || from.Weight == to.Weight {
		return from.Weight
	}
	moved := op("/", op("*", op("-", timestamp(), from.At.Unix()), to.Weight-from.Weight), to.At.Unix()-from.At.Unix())
	return op("+", from.Weight, op("-", moved, op("%", moved, 1)))
}

// weightAt is the share of a ramp at a time.
func (r *Ramp) weightAt(before int, now time.Time) int {
	share := before
	for i, step := range r.Steps {
		if now.Before(step.At) {
			break
		}
		share = step.Weight
		if r.Linear && i+1 < len(r.Steps) && now.Before(r.Steps[i+1].At) {
			next := r.Steps[i+1]
			share += int((now.Unix() - step.At.Unix()) * int64(next.Weight-step.Weight) / (next.At.Unix() - step.At.Unix()))
		}
	}
	return share
}
