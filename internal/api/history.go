package api

import (
	"context"
	"net/http"
	"strconv"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

type historyInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
	From      string `query:"from" maxLength:"30" doc:"The next of the page before"`
	Limit     int    `query:"limit" minimum:"0" maximum:"200" doc:"50 when absent"`
}

type versionsAnswer struct {
	Answer
	Versions []catalog.Version `json:"versions"`
	Next     string            `json:"next,omitempty"`
}

func (a *API) entityVersions(ctx context.Context, in *historyInput) (*versionsAnswer, error) {
	page, err := a.catalog.Versions(ctx, in.Blueprint, in.ID, in.From, in.Limit)
	return &versionsAnswer{Versions: page.Versions, Next: page.Next}, err
}

type entityAtInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
	Time      string `query:"time" maxLength:"40" doc:"A time (RFC 3339), or the number of a version; now when absent"`
}

type entityAtAnswer struct {
	Answer
	Entity  catalog.Entity  `json:"entity"`
	Version catalog.Version `json:"version" doc:"The change that made it so"`
}

func (a *API) entityAt(ctx context.Context, in *entityAtInput) (*entityAtAnswer, error) {
	m, err := catalog.ParseMoment("time", in.Time)
	if err != nil {
		return nil, err
	}
	e, v, err := a.catalog.EntityAt(ctx, in.Blueprint, in.ID, m)
	return &entityAtAnswer{Entity: e, Version: v}, err
}

type compareEntityInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
	Start     string `query:"from" maxLength:"40" doc:"The number of a version, or a time (RFC 3339)"`
	End       string `query:"to" maxLength:"40" doc:"The same; now when absent"`
}

type changesAnswer struct {
	Answer
	Changes map[string]catalog.Change `json:"changes"`
}

func (a *API) compareEntity(ctx context.Context, in *compareEntityInput) (*changesAnswer, error) {
	from, err := catalog.ParseMoment("from", in.Start)
	if err != nil {
		return nil, err
	}
	to, err := catalog.ParseMoment("to", in.End)
	if err != nil {
		return nil, err
	}
	changes, err := a.catalog.Compare(ctx, in.Blueprint, in.ID, from, to)
	return &changesAnswer{Changes: changes}, err
}

type undoVersionInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
	Version   int64  `path:"version" minimum:"1"`
	Force     bool   `query:"force" doc:"Undo also what was changed again since"`
}

type undoneAnswer struct {
	Answer
	Entity catalog.Entity `json:"entity"`
}

// historyObject is the entity of the address with the teams that own it.
func (a *API) historyObject(r *http.Request) (auth.Object, error) {
	if _, err := a.catalog.Entity(r.Context(), r.PathValue("bp"), r.PathValue("id")); err != nil {
		return auth.Object{}, err
	}
	return a.owned(r.Context(), r.PathValue("bp"), r.PathValue("id"))
}

func (a *API) undoVersion(ctx context.Context, in *undoVersionInput) (*undoneAnswer, error) {
	e, err := a.catalog.UndoVersion(ctx, in.Blueprint, in.ID, in.Version, catalog.Write{By: who(ctx).ID}, in.Force)
	return &undoneAnswer{Entity: e}, err
}

type deletedInput struct {
	Blueprint string `query:"blueprint" maxLength:"200" doc:"Only of this blueprint"`
	From      string `query:"from" maxLength:"30" doc:"The next of the page before"`
	Limit     int    `query:"limit" minimum:"0" maximum:"200" doc:"50 when absent"`
}

type deletedAnswer struct {
	Answer
	Deleted []catalog.DeletedEntity `json:"deleted"`
	Next    string                  `json:"next,omitempty"`
}

func (a *API) deletedEntities(ctx context.Context, in *deletedInput) (*deletedAnswer, error) {
	page, err := a.catalog.Deleted(ctx, in.Blueprint, in.From, in.Limit)
	return &deletedAnswer{Deleted: page.Deleted, Next: page.Next}, err
}

// deletedObject is the deleted entity of the address with the teams that owned
// it: who might have changed it may bring it back.
func (a *API) deletedObject(r *http.Request) (auth.Object, error) {
	id, err := strconv.ParseInt(r.PathValue("versionId"), 10, 64)
	if err != nil {
		return auth.Object{}, nil //nolint:nilerr // the handler says that it is no number
	}
	d, err := a.catalog.DeletedEntity(r.Context(), id)
	if fault.Is(err, fault.NotFound) {
		return auth.Object{}, nil // what may not be seen is refused as what is not there
	}
	return auth.Object{Kind: d.Blueprint, Blueprint: d.Blueprint, ID: d.Identifier, Teams: d.Team}, err
}

type restoreEntityInput struct {
	VersionID int64 `path:"versionId" minimum:"1"`
}

type restoredAnswer struct {
	Answer
	Entity     catalog.Entity `json:"entity"`
	Left       []catalog.Left `json:"left" doc:"What could not be brought back"`
	References []catalog.Hit  `json:"references" doc:"What points at it again"`
}

func (a *API) restoreEntity(ctx context.Context, in *restoreEntityInput) (*restoredAnswer, error) {
	r, err := a.catalog.Restore(ctx, in.VersionID, catalog.Write{By: who(ctx).ID})
	return &restoredAnswer{Entity: r.Entity, Left: r.Left, References: r.References}, err
}

type blueprintHistoryInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	From      string `query:"from" maxLength:"30" doc:"The next of the page before"`
	Limit     int    `query:"limit" minimum:"0" maximum:"200" doc:"50 when absent"`
}

func (a *API) blueprintVersions(ctx context.Context, in *blueprintHistoryInput) (*versionsAnswer, error) {
	page, err := a.catalog.BlueprintVersions(ctx, in.Blueprint, in.From, in.Limit)
	return &versionsAnswer{Versions: page.Versions, Next: page.Next}, err
}

type deletedBlueprintsAnswer struct {
	Answer
	Deleted []catalog.DeletedBlueprint `json:"deleted"`
}

func (a *API) deletedBlueprints(ctx context.Context, _ *struct{}) (*deletedBlueprintsAnswer, error) {
	list, err := a.catalog.DeletedBlueprints(ctx)
	return &deletedBlueprintsAnswer{Deleted: list}, err
}

type restoredBlueprintAnswer struct {
	Answer
	Blueprint catalog.Blueprint `json:"blueprint"`
}

func (a *API) restoreBlueprint(ctx context.Context, in *struct {
	Blueprint string `path:"bp" maxLength:"200"`
},
) (*restoredBlueprintAnswer, error) {
	b, err := a.catalog.RestoreBlueprint(ctx, in.Blueprint, who(ctx).ID)
	return &restoredBlueprintAnswer{Blueprint: b}, err
}

type provenanceAnswer struct {
	Answer
	Fields map[string]catalog.Origin `json:"fields" doc:"Which source last changed each field, and when"`
}

func (a *API) provenance(ctx context.Context, in *entityPath) (*provenanceAnswer, error) {
	fields, err := a.catalog.Provenance(ctx, in.Blueprint, in.ID)
	return &provenanceAnswer{Fields: fields}, err
}
