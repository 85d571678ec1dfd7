package portapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"sphera/internal/catalog"
	"sphera/internal/catalog/property"
	"sphera/internal/fault"
)

// PermissionBlock says who may do one thing. ownedByTeam is never null.
type PermissionBlock = catalog.Grant

// EntityPermissions is who may do what with the entities of a blueprint.
type EntityPermissions struct {
	Read             PermissionBlock            `json:"read"`
	Register         PermissionBlock            `json:"register"`
	Update           PermissionBlock            `json:"update"`
	Unregister       PermissionBlock            `json:"unregister"`
	UpdateProperties map[string]PermissionBlock `json:"updateProperties"`
	UpdateRelations  map[string]PermissionBlock `json:"updateRelations"`
}

// BlueprintPermissionsAnswer is the permissions of a blueprint. What was never
// set is shown as its default; the role and the ownership decide it.
type BlueprintPermissionsAnswer struct {
	Permissions struct {
		Entities EntityPermissions `json:"entities"`
	} `json:"permissions" nameHint:"BlueprintPermissions"`
}

func (s *Service) permissionRoutes() []Route {
	const path = "/v1/blueprints/{bp}/permissions"
	return []Route{
		{Method: http.MethodGet, Path: path, ID: "getBlueprintPermissions", Verb: "catalog.read", Audit: None, Out: BlueprintPermissionsAnswer{}, Handle: s.blueprintPermissions},
		{
			Method: http.MethodPatch, Path: path, ID: "patchBlueprintPermissions", Verb: "blueprint.write", Limit: Normal, Audit: Domain,
			Out: BlueprintPermissionsAnswer{}, Handle: s.patchBlueprintPermissions,
		},
	}
}

// storedPermissions is what was sent, by block, property and relation.
type storedPermissions catalog.Rights

func permissionBlocks() []string { return []string{"read", "register", "update", "unregister"} }

func metaPermissions() []string { return []string{"$identifier", "$title", "$icon", "$team"} }

func (s *Service) blueprintPermissions(ctx context.Context, r *Request) (int, any, error) {
	b, err := s.Catalog.Blueprint(ctx, r.Path["bp"])
	if err != nil {
		return 0, nil, err
	}
	p, err := s.Catalog.Rights(ctx, b.Identifier)
	return 0, storedPermissions(p).answer(b), err
}

// answer lists the meta-properties and what the blueprint has now; what was
// never set has the default: administrators everything, members reading.
func (p storedPermissions) answer(b catalog.Blueprint) BlueprintPermissionsAnswer {
	block := func(from map[string]PermissionBlock, name string, roles ...string) PermissionBlock {
		if set, ok := from[name]; ok {
			return set
		}
		return PermissionBlock{Users: []string{}, Roles: roles, Teams: []string{}}
	}
	var out BlueprintPermissionsAnswer
	e, stored := &out.Permissions.Entities, p
	e.Read = block(stored.Blocks, "read", "Admin", "Member")
	e.Register, e.Update, e.Unregister = block(stored.Blocks, "register", "Admin"), block(stored.Blocks, "update", "Admin"), block(stored.Blocks, "unregister", "Admin")
	e.UpdateProperties, e.UpdateRelations = map[string]PermissionBlock{}, map[string]PermissionBlock{}
	for _, name := range slices.Concat(metaPermissions(), sortedKeys(b.Schema.Properties)) {
		e.UpdateProperties[name] = block(stored.Properties, name, "Admin")
	}
	for name := range b.Relations {
		e.UpdateRelations[name] = block(stored.Relations, name, "Admin")
	}
	return out
}

// patchBlueprintPermissions replaces the blocks that are sent. The body is the
// permissions themselves, without the word around them that the answer has.
func (s *Service) patchBlueprintPermissions(ctx context.Context, r *Request) (int, any, error) {
	var in struct {
		Entities map[string]json.RawMessage `json:"entities"`
	}
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if in.Entities == nil {
		return 0, nil, fault.Field("/entities", "is missing", "an object with read, register, update, unregister, updateProperties, updateRelations")
	}
	b, err := s.Catalog.Blueprint(ctx, r.Path["bp"])
	if err != nil {
		return 0, nil, err
	}
	p, err := s.Catalog.ChangeRights(ctx, b.Identifier, r.Caller.ID, func(p *catalog.Rights) ([]string, error) {
		return sortedKeys(in.Entities), (*storedPermissions)(p).merge(b, in.Entities)
	})
	if err != nil {
		return 0, nil, err
	}
	return 0, storedPermissions(p).answer(b), nil
}

func (p *storedPermissions) merge(b catalog.Blueprint, sent map[string]json.RawMessage) error {
	f := fault.New(fault.Unprocessable, "The permissions of %q were not changed.", b.Identifier)
	for _, key := range sortedKeys(sent) {
		at := "/entities/" + property.Escape(key)
		switch {
		case slices.Contains(permissionBlocks(), key):
			readBlock(f, at, key, sent[key], p.Blocks)
		case key == "updateProperties":
			known := func(name string) bool {
				_, ok := b.Schema.Properties[name]
				return ok || slices.Contains(metaPermissions(), name)
			}
			readBlocks(f, at, sent[key], known, p.Properties)
		case key == "updateRelations":
			known := func(name string) bool { _, ok := b.Relations[name]; return ok }
			readBlocks(f, at, sent[key], known, p.Relations)
		default:
			f.With(at, "is not a permission", "read, register, update, unregister, updateProperties, updateRelations")
		}
	}
	if len(f.Details) > 0 {
		return f
	}
	return nil
}

func readBlocks(f *fault.Error, at string, raw json.RawMessage, known func(string) bool, into map[string]PermissionBlock) {
	var blocks map[string]json.RawMessage
	if err := json.Unmarshal(raw, &blocks); err != nil {
		f.With(at, "is not an object", "blocks by name")
		return
	}
	for _, name := range sortedKeys(blocks) {
		below := at + "/" + property.Escape(name)
		if !known(name) {
			f.With(below, "is not in the blueprint", "a property or relation of it")
			continue
		}
		readBlock(f, below, name, blocks[name], into)
	}
}

// readBlock replaces one block; a policy that is not sent is gone.
func readBlock(f *fault.Error, at, name string, raw json.RawMessage, into map[string]PermissionBlock) {
	var block struct {
		Users       []string        `json:"users"`
		Roles       []string        `json:"roles"`
		Teams       []string        `json:"teams"`
		OwnedByTeam *bool           `json:"ownedByTeam"`
		Policy      json.RawMessage `json:"policy"`
	}
	if err := json.Unmarshal(raw, &block); err != nil {
		if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && shape.Field != "" {
			at += "/" + shape.Field
		}
		f.With(at, "is not valid", "users, roles, teams: lists of texts; ownedByTeam: true or false; policy: a query")
		return
	}
	out := PermissionBlock{Users: orEmpty(block.Users), Roles: orEmpty(block.Roles), Teams: orEmpty(block.Teams)}
	if block.OwnedByTeam != nil {
		out.OwnedByTeam = *block.OwnedByTeam
	}
	if len(block.Policy) > 0 && string(block.Policy) != "null" {
		out.Policy = block.Policy
	}
	into[name] = out
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
