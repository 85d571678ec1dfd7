package catalog_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

const readyScorecard = `{"identifier":"ready","title":"Ready","own":{"kept":1.50},"rules":[
  {"identifier":"r1","title":"Has a language","level":"Bronze","query":{"combinator":"and","conditions":[{"property":"lang","operator":"isNotEmpty"}]}},
  {"identifier":"r2","title":"Covered","level":"Silver","query":{"combinator":"and","conditions":[{"property":"coverage","operator":">=","value":80}]}}]}`

func scorecardNames(list []catalog.Scorecard) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Blueprint+"/"+s.Identifier)
	}
	return strings.Join(names, " ")
}

func TestScorecardsAreKept(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		s, err := c.CreateScorecard(ctx, "svc", json.RawMessage(readyScorecard), "dana")
		if err != nil {
			t.Fatal(err)
		}
		text := compact(t, s)
		for _, want := range []string{`"blueprint":"svc"`, `"own":{"kept":1.5`, `"paleBlue"`, `"createdAt":"2026-`, `"createdBy":"dana"`} {
			if !strings.Contains(text, want) && !strings.Contains(strings.ReplaceAll(text, ": ", ":"), want) {
				t.Errorf("%s is not in %s", want, text)
			}
		}
		if _, err := c.CreateScorecard(ctx, "svc", json.RawMessage(readyScorecard), "dana"); !fault.Is(err, fault.Taken) {
			t.Errorf("a second one: %v", err)
		}
		if _, err := c.CreateScorecard(ctx, "nope", json.RawMessage(readyScorecard), "dana"); !fault.Is(err, fault.NotFound) {
			t.Errorf("of no blueprint: %v", err)
		}
		if _, err := c.CreateScorecard(ctx, "svc", json.RawMessage(`{"identifier":"x","title":"X","rules":[{}]}`), "dana"); !fault.Is(err, fault.Unprocessable) || len(details(err)) == 0 || !strings.HasPrefix(details(err)[0].Field, "/rules/0") {
			t.Errorf("a broken one: %v %+v", err, details(err))
		}
		renamed, err := c.PutScorecard(ctx, "svc", "ready", json.RawMessage(strings.Replace(readyScorecard, `"ready"`, `"prod"`, 1)), "eve")
		if err != nil || renamed.Identifier != "prod" || renamed.CreatedBy != "dana" || renamed.UpdatedBy != "eve" {
			t.Errorf("renamed: %+v %v", renamed, err)
		}
		if _, err := c.Scorecard(ctx, "svc", "ready"); !fault.Is(err, fault.NotFound) {
			t.Errorf("under its old name: %v", err)
		}
		if len(c.events("scorecard/svc/prod")) != 1 || len(c.events("scorecard/svc/ready")) != 1 {
			t.Error("the changes are not audited")
		}
	})
}

func TestScorecardsAreReplacedAsAList(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		card := func(id string) json.RawMessage {
			return json.RawMessage(strings.Replace(readyScorecard, `"ready"`, `"`+id+`"`, 1))
		}
		if _, err := c.ReplaceScorecards(ctx, "svc", []json.RawMessage{card("b"), card("a")}, "dana"); err != nil {
			t.Fatal(err)
		}
		list, err := c.ReplaceScorecards(ctx, "svc", []json.RawMessage{card("c"), card("a")}, "dana")
		if err != nil || scorecardNames(list) != "svc/c svc/a" {
			t.Errorf("got %s, %v", scorecardNames(list), err)
		}
		if _, err := c.ReplaceScorecards(ctx, "svc", []json.RawMessage{card("c"), card("c")}, "dana"); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("twice: %v", err)
		}
		all, err := c.Scorecards(ctx, "")
		if err != nil || scorecardNames(all) != "svc/c svc/a" {
			t.Errorf("all: %s, %v", scorecardNames(all), err)
		}
		deleted, err := c.DeletedScorecards(ctx, "svc")
		if err != nil || len(deleted) != 1 || deleted[0].Identifier != "b" {
			t.Fatalf("deleted: %+v, %v", deleted, err)
		}
		if _, err := c.RestoreScorecard(ctx, deleted[0].ID, "eve"); err != nil {
			t.Fatal(err)
		}
		if list, err := c.Scorecards(ctx, "svc"); err != nil || scorecardNames(list) != "svc/c svc/a svc/b" {
			t.Errorf("restored: %s, %v", scorecardNames(list), err)
		}
		if err := c.DeleteScorecard(ctx, "svc", "b", "dana"); err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteScorecard(ctx, "svc", "b", "dana"); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

