package catalog

import (
	"context"
	"fmt"

	"sphera/internal/store"
)

// UpdateBlueprint saves what change makes of a blueprint, in one transaction:
// two that change different parts of it do not lose each other's.
func (c *Catalog) UpdateBlueprint(ctx context.Context, id, by string, change func(Blueprint) (Blueprint, error)) (Blueprint, error) {
	if err := c.may(ctx, VerbShape, id); err != nil {
		return Blueprint{}, err
	}
	var saved Blueprint
	err := c.write(ctx, func(tx *store.Tx) error {
		old, err := readBlueprint(ctx, tx, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		b, err := change(old)
		if err != nil {
			return err
		}
		if b, err = withSystemBase(b); err != nil {
			return err
		}
		known, err := blueprintNames(ctx, tx)
		if err != nil {
			return err
		}
		if problems := checkBlueprint(b, func(id string) bool { return known[id] }); len(problems) > 0 {
			return problems.fault(fmt.Sprintf("Blueprint %q was not saved", b.Identifier))
		}
		saved, _, err = c.saveBlueprint(ctx, tx, b, by, "")
		return err
	})
	return saved, err
}
