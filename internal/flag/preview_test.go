package flag_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/flag"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// accounts are known: every third has the plan team.
func (w *world) accounts(blueprint string, n int) {
	w.t.Helper()
	c := catalog.New(w.db, w.log, w.clock).Guard(catalogtest.Anybody())
	plan := catalog.BlueprintSchema{Properties: map[string]catalog.Property{"plan": {Type: "string"}}}
	if _, _, err := c.PutBlueprint(w.t.Context(), catalog.Blueprint{Identifier: blueprint, Title: blueprint, Schema: plan}, "ada"); err != nil {
		w.t.Fatal(err)
	}
	list := []catalog.NewEntity{}
	for i := range n {
		list = append(list, catalog.NewEntity{Identifier: fmt.Sprintf("a-%d", i), Properties: map[string]any{"plan": []string{"team", "free", "free"}[i%3]}})
	}
	if _, err := c.PutMany(w.t.Context(), blueprint, list, catalog.Write{By: "ada"}); err != nil {
		w.t.Fatal(err)
	}
	w.flags = flag.Open(flag.Deps{DB: w.db, Audit: w.log, Catalog: c, Log: slog.New(slog.DiscardHandler), Now: w.clock, Environments: w.environments})
}

func (w *world) preview(key string, p flag.Patch, samples ...flag.Sample) flag.Preview {
	w.t.Helper()
	out, err := w.flags.Preview(w.t.Context(), "shop", key, "dev", p, samples)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func of(list []flag.Count, variation string) int {
	for _, c := range list {
		if c.Variation == variation {
			return c.Count
		}
	}
	return 0
}

// TestAPreviewSaysWhomItTouches: about N of M known accounts, and which of the
// samples.
func TestAPreviewSaysWhomItTouches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("f", nil)
		yes := true
		w.edit("f", "dev", flag.Patch{On: &yes, Serve: byAccount(10_000)})
		// Without a population there is no guess.
		if p := w.preview("f", flag.Patch{Serve: byAccount(20_000)}).Population; p.Known != 0 || p.Source != "" {
			t.Errorf("nobody is known: %+v", p)
		}
		w.accounts("Account", 600)
		samples := []flag.Sample{{Name: "nobody", Context: map[string]any{"targetingKey": "u"}}}
		for i := range 20 {
			samples = append(samples, flag.Sample{Name: "known", Context: map[string]any{"accountId": fmt.Sprintf("a-%d", i)}})
		}
		got := w.preview("f", flag.Patch{Serve: byAccount(30_000)}, samples...)
		p := got.Population
		if p.Source != "Account" || p.Attribute != "accountId" || p.Known != 600 {
			t.Fatalf("%+v", p)
		}
		before, after := of(p.Before, "on"), of(p.After, "on")
		if before < 30 || before > 90 || after < 130 || after > 230 || p.Changed != after-before {
			t.Errorf("on before %d, after %d, changed %d", before, after, p.Changed)
		}
		if len(got.Samples) != 21 || got.Samples[0].Changed {
			t.Errorf("samples: %+v", got.Samples)
		}
		changed := 0
		for _, sample := range got.Samples {
			if sample.Changed {
				changed++
			}
			if sample.Changed != (sample.Before == "off" && sample.After == "on") || sample.Before == "on" && sample.After == "off" {
				t.Errorf("a share that grows takes from nobody: %+v", sample)
			}
		}
		if changed == 0 {
			t.Errorf("none of the samples changes: %+v", got.Samples)
		}
		// As many get it as were said.
		w.edit("f", "dev", flag.Patch{Serve: byAccount(30_000)})
		count := 0
		for i := range 600 {
			if w.ask("f", "dev", map[string]any{"accountId": fmt.Sprintf("a-%d", i)}) == "on" {
				count++
			}
		}
		if count != after {
			t.Errorf("%d get it, %d were said", count, after)
		}
		// Properties of accounts are attributes that rules test.
		rules := []flag.Rule{{Conditions: []flag.Condition{{Attribute: "plan", Operator: flag.OpIs, Values: []json.RawMessage{json.RawMessage(`"team"`)}}}, Serve: flag.Serve{Variation: "on"}}}
		if p := w.preview("f", flag.Patch{Rules: &rules, Serve: &flag.Serve{Variation: "off"}}).Population; of(p.After, "on") != 200 {
			t.Errorf("a third has the plan: %+v", p)
		}
	})
}

