package api

import (
	"context"
	"slices"

	"sphera/internal/auth"
	"sphera/internal/view"
)

// viewer is the user of a request as package view knows people.
func viewer(ctx context.Context) view.Person {
	p := who(ctx)
	return view.Person{ID: p.ID, Name: p.Name, Manages: slices.Contains(p.Roles, auth.Administrator)}
}

type viewsInput struct {
	Blueprint string `query:"blueprint" maxLength:"200" doc:"Only the views of this blueprint"`
	List      string `query:"list" enum:"flags" doc:"Only the views of this list"`
}

type viewsAnswer struct {
	Answer
	Views []view.View `json:"views"`
}

type viewAnswer struct {
	Answer
	View view.View `json:"view"`
}

type newViewInput struct {
	Body view.NewView
}

type viewPath struct {
	ID string `path:"id" maxLength:"100"`
}

type putViewInput struct {
	ID   string `path:"id" maxLength:"100"`
	Body view.NewView
}

func (a *API) listViews(ctx context.Context, in *viewsInput) (*viewsAnswer, error) {
	list, err := a.views.List(ctx, view.Of{Blueprint: in.Blueprint, List: in.List}, viewer(ctx))
	return &viewsAnswer{Views: list}, err
}

func (a *API) createView(ctx context.Context, in *newViewInput) (*viewAnswer, error) {
	v, err := a.views.Create(ctx, in.Body, viewer(ctx))
	return &viewAnswer{View: v}, err
}

func (a *API) putView(ctx context.Context, in *putViewInput) (*viewAnswer, error) {
	v, err := a.views.Update(ctx, in.ID, in.Body, viewer(ctx))
	return &viewAnswer{View: v}, err
}

func (a *API) deleteView(ctx context.Context, in *viewPath) (*Done, error) {
	return &Done{}, a.views.Delete(ctx, in.ID, viewer(ctx))
}
