package catalog

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"

	"sphera/internal/catalog/query"
	"sphera/internal/fault"
)

// AllPage is a page of entities of any blueprint.
type AllPage struct {
	Entities []Entity
	// Blueprints are those of the entities, sorted.
	Blueprints []string
	// Next is the From of the next page; "" on the last.
	Next string
}

// allCursor is where a search over all blueprints goes on.
type allCursor struct {
	Blueprint string `json:"b"`
	From      string `json:"f"`
}

// SearchAll finds entities of all blueprints, by blueprint and identifier. What
// a blueprint does not have is unset there.
func (c *Catalog) SearchAll(ctx context.Context, where *query.Query, env query.Env, limit int, from string) (AllPage, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return AllPage{}, err
	}
	at := allCursor{}
	if from != "" {
		raw, err := base64.RawURLEncoding.DecodeString(from)
		if err == nil {
			err = json.Unmarshal(raw, &at)
		}
		if err != nil {
			return AllPage{}, fault.New(fault.Invalid, "\"from\" is not a cursor of this query. Start again without it.").With("from", "is not a cursor", "the \"next\" of the page before")
		}
	}
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return AllPage{}, err
	}
	out := AllPage{Entities: []Entity{}, Blueprints: []string{}}
	for _, id := range sortedKeys(m.blueprints) {
		if id < at.Blueprint || where.Excludes(id, env) {
			continue
		}
		q := Query{Blueprint: id, Where: where, Env: env, Lenient: true, Sort: "$identifier"}
		if id == at.Blueprint {
			q.From = at.From
		}
		for {
			if len(out.Entities) >= limit {
				raw, err := json.Marshal(allCursor{Blueprint: id, From: q.From})
				out.Next = base64.RawURLEncoding.EncodeToString(raw)
				return out, err
			}
			q.Limit = min(limit-len(out.Entities), maxPage)
			page, err := c.Search(ctx, q)
			if fault.Is(err, fault.NotFound) {
				break // went meanwhile
			}
			if err != nil {
				return AllPage{}, err
			}
			out.Entities = append(out.Entities, page.Entities...)
			if len(page.Entities) > 0 && !slices.Contains(out.Blueprints, id) {
				out.Blueprints = append(out.Blueprints, id)
			}
			if q.From = page.Next; page.Next == "" {
				break
			}
		}
	}
	return out, nil
}
