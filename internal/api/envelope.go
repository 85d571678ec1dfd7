package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/fault"

	"github.com/danielgtaylor/huma/v2"
)

// Answer is the part that every successful answer has.
type Answer struct {
	OK bool `json:"ok" doc:"Always true"`

	status int // when not the route's own
}

func (a *Answer) succeed() int {
	a.OK = true
	return a.status
}

// Done is the answer of routes that have nothing to tell.
type Done struct{ Answer }

// Failure is the body of every answer that is not a success.
type Failure struct {
	OK          bool           `json:"ok" doc:"Always false"`
	Code        fault.Code     `json:"error" doc:"Stable code to branch on, e.g. not_found"`
	Message     string         `json:"message" doc:"A sentence for people"`
	Details     []fault.Detail `json:"details,omitempty" doc:"One entry per field that is wrong"`
	RequestID   string         `json:"requestId" doc:"Stands in the server's log beside the cause"`
	Rule        string         `json:"rule,omitempty" doc:"On refusals: the rule that refused"`
	Reason      string         `json:"reason,omitempty"`
	Alternative string         `json:"alternative,omitempty" doc:"On refusals: what to do instead"`
	Contact     string         `json:"contact,omitempty" doc:"On refusals: who can help"`
	Data        any            `json:"data,omitempty" doc:"Machine-readable detail, e.g. the differences of a plan"`

	status int
}

// Error and GetStatus make huma write a Failure as it is.
func (f *Failure) Error() string { return f.Message }

// GetStatus is the HTTP status.
func (f *Failure) GetStatus() int { return f.status }

// failureOf turns any error into what a person may see. What is not a fault is
// logged with the request's id and shown as an internal error without its text.
func failureOf(ctx context.Context, log *slog.Logger, err error) *Failure {
	if own, ok := errors.AsType[*Failure](err); ok {
		return own
	}
	if input, ok := errors.AsType[*action.InputError](err); ok {
		f := fault.New(fault.Unprocessable, "The input is not complete or not valid.")
		for _, p := range input.Problems {
			f.Details = append(f.Details, fault.Detail{Field: p.Field, Problem: p.Problem, Expected: p.Expected})
		}
		return failure(ctx, f)
	}
	if f, ok := fault.As(err); ok {
		if f.Code == fault.Internal || f.Code == fault.Unavailable || f.Code == fault.StorageFull {
			log.ErrorContext(ctx, "request failed", "requestId", audit.RequestID(ctx), "error", err)
		}
		return failure(ctx, f)
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return failure(ctx, fault.New(fault.Unavailable, "The request was given up before it was answered."))
	}
	log.ErrorContext(ctx, "request failed", "requestId", audit.RequestID(ctx), "error", err)
	return failure(ctx, fault.New(fault.Internal, "Something went wrong inside the portal. Its log has the cause under the request id."))
}

func failure(ctx context.Context, f *fault.Error) *Failure {
	return &Failure{
		Code: f.Code, Message: f.Message, Details: f.Details, RequestID: audit.RequestID(ctx),
		Rule: f.Rule, Reason: f.Reason, Alternative: f.Alternative, Contact: f.Contact, Data: f.Data,
		status: fault.Status(f.Code),
	}
}

// transform writes huma's own errors in our form and lists that are nil as [].
// huma's details carry the refused value; it is dropped here.
func transform(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		fillNil(v)
		return v, nil
	}
	ctx.SetHeader("Content-Type", "application/json")
	code, message := fault.Unprocessable, "The request is not valid."
	switch {
	case model.Status == http.StatusRequestEntityTooLarge:
		code, message = fault.TooLarge, "The request is too large."
	case model.Status >= http.StatusInternalServerError:
		code, message = fault.Internal, "Something went wrong inside the portal. Its log has the cause under the request id."
	case model.Status != http.StatusUnprocessableEntity:
		code, message = fault.Invalid, "The request cannot be read."
	}
	f := fault.New(code, "%s", message)
	for _, d := range model.Errors {
		f.Details = append(f.Details, detailOf(d))
	}
	out := failure(ctx.Context(), f)
	out.status = model.Status
	return out, nil
}

// detailOf maps "body.relations.system" and "expected string" to a field and
// a problem. Only the texts of a schema reach this place, never values; what
// cannot be told apart from one is replaced.
func detailOf(d *huma.ErrorDetail) fault.Detail {
	field := d.Location
	for _, prefix := range []string{"body.", "query.", "path.", "header."} {
		field = strings.TrimPrefix(field, prefix)
	}
	if field == "body" {
		field = ""
	}
	switch {
	case strings.HasPrefix(d.Message, "expected required property "):
		name, _, _ := strings.Cut(strings.TrimPrefix(d.Message, "expected required property "), " ")
		return fault.Detail{Field: strings.TrimPrefix(field+"."+name, "."), Problem: "is required", Expected: "a value"}
	case d.Message == "unexpected property":
		return fault.Detail{Field: field, Problem: "is not a field of this request"}
	case strings.HasPrefix(d.Message, "required "):
		return fault.Detail{Field: field, Problem: "is required", Expected: "a value"}
	case strings.HasPrefix(d.Message, "expected "):
		return fault.Detail{Field: field, Problem: "is not valid", Expected: strings.TrimPrefix(d.Message, "expected ")}
	case d.Message == "invalid integer" || d.Message == "invalid boolean":
		return fault.Detail{Field: field, Problem: "is not valid", Expected: strings.TrimPrefix(d.Message, "invalid ")}
	default:
		return fault.Detail{Field: field, Problem: "cannot be read"}
	}
}

// writeFailure answers outside huma: routes that stream, unknown paths, panics.
func (a *API) writeFailure(w http.ResponseWriter, r *http.Request, err error) {
	a.tellRefused(r.Context(), err)
	f := failureOf(r.Context(), a.log, err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	if r.Method == http.MethodHead {
		return
	}
	if err := json.NewEncoder(w).Encode(f); err != nil {
		a.log.DebugContext(r.Context(), "write an error", "error", err)
	}
}
