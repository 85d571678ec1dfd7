package api

import (
	"context"
	"net/http"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

type blueprintPath struct {
	Blueprint string `path:"bp" maxLength:"200"`
}

type blueprintsAnswer struct {
	Answer
	Blueprints []catalog.Blueprint `json:"blueprints"`
}

type blueprintAnswer struct {
	Answer
	Blueprint catalog.Blueprint `json:"blueprint"`
}

func (a *API) blueprints(ctx context.Context, _ *struct{}) (*blueprintsAnswer, error) {
	all, err := a.catalog.Blueprints(ctx)
	return &blueprintsAnswer{Blueprints: all}, err
}

func (a *API) blueprint(ctx context.Context, in *blueprintPath) (*blueprintAnswer, error) {
	b, err := a.catalog.Blueprint(ctx, in.Blueprint)
	return &blueprintAnswer{Blueprint: b}, err
}

type newBlueprintInput struct {
	Body catalog.Blueprint
}

func (a *API) createBlueprint(ctx context.Context, in *newBlueprintInput) (*blueprintAnswer, error) {
	_, err := a.catalog.Blueprint(ctx, in.Body.Identifier)
	if err == nil {
		return nil, fault.New(fault.Taken, "There is a blueprint %s already.", in.Body.Identifier)
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	b, _, err := a.catalog.PutBlueprint(ctx, in.Body, who(ctx).ID)
	return &blueprintAnswer{Blueprint: b}, err
}

type putBlueprintInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	Body      catalog.Blueprint
}

func (a *API) putBlueprint(ctx context.Context, in *putBlueprintInput) (*blueprintAnswer, error) {
	if in.Body.Identifier != in.Blueprint {
		return nil, fault.Field("identifier", "differs from the address", in.Blueprint)
	}
	b, created, err := a.catalog.PutBlueprint(ctx, in.Body, who(ctx).ID)
	out := &blueprintAnswer{Blueprint: b}
	if created {
		out.status = http.StatusCreated
	}
	return out, err
}

func (a *API) deleteBlueprint(ctx context.Context, in *blueprintPath) (*Done, error) {
	return &Done{}, a.catalog.DeleteBlueprint(ctx, in.Blueprint, who(ctx).ID)
}

type searchInput struct {
	Q     string `query:"q" maxLength:"200"`
	Limit int    `query:"limit" minimum:"0" maximum:"100"`
}

type hitsAnswer struct {
	Answer
	Hits []catalog.Hit `json:"hits"`
}

func (a *API) find(ctx context.Context, in *searchInput) (*hitsAnswer, error) {
	limit := in.Limit
	if limit == 0 {
		limit = 20
	}
	hits, err := a.catalog.Find(ctx, in.Q, limit)
	return &hitsAnswer{Hits: hits}, err
}

// file is one file of an import or export, as text.
type file struct {
	Name    string `json:"name" maxLength:"500"`
	Content string `json:"content"`
}

type importInput struct {
	DryRun bool `query:"dry_run" doc:"Say what would happen and save nothing"`
	Body   struct {
		Files []file `json:"files" maxItems:"5000"`
	} `nameHint:"ImportInput"`
}

type reportAnswer struct {
	Answer
	Report catalog.Report `json:"report"`
}

// importFiles checks the right to import by itself: a dry run is free.
func (a *API) importFiles(ctx context.Context, in *importInput) (*reportAnswer, error) {
	if !in.DryRun {
		if err := a.may(ctx, who(ctx), "catalog.import", auth.Object{Kind: "catalog"}); err != nil {
			return nil, err
		}
	}
	files := make([]catalog.ImportFile, 0, len(in.Body.Files))
	for _, f := range in.Body.Files {
		files = append(files, catalog.ImportFile{Name: f.Name, Content: []byte(f.Content)})
	}
	report, err := a.catalog.Import(ctx, files, catalog.ImportOptions{DryRun: in.DryRun, By: who(ctx).ID})
	return &reportAnswer{Report: report}, err
}

type filesAnswer struct {
	Answer
	Files []file `json:"files"`
}

func (a *API) export(ctx context.Context, _ *struct{}) (*filesAnswer, error) {
	files, err := a.catalog.Export(ctx)
	out := &filesAnswer{}
	for _, f := range files {
		out.Files = append(out.Files, file{Name: f.Name, Content: string(f.Content)})
	}
	return out, err
}
