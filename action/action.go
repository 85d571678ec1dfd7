// Package action is how an action is defined in Go: something a person or a
// program can ask for, with typed input, a plan that is shown before anything
// happens, steps that do the work durably, checks that verify it and an undo.
//
// A Definition is turned into an Action by New. The form in the portal, the
// flags of the command line, the OpenAPI operation and the page in the
// documentation all follow from the input struct; nothing is written twice.
//
// The package imports nothing of the portal, so that an organisation can keep
// its actions in its own module and build its own binary.
package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Actor is who asks.
type Actor struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Email string   `json:"email"`
	Roles []string `json:"roles"`
	Teams []string `json:"teams"`
}

// Request is everything known about one call of an action besides its input.
type Request struct {
	Actor Actor `json:"actor"`
	// Entity is the identifier of the entity acted on; empty for actions
	// that have no Blueprint.
	Entity string `json:"entity,omitempty"`
	// RunID is empty while planning.
	RunID string    `json:"runId,omitempty"`
	Now   time.Time `json:"now"`
}

// Definition describes an action over the input struct In. Plan and Apply are
// required; see New for what is checked.
type Definition[In any] struct {
	// Identifier names the action for ever: lower case letters, digits and
	// underscores, e.g. "create_service".
	Identifier string
	// Title is a verb phrase in sentence case, e.g. "Create a microservice".
	Title       string
	Description string
	// Icon is one of the portal's icon names, e.g. "rocket".
	Icon string
	// Group is the heading under which the portal lists it, e.g. "Services".
	Group string
	// Blueprint is set for actions on an existing entity.
	Blueprint string
	// Roles may ask for it; empty means everybody who is signed in.
	Roles []string
	// Plan says what would happen. It must not change anything.
	Plan func(ctx context.Context, req Request, in In) (*Plan, error)
	// Apply lists the steps that do what the plan says. It must not change
	// anything itself; the run engine executes the steps.
	Apply func(ctx context.Context, req Request, in In) ([]Step, error)
	// Verify checks afterwards, and at any later time, that it is still so.
	// Optional.
	Verify func(ctx context.Context, req Request, in In) ([]Check, error)
	// StepTypes are the types of the steps that Apply returns.
	StepTypes []StepType
}

// Action is a checked Definition with its type parameter erased.
type Action struct {
	Identifier  string
	Title       string
	Description string
	Icon        string
	Group       string
	Blueprint   string
	Roles       []string
	Input       *Schema
	StepTypes   []StepType

	plan   func(context.Context, Request, json.RawMessage) (*Plan, error)
	apply  func(context.Context, Request, json.RawMessage) ([]Step, error)
	verify func(context.Context, Request, json.RawMessage) ([]Check, error)
}

var identifierPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{1,62}$`)

// New checks a definition and returns the action. An action without plan,
// without apply or with an input struct the form cannot show is refused.
func New[In any](d Definition[In]) (*Action, error) {
	switch {
	case !identifierPattern.MatchString(d.Identifier):
		return nil, fmt.Errorf("action %q: identifier must match %s", d.Identifier, identifierPattern)
	case d.Title == "":
		return nil, fmt.Errorf("action %s: title is missing", d.Identifier)
	case d.Plan == nil:
		return nil, fmt.Errorf("action %s: an action without a plan cannot be registered: people must see what will happen before it does", d.Identifier)
	case d.Apply == nil:
		return nil, fmt.Errorf("action %s: apply is missing", d.Identifier)
	}
	schema, err := schemaOf[In]()
	if err != nil {
		return nil, fmt.Errorf("action %s: input: %w", d.Identifier, err)
	}
	a := &Action{
		Identifier: d.Identifier, Title: d.Title, Description: d.Description, Icon: d.Icon,
		Group: d.Group, Blueprint: d.Blueprint, Roles: d.Roles, Input: schema, StepTypes: d.StepTypes,
	}
	a.plan = func(ctx context.Context, req Request, raw json.RawMessage) (*Plan, error) {
		in, err := decodeInput[In](schema, raw)
		if err != nil {
			return nil, err
		}
		return d.Plan(ctx, req, in)
	}
	a.apply = func(ctx context.Context, req Request, raw json.RawMessage) ([]Step, error) {
		in, err := decodeInput[In](schema, raw)
		if err != nil {
			return nil, err
		}
		return d.Apply(ctx, req, in)
	}
	if d.Verify != nil {
		a.verify = func(ctx context.Context, req Request, raw json.RawMessage) ([]Check, error) {
			in, err := decodeInput[In](schema, raw)
			if err != nil {
				return nil, err
			}
			return d.Verify(ctx, req, in)
		}
	}
	return a, nil
}

// Plan validates the input, fills in defaults and says what would happen.
// Invalid input is an *InputError.
func (a *Action) Plan(ctx context.Context, req Request, input json.RawMessage) (*Plan, error) {
	p, err := a.plan(ctx, req, input)
	if err != nil {
		return nil, err
	}
	p.normalise()
	return p, nil
}

// Steps lists what a run of the action does.
func (a *Action) Steps(ctx context.Context, req Request, input json.RawMessage) ([]Step, error) {
	steps, err := a.apply(ctx, req, input)
	if err != nil {
		return nil, err
	}
	return steps, checkSteps(steps)
}

// Verify runs the action's checks; ErrNoVerify when it has none.
func (a *Action) Verify(ctx context.Context, req Request, input json.RawMessage) ([]Check, error) {
	if a.verify == nil {
		return nil, ErrNoVerify
	}
	return a.verify(ctx, req, input)
}

// ErrNoVerify is returned by Verify for an action that defines no checks.
var ErrNoVerify = errors.New("this action has no checks")

// Check is the outcome of one check of Verify.
type Check struct {
	Identifier string `json:"identifier"`
	Title      string `json:"title"`
	OK         bool   `json:"ok"`
	// Found says what was seen, e.g. "no file .ci/checkout.yaml".
	Found string `json:"found"`
	// Expected says what would be right.
	Expected string `json:"expected,omitempty"`
	// Fix is the identifier of the action that mends it, if there is one.
	Fix string `json:"fix,omitempty"`
	URL string `json:"url,omitempty"`
}
