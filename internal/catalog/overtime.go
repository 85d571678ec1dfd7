package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/store"
)

const (
	// maxBuckets is how many intervals a chart has at most.
	maxBuckets = 2500
	// maxHistory is how many versions of an entity a chart looks at.
	maxHistory = 10_000
	// maxBreakdown is how many values a breakdown shows; the rest is "other".
	maxBreakdown = 100
)

// TimeSpec is the time axis of a chart; see port-api 2.5.11.
type TimeSpec struct {
	// Preset is the name of a span of time, such as lastMonth.
	Preset string
	// Zone is the name of a time zone, UTC when empty.
	Zone string
	// Interval is hour, day, isoWeek, month or quarter.
	Interval string
	Now      time.Time
}

// Series are values by interval.
type Series struct {
	MinDate time.Time `json:"minDate"`
	MaxDate time.Time `json:"maxDate"`
	Data    []Bucket  `json:"data"`
	// Partial is set where there was more than is looked at.
	Partial bool `json:"partial,omitempty"`
}

// Bucket is one interval, named by its beginning. Values are by property, for
// counts by "count" or the value of the breakdown.
type Bucket struct {
	Date   time.Time      `json:"date"`
	Values map[string]any `json:"values"`
}

// OverTimeSpec says what a chart of many entities shows.
type OverTimeSpec struct {
	Blueprint string
	Time      TimeSpec
	Where     *query.Query
	Env       query.Env
	// MeasureTimeBy is a date-time, $createdAt when empty.
	MeasureTimeBy string
	// Func is average, sum, min, max, median or last of Properties, or without
	// them count or average of entities.
	Func       string
	Properties []string
	// Breakdown splits a count by the values of a property.
	Breakdown string
}

// axis are the beginnings of the intervals, and the end of the last.
func (t TimeSpec) axis() (starts []time.Time, from, to time.Time, err error) {
	zone := time.UTC
	if t.Zone != "" {
		if zone, err = time.LoadLocation(t.Zone); err != nil || len(t.Zone) > 100 {
			return nil, from, to, fault.Field("timeRange/timeZone", "is not a time zone", "e.g. Europe/Berlin")
		}
	}
	from, to, ok := query.Preset(t.Preset, t.Now)
	if !ok {
		return nil, from, to, fault.Field("timeRange/preset", "is not a preset that is known here", "today, yesterday, lastDay, lastWeek, last2Weeks, lastMonth, last3Months, last6Months, last12Months, last2Years, last3Years")
	}
	if t.Preset == "last2Years" || t.Preset == "last3Years" {
		t.Interval = "quarter"
	}
	from, to = from.In(zone), to.In(zone)
	for at := t.begin(from); !at.After(to); at = t.next(at) {
		if starts = append(starts, at); len(starts) > maxBuckets {
			return nil, from, to, fault.Field("timeInterval", fmt.Sprintf("gives more than %d values", maxBuckets), "a longer interval or a shorter range")
		}
		if t.next(at).Equal(at) {
			return nil, from, to, fault.Field("timeInterval", "is not an interval that is known here", "hour, day, isoWeek, month or quarter")
		}
	}
	return starts, from, to, nil
}

func (t TimeSpec) begin(at time.Time) time.Time {
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
	switch t.Interval {
	case "hour":
		return at.Truncate(time.Hour)
	case "isoWeek":
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case "month":
		return day.AddDate(0, 0, 1-day.Day())
	case "quarter":
		return time.Date(at.Year(), (at.Month()-1)/3*3+1, 1, 0, 0, 0, 0, at.Location())
	}
	return day
}

func (t TimeSpec) next(at time.Time) time.Time {
	switch t.Interval {
	case "hour":
		return at.Add(time.Hour)
	case "day":
		return at.AddDate(0, 0, 1)
	case "isoWeek":
		return at.AddDate(0, 0, 7)
	case "month":
		return at.AddDate(0, 1, 0)
	case "quarter":
		return at.AddDate(0, 3, 0)
	}
	return at
}

// bucketOf is the last interval that begins at or before ms, or -1.
func bucketOf(starts []time.Time, ms int64) int {
	i, found := slices.BinarySearchFunc(starts, ms, func(at time.Time, ms int64) int { return cmp.Compare(at.UnixMilli(), ms) })
	if found {
		return i
	}
	return i - 1
}

