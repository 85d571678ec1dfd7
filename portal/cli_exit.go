package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"sphera/internal/fault"
)

// The exit codes of the developer commands; they are stated in the help.
const (
	exitOK          = 0
	exitFailed      = 1 // the run failed, or the portal refused
	exitUsage       = 2 // the command or its input is wrong
	exitSignIn      = 3 // not signed in
	exitNotFound    = 4
	exitUnreachable = 5 // no portal answered
)

const exitHelp = `Exit codes: 0 done; 1 the run failed or the portal refused; 2 the command or
its input is wrong; 3 not signed in; 4 not found; 5 the portal cannot be reached.`

// usageError is a mistake in how a command was called.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// unreachableError means that no portal answered.
type unreachableError struct {
	server string
	cause  error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("The portal at %s cannot be reached: %v", e.server, e.cause)
}
func (e *unreachableError) Unwrap() error { return e.cause }

// failedRunError means that the command worked and the run did not.
type failedRunError struct{ text string }

func (e *failedRunError) Error() string { return e.text }

// shownError was already written to the terminal.
type shownError struct{ error }

func (e *shownError) Unwrap() error { return e.error }

// remoteError is a failure that the portal answered with.
type remoteError struct {
	status  int
	Code    string         `json:"error"`
	Message string         `json:"message"`
	Details []fault.Detail `json:"details,omitempty"`
	Request string         `json:"requestId,omitempty"`

	Rule        string          `json:"rule,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Alternative string          `json:"alternative,omitempty"`
	Contact     string          `json:"contact,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
}

func (e *remoteError) Error() string { return e.Message }

// exitCode is the exit code for err.
func exitCode(err error) int {
	var remote *remoteError
	var wrong *usageError
	var away *unreachableError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		return exitUsage
	case errors.As(err, &away):
		return exitUnreachable
	case errors.As(err, &remote):
		switch remote.status {
		case http.StatusUnauthorized:
			return exitSignIn
		case http.StatusNotFound:
			return exitNotFound
		case http.StatusBadRequest, http.StatusUnprocessableEntity:
			return exitUsage
		}
	}
	return exitFailed
}

// showError writes err for people, or as JSON when that was asked for.
func (c *cli) showError(err error) {
	var remote *remoteError
	isRemote := errors.As(err, &remote)
	if c.json() {
		out := map[string]any{"ok": false, "error": "client_error", "message": err.Error()}
		if isRemote {
			out = map[string]any{"ok": false, "error": remote.Code, "message": remote.Message}
			for name, value := range map[string]string{"requestId": remote.Request, "rule": remote.Rule, "reason": remote.Reason, "alternative": remote.Alternative, "contact": remote.Contact} {
				if value != "" {
					out[name] = value
				}
			}
			if len(remote.Details) > 0 {
				out["details"] = remote.Details
			}
		}
		writeJSON(c.err, out)
		return
	}
	fmt.Fprintf(c.err, "%s %s\n", c.paint(c.err, red, "Error:"), clean(err.Error()))
	if !isRemote {
		return
	}
	for _, d := range remote.Details {
		fmt.Fprintf(c.err, "  %s %s", clean(d.Field), clean(d.Problem))
		if d.Expected != "" {
			fmt.Fprintf(c.err, " (expected: %s)", clean(d.Expected))
		}
		fmt.Fprintln(c.err)
	}
	for _, line := range [][2]string{{"Rule", remote.Rule}, {"Instead", remote.Alternative}, {"Help", remote.Contact}} {
		if line[1] != "" {
			fmt.Fprintf(c.err, "  %s: %s\n", line[0], clean(line[1]))
		}
	}
	if remote.status == http.StatusUnauthorized {
		fmt.Fprintln(c.err, "  Sign in: sphera login")
	}
	if remote.status >= http.StatusInternalServerError && remote.Request != "" {
		fmt.Fprintf(c.err, "  Request: %s\n", remote.Request)
	}
}
