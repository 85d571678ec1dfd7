package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxAggregated is how many entities an aggregate looks at.
const maxAggregated = 100_000

// AggregateSpec says what to work out over the entities that Where finds, of
// all blueprints; see port-api 2.5.10.
type AggregateSpec struct {
	// Func is count, average, sum, min, max, median or countValues.
	Func string
	// Property is the number that is aggregated; without it entities are. For
	// countValues it is the property, or else Relation or Scorecard (and
	// ScorecardRule) are what is counted.
	Property                 string
	Relation                 string
	Scorecard, ScorecardRule string
	// AverageOf is hour, day, week, month or total.
	AverageOf string
	// MeasureTimeBy is a date-time, $createdAt when empty.
	MeasureTimeBy string
	Where         *query.Query
	Env           query.Env
}

// AggregateResult has Value, nil when there is none, or Values for countValues.
type AggregateResult struct {
	Value  *float64
	Values []FacetValue
	// Partial is set where there were more entities than are looked at.
	Partial bool
}

// sample is one entity of an aggregate.
type sample struct {
	at     int64
	dated  bool
	number float64
	set    bool
}

// Aggregate works out a number, or counts values.
func (c *Catalog) Aggregate(ctx context.Context, a AggregateSpec) (AggregateResult, error) {
	if !slices.Contains([]string{"count", "average", "sum", "min", "max", "median", "countValues"}, a.Func) {
		return AggregateResult{}, fault.Field("func", "is not a function that is known here", "count, average, sum, min, max, median or countValues")
	}
	if a.AverageOf != "" && a.AverageOf != "total" && !slices.Contains(aggregatePeriods(), a.AverageOf) {
		return AggregateResult{}, fault.Field("averageOf", "is not a period that is known here", "hour, day, week, month or total")
	}
	if a.MeasureTimeBy == "" {
		a.MeasureTimeBy = "$createdAt"
	}
	var out AggregateResult
	if a.Func == "countValues" {
		return c.countValues(ctx, a)
	}
	if a.Property == "" && a.Func != "count" && a.Func != "average" {
		return out, fault.Field("property", "is missing", "a property of type number")
	}
	var all []sample
	err := c.overEach(ctx, a.Where, a.Env, func(s *search) error {
		list, partial, err := s.samples(ctx, a.Property, a.MeasureTimeBy)
		all = append(all, list...)
		out.Partial = out.Partial || partial || s.partly
		return err
	})
	if err == nil {
		out.Value = aggregateValue(a, all)
	}
	return out, err
}

// overEach narrows a search in each blueprint that may have a part.
func (c *Catalog) overEach(ctx context.Context, where *query.Query, env query.Env, f func(s *search) error) error {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return err
	}
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return err
	}
	for _, id := range sortedKeys(m.blueprints) {
		if where.Excludes(id, env) {
			continue
		}
		s, err := c.newSearch(ctx, Query{Blueprint: id, Where: where, Env: env, Lenient: true})
		if err == nil {
			err = s.narrow(ctx)
		}
		if err == nil {
			err = s.settle(ctx)
		}
		if err == nil {
			err = s.only(ctx)
		}
		if err == nil {
			err = f(s)
		}
		if err != nil {
			return fmt.Errorf("aggregate %s: %w", id, err)
		}
	}
	return nil
}

// all adds the whole condition of a search.
func (b *builder) all(s *search) error {
	b.add("e.blueprint = " + b.arg(s.q.Blueprint))
	b.add("e.pending = 0")
	if s.set != nil {
		ids := []int64{}
		for id := range s.set.all(false) {
			ids = append(ids, id)
		}
		b.among(ids)
	}
	return b.rests(s)
}

// field is a property or date by name; ok is false where there is none.
func (s *search) field(name string) (query.Field, bool) {
	if name == "$createdAt" || name == "$updatedAt" {
		return query.Field{Name: name, Kind: query.Meta, Type: "string", Format: "date-time"}, true
	}
	f, ok := s.l.fields.ByName[name]
	f.Name = name
	return f, ok && f.Kind != query.Relation && validPropertyIdentifier(name)
}

func (s *search) samples(ctx context.Context, property, measure string) ([]sample, bool, error) {
	number, date := "NULL", "NULL"
	if f, ok := s.field(property); ok && property != "" {
		number = query.Number(s.c.db.Dialect, f)
	}
	if f, ok := s.field(measure); ok {
		date = "CAST(" + query.Millis(s.c.db.Dialect, f) + " AS BIGINT)"
	}
	b := s.builder()
	if err := b.all(s); err != nil {
		return nil, false, err
	}
	rows, err := s.c.db.Read().QueryContext(ctx, "SELECT "+date+", "+number+" FROM entities e WHERE "+b.where()+" LIMIT "+strconv.Itoa(maxAggregated+1), b.args...)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (sample, error) {
		var at *int64
		var n *float64
		var one sample
		err := row.Scan(&at, &n)
		if at != nil {
			one.at, one.dated = *at, true
		}
		if n != nil {
			one.number, one.set = *n, true
		}
		return one, err
	})
	return list[:min(len(list), maxAggregated)], len(list) > maxAggregated, err
}

