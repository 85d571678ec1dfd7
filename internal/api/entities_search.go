package api

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/query"

	"github.com/danielgtaylor/huma/v2"
)

type searchEntitiesInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	Body      struct {
		Query   json.RawMessage `json:"query,omitempty" doc:"Rules in Port's search language: {combinator, rules}"`
		Include []string        `json:"include,omitempty" maxItems:"500" doc:"Only these fields, e.g. identifier, properties.language"`
		Exclude []string        `json:"exclude,omitempty" maxItems:"500" doc:"All but these fields"`
		Text    string          `json:"text,omitempty" maxLength:"500" doc:"Looked for in identifier, title and text properties"`
		Rules   []catalog.Rule  `json:"rules,omitempty" maxItems:"50" doc:"Conditions that must all hold, besides query"`
		Sort    string          `json:"sort,omitempty" maxLength:"200" doc:"A property, or $identifier, $title, $updatedAt, $createdAt"`
		Desc    bool            `json:"desc,omitempty"`
		Facets  []string        `json:"facets,omitempty" maxItems:"20" doc:"Properties whose values are counted: enums, booleans, $team"`
		Limit   int             `json:"limit,omitempty" minimum:"0" maximum:"1000" doc:"50 when absent, with query 200"`
		From    string          `json:"from,omitempty" maxLength:"16000" doc:"The next of the page before"`
		// Port's clients send more; it has no effect.
		AttachTitles   bool `json:"attachTitleToRelation,omitempty"`
		ExcludeDerived bool `json:"excludeCalculatedProperties,omitempty"`
	} `nameHint:"EntitySearch"`
}

type entitiesAnswer struct {
	Answer
	Entities       []shownEntity                   `json:"entities"`
	Next           string                          `json:"next,omitempty"`
	Total          int                             `json:"total" doc:"How many there are on all pages"`
	TotalIsAtLeast bool                            `json:"totalIsAtLeast" doc:"Whether there may be more than total"`
	Facets         map[string][]catalog.FacetValue `json:"facets,omitempty" doc:"By property, how many have each value; null is unset"`
}

func (a *API) searchEntities(ctx context.Context, in *searchEntitiesInput) (*entitiesAnswer, error) {
	b := in.Body
	q := catalog.Query{
		Blueprint: in.Blueprint, Text: b.Text, Rules: b.Rules, Sort: b.Sort, Desc: b.Desc, Limit: b.Limit, From: b.From, Facets: b.Facets,
	}
	if err := a.searchQuery(ctx, &q, b.Query); err != nil {
		return nil, err
	}
	page, err := a.catalog.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &entitiesAnswer{Entities: []shownEntity{}, Next: page.Next, Total: page.Total, TotalIsAtLeast: page.TotalIsAtLeast, Facets: page.Facets}
	for _, e := range page.Entities {
		out.Entities = append(out.Entities, shownEntity{Entity: e, include: b.Include, exclude: b.Exclude})
	}
	return out, nil
}

// searchQuery reads a query in Port's language, and what its rules about the
// caller are compared with.
func (a *API) searchQuery(ctx context.Context, q *catalog.Query, raw json.RawMessage) error {
	if q.Limit == 0 && len(raw) > 0 {
		q.Limit = 200 // Port's
	}
	where, problems := query.Parse(raw)
	if len(problems) > 0 {
		return catalog.RuleFault("query/", problems)
	}
	q.Where, q.Lenient = where, true
	p := who(ctx)
	email := p.Email
	if p.Via == auth.ViaApp {
		email = ""
	}
	var err error
	if bytes.Contains(raw, []byte(`"context"`)) {
		q.Env, err = a.catalog.SearchEnv(ctx, email, p.Teams)
	} else {
		q.Env.User, q.Env.UserTeams = email, p.Teams
	}
	return err
}

// shownEntity is an entity with the fields that were asked for.
type shownEntity struct {
	catalog.Entity
	include, exclude []string
}

// Schema is the entity's own.
func (shownEntity) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[catalog.Entity](), true, "Entity")
}

// MarshalJSON leaves out what was not asked for.
func (e shownEntity) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(e.Entity)
	if err != nil || len(e.include) == 0 && len(e.exclude) == 0 {
		return raw, err
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	for key, v := range all {
		part, nested := v.(map[string]any)
		if !nested {
			if !e.shows(key) {
				delete(all, key)
			}
			continue
		}
		for name := range part {
			if !e.shows(key + "." + name) {
				delete(part, name)
			}
		}
		if len(part) == 0 && !e.shows(key) {
			delete(all, key)
		}
	}
	return json.Marshal(all)
}

// shows tells whether a field is asked for, by its name or that of what it is
// in; names may be written like meta-properties.
func (e shownEntity) shows(field string) bool {
	named := func(list []string) bool {
		return slices.ContainsFunc(list, func(name string) bool {
			name = strings.TrimPrefix(name, "$")
			return name == field || strings.HasPrefix(field, name+".")
		})
	}
	return (len(e.include) == 0 || named(e.include)) && !named(e.exclude)
}
