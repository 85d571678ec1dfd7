package portapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

const (
	// maxBulk and maxBulkDelete are Port's.
	maxBulk       = 20
	maxBulkDelete = 100
	// maxListed bounds the one route of Port's that has no pages.
	maxListed = 5000
)

// EntityAnswer is one entity.
type EntityAnswer struct {
	Entity catalog.Entity `json:"entity"`
}

// EntityListAnswer is the entities of a blueprint.
type EntityListAnswer struct {
	Entities []catalog.Entity `json:"entities"`
	Next     string           `json:"next,omitempty" doc:"Set when there are more than the answer holds; page on with POST .../entities/search and this as its from"`
}

// BulkInput is the entities to write, 1 to 20.
type BulkInput struct {
	Entities []catalog.NewEntity `json:"entities"`
}

// BulkAnswer tells of each entity what became of it. The status is 207 when one
// of them failed.
type BulkAnswer struct {
	Entities []BulkItem  `json:"entities"`
	Errors   []BulkError `json:"errors"`
}

// BulkItem is an entity that was written.
type BulkItem struct {
	Identifier string `json:"identifier"`
	Index      int    `json:"index" doc:"Place in the request"`
	Created    bool   `json:"created"`
}

// BulkError is an entity that was not.
type BulkError struct {
	Identifier string         `json:"identifier" doc:"unknown where a query did not find one"`
	Index      int            `json:"index"`
	StatusCode int            `json:"statusCode"`
	Error      string         `json:"error"`
	Message    string         `json:"message"`
	Details    []fault.Detail `json:"details,omitempty"`
}

// BulkDeleteInput is the identifiers to delete, 1 to 100.
type BulkDeleteInput struct {
	Entities []string `json:"entities"`
}

// BulkDeleteAnswer is those that were.
type BulkDeleteAnswer struct {
	DeletedEntities []string `json:"deletedEntities"`
}

// CountAnswer is how many there are.
type CountAnswer struct {
	Count int `json:"count"`
}

const entitiesPath = "/v1/blueprints/{bp}/entities"

func writeParams() []Param {
	return []Param{
		{Name: "create_missing_related_entities", Type: "boolean", Doc: "Make what relations point at and does not exist"},
		{Name: "validation_only", Type: "boolean", Doc: "Check and save nothing"},
		{Name: "run_id", Doc: "The run this change belongs to"},
	}
}

func (s *Service) entityRoutes() []Route {
	upsert := append([]Param{
		{Name: "upsert", Type: "boolean", Doc: "Replace the entity if there is one"},
		{Name: "merge", Type: "boolean", Doc: "With upsert: keep what is not sent"},
	}, writeParams()...)
	return []Route{
		{
			Method: http.MethodPost, Path: entitiesPath, ID: "createEntity", Verb: SignedIn, Limit: Normal, Audit: Domain, Status: http.StatusCreated,
			In: catalog.NewEntity{}, Out: EntityAnswer{}, Params: append(upsert, viewParams()...), Handle: s.createEntity,
		},
		{
			Method: http.MethodGet, Path: entitiesPath, ID: "listEntities", Verb: "catalog.read", Audit: None,
			Out: EntityListAnswer{}, Params: viewParams(), Handle: s.listEntities,
		},
		{
			Method: http.MethodGet, Path: entitiesPath + "/{id}", ID: "getEntity", Verb: "catalog.read", Audit: None,
			Out: EntityAnswer{}, Params: viewParams(), Handle: s.getEntity,
		},
		{
			Method: http.MethodPut, Path: entitiesPath + "/{id}", ID: "replaceEntity", Verb: "catalog.write", Object: s.entityObject, Limit: Normal, Audit: Domain,
			In: catalog.NewEntity{}, Out: EntityAnswer{}, Params: writeParams(), Handle: s.replaceEntity,
		},
		{
			Method: http.MethodPatch, Path: entitiesPath + "/{id}", ID: "patchEntity", Verb: "catalog.write", Object: s.entityObject, Limit: Normal, Audit: Domain,
			In: catalog.NewEntity{}, Out: EntityAnswer{}, Params: writeParams(), Handle: s.patchEntity,
		},
		{
			Method: http.MethodDelete, Path: entitiesPath + "/{id}", ID: "deleteEntity", Verb: "catalog.write", Object: s.entityObject, Audit: Domain,
			Params: []Param{{Name: "delete_dependents", Type: "boolean", Doc: "Delete the entities that point at this one, too"}, {Name: "run_id"}},
			Handle: s.deleteEntity,
		},
		{
			Method: http.MethodPost, Path: entitiesPath + "/bulk", ID: "upsertEntities", Verb: SignedIn, Limit: Normal, Audit: Domain,
			In: BulkInput{}, Out: BulkAnswer{}, Params: upsert, Handle: s.upsertEntities,
		},
		{
			Method: http.MethodPost, Path: "/v1/blueprints/{bp}/bulk/entities/delete", ID: "deleteEntities", Verb: SignedIn, Limit: Normal, Audit: Domain,
			In: BulkDeleteInput{}, Out: BulkDeleteAnswer{}, Params: []Param{{Name: "delete_dependents", Type: "boolean"}, {Name: "run_id"}}, Handle: s.deleteEntities,
		},
		{
			Method: http.MethodGet, Path: "/v1/blueprints/{bp}/entities-count", ID: "countEntities", Verb: "catalog.read", Audit: None,
			Out: CountAnswer{}, Handle: s.countEntities,
		},
	}
}