// OverTime groups entities by a date-time of theirs, and aggregates each group.
func (c *Catalog) OverTime(ctx context.Context, o OverTimeSpec) (Series, error) {
	if o.MeasureTimeBy == "" {
		o.MeasureTimeBy = "$createdAt"
	}
	if o.Time.Now.IsZero() {
		o.Time.Now = c.now()
	}
	starts, from, to, err := o.Time.axis()
	if err != nil {
		return Series{}, err
	}
	s, err := c.newSearch(ctx, Query{Blueprint: o.Blueprint, Where: o.Where, Env: o.Env, Lenient: true})
	if err != nil {
		return Series{}, err
	}
	if f, ok := s.field(o.MeasureTimeBy); !ok || f.Format != "date-time" && f.Format != "timer" {
		return Series{}, fault.Field("measureTimeBy", "is not a date and time of "+s.l.s.Identifier, "a property with the format date-time, $createdAt or $updatedAt")
	}
	functions := []string{"average", "sum", "min", "max", "median", "last"}
	if len(o.Properties) == 0 {
		functions = []string{"count", "average"}
	}
	if !slices.Contains(functions, o.Func) {
		return Series{}, fault.Field("func", "is not a function that is known here", nameList(functions))
	}
	if err := s.narrow(ctx); err != nil {
		return Series{}, err
	}
	if err := s.settle(ctx); err != nil {
		return Series{}, err
	}
	if err := s.only(ctx); err != nil {
		return Series{}, err
	}
	out := Series{MinDate: from, MaxDate: to, Partial: s.partly}
	for _, at := range starts {
		out.Data = append(out.Data, Bucket{Date: at, Values: map[string]any{}})
	}
	if len(o.Properties) == 0 {
		return out, s.countOverTime(ctx, o, starts, &out)
	}
	for k, name := range o.Properties {
		if f, ok := s.field(name); !ok || f.Type != "number" {
			return Series{}, fault.Field("properties/"+strconv.Itoa(k), "is not a number of "+s.l.s.Identifier, "properties of type number")
		}
		list, partial, err := s.samples(ctx, name, o.MeasureTimeBy)
		if err != nil {
			return Series{}, err
		}
		out.Partial = out.Partial || partial
		groups := make([][]sample, len(starts))
		for _, one := range list {
			if i := bucketOf(starts, one.at); one.set && one.dated && i >= 0 && one.at >= from.UnixMilli() && one.at <= to.UnixMilli() {
				groups[i] = append(groups[i], one)
			}
		}
		for i, group := range groups {
			out.Data[i].Values[name] = nil
			if value, ok := fold1(o.Func, group); ok {
				out.Data[i].Values[name] = value
			}
		}
	}
	return out, nil
}

func (s *search) countOverTime(ctx context.Context, o OverTimeSpec, starts []time.Time, out *Series) error {
	groups := []string{"count"}
	wheres := [][]query.Node{nil}
	if o.Breakdown != "" {
		f, ok := s.field(o.Breakdown)
		if !ok || f.Kind == query.Meta {
			return fault.Field("breakdownProperty", "is not a property of "+s.l.s.Identifier, "a property")
		}
		counts := map[string]int{}
		if err := s.values(ctx, AggregateSpec{Property: o.Breakdown}, counts); err != nil {
			return err
		}
		groups, wheres = nil, nil
		keys := sortedKeys(counts)
		slices.SortStableFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
		for _, key := range keys[:min(len(keys), maxBreakdown)] {
			var v any
			rule := query.Rule{Property: o.Breakdown, Operator: "isEmpty"}
			if key != "" {
				if err := json.Unmarshal([]byte(key), &v); err != nil {
					return fmt.Errorf("a counted value: %w", err)
				}
				rule = query.Rule{Property: o.Breakdown, Operator: "=", Value: v}
			}
			groups = append(groups, fmt.Sprint(v))
			wheres = append(wheres, []query.Node{rule})
		}
	}
	for i, group := range groups {
		part := *s
		part.rest = append(slices.Clone(s.rest), wheres[i]...)
		list, partial, err := part.samples(ctx, "", o.MeasureTimeBy)
		if err != nil {
			return err
		}
		out.Partial = out.Partial || partial
		for k := range out.Data {
			out.Data[k].Values[group] = 0
		}
		for _, one := range list {
			if k := bucketOf(starts, one.at); one.dated && k >= 0 && one.at >= out.MinDate.UnixMilli() && one.at <= out.MaxDate.UnixMilli() {
				out.Data[k].Values[group] = out.Data[k].Values[group].(int) + 1
			}
		}
	}
	return nil
}

// PropertyHistory is what properties of an entity were at the end of each
// interval.
func (c *Catalog) PropertyHistory(ctx context.Context, blueprint, identifier string, properties []string, t TimeSpec) (Series, error) {
	if len(properties) == 0 || len(properties) > 50 {
		return Series{}, fault.Field("propertyNames", "are not 1 to 50 properties", "names of properties")
	}
	if t.Now.IsZero() {
		t.Now = c.now()
	}
	starts, from, to, err := t.axis()
	if err != nil {
		return Series{}, err
	}
	r, _, err := c.visibleEntity(ctx, blueprint, identifier)
	if err != nil {
		return Series{}, err
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT at, doc FROM entity_versions WHERE entity = $1 AND at <= $2 ORDER BY id DESC LIMIT $3", r.id, to.UnixMilli(), maxHistory)
	type version struct {
		at    int64
		state state
	}
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (version, error) {
		var v version
		var raw []byte
		if err := row.Scan(&v.at, &raw); err != nil {
			return v, err
		}
		return v, json.Unmarshal(raw, &v.state)
	})
	if err != nil {
		return Series{}, fmt.Errorf("read the history of %s: %w", Ref(blueprint, identifier), err)
	}
	slices.Reverse(list)
	out := Series{MinDate: from, MaxDate: to, Partial: len(list) == maxHistory}
	at, last := 0, state{}
	for _, start := range starts {
		end := t.next(start).UnixMilli()
		for at < len(list) && list[at].at < end {
			last = list[at].state
			at++
		}
		bucket := Bucket{Date: start, Values: map[string]any{}}
		for _, name := range properties {
			v, ok := last.Properties[name]
			if !ok {
				v = last.Derived[name]
			}
			bucket.Values[name] = v
		}
		out.Data = append(out.Data, bucket)
	}
	return out, nil
}
