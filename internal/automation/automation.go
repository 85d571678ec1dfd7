// Package automation has actions that are data: documents in Port's form with
// a trigger (a person, a change of an entity, of a run, an expired timer), typed
// inputs, a condition, and something to call. Each use is a run of the run
// engine like that of an action in Go: durable, with steps, logs, approval.
package automation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/resource"
	"sphera/internal/run"
	"sphera/internal/store"
)

// Deps is what actions work on.
type Deps struct {
	DB      *store.DB
	Audit   *audit.Log
	Catalog *catalog.Catalog
	Runs    *run.Engine
	// Approvals decide on runs.
	Approvals *approval.Service
	Outgoing  *outgoing.Client
	Now       func() time.Time
	Log       *slog.Logger
	// Secrets are those of the organisation's secrets that are wanted, by name,
	// for {{ .secrets.NAME }}.
	Secrets func(ctx context.Context, wanted func(name string) bool) (map[string]string, error)
	// SigningKey signs outgoing requests; "" leaves them unsigned.
	SigningKey func(ctx context.Context) (string, error)
	// Organization is the organisation's id, for templates.
	Organization func(ctx context.Context) (string, error)
	// Find looks for entities of all blueprints, for policies; nil finds none.
	Find func(ctx context.Context, q *query.Query, env query.Env, limit int) ([]catalog.Entity, error)
	// Acting is whoever started a run, as they are now; nil lets everybody act,
	// for tests of something else.
	Acting func(ctx context.Context, id string) (auth.Principal, error)
	// GitHub and GitLab are where their APIs are; "" for the public ones.
	GitHub, GitLab string
}

// Service keeps actions and starts their runs.
type Service struct {
	Deps
	docs  *resource.Store
	steps stepSet
	// watch is what Tick knew last; only Work looks at it.
	watch *watching
}

// New returns the service and tells the engine of its actions and step types.
func New(d Deps) (*Service, error) {
	if d.Secrets == nil {
		d.Secrets = func(context.Context, func(string) bool) (map[string]string, error) { return nil, nil }
	}
	if d.SigningKey == nil {
		d.SigningKey = func(context.Context) (string, error) { return "", nil }
	}
	if d.Organization == nil {
		d.Organization = func(context.Context) (string, error) { return "org", nil }
	}
	if d.GitHub == "" {
		d.GitHub = "https://api.github.com"
	}
	if d.GitLab == "" {
		d.GitLab = "https://gitlab.com"
	}
	s := &Service{Deps: d, docs: resource.New(d.Audit, d.Now)}
	s.steps = s.newSteps()
	if err := d.Runs.RegisterSteps(s.steps.record.Type, s.steps.invoke.Type, s.steps.inside.Type, s.steps.outcome.Type); err != nil {
		return nil, err
	}
	d.Runs.Further(s.runnable)
	return s, nil
}

// actionKind is where the documents are kept; the permissions of an action are
// a document of their own, since they are set and read by themselves.
func actionKind() resource.Kind { return resource.Kind{Name: "action", Max: 2000} }
func rightsKind() resource.Kind { return resource.Kind{Name: "action_permissions", Max: 2000} }

// Action is a kept action.
type Action struct {
	resource.Resource
	Definition Definition
}

// MarshalJSON writes the document as it was sent, with when and by whom.
func (a Action) MarshalJSON() ([]byte, error) {
	return json.Marshal(a.Document())
}

