package api

import (
	"context"

	"sphera/internal/auth"
	"sphera/internal/catalog"
)

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
