// Package runtime runs services. Process runs them on this machine, supervised,
// so that a service answers in seconds with nothing else installed;
// runtimetest is the conformance suite for further runtimes.
package runtime

import (
	"context"
	"io"
	"net/http"
	"time"

	"sphera/internal/forge"
)

// Runtime runs services. All methods are safe for concurrent use. Deploy and
// Stop are idempotent: the desired state is kept in the database and a
// supervisor makes it true, also after a restart of the portal.
type Runtime interface {
	// Build makes the artifact of a commit, writing the tool's output to log.
	// A finished artifact is reused.
	Build(ctx context.Context, in BuildRequest, log io.Writer) (Artifact, error)
	// Deploy makes the artifact the desired version of a service in an
	// environment and starts it.
	Deploy(ctx context.Context, in DeployRequest) (Instance, error)
	// WaitReady returns when the desired version answers its readiness check
	// with 200, or with an error that has the last lines of its log.
	WaitReady(ctx context.Context, service, environment, version string, log io.Writer) (Instance, error)
	// Stop ends the service in the environment and returns when it has ended.
	// One that does not run, or never did, is stopped already.
	Stop(ctx context.Context, service, environment string) error
	// Restart starts the desired version anew.
	Restart(ctx context.Context, service, environment string) error
	Instance(ctx context.Context, service, environment string) (Instance, error)
	Instances(ctx context.Context, service string) ([]Instance, error)
	Deployments(ctx context.Context, service string, limit int) ([]Deployment, error)
	// Logs returns lines in the order they were written: those after the
	// sequence number, or the newest when after is 0. At most MaxLogLines.
	Logs(ctx context.Context, service, environment string, after int64, limit int) ([]LogLine, error)
	// Follow tells when new log lines may be there.
	Follow(service, environment string) (<-chan string, func())
	// Proxy passes a request on to the running instance.
	Proxy(service, environment string) http.Handler
	// Absent answers as Proxy does where nothing was deployed.
	Absent(service, environment string) http.Handler
}

// MaxLogLines is how many lines are kept of each instance.
const MaxLogLines = 2000

// The states of an instance.
const (
	Starting = "starting"
	Ready    = "ready"
	Unready  = "unready"
	Crashed  = "crashed"
	Stopped  = "stopped"
)

// The languages the process runtime can build and start.
const (
	Go   = "go"
	Node = "node"
)

// BuildRequest asks for the artifact of one commit.
type BuildRequest struct {
	Service string
	// Language is go or node; found out from the files when empty.
	Language string
	Version  string // full commit hash
	Files    []forge.File
}

// Artifact is a built version.
type Artifact struct {
	Service  string `json:"service"`
	Version  string `json:"version"`
	Language string `json:"language"`
	// Reused is true when it had been built before.
	Reused bool `json:"reused"`
}

// DeployRequest asks for a version to run.
type DeployRequest struct {
	Service     string
	Environment string
	Version     string
	Language    string
	// Env are further environment variables; PORT and the standard ones are set.
	Env   map[string]string
	RunID string
	By    string
}

// Instance is a service in an environment.
type Instance struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
	// Version is the one that serves, or the one being started when none does.
	Version string `json:"version"`
	// Desired is the version asked for; it differs from Version during a
	// deployment.
	Desired string `json:"desired"`
	// State is starting, ready, unready, crashed (waiting to restart) or stopped.
	State string `json:"state"`
	// Address is the path in the portal under which it answers.
	Address   string    `json:"address"`
	Port      int       `json:"port"`
	PID       int       `json:"pid"`
	Restarts  int       `json:"restarts"`
	LastError string    `json:"lastError,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	ReadyAt   time.Time `json:"readyAt,omitzero"`
	// FirstAnswerAt is when this version first answered 200.
	FirstAnswerAt time.Time `json:"firstAnswerAt,omitzero"`
}

// Deployment is one entry of the history of versions.
type Deployment struct {
	ID          string `json:"id"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
	Version     string `json:"version"`
	// State is starting, active, replaced, failed or removed.
	State string `json:"state"`
	// Error says why a failed one failed.
	Error string    `json:"error,omitempty"`
	RunID string    `json:"runId"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	// FirstAnswerAt is when the version first answered 200 here.
	FirstAnswerAt time.Time `json:"firstAnswerAt,omitzero"`
}

// LogLine is one line a service wrote.
type LogLine struct {
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	Stream string    `json:"stream"`
	Text   string    `json:"text"`
}
