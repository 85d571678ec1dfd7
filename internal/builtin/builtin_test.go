package builtin_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestCreateServiceMakesEverythingAndUndoLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, w := context.Background(), newWorld(t, db)
		r := w.until(w.apply("create_service", "", createInput("counter")).ID, run.Succeeded)

		if got := w.answer("counter"); got != 200 {
			t.Errorf("the service answers %d", got)
		}
		checks, err := w.contracts.Check(ctx, "counter")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			if !c.OK {
				t.Errorf("check %s fails: %s", c.Identifier, c.Found)
			}
		}
		summary, err := w.insights.Summary(ctx, "first-answer")
		if err != nil || summary.Count != 1 {
			t.Fatalf("first answers measured: %+v, %v", summary, err)
		}
		for _, step := range []string{"create-repository", "build", "merge-ci", "first-answer"} {
			if _, ok := summary.Last[0].Parts[step]; !ok {
				t.Errorf("step %s was not measured: %v", step, summary.Last[0].Parts)
			}
		}

		w.undo(r.ID, run.Undone)
		if got := w.answer("counter"); got == 200 {
			t.Error("the service still answers")
		}
		for _, e := range [][2]string{{"Component", "counter"}, {"API", "counter-api"}, {"Repository", "counter"}} {
			if _, err := w.catalog.Entity(ctx, e[0], e[1]); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s %s is still there: %v", e[0], e[1], err)
			}
		}
		for repo, path := range map[string]string{"ci-config": "services/counter.yaml", "gitops": "apps/counter/base/deployment.yaml"} {
			if _, err := w.forge.File(ctx, repo, "main", path); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s is still in %s: %v", path, repo, err)
			}
		}
		if slots, err := w.secrets.List(ctx, "counter"); err != nil || len(slots) > 0 {
			t.Errorf("slots left: %v, %v", slots, err)
		}

		// The name is free again.
		w.until(w.apply("create_service", "", createInput("counter")).ID, run.Succeeded)
	})
}

func TestCreateServiceRefusesWhatCannotBe(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	if _, err := w.forge.CreateRepository(context.Background(), forge.NewRepository{Name: "taken", Key: "x"}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ input, field, problem string }{
		"name taken":       {`{"name":"taken","team":"checkout","system":"Shop","template":"go-http","description":"abc"}`, "name", "is taken by a repository"},
		"name reserved":    {`{"name":"gitops","team":"checkout","system":"Shop","template":"go-http","description":"abc"}`, "name", "is reserved"},
		"name hostile":     {`{"name":"../x","team":"checkout","system":"Shop","template":"go-http","description":"abc"}`, "name", "does not have the right form"},
		"unknown team":     {`{"name":"fine","team":"nobody","system":"Shop","template":"go-http","description":"abc"}`, "team", "is not a team"},
		"unknown system":   {`{"name":"fine","team":"checkout","system":"Nope","template":"go-http","description":"abc"}`, "system", "is not in the catalog"},
		"unknown template": {`{"name":"fine","team":"checkout","system":"Shop","template":"cobol","description":"abc"}`, "template", "is not one of the choices"},
		"production":       {`{"name":"fine","team":"checkout","system":"Shop","template":"go-http","description":"abc","environment":"production-a"}`, "environment", "which the process runtime does not serve"},
		"nothing said":     {`{}`, "name", "is required"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.runs.Plan(context.Background(), dana, "create_service", "", json.RawMessage(test.input))
			if err == nil {
				t.Fatal("was planned")
			}
			if input, ok := errors.AsType[*action.InputError](err); ok {
				for _, p := range input.Problems {
					if p.Field == test.field && strings.Contains(p.Problem, test.problem) {
						return
					}
				}
			}
			if f, ok := fault.As(err); ok {
				for _, d := range f.Details {
					if d.Field == test.field && strings.Contains(d.Problem, test.problem) {
						return
					}
				}
			}
			t.Fatalf("no problem of field %q that says %q: %v", test.field, test.problem, err)
		})
	}
}

