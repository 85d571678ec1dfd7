package builtin_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const (
	greeting = "package main\n\nfunc greet() string {\n\treturn s.flags.text(ctx, serviceName+\".greeting\", \"Hello\", nil)\n}\n"
	cleanUp  = `{"flag":"shop.greeting","keep":"warm"}`
)

// shop is a service whose code asks for a flag.
func shop(w *world) context.Context {
	w.t.Helper()
	ctx := context.Background()
	if _, _, err := w.catalog.PutEntity(ctx, "Component", catalog.NewEntity{Identifier: "shop"}, catalog.Write{Upsert: true, By: "test"}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.forge.CreateRepository(ctx, forge.NewRepository{Name: "shop", Owner: "checkout", Key: "shop"}); err != nil {
		w.t.Fatal(err)
	}
	files := []forge.File{{Path: "main.go", Content: []byte(greeting)}, {Path: "README.md", Content: []byte("The flag shop.greeting decides.\n")}}
	if _, err := w.forge.Commit(ctx, "shop", forge.NewCommit{Branch: "main", Message: "start", Author: ido, Time: time.Now(), Bypass: true, Files: files}); err != nil {
		w.t.Fatal(err)
	}
	w.rule("shop", true)
	if _, err := w.flags.Ensure(ctx, "shop", "shop", "test", ""); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.flagStore.Create(ctx, "shop", flag.NewFlag{Key: "shop.greeting", Settings: flag.Settings{
		Type: flag.String, Variations: []flag.Variation{{Name: "plain", Value: json.RawMessage(`"Hello"`)}, {Name: "warm", Value: json.RawMessage(`"Good day"`)}},
	}}, flag.Who{ID: "test", Name: "Test"}); err != nil {
		w.t.Fatal(err)
	}
	return ctx
}

// checks asks whether the code still names the flag.
func (w *world) checks() action.Check {
	w.t.Helper()
	one, err := w.runs.Find(context.Background(), "clean_up_flag")
	if err != nil {
		w.t.Fatal(err)
	}
	found, err := one.Verify(context.Background(), action.Request{Actor: dana, Entity: "shop", Now: time.Now()}, json.RawMessage(cleanUp))
	if err != nil || len(found) != 1 {
		w.t.Fatalf("checks: %+v %v", found, err)
	}
	return found[0]
}

func (w *world) open() []forge.PullRequest {
	w.t.Helper()
	open, _, err := w.forge.PullRequests(context.Background(), forge.PullRequestQuery{Repository: "shop", State: forge.Open, Limit: 10})
	if err != nil {
		w.t.Fatal(err)
	}
	return open
}

func TestCleanUpOpensAPullRequestAndUndoClosesIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ctx := shop(w)
		plan, err := w.runs.Plan(ctx, dana, "clean_up_flag", "shop", json.RawMessage(cleanUp))
		if err != nil {
			t.Fatal(err)
		}
		if files := plan.Plan.Repositories[0].Files; len(files) != 1 || !strings.Contains(files[0].Diff, "+\treturn \"Good day\"") || !slices.ContainsFunc(plan.Plan.Warnings, func(s string) bool { return strings.Contains(s, "README.md:1") }) {
			t.Errorf("plan: %+v %v", files, plan.Plan.Warnings)
		}
		r := w.until(w.apply("clean_up_flag", "shop", json.RawMessage(cleanUp)).ID, run.Succeeded)
		open := w.open()
		if len(open) != 1 || !strings.Contains(open[0].Body, "`README.md:1`") || strings.Contains(open[0].Body, "safe") {
			t.Fatalf("pull requests: %+v", open)
		}
		changed, err := w.forge.File(ctx, "shop", open[0].Head, "main.go")
		if err != nil || !strings.Contains(string(changed.Content), `return "Good day"`) {
			t.Errorf("changed: %s %v", changed.Content, err)
		}
		w.undo(r.ID, run.Undone)
		if left := w.open(); len(left) != 0 {
			t.Errorf("after undo: %+v", left)
		}
		for _, input := range []string{`{"flag":"absent"}`, `{"flag":"shop.greeting","keep":"cold"}`, `{"flag":"shop.greeting","keep":"warm","project":"absent"}`} {
			if _, err := w.runs.Plan(ctx, dana, "clean_up_flag", "shop", json.RawMessage(input)); err == nil || !strings.Contains(err.Error(), "invalid input") {
				t.Errorf("%s: %v", input, err)
			}
		}
	})
}

// TestCleanUpThatWasMerged checks what is on main, before, after and when it
// is taken back.
func TestCleanUpThatWasMerged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ctx := shop(w)
		r := w.until(w.apply("clean_up_flag", "shop", json.RawMessage(cleanUp)).ID, run.Succeeded)
		if c := w.checks(); c.OK || c.Found != "main.go:4 on main" {
			t.Errorf("before it is merged: %+v", c)
		}
		if _, err := w.forge.Review(ctx, "shop", w.open()[0].Number, ido, forge.Approve, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.forge.Merge(ctx, "shop", w.open()[0].Number, ido, forge.Squash); err != nil {
			t.Fatal(err)
		}
		if c := w.checks(); !c.OK {
			t.Errorf("merged: %+v", c)
		}
		if _, err := w.runs.Plan(ctx, dana, "clean_up_flag", "shop", json.RawMessage(cleanUp)); err == nil || !strings.Contains(err.Error(), "in a way that a program can take out") {
			t.Errorf("nothing is left to take out: %v", err)
		}
		w.undo(r.ID, run.Undone)
		if c := w.checks(); c.OK {
			t.Errorf("taken back: %+v", c)
		}
		if f, err := w.forge.File(ctx, "shop", "main", "main.go"); err != nil || string(f.Content) != greeting {
			t.Errorf("taken back: %s %v", f.Content, err)
		}
	})
}
