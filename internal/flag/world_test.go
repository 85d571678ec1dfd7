package flag_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/flag"
	"sphera/internal/flag/eval"
	"sphera/internal/store"
)

// world is a project shop with three environments.
type world struct {
	t       *testing.T
	flags   *flag.Flags
	db      *store.DB
	log     *audit.Log
	mu      sync.Mutex
	now     time.Time
	notices []flag.Notice
	seen    map[string]map[string]time.Time
}

func people() (ada, bob flag.Who) {
	return flag.Who{ID: "ada", Name: "Ada"}, flag.Who{ID: "bob", Name: "Bob"}
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	w.log = audit.New(w.clock)
	w.flags = flag.Open(flag.Deps{
		DB: db, Audit: w.log, Log: slog.New(slog.DiscardHandler), Now: w.clock,
		Environments: w.environments,
		Notify: func(_ context.Context, _ *store.Tx, n flag.Notice) error {
			w.notices = append(w.notices, n)
			return nil
		},
		LastEvaluated: func(context.Context, string) (map[string]map[string]time.Time, error) { return w.seen, nil },
	})
	if _, err := w.flags.Projects.Ensure(t.Context(), "shop", "shop", "ada", ""); err != nil {
		t.Fatal(err)
	}
	return w
}

func (*world) environments(context.Context) ([]flag.EnvironmentInfo, error) {
	return []flag.EnvironmentInfo{{ID: "dev", Kind: "dev"}, {ID: "staging", Kind: "staging"}, {ID: "prod", Kind: "production"}}, nil
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) create(key string, change func(*flag.NewFlag)) flag.Flag {
	w.t.Helper()
	in := flag.NewFlag{Key: key}
	if change != nil {
		change(&in)
	}
	ada, _ := people()
	one, err := w.flags.Create(w.t.Context(), "shop", in, ada)
	if err != nil {
		w.t.Fatal(err)
	}
	return one
}

func env(t *testing.T, one flag.Flag, id string) flag.Environment {
	t.Helper()
	for _, e := range one.Environments {
		if e.Environment == id {
			return e
		}
	}
	t.Fatalf("%s has no environment %s", one.Key, id)
	return flag.Environment{}
}

func (w *world) get(key string) flag.Flag {
	w.t.Helper()
	one, err := w.flags.Get(w.t.Context(), "shop", key)
	if err != nil {
		w.t.Fatal(err)
	}
	return one
}

// edit changes a flag on its newest version.
func (w *world) edit(key, environment string, p flag.Patch) flag.Flag {
	w.t.Helper()
	ada, _ := people()
	out, err := w.flags.Edit(w.t.Context(), "shop", key, environment, flag.Edit{Version: env(w.t, w.get(key), environment).Version, Patch: p, Reason: "a test"}, ada)
	if err != nil {
		w.t.Fatalf("edit %s: %v", key, err)
	}
	return out.Flag
}

// ask evaluates with a snapshot made for it.
func (w *world) ask(key, environment string, about map[string]any) string {
	w.t.Helper()
	if err := w.flags.Load(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	s, ok := w.flags.Current("shop", environment)
	if !ok {
		w.t.Fatal("no snapshot")
	}
	r := s.Set.Evaluate(key, eval.NewContext(about), w.now.Unix())
	if r.ErrorCode != "" {
		return r.ErrorCode
	}
	if r.Missing() {
		return r.Reason
	}
	return r.Variant.Name
}

func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func patch(on bool) flag.Patch { return flag.Patch{On: &on} }

func about(pairs ...any) map[string]any {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

func rollout(by string, on int) *flag.Serve {
	return &flag.Serve{By: by, Weights: []flag.Weight{{Variation: "on", Weight: on}, {Variation: "off", Weight: flag.Whole - on}}}
}
