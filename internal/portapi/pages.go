package portapi

import (
	"context"
	"encoding/json"
	"net/http"

	"sphera/internal/fault"
	"sphera/internal/resource"
	"sphera/internal/store"
)

// PageAnswer is one page.
type PageAnswer struct {
	Page Document `json:"page" doc:"As it was sent"`
}

// PagesAnswer is all pages.
type PagesAnswer struct {
	Pages []Document `json:"pages"`
}

// IdentifierAnswer is all that the creation of a page and the change of a
// widget answer.
type IdentifierAnswer struct {
	Identifier string `json:"identifier"`
}

// PagePermissionsAnswer says who may read and change a page.
type PagePermissionsAnswer struct {
	Permissions Document `json:"permissions"`
}

const (
	entityPage  = "entity"
	catalogPage = "blueprint-entities"
	// permissionsKey keeps a page's permissions with the page.
	permissionsKey = "$permissions"
)

func (s *Service) pageRoutes() []Route {
	const one, permissions, widget = "/v1/pages/{id}", "/v1/pages/{id}/permissions", "/v1/pages/{id}/widgets/{widget}"
	return []Route{
		{Method: http.MethodGet, Path: "/v1/pages", ID: "listPages", Verb: "catalog.read", Audit: None, Out: PagesAnswer{}, Handle: s.pages,
			Params: []Param{{Name: "compact", Doc: "Leave widgets and filters out", Type: "boolean"}}},
		{Method: http.MethodPost, Path: "/v1/pages", ID: "createPage", Verb: "page.write", Limit: Normal, Audit: Domain, Out: IdentifierAnswer{}, Handle: s.createPage},
		{Method: http.MethodGet, Path: one, ID: "getPage", Verb: "catalog.read", Audit: None, Out: PageAnswer{}, Handle: s.page},
		{Method: http.MethodPut, Path: one, ID: "putPage", Verb: "page.write", Limit: Normal, Audit: Domain, Out: PageAnswer{}, Handle: s.putPage},
		{Method: http.MethodDelete, Path: one, ID: "deletePage", Verb: "page.write", Audit: Domain, Handle: s.deletePage},
		{Method: http.MethodGet, Path: permissions, ID: "getPagePermissions", Verb: "catalog.read", Audit: None, Out: PagePermissionsAnswer{}, Handle: s.pagePermissions},
		{Method: http.MethodPatch, Path: permissions, ID: "patchPagePermissions", Verb: "page.write", Limit: Small, Audit: Domain, Out: PagePermissionsAnswer{}, Handle: s.changePagePermissions},
		{Method: http.MethodPatch, Path: widget, ID: "patchWidget", Verb: "page.write", Limit: Normal, Audit: Domain, Out: IdentifierAnswer{}, Handle: s.changeWidget},
		{Method: http.MethodDelete, Path: widget, ID: "deleteWidget", Verb: "page.write", Audit: Domain, Out: IdentifierAnswer{}, Handle: s.deleteWidget},
	}
}

func (s *Service) pages(ctx context.Context, r *Request) (int, any, error) {
	list, err := s.documents.All(ctx, s.DB.Read(), pageKind())
	if r.Bool("compact") {
		for _, p := range list {
			p.Doc.Drop("widgets", "pageFilters")
		}
	}
	return 0, PagesAnswer{documents(list)}, err
}

func (s *Service) page(ctx context.Context, r *Request) (int, any, error) {
	p, err := s.find(ctx, r, pageKind(), "id")
	return 0, PageAnswer{documentOf(p)}, err
}

func (s *Service) createPage(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentPage(r)
	if err != nil {
		return 0, nil, err
	}
	if sent.Text("type") == entityPage {
		return 0, nil, fault.Field("/type", "is entity", "another type; the page of an entity is made with its blueprint")
	}
	id, err := takeIdentifier(sent, newIdentifier())
	if err != nil {
		return 0, nil, err
	}
	p, err := s.createDocument(ctx, r, pageKind(), id, sent)
	return 0, IdentifierAnswer{p.Identifier}, err
}

func (s *Service) putPage(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentPage(r)
	if err != nil {
		return 0, nil, err
	}
	p, err := s.changeDocument(ctx, r, pageKind(), "id", func(_ *store.Tx, d *resource.Resource) error {
		was := d.Doc.Text("type")
		if sent.IsNull("type") {
			sent["type"] = d.Doc["type"]
		}
		if is := sent.Text("type"); was != is && (was == entityPage || is == entityPage) {
			return fault.Field("/type", "cannot be changed to or from entity", was)
		}
		return replaceDocument(d, sent)
	})
	return 0, PageAnswer{documentOf(p)}, err
}

