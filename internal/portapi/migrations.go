package portapi

import (
	"context"
	"encoding/json"
	"net/http"

	"sphera/internal/fault"
	"sphera/internal/migration"
)

// Migration is a change of many entities in the background.
type Migration struct {
	ID              string             `json:"id"`
	Status          string             `json:"status"`
	Actor           string             `json:"actor"`
	SourceBlueprint string             `json:"sourceBlueprint"`
	Mapping         any                `json:"mapping"`
	DeleteBlueprint bool               `json:"deleteBlueprint"`
	DeleteEntities  bool               `json:"deleteEntities"`
	SuccessCount    int                `json:"successCount"`
	FailureCount    int                `json:"failureCount"`
	Failures        []migration.Failed `json:"failures" doc:"The first that failed, with why"`
	Message         string             `json:"message"`
	CreatedAt       string             `json:"createdAt"`
	UpdatedAt       string             `json:"updatedAt"`
}

// MigrationAnswer is one migration.
type MigrationAnswer struct {
	Migration Migration `json:"migration"`
}

// MigrationsAnswer is the newest migrations.
type MigrationsAnswer struct {
	Migrations []Migration `json:"migrations"`
}

// MigrationInput is what to make of the entities of a blueprint.
type MigrationInput struct {
	SourceBlueprint string          `json:"sourceBlueprint"`
	Mapping         json.RawMessage `json:"mapping"`
	DeleteEntities  bool            `json:"deleteEntities,omitempty" doc:"Delete the sources when all were converted"`
	DeleteBlueprint bool            `json:"deleteBlueprint,omitempty" doc:"And the blueprint, which implies its entities"`
}

func (s *Service) migrationRoutes() []Route {
	const shape, one = "blueprint.write", "/v1/migrations/{id}"
	return []Route{
		{
			Method: http.MethodDelete, Path: blueprintPath + "/all-entities", ID: "deleteAllEntities", Verb: shape, Audit: Domain, Out: MigrationIDAnswer{},
			Params: []Param{{Name: "run_id"}, {Name: "delete_blueprint", Type: "boolean", Doc: "Delete the blueprint, too"}}, Handle: s.deleteAllEntities,
		},
		{
			Method: http.MethodGet, Path: "/v1/migrations", ID: "listMigrations", Verb: "catalog.read", Audit: None, Out: MigrationsAnswer{},
			Params: []Param{{Name: "status", Type: "array"}, {Name: "actor"}, {Name: "blueprint"}}, Handle: s.listMigrations,
		},
		{
			Method: http.MethodPost, Path: "/v1/migrations", ID: "createMigration", Verb: shape, Limit: Normal, Audit: Domain,
			In: MigrationInput{}, Out: MigrationAnswer{}, Handle: s.createMigration,
		},
		{Method: http.MethodGet, Path: one, ID: "getMigration", Verb: "catalog.read", Audit: None, Out: MigrationAnswer{}, Handle: s.migration},
		{Method: http.MethodPost, Path: one + "/cancel", ID: "cancelMigration", Verb: shape, Audit: Domain, Out: MigrationAnswer{}, Handle: s.cancelMigration},
	}
}

// deleteAllEntities deletes in the background; the migration can be asked for
// after the blueprint is gone.
func (s *Service) deleteAllEntities(ctx context.Context, r *Request) (int, any, error) {
	m, err := s.Migrations.Start(ctx, migration.New{
		SourceBlueprint: r.Path["bp"], DeleteEntities: true, DeleteBlueprint: r.Bool("delete_blueprint"), RunID: r.Query.Get("run_id"),
		UserAgent: r.UserAgent, By: r.Caller.ID,
	})
	return 0, MigrationIDAnswer{MigrationID: m.ID}, err
}

func (s *Service) createMigration(ctx context.Context, r *Request) (int, any, error) {
	var in MigrationInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if in.SourceBlueprint == "" || len(in.Mapping) == 0 || string(in.Mapping) == "null" {
		return 0, nil, fault.New(fault.Unprocessable, "A migration needs sourceBlueprint and mapping.").
			With("/mapping", "or sourceBlueprint is missing", "the blueprint to read, and what to make of its entities")
	}
	m, err := s.Migrations.Start(ctx, migration.New{
		SourceBlueprint: in.SourceBlueprint, Mapping: in.Mapping, DeleteEntities: in.DeleteEntities || in.DeleteBlueprint, DeleteBlueprint: in.DeleteBlueprint,
		UserAgent: r.UserAgent, By: r.Caller.ID,
	})
	return 0, MigrationAnswer{Migration: migrationOf(m)}, err
}

func (s *Service) listMigrations(ctx context.Context, r *Request) (int, any, error) {
	list, err := s.Migrations.List(ctx, migration.Filter{Status: r.List("status"), Actor: r.Query.Get("actor"), Blueprint: r.Query.Get("blueprint")})
	out := MigrationsAnswer{Migrations: make([]Migration, 0, len(list))}
	for _, m := range list {
		out.Migrations = append(out.Migrations, migrationOf(m))
	}
	return 0, out, err
}

func (s *Service) migration(ctx context.Context, r *Request) (int, any, error) {
	m, err := s.Migrations.Get(ctx, r.Path["id"])
	return 0, MigrationAnswer{Migration: migrationOf(m)}, err
}

func (s *Service) cancelMigration(ctx context.Context, r *Request) (int, any, error) {
	m, err := s.Migrations.Cancel(ctx, r.Path["id"], r.Caller.ID)
	return 0, MigrationAnswer{Migration: migrationOf(m)}, err
}

func migrationOf(m migration.Migration) Migration {
	return Migration{
		ID: m.ID, Status: m.Status, Actor: m.Actor, SourceBlueprint: m.SourceBlueprint, Mapping: m.Mapping, DeleteBlueprint: m.DeleteBlueprint,
		DeleteEntities: m.DeleteEntities, SuccessCount: m.SuccessCount, FailureCount: m.FailureCount, Failures: m.Failures, Message: m.Message,
		CreatedAt: stamp(m.CreatedAt), UpdatedAt: stamp(m.UpdatedAt),
	}
}
