package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/store"
)

// A facet is a property with few values: an enum, a boolean, the owning teams.
// How many entities have each value is kept in facet_counts in the transaction
// of the write.

const (
	// facetTeam is the facet of the owning teams.
	facetTeam = "$team"
	// maxFacetValue is the longest value that is counted, in bytes.
	maxFacetValue = 200
)

// facetNames lists the facets of a blueprint.
func facetNames(b Blueprint) []string {
	out := []string{facetTeam}
	for name, p := range b.Schema.Properties {
		if p.Type == "boolean" || len(p.Enum) > 0 && (p.Type == "string" || p.Type == "number") {
			out = append(out, name)
		}
	}
	for name, p := range b.CalculationProperties {
		if p.Type == "boolean" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// facetKey is a value as it is counted: JSON text, so that 1 and "1" differ.
func facetKey(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		raw, err := json.Marshal(v)
		return string(raw), err == nil && len(raw) <= maxFacetValue
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// facetDelta collects what a transaction changes in the counters. Its zero
// value is ready.
type facetDelta struct {
	counts map[facetID]int
}

type facetID struct{ blueprint, property, value string }

// change notes that an entity came (before is nil), went (after is nil) or
// changed. What is pending does not count: publishing it is a change from nil.
// names are the facets of the blueprint; see facetNames.
func (d *facetDelta) change(names []string, before, after *stored) {
	d.one(names, before, -1)
	d.one(names, after, 1)
}

func (d *facetDelta) one(names []string, r *stored, n int) {
	if r == nil {
		return
	}
	if d.counts == nil {
		d.counts = map[facetID]int{}
	}
	d.counts[facetID{r.blueprint, "", ""}] += n
	for _, name := range names {
		if name == facetTeam {
			for _, team := range r.Team {
				if key, ok := facetKey(team); ok {
					d.counts[facetID{r.blueprint, name, key}] += n
				}
			}
			continue
		}
		if key, ok := facetKey(r.Properties[name]); ok {
			d.counts[facetID{r.blueprint, name, key}] += n
		}
	}
}

// apply writes the changes, in the order of the key so that transactions do
// not wait for each other in circles, and starts anew.
func (d *facetDelta) apply(ctx context.Context, tx *store.Tx) error {
	ids := slices.DeleteFunc(slices.Collect(maps.Keys(d.counts)), func(id facetID) bool { return d.counts[id] == 0 })
	slices.SortFunc(ids, func(a, b facetID) int {
		return strings.Compare(a.blueprint+"\x00"+a.property+"\x00"+a.value, b.blueprint+"\x00"+b.property+"\x00"+b.value)
	})
	for part := range slices.Chunk(ids, 200) {
		var rows []string
		var args []any
		for _, id := range part {
			args = append(args, id.blueprint, id.property, id.value, d.counts[id])
			n := len(args)
			rows = append(rows, fmt.Sprintf("($%d, $%d, $%d, $%d)", n-3, n-2, n-1, n))
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO facet_counts (blueprint, property, value, n) VALUES "+strings.Join(rows, ", ")+
			" ON CONFLICT (blueprint, property, value) DO UPDATE SET n = facet_counts.n + excluded.n", args...)
		if err != nil {
			return fmt.Errorf("count facets: %w", err)
		}
	}
	d.counts = nil
	return nil
}
