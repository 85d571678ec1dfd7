package catalog_test

import (
	"testing"
	"time"

	"sphera/internal/catalog"
)

// What was worked out is kept with each version: the past is read, not worked
// out again from what is there now.
func TestN8_DerivedValuesAreAsTheyWere(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		c.blueprint(`{"identifier":"app","title":"App","schema":{"properties":{"n":{"type":"number"}},"required":[]},
			"relations":{"system":{"target":"system","many":false}},
			"mirrorProperties":{"tier":{"path":"system.tier"}},
			"calculationProperties":{"double":{"calculation":".properties.n * 2","type":"number"}}}`)
		c.must("system", `{"identifier":"s","properties":{"tier":"1"}}`)
		c.must("app", `{"identifier":"a","properties":{"n":2},"relations":{"system":"s"}}`)
		first := c.at
		c.later(time.Hour).patch("system", "s", `{"properties":{"tier":"2"}}`)
		c.later(time.Hour).patch("app", "a", `{"properties":{"n":5}}`)
		got := c.versions("app", "a")
		if len(got) != 3 || got[1].Verb != "derive" || got[1].Cause != "system/s" || got[1].Changes["derived.tier"] != (catalog.Change{Before: "1", After: "2"}) ||
			got[0].Changes["derived.double"] != (catalog.Change{Before: 4.0, After: 10.0}) || len(got[0].Changes) != 2 {
			t.Errorf("%s", story(got))
		}
		for _, test := range []struct {
			at   time.Time
			want string
		}{
			{first, `{"double":4,"n":2,"tier":"1"}`},
			{first.Add(90 * time.Minute), `{"double":4,"n":2,"tier":"2"}`},
			{c.at, `{"double":10,"n":5,"tier":"2"}`},
		} {
			e, _, err := c.EntityAt(ctx, "app", "a", catalog.Moment{At: test.at})
			if err != nil || compact(t, e.Properties) != test.want {
				t.Errorf("%v: %s %v, want %s", test.at, compact(t, e.Properties), err, test.want)
			}
		}
		// A derived version is not undone, and undo derives.
		if _, err := c.UndoVersion(ctx, "app", "a", 2, catalog.Write{By: "erin"}, true); err == nil {
			t.Error("a derived version was undone")
		}
		e, err := c.UndoVersion(ctx, "app", "a", 3, catalog.Write{By: "erin"}, false)
		if err != nil || e.Properties["double"] != 4.0 {
			t.Errorf("undone: %+v %v", e, err)
		}
		// What comes back is derived from what is there now, and so is what points
		// at it again.
		c.later(time.Hour).delete("system", "s", false)
		if e, err := c.Entity(ctx, "app", "a"); err != nil || e.Properties["tier"] != nil {
			t.Errorf("without its system: %+v %v", e, err)
		}
		c.restore(c.deleted("system")[0].VersionID)
		if e, err := c.Entity(ctx, "app", "a"); err != nil || e.Properties["tier"] != "2" || e.Relations["system"] != "s" {
			t.Errorf("with it again: %+v %v", e, err)
		}
	})
}
