package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// hubFixture is a hub with 1,200 services that point at it, one of them with a
// chain behind it.
func hubFixture(t *testing.T, c *fixture) {
	t.Helper()
	c.blueprint(systemBlueprint)
	c.blueprint(`{"identifier":"svc","title":"Service","schema":{"properties":{}},"relations":{"system":{"target":"system","required":true},"uses":{"target":"svc","many":true}}}`)
	c.must("system", `{"identifier":"hub"}`)
	c.must("system", `{"identifier":"far"}`)
	var list []string
	for i := range 1200 {
		list = append(list, fmt.Sprintf(`{"identifier":"s%04d","blueprint":"svc","relations":{"system":"hub"}}`, i))
	}
	c.load([]catalog.ImportFile{{Name: "s.json", Content: []byte("[" + strings.Join(list, ",") + "]")}})
	c.must("svc", `{"identifier":"a","relations":{"system":"far","uses":["s0007"]}}`)
	c.must("svc", `{"identifier":"b","relations":{"system":"far","uses":["a"]}}`)
	c.must("svc", `{"identifier":"alone","relations":{"system":"far"}}`)
}

// Pain 19: nothing is left out without being counted, and what is counted can
// be fetched, page after page.
func TestPain19_GraphOfAHub(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		hubFixture(t, c)
		g, err := c.Graph(ctx, "system", "hub", catalog.GraphOptions{Depth: 3, Limit: 200})
		if err != nil || len(g.Nodes) != 200 || len(g.Hidden) == 0 {
			t.Fatalf("%d nodes, hidden %v (%v)", len(g.Nodes), g.Hidden, err)
		}
		for _, h := range g.Hidden {
			if h.Node == "system/hub" && (h.Relation != "system" || !h.In || h.Count < 800 || !h.AtLeast) {
				t.Errorf("hub hides %+v", h)
			}
		}
		seen := map[string]bool{}
		from, pages := "", 0
		for {
			page, err := c.Graph(ctx, "system", "hub", catalog.GraphOptions{Expand: "system/hub", From: from, Limit: 500, Way: "in"})
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, n := range page.Nodes[1:] {
				if seen[n.ID] {
					t.Fatalf("%s comes twice", n.ID)
				}
				seen[n.ID] = true
			}
			if len(seen)+page.More["system/hub"] != 1200 {
				t.Errorf("page %d: %d seen and %d more of 1200", pages, len(seen), page.More["system/hub"])
			}
			if from = page.Next; from == "" {
				break
			}
		}
		if pages != 3 || len(seen) != 1200 {
			t.Errorf("%d pages with %d neighbours", pages, len(seen))
		}
		both, err := c.Graph(ctx, "svc", "a", catalog.GraphOptions{Expand: "svc/a", Limit: 2})
		if err != nil || len(both.Edges) != 2 || both.Edges[0].From != "svc/a" || both.More["svc/a"] != 1 {
			t.Fatalf("both ways: %+v (%v)", both, err)
		}
		rest, err := c.Graph(ctx, "svc", "a", catalog.GraphOptions{Expand: "svc/a", Limit: 2, From: both.Next})
		if err != nil || len(rest.Edges) != 1 || rest.Edges[0].From != "svc/b" || rest.Next != "" {
			t.Errorf("the rest: %+v (%v)", rest, err)
		}
		for name, o := range map[string]catalog.GraphOptions{
			"no node": {Expand: "hub"}, "not there": {Expand: "system/none"}, "no way": {Expand: "svc/a", Way: "up"}, "not its place": {Expand: "system/hub", From: both.Next}, "no place": {Expand: "svc/a", From: "!"},
		} {
			if _, err := c.Graph(ctx, "svc", "a", o); !fault.Is(err, fault.Unprocessable) && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestPath(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		hubFixture(t, c)
		for _, test := range []struct{ from, to, want string }{
			{"svc/a", "svc/s0007", "svc/a uses> svc/s0007"},
			{"svc/b", "system/hub", "svc/b uses> svc/a uses> svc/s0007 system> system/hub"},
			{"svc/s0100", "svc/b", "svc/s0100 system> system/hub <system svc/s0007 <uses svc/a <uses svc/b"},
			{"svc/alone", "svc/b", "svc/alone system> system/far <system svc/b"},
			{"svc/b", "svc/b", "svc/b"},
		} {
			p, err := c.Path(context.Background(), test.from, test.to)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Graph.Nodes[0].ID
			for _, s := range p.Steps {
				if s.Against {
					got += " <" + s.Relation + " " + s.To
				} else {
					got += " " + s.Relation + "> " + s.To
				}
			}
			if got != test.want || !p.Found || !p.Complete || len(p.Graph.Edges) != len(p.Steps) {
				t.Errorf("%s to %s: %s, want %s (%+v)", test.from, test.to, got, test.want, p)
			}
		}
		c.must("system", `{"identifier":"island"}`)
		p, err := c.Path(context.Background(), "system/island", "svc/a")
		if err != nil || p.Found || !p.Complete || len(p.Steps) != 0 || len(p.Graph.Nodes) != 2 {
			t.Errorf("no way: %+v (%v)", p, err)
		}
		if _, err := c.Path(context.Background(), "svc/a", "svc"); !fault.Is(err, fault.Unprocessable) && !fault.Is(err, fault.Invalid) {
			t.Errorf("no name: %v", err)
		}
		if _, err := c.Path(context.Background(), "svc/none", "svc/a"); !fault.Is(err, fault.NotFound) {
			t.Errorf("not there: %v", err)
		}
	})
}

