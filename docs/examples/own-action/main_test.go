package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sphera/action"
)

// TestOwnBinaryOffersTheAction builds the example as an organisation would and
// asks it for the API it serves.
func TestOwnBinaryOffersTheAction(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sphera")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the example: %v: %s", err, out)
	}
	out, err := exec.Command(binary, "openapi").Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var spec struct{ Paths map[string]any }
	if err := json.Unmarshal(out, &spec); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/actions/post_notice/plans", "/v1/actions/create_service/plans"} {
		if spec.Paths[path] == nil {
			t.Errorf("the API has no %s", path)
		}
	}
}

func TestNoticeIsShownPostedCheckedAndTakenBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "notices")
	a, err := postNotice(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, input := t.Context(), json.RawMessage(`{"name":"update","text":"The database is updated at noon."}`)
	if _, err := a.Plan(ctx, action.Request{}, input); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the plan changed something: %v", err)
	}
	steps, err := a.Steps(ctx, action.Request{}, input)
	if err != nil {
		t.Fatal(err)
	}
	kind, x := a.StepTypes[0], &action.Exec{}
	for range 2 { // a crash makes a step run twice
		if _, err := kind.Do(ctx, x, steps[0].Args); err != nil {
			t.Fatal(err)
		}
		if checks, err := a.Verify(ctx, action.Request{}, input); err != nil || !checks[0].OK {
			t.Fatalf("verify: %+v, %v", checks, err)
		}
	}
	if _, err := a.Plan(ctx, action.Request{}, input); err == nil {
		t.Error("a name that is taken was planned")
	}
	for range 2 {
		if err := kind.Undo(ctx, x, steps[0].Args, nil); err != nil {
			t.Fatal(err)
		}
	}
	if checks, err := a.Verify(ctx, action.Request{}, input); err != nil || checks[0].OK {
		t.Errorf("after the undo: %+v, %v", checks, err)
	}
}
