package catalog

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/store"
)

// counted are the related entities of one aggregation and one entity.
type counted struct {
	n      int
	values []float64
	times  []int64
	// ids are kept for explanations only.
	ids []int64
}

// countedFor gives the value of an aggregation for each of the entities.
func (b *batch) countedFor(ctx context.Context, a *aggregation, ids []int64) (map[int64]any, error) {
	out := make(map[int64]any, len(ids))
	for part := range slices.Chunk(ids, 500) {
		found, err := aggregate(ctx, b.tx, b.tx.Dialect, a, part, b.at)
		if err != nil {
			return nil, fmt.Errorf("work out %s of %s: %w", a.name, a.blueprint, err)
		}
		for _, id := range part {
			if out[id] = a.ofNothing(); found[id] != nil {
				out[id] = a.value(found[id])
			}
		}
	}
	return out, nil
}

// aggregate reads the related entities of each of ids.
func aggregate(ctx context.Context, q store.Querier, d store.Dialect, a *aggregation, ids []int64, at int64) (map[int64]*counted, error) {
	if a.path == nil {
		return aggregateReach(ctx, q, d, a, ids, at)
	}
	if a.nodes == nil {
		return map[int64]*counted{}, nil // the path leads nowhere
	}
	var args []any
	var joins strings.Builder
	joins.WriteString("entity_relations r0")
	own, last := "r0.source", "r"+strconv.Itoa(len(a.path)-1)+".target"
	if a.backward {
		own, last = last, own
	}
	conditions := []string{}
	for i, relation := range a.path {
		args = append(args, relation)
		alias := "r" + strconv.Itoa(i)
		if i > 0 {
			joins.WriteString(" JOIN entity_relations " + alias + " ON " + alias + ".source = r" + strconv.Itoa(i-1) + ".target")
		}
		conditions = append(conditions, alias+".relation = $"+strconv.Itoa(len(args)))
	}
	pairs := "SELECT DISTINCT " + own + " AS own, " + last + " AS other FROM " + joins.String() + " WHERE " + strings.Join(conditions, " AND ") + " AND " + own + " IN (" + idList(ids) + ")"
	return a.read(ctx, q, d, pairs, args, at)
}

// aggregateReach is aggregate without a path: one entity after the other.
func aggregateReach(ctx context.Context, q store.Querier, d store.Dialect, a *aggregation, ids []int64, at int64) (map[int64]*counted, error) {
	out := make(map[int64]*counted, len(ids))
	for _, id := range ids {
		forth, err := reach(ctx, q, d, []int64{id}, a.forth, true)
		if err != nil {
			return nil, err
		}
		back, err := reach(ctx, q, d, []int64{id}, a.back, false)
		if err != nil {
			return nil, err
		}
		all := append(forth, back...)
		slices.Sort(all)
		all = slices.Compact(all)
		if len(all) == 0 {
			continue
		}
		own := strconv.FormatInt(id, 10)
		found, err := a.read(ctx, q, d, "SELECT CAST("+own+" AS BIGINT) AS own, o.id AS other FROM entities o WHERE o.id IN ("+idList(all[:min(len(all), maxCounted)])+")", nil, at)
		if err != nil {
			return nil, err
		}
		if found[id] != nil {
			out[id] = found[id]
		}
	}
	return out, nil
}

// read reads what the aggregation needs of the entities that pairs selects.
func (a *aggregation) read(ctx context.Context, q store.Querier, d store.Dialect, pairs string, args []any, at int64) (map[int64]*counted, error) {
	args = append(args, a.Target)
	where := "e.blueprint = $" + strconv.Itoa(len(args)) + " AND e.pending = 0 AND e.id <> p.own"
	if a.query != nil {
		more, moreArgs := a.query.sql(d, at, len(args)+1)
		where, args = where+" AND ("+more+")", append(args, moreArgs...)
	}
	from := " FROM (" + pairs + ") AS p JOIN entities e ON e.id = p.other WHERE " + where
	spec := a.CalculationSpec
	out := map[int64]*counted{}
	if spec.Func == "count" {
		rows, err := q.QueryContext(ctx, "SELECT p.own, COUNT(*)"+from+" GROUP BY p.own", args...)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var own int64
			c := &counted{}
			if err := rows.Scan(&own, &c.n); err != nil {
				return nil, err
			}
			out[own] = c
		}
		return out, rows.Err()
	}
	rows, err := q.QueryContext(ctx, "SELECT p.own, "+entityColumns+from, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var own int64
		r, err := scanPair(rows, &own)
		if err != nil {
			return nil, err
		}
		if out[own] == nil {
			out[own] = &counted{}
		}
		out[own].add(a, r)
	}
	return out, rows.Err()
}

// scanPair reads an id and an entity.
func scanPair(row interface{ Scan(...any) error }, own *int64) (*stored, error) {
	return scanStored(withFirst{row, own})
}

type withFirst struct {
	row interface{ Scan(...any) error }
	own *int64
}

func (w withFirst) Scan(dest ...any) error { return w.row.Scan(append([]any{w.own}, dest...)...) }

func (c *counted) add(a *aggregation, r *stored) {
	c.n++
	if a.CalculationSpec.Func == "list" {
		c.ids = append(c.ids, r.id)
		return
	}
	end := &row{now: *r}
	if name := a.CalculationSpec.Property; name != "" {
		v, ok := end.shown(name).(float64)
		if !ok {
			return
		}
		c.values = append(c.values, v)
	}
	if by := a.measuredBy(); by != "" {
		if text, ok := end.shown(by).(string); ok {
			if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
				c.times = append(c.times, store.Millis(t))
			}
		}
	}
}

// value is the result over what was read.
func (a *aggregation) value(c *counted) any {
	spec := a.CalculationSpec
	slices.Sort(c.values)
	sum := 0.0
	for _, v := range c.values {
		sum += v
	}
	var out float64
	switch {
	case spec.Func == "count":
		out = float64(c.n)
	case spec.Func == "sum":
		out = sum
	case spec.Func == "average" && spec.AverageOf != "total" && len(c.times) == 0:
		return nil
	case spec.CalculationBy == "entities" && spec.Func == "average":
		out = float64(c.n) / periods(c.times, spec.AverageOf)
	case len(c.values) == 0:
		return nil
	case spec.Func == "min":
		out = c.values[0]
	case spec.Func == "max":
		out = c.values[len(c.values)-1]
	case spec.Func == "median":
		n := len(c.values)
		out = (c.values[(n-1)/2] + c.values[n/2]) / 2
	case spec.AverageOf == "total":
		out = sum / float64(len(c.values))
	default:
		out = sum / periods(c.times, spec.AverageOf)
	}
	if math.IsNaN(out) || math.IsInf(out, 0) {
		return nil
	}
	return out
}

// periods is how many periods lie between the first and the last time; a
// period that has begun counts as a whole one.
func periods(times []int64, period string) float64 {
	length := map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour}[period]
	span := slices.Max(times) - slices.Min(times)
	return max(1, math.Ceil(float64(span)/float64(length.Milliseconds())))
}

// members are the entities that count for one.
func (a *aggregation) members(ctx context.Context, q store.Querier, d store.Dialect, id, at int64) ([]int64, error) {
	listing := *a
	listing.CalculationSpec = AggregationSpec{Func: "list"}
	found, err := aggregate(ctx, q, d, &listing, []int64{id}, at)
	if err != nil || found[id] == nil {
		return nil, err
	}
	return found[id].ids, nil
}
