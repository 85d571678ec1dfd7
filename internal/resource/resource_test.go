package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/resource"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type world struct {
	t   *testing.T
	db  *store.DB
	s   *resource.Store
	now time.Time
}

var by = resource.Actor{ID: "ada", Name: "Ada"}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{t: t, db: db, now: time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)}
		clock := func() time.Time { return w.now }
		w.s = resource.New(audit.New(clock), clock)
		test(w)
	})
}

func page() resource.Kind { return resource.Kind{Name: "page", Max: 3} }

func (w *world) create(identifier, doc string) (resource.Resource, error) {
	w.t.Helper()
	d, err := resource.Parse(json.RawMessage(doc))
	if err != nil {
		return resource.Resource{}, err
	}
	var r resource.Resource
	err = w.db.Tx(w.t.Context(), func(tx *store.Tx) error {
		r, err = w.s.Create(w.t.Context(), tx, page(), "", identifier, d, by)
		return err
	})
	return r, err
}

func (w *world) change(identifier string, f func(r *resource.Resource) error) (resource.Resource, error) {
	w.t.Helper()
	var r resource.Resource
	err := w.db.Tx(w.t.Context(), func(tx *store.Tx) (err error) {
		r, err = w.s.Change(w.t.Context(), tx, page(), "", identifier, by, f)
		return err
	})
	return r, err
}

func (w *world) events() string {
	w.t.Helper()
	list, _, err := audit.New(time.Now).List(context.Background(), w.db, audit.Filter{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Verb+" "+e.Object)
	}
	return strings.Join(out, ", ")
}

func TestEchoesWhatWasSent(t *testing.T) {
	each(t, func(w *world) {
		// Numbers keep their digits, nulls and empty texts stay, < is no \u003c.
		sent := `{"big":12345678901234567890,"exact":1.10,"none":null,"empty":"","html":"<a href=\"x\">&</a>","zero":"\u0000","list":[{"b":1,"a":2}]}`
		if _, err := w.create("p", sent); err != nil {
			w.t.Fatal(err)
		}
		got, err := w.s.Get(w.t.Context(), w.db.Read(), page(), "", "p")
		if err != nil {
			w.t.Fatal(err)
		}
		for key, want := range map[string]string{
			"big": "12345678901234567890", "exact": "1.10", "none": "null", "empty": `""`, "html": `"<a href=\"x\">&</a>"`, "zero": `"\u0000"`, "list": `[{"b":1,"a":2}]`,
		} {
			if string(got.Doc[key]) != want {
				w.t.Errorf("%s is %s, want %s", key, got.Doc[key], want)
			}
		}
		if len(got.Doc) != 7 || got.Revision != 1 || got.CreatedBy != "ada" || !got.CreatedAt.Equal(w.now.Truncate(time.Millisecond)) {
			w.t.Errorf("got %+v", got)
		}
	})
}

func TestChangeWritesOnlyDifferences(t *testing.T) {
	each(t, func(w *world) {
		if _, err := w.create("p", `{"title":"A","n":1}`); err != nil {
			w.t.Fatal(err)
		}
		// The same JSON with other spaces is no change, and the time does not move.
		same, err := w.change("p", func(r *resource.Resource) error {
			w.now = w.now.Add(time.Hour)
			return r.Doc.Set("title", "A")
		})
		if err != nil || same.Revision != 1 || !same.UpdatedAt.Equal(same.CreatedAt) {
			w.t.Fatalf("an equal document: %+v, %v", same, err)
		}
		w.now = w.now.Add(-24 * time.Hour) // a clock that goes back
		changed, err := w.change("p", func(r *resource.Resource) error {
			r.Identifier = "q"
			return r.Doc.Set("title", "B")
		})
		if err != nil || changed.Revision != 2 || !changed.UpdatedAt.After(same.UpdatedAt) {
			w.t.Fatalf("changed %+v, %v", changed, err)
		}
		if _, err := w.s.Get(w.t.Context(), w.db.Read(), page(), "", "p"); !fault.Is(err, fault.NotFound) {
			w.t.Errorf("the old name: %v", err)
		}
		if _, err := w.create("p", `{}`); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.change("p", func(r *resource.Resource) error { r.Identifier = "q"; return nil }); !fault.Is(err, fault.Taken) {
			w.t.Errorf("renamed onto another: %v", err)
		}
		if got := w.events(); got != "page.create page/p, page.update page/q, page.create page/p" {
			w.t.Errorf("events: %s", got)
		}
	})
}

func TestLimits(t *testing.T) {
	each(t, func(w *world) {
		for i := range 3 {
			if _, err := w.create(fmt.Sprint("p", i), `{}`); err != nil {
				w.t.Fatal(err)
			}
		}
		if _, err := w.create("p3", `{}`); !fault.Is(err, fault.TooLarge) {
			w.t.Errorf("one too many: %v", err)
		}
		if _, err := w.change("p0", func(r *resource.Resource) error { return r.Doc.Set("text", strings.Repeat("x", 1<<20)) }); !fault.Is(err, fault.TooLarge) {
			w.t.Errorf("too large: %v", err)
		}
		for _, bad := range []string{`[]`, `null`, `"x"`, "{\"a\":\"\xff\"}"} {
			if _, err := resource.Parse(json.RawMessage(bad)); err == nil {
				w.t.Errorf("%q was taken", bad)
			}
		}
		list, next, err := w.s.Page(w.t.Context(), w.db.Read(), page(), "", 2)
		if err != nil || len(list) != 2 || next == "" {
			w.t.Fatalf("first page: %d, %q, %v", len(list), next, err)
		}
		rest, end, err := w.s.Page(w.t.Context(), w.db.Read(), page(), next, 2)
		if err != nil || len(rest) != 1 || end != "" || rest[0].Identifier != "p2" {
			w.t.Fatalf("second page: %v, %q, %v", rest, end, err)
		}
		if _, _, err := w.s.Page(w.t.Context(), w.db.Read(), page(), "?", 2); !fault.Is(err, fault.Unprocessable) {
			w.t.Errorf("a cursor that is none: %v", err)
		}
	})
}

func TestTakenAndGone(t *testing.T) {
	each(t, func(w *world) {
		if _, err := w.create("p", `{}`); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.create("p", `{}`); !fault.Is(err, fault.Taken) {
			w.t.Errorf("twice: %v", err)
		}
		remove := func() error {
			return w.db.Tx(w.t.Context(), func(tx *store.Tx) error {
				_, err := w.s.Delete(w.t.Context(), tx, page(), "", "p", by)
				return err
			})
		}
		if err := remove(); err != nil {
			w.t.Fatal(err)
		}
		if err := remove(); !fault.Is(err, fault.NotFound) {
			w.t.Errorf("gone: %v", err)
		}
		if _, err := w.change("p", func(*resource.Resource) error { return nil }); !fault.Is(err, fault.NotFound) {
			w.t.Errorf("change of what is gone: %v", err)
		}
	})
}
