package catalog

import (
	"context"
	"errors"
	"fmt"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// BlueprintWrite says how a blueprint is saved.
type BlueprintWrite struct {
	By, RunID string
	// Create refuses to replace a blueprint.
	Create bool
	// DropUnfit lets a property change its type although some values cannot be
	// converted: those become unset. Without it the change is refused.
	DropUnfit bool
	// system lets the catalog make its own blueprints.
	system bool
}

// PutBlueprint creates a blueprint or replaces it as a whole. Values of
// properties and relations that the new version no longer has are gone; a
// change that values in the catalog do not fit is refused.
func (c *Catalog) PutBlueprint(ctx context.Context, b Blueprint, by string) (Blueprint, bool, error) {
	return c.SaveBlueprint(ctx, b.Identifier, b, BlueprintWrite{By: by})
}

// SaveBlueprint creates or replaces blueprint id; b with another identifier is
// a rename, which relations, mirrors and aggregations of other blueprints
// follow.
func (c *Catalog) SaveBlueprint(ctx context.Context, id string, b Blueprint, w BlueprintWrite) (Blueprint, bool, error) {
	if err := c.may(ctx, VerbShape, id); err != nil {
		return Blueprint{}, false, err
	}
	var saved Blueprint
	var verb string
	err := c.write(ctx, func(tx *store.Tx) error {
		known, err := blueprintNames(ctx, tx)
		if err != nil {
			return err
		}
		switch {
		case w.Create && known[b.Identifier]:
			return fault.New(fault.Taken, "There is a blueprint %q already (identifier_taken).", b.Identifier)
		case id != b.Identifier && !known[id]:
			return noBlueprint(id)
		case id != b.Identifier:
			if err := c.renameBlueprint(ctx, tx, id, &b, w); err != nil {
				return err
			}
			delete(known, id)
			known[b.Identifier] = true
		}
		if b, err = withSystemBase(b); err != nil {
			return err
		}
		if isSystem(b.Identifier) && !known[b.Identifier] && !w.system {
			return fault.New(fault.Forbidden, "Blueprint %q belongs to the catalog, which makes it by itself.", b.Identifier)
		}
		if problems := checkBlueprint(b, func(id string) bool { return known[id] }); len(problems) > 0 {
			return problems.fault(fmt.Sprintf("Blueprint %q was not saved", b.Identifier))
		}
		if saved, verb, err = c.saveChecked(ctx, tx, b, w); err != nil || id == b.Identifier {
			return err
		}
		return c.guarded(ctx, tx) // a new name alone changes no document
	})
	return saved, verb == verbCreate, err
}

// saveBlueprint writes a checked blueprint.
func (c *Catalog) saveBlueprint(ctx context.Context, tx *store.Tx, b Blueprint, by, runID string) (Blueprint, string, error) {
	return c.saveChecked(ctx, tx, b, BlueprintWrite{By: by, RunID: runID})
}

func (c *Catalog) saveChecked(ctx context.Context, tx *store.Tx, b Blueprint, w BlueprintWrite) (Blueprint, string, error) {
	doc, err := b.document()
	if err != nil {
		return b, "", err
	}
	text, err := sortedJSON(doc)
	if err != nil {
		return b, "", err
	}
	if len(text) > maxDocument {
		return b, "", fault.New(fault.TooLarge, "Blueprint %q has %d bytes; at most %d are kept.", b.Identifier, len(text), maxDocument)
	}
	old, err := readBlueprint(ctx, tx, b.Identifier, tx.ForUpdate())
	if fault.Is(err, fault.NotFound) {
		created, err := c.insertBlueprint(ctx, tx, b, text, w)
		return created, verbCreate, err
	}
	if err != nil {
		return b, "", err
	}
	oldDoc, err := old.document()
	if err != nil {
		return b, "", err
	}
	if oldText, err := sortedJSON(oldDoc); err != nil || oldText == text {
		return old, verbUnchanged, err
	}
	before, err := c.readModel(ctx, tx, false)
	if err != nil {
		return b, "", err
	}
	conversions, err := c.migrateEntities(ctx, tx, old, b, w)
	if err != nil {
		return b, "", err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET doc = $1, updated_at = $2, updated_by = $3 WHERE identifier = $4",
		text, store.Millis(c.now()), w.By, b.Identifier); err != nil {
		return b, "", fmt.Errorf("update blueprint %s: %w", b.Identifier, err)
	}
	err = errors.Join(touchModel(ctx, tx), c.keepBlueprint(ctx, tx, b.Identifier, verbUpdate, text, w.By),
		c.record(ctx, tx, "blueprint.update", b.Identifier, w.By, w.RunID, changeDetail(flatBlueprint(oldDoc), flatBlueprint(doc))), c.guarded(ctx, tx))
	if err != nil {
		return b, "", err
	}
	if derivesDifferently(oldDoc, doc) || len(conversions) > 0 {
		if err := c.rederive(ctx, tx, before, b.Identifier, conversions, w); err != nil {
			return b, "", err
		}
	}
	tx.Notify(BlueprintTopic, b.Identifier)
	saved, err := readBlueprint(ctx, tx, b.Identifier, "")
	return saved, verbUpdate, err
}

func (c *Catalog) insertBlueprint(ctx context.Context, tx *store.Tx, b Blueprint, text string, w BlueprintWrite) (Blueprint, error) {
	at := store.Millis(c.now())
	before, err := c.readModel(ctx, tx, false)
	if err != nil {
		return b, err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO blueprints ("+blueprintColumns+") VALUES ($1, $2, $3, $3, $4, $4)", b.Identifier, text, at, w.By); err != nil {
		return b, fmt.Errorf("insert blueprint %s: %w", b.Identifier, err)
	}
	doc, err := b.document()
	if err != nil {
		return b, err
	}
	err = errors.Join(touchModel(ctx, tx), c.keepBlueprint(ctx, tx, b.Identifier, verbCreate, text, w.By),
		c.record(ctx, tx, "blueprint.create", b.Identifier, w.By, w.RunID, changeDetail(nil, flatBlueprint(doc))),
		c.rederive(ctx, tx, before, b.Identifier, nil, w), c.guarded(ctx, tx))
	if err != nil {
		return b, err
	}
	tx.Notify(BlueprintTopic, b.Identifier)
	return readBlueprint(ctx, tx, b.Identifier, "")
}

// derivesDifferently tells whether derived values or slots can change with a
// blueprint: with all but what is only shown.
func derivesDifferently(old, now map[string]any) bool {
	before, after := map[string]any{}, map[string]any{}
	for doc, into := range map[*map[string]any]map[string]any{&old: before, &now: after} {
		for key, value := range *doc {
			switch key {
			case "title", "description", "icon", "changelogDestination", "includeInGlobalSearch":
			default:
				into[key] = value
			}
		}
	}
	return !sameJSON(any(before), any(after))
}