// Document is the action as clients see it.
func (a Action) Document() map[string]any {
	out := make(map[string]any, len(a.Doc)+5)
	for key, value := range a.Doc {
		out[key] = value
	}
	out["identifier"] = a.Identifier
	out["createdAt"], out["updatedAt"] = stamp(a.CreatedAt), stamp(a.UpdatedAt)
	out["createdBy"], out["updatedBy"] = a.CreatedBy, a.UpdatedBy
	return out
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

func wrap(r resource.Resource) (Action, error) {
	raw, err := json.Marshal(r.Doc)
	if err != nil {
		return Action{}, fmt.Errorf("stored action %s: %w", r.Identifier, err)
	}
	a := Action{Resource: r}
	if err := json.Unmarshal(raw, &a.Definition); err != nil {
		return a, fmt.Errorf("stored action %s: %w", r.Identifier, err)
	}
	a.Definition.Identifier = r.Identifier
	return a, nil
}

// Filter selects actions; zero fields do not filter.
type Filter struct {
	Identifier, Blueprint, Operation, Trigger, Event, EventAction string
	Published                                                     *bool
}

// Actions lists the actions by identifier.
func (s *Service) Actions(ctx context.Context, f Filter) ([]Action, error) {
	list, err := s.docs.All(ctx, s.DB.Read(), actionKind())
	if err != nil {
		return nil, err
	}
	out := make([]Action, 0, len(list))
	for _, r := range list {
		a, err := wrap(r)
		if err != nil {
			return nil, err
		}
		if f.fits(&a.Definition) {
			out = append(out, a)
		}
	}
	return out, nil
}

func (f Filter) fits(d *Definition) bool {
	t := &d.Trigger
	for _, pair := range [][2]string{
		{f.Identifier, d.Identifier}, {f.Blueprint, d.Blueprint()}, {f.Operation, t.Operation}, {f.Trigger, t.Type},
		{f.Event, t.Event.Type}, {f.EventAction, t.Event.ActionIdentifier},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return f.Published == nil || *f.Published == d.Published()
}

// Action returns one action.
func (s *Service) Action(ctx context.Context, id string) (Action, error) {
	r, err := s.docs.Get(ctx, s.DB.Read(), actionKind(), "", id)
	if err != nil {
		return Action{}, err
	}
	return wrap(r)
}

// Has says whether there is an action with the identifier.
func (s *Service) Has(ctx context.Context, id string) (bool, error) {
	_, err := s.docs.Get(ctx, s.DB.Read(), actionKind(), "", id)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// readOnly are keys of answers that clients send back.
func readOnly() []string {
	return []string{"id", "createdAt", "updatedAt", "createdBy", "updatedBy", "name", "kind", "input", "allowed", "reason", "stats", "roles", "group"}
}

// Create keeps a new action.
func (s *Service) Create(ctx context.Context, raw json.RawMessage, by resource.Actor) (Action, error) {
	doc, d, err := s.parse(raw)
	if err != nil {
		return Action{}, err
	}
	var saved resource.Resource
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if saved, err = s.docs.Create(ctx, tx, actionKind(), "", d.Identifier, doc, by); err != nil {
			return err
		}
		return s.watchTimers(ctx, tx, d)
	})
	if err != nil {
		return Action{}, err
	}
	return wrap(saved)
}

// Put replaces an action; another identifier in the body is a rename.
func (s *Service) Put(ctx context.Context, id string, raw json.RawMessage, by resource.Actor) (Action, error) {
	doc, d, err := s.parse(raw)
	if err != nil {
		return Action{}, err
	}
	var saved resource.Resource
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		saved, err = s.docs.Change(ctx, tx, actionKind(), "", id, by, func(r *resource.Resource) error {
			r.Identifier, r.Doc = d.Identifier, doc
			return nil
		})
		if err != nil {
			return err
		}
		if d.Identifier != id {
			_, err = s.docs.Change(ctx, tx, rightsKind(), "", id, by, func(r *resource.Resource) error {
				r.Identifier = d.Identifier
				return nil
			})
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		return s.watchTimers(ctx, tx, d)
	})
	if err != nil {
		return Action{}, err
	}
	return wrap(saved)
}

// Delete removes an action. Its runs stay.
func (s *Service) Delete(ctx context.Context, id string, by resource.Actor) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := s.docs.Delete(ctx, tx, actionKind(), "", id, by); err != nil {
			return err
		}
		_, err := s.docs.Delete(ctx, tx, rightsKind(), "", id, by)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	})
}

// parse checks a document. An action in Go keeps its name for itself.
func (s *Service) parse(raw json.RawMessage) (resource.Doc, *Definition, error) {
	doc, err := resource.Parse(raw)
	if err != nil {
		return nil, nil, err
	}
	doc.Drop(readOnly()...)
	d, err := parseDefinition(doc)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(s.Runs.Actions(), func(a *action.Action) bool { return a.Identifier == d.Identifier }) {
		return nil, nil, fault.New(fault.Taken, "There is an action %q already, which comes with the portal (identifier_taken).", d.Identifier)
	}
	return doc, d, nil
}

// Permissions are who may execute and approve; as they were set, or the
// default.
func (s *Service) Permissions(ctx context.Context, id string) (map[string]json.RawMessage, error) {
	if _, err := s.Action(ctx, id); err != nil {
		return nil, err
	}
	return s.rights(ctx, s.DB.Read(), id)
}

func (s *Service) rights(ctx context.Context, q store.Querier, id string) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{
		"execute": json.RawMessage(`{"users":[],"roles":["Admin","Member"],"teams":[],"ownedByTeam":false,"policy":null}`),
		"approve": json.RawMessage(`{"users":[],"roles":["Admin"],"teams":[],"policy":null}`),
	}
	r, err := s.docs.Get(ctx, q, rightsKind(), "", id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	maps.Copy(out, r.Doc)
	return out, nil
}

// SetPermissions replaces the blocks that are sent; the others stay.
func (s *Service) SetPermissions(ctx context.Context, id string, raw json.RawMessage, by resource.Actor) (map[string]json.RawMessage, error) {
	sent, err := resource.Parse(raw)
	if err != nil {
		return nil, err
	}
	if err := checkRights(sent); err != nil {
		return nil, err
	}
	if _, err := s.Action(ctx, id); err != nil {
		return nil, err
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := s.docs.Change(ctx, tx, rightsKind(), "", id, by, func(r *resource.Resource) error {
			r.Doc.Merge(sent)
			return nil
		})
		if fault.Is(err, fault.NotFound) {
			_, err = s.docs.Create(ctx, tx, rightsKind(), "", id, sent, by)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.rights(ctx, s.DB.Read(), id)
}

func checkRights(sent resource.Doc) error {
	for key, value := range sent {
		if key != "execute" && key != "approve" {
			return fault.Field("/"+key, "is not known", "execute or approve")
		}
		var block rightsBlock
		if err := json.Unmarshal(value, &block); err != nil || !strings.HasPrefix(strings.TrimSpace(string(value)), "{") {
			return fault.Field("/"+key, "cannot be read", `{"users", "roles", "teams", "policy"}`)
		}
		if p := block.Policy; p != nil {
			if err := p.check("/" + key + "/policy"); err != nil {
				return err
			}
		}
	}
	return nil
}