func TestImpact(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		hubFixture(t, c)
		i, err := c.Impact(context.Background(), "system", "hub", 50)
		if err != nil {
			t.Fatal(err)
		}
		want := `[{"depth":1,"blueprint":"svc","count":1200,"required":1200},{"depth":2,"blueprint":"svc","count":1,"required":0},{"depth":3,"blueprint":"svc","count":1,"required":0}]`
		if got := compact(t, i.Counts); got != want || i.Total != 1202 || !i.Complete {
			t.Errorf("counts %s, total %d, complete %v; want %s", got, i.Total, i.Complete, want)
		}
		if len(i.Graph.Nodes) != 50 || len(i.Rows) != 49 || i.Graph.More["system/hub"] != 1202-49 || !i.Rows[0].Required || !i.Graph.Edges[0].Required {
			t.Errorf("%d nodes, %d rows, more %v", len(i.Graph.Nodes), len(i.Rows), i.Graph.More)
		}
		chain, err := c.Impact(context.Background(), "svc", "s0007", 0)
		if err != nil || compact(t, chain.Rows) != `[{"id":"svc/a","blueprint":"svc","identifier":"a","title":"a","depth":1,"via":"svc/s0007","relation":"uses","required":false},{"id":"svc/b","blueprint":"svc","identifier":"b","title":"b","depth":2,"via":"svc/a","relation":"uses","required":false}]` {
			t.Errorf("chain: %s (%v)", compact(t, chain.Rows), err)
		}
	})
}

// What is still being imported is in no graph, path or impact, and not counted.
func TestGraph_PendingIsHidden(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		hubFixture(t, c)
		if err := c.db.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE entities SET pending = 5 WHERE identifier >= 's0010' OR identifier = 'a'")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		g, err := c.Graph(ctx, "system", "hub", catalog.GraphOptions{Depth: 3, Limit: 200})
		if err != nil || len(g.Nodes) != 11 || len(g.More) != 0 {
			t.Errorf("%d nodes, more %v (%v)", len(g.Nodes), g.More, err)
		}
		page, err := c.Graph(ctx, "system", "hub", catalog.GraphOptions{Expand: "system/hub", Limit: 4})
		if err != nil || page.More["system/hub"] != 6 {
			t.Errorf("more %v (%v)", page.More, err)
		}
		if i, err := c.Impact(ctx, "system", "hub", 0); err != nil || i.Total != 10 {
			t.Errorf("impact %d (%v)", i.Total, err)
		}
		if p, err := c.Path(ctx, "svc/b", "svc/s0007"); err != nil || p.Found {
			t.Errorf("path %+v (%v)", p, err)
		}
	})
}
