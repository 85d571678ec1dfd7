package catalog

import "sphera/internal/store"

// score evaluates the scorecards of a row. An entity that a scorecard's filter
// leaves out has no result.
func (b *batch) score(r *row) {
	if len(r.s.scorecards) == 0 && len(r.now.scorecards) == 0 {
		return
	}
	results := map[string]any{}
	if len(r.s.scorecards) > 0 {
		verdicts, next := verdicts(r.s.scorecards, r.subject(r.now.derived), store.Time(b.at))
		results = verdicts
		if !next.IsZero() {
			b.due[r.now.id] = store.Millis(next)
		}
	}
	if sameJSON(results, r.now.scorecards) || len(results)+len(r.now.scorecards) == 0 {
		return
	}
	r.now.scorecards = results
	r.change(fieldScorecards)
	b.derived(r)
}
