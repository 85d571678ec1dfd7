package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// remote speaks with one portal.
type remote struct {
	server string
	token  string
	cookie *http.Cookie
	http   *http.Client
}

// connect returns the portal of the common flags and the environment.
func (c *cli) connect() (*remote, error) {
	server, token, err := c.portal()
	if err != nil {
		return nil, err
	}
	return newRemote(server, token), nil
}

func newRemote(server, token string) *remote {
	return &remote{server: server, token: token, http: &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: 2 * time.Minute},
		// A redirect would carry the token to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// apiPath joins escaped segments: apiPath("v1", "runs", id).
func apiPath(segments ...string) string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = url.PathEscape(s)
	}
	return "/" + strings.Join(escaped, "/")
}

// call sends in (nil for none) as JSON and decodes the answer into out (nil to
// drop it). A failure that the portal answers with is a *remoteError.
func (r *remote) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	response, err := r.send(ctx, method, path, query, in, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &unreachableError{r.server, err}
	}
	if response.StatusCode >= 300 {
		return failure(response, body)
	}
	for _, cookie := range response.Cookies() {
		if cookie.MaxAge >= 0 && cookie.Value != "" {
			r.cookie = &http.Cookie{Name: cookie.Name, Value: cookie.Value} //nolint:gosec // sent, not set: attributes do not apply
		}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", r.server, err)
	}
	return nil
}

func (r *remote) get(ctx context.Context, path string, query url.Values, out any) error {
	return r.call(ctx, http.MethodGet, path, query, nil, out)
}

func (r *remote) post(ctx context.Context, path string, in, out any) error {
	return r.call(ctx, http.MethodPost, path, nil, in, out)
}

func (r *remote) send(ctx context.Context, method, path string, query url.Values, in any, header http.Header) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write a request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	address := r.server + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", "sphera-cli/"+version)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.cookie != nil {
		request.AddCookie(r.cookie)
	}
	response, err := r.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if network, ok := errors.AsType[*url.Error](err); ok {
			err = network.Err
		}
		return nil, &unreachableError{r.server, err}
	}
	return response, nil
}

func failure(response *http.Response, body []byte) error {
	out := &remoteError{status: response.StatusCode}
	if err := json.Unmarshal(body, out); err != nil || out.Message == "" {
		out.Code, out.Message = "unexpected_answer", "The portal answered "+response.Status+"."
	}
	return out
}
