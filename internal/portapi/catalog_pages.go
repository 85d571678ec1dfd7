package portapi

import (
	"context"
	"strings"

	"sphera/internal/catalog/naming"
	"sphera/internal/fault"
	"sphera/internal/resource"
	"sphera/internal/store"
)

// The pages that come with a blueprint: one that lists its entities, and one
// that shows an entity. They follow the blueprint's name and end with it.

// catalogPageID is the plural of the blueprint's identifier, as simple as Port
// makes it.
func catalogPageID(blueprint string) string {
	if strings.HasSuffix(blueprint, "s") {
		return blueprint
	}
	return blueprint + "s"
}

func entityPageID(blueprint string) string { return blueprint + "Entity" }

// createCatalogPages makes the pages of a new blueprint; list says whether the
// one that lists its entities is wanted. Pages that are there are left alone.
func (s *Service) createCatalogPages(ctx context.Context, by resource.Actor, blueprint, title, icon string, list bool) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		if list {
			if err := s.createCatalogPage(ctx, tx, by, catalogPageID(blueprint), catalogPage, blueprint, plural(title), icon); err != nil {
				return err
			}
		}
		return s.createCatalogPage(ctx, tx, by, entityPageID(blueprint), entityPage, blueprint, title, icon)
	})
}

func plural(title string) string {
	if title == "" || strings.HasSuffix(title, "s") {
		return title
	}
	return title + "s"
}

func (s *Service) createCatalogPage(ctx context.Context, tx *store.Tx, by resource.Actor, id, kind, blueprint, title, icon string) error {
	d := resource.Doc{}
	sent := map[string]any{"type": kind, "blueprint": blueprint, "title": title, "widgets": []any{}}
	if kind == catalogPage {
		sent["widgets"] = []any{map[string]any{
			"id": id, "type": "table-entities-explorer", "displayMode": "widget", "title": "",
			"dataset": map[string]any{"combinator": "and", "rules": []any{map[string]any{"property": "$blueprint", "operator": "=", "value": blueprint}}},
		}}
	}
	if icon != "" {
		sent["icon"] = icon
	}
	for key, value := range sent {
		if err := d.Set(key, value); err != nil {
			return err
		}
	}
	_, err := s.documents.Create(ctx, tx, pageKind(), "", id, d, by)
	if fault.Is(err, fault.Taken) {
		return nil
	}
	return err
}

// FollowRename makes documents follow new names, pages with them. The page that
// lists keeps its name, which other pages may stand after; that of one entity
// is found by it.
func (s *Service) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	found, err := s.documents.FollowRename(ctx, tx, c)
	if err != nil || c.Kind != naming.Blueprint {
		return found, err
	}
	p, err := s.documents.Get(ctx, tx, pageKind(), "", entityPageID(c.Old))
	if fault.Is(err, fault.NotFound) || err == nil && p.Doc.Text("type") != entityPage {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	_, err = s.documents.Change(ctx, tx, pageKind(), "", p.Identifier, resource.Actor{ID: c.By, Name: c.By}, func(d *resource.Resource) error {
		d.Identifier = entityPageID(c.New)
		return nil
	})
	return found, err
}

// deleteCatalogPages removes the pages of a blueprint that is gone.
func (s *Service) deleteCatalogPages(ctx context.Context, by resource.Actor, blueprint string) error {
	return s.eachPageOf(ctx, blueprint, func(tx *store.Tx, p resource.Resource) error {
		if kind := p.Doc.Text("type"); kind != entityPage && kind != catalogPage {
			return nil
		}
		_, err := s.documents.Delete(ctx, tx, pageKind(), "", p.Identifier, by)
		return err
	})
}

func (s *Service) eachPageOf(ctx context.Context, blueprint string, f func(tx *store.Tx, p resource.Resource) error) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		all, err := s.documents.All(ctx, tx, pageKind())
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.Doc.Text("blueprint") != blueprint {
				continue
			}
			if err := f(tx, p); err != nil {
				return err
			}
		}
		return nil
	})
}
