package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sphera/internal/audit"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Grant says who may do one thing with the entities of a blueprint; see
// port-api 2.3.
type Grant struct {
	Users       []string `json:"users"`
	Roles       []string `json:"roles"`
	Teams       []string `json:"teams"`
	OwnedByTeam bool     `json:"ownedByTeam"`
	// Policy is a query, on reading alone: what fits it may be read.
	Policy json.RawMessage `json:"policy,omitempty"`
}

// Where is the policy; nil without one. One that cannot be read fits nothing.
func (g Grant) Where() *query.Query {
	if len(g.Policy) == 0 {
		return nil
	}
	q, problems := query.Parse(g.Policy)
	if len(problems) > 0 {
		return query.And(query.Never())
	}
	return q
}

// Rights are what was set of the permissions of a blueprint. What was not is
// decided by roles and owners.
type Rights struct {
	// Blocks are by read, register, update and unregister.
	Blocks map[string]Grant
	// Properties are by the name of a property, $identifier, $title, $icon or
	// $team; Relations by the name of a relation.
	Properties, Relations map[string]Grant
}

// Of is the grant that a change of a field is decided by.
func (r Rights) Of(field string) (Grant, bool) {
	kind, name, dotted := cutField(field)
	switch {
	case !dotted:
		g, ok := r.Properties["$"+kind]
		return g, ok
	case kind == "relations":
		g, ok := r.Relations[name]
		return g, ok
	default:
		g, ok := r.Properties[name]
		return g, ok
	}
}

func cutField(field string) (kind, name string, dotted bool) {
	for i := range len(field) {
		if field[i] == '.' {
			return field[:i], field[i+1:], true
		}
	}
	return field, "", false
}

type storedRights struct {
	Entities struct {
		Blocks     map[string]Grant `json:"blocks,omitempty"`
		Properties map[string]Grant `json:"updateProperties,omitempty"`
		Relations  map[string]Grant `json:"updateRelations,omitempty"`
	} `json:"entities"`
}

func readRights(raw []byte) (Rights, error) {
	var s storedRights
	if err := json.Unmarshal(raw, &s); err != nil {
		return Rights{}, fmt.Errorf("stored permissions: %w", err)
	}
	return Rights{Blocks: s.Entities.Blocks, Properties: s.Entities.Properties, Relations: s.Entities.Relations}, nil
}

// Rights are the permissions that were set for a blueprint.
func (c *Catalog) Rights(ctx context.Context, blueprint string) (Rights, error) {
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return Rights{}, err
	}
	s := sights.m.blueprints[blueprint]
	if s == nil {
		return Rights{}, noBlueprint(blueprint)
	}
	return s.Rights, nil
}

// ChangeRights saves what change makes of the permissions of a blueprint; what
// names those that changed for the audit log.
func (c *Catalog) ChangeRights(ctx context.Context, blueprint, by string, change func(r *Rights) (what []string, err error)) (Rights, error) {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return Rights{}, err
	}
	var saved Rights
	err := c.write(ctx, func(tx *store.Tx) error {
		m, err := c.readModel(ctx, tx, false)
		if err != nil {
			return err
		}
		s := m.blueprints[blueprint]
		if s == nil {
			return noBlueprint(blueprint)
		}
		saved = Rights{Blocks: orEmpty(s.Rights.Blocks), Properties: orEmpty(s.Rights.Properties), Relations: orEmpty(s.Rights.Relations)}
		what, err := change(&saved)
		if err != nil || len(what) == 0 {
			return err
		}
		if err := c.checkPolicies(m, s, saved); err != nil {
			return err
		}
		var kept storedRights
		kept.Entities.Blocks, kept.Entities.Properties, kept.Entities.Relations = saved.Blocks, saved.Properties, saved.Relations
		text, err := json.Marshal(kept)
		if err != nil {
			return fmt.Errorf("encode permissions: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET permissions = $1 WHERE identifier = $2", string(text), blueprint); err != nil {
			return fmt.Errorf("change permissions: %w", err)
		}
		if err := touchModel(ctx, tx); err != nil {
			return err
		}
		return c.record(ctx, tx, "blueprint.permissions", blueprint, by, "", audit.Detail("blocks", what))
	})
	return saved, err
}

func orEmpty(m map[string]Grant) map[string]Grant {
	if m == nil {
		return map[string]Grant{}
	}
	return maps.Clone(m)
}

// checkPolicies refuses a policy that could not be decided by.
func (c *Catalog) checkPolicies(m *model, s *schema, r Rights) error {
	for _, name := range slices.Sorted(maps.Keys(r.Blocks)) {
		g := r.Blocks[name]
		if len(g.Policy) == 0 {
			continue
		}
		q, problems := query.Parse(g.Policy)
		if len(problems) == 0 {
			_, _, problems = q.SQL(c.db.Dialect, m.fields(s), query.Env{Now: c.now(), User: "somebody"}, 1)
		}
		if len(problems) > 0 {
			f := fault.New(fault.Unprocessable, "The policy of %q cannot be used: %s %s.", name, problems[0].Path, problems[0].Problem)
			for _, p := range problems {
				f.With("/entities/"+name+"/policy"+p.Path, p.Problem, p.Want)
			}
			return f
		}
	}
	return nil
}

// keepRights keeps the permissions of a blueprint with its last version.
func keepRights(ctx context.Context, tx *store.Tx, id, rights string) error {
	_, err := tx.ExecContext(ctx, "UPDATE blueprint_versions SET permissions = $1 WHERE id = (SELECT MAX(id) FROM blueprint_versions WHERE blueprint = $2)", rights, id)
	if err != nil {
		return fmt.Errorf("keep the permissions of %s: %w", id, err)
	}
	return nil
}
