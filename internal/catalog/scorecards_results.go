package catalog

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/catalog/query"
	"sphera/internal/fault"
)

const resultBlueprint = "_rule_result"

// maxLooked is how many entities are looked at for one page of results.
const maxLooked = 5000

// resultPlace is how far a list of results has come: a page of entities of a
// blueprint, and how many results of that page have been given.
type resultPlace struct {
	Blueprint string `json:"b"`
	From      string `json:"f,omitempty"`
	Skip      int    `json:"s,omitempty"`
	Given     int    `json:"g,omitempty"`
}

// results answers a search of _rule_result: the verdict of each rule on each
// entity, named blueprint:scorecard:rule:entity, with what was compared. They
// are read from the entities, in their order. A page may be short when few fit;
// next says whether there are more.
func (c *Catalog) results(ctx context.Context, q Query) (Page, error) {
	if err := c.may(ctx, VerbRead, resultBlueprint); err != nil {
		return Page{}, err
	}
	at, err := readResultPlace(q)
	if err != nil {
		return Page{}, err
	}
	where, err := resultConditions(q)
	if err != nil {
		return Page{}, err
	}
	cards, err := loadScorecards(ctx, c.db.Read())
	if err != nil {
		return Page{}, err
	}
	if q.Env.Now.IsZero() {
		q.Env.Now = c.now()
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	page, looked := Page{Entities: []Entity{}}, 0
	for _, blueprint := range sortedNames(cards) {
		if blueprint < at.Blueprint {
			continue
		}
		if blueprint != at.Blueprint {
			at = resultPlace{Blueprint: blueprint, Given: at.Given}
		}
		for more := true; more; {
			source, err := c.Search(ctx, Query{Blueprint: blueprint, Sort: "$identifier", Limit: 100, From: at.From})
			if err != nil {
				return Page{}, err
			}
			list := resultsOf(source.Entities)
			for i, one := range list[min(at.Skip, len(list)):] {
				fits, err := where.Match(subject(one), q.Env)
				if err != nil {
					return Page{}, fmt.Errorf("compare a result: %w", err)
				}
				if fits && len(page.Entities) == limit {
					at.Skip += i
					return finishResults(page, at)
				}
				if fits {
					page.Entities = append(page.Entities, one)
					at.Given++
				}
			}
			looked += len(source.Entities)
			at.From, at.Skip, more = source.Next, 0, source.Next != ""
			if more && looked >= maxLooked {
				return finishResults(page, at)
			}
		}
	}
	page.Total = at.Given
	return page, nil
}

// result is one result by its name.
func (c *Catalog) result(ctx context.Context, identifier string) (Entity, error) {
	if err := c.may(ctx, VerbRead, resultBlueprint); err != nil {
		return Entity{}, err
	}
	parts := strings.SplitN(identifier, ":", 4)
	if len(parts) == 4 {
		e, err := c.Entity(ctx, parts[0], parts[3])
		if err != nil && !fault.Is(err, fault.NotFound) {
			return Entity{}, err
		}
		for _, one := range resultsOf([]Entity{e}) {
			if one.Identifier == identifier {
				return one, nil
			}
		}
	}
	return Entity{}, noEntity(resultBlueprint, identifier)
}

func finishResults(page Page, at resultPlace) (Page, error) {
	raw, err := json.Marshal(at)
	if err != nil {
		return page, fmt.Errorf("encode a cursor: %w", err)
	}
	page.Next, page.Total, page.TotalIsAtLeast = base64.RawURLEncoding.EncodeToString(raw), at.Given, true
	return page, nil
}

func readResultPlace(q Query) (resultPlace, error) {
	var at resultPlace
	if q.From == "" {
		return at, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.From)
	if err == nil {
		err = json.Unmarshal(raw, &at)
	}
	if err != nil || at.Skip < 0 || at.Given < 0 {
		return at, fault.Field("from", "is not a cursor of this query", "the \"next\" of the page before, with the same query")
	}
	return at, nil
}

// resultConditions are all conditions of a search as one query. Results have
// the order of their entities and no counted facets: _rule has the counts.
func resultConditions(q Query) (*query.Query, error) {
	if q.Sort != "" && q.Sort != "$identifier" || q.Desc {
		return nil, fault.Field("sort", "is not possible for results of rules", "no sort: results come in the order of their entities")
	}
	all := &query.Query{Combinator: "and"}
	if q.Where != nil {
		all.Rules = append(all.Rules, q.Where)
	}
	for _, r := range q.Rules {
		raw, err := json.Marshal(map[string]any{"combinator": "and", "rules": []Rule{r}})
		if err != nil {
			return nil, fmt.Errorf("read a rule: %w", err)
		}
		parsed, problems := query.Parse(raw)
		if len(problems) > 0 {
			return nil, RuleFault("", problems)
		}
		all.Rules = append(all.Rules, parsed)
	}
	if text := strings.TrimSpace(q.Text); text != "" {
		all.Rules = append(all.Rules, query.Rule{Property: "$title", Operator: "contains", Value: text})
	}
	return all, nil
}

// resultsOf are the results on entities, by name of scorecard and rule.
func resultsOf(list []Entity) []Entity {
	var out []Entity
	for _, e := range list {
		from := len(out)
		for card, verdict := range e.Scorecards {
			whole, _ := verdict.(map[string]any)
			rules, _ := whole["rules"].([]any)
			for _, r := range rules {
				if rule, ok := r.(map[string]any); ok {
					out = append(out, resultOf(e, card, rule))
				}
			}
		}
		slices.SortFunc(out[from:], func(a, b Entity) int { return strings.Compare(a.Identifier, b.Identifier) })
	}
	return out
}

func resultOf(e Entity, card string, rule map[string]any) Entity {
	name, _ := rule["identifier"].(string)
	verdict := "Not passed"
	if rule["status"] == "SUCCESS" {
		verdict = "Passed"
	}
	id := e.Blueprint + ":" + card + ":" + name
	return Entity{
		Blueprint: resultBlueprint, Identifier: id + ":" + e.Identifier, Title: name + " · " + e.Title, Icon: "Scorecards", Team: e.Team,
		Properties: map[string]any{
			"result": verdict, "entity": e.Identifier, "blueprint": e.Blueprint, "scorecard": card, "level": rule["level"], "evidence": rule["evidence"],
		},
		Relations: map[string]any{"rule": id}, Scorecards: map[string]any{},
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, CreatedBy: "system", UpdatedBy: "system",
	}
}

// subject is an entity as queries look at it.
func subject(e Entity) map[string]any {
	team := make([]any, len(e.Team))
	for i, t := range e.Team {
		team[i] = t
	}
	return map[string]any{
		"identifier": e.Identifier, "title": e.Title, "blueprint": e.Blueprint, "icon": e.Icon, "team": team, "properties": e.Properties, "relations": e.Relations,
		"createdAt": e.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), "updatedAt": e.UpdatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), "createdBy": e.CreatedBy, "updatedBy": e.UpdatedBy,
	}
}