// write reads how to write from the query. An empty run_id is none.
func (r *Request) write() catalog.Write {
	return catalog.Write{
		Upsert: r.Bool("upsert"), Merge: r.Bool("merge"), ValidationOnly: r.Bool("validation_only"),
		CreateMissing: r.Bool("create_missing_related_entities"), RunID: r.Query.Get("run_id"), By: r.Caller.ID, Datasource: r.UserAgent,
		Source: r.client().ID,
	}
}

// mayWrite decides by the owners an entity has, and else by those it is to
// have: a developer may add what a team of theirs will own.
func (s *Service) mayWrite(ctx context.Context, r *Request, n catalog.NewEntity) error {
	o, err := s.owned(ctx, n.Blueprint, n.Identifier)
	if err != nil {
		return err
	}
	if len(o.Teams) == 0 {
		o.Teams = teamsOf(n.Team)
	}
	return r.May(ctx, "catalog.write", o)
}

// sameBlueprint lets a body repeat the blueprint of the address.
func sameBlueprint(r *Request, n *catalog.NewEntity) error {
	if n.Blueprint != "" && n.Blueprint != r.Path["bp"] {
		return fault.Field("/blueprint", "differs from the address", r.Path["bp"])
	}
	n.Blueprint = r.Path["bp"]
	return nil
}

func (s *Service) createEntity(ctx context.Context, r *Request) (int, any, error) {
	var n catalog.NewEntity
	if err := r.Decode(&n); err != nil {
		return 0, nil, err
	}
	if err := sameBlueprint(r, &n); err != nil {
		return 0, nil, err
	}
	if err := s.mayWrite(ctx, r, n); err != nil {
		return 0, nil, err
	}
	e, _, err := s.Catalog.PutEntity(ctx, n.Blueprint, n, r.write())
	if err != nil {
		return 0, nil, early(err)
	}
	if err := s.wrote(ctx, r, e.Identifier); err != nil {
		return 0, nil, err
	}
	return s.answer(ctx, e, viewOf(r))
}

func (s *Service) answer(ctx context.Context, e catalog.Entity, v *view) (int, any, error) {
	out, err := s.entity(ctx, e, v)
	return 0, map[string]any{"entity": out}, err
}

func (s *Service) getEntity(ctx context.Context, r *Request) (int, any, error) {
	e, err := s.Catalog.Entity(ctx, r.Path["bp"], r.Path["id"])
	if err != nil {
		return 0, nil, err
	}
	return s.answer(ctx, e, viewOf(r))
}

func (s *Service) replaceEntity(ctx context.Context, r *Request) (int, any, error) {
	return s.change(ctx, r, s.Catalog.ReplaceEntity)
}

func (s *Service) patchEntity(ctx context.Context, r *Request) (int, any, error) {
	return s.change(ctx, r, s.Catalog.PatchEntity)
}

func (s *Service) change(ctx context.Context, r *Request, f func(context.Context, string, string, catalog.NewEntity, catalog.Write) (catalog.Entity, error)) (int, any, error) {
	var n catalog.NewEntity
	if err := r.Decode(&n); err != nil {
		return 0, nil, err
	}
	if err := sameBlueprint(r, &n); err != nil {
		return 0, nil, err
	}
	e, err := f(ctx, r.Path["bp"], r.Path["id"], n, r.write())
	if err != nil {
		return 0, nil, early(err)
	}
	if err := s.wrote(ctx, r, e.Identifier); err != nil {
		return 0, nil, err
	}
	return s.answer(ctx, e, viewOf(r))
}

func (s *Service) deleteEntity(ctx context.Context, r *Request) (int, any, error) {
	o := r.deletes()
	if _, err := s.Catalog.Entity(ctx, r.Path["bp"], r.Path["id"]); err != nil {
		return 0, nil, err
	}
	now, err := s.Sources.Delete(ctx, r.client(), r.Path["bp"], []string{r.Path["id"]}, o.Dependents)
	if err != nil || len(now) == 0 {
		return 0, nil, err
	}
	return 0, nil, s.Catalog.DeleteOne(ctx, r.Path["bp"], r.Path["id"], o)
}

func (r *Request) deletes() catalog.DeleteOptions {
	return catalog.DeleteOptions{Dependents: r.Bool("delete_dependents"), By: r.Caller.ID, RunID: r.Query.Get("run_id"), Datasource: r.UserAgent}
}

