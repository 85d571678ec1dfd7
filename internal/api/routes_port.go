package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/portapi"

	"github.com/danielgtaylor/huma/v2"
)

// portRoutes is what Port's clients need; the handlers are in package portapi.
func (a *API) portRoutes() []route {
	list := a.port.Routes()
	out := make([]route, 0, len(list))
	for _, pr := range list {
		rt := route{
			method: pr.Method, path: pr.Path, id: pr.ID, verb: pr.Verb, limit: pr.Limit, audit: pr.Audit, status: pr.Status,
			endpoint: endpoint{body: bodyOf(pr), port: true, raw: pr.Raw, register: func(a *API, rt route) { a.registerPort(rt, pr) }},
		}
		if pr.Object != nil {
			rt.object = func(r *http.Request) (auth.Object, error) { return pr.Object(r.Context(), a.portRequest(r, pr)) }
		}
		out = append(out, rt)
	}
	return out
}

// bodyOf is the type the body is checked against. Maps and raw JSON are open.
func bodyOf(pr portapi.Route) reflect.Type {
	switch {
	case pr.In != nil:
		return reflect.TypeOf(pr.In)
	case pr.Limit > 0:
		return reflect.TypeFor[map[string]any]()
	default:
		return nil
	}
}

func (a *API) portRequest(r *http.Request, pr portapi.Route) *portapi.Request {
	path := map[string]string{}
	for segment := range strings.SplitSeq(pr.Path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			path[name] = r.PathValue(name)
		}
	}
	p := who(r.Context())
	return &portapi.Request{
		Path: path, Query: r.URL.Query(), Header: r.Header, Caller: p, UserAgent: r.UserAgent(), Address: a.clientIP(r),
		May: func(ctx context.Context, verb string, o auth.Object) error { return a.may(ctx, p, verb, o) },
	}
}

func (a *API) registerPort(rt route, pr portapi.Route) {
	op := a.operation(rt)
	a.documentPort(&op, pr)
	a.huma.OpenAPI().AddOperation(&op)
	a.mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
		req := a.portRequest(r, pr)
		if rt.endpoint.body != nil {
			var body bytes.Buffer
			if _, err := body.ReadFrom(r.Body); err != nil {
				a.writeFailure(w, r, err)
				return
			}
			req.Body = body.Bytes()
		}
		status, answer, err := pr.Handle(r.Context(), req)
		a.tellRefused(r.Context(), err)
		if err != nil {
			a.writeFailure(w, r, err)
			return
		}
		if status == 0 {
			status = rt.status
		}
		raw, err := envelope(answer)
		if err != nil {
			a.writeFailure(w, r, fmt.Errorf("encode an answer: %w", err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(raw) //nolint:errcheck // the client went away
	})
}

// envelope writes an answer with "ok": true at its beginning.
func envelope(answer any) ([]byte, error) {
	if v := reflect.ValueOf(answer); v.Kind() == reflect.Struct {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		answer = p.Interface()
	}
	fillNil(answer)
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return nil, err
	}
	body := b.Bytes()
	switch {
	case answer == nil, bytes.Equal(body, []byte("{}\n")), bytes.Equal(body, []byte("null\n")):
		return []byte(`{"ok":true}` + "\n"), nil
	case body[0] != '{':
		return nil, fmt.Errorf("an answer of type %T is no object", answer)
	}
	return append([]byte(`{"ok":true,`), body[1:]...), nil
}

// documentPort writes parameters, body and answer into the operation.
func (a *API) documentPort(op *huma.Operation, pr portapi.Route) {
	op.Parameters = pathParams(pr.Path)
	for _, p := range pr.Params {
		s := &huma.Schema{Type: p.Type}
		switch p.Type {
		case "":
			s.Type = huma.TypeString
		case huma.TypeArray:
			s.Items = &huma.Schema{Type: huma.TypeString}
		}
		op.Parameters = append(op.Parameters, &huma.Param{Name: p.Name, In: "query", Description: p.Doc, Schema: s})
	}
	if pr.In != nil || pr.Limit > 0 {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: a.portSchema(pr.In, pr.ID+"Input")}}}
	}
	answer := a.portSchema(pr.Out, pr.ID+"Answer")
	if pr.Out == nil {
		answer = a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Done](), true, "Done")
	} else if answer.Ref != "" {
		addOK(a.huma.OpenAPI().Components.Schemas.SchemaFromRef(answer.Ref))
	}
	status := op.DefaultStatus
	if status == 0 {
		status = http.StatusOK
	}
	op.Responses[strconv.Itoa(status)] = &huma.Response{
		Description: http.StatusText(status), Content: map[string]*huma.MediaType{"application/json": {Schema: answer}},
	}
}

func (a *API) portSchema(v any, hint string) *huma.Schema {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Struct {
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
	}
	return a.huma.OpenAPI().Components.Schemas.Schema(t, true, hint)
}

// addOK documents what the envelope adds.
func addOK(s *huma.Schema) {
	if s == nil || s.Properties["ok"] != nil {
		return
	}
	if s.Properties == nil {
		s.Properties = map[string]*huma.Schema{}
	}
	s.Properties["ok"] = &huma.Schema{Type: huma.TypeBoolean, Description: "Always true"}
	s.Required = append([]string{"ok"}, s.Required...)
}
