package flag

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// diff says in sentences what changes from one setting to another. It names no
// values of conditions and no keys: those can be customers.
func diff(a, b Setting, now time.Time) []string {
	out := []string{}
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if a.On != b.On {
		say("It is turned %s.", onOff(b.On))
	}
	if a.Off != b.Off {
		say("While it is off, everybody gets %s instead of %s.", orCode(b.Off), orCode(a.Off))
	}
	if a.Default != b.Default {
		say("The default variation is %s instead of %s.", orCode(b.Default), orCode(a.Default))
	}
	if sentence := diffServe("everybody else", a.Serve, b.Serve, a.Default, b.Default, now); sentence != "" {
		out = append(out, sentence)
	}
	out = append(out, diffRules(a.Rules, b.Rules, a.Default, b.Default, now)...)
	out = append(out, diffTargets(a.Targets, b.Targets)...)
	switch {
	case same(a.Prerequisites, b.Prerequisites):
	case len(b.Prerequisites) == 0:
		say("It no longer needs another flag.")
	case len(a.Prerequisites) == 0:
		say("It counts only while %s.", needs(b.Prerequisites))
	default:
		say("It counts only while %s, and no longer while %s.", needs(b.Prerequisites), needs(a.Prerequisites))
	}
	switch {
	case same(a.Schedule, b.Schedule):
	case len(b.Schedule) == 0:
		say("Nothing is planned any more.")
	case len(a.Schedule) == len(b.Schedule):
		say("What is planned changes.")
	default:
		say("%s planned instead of %d.", counted(len(b.Schedule), "change is", "changes are"), len(a.Schedule))
	}
	return out
}

// diffServe says what somebody gets now; empty when nothing changes.
func diffServe(who string, a, b Serve, standardA, standardB string, now time.Time) string {
	if same(a, b) && standardA == standardB {
		return ""
	}
	if v, from, to, ok := moved(a, b); ok {
		return fmt.Sprintf("For %s, the share of %s goes from %s to %s by %s.", who, v, percent(from), percent(to), keyOf(b.By))
	}
	x, y := a.words(standardA, now), b.words(standardB, now)
	switch {
	case x != y:
		return fmt.Sprintf("%s gets %s instead of %s.", upper(who), y, x)
	case same(a, b):
		return ""
	default:
		return fmt.Sprintf("The share of %s is divided in another way.", who)
	}
}

// moved tells that only the shares of two variations changed, and how far the
// first of them.
func moved(a, b Serve) (variation string, from, to int, ok bool) {
	if len(a.Weights) != 2 || len(b.Weights) != 2 || a.By != b.By || a.Otherwise != b.Otherwise || a.Ramp != nil || b.Ramp != nil {
		return "", 0, 0, false
	}
	x, y := a.Weights, b.Weights
	if x[0].Variation != y[0].Variation || x[1].Variation != y[1].Variation || x[0].Weight == y[0].Weight {
		return "", 0, 0, false
	}
	return y[0].Variation, x[0].Weight, y[0].Weight, true
}

func diffTargets(a, b []Target) []string {
	out := []string{}
	for _, t := range b {
		switch n := len(t.Values) - targeted(a, t); {
		case n > 0:
			out = append(out, fmt.Sprintf("%s %s by name.", counted(n, "more single key gets", "more single keys get"), t.Variation))
		case n < 0:
			out = append(out, fmt.Sprintf("%s %s by name.", counted(-n, "single key fewer gets", "single keys fewer get"), t.Variation))
		case !slices.ContainsFunc(a, func(o Target) bool { return same(o, t) }):
			out = append(out, fmt.Sprintf("Other single keys get %s by name.", t.Variation))
		}
	}
	for _, t := range a {
		if len(t.Values) > 0 && !slices.ContainsFunc(b, func(o Target) bool { return o.Variation == t.Variation && o.Attribute == t.Attribute }) {
			out = append(out, fmt.Sprintf("No single key gets %s by name any more.", t.Variation))
		}
	}
	return out
}

func diffRules(a, b []Rule, standardA, standardB string, now time.Time) []string {
	out := []string{}
	for i, r := range b {
		at := slices.IndexFunc(a, func(o Rule) bool { return o.ID == r.ID })
		if at < 0 {
			out = append(out, fmt.Sprintf("The new rule %s gives %s.", title(r, i), r.Serve.words(standardB, now)))
			continue
		}
		old := a[at]
		if sentence := diffServe("whom the rule "+title(r, i)+" is for", old.Serve, r.Serve, standardA, standardB, now); sentence != "" {
			out = append(out, sentence)
		}
		if !same(old.Conditions, r.Conditions) {
			out = append(out, fmt.Sprintf("The rule %s is for others than before.", title(r, i)))
		}
		if old.Name != r.Name {
			out = append(out, fmt.Sprintf("The rule %s has another name.", title(r, i)))
		}
	}
	kept := []string{}
	for i, r := range a {
		if slices.ContainsFunc(b, func(o Rule) bool { return o.ID == r.ID }) {
			kept = append(kept, r.ID)
		} else {
			out = append(out, "The rule "+title(r, i)+" is removed.")
		}
	}
	order := []string{}
	for _, r := range b {
		if slices.Contains(kept, r.ID) {
			order = append(order, r.ID)
		}
	}
	if !slices.Equal(kept, order) {
		out = append(out, "The rules are in another order.")
	}
	return out
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func title(r Rule, i int) string {
	if r.Name != "" {
		return strconv.Quote(r.Name)
	}
	return strconv.Itoa(i + 1)
}

func targeted(list []Target, t Target) int {
	for _, o := range list {
		if o.Variation == t.Variation && o.Attribute == t.Attribute {
			return len(o.Values)
		}
	}
	return 0
}

func needs(list []Prerequisite) string {
	if len(list) == 0 {
		return "none"
	}
	var out []string
	for _, p := range list {
		out = append(out, p.Flag+" gives "+strings.Join(p.Variations, " or "))
	}
	return strings.Join(out, " and ")
}

// diffSettings says in sentences what changes of a flag itself.
func diffSettings(a, b Settings) []string {
	out := []string{}
	say := func(differs bool, format string, args ...any) {
		if differs {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	either := func(is bool, yes, no string) string {
		if is {
			return yes
		}
		return no
	}
	say(a.Title != b.Title, "It has another name.")
	say(a.Description != b.Description, "It has another description.")
	say(a.Type != b.Type, "Its type is %s instead of %s.", b.Type, a.Type)
	say(!same(a.Variations, b.Variations), "It has other variations.")
	say(a.Kind != b.Kind, "Its kind is %s instead of %s.", b.Kind, a.Kind)
	say(a.Permanent != b.Permanent, "It %s.", either(b.Permanent, "is permanent", "is no longer permanent"))
	say(a.LifetimeDays != b.LifetimeDays, "It is expected to live %d days instead of %d.", b.LifetimeDays, a.LifetimeDays)
	say(a.Owner != b.Owner, "It belongs to %s instead of %s.", either(b.Owner != "", b.Owner, "the service's team"), either(a.Owner != "", a.Owner, "the service's team"))
	say(!same(a.Tags, b.Tags), "It has other tags.")
	say(a.ClientVisible != b.ClientVisible, "Clients %s.", either(b.ClientVisible, "see it", "no longer see it"))
	return out
}
