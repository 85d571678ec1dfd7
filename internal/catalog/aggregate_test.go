package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
)

func where(t *testing.T, doc string) *query.Query {
	t.Helper()
	q, problems := query.Parse(json.RawMessage(doc))
	if len(problems) > 0 {
		t.Fatalf("%s: %v", doc, problems)
	}
	return q
}

// TestSearchAll: rules about properties that a blueprint does not have find
// nothing there, and pages over blueprints come together.
func TestSearchAll(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		searchable(c)
		for _, test := range []struct{ query, want, blueprints string }{
			{`{"rules":[{"property":"$blueprint","operator":"=","value":"svc"},{"property":"score","operator":">","value":9}]}`, "b d", "svc"},
			{`{"rules":[{"property":"lang","operator":"=","value":"go"}]}`, "a", "svc"},
			{`{"rules":[{"property":"lang","operator":"isEmpty"}]}`, "d blue red", "svc team-x"},
			{`{"combinator":"or","rules":[{"property":"$identifier","operator":"=","value":"red"},{"relation":"owner","operator":"=","value":"red"}]}`, "b red", "svc team-x"},
			{`{"rules":[{"operator":"relatedTo","blueprint":"team-x","value":"blue","direction":"downstream"}]}`, "a c", "svc"},
			{`{"rules":[{"property":"nowhere","operator":"=","value":1}]}`, "", ""},
		} {
			var got []string
			var blueprints []string
			from := ""
			for {
				page, err := c.SearchAll(context.Background(), where(t, test.query), query.Env{}, 2, from)
				if err != nil {
					t.Fatalf("%s: %v", test.query, err)
				}
				for _, e := range page.Entities {
					got = append(got, e.Identifier)
				}
				for _, b := range page.Blueprints {
					if len(blueprints) == 0 || blueprints[len(blueprints)-1] != b {
						blueprints = append(blueprints, b)
					}
				}
				if from = page.Next; from == "" {
					break
				}
			}
			// Blueprints of the catalog itself come first and are not asked about.
			if text := strings.Join(got, " "); !strings.HasSuffix(text, test.want) || strings.Join(blueprints, " ") != test.blueprints && !strings.Contains(strings.Join(blueprints, " "), test.blueprints) {
				t.Errorf("%s: %s of %v, want %s of %s", test.query, text, blueprints, test.want, test.blueprints)
			}
		}
	})
}

func TestAggregate(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		searchable(c)
		svc := where(t, `{"rules":[{"property":"$blueprint","operator":"=","value":"svc"}]}`)
		for _, test := range []struct {
			spec catalog.AggregateSpec
			want string
		}{
			{catalog.AggregateSpec{Func: "count"}, "5"},
			{catalog.AggregateSpec{Func: "sum", Property: "score"}, "117.5"},
			{catalog.AggregateSpec{Func: "min", Property: "score"}, "-1.5"},
			{catalog.AggregateSpec{Func: "max", Property: "score"}, "100"},
			{catalog.AggregateSpec{Func: "median", Property: "score"}, "9.5"},
			{catalog.AggregateSpec{Func: "average", Property: "score", AverageOf: "total"}, "29.375"},
			{catalog.AggregateSpec{Func: "average", AverageOf: "hour", MeasureTimeBy: "seen"}, "5"},
			{catalog.AggregateSpec{Func: "sum", Property: "lang"}, "none"},
			{catalog.AggregateSpec{Func: "countValues", Property: "live"}, "<nil>:2 true:2 false:1"},
			{catalog.AggregateSpec{Func: "countValues", Property: "$team"}, "<nil>:3 shop:2 core:1"},
			{catalog.AggregateSpec{Func: "countValues", Relation: "owner"}, "<nil>:3 blue:1 red:1"},
			{catalog.AggregateSpec{Func: "countValues", Scorecard: "none"}, "<nil>:5"},
		} {
			test.spec.Where = svc
			got, err := c.Aggregate(context.Background(), test.spec)
			if err != nil {
				t.Errorf("%+v: %v", test.spec, err)
				continue
			}
			text := "none"
			if got.Value != nil {
				text = fmt.Sprint(*got.Value)
			}
			if test.spec.Func == "countValues" {
				var parts []string
				for _, v := range got.Values {
					parts = append(parts, fmt.Sprintf("%v:%d", v.Value, v.Count))
				}
				text = strings.Join(parts, " ")
			}
			if text != test.want {
				t.Errorf("%s %s%s: %s, want %s", test.spec.Func, test.spec.Property, test.spec.Relation, text, test.want)
			}
		}
		if _, err := c.Aggregate(context.Background(), catalog.AggregateSpec{Func: "mode"}); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("an unknown function: %v", err)
		}
	})
}

func TestOverTime(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		searchable(c)
		axis := catalog.TimeSpec{Preset: "lastWeek", Interval: "day", Now: time.Date(2026, 1, 4, 12, 0, 0, 0, time.UTC)}
		chart, err := c.OverTime(context.Background(), catalog.OverTimeSpec{Blueprint: "svc", Time: axis, Func: "sum", Properties: []string{"score"}, MeasureTimeBy: "seen"})
		if err != nil || len(chart.Data) != 8 {
			t.Fatalf("%+v %v", chart, err)
		}
		for _, bucket := range chart.Data {
			want := any(nil)
			if bucket.Date.Day() == 2 {
				want = 17.5
			}
			if bucket.Values["score"] != want {
				t.Errorf("%s: %v, want %v", bucket.Date, bucket.Values, want)
			}
		}
		chart, err = c.OverTime(context.Background(), catalog.OverTimeSpec{Blueprint: "svc", Time: axis, Func: "count", Breakdown: "live", MeasureTimeBy: "seen"})
		if err != nil || fmt.Sprint(chart.Data[5].Values) != "map[<nil>:1 false:1 true:1]" {
			t.Errorf("%+v %v", chart.Data, err)
		}
		for _, bad := range []catalog.TimeSpec{{Preset: "ever", Interval: "day"}, {Preset: "lastWeek", Interval: "eon"}, {Preset: "last12Months", Interval: "hour"}, {Preset: "lastWeek", Interval: "day", Zone: "Nowhere/At All"}} {
			if _, err := c.OverTime(context.Background(), catalog.OverTimeSpec{Blueprint: "svc", Time: bad, Func: "count"}); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

func TestPropertyHistory(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		searchable(c)
		c.put("svc", `{"identifier":"a","properties":{"score":10}}`, catalog.Write{Upsert: true, Merge: true, By: "dana"})
		e, err := c.Entity(context.Background(), "svc", "a")
		if err != nil {
			t.Fatal(err)
		}
		chart, err := c.PropertyHistory(context.Background(), "svc", "a", []string{"score"}, catalog.TimeSpec{Preset: "lastWeek", Interval: "day", Now: e.UpdatedAt.Add(24 * time.Hour)})
		if err != nil || len(chart.Data) != 8 {
			t.Fatalf("%+v %v", chart, err)
		}
		if first, last := chart.Data[0].Values["score"], chart.Data[7].Values["score"]; first != nil || last != 10.0 {
			t.Errorf("first %v, last %v", first, last)
		}
		if _, err := c.PropertyHistory(context.Background(), "svc", "none", []string{"score"}, catalog.TimeSpec{Preset: "lastWeek", Interval: "day"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("an entity that there is not: %v", err)
		}
	})
}
