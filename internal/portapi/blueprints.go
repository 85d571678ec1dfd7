package portapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

// BlueprintAnswer is one blueprint.
type BlueprintAnswer struct {
	Blueprint catalog.Blueprint `json:"blueprint"`
}

// BlueprintsAnswer is all blueprints, by identifier.
type BlueprintsAnswer struct {
	Blueprints []catalog.Blueprint `json:"blueprints"`
}

// RenamedAnswer is the blueprint, what was changed with it, and what may mean
// the old name and was left.
type RenamedAnswer struct {
	catalog.Renamed
}

// MigrationIDAnswer names the migration that goes on in the background.
type MigrationIDAnswer struct {
	MigrationID string `json:"migrationId"`
}

// RenameInput is the new name; which key is read depends on the route.
type RenameInput struct {
	NewPropertyName       string `json:"newPropertyName,omitempty"`
	NewMirrorName         string `json:"newMirrorName,omitempty"`
	NewRelationIdentifier string `json:"newRelationIdentifier,omitempty"`
}

const blueprintPath = "/v1/blueprints/{bp}"

func (s *Service) blueprintRoutes() []Route {
	shape := "blueprint.write"
	ignored := []Param{{Name: "exclude_calculated_properties", Type: "boolean", Doc: "Has no effect here"}}
	routes := []Route{
		{Method: http.MethodGet, Path: "/v1/blueprints", ID: "listBlueprints", Verb: "catalog.read", Audit: None, Out: BlueprintsAnswer{}, Handle: s.blueprints},
		{
			Method: http.MethodPost, Path: "/v1/blueprints", ID: "createBlueprint", Verb: shape, Limit: Normal, Audit: Domain, Status: http.StatusCreated,
			In: catalog.Blueprint{}, Out: BlueprintAnswer{}, Handle: s.createBlueprint,
			Params: []Param{{Name: "create_catalog_page", Type: "boolean", Doc: "Make the page that lists the entities; true when absent"}},
		},
		{Method: http.MethodGet, Path: blueprintPath, ID: "getBlueprint", Verb: "catalog.read", Audit: None, Out: BlueprintAnswer{}, Params: ignored, Handle: s.blueprint},
		{
			Method: http.MethodPut, Path: blueprintPath, ID: "putBlueprint", Verb: shape, Limit: Normal, Audit: Domain,
			In: catalog.Blueprint{}, Out: BlueprintAnswer{}, Handle: s.putBlueprint,
			Params: []Param{{Name: "drop_failing", Type: "boolean", Doc: "Let a property change its type although some values cannot be converted; those become unset"}},
		},
		{Method: http.MethodPatch, Path: blueprintPath, ID: "patchBlueprint", Verb: shape, Limit: Normal, Audit: Domain, Out: BlueprintAnswer{}, Handle: s.patchBlueprint},
		{
			Method: http.MethodDelete, Path: blueprintPath, ID: "deleteBlueprint", Verb: shape, Audit: Domain, Handle: s.deleteBlueprint,
			Params: []Param{{Name: "delete_actions", Type: "boolean", Doc: "Delete the actions about it, too"}},
		},
		{
			Method: http.MethodPatch, Path: blueprintPath + "/properties/{name}/rename", ID: "renameProperty", Verb: shape, Limit: Small, Audit: Domain,
			In: RenameInput{}, Out: RenamedAnswer{}, Handle: s.rename("newPropertyName", s.Catalog.RenameProperty),
		},
		{
			Method: http.MethodPatch, Path: blueprintPath + "/mirror/{name}/rename", ID: "renameMirror", Verb: shape, Limit: Small, Audit: Domain,
			In: RenameInput{}, Out: RenamedAnswer{}, Handle: s.rename("newMirrorName", s.Catalog.RenameMirror),
		},
		{
			Method: http.MethodPatch, Path: blueprintPath + "/relations/{name}/rename", ID: "renameRelation", Verb: shape, Limit: Small, Audit: Domain,
			In: RenameInput{}, Out: RenamedAnswer{}, Handle: s.rename("newRelationIdentifier", s.Catalog.RenameRelation),
		},
	}
	for _, id := range []string{"_user", "_team", "_scorecard", "_rule", "_rule_result"} {
		// Each literally: a wildcard there would be mistaken for the entities of a
		// blueprint called system.
		routes = append(routes, Route{
			Method: http.MethodGet, Path: "/v1/blueprints/system/" + id + "/structure", ID: "getStructureOf" + structureName(id), Verb: "catalog.read", Audit: None,
			Out: BlueprintAnswer{}, Handle: func(context.Context, *Request) (int, any, error) {
				b, err := catalog.SystemStructure(id)
				return 0, BlueprintAnswer{Blueprint: b}, err
			},
		})
	}
	return routes
}

