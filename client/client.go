// Package client is the Go client of the portal's API, generated from its
// OpenAPI document. Make one with NewClientWithResponses and WithToken:
//
//	c, err := client.NewClientWithResponses("https://sphera.example.com", client.WithToken(token))
//	answer, err := c.ListRunsWithResponse(ctx, nil)
//
// It imports nothing of the portal and can be used from any module.
package client

import (
	"context"
	"net/http"
)

// WithToken sends an API token (spu_...) with every request.
func WithToken(token string) ClientOption {
	return WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})
}