func aggregateValue(a AggregateSpec, all []sample) *float64 {
	if a.Property == "" {
		n := float64(len(all))
		if a.Func == "average" {
			n /= spanned(all, a.AverageOf)
		}
		return &n
	}
	with := slices.DeleteFunc(slices.Clone(all), func(s sample) bool { return !s.set })
	if a.Func == "average" {
		value, ok := fold1("sum", with)
		if !ok {
			return nil
		}
		if a.AverageOf == "" || a.AverageOf == "total" {
			value /= float64(len(with))
		} else {
			value /= spanned(with, a.AverageOf)
		}
		return &value
	}
	if a.Func == "count" {
		n := float64(len(with))
		return &n
	}
	value, ok := fold1(a.Func, with)
	if !ok {
		return nil
	}
	return &value
}

// fold1 makes one number of many; ok is false where there are none.
func fold1(function string, list []sample) (value float64, ok bool) {
	if len(list) == 0 {
		return 0, false
	}
	numbers := make([]float64, len(list))
	sum := 0.0
	for i, s := range list {
		numbers[i] = s.number
		sum += s.number
	}
	switch function {
	case "sum":
		return sum, true
	case "average":
		return sum / float64(len(list)), true
	case "min":
		return slices.Min(numbers), true
	case "max":
		return slices.Max(numbers), true
	case "last":
		return slices.MaxFunc(list, func(a, b sample) int { return cmp.Compare(a.at, b.at) }).number, true
	default:
		slices.Sort(numbers)
		middle := len(numbers) / 2
		if len(numbers)%2 == 1 {
			return numbers[middle], true
		}
		return (numbers[middle-1] + numbers[middle]) / 2, true
	}
}

// spanned is how many periods the entities span, from the first to the last.
func spanned(list []sample, period string) float64 {
	var times []int64
	for _, s := range list {
		if s.dated {
			times = append(times, s.at)
		}
	}
	if len(times) == 0 || !slices.Contains(aggregatePeriods(), period) {
		return 1
	}
	return periods(times, period)
}

func aggregatePeriods() []string { return []string{"hour", "day", "week", "month"} }

func (c *Catalog) countValues(ctx context.Context, a AggregateSpec) (AggregateResult, error) {
	if a.Property == "" && a.Relation == "" && a.Scorecard == "" {
		return AggregateResult{}, fault.Field("property", "is missing", "a property, or relation or scorecard")
	}
	var out AggregateResult
	counts := map[string]int{}
	err := c.overEach(ctx, a.Where, a.Env, func(s *search) error {
		out.Partial = out.Partial || s.partly
		return s.values(ctx, a, counts)
	})
	for key, n := range counts {
		f := FacetValue{Count: n}
		if key != "" {
			var err error
			if f, err = facetValue(key, n); err != nil {
				return out, err
			}
		}
		out.Values = append(out.Values, f)
	}
	slices.SortFunc(out.Values, func(a, b FacetValue) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(fmt.Sprint(a.Value), fmt.Sprint(b.Value)))
	})
	const most = 1000
	if len(out.Values) > most {
		out.Values, out.Partial = out.Values[:most], true
	}
	return out, err
}

// values counts what the entities of one blueprint have, as JSON text; "" is
// unset.
func (s *search) values(ctx context.Context, a AggregateSpec, counts map[string]int) error {
	b := s.builder()
	if err := b.all(s); err != nil {
		return err
	}
	from := "(SELECT e.* FROM entities e WHERE " + b.where() + " LIMIT " + strconv.Itoa(maxAggregated) + ") e"
	var value string
	plain := true
	switch {
	case a.Scorecard != "":
		var args []any
		value, args = query.Grade(b.dialect, a.Scorecard, a.ScorecardRule, len(b.args)+1)
		b.args = append(b.args, args...)
	case a.Relation != "":
		from += " LEFT JOIN entity_relations l ON l.source = e.id AND l.relation = " + b.arg(a.Relation) + " LEFT JOIN entities t ON t.id = l.target"
		value = "t.identifier"
	case a.Property == facetTeam:
		from += " LEFT JOIN entity_teams t ON t.entity = e.id"
		value = "t.team"
	case slices.Contains([]string{"$identifier", "$title", "$blueprint"}, a.Property):
		value = "e." + a.Property[1:]
	default:
		f, ok := s.field(a.Property)
		if !ok || f.Kind == query.Meta {
			return nil
		}
		value, plain = query.JSON(b.dialect, f), false
	}
	rows, err := s.c.db.Read().QueryContext(ctx, "SELECT "+value+", COUNT(*) FROM "+from+" GROUP BY "+value, b.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key *string
		var n int
		if err := rows.Scan(&key, &n); err != nil {
			return err
		}
		switch {
		case key == nil:
			counts[""] += n
		case plain:
			text, err := sortedJSON(*key)
			if err != nil {
				return err
			}
			counts[text] += n
		default:
			counts[*key] += n
		}
	}
	return rows.Err()
}