// structureName makes "RuleResult" of "_rule_result".
func structureName(id string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(id, "_"), "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func (s *Service) blueprints(ctx context.Context, _ *Request) (int, any, error) {
	all, err := s.Catalog.Blueprints(ctx)
	return 0, BlueprintsAnswer{Blueprints: all}, err
}

func (s *Service) blueprint(ctx context.Context, r *Request) (int, any, error) {
	b, err := s.Catalog.Blueprint(ctx, r.Path["bp"])
	return 0, BlueprintAnswer{Blueprint: b}, err
}

func (s *Service) createBlueprint(ctx context.Context, r *Request) (int, any, error) {
	var b catalog.Blueprint
	if err := r.Decode(&b); err != nil {
		return 0, nil, err
	}
	saved, _, err := s.Catalog.SaveBlueprint(ctx, b.Identifier, b, catalog.BlueprintWrite{By: r.Caller.ID, Create: true})
	if err != nil {
		return 0, nil, err
	}
	list := !r.Query.Has("create_catalog_page") || r.Bool("create_catalog_page")
	return 0, BlueprintAnswer{Blueprint: saved}, s.createCatalogPages(ctx, actor(r), saved.Identifier, saved.Title, saved.Icon, list)
}

// putBlueprint replaces. Another identifier in the body is a rename.
func (s *Service) putBlueprint(ctx context.Context, r *Request) (int, any, error) {
	var b catalog.Blueprint
	if err := r.Decode(&b); err != nil {
		return 0, nil, err
	}
	if _, err := s.Catalog.Blueprint(ctx, r.Path["bp"]); err != nil {
		return 0, nil, err
	}
	if b.Identifier == "" {
		b.Identifier = r.Path["bp"]
	}
	return s.saveBlueprint(ctx, r, b)
}

// saveBlueprint saves the blueprint of the address as b.
func (s *Service) saveBlueprint(ctx context.Context, r *Request, b catalog.Blueprint) (int, any, error) {
	saved, _, err := s.Catalog.SaveBlueprint(ctx, r.Path["bp"], b, catalog.BlueprintWrite{By: r.Caller.ID, DropUnfit: r.Bool("drop_failing")})
	return 0, BlueprintAnswer{Blueprint: saved}, err
}

// patchBlueprint replaces the keys that are sent, each as a whole; null takes
// one away. A change of somebody else between reading and saving is not lost:
// then it reads again.
func (s *Service) patchBlueprint(ctx context.Context, r *Request) (int, any, error) {
	var sent map[string]json.RawMessage
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	if id, renamed := sent["identifier"]; renamed && string(id) != string(rawJSON(r.Path["bp"])) {
		old, err := s.Catalog.Blueprint(ctx, r.Path["bp"])
		if err != nil {
			return 0, nil, err
		}
		b, err := patched(old, sent)
		if err != nil {
			return 0, nil, err
		}
		return s.saveBlueprint(ctx, r, b)
	}
	saved, err := s.Catalog.UpdateBlueprint(ctx, r.Path["bp"], r.Caller.ID, func(old catalog.Blueprint) (catalog.Blueprint, error) {
		return patched(old, sent)
	})
	return 0, BlueprintAnswer{Blueprint: saved}, err
}

func patched(old catalog.Blueprint, sent map[string]json.RawMessage) (catalog.Blueprint, error) {
	raw, err := json.Marshal(old)
	if err != nil {
		return old, fmt.Errorf("encode blueprint %s: %w", old.Identifier, err)
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(raw, &doc); err != nil {
		return old, fmt.Errorf("encode blueprint %s: %w", old.Identifier, err)
	}
	for key, value := range sent {
		if string(value) == "null" {
			delete(doc, key)
			continue
		}
		doc[key] = value
	}
	if raw, err = json.Marshal(doc); err != nil {
		return old, fmt.Errorf("encode blueprint %s: %w", old.Identifier, err)
	}
	var b catalog.Blueprint
	if err := json.Unmarshal(raw, &b); err != nil {
		return old, shapeError(err)
	}
	return b, nil
}

func (s *Service) deleteBlueprint(ctx context.Context, r *Request) (int, any, error) {
	if err := s.Catalog.DeleteBlueprint(ctx, r.Path["bp"], r.Caller.ID); err != nil {
		return 0, nil, err
	}
	return 0, nil, s.deleteCatalogPages(ctx, actor(r), r.Path["bp"])
}

func (s *Service) rename(key string, f func(ctx context.Context, blueprint, old, name, by string) (catalog.Renamed, error)) Handler {
	return func(ctx context.Context, r *Request) (int, any, error) {
		var in map[string]any
		if err := r.Decode(&in); err != nil {
			return 0, nil, err
		}
		name, ok := in[key].(string)
		if !ok || name == "" {
			return 0, nil, fault.Field("/"+key, "is missing", "the new identifier")
		}
		done, err := f(ctx, r.Path["bp"], r.Path["name"], name, r.Caller.ID)
		return 0, RenamedAnswer{Renamed: done}, err
	}
}
