package action

import (
	"context"
	"encoding/json"
)

// Dynamic describes an action whose input is not a Go struct but known only at
// run time, e.g. one that is kept as data. Plan and Apply check the input
// themselves.
type Dynamic struct {
	Identifier  string
	Title       string
	Description string
	Icon        string
	Group       string
	Blueprint   string
	Roles       []string
	// Input is what the form shows.
	Input *Schema
	Plan  func(ctx context.Context, req Request, input json.RawMessage) (*Plan, error)
	Apply func(ctx context.Context, req Request, input json.RawMessage) ([]Step, error)
}

// Action makes the action.
func (d Dynamic) Action() *Action {
	return &Action{
		Identifier: d.Identifier, Title: d.Title, Description: d.Description, Icon: d.Icon, Group: d.Group,
		Blueprint: d.Blueprint, Roles: d.Roles, Input: d.Input, plan: d.Plan, apply: d.Apply,
	}
}
