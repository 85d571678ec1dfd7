package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"sphera/internal/catalog/scorecard"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Scorecards and rules are entities, too: _scorecard and _rule, named
// blueprint:scorecard and blueprint:scorecard:rule, so that they can be found,
// related and listed like everything else. They follow the scorecards
// (SyncScorecards), with how many entities were tested and passed. Results of
// rules are not kept as entities: that would be a row for each entity and rule,
// written again with each of their changes. A search of _rule_result reads them
// from the entities, where they stand anyway.

const (
	scorecardBlueprint = "_scorecard"
	ruleBlueprint      = "_rule"
)

// tally is how often a rule was tested and passed.
type tally struct{ tested, passed int }

// SyncScorecards brings the entities of scorecards and rules into step. What is
// as it should be is not written.
func (c *Catalog) SyncScorecards(ctx context.Context) error {
	if err := c.may(ctx, VerbMaintain, ""); err != nil {
		return err
	}
	cards, err := loadScorecards(ctx, c.db.Read())
	if err != nil {
		return err
	}
	var scorecards, rules []NewEntity
	wanted := map[string]bool{}
	for _, blueprint := range sortedNames(cards) {
		tallies, err := c.tallies(ctx, blueprint)
		if err != nil {
			return err
		}
		for _, card := range cards[blueprint] {
			list := entitiesOf(blueprint, card, tallies)
			scorecards, rules = append(scorecards, list[0]), append(rules, list[1:]...)
		}
	}
	for _, n := range slices.Concat(scorecards, rules) {
		wanted[n.Identifier] = true
	}
	for _, list := range [][]NewEntity{scorecards, rules} {
		for part := range slices.Chunk(list, maxBatch) {
			items, err := c.PutMixed(ctx, part, Write{Upsert: true, By: "system", Datasource: "sphera/scorecards"})
			if err != nil {
				return fmt.Errorf("keep the entities of scorecards: %w", err)
			}
			for _, item := range items {
				if item.Err != nil {
					return fmt.Errorf("keep %s: %w", item.Identifier, item.Err)
				}
			}
		}
	}
	return c.dropScorecardEntities(ctx, wanted)
}

func sortedNames(cards map[string][]*scorecard.Scorecard) []string {
	names := make([]string, 0, len(cards))
	for name := range cards {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// entitiesOf are the entity of a scorecard and those of its rules.
func entitiesOf(blueprint string, card *scorecard.Scorecard, tallies map[string]tally) []NewEntity {
	id := blueprint + ":" + card.Identifier
	levels := make([]any, len(card.Levels))
	for i, l := range card.Levels {
		levels[i] = map[string]any{"title": l.Title, "color": l.Color}
	}
	var sum tally
	out := []NewEntity{{}}
	for _, r := range card.Rules {
		one := tallies[card.Identifier+"\x00"+r.Identifier]
		sum.tested, sum.passed = sum.tested+one.tested, sum.passed+one.passed
		out = append(out, NewEntity{
			Blueprint: ruleBlueprint, Identifier: id + ":" + r.Identifier, Title: r.Title, Relations: map[string]any{"scorecard": id},
			Properties: map[string]any{
				"level": r.Level, "query": queryOf(r.Query), "rule_description": emptyNull(r.Description),
				"entities_tested": float64(one.tested), "entities_passed": float64(one.passed),
			},
		})
	}
	properties := map[string]any{
		"blueprint": blueprint, "levels": levels, "filter": nil, "rules_tested": float64(sum.tested), "rules_passed": float64(sum.passed), "percentage": nil,
	}
	if card.Filter != nil {
		properties["filter"] = queryOf(*card.Filter)
	}
	if sum.tested > 0 {
		properties["percentage"] = math.Round(1000*float64(sum.passed)/float64(sum.tested)) / 10
	}
	out[0] = NewEntity{Blueprint: scorecardBlueprint, Identifier: id, Title: card.Title, Properties: properties}
	return out
}

func queryOf(q scorecard.Conditions) map[string]any {
	list := make([]any, len(q.List))
	for i, c := range q.List {
		one := map[string]any{"operator": c.Operator}
		if c.Relation != "" {
			one["relation"] = c.Relation
		} else {
			one["property"] = c.Property
		}
		if c.Value != nil {
			one["value"] = c.Value
		}
		if c.Not {
			one["not"] = true
		}
		list[i] = one
	}
	return map[string]any{"combinator": q.Combinator, "conditions": list}
}

// kept are the results of one entity.
type keptResults struct {
	id         int64
	identifier string
	results    map[string]scorecard.Result
}

// resultsAfter reads the results of the next entities of a blueprint.
func (c *Catalog) resultsAfter(ctx context.Context, blueprint string, after int64, limit int) ([]keptResults, error) {
	rows, err := c.db.Read().QueryContext(ctx, "SELECT e.id, e.identifier, e.scorecards FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND e.id > $2 ORDER BY e.id LIMIT $3", blueprint, after, limit)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (keptResults, error) {
		var k keptResults
		var raw []byte
		if err := row.Scan(&k.id, &k.identifier, &raw); err != nil {
			return k, err
		}
		return k, json.Unmarshal(raw, &k.results)
	})
	if err != nil {
		return nil, fmt.Errorf("read the results on %s: %w", blueprint, err)
	}
	return list, nil
}

func (c *Catalog) tallies(ctx context.Context, blueprint string) (map[string]tally, error) {
	const page = 1000
	out := map[string]tally{}
	for after := int64(0); ; {
		list, err := c.resultsAfter(ctx, blueprint, after, page)
		if err != nil {
			return nil, err
		}
		for _, k := range list {
			after = k.id
			for card, result := range k.results {
				for _, r := range result.Rules {
					t := out[card+"\x00"+r.Identifier]
					t.tested++
					if r.Status == scorecard.Success {
						t.passed++
					}
					out[card+"\x00"+r.Identifier] = t
				}
			}
		}
		if len(list) < page {
			return out, nil
		}
	}
}

// dropScorecardEntities deletes the entities of what is no longer there; rules
// first, since they point at scorecards.
func (c *Catalog) dropScorecardEntities(ctx context.Context, wanted map[string]bool) error {
	for _, blueprint := range []string{ruleBlueprint, scorecardBlueprint} {
		rows, err := c.db.Read().QueryContext(ctx, "SELECT identifier FROM entities WHERE blueprint = $1 AND pending = 0", blueprint)
		names, err := store.All(rows, err, scanString)
		if err != nil {
			return fmt.Errorf("list the entities of %s: %w", blueprint, err)
		}
		for _, name := range names {
			if wanted[name] {
				continue
			}
			if err := c.DeleteEntity(ctx, blueprint, name, "system", "", false); err != nil && !fault.Is(err, fault.NotFound) {
				return fmt.Errorf("delete %s %s: %w", blueprint, name, err)
			}
		}
	}
	return nil
}
