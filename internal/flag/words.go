package flag

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func percent(thousandths int) string {
	return strconv.FormatFloat(float64(thousandths)/1000, 'f', -1, 64) + " %"
}

// words says what somebody gets.
func (v Serve) words(standard string, now time.Time) string {
	switch {
	case len(v.Raw) > 0 && string(v.Raw) != "null":
		return "by an imported rule"
	case len(v.Weights) > 0:
		var parts []string
		for _, w := range v.shares(standard, now) {
			if w.Weight > 0 {
				parts = append(parts, percent(w.Weight)+" "+w.Variation)
			}
		}
		out := strings.Join(parts, ", ") + " by " + keyOf(v.By)
		if len(parts) == 1 { // all of it is one variation's
			out = strings.TrimPrefix(parts[0], percent(Whole)+" ")
		}
		if v.Ramp != nil {
			last := v.Ramp.Steps[len(v.Ramp.Steps)-1]
			if now.Before(last.At) {
				out += fmt.Sprintf(", moving to %s %s", percent(last.Weight), v.Ramp.Variation)
			}
		}
		return out
	case v.Variation != "":
		return v.Variation
	case standard == "":
		return "the default in the code"
	default:
		return standard
	}
}

// shares are what contexts with the attribute get at a time; nil for an
// imported rule, whose shares nobody knows.
func (v Serve) shares(standard string, now time.Time) []Weight {
	switch {
	case len(v.Raw) > 0 && string(v.Raw) != "null":
		return nil
	case len(v.Weights) == 0:
		variation := v.Variation
		if variation == "" {
			variation = standard
		}
		return []Weight{{Variation: variation, Weight: Whole}}
	}
	out := slices.Clone(v.Weights)
	if v.Ramp == nil {
		return out
	}
	before := v.weightOf(v.Ramp.Variation)
	moved := v.Ramp.weightAt(before, now) - before
	for i := range out {
		switch out[i].Variation {
		case v.Ramp.Variation:
			out[i].Weight += moved
		case v.base():
			out[i].Weight -= moved
		}
	}
	return out
}

// everybody are the shares of those whom no rule names.
func (s Setting) everybody(now time.Time) []Weight {
	s = s.at(now)
	if !s.On {
		return []Weight{{Variation: s.Off, Weight: Whole}}
	}
	return s.Serve.shares(s.Default, now)
}

// state is off, on, or partial where rules or shares make a difference.
func (s Setting) state(now time.Time) string {
	s = s.at(now)
	switch {
	case !s.On:
		return "off"
	case s.one(now) == "":
		return "partial"
	default:
		return "on"
	}
}

// one is the variation that everybody gets, empty when it is not one.
func (s Setting) one(now time.Time) string {
	s = s.at(now)
	if !s.On {
		return s.Off
	}
	if len(s.Prerequisites)+len(s.Schedule) > 0 {
		return ""
	}
	only := ""
	add := func(variation string) bool {
		if only == "" {
			only = variation
		}
		return only == variation
	}
	serves := []Serve{s.Serve}
	for _, r := range s.Rules {
		serves = append(serves, r.Serve)
	}
	for _, t := range s.Targets {
		if len(t.Values) > 0 {
			serves = append(serves, Serve{Variation: t.Variation})
		}
	}
	for _, v := range serves {
		shares := v.shares(s.Default, now)
		if shares == nil || v.Ramp != nil && now.Before(v.Ramp.Steps[len(v.Ramp.Steps)-1].At) {
			return ""
		}
		for _, w := range shares {
			if w.Weight > 0 && !add(w.Variation) {
				return ""
			}
		}
	}
	return only
}

func (s Setting) summary(now time.Time) string {
	s = s.at(now)
	if !s.On {
		if s.Off == "" {
			return "Off: the default in the code"
		}
		return "Off: everybody gets " + s.Off
	}
	var before []string
	count := func(n int, one, many string) {
		if n == 1 {
			before = append(before, "1 "+one)
		} else if n > 1 {
			before = append(before, strconv.Itoa(n)+" "+many)
		}
	}
	count(len(s.Prerequisites), "prerequisite", "prerequisites")
	keys := 0
	for _, t := range s.Targets {
		keys += len(t.Values)
	}
	count(keys, "single key", "single keys")
	count(len(s.Rules), "rule", "rules")
	if len(before) == 0 && len(s.Serve.Weights) == 0 {
		return "On: everybody gets " + s.Serve.words(s.Default, now)
	}
	if len(before) == 0 {
		return "On: " + s.Serve.words(s.Default, now)
	}
	return "On: " + strings.Join(before, ", ") + "; everybody else gets " + s.Serve.words(s.Default, now)
}

// next is the next moment at which a setting changes by itself.
func (s Setting) next(now time.Time) *time.Time {
	var first *time.Time
	add := func(at time.Time) {
		if at.After(now) && (first == nil || at.Before(*first)) {
			first = &at
		}
	}
	for _, change := range s.Schedule {
		add(change.At)
	}
	for _, r := range append([]Rule{{Serve: s.Serve}}, s.Rules...) {
		if r.Serve.Ramp != nil {
			for _, step := range r.Serve.Ramp.Steps {
				add(step.At)
			}
		}
	}
	return first
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func orCode(variation string) string {
	if variation == "" {
		return "the default in the code"
	}
	return variation
}

// same compares by what is written.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
