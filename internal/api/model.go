package api

import (
	"context"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

type previewInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	Body      struct {
		Blueprint catalog.Blueprint `json:"blueprint"`
		Samples   []string          `json:"samples,omitempty" maxItems:"20" doc:"Identifiers of entities to work out; the first ones when absent"`
	} `nameHint:"BlueprintPreviewInput"`
}

type previewAnswer struct {
	Answer
	Preview catalog.BlueprintPreview `json:"preview"`
}

func (a *API) previewBlueprint(ctx context.Context, in *previewInput) (*previewAnswer, error) {
	b := in.Body.Blueprint
	if b.Identifier == "" {
		b.Identifier = in.Blueprint
	}
	if b.Identifier != in.Blueprint {
		return nil, fault.Field("/blueprint/identifier", "differs from the address", in.Blueprint)
	}
	p, err := a.catalog.PreviewBlueprint(ctx, b, in.Body.Samples)
	return &previewAnswer{Preview: p}, err
}

type previewRenameInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	Body      catalog.RenameIn
}

type previewRenameAnswer struct {
	Answer
	catalog.RenamePreview
}

// previewRename says what would follow a rename, and what would not.
func (a *API) previewRename(ctx context.Context, in *previewRenameInput) (*previewRenameAnswer, error) {
	p, err := a.catalog.PreviewRename(ctx, in.Blueprint, in.Body)
	return &previewRenameAnswer{RenamePreview: p}, err
}

type bulkEditInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	Body      catalog.BulkEdit
}

type bulkEditAnswer struct {
	Answer
	Changes  []catalog.BulkChange  `json:"changes"`
	Failures []catalog.BulkFailure `json:"failures"`
}

// bulkEdit asks for the right to each entity that is named; who edits by a
// query needs the right to all.
func (a *API) bulkEdit(ctx context.Context, in *bulkEditInput) (*bulkEditAnswer, error) {
	if len(in.Body.Identifiers) > 1000 {
		return nil, fault.Field("/identifiers", "are too many", "at most 1000")
	}
	objects := []auth.Object{{Kind: in.Blueprint, Blueprint: in.Blueprint}}
	if len(in.Body.Query) == 0 {
		objects = objects[:0]
		for _, id := range in.Body.Identifiers {
			o, err := a.owned(ctx, in.Blueprint, id)
			if err != nil {
				return nil, err
			}
			objects = append(objects, o)
		}
	}
	for _, o := range objects {
		if err := a.may(ctx, who(ctx), "catalog.write", o); err != nil {
			return nil, err
		}
	}
	done, err := a.catalog.EditMany(ctx, in.Blueprint, in.Body, catalog.Write{By: who(ctx).ID})
	return &bulkEditAnswer{Changes: done.Changes, Failures: done.Failures}, err
}

type explainInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"1000"`
	Property  string `path:"property" maxLength:"200"`
}

type explainAnswer struct {
	Answer
	Explanation catalog.Explanation `json:"explanation"`
}

func (a *API) explain(ctx context.Context, in *explainInput) (*explainAnswer, error) {
	e, err := a.catalog.Explain(ctx, in.Blueprint, in.ID, in.Property)
	return &explainAnswer{Explanation: e}, err
}
