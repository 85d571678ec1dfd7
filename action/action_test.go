package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"sphera/action"
)

type input struct {
	Name    string   `json:"name" title:"Name" help:"What it is called." pattern:"^[a-z]+$" patternHelp:"lower case letters" maxLength:"5"`
	Size    string   `json:"size" enum:"s,m,l" default:"m"`
	Pods    int      `json:"pods" default:"2" minimum:"1" maximum:"10" advanced:"true"`
	Fast    bool     `json:"fast" default:"false"`
	Labels  []string `json:"labels" optional:"true"`
	Service string   `json:"service" entity:"Component" optional:"true"`
}

func define(t *testing.T) *action.Action {
	t.Helper()
	a, err := action.New(action.Definition[input]{
		Identifier: "scale", Title: "Scale",
		Plan: func(_ context.Context, _ action.Request, in input) (*action.Plan, error) {
			raw, err := json.Marshal(in)
			return &action.Plan{Summary: string(raw)}, err
		},
		Apply: func(context.Context, action.Request, input) ([]action.Step, error) { return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnActionWithoutPlanIsRefused(t *testing.T) {
	apply := func(context.Context, action.Request, input) ([]action.Step, error) { return nil, nil }
	plan := func(context.Context, action.Request, input) (*action.Plan, error) { return &action.Plan{}, nil }
	for name, test := range map[string]struct {
		d    action.Definition[input]
		says string
	}{
		"plan":       {action.Definition[input]{Identifier: "x1", Title: "X", Apply: apply}, "without a plan"},
		"apply":      {action.Definition[input]{Identifier: "x1", Title: "X", Plan: plan}, "apply is missing"},
		"identifier": {action.Definition[input]{Identifier: "X 1", Title: "X", Plan: plan, Apply: apply}, "identifier must match"},
		"title":      {action.Definition[input]{Identifier: "x1", Plan: plan, Apply: apply}, "title is missing"},
	} {
		if _, err := action.New(test.d); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInputsThatAFormCannotShowAreRefused(t *testing.T) {
	type nested struct {
		Inner struct{ A string } `json:"inner"`
	}
	type unnamed struct{ A string }
	type badDefault struct {
		N int `json:"n" default:"many"`
	}
	for name, err := range map[string]error{"nested": newErr[nested](), "no json name": newErr[unnamed](), "default": newErr[badDefault](), "no struct": newErr[string]()} {
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func newErr[In any]() error {
	_, err := action.New(action.Definition[In]{
		Identifier: "x1", Title: "X",
		Plan:  func(context.Context, action.Request, In) (*action.Plan, error) { return &action.Plan{}, nil },
		Apply: func(context.Context, action.Request, In) ([]action.Step, error) { return nil, nil },
	})
	return err
}

func TestSchemaFollowsTheStruct(t *testing.T) {
	raw, err := json.Marshal(define(t).Input)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Properties map[string]map[string]any
		Required   []string
		Order      []string `json:"x-order"`
		Additional *bool    `json:"additionalProperties"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s.Required, []string{"name"}) {
		t.Errorf("required: %v", s.Required)
	}
	if want := []string{"name", "size", "pods", "fast", "labels", "service"}; !reflect.DeepEqual(s.Order, want) {
		t.Errorf("order: %v", s.Order)
	}
	if s.Additional == nil || *s.Additional {
		t.Error("further properties are allowed")
	}
	for path, want := range map[[2]string]any{
		{"name", "title"}: "Name", {"name", "pattern"}: "^[a-z]+$", {"name", "maxLength"}: 5.0, {"size", "default"}: "m",
		{"pods", "type"}: "integer", {"pods", "x-advanced"}: true, {"pods", "maximum"}: 10.0, {"labels", "type"}: "array", {"service", "x-entity"}: "Component",
	} {
		if got := s.Properties[path[0]][path[1]]; got != want {
			t.Errorf("%v is %v, not %v", path, got, want)
		}
	}
}

func TestPlanGetsTheFilledInput(t *testing.T) {
	p, err := define(t).Plan(context.Background(), action.Request{}, json.RawMessage(`{"name":"abc","labels":["x"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"name":"abc","size":"m","pods":2,"fast":false,"labels":["x"],"service":""}`; p.Summary != want {
		t.Errorf("input: %s", p.Summary)
	}
}

func TestEveryProblemOfAnInputIsNamed(t *testing.T) {
	for in, want := range map[string][]string{
		`{}`:                                   {"name"},
		`{"name":""}`:                          {"name"},
		`{"name":"ABC"}`:                       {"name"},
		`{"name":"abcdef"}`:                    {"name"},
		`{"name":5}`:                           {"name"},
		`{"name":"abc","size":"xl"}`:           {"size"},
		`{"name":"abc","pods":0}`:              {"pods"},
		`{"name":"abc","pods":1.5}`:            {"pods"},
		`{"name":"abc","fast":"yes"}`:          {"fast"},
		`{"name":"abc","labels":[1]}`:          {"labels"},
		`{"name":"abc","Name":"x"}`:            {"Name"},
		`{"name":"ABC","pods":99,"size":"xl"}`: {"name", "size", "pods"},
		`[]`:                                   {""},
	} {
		_, err := define(t).Plan(context.Background(), action.Request{}, json.RawMessage(in))
		var problems *action.InputError
		if !errors.As(err, &problems) {
			t.Errorf("%s: %v", in, err)
			continue
		}
		var fields []string
		for _, p := range problems.Problems {
			fields = append(fields, p.Field)
			if p.Problem == "" || p.Expected == "" {
				t.Errorf("%s: %+v does not say what is wrong and what would be right", in, p)
			}
		}
		if !reflect.DeepEqual(fields, want) {
			t.Errorf("%s: problems of %v, not of %v", in, fields, want)
		}
	}
}

func FuzzInput(f *testing.F) {
	f.Add(`{"name":"abc","pods":3,"labels":["a"]}`)
	f.Add(`{"name":null,"pods":1e400}`)
	a, err := action.New(action.Definition[input]{
		Identifier: "scale", Title: "Scale",
		Plan:  func(context.Context, action.Request, input) (*action.Plan, error) { return &action.Plan{}, nil },
		Apply: func(context.Context, action.Request, input) ([]action.Step, error) { return nil, nil },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := a.Plan(context.Background(), action.Request{}, json.RawMessage(text))
		var problems *action.InputError
		if err != nil && !errors.As(err, &problems) {
			t.Errorf("an error that is not about the input: %v", err)
		}
	})
}

func TestCompareSaysWhatChanged(t *testing.T) {
	plan := func(change func(*action.Plan)) *action.Plan {
		a, err := action.New(action.Definition[struct{}]{
			Identifier: "x1", Title: "X",
			Plan: func(context.Context, action.Request, struct{}) (*action.Plan, error) {
				p := &action.Plan{
					Summary: "s", Facts: map[string]string{"head of ci-config": "1"},
					Repositories: []action.RepositoryChange{{Repository: "r", Files: []action.FileChange{{Path: "a", Verb: "add", Diff: "+1"}}}},
					Approvals:    []action.Approval{{Title: "merge", Auto: true}},
				}
				change(p)
				return p, nil
			},
			Apply: func(context.Context, action.Request, struct{}) ([]action.Step, error) { return nil, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Plan(context.Background(), action.Request{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before := plan(func(*action.Plan) {})
	for name, test := range map[string]struct {
		change        func(*action.Plan)
		section, item string
	}{
		"fact":     {func(p *action.Plan) { p.Facts["head of ci-config"] = "2" }, "facts", "head of ci-config"},
		"file":     {func(p *action.Plan) { p.Repositories[0].Files[0].Diff = "+2" }, "files", "r/a"},
		"approval": {func(p *action.Plan) { p.Approvals[0].Auto = false }, "approvals", "merge"},
		"summary":  {func(p *action.Plan) { p.Summary = "t" }, "summary", "plan"},
		"process":  {func(p *action.Plan) { p.Processes = []action.ProcessChange{{Service: "x", Environment: "dev"}} }, "processes", "x in dev"},
	} {
		got := action.Compare(before, plan(test.change))
		if len(got) != 1 || got[0].Section != test.section || got[0].Name != test.item {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := action.Compare(before, plan(func(*action.Plan) {})); len(got) != 0 {
		t.Errorf("equal plans differ: %+v", got)
	}
}
