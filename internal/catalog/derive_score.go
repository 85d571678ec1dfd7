package catalog

// score evaluates the scorecards of a row.
func (b *batch) score(*row) error { return nil }
