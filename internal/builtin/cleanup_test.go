package builtin_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestCleanUpOpensAPullRequestAndUndoClosesIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, ctx := newWorld(t, db), context.Background()
		const source = "package main\n\nfunc greet() string {\n\treturn s.flags.text(ctx, serviceName+\".greeting\", \"Hello\", nil)\n}\n"
		if _, _, err := w.catalog.PutEntity(ctx, "Component", catalog.NewEntity{Identifier: "shop"}, catalog.Write{Upsert: true, By: "test"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.forge.CreateRepository(ctx, forge.NewRepository{Name: "shop", Owner: "checkout", Key: "shop"}); err != nil {
			t.Fatal(err)
		}
		files := []forge.File{{Path: "main.go", Content: []byte(source)}, {Path: "README.md", Content: []byte("The flag shop.greeting decides.\n")}}
		if _, err := w.forge.Commit(ctx, "shop", forge.NewCommit{Branch: "main", Message: "start", Author: ido, Time: time.Now(), Bypass: true, Files: files}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.flags.Ensure(ctx, "shop", "shop", "test", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.flagStore.Create(ctx, "shop", flag.NewFlag{Key: "shop.greeting", Settings: flag.Settings{
			Type: flag.String, Variations: []flag.Variation{{Name: "plain", Value: json.RawMessage(`"Hello"`)}, {Name: "warm", Value: json.RawMessage(`"Good day"`)}},
		}}, flag.Who{ID: "test", Name: "Test"}); err != nil {
			t.Fatal(err)
		}
		input := json.RawMessage(`{"flag":"shop.greeting","keep":"warm"}`)
		plan, err := w.runs.Plan(ctx, dana, "clean_up_flag", "shop", input)
		if err != nil {
			t.Fatal(err)
		}
		if files := plan.Plan.Repositories[0].Files; len(files) != 1 || !strings.Contains(files[0].Diff, "+\treturn \"Good day\"") || !slices.ContainsFunc(plan.Plan.Warnings, func(s string) bool { return strings.Contains(s, "README.md:1") }) {
			t.Errorf("plan: %+v %v", files, plan.Plan.Warnings)
		}
		r := w.until(w.apply("clean_up_flag", "shop", input).ID, run.Succeeded)
		open, _, err := w.forge.PullRequests(ctx, forge.PullRequestQuery{Repository: "shop", State: forge.Open, Limit: 10})
		if err != nil || len(open) != 1 || !strings.Contains(open[0].Body, "`README.md:1`") || strings.Contains(open[0].Body, "safe") {
			t.Fatalf("pull requests: %+v %v", open, err)
		}
		changed, err := w.forge.File(ctx, "shop", open[0].Head, "main.go")
		if err != nil || !strings.Contains(string(changed.Content), `return "Good day"`) {
			t.Errorf("changed: %s %v", changed.Content, err)
		}
		w.undo(r.ID, run.Undone)
		if left, _, err := w.forge.PullRequests(ctx, forge.PullRequestQuery{Repository: "shop", State: forge.Open, Limit: 10}); err != nil || len(left) != 0 {
			t.Errorf("after undo: %+v %v", left, err)
		}
		for _, input := range []string{`{"flag":"absent"}`, `{"flag":"shop.greeting","keep":"cold"}`} {
			if _, err := w.runs.Plan(ctx, dana, "clean_up_flag", "shop", json.RawMessage(input)); err == nil {
				t.Errorf("%s has a plan", input)
			}
		}
	})
}