func TestScorecardsAndRulesAreEntities(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		if err := c.EnsureSystem(ctx); err != nil {
			t.Fatal(err)
		}
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		if _, err := c.CreateScorecard(ctx, "svc", json.RawMessage(readyScorecard), "dana"); err != nil {
			t.Fatal(err)
		}
		c.must("svc", `{"identifier":"a","properties":{"lang":"go","coverage":90}}`)
		c.must("svc", `{"identifier":"b","properties":{"lang":"go","coverage":10}}`)
		if err := c.SyncScorecards(ctx); err != nil {
			t.Fatal(err)
		}
		card, err := c.Entity(ctx, "_scorecard", "svc:ready")
		if err != nil || card.Properties["rules_tested"] != 4.0 || card.Properties["rules_passed"] != 3.0 || card.Properties["percentage"] != 75.0 {
			t.Errorf("scorecard %+v, %v", card.Properties, err)
		}
		rule, err := c.Entity(ctx, "_rule", "svc:ready:r2")
		if err != nil || rule.Properties["entities_tested"] != 2.0 || rule.Properties["entities_passed"] != 1.0 || rule.Relations["scorecard"] != "svc:ready" {
			t.Errorf("rule %+v %+v, %v", rule.Properties, rule.Relations, err)
		}
		failed, err := c.Search(ctx, catalog.Query{Blueprint: "_rule_result", Rules: []catalog.Rule{{Property: "result", Operator: "=", Value: "Not passed"}}})
		if err != nil || failed.Next != "" || len(failed.Entities) != 1 || failed.Entities[0].Identifier != "svc:ready:r2:b" {
			t.Fatalf("results %+v, %v", failed, err)
		}
		evidence, err := json.Marshal(failed.Entities[0].Properties["evidence"])
		if err != nil || !strings.Contains(string(evidence), `"actual":10`) {
			t.Errorf("evidence %s, %v", evidence, err)
		}
		var all []string
		for from, pages := "", 0; ; pages++ {
			page, err := c.Search(ctx, catalog.Query{Blueprint: "_rule_result", Limit: 3, From: from})
			if err != nil || pages > 2 {
				t.Fatalf("page %d: %+v, %v", pages, page, err)
			}
			for _, e := range page.Entities {
				all = append(all, e.Identifier)
			}
			if from = page.Next; from == "" {
				break
			}
		}
		if got := strings.Join(all, " "); got != "svc:ready:r1:a svc:ready:r2:a svc:ready:r1:b svc:ready:r2:b" {
			t.Errorf("all results: %s", got)
		}
		if one, err := c.Entity(ctx, "_rule_result", "svc:ready:r2:a"); err != nil || one.Properties["result"] != "Passed" || one.Relations["rule"] != "svc:ready:r2" {
			t.Errorf("one result %+v, %v", one, err)
		}
		if _, err := c.Entity(ctx, "_rule_result", "svc:ready:r2:nobody"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a result of nothing: %v", err)
		}
		if _, _, err := c.PutEntity(ctx, "_rule_result", catalog.NewEntity{Identifier: "mine"}, catalog.Write{Upsert: true, By: "dana"}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a result that somebody writes: %v", err)
		}
		if _, err := c.Search(ctx, catalog.Query{Blueprint: "_rule_result", From: "x"}); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("a place that is none: %v", err)
		}
		if err := c.DeleteScorecard(ctx, "svc", "ready", "dana"); err != nil {
			t.Fatal(err)
		}
		if err := c.SyncScorecards(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Entity(ctx, "_scorecard", "svc:ready"); !fault.Is(err, fault.NotFound) {
			t.Errorf("the entity of a deleted scorecard: %v", err)
		}
	})
}
