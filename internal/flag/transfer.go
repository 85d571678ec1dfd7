package flag

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/fault"
	"sphera/internal/flag/eval"
	"sphera/internal/store"
)

// Export is the flagd definition of a set.
func (f *Flags) Export(ctx context.Context, project, environment string) (json.RawMessage, error) {
	if _, err := f.environment(ctx, environment); err != nil {
		return nil, err
	}
	p, err := f.load(ctx, f.d.DB.Read(), project)
	if err != nil {
		return nil, err
	}
	raw, _, err := p.definition(environment, f.d.Now())
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.Indent(&out, raw, "", "  ")
	return out.Bytes(), err
}

// errDryRun takes a transaction back after it was tried.
var errDryRun = errors.New("nothing is kept of a dry run")

// imported is a flagd definition.
type imported struct {
	Evaluators map[string]json.RawMessage `json:"$evaluators"`
	Flags      map[string]importedFlag    `json:"flags"`
}

type importedFlag struct {
	State          string                     `json:"state"`
	Variants       map[string]json.RawMessage `json:"variants"`
	DefaultVariant string                     `json:"defaultVariant"`
	Targeting      json.RawMessage            `json:"targeting"`
	Metadata       map[string]any             `json:"metadata"`
}

// Import makes flags of a flagd definition, in one environment. Targeting that
// the editor does not know is kept as it is; references to evaluators are
// written out, so that the flag stands alone.
func (f *Flags) Import(ctx context.Context, project, environment string, definition json.RawMessage, dryRun bool, reason string, by Who) (ImportReport, error) {
	report := ImportReport{Created: []string{}, Updated: []string{}, Same: []string{}, Problems: []string{}, Raw: []string{}}
	e, err := f.environment(ctx, environment)
	if err != nil {
		return report, err
	}
	set, problems := eval.Compile(definition, eval.Options{MaxBytes: 16 << 20})
	for _, p := range problems {
		if len(report.Problems) < 50 {
			report.Problems = append(report.Problems, fmt.Sprintf("%s %s %s", p.Flag, p.Path, p.Problem))
		}
	}
	if set == nil {
		return report, fault.Field("definition", "is not a flagd definition", "see problems").WithData(report)
	}
	var doc imported
	if err := json.Unmarshal(definition, &doc); err != nil {
		return report, fault.Field("definition", "is not a flagd definition", "flags by key, with state, variants, defaultVariant and targeting")
	}
	reported := report
	err = f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		report = reported
		for _, key := range sortedKeys(doc.Flags) {
			if err := f.importOne(ctx, tx, p, e, key, doc, reason, by, &report); err != nil {
				return inField("definition.flags."+key, err)
			}
		}
		if dryRun {
			return errDryRun
		}
		return nil
	})
	if dryRun && errors.Is(err, errDryRun) {
		err = nil
	}
	if err != nil {
		return report, fmt.Errorf("import flags into %s: %w", project, err)
	}
	return report, nil
}

func (f *Flags) importOne(ctx context.Context, tx *store.Tx, p *whole, e EnvironmentInfo, key string, doc imported, reason string, by Who, report *ImportReport) error {
	in := doc.Flags[key]
	settings, err := in.settings()
	if err != nil {
		return err
	}
	if !flagKeyPattern.MatchString(key) {
		report.Problems = append(report.Problems, key+" is left out: a flag's key has "+keyRule)
		return nil
	}
	rule := writtenOut(in.Targeting, doc.Evaluators)
	after := initial(settings)
	after.On, after.Default, after.Off = in.State == "ENABLED", in.DefaultVariant, ""
	if len(rule) > 2 {
		after.Serve = Serve{Raw: rule}
		report.Raw = append(report.Raw, key)
	}
	s := p.flag(key)
	if s == nil {
		report.Created = append(report.Created, key)
		s = newStored(p, key, key, settings, by, f)
		if err := f.create(ctx, tx, p, s, nil, []EnvironmentInfo{e}, reason, "import", by); err != nil {
			return err
		}
		p.flags = append(p.flags, *s)
		s = &p.flags[len(p.flags)-1]
	} else {
		settings.Title, settings.Description, settings.Kind, settings.Permanent, settings.LifetimeDays = s.Title, s.Description, s.Kind, s.Permanent, s.LifetimeDays
		settings.Owner, settings.Tags, settings.ClientVisible = s.Owner, s.Tags, s.ClientVisible
		before := s.last
		if len(diffSettings(s.Settings, keepOrder(settings, s.Settings))) > 0 {
			if err := f.update(ctx, tx, p, s, keepOrder(settings, s.Settings), s.Version, reason, "import", by); err != nil {
				return err
			}
		}
		if before == s.last && f.compiledSame(p, s, e, after) {
			report.Same = append(report.Same, key)
			return nil
		}
		report.Updated = append(report.Updated, key)
	}
	_, err = f.editIn(ctx, tx, p, s, edit{
		environment: e, version: s.versions[e.ID], reason: reason, verb: "import", by: by,
		after: func(*stored, Setting) (Setting, error) { return after, nil },
	})
	return err
}

