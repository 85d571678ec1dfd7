package scim

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"

	"sphera/internal/auth"
)

const (
	schemaUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	schemaError  = "urn:ietf:params:scim:api:messages:2.0:Error"
	schemaList   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	contentType  = "application/scim+json"
	bodyTooLarge = "The request's body is larger than 1 MiB."
)

// Handler answers under /scim/v2. address says where a request comes from.
func (s *Service) Handler(address func(r *http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body, err := s.serve(w, r, address(r))
		if err != nil {
			p := s.problemOf(r.Context(), err)
			status, body = p.status, p.body()
		}
		w.Header().Set("Content-Type", contentType)
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="SCIM"`)
		}
		w.WriteHeader(status)
		if body == nil {
			return
		}
		if err := json.NewEncoder(w).Encode(body); err != nil {
			s.d.Log.DebugContext(r.Context(), "write to a directory", "error", err)
		}
	})
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, address string) (int, any, error) {
	ctx := r.Context()
	back, err := s.d.Auth.Attempt(ctx, address)
	if err != nil {
		return 0, nil, err
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return 0, nil, errToken()
	}
	c, err := s.client(ctx, strings.TrimSpace(token))
	if err != nil {
		return 0, nil, err
	}
	back()
	ctx = auth.WithPrincipal(ctx, auth.System("scim"))
	parts := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/scim/v2"), "/"), "/")
	if len(parts) > 2 {
		return 0, nil, errMissing()
	}
	id := ""
	if len(parts) == 2 {
		id = parts[1]
	}
	body, err := readBody(w, r)
	if err != nil {
		return 0, nil, err
	}
	switch parts[0] {
	case "Users":
		return s.serveUsers(ctx, r, c, id, body)
	case "Groups":
		return s.serveGroups(ctx, r, c, id, body)
	default:
		return s.serveSelf(r, parts[0], id)
	}
}

// readBody reads the bounded JSON object of a request that has one.
func readBody(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodDelete || r.Method == http.MethodHead {
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != contentType && kind != "application/json" {
		return nil, bad("invalidSyntax", "The Content-Type must be application/scim+json.")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, &problem{http.StatusRequestEntityTooLarge, "", bodyTooLarge}
	}
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil || body == nil {
		return nil, bad("invalidSyntax", "The body is no JSON object.")
	}
	out := make(map[string]any, len(body))
	for k, v := range body {
		out[canonicalPath(k)] = v
	}
	return out, nil
}

// patchOf reads the operations of a PATCH.
func patchOf(body map[string]any) ([]operation, error) {
	list := body["Operations"]
	if list == nil {
		list = body["operations"]
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, bad("invalidSyntax", "The operations cannot be read.")
	}
	var operations []operation
	if err := json.Unmarshal(raw, &operations); err != nil {
		return nil, bad("invalidSyntax", "The operations cannot be read.")
	}
	return operations, nil
}

// patched changes a document by the operations of a PATCH.
func patched(body map[string]any) func(doc map[string]any) (map[string]any, error) {
	return func(doc map[string]any) (map[string]any, error) {
		operations, err := patchOf(body)
		if err != nil {
			return nil, err
		}
		return doc, apply(doc, operations)
	}
}

func errMethod() error {
	return &problem{http.StatusMethodNotAllowed, "", "The resource does not take this method."}
}

func (s *Service) serveUsers(ctx context.Context, r *http.Request, c Client, id string, body map[string]any) (int, any, error) {
	var out record
	var err error
	status := http.StatusOK
	switch {
	case id == "" && r.Method == http.MethodGet:
		return list(r, userColumns(s.d.DB.Dialect), func(q span) (int, []map[string]any, error) { return s.users(ctx, c, q) })
	case id == "" && r.Method == http.MethodPost:
		status = http.StatusCreated
		out, err = s.createUser(ctx, c, body)
	case id == "":
		return 0, nil, errMethod()
	case r.Method == http.MethodGet:
		out, err = s.user(ctx, s.d.DB.Read(), c, id)
	case r.Method == http.MethodPut:
		out, err = s.changeUser(ctx, c, id, func(map[string]any) (map[string]any, error) { return body, nil })
	case r.Method == http.MethodPatch:
		out, err = s.changeUser(ctx, c, id, patched(body))
	case r.Method == http.MethodDelete:
		return http.StatusNoContent, nil, s.deleteUser(ctx, c, id)
	default:
		return 0, nil, errMethod()
	}
	if err != nil {
		return 0, nil, err
	}
	return status, s.resource(out), nil
}

func (s *Service) serveGroups(ctx context.Context, r *http.Request, c Client, id string, body map[string]any) (int, any, error) {
	var out group
	var err error
	status := http.StatusOK
	switch {
	case id == "" && r.Method == http.MethodGet:
		return list(r, groupFilters(), func(q span) (int, []map[string]any, error) { return s.groups(ctx, c, q) })
	case id == "" && r.Method == http.MethodPost:
		status = http.StatusCreated
		doc, _ := normal("", body).(map[string]any)
		out, err = s.createGroup(ctx, c, doc)
	case id == "":
		return 0, nil, errMethod()
	case r.Method == http.MethodGet:
		out, err = s.group(ctx, s.d.DB.Read(), c, id, "")
	case r.Method == http.MethodPut:
		doc, _ := normal("", body).(map[string]any)
		out, err = s.saveGroup(ctx, c, id, func(map[string]any) (map[string]any, error) { return doc, nil })
	case r.Method == http.MethodPatch:
		out, err = s.saveGroup(ctx, c, id, patched(body))
	case r.Method == http.MethodDelete:
		return http.StatusNoContent, nil, s.deleteGroup(ctx, c, id)
	default:
		return 0, nil, errMethod()
	}
	if err != nil {
		return 0, nil, err
	}
	return status, s.groupResource(out), nil
}
