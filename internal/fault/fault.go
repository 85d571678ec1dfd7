// Package fault has the one error type that reaches people: a stable code, a
// sentence, which fields are wrong, and for refusals the rule, the reason, what
// to do instead and who can help. Any other error is internal: it is logged and
// its text is never shown.
package fault

import (
	"errors"
	"fmt"
	"net/http"
)

// Code is stable; clients branch on it.
type Code string

// The codes of the API.
const (
	Invalid       Code = "invalid_request"  // 400: cannot be read at all
	Unprocessable Code = "validation_error" // 422: read, but against the schema
	Unauthorized  Code = "unauthorized"
	Forbidden     Code = "forbidden"
	NotFound      Code = "not_found"
	Taken         Code = "identifier_taken"
	HasDependents Code = "has_dependents"
	Conflict      Code = "conflict"
	PlanChanged   Code = "plan_changed"
	TooLarge      Code = "too_large"
	RateLimited   Code = "rate_limited"
	Unavailable   Code = "unavailable"
	StorageFull   Code = "storage_full"
	Internal      Code = "internal"
)

// Detail is one thing that is wrong.
type Detail struct {
	Field    string `json:"field,omitempty"`
	Problem  string `json:"problem"`
	Expected string `json:"expected,omitempty"`
}

// Error is an error for people.
type Error struct {
	Code    Code
	Message string
	Details []Detail
	// Rule, Reason, Alternative and Contact are set on refusals.
	Rule        string
	Reason      string
	Alternative string
	Contact     string
	// Right and On are what was refused and on what, e.g. "catalog.write" on
	// "Component/checkout": for the audit log, not shown.
	Right, On string
	// Data is machine-readable detail, e.g. the differences of a plan.
	Data  any
	cause error
}

// New makes an error with a full sentence for people.
func New(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Field makes a validation error about one field.
func Field(field, problem, expected string) *Error {
	return &Error{
		Code: Unprocessable, Message: field + " " + problem,
		Details: []Detail{{Field: field, Problem: problem, Expected: expected}},
	}
}

// Refuse makes a refusal with its four parts.
func Refuse(rule, reason, alternative, contact string) *Error {
	return &Error{Code: Forbidden, Message: reason, Rule: rule, Reason: reason, Alternative: alternative, Contact: contact}
}

// With adds a detail and returns e.
func (e *Error) With(field, problem, expected string) *Error {
	e.Details = append(e.Details, Detail{Field: field, Problem: problem, Expected: expected})
	return e
}

// WithData sets the machine-readable part and returns e.
func (e *Error) WithData(data any) *Error {
	e.Data = data
	return e
}

// Wrap keeps the cause for the log; it is not shown.
func (e *Error) Wrap(cause error) *Error {
	e.cause = cause
	return e
}

func (e *Error) Error() string {
	if e.cause != nil && e.cause.Error() != e.Message {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.cause }

// As returns the Error inside err, if there is one.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Is reports whether err is an Error with the code.
func Is(err error, code Code) bool {
	e, ok := As(err)
	return ok && e.Code == code
}

// Status is the HTTP status of a code.
func Status(code Code) int {
	switch code {
	case Invalid:
		return http.StatusBadRequest
	case Unprocessable:
		return http.StatusUnprocessableEntity
	case Unauthorized:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Taken, HasDependents, Conflict, PlanChanged:
		return http.StatusConflict
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case RateLimited:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	case StorageFull:
		return http.StatusInsufficientStorage
	default:
		return http.StatusInternalServerError
	}
}
