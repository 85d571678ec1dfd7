package resource

import (
	"context"
	"encoding/json"
	"fmt"

	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename renames in all documents what has another name in the catalog.
func (s *Store) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	var found naming.Found
	rows, err := tx.QueryContext(ctx, "SELECT "+columns+" FROM resources WHERE REPLACE(doc, $1, '') <> doc ORDER BY kind, parent, identifier", inJSON(c.Old))
	list, err := store.All(rows, err, scan)
	if err != nil {
		return found, fmt.Errorf("look for documents that name %s: %w", c.Kind, err)
	}
	for _, r := range list {
		raw, err := r.Doc.encode()
		if err != nil {
			return found, fmt.Errorf("encode %s %s: %w", r.Kind, r.Identifier, err)
		}
		k := Kind{Name: r.Kind}
		out, changed, left, err := c.JSON(raw, "")
		if err != nil {
			return found, err
		}
		found.Note(k.noun()+" "+r.Identifier, changed, left)
		if !changed {
			continue
		}
		doc, err := Parse(out)
		if err != nil {
			return found, err
		}
		if _, err := s.Change(ctx, tx, k, r.Parent, r.Identifier, Actor{ID: c.By, Name: c.By}, func(d *Resource) error {
			for key, value := range doc {
				if !sameValue(d.Doc[key], value) { // the others keep the order of their keys
					d.Doc[key] = value
				}
			}
			return nil
		}); err != nil {
			return found, err
		}
	}
	return found, nil
}

// inJSON is a text as JSON has it.
func inJSON(text string) string {
	raw, err := encode(text)
	if err != nil {
		return text
	}
	return string(raw[1 : len(raw)-1])
}

// sameValue compares JSON texts without the order of keys.
func sameValue(a, b json.RawMessage) bool {
	plain := func(raw json.RawMessage) string {
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return string(raw)
		}
		out, err := encode(v)
		if err != nil {
			return string(raw)
		}
		return string(out)
	}
	return plain(a) == plain(b)
}
