package catalog

import (
	"context"

	"sphera/internal/store"
)

func (c *Catalog) renameBlueprint(context.Context, *store.Tx, string, *Blueprint, BlueprintWrite) error {
	return nil
}
