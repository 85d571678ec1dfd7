package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// derivedModel has every kind of derived value, also of each other and over
// circles of relations.
func derivedModel() []string {
	return []string{
		`{"identifier":"domain","title":"D","schema":{"properties":{}}}`,
		`{"identifier":"system","title":"S","schema":{"properties":{}}}`,
		`{"identifier":"svc","title":"V","schema":{"properties":{"load":{"type":"number"}}}}`,
		`{"identifier":"domain","title":"D","schema":{"properties":{"name":{"type":"string"},"cost":{"type":"number"}}},"ownership":{"type":"Direct"},
			"aggregationProperties":{
				"services":{"target":"svc","calculationSpec":{"calculationBy":"entities","func":"count"},"pathFilter":[{"fromBlueprint":"svc","path":["system","domain"]}]},
				"reached":{"target":"svc","calculationSpec":{"calculationBy":"property","func":"sum","property":"load"}}}}`,
		`{"identifier":"system","title":"S","schema":{"properties":{"tier":{"type":"string"}}},"relations":{"domain":{"target":"domain"}},
			"mirrorProperties":{"domainName":{"path":"domain.name"},"domainCount":{"path":"domain.services"}},
			"calculationProperties":{"label":{"type":"string","calculation":".title + '/' + (.properties.domainName // '-')"}},
			"aggregationProperties":{
				"maxLoad":{"target":"svc","calculationSpec":{"calculationBy":"property","func":"max","property":"load"},"pathFilter":[{"fromBlueprint":"svc","path":["system"]}]},
				"medianTotal":{"target":"svc","calculationSpec":{"calculationBy":"property","func":"median","property":"total"},"pathFilter":[{"fromBlueprint":"svc","path":["system"]}]}},
			"ownership":{"type":"Inherited","path":"domain"}}`,
		`{"identifier":"svc","title":"Svc","schema":{"properties":{"load":{"type":"number"},"lang":{"type":"string"}}},
			"relations":{"system":{"target":"system"},"uses":{"target":"svc","many":true},"domains":{"target":"domain","many":true}},
			"mirrorProperties":{"systemLabel":{"path":"system.label"},"domain":{"path":"system.domain.$title"},"usedLangs":{"path":"uses.lang"},"usedLoad":{"path":"uses.total"},"peak":{"path":"system.maxLoad"}},
			"calculationProperties":{
				"total":{"type":"number","calculation":"(.properties.load // 0) + .properties.users"},
				"text":{"type":"string","calculation":"(.properties.total|tostring) + ' ' + (.properties.systemLabel // 'none')"},
				"broken":{"type":"number","calculation":".title"}},
			"aggregationProperties":{
				"users":{"target":"svc","calculationSpec":{"calculationBy":"entities","func":"count"},"pathFilter":[{"fromBlueprint":"svc","path":["uses"]}]},
				"near":{"target":"domain","calculationSpec":{"calculationBy":"property","func":"average","averageOf":"total","property":"cost"},"pathFilter":[{"path":["system","domain"]}]}},
			"ownership":{"type":"Inherited","path":"system"}}`,
	}
}

// After whatever happened, what is stored is what working it out from scratch
// gives.
func TestDerivedValuesAreWhatRecomputingGives(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		looks := 0
		c := New(db, audit.New(time.Now), func() time.Time { looks++; return start.Add(time.Duration(looks) * time.Second) }).Guard(anybody())
		for _, doc := range derivedModel() {
			putDoc(t, c, doc)
		}
		for seed := range uint64(4) {
			r := &randomWriter{c: c, r: rand.New(rand.NewPCG(seed, 7)), t: t} // chance is no secret here
			for step := range 60 {
				r.step(ctx)
				if step%6 == 5 {
					recheck(ctx, t, c, fmt.Sprintf("seed %d, step %d: %v", seed, step, r.log))
				}
			}
		}
	})
}