// compiledSame tells that an import changes nothing about what is answered: an
// export that comes back keeps its rules as the editor knows them.
func (f *Flags) compiledSame(p *whole, s *stored, e EnvironmentInfo, after Setting) bool {
	entry := func(v Setting) tree {
		was, had := s.settings[e.ID]
		s.settings[e.ID] = v
		b := &builder{p: p, environment: e.ID, now: f.d.Now(), segments: map[string]bool{}}
		out := b.flag(s)
		evaluators := map[string]json.RawMessage{}
		for key := range b.segments {
			if raw, err := json.Marshal(b.segment(*p.segment(key))); err == nil {
				evaluators[key] = raw
			}
		}
		if raw, err := json.Marshal(out["targeting"]); err == nil && out["targeting"] != nil {
			out["targeting"] = writtenOut(raw, evaluators)
		}
		delete(out, "metadata")
		if had {
			s.settings[e.ID] = was
		} else {
			delete(s.settings, e.ID)
		}
		return out
	}
	return same(entry(s.setting(e.ID)), entry(after))
}

// keepOrder gives variations the order that a flag has already: JSON has none.
func keepOrder(in, of Settings) Settings {
	place := func(v Variation) int {
		if i := slices.IndexFunc(of.Variations, func(o Variation) bool { return o.Name == v.Name }); i >= 0 {
			return i
		}
		return len(of.Variations)
	}
	slices.SortStableFunc(in.Variations, func(a, b Variation) int { return place(a) - place(b) })
	for i, v := range in.Variations {
		if at := place(v); at < len(of.Variations) {
			in.Variations[i].Description = of.Variations[at].Description
			if compact(v.Value) == compact(of.Variations[at].Value) {
				in.Variations[i].Value = of.Variations[at].Value
			}
		}
	}
	return in
}

func compact(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return string(raw)
	}
	return out.String()
}

func (in importedFlag) settings() (Settings, error) {
	s := Settings{Kind: Release, Tags: []string{}}
	for _, name := range sortedKeys(in.Variants) {
		s.Variations = append(s.Variations, Variation{Name: name, Value: in.Variants[name]})
	}
	if len(s.Variations) > 0 {
		var first any
		if err := json.Unmarshal(s.Variations[0].Value, &first); err != nil {
			return s, fault.Field("variants", "cannot be read", "booleans, texts, numbers or objects")
		}
		s.Type = typeOf(first)
	}
	return s, s.complete()
}

// writtenOut puts evaluators in the places that name them.
func writtenOut(rule json.RawMessage, evaluators map[string]json.RawMessage) json.RawMessage {
	if len(evaluators) == 0 || len(rule) == 0 {
		return rule
	}
	var v any
	if json.Unmarshal(rule, &v) != nil {
		return rule
	}
	var put func(v any) any
	put = func(v any) any {
		switch x := v.(type) {
		case []any:
			for i := range x {
				x[i] = put(x[i])
			}
		case map[string]any:
			if name, ok := x["$ref"].(string); ok && len(x) == 1 {
				if raw, known := evaluators[name]; known {
					return raw
				}
			}
			for key := range x {
				x[key] = put(x[key])
			}
		}
		return v
	}
	out, err := json.Marshal(put(v))
	if err != nil {
		return rule
	}
	return out
}
