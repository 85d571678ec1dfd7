package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"sphera/internal/catalog/jq"
	"sphera/internal/fault"
)

type jqInput struct {
	Body struct {
		Expression string          `json:"expression" maxLength:"10000" doc:"jq in Port's dialect: single quotes are strings, too"`
		Blueprint  string          `json:"blueprint,omitempty" maxLength:"200" doc:"With identifier: the entity that is the input"`
		Identifier string          `json:"identifier,omitempty" maxLength:"1000"`
		Input      json.RawMessage `json:"input,omitempty" doc:"The input itself, instead of an entity"`
	} `nameHint:"JqInput"`
}

type jqAnswer struct {
	Answer
	Value any    `json:"value" doc:"The first result; null when there is none"`
	Error string `json:"error,omitempty" doc:"What is wrong with the expression, or with it on this input"`
	Kind  string `json:"kind,omitempty" doc:"compile, time, size or value"`
	// Micros is how long it took.
	Micros int64 `json:"micros"`
}

// runJq tries an expression. One that fails is an answer, not a failure: that
// is what the playground is for.
func (a *API) runJq(ctx context.Context, in *jqInput) (*jqAnswer, error) {
	input, err := a.jqSubject(ctx, in)
	if err != nil {
		return nil, err
	}
	start := a.now()
	value, err := evaluate(ctx, in.Body.Expression, input)
	out := &jqAnswer{Value: value, Micros: a.now().Sub(start).Microseconds()}
	if wrong, ok := errors.AsType[*jq.Error](err); ok {
		out.Error, out.Kind, err = wrong.Message, wrong.Kind, nil
	}
	return out, err
}

func evaluate(ctx context.Context, expression string, input any) (any, error) {
	program, err := jq.Compile(expression)
	if err != nil {
		return nil, err
	}
	return program.First(ctx, input, jq.Limits{Time: 100 * time.Millisecond})
}

// jqSubject is what the expression looks at: the entity as it is answered, or
// what was sent.
func (a *API) jqSubject(ctx context.Context, in *jqInput) (any, error) {
	raw := in.Body.Input
	if in.Body.Identifier != "" {
		if in.Body.Blueprint == "" {
			return nil, fault.Field("/blueprint", "is missing", "the blueprint of the entity")
		}
		e, err := a.catalog.Entity(ctx, in.Body.Blueprint, in.Body.Identifier)
		if err != nil {
			return nil, err
		}
		if raw, err = json.Marshal(e); err != nil {
			return nil, err
		}
	}
	if len(raw) == 0 {
		return nil, nil
	}
	var input any
	if err := json.Unmarshal(raw, &input); err != nil {
		return nil, fault.Field("/input", "is not JSON", "any JSON value")
	}
	return input, nil
}