func putDoc(t testing.TB, c *Catalog, doc string) Blueprint {
	t.Helper()
	var b Blueprint
	if err := json.Unmarshal([]byte(doc), &b); err != nil {
		t.Fatal(err)
	}
	saved, _, err := c.PutBlueprint(context.Background(), b, "t")
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

type randomWriter struct {
	c   *Catalog
	r   *rand.Rand
	t   *testing.T
	log []string
}

func (w *randomWriter) pick(of string, n int) string { return fmt.Sprintf("%s%d", of, w.r.IntN(n)) }

func (w *randomWriter) entity() (string, NewEntity) {
	n := NewEntity{Properties: map[string]any{}, Relations: map[string]any{}}
	if w.r.IntN(3) == 0 {
		n.Title = w.pick("title", 5)
	}
	switch w.r.IntN(6) {
	case 0:
		n.Identifier = w.pick("d", 3)
		n.Properties["name"], n.Properties["cost"] = w.pick("n", 4), float64(w.r.IntN(5))
		n.Team = []byte(fmt.Sprintf(`[%q]`, w.pick("team", 3)))
		return "domain", n
	case 1:
		n.Identifier = w.pick("s", 4)
		n.Relations["domain"] = w.pick("d", 3)
		return "system", n
	default:
		n.Identifier = w.pick("v", 9)
		if w.r.IntN(2) == 0 {
			n.Properties["load"] = float64(w.r.IntN(9))
		}
		n.Properties["lang"] = w.pick("l", 3)
		if w.r.IntN(3) > 0 {
			n.Relations["system"] = w.pick("s", 4)
		}
		var uses []any
		for range w.r.IntN(3) {
			uses = append(uses, w.pick("v", 9))
		}
		if w.r.IntN(2) == 0 {
			n.Relations["uses"] = uses
		}
		return "svc", n
	}
}

func (w *randomWriter) step(ctx context.Context) {
	mode := Write{Upsert: true, Merge: w.r.IntN(2) == 0, CreateMissing: true, By: "t", NoFanOut: w.r.IntN(4) == 0}
	var err error
	switch w.r.IntN(8) {
	case 0:
		blueprint := []string{"svc", "svc", "system", "domain"}[w.r.IntN(4)]
		id := map[string]string{"svc": w.pick("v", 9), "system": w.pick("s", 4), "domain": w.pick("d", 3)}[blueprint]
		w.log = append(w.log, "delete "+id)
		err = w.c.DeleteOne(ctx, blueprint, id, DeleteOptions{By: "t", Dependents: w.r.IntN(8) == 0})
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
	case 1:
		from, to := w.pick("s", 4), w.pick("s", 4)
		w.log = append(w.log, "rename "+from+" "+to)
		_, err = w.c.PatchEntity(ctx, "system", from, NewEntity{Identifier: to, Title: to}, mode)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Taken) {
			err = nil
		}
	default:
		var list []NewEntity
		for range 1 + w.r.IntN(5) {
			blueprint, n := w.entity()
			n.Blueprint = blueprint
			list = append(list, n)
			w.log = append(w.log, fmt.Sprintf("put %s/%s %v %v merge=%v", blueprint, n.Identifier, n.Properties, n.Relations, mode.Merge))
		}
		var items []Item
		items, err = w.c.PutMixed(ctx, list, mode)
		for _, item := range items {
			if item.Err != nil {
				w.t.Fatalf("%v: %v", w.log[len(w.log)-1], item.Err)
			}
		}
	}
	if err != nil {
		w.t.Fatalf("%v: %v", w.log[len(w.log)-1], err)
	}
}

// recheck works all off, then derives everything again and expects nothing to
// change.
func recheck(ctx context.Context, t *testing.T, c *Catalog, when string) {
	t.Helper()
	if _, left, err := c.Recompute(ctx, 10_000); err != nil || left != 0 {
		t.Fatalf("%s: %d left, %v", when, left, err)
	}
	err := c.write(ctx, func(tx *store.Tx) error {
		b, err := c.newBatch(ctx, tx, Write{By: "t"})
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, "SELECT id FROM entities")
		ids, err := store.All(rows, err, scanInt)
		if err != nil {
			return err
		}
		if err := b.load(ctx, ids); err != nil {
			return err
		}
		stored := map[int64]map[string]any{}
		for _, id := range ids {
			b.later(b.rows[id], "")
			stored[id] = b.rows[id].now.derived
			for _, a := range b.rows[id].s.aggregations {
				b.note(a, id, "")
			}
		}
		b.derive.settle = true
		if err := b.save(ctx); err != nil {
			return err
		}
		for _, id := range ids {
			if r := b.rows[id]; r.first != nil {
				t.Errorf("%s: %s had %v, should have %v", when, r.ref(), stored[id], r.now.derived)
			}
		}
		for _, query := range []string{
			"SELECT COUNT(*) FROM facet_counts f WHERE f.property = '' AND f.n <> (SELECT COUNT(*) FROM entities e WHERE e.blueprint = f.blueprint)",
			"SELECT COUNT(*) FROM entity_teams t JOIN entities e ON e.id = t.entity WHERE e.team = '[]'",
			"SELECT COUNT(*) FROM entities e WHERE e.version <> (SELECT MAX(v.version) FROM entity_versions v WHERE v.entity = e.id)",
		} {
			if n, err := countRows(ctx, tx, query); err != nil || n != 0 {
				t.Errorf("%s: %d, %v: %s", when, n, err, query)
			}
		}
		return errRollback
	})
	if t.Failed() || err != nil && err != errRollback { //nolint:errorlint // returned as it is
		t.Fatal(err)
	}
}