func sentPage(r *Request) (resource.Doc, error) {
	d, err := sentDocument(r)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"title", "description", "icon", "type", "blueprint", "parent", "after"} {
		if err := d.CheckText(key, false, 500); err != nil {
			return nil, err
		}
	}
	for _, key := range []string{"widgets", "pageFilters"} {
		if err := d.CheckShape(key, "list"); err != nil {
			return nil, err
		}
	}
	return d, d.CheckShape("locked", "truth")
}

func (s *Service) deletePage(ctx context.Context, r *Request) (int, any, error) {
	return 0, nil, s.deleteDocument(ctx, r, pageKind(), "id", func(_ *store.Tx, d resource.Resource) error {
		if d.Doc.Text("type") == entityPage {
			return fault.New(fault.Forbidden, "The page %q shows the entities of a blueprint one by one; it goes with the blueprint and not by itself.", d.Identifier)
		}
		return nil
	})
}

// pageRight says who may do something to a page; lists are there even if empty.
type pageRight struct {
	Users []string `json:"users"`
	Roles []string `json:"roles"`
	Teams []string `json:"teams"`
}

func permissionsOf(p resource.Resource) Document {
	kept := map[string]pageRight{}
	if json.Unmarshal(p.Doc[permissionsKey], &kept) != nil || len(kept) == 0 {
		kept = map[string]pageRight{"read": {Roles: []string{"Admin", "Member"}}}
	}
	out := Document{}
	for name, right := range kept {
		out[name] = pageRight{append([]string{}, right.Users...), append([]string{}, right.Roles...), append([]string{}, right.Teams...)}
	}
	return out
}

func (s *Service) pagePermissions(ctx context.Context, r *Request) (int, any, error) {
	p, err := s.find(ctx, r, pageKind(), "id")
	return 0, PagePermissionsAnswer{permissionsOf(p)}, err
}

// changePagePermissions takes the bare rights; one that is sent replaces that
// one.
func (s *Service) changePagePermissions(ctx context.Context, r *Request) (int, any, error) {
	var sent map[string]*pageRight
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	for name := range sent {
		if name != "read" && name != "update" {
			return 0, nil, fault.Field("/"+name, "is not a right of a page", "read or update")
		}
	}
	p, err := s.changeDocument(ctx, r, pageKind(), "id", func(_ *store.Tx, d *resource.Resource) error {
		now := permissionsOf(*d)
		for name, right := range sent {
			if right != nil {
				now[name] = right
			}
		}
		return d.Doc.Set(permissionsKey, now)
	})
	return 0, PagePermissionsAnswer{permissionsOf(p)}, err
}

func (s *Service) changeWidget(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentDocument(r)
	if err != nil {
		return 0, nil, err
	}
	return s.onWidget(ctx, r, func(w resource.Doc) resource.Doc {
		sent.Drop("id")
		w.Merge(sent)
		return w
	})
}

func (s *Service) deleteWidget(ctx context.Context, r *Request) (int, any, error) {
	return s.onWidget(ctx, r, func(resource.Doc) resource.Doc { return nil })
}

// onWidget puts what f makes of a widget in its place; nil takes it away.
func (s *Service) onWidget(ctx context.Context, r *Request, f func(w resource.Doc) resource.Doc) (int, any, error) {
	id := r.Path["widget"]
	_, err := s.changeDocument(ctx, r, pageKind(), "id", func(_ *store.Tx, d *resource.Resource) error {
		widgets, found, err := replaceWidget(d.Doc["widgets"], id, f, 0)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, "The page %q has no widget %q.", d.Identifier, id)
		}
		d.Doc["widgets"] = widgets
		return nil
	})
	return 0, IdentifierAnswer{id}, err
}

// replaceWidget looks for a widget by its id, also inside of other widgets.
func replaceWidget(raw json.RawMessage, id string, f func(resource.Doc) resource.Doc, depth int) (json.RawMessage, bool, error) {
	var list []resource.Doc
	if json.Unmarshal(raw, &list) != nil || depth > maxWidgetDepth {
		return raw, false, nil //nolint:nilerr // no widgets in there
	}
	out := make([]resource.Doc, 0, len(list))
	found := false
	for _, w := range list {
		if !found && w.Text("id") == id {
			found = true
			if w = f(w); w != nil {
				out = append(out, w)
			}
			continue
		}
		if !found && w.Has("widgets") {
			inner, hit, err := replaceWidget(w["widgets"], id, f, depth+1)
			if err != nil {
				return nil, false, err
			}
			if hit {
				found, w["widgets"] = true, inner
			}
		}
		out = append(out, w)
	}
	if !found {
		return raw, false, nil
	}
	d := resource.Doc{}
	if err := d.Set("widgets", out); err != nil {
		return nil, false, err
	}
	return d["widgets"], true, nil
}

const maxWidgetDepth = 8