func TestAProjectNamesItsPopulation(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	w.create("f", nil)
	w.accounts("Tenant", 30)
	ada, _ := people()
	s, err := w.flags.ProjectSettings(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	s.PopulationBlueprint = "Tenant"
	if _, err := w.flags.SetProjectSettings(t.Context(), "shop", s, ada); err != nil {
		t.Fatal(err)
	}
	yes := true
	if p := w.preview("f", flag.Patch{On: &yes}).Population; p.Source != "Tenant" || p.Attribute != "targetingKey" || p.Known != 30 || p.Changed != 30 {
		t.Errorf("%+v", p)
	}
}

func byAccount(on int) *flag.Serve {
	return &flag.Serve{By: "accountId", Weights: []flag.Weight{{Variation: "on", Weight: on}, {Variation: "off", Weight: flag.Whole - on}}}
}

// TestChangesArePlainSentences names every part of a setting once.
func TestChangesArePlainSentences(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	w.create("f", nil)
	w.create("g", nil)
	yes := true
	rules := []flag.Rule{{Name: "Staff", Conditions: []flag.Condition{{Attribute: "email", Operator: flag.OpExists}}, Serve: flag.Serve{Variation: "on"}}}
	w.edit("f", "dev", flag.Patch{On: &yes, Serve: byAccount(10_000), Rules: &rules})
	kept := env(t, w.get("f"), "dev").Rules
	other, order := slices.Clone(kept), append(slices.Clone(kept), flag.Rule{Serve: flag.Serve{Variation: "off"}, Conditions: rules[0].Conditions})
	other[0].Conditions = []flag.Condition{{Attribute: "email", Operator: flag.OpExists, Not: true}}
	gone, off := []flag.Rule{}, false
	for name, c := range map[string]struct {
		patch flag.Patch
		want  string
	}{
		"off":            {flag.Patch{On: &off}, "It is turned off."},
		"share":          {flag.Patch{Serve: byAccount(25_000)}, "For everybody else, the share of on goes from 10 % to 25 % by accountId."},
		"everybody":      {flag.Patch{Serve: &flag.Serve{Variation: "on"}}, "Everybody else gets on instead of 10 % on, 90 % off by accountId."},
		"another key":    {flag.Patch{Serve: &flag.Serve{By: "userId", Weights: byAccount(10_000).Weights}}, "Everybody else gets 10 % on, 90 % off by userId instead of 10 % on, 90 % off by accountId."},
		"a rule more":    {flag.Patch{Rules: &order}, "The new rule 2 gives off."},
		"no rule":        {flag.Patch{Rules: &gone}, `The rule "Staff" is removed.`},
		"other people":   {flag.Patch{Rules: &other}, `The rule "Staff" is for others than before.`},
		"single keys":    {flag.Patch{Targets: &[]flag.Target{{Variation: "on", Attribute: "accountId", Values: []string{"42", "43"}}}}, "2 more single keys get on by name."},
		"a prerequisite": {flag.Patch{Prerequisites: &[]flag.Prerequisite{{Flag: "g", Variations: []string{"on"}}}}, "It counts only while g gives on."},
		"a plan":         {flag.Patch{Schedule: &[]flag.Scheduled{{At: w.now.AddDate(0, 0, 1), On: &off}}}, "1 change is planned instead of 0."},
		"nothing":        {flag.Patch{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.preview("f", c.patch).Diff
			if c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, []string{c.want}) {
				t.Errorf("%q", got)
			}
		})
	}
}
