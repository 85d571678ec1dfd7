package flag

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/flag/eval"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// benchProject has 100 flags with a 30 % rollout by account behind one
// equality rule.
func benchProject(name string) *whole {
	p := &whole{key: name, service: name, settings: ProjectSettings{Bucketing: 2}, revisions: map[string]int64{"": 1}}
	for i := range 100 {
		key := fmt.Sprintf("flag-%03d", i)
		settings := Settings{Type: Boolean, Kind: Release, Variations: []Variation{{Name: "on", Value: json.RawMessage("true")}, {Name: "off", Value: json.RawMessage("false")}}}
		v := initial(settings)
		v.On, v.Default = true, "off"
		v.Rules = []Rule{{ID: "r1", Conditions: []Condition{{Attribute: "plan", Operator: OpIs, Values: []json.RawMessage{json.RawMessage(`"team"`)}}}, Serve: Serve{Variation: "on"}}}
		v.Serve = Serve{By: "accountId", Weights: []Weight{{"on", 30_000}, {"off", 70_000}}}
		p.flags = append(p.flags, stored{
			Flag: Flag{Project: name, Service: name, Key: key, Salt: key, Settings: settings}, settings: map[string]Setting{"production": v}, versions: map[string]int64{"production": 1},
		})
	}
	return p
}

// BenchmarkSnapshotMemory is what 1,000 projects with 100 flags each take, all
// in use by rollouts: in one environment, and in three.
func BenchmarkSnapshotMemory(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	for _, environments := range [][]string{{"production"}, {"dev", "staging", "production"}} {
		b.Run(fmt.Sprint(len(environments)), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				f := &Flags{}
				for i := range 1000 {
					p := benchProject(fmt.Sprintf("project-%04d", i))
					for _, e := range environments {
						for i := range p.flags {
							p.flags[i].settings[e] = p.flags[i].settings["production"]
						}
						s, err := p.snapshot(e, time.Unix(0, 0))
						if err != nil {
							b.Fatal(err)
						}
						f.swap([]*Snapshot{s}, nil)
					}
				}
				b.ReportMetric(heap()-before, "MB")
				if _, ok := f.Current("project-0500", "production"); !ok {
					b.Fatal("it is not there")
				}
			}
		})
	}
}

// BenchmarkChangeToSnapshot is from a committed change of one of 1,000 sets to
// the snapshot that answers with it: less than 50 ms.
func BenchmarkChangeToSnapshot(b *testing.B) {
	db := storetest.Open(b, storetest.SQLite(b))
	f := Open(Deps{
		DB: db, Audit: audit.New(time.Now), Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Environments: func(context.Context) ([]EnvironmentInfo, error) {
			return []EnvironmentInfo{{"dev", "dev"}, {"staging", "staging"}, {"production", "production"}}, nil
		},
	})
	ctx := b.Context()
	if _, err := f.Projects.Ensure(ctx, "shop", "shop", "ada", ""); err != nil {
		b.Fatal(err)
	}
	p := benchProject("shop")
	err := db.Tx(ctx, func(tx *store.Tx) error {
		for i := range p.flags {
			s := &p.flags[i]
			s.CreatedAt = time.Now()
			if err := f.putFlag(ctx, tx, s); err != nil {
				return err
			}
			for _, e := range []string{"dev", "staging", "production"} {
				if err := f.putEnvironment(ctx, tx, s, e, s.settings["production"], Who{ID: "ada", Name: "Ada"}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 999 {
		s, err := benchProject(fmt.Sprintf("project-%04d", i)).snapshot("production", time.Unix(0, 0))
		if err != nil {
			b.Fatal(err)
		}
		f.swap([]*Snapshot{s}, nil)
	}
	on, version := false, int64(0)
	var took time.Duration
	rounds := 0
	for b.Loop() {
		out, err := f.Edit(ctx, "shop", "flag-050", "dev", Edit{Version: version, Patch: Patch{On: &on}}, Who{ID: "ada", Name: "Ada"})
		if err != nil {
			b.Fatal(err)
		}
		version = out.Flag.Environments[0].Version
		start := time.Now()
		f.reload(ctx, "shop dev")
		took += time.Since(start)
		rounds++
		s, _ := f.Current("shop", "dev")
		if r := s.Set.Evaluate("flag-050", eval.NewContext(map[string]any{"plan": "team"}), 0); (r.Variant.Name == "on") != on {
			b.Fatal("the snapshot is an old one")
		}
		on = !on
	}
	b.ReportMetric(float64(took.Microseconds())/float64(rounds)/1000, "ms/snapshot")
}
