package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename renames in rules and holds what has another name in the catalog.
func (s *Service) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	var found naming.Found
	list, err := rules(ctx, tx)
	if err != nil {
		return found, err
	}
	for _, r := range list {
		raw, err := json.Marshal(r.RuleBody)
		if err != nil {
			return found, fmt.Errorf("write a rule: %w", err)
		}
		of := ""
		if len(r.Match.Blueprints) == 1 {
			of = r.Match.Blueprints[0]
		}
		out, changed, left, err := c.JSON(raw, of)
		if err != nil {
			return found, err
		}
		found.Note("approval rule "+r.Name, changed, left)
		if !changed {
			continue
		}
		if err := s.renameRule(ctx, tx, r, out, c.By); err != nil {
			return found, err
		}
	}
	holds, err := s.renameHolds(ctx, tx, c)
	found.Add(holds)
	return found, err
}

func (s *Service) renameRule(ctx context.Context, tx *store.Tx, r Rule, doc []byte, by string) error {
	if err := json.Unmarshal(doc, &r.RuleBody); err != nil {
		return fmt.Errorf("rename in a rule: %w", err)
	}
	// Plans that were made by the rule ask again.
	if err := ruleChanges(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE approval_rules SET doc = $1, updated_by = $2, updated_at = $3 WHERE id = $4", string(doc), by, store.Millis(s.Now()), r.ID); err != nil {
		return fmt.Errorf("rename in a rule: %w", err)
	}
	return s.event(ctx, tx, auth.User{ID: by, Name: by}, "approval_rule.update", "approval-rule/"+r.ID, "", r.detail(r.Position))
}

func (s *Service) renameHolds(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	var found naming.Found
	if c.Kind != naming.Entity && c.Kind != naming.Blueprint {
		return found, nil
	}
	type hold struct{ id, entity string }
	rows, err := tx.QueryContext(ctx, "SELECT id, entity FROM approval_holds WHERE entity <> '' ORDER BY id")
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (h hold, err error) { return h, row.Scan(&h.id, &h.entity) })
	if err != nil {
		return found, fmt.Errorf("read holds: %w", err)
	}
	for _, h := range list {
		blueprint, id, _ := strings.Cut(h.entity, "/")
		now := c.Blueprint + "/" + c.New
		if c.Kind == naming.Blueprint {
			now = c.New + "/" + id
		}
		if blueprint != c.Blueprint || c.Kind == naming.Entity && id != c.Old {
			continue
		}
		if _, err := tx.ExecContext(ctx, "UPDATE approval_holds SET entity = $1 WHERE id = $2", now, h.id); err != nil {
			return found, fmt.Errorf("rename in a hold: %w", err)
		}
		found.Note("hold of "+h.entity, true, nil)
	}
	return found, nil
}
