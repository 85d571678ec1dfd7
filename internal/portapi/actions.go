package portapi

import (
	"context"
	"encoding/json"
	"net/http"

	"sphera/internal/fault"
	"sphera/internal/resource"
)

// SavedActionAnswer is an action as it was sent.
type SavedActionAnswer struct {
	Action Document `json:"action"`
}

// ActionPermissionsAnswer is who may execute and approve an action.
type ActionPermissionsAnswer struct {
	Permissions map[string]json.RawMessage `json:"permissions"`
}

// actionRoutes keep actions that are data. Listing and reading them is the
// matter of the routes that know the actions in Go as well. The last part of
// the path of the permissions is a wildcard because the mux could not tell
// /actions/{id}/permissions from /actions/runs/{id} otherwise.
func (s *Service) actionRoutes() []Route {
	const one, part = "/v1/actions/{action}", "/v1/actions/{action}/{part}"
	write := "action.write"
	return []Route{
		{Method: http.MethodPost, Path: "/v1/actions", ID: "createAction", Verb: write, Limit: Normal, Audit: Domain, Out: SavedActionAnswer{}, Handle: s.createAction},
		{Method: http.MethodPut, Path: one, ID: "putAction", Verb: write, Limit: Normal, Audit: Domain, Out: SavedActionAnswer{}, Handle: s.putAction},
		{Method: http.MethodDelete, Path: one, ID: "deleteAction", Verb: write, Audit: Domain, Handle: s.deleteAction},
		{Method: http.MethodGet, Path: part, ID: "getActionPermissions", Verb: SignedIn, Audit: None, Out: ActionPermissionsAnswer{}, Handle: s.actionPermissions},
		{Method: http.MethodPatch, Path: part, ID: "patchActionPermissions", Verb: write, Limit: Small, Audit: Domain, Out: ActionPermissionsAnswer{}, Handle: s.patchActionPermissions},
	}
}

func (r *Request) actor() resource.Actor {
	return resource.Actor{ID: r.Caller.ID, Name: r.Caller.Name}
}

func (s *Service) createAction(ctx context.Context, r *Request) (int, any, error) {
	a, err := s.Automation.Create(ctx, r.Body, r.actor())
	return 0, SavedActionAnswer{a.Document()}, err
}

func (s *Service) putAction(ctx context.Context, r *Request) (int, any, error) {
	a, err := s.Automation.Put(ctx, r.Path["action"], r.Body, r.actor())
	return 0, SavedActionAnswer{a.Document()}, err
}

func (s *Service) deleteAction(ctx context.Context, r *Request) (int, any, error) {
	return 0, nil, s.Automation.Delete(ctx, r.Path["action"], r.actor())
}

func onlyPermissions(r *Request) error {
	if r.Path["part"] != "permissions" {
		return fault.New(fault.NotFound, "There is nothing at this address.")
	}
	return nil
}

func (s *Service) actionPermissions(ctx context.Context, r *Request) (int, any, error) {
	if err := onlyPermissions(r); err != nil {
		return 0, nil, err
	}
	p, err := s.Automation.Permissions(ctx, r.Path["action"])
	return 0, ActionPermissionsAnswer{p}, err
}

func (s *Service) patchActionPermissions(ctx context.Context, r *Request) (int, any, error) {
	if err := onlyPermissions(r); err != nil {
		return 0, nil, err
	}
	p, err := s.Automation.SetPermissions(ctx, r.Path["action"], r.Body, r.actor())
	return 0, ActionPermissionsAnswer{p}, err
}