// early turns a validation error into not found where all that is wrong is that
// entities which relations point at do not exist (yet): clients of Port's send
// such an entity again later.
func early(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code != fault.Unprocessable || len(f.Details) == 0 {
		return err
	}
	for _, d := range f.Details {
		if !strings.HasPrefix(d.Expected, catalog.WantExisting) {
			return err
		}
	}
	later := *f
	later.Code = fault.NotFound
	return &later
}

func (s *Service) listEntities(ctx context.Context, r *Request) (int, any, error) {
	const page = 200
	v := viewOf(r)
	out := []map[string]any{}
	from := ""
	for {
		found, err := s.Catalog.Search(ctx, catalog.Query{Blueprint: r.Path["bp"], Sort: "$identifier", Limit: page, From: from})
		if err != nil {
			return 0, nil, err
		}
		part, err := s.entities(ctx, found.Entities, v)
		if err != nil {
			return 0, nil, err
		}
		out, from = append(out, part...), found.Next
		if from == "" || len(out) >= maxListed {
			break
		}
	}
	answer := map[string]any{"entities": out}
	if from != "" {
		answer["next"] = from
	}
	return 0, answer, nil
}

func (s *Service) upsertEntities(ctx context.Context, r *Request) (int, any, error) {
	var in BulkInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if len(in.Entities) == 0 || len(in.Entities) > maxBulk {
		return 0, nil, fault.Field("/entities", fmt.Sprintf("has %d entities", len(in.Entities)), fmt.Sprintf("1 to %d", maxBulk))
	}
	out := BulkAnswer{Entities: []BulkItem{}, Errors: []BulkError{}}
	if _, err := s.Catalog.Blueprint(ctx, r.Path["bp"]); err != nil {
		return 0, nil, err
	}
	allowed, index := make([]catalog.NewEntity, 0, len(in.Entities)), make([]int, 0, len(in.Entities))
	for i, n := range in.Entities {
		err := sameBlueprint(r, &n)
		if err == nil {
			err = s.mayWrite(ctx, r, n)
		}
		if err != nil {
			out.fail(n.Identifier, i, err)
			continue
		}
		allowed, index = append(allowed, n), append(index, i)
	}
	items, err := s.Catalog.PutMany(ctx, r.Path["bp"], allowed, r.write())
	if err != nil {
		return 0, nil, err
	}
	var reported []string
	for i, item := range items {
		if item.Err != nil {
			out.fail(item.Identifier, index[i], early(item.Err))
			continue
		}
		out.Entities = append(out.Entities, BulkItem{Identifier: item.Identifier, Index: index[i], Created: item.Created})
		reported = append(reported, item.Identifier)
	}
	if err := s.wrote(ctx, r, reported...); err != nil {
		return 0, nil, err
	}
	if len(out.Errors) == 0 {
		return http.StatusOK, out, nil
	}
	slices.SortFunc(out.Errors, func(a, b BulkError) int { return a.Index - b.Index })
	return http.StatusMultiStatus, out, nil
}

func (b *BulkAnswer) fail(identifier string, index int, err error) {
	if identifier == "" {
		identifier = "unknown"
	}
	item := BulkError{Identifier: identifier, Index: index, StatusCode: http.StatusInternalServerError, Error: string(fault.Internal), Message: "Something went wrong inside the portal."}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		item.StatusCode, item.Error, item.Message, item.Details = fault.Status(f.Code), string(f.Code), f.Message, f.Details
		if f.Code == fault.Unprocessable {
			item.Error = string(fault.Invalid) // Port's word for it in this answer
		}
	}
	b.Errors = append(b.Errors, item)
}

func (s *Service) deleteEntities(ctx context.Context, r *Request) (int, any, error) {
	var in BulkDeleteInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if len(in.Entities) == 0 || len(in.Entities) > maxBulkDelete {
		return 0, nil, fault.Field("/entities", fmt.Sprintf("has %d identifiers", len(in.Entities)), fmt.Sprintf("1 to %d", maxBulkDelete))
	}
	if _, err := s.Catalog.Blueprint(ctx, r.Path["bp"]); err != nil {
		return 0, nil, err
	}
	for _, id := range in.Entities {
		o, err := s.owned(ctx, r.Path["bp"], id)
		if err != nil {
			return 0, nil, err
		}
		if err := r.May(ctx, "catalog.write", o); err != nil {
			return 0, nil, err
		}
	}
	o := r.deletes()
	now, err := s.Sources.Delete(ctx, r.client(), r.Path["bp"], in.Entities, o.Dependents)
	if err != nil {
		return 0, nil, err
	}
	deleted, err := s.Catalog.DeleteMany(ctx, r.Path["bp"], now, o)
	if err != nil {
		return 0, nil, err
	}
	for _, id := range in.Entities {
		if !slices.Contains(now, id) {
			deleted = append(deleted, id) // put off, which the program is not to know
		}
	}
	return 0, BulkDeleteAnswer{DeletedEntities: deleted}, nil
}

func (s *Service) countEntities(ctx context.Context, r *Request) (int, any, error) {
	b, err := s.Catalog.Blueprint(ctx, r.Path["bp"])
	return 0, CountAnswer{Count: b.EntityCount}, err
}
