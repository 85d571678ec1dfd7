package flag

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sphera/internal/fault"
	"sphera/internal/flag/eval"
)

// Evaluate answers what a context gets, with the path through the rules.
func (f *Flags) Evaluate(ctx context.Context, project string, in Evaluation) ([]Outcome, error) {
	if _, err := f.environment(ctx, in.Environment); err != nil {
		return nil, err
	}
	p, err := f.load(ctx, f.d.DB.Read(), project)
	if err != nil {
		return nil, err
	}
	at := f.d.Now()
	if in.At != nil {
		at = *in.At
	}
	if in.Flag != "" {
		s := p.flag(in.Flag)
		if s == nil || s.ArchivedAt != nil {
			return nil, fault.New(fault.NotFound, "There is no flag %s in the project %s, or it is archived.", in.Flag, project)
		}
		if in.Change != nil {
			if err := f.tryOn(p, s, in.Environment, *in.Change); err != nil {
				return nil, err
			}
		}
	}
	snap, err := p.snapshot(in.Environment, f.d.Now())
	if err != nil {
		return nil, err
	}
	about := eval.NewContext(in.Context)
	if in.Flag != "" {
		return []Outcome{p.outcome(snap, in.Flag, in.Environment, about, at)}, nil
	}
	out := []Outcome{}
	for _, key := range snap.Set.Keys() {
		out = append(out, outcomeOf(snap.Set.Evaluate(key, about, at.Unix())))
	}
	return out, nil
}

// tryOn puts a change on, in memory only.
func (f *Flags) tryOn(p *whole, s *stored, environment string, change Patch) error {
	v := s.setting(environment).at(f.d.Now()).patched(change).filled(s.Settings)
	c := checker{p: p, f: s, environment: environment, now: f.d.Now()}
	if err := c.fit(&v); err != nil {
		return err
	}
	s.settings[environment] = v
	return nil
}

func outcomeOf(r eval.Result) Outcome {
	o := Outcome{Flag: r.Key, Reason: r.Reason, ErrorCode: r.ErrorCode, Error: r.ErrorDetails, Path: []PathStep{}}
	if r.Variant != nil {
		o.Variation, o.Value = r.Variant.Name, json.RawMessage(r.Variant.Raw)
	}
	return o
}

// outcome evaluates one flag and tells the path in the words of its rules.
func (p *whole) outcome(snap *Snapshot, key, environment string, about *eval.Context, at time.Time) Outcome {
	o := outcomeOf(snap.Set.Evaluate(key, about, at.Unix()))
	s := p.flag(key)
	w := walker{p: p, s: s, environment: environment, about: about, at: at}
	w.walk(s.setting(environment).at(at))
	end := "gives " + orCode(o.Variation)
	if o.ErrorCode != "" {
		end = "the rule failed: " + o.Error
	}
	o.Path = append(w.path, PathStep{Text: end, Outcome: o.Variation})
	return o
}

// walker goes through a setting as the compiled rule does, and says each step.
// Every single test is asked of the evaluator, so that words and answer agree.
type walker struct {
	p           *whole
	s           *stored
	environment string
	about       *eval.Context
	at          time.Time
	path        []PathStep
}

func (w *walker) say(depth int, rule, outcome, format string, args ...any) {
	w.path = append(w.path, PathStep{Text: fmt.Sprintf(format, args...), Depth: depth, Outcome: outcome, Rule: rule})
}

// ask evaluates one expression; text is what it gave.
func (w *walker) ask(expression any) (string, []eval.ExplanationStep) {
	raw, err := json.Marshal(expression)
	if err != nil {
		return "", nil
	}
	evaluators := tree{}
	b := w.builder()
	for _, s := range w.p.segments {
		evaluators[s.Key] = b.segment(s)
	}
	variants := tree{"true": true, "false": false}
	for _, v := range w.s.Variations {
		variants[v.Name] = true
	}
	definition, err := json.Marshal(tree{"$evaluators": evaluators, "flags": tree{w.s.Key: tree{"state": "ENABLED", "variants": variants, "targeting": tree{"if": []any{true, json.RawMessage(raw)}}}}})
	if err != nil {
		return "", nil
	}
	set, _ := eval.Compile(definition, eval.Options{Bucketing: w.p.settings.Bucketing})
	if set == nil {
		return "", nil
	}
	x := set.Explain(w.s.Key, w.about, w.at.Unix())
	if x.Result.Variant == nil {
		return "", x.Steps
	}
	return x.Result.Variant.Name, x.Steps
}

func (w *walker) builder() *builder {
	return &builder{p: w.p, environment: w.environment, now: w.at, segments: map[string]bool{}}
}

// holds asks whether an expression is true.
func (w *walker) holds(expression any) (bool, []eval.ExplanationStep) {
	got, steps := w.ask(op("if", expression, "true", "false"))
	return got == "true", steps
}

func (w *walker) walk(s Setting) {
	if !s.On {
		w.say(0, "", s.Off, "%s is off in %s", w.s.Key, w.environment)
		return
	}
	w.say(0, "", "", "%s is on in %s", w.s.Key, w.environment)
	for _, need := range s.Prerequisites {
		ok, _ := w.holds(w.builder().prerequisite(need, 0))
		w.say(0, "", fmt.Sprint(ok), "prerequisite: %s", needs([]Prerequisite{need}))
		if !ok {
			return
		}
	}
	for _, t := range s.Targets {
		if ok, _ := w.holds(op("in", attribute(keyOf(t.Attribute)), t.Values)); ok {
			w.say(0, "", t.Variation, "%s is one of the single keys for %s", keyOf(t.Attribute), t.Variation)
			return
		}
	}
	for i, r := range s.Rules {
		ok, steps := w.holds(w.builder().conditions(r.Conditions, "and"))
		w.say(0, r.ID, fmt.Sprint(ok), "rule %s", title(r, i))
		for _, step := range steps {
			w.path = append(w.path, PathStep{Text: step.Text, Depth: 1, Outcome: step.Outcome, Rule: r.ID})
		}
		if ok {
			w.serve(s, r.Serve, r.ID)
			return
		}
	}
	w.say(0, "", "", "everybody else")
	w.serve(s, s.Serve, "")
}

// serve says how a share was divided.
func (w *walker) serve(s Setting, v Serve, rule string) {
	got, steps := w.ask(w.builder().serve(w.s, s, v))
	if got == "" {
		got = s.Default
	}
	switch {
	case len(v.Weights) > 0:
		divided := false
		for _, step := range steps {
			if step.Of > 0 {
				divided = true
				w.path = append(w.path, PathStep{
					Text:  fmt.Sprintf("by %s: %s of 100 %%, where %s", keyOf(v.By), percent(int(step.Bucket*Whole/step.Of)), v.words(s.Default, w.at)),
					Depth: 1, Outcome: got, Rule: rule, Bucket: step.Bucket, Of: step.Of,
				})
			}
		}
		if !divided {
			w.say(1, rule, got, "%s is absent, so no share is drawn", keyOf(v.By))
		}
	case len(v.Raw) > 0 && string(v.Raw) != "null":
		w.say(1, rule, got, "an imported rule")
		for _, step := range steps {
			w.path = append(w.path, PathStep{Text: step.Text, Depth: 2, Outcome: step.Outcome, Rule: rule, Bucket: step.Bucket, Of: step.Of})
		}
	}
}
