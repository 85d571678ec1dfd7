package catalog

import "context"

// resolveQueries replaces identifiers, owners and relations that were sent as
// queries by what they find.
func (b *batch) resolveQueries(context.Context, []*put) error { return nil }
