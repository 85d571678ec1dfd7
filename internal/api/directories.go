package api

import (
	"context"
	"net/http"

	"sphera/internal/scim"
)

// scim answers directories; package scim has its own sign-in.
func (a *API) scim() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.directory.Handler(a.clientIP).ServeHTTP(w, r) })
}

type directoriesAnswer struct {
	Answer
	Directories []scim.Client `json:"directories"`
	URL         string        `json:"url" doc:"The address that the directory is given"`
}

func (a *API) directories(ctx context.Context, _ *struct{}) (*directoriesAnswer, error) {
	list, err := a.directory.Clients(ctx)
	return &directoriesAnswer{Directories: list, URL: a.directory.Address()}, err
}

type newDirectoryInput struct {
	Body struct {
		Name   string `json:"name" maxLength:"100"`
		Issuer string `json:"issuer,omitempty" maxLength:"500" doc:"The OpenID provider whose people the directory knows"`
	} `nameHint:"NewDirectory"`
}

type newDirectoryAnswer struct {
	Answer
	Directory scim.Client `json:"directory"`
	Value     string      `json:"value" doc:"The token; it is shown only here"`
}

func (a *API) createDirectory(ctx context.Context, in *newDirectoryInput) (*newDirectoryAnswer, error) {
	c, token, err := a.directory.CreateClient(ctx, who(ctx), in.Body.Name, in.Body.Issuer)
	return &newDirectoryAnswer{Directory: c, Value: token}, err
}

func (a *API) deleteDirectory(ctx context.Context, in *idPath) (*Done, error) {
	return &Done{}, a.directory.DeleteClient(ctx, who(ctx), in.ID)
}
