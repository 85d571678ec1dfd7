package api

import (
	"context"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/importer"
)

// file is one file of an import or export, as text.
type file struct {
	Name    string `json:"name" maxLength:"1500"`
	Content string `json:"content"`
}

type filesBody struct {
	Files []file `json:"files" maxItems:"20000"`
}

func (b filesBody) read() []catalog.ImportFile {
	files := make([]catalog.ImportFile, 0, len(b.Files))
	for _, f := range b.Files {
		files = append(files, catalog.ImportFile{Name: f.Name, Content: []byte(f.Content)})
	}
	return files
}

type importInput struct {
	DryRun        bool      `query:"dry_run" doc:"Say what would happen and save nothing"`
	Format        string    `query:"format" enum:"port,backstage,csv" doc:"Taken from the names of the files when absent"`
	Blueprint     string    `query:"blueprint" maxLength:"200" doc:"What the rows of a CSV file are, where nothing else says it"`
	CreateMissing bool      `query:"create_missing" doc:"Make bare entities of what relations point at and what does not exist"`
	Body          filesBody `nameHint:"ImportInput"`
}

type reportAnswer struct {
	Answer
	Report catalog.Report `json:"report"`
}

// importFiles checks the right to import by itself: a dry run is free.
func (a *API) importFiles(ctx context.Context, in *importInput) (*reportAnswer, error) {
	return a.load(ctx, in.Body, importer.Options{DryRun: in.DryRun, Format: in.Format, Blueprint: in.Blueprint, CreateMissing: in.CreateMissing})
}

type applyFilesInput struct {
	Plan  bool      `query:"plan" doc:"Say what would happen and save nothing"`
	Prune bool      `query:"prune" doc:"Delete the entities that the files do not have, of the blueprints they are about"`
	Body  filesBody `nameHint:"ApplyInput"`
}

// applyFiles makes the catalog as the files say.
func (a *API) applyFiles(ctx context.Context, in *applyFilesInput) (*reportAnswer, error) {
	return a.load(ctx, in.Body, importer.Options{DryRun: in.Plan, Replace: true, Prune: in.Prune})
}

func (a *API) load(ctx context.Context, body filesBody, o importer.Options) (*reportAnswer, error) {
	if !o.DryRun {
		if err := a.may(ctx, who(ctx), "catalog.import", auth.Object{Kind: "catalog"}); err != nil {
			return nil, err
		}
	}
	o.By = who(ctx).ID
	report, err := importer.New(a.catalog).Import(ctx, body.read(), o)
	return &reportAnswer{Report: report}, err
}

type filesAnswer struct {
	Answer
	Files []file `json:"files"`
}

func (a *API) export(ctx context.Context, _ *struct{}) (*filesAnswer, error) {
	files, err := a.catalog.Export(ctx)
	if err == nil {
		err = a.tellExport(ctx, takeNote, audit.Event{Verb: "catalog.export", Object: "catalog", Detail: audit.Detail("format", "files", "files", len(files))})
	}
	if err != nil {
		return nil, err
	}
	out := &filesAnswer{}
	for _, f := range files {
		out.Files = append(out.Files, file{Name: f.Name, Content: string(f.Content)})
	}
	return out, nil
}

type convertInput struct {
	Format string    `query:"format" enum:"port,backstage,csv" doc:"Taken from the names of the files when absent"`
	Body   filesBody `nameHint:"ConvertInput"`
}

type convertAnswer struct {
	Answer
	Blueprints []map[string]any    `json:"blueprints"`
	Entities   []catalog.NewEntity `json:"entities"`
	Repairs    []catalog.Finding   `json:"repairs"`
	Refusals   []catalog.Finding   `json:"refusals"`
}

// convertFiles says what files of other programs become, and saves nothing.
func (a *API) convertFiles(ctx context.Context, in *convertInput) (*convertAnswer, error) {
	known, err := a.catalog.Blueprints(ctx)
	if err != nil {
		return nil, err
	}
	reading, err := importer.Read(in.Body.read(), in.Format, known)
	if err != nil {
		return nil, err
	}
	out := &convertAnswer{Repairs: reading.Repairs, Refusals: reading.Refusals}
	for _, thing := range reading.Things {
		if thing.Blueprint != nil {
			out.Blueprints = append(out.Blueprints, thing.Blueprint)
		} else {
			out.Entities = append(out.Entities, thing.Entity)
		}
	}
	return out, nil
}
