package flag

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// fewKeys is how many single keys may be added at once without being counted
// as everybody.
const fewKeys = 100

// rawShare stands for what an imported rule gives: nobody knows how much.
const rawShare = "by an imported rule"

// needsSecond says why another person has to agree; empty when nobody has to.
// A kill switch has to work at once.
func (f *Flags) needsSecond(p *whole, s *stored, e EnvironmentInfo, before, after Setting) string {
	if e.Kind != production || p.settings.MaxStep >= Whole {
		return ""
	}
	if s.Kind == KillSwitch && same(before.patched(Patch{On: &after.On}), after) {
		return ""
	}
	if by := raise(before, after, f.d.Now()); by > p.settings.MaxStep {
		return fmt.Sprintf("This raises a share in %s by %s at once; more than %s needs a second person.", e.ID, percent(by), percent(p.settings.MaxStep))
	}
	return ""
}

// raise is by how much the share of any variation grows but that of the off
// variation as it was: for everybody or for those of one rule, now or by a
// schedule or ramp.
func raise(before, after Setting, now time.Time) int {
	most := 0
	base := shareMap(before.everybody(now))
	grow := func(old map[string]int, fresh []Weight) {
		if fresh == nil {
			fresh = []Weight{{Variation: rawShare, Weight: Whole}}
		}
		for _, w := range fresh {
			if w.Variation != before.Off {
				most = max(most, w.Weight-old[w.Variation])
			}
		}
	}
	for _, s := range after.states(now) {
		if !s.On {
			grow(base, []Weight{{Variation: s.Off, Weight: Whole}})
			continue
		}
		for _, at := range s.Serve.moments(now) {
			grow(base, s.Serve.shares(s.Default, at))
		}
		for _, r := range s.Rules {
			old := base
			if i := slices.IndexFunc(before.Rules, func(o Rule) bool { return o.ID == r.ID && same(o.Conditions, r.Conditions) }); i >= 0 && before.On {
				if same(before.Rules[i].Serve, r.Serve) && before.Default == s.Default {
					continue
				}
				old = shareMap(before.Rules[i].Serve.shares(before.Default, now))
			}
			for _, at := range r.Serve.moments(now) {
				grow(old, r.Serve.shares(s.Default, at))
			}
		}
		for _, t := range s.Targets {
			if t.Variation != before.Off && len(t.Values)-targeted(before.Targets, t) > fewKeys {
				most = Whole
			}
		}
	}
	return most
}

// states are a setting now and after each entry of its schedule.
func (s Setting) states(now time.Time) []Setting {
	s = s.at(now)
	out := []Setting{s}
	for len(s.Schedule) > 0 {
		s = s.apply(s.Schedule[0])
		s.Schedule = s.Schedule[1:]
		out = append(out, s)
	}
	return out
}

// moments are when the shares of a serve are to be looked at.
func (v Serve) moments(now time.Time) []time.Time {
	out := []time.Time{now}
	if v.Ramp != nil {
		for _, step := range v.Ramp.Steps {
			out = append(out, step.At)
		}
	}
	return out
}

func shareMap(list []Weight) map[string]int {
	out := map[string]int{}
	for _, w := range list {
		out[w.Variation] += w.Weight
	}
	if list == nil {
		out[rawShare] = Whole
	}
	return out
}

// inProduction calls with every setting in a production environment.
func (p *whole) inProduction(s *stored, do func(e EnvironmentInfo, v Setting) error) error {
	if p.settings.MaxStep >= Whole {
		return nil
	}
	for _, e := range p.kinds {
		if e.Kind != production {
			continue
		}
		if err := do(e, s.setting(e.ID)); err != nil {
			return err
		}
	}
	return nil
}

// newValues refuses to give a variation another value while many get it in
// production: all of them would get the new one at once.
func (f *Flags) newValues(p *whole, s *stored, before Settings) error {
	other := map[string]bool{}
	for _, old := range before.Variations {
		for _, v := range s.Variations {
			if v.Name == old.Name && compact(v.Value) != compact(old.Value) {
				other[v.Name] = true
			}
		}
	}
	if len(other) == 0 {
		return nil
	}
	now := f.d.Now()
	return p.inProduction(s, func(e EnvironmentInfo, v Setting) error {
		for _, state := range v.states(now) {
			lists := [][]Weight{state.everybody(now)}
			for _, r := range state.Rules {
				if state.On {
					lists = append(lists, r.Serve.shares(state.Default, now))
				}
			}
			for _, list := range lists {
				for _, w := range list {
					if other[w.Variation] && w.Weight > p.settings.MaxStep {
						return fault.Refuse("flag-step-limit", fmt.Sprintf("%s of %s get the variation %s, whose value would change at once.", percent(w.Weight), e.ID, w.Variation),
							"Add a variation with the new value and raise its share step by step.", "the owners of "+s.Service)
					}
				}
			}
		}
		return nil
	})
}

// segmentLimit refuses to change who is in a segment while a rule in
// production gives it more than a step.
func (f *Flags) segmentLimit(p *whole, segment string) error {
	now := f.d.Now()
	for i := range p.flags {
		s := &p.flags[i]
		if s.ArchivedAt != nil {
			continue
		}
		err := p.inProduction(s, func(e EnvironmentInfo, v Setting) error {
			for _, state := range v.states(now) {
				without := state
				without.Rules = nil
				for _, r := range state.Rules {
					if state.On && slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.Operator == OpSegment && c.Segment == segment }) {
						with := without
						with.Rules = []Rule{r}
						if raise(without, with, now) > p.settings.MaxStep {
							return fault.Refuse("flag-step-limit", fmt.Sprintf("The flag %s gives the segment %s in %s more than one step allows.", s.Key, segment, e.ID),
								"Make another segment, and propose to use it in the rule.", "the owners of "+s.Service)
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// restored takes a flag out of the archive, off in production.
func (f *Flags) restored(ctx context.Context, tx *store.Tx, p *whole, s *stored, reason string, by Who) error {
	s.ArchivedAt = nil
	return p.inProduction(s, func(e EnvironmentInfo, v Setting) error {
		after := v.at(f.d.Now())
		after.On, after.Schedule = false, []Scheduled{}
		if same(v, after) {
			return nil
		}
		if err := f.addVersion(ctx, tx, s, versionRow{environment: e.ID, verb: "restore", reason: reason, diff: diff(v, after, f.d.Now()), before: v, after: after, by: by}); err != nil {
			return err
		}
		return f.putEnvironment(ctx, tx, s, e.ID, after, by)
	})
}