func TestAPlanIsVoidOnceTheNameIsTaken(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	ctx := context.Background()
	plan, err := w.runs.Plan(ctx, dana, "create_service", "", createInput("late"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.forge.CreateRepository(ctx, forge.NewRepository{Name: "late", Key: "somebody else"}); err != nil {
		t.Fatal(err)
	}
	if r, err := w.runs.Apply(ctx, dana, plan.ID); err == nil {
		t.Fatalf("applied as run %s", r.ID)
	}
}

func TestCreateServiceWaitsForTheReviewAndUndoWaitsToo(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	ctx := context.Background()
	w.rule("ci-config", false)
	r := w.until(w.apply("create_service", "", createInput("reviewed")).ID, run.Waiting)
	if r.Waiting.URL == "" || !strings.Contains(r.Waiting.Reason, "platform") {
		t.Fatalf("waits without saying for whom: %+v", r.Waiting)
	}
	approve := func() {
		t.Helper()
		prs, _, err := w.forge.PullRequests(ctx, forge.PullRequestQuery{Repository: "ci-config", State: forge.Open, Limit: 10})
		if err != nil || len(prs) != 1 {
			t.Fatalf("open pull requests: %v, %v", prs, err)
		}
		if _, err := w.forge.Review(ctx, "ci-config", prs[0].Number, ido, forge.Approve, "fine"); err != nil {
			t.Fatal(err)
		}
	}
	approve()
	w.until(r.ID, run.Succeeded)

	w.undo(r.ID, run.Waiting)
	approve()
	w.until(r.ID, run.Undone)
	if _, err := w.forge.File(ctx, "ci-config", "main", "services/reviewed.yaml"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the entry is still there: %v", err)
	}
}

func TestDeployRevertAndABuildThatFails(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	ctx := context.Background()
	created := w.until(w.apply("create_service", "", createInput("moving")).ID, run.Succeeded)
	first, err := w.forge.Head(ctx, "moving", "main")
	if err != nil {
		t.Fatal(err)
	}
	push := func(branch, name, text string) string {
		t.Helper()
		c, err := w.forge.Commit(ctx, "moving", forge.NewCommit{Branch: branch, Base: "main", Message: "change " + branch, Author: ido, Files: []forge.File{{Path: name, Content: []byte(text)}}})
		if err != nil {
			t.Fatal(err)
		}
		return c.SHA
	}
	second := push("better", "NOTES.md", "more\n")
	w.until(w.apply("deploy_service", "moving", json.RawMessage(`{"ref":"better"}`)).ID, run.Succeeded)
	w.runsVersion(second)

	push("broken", "package.json", `{"name": "moving", "scripts": {"start": "node gone.js"}, "main": "gone.js"`)
	failed := w.apply("deploy_service", "moving", json.RawMessage(`{"ref":"broken"}`))
	w.fails(failed.ID)
	w.runsVersion(second) // the former version serves on

	w.until(w.apply("revert_service", "moving", json.RawMessage(`{}`)).ID, run.Succeeded)
	w.runsVersion(first)
	entity, err := w.catalog.Entity(ctx, "Component", "moving")
	if err != nil || entity.Properties["version"] != first {
		t.Errorf("the catalog says version %v, %v", entity.Properties["version"], err)
	}

	w.undo(created.ID, run.Undone)
	if got := w.answer("moving"); got == 200 {
		t.Error("the service still answers")
	}
}

func TestFixServiceAddsWhatIsMissing(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	ctx := context.Background()
	w.until(w.apply("create_service", "", createInput("partial")).ID, run.Succeeded)
	if err := w.secrets.Remove(ctx, "partial", "production-a", "OFREP_HEADERS", "test", ""); err != nil {
		t.Fatal(err)
	}
	if err := w.flags.Remove(ctx, "partial", "test", ""); err != nil {
		t.Fatal(err)
	}
	r := w.until(w.apply("fix_service", "partial", json.RawMessage(`{}`)).ID, run.Succeeded)
	checks, err := w.contracts.Check(ctx, "partial")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if !c.OK {
			t.Errorf("check %s still fails: %s", c.Identifier, c.Found)
		}
	}
	if _, err := w.runs.Plan(ctx, dana, "fix_service", "partial", json.RawMessage(`{}`)); err == nil {
		t.Error("there is something left to fix")
	}
	w.undo(r.ID, run.Undone)
	if got := w.answer("partial"); got != 200 {
		t.Errorf("undoing the fix stopped the service: %d", got)
	}
}
