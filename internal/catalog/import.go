package catalog

import (
	"context"

	"sphera/internal/fault"
)

// Import reads blueprints and entities from files.
func (c *Catalog) Import(ctx context.Context, files []ImportFile, o ImportOptions) (Report, error) {
	return Report{}, fault.New(fault.Unavailable, "Import is not there yet.")
}

// Export writes the catalog as files that Import reads.
func (c *Catalog) Export(ctx context.Context) ([]ImportFile, error) {
	return nil, fault.New(fault.Unavailable, "Export is not there yet.")
}
