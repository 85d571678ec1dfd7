package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Process runs services as supervised processes of this machine. Several of
// them, in one program or in several, can share a database and a data
// directory: exactly one supervises an instance at a time.
type Process struct {
	db     *store.DB
	audit  *audit.Log
	logger *slog.Logger
	dir    string
	o      ProcessOptions
	// owner names this supervisor in the database.
	owner     string
	host      string
	transport *http.Transport
	probes    *http.Client
	logs      *logWriter
	building  chan struct{}

	toolsMu sync.Mutex
	tools   goEnvironment
}

// ProcessOptions are the settings of a Process; zero values but that of Now get
// defaults.
type ProcessOptions struct {
	Now func() time.Time // required
	// Lease is how long a supervisor is believed alive without a sign of life
	// (6 s); Heartbeat is how often it gives one (2 s).
	Lease     time.Duration
	Heartbeat time.Duration
	// Instance names the replica.
	Instance string
	// Environments lists what services may be deployed to; nil allows any.
	Environments func(ctx context.Context) ([]string, error)
	// ServiceEnv returns further variables of a service, e.g. OFREP_ENDPOINT.
	ServiceEnv func(service, environment string) map[string]string
	// BuildTimeout bounds one build (3 min), StartTimeout the time from start
	// to readiness (30 s), StopTimeout the time from SIGTERM to SIGKILL (10 s).
	BuildTimeout time.Duration
	StartTimeout time.Duration
	StopTimeout  time.Duration
	// Backoff is the wait before the first restart (1 s); it doubles to 30 s.
	Backoff time.Duration
	// Builds is how many builds run at a time (2).
	Builds int
	// Launcher is the command line of the portal's own program up to and with
	// LaunchCommand, e.g. /proc/self/exe launch-service. Services and builds
	// are started through it, limited and confined; see Launch. Without it
	// they are limited only, a moment after they started.
	Launcher []string
	// FreePort returns a loopback port nobody listens on.
	FreePort func() (int, error)
}

// NewProcess returns a runtime that keeps its files under dir.
func NewProcess(db *store.DB, log *audit.Log, logger *slog.Logger, dir string, o ProcessOptions) *Process {
	o = o.withDefaults()
	host := hostID()
	p := &Process{
		db: db, audit: log, logger: logger, dir: dir, o: o, host: host,
		owner:    strings.Join([]string{host, fmt.Sprint(os.Getpid()), processStart(os.Getpid()), o.Instance + "-" + uuid.NewString()[:8]}, "/"),
		building: make(chan struct{}, o.Builds),
	}
	p.transport = newTransport()
	p.probes = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	p.logs = newLogWriter(db, logger)
	return p
}

func (o ProcessOptions) withDefaults() ProcessOptions {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Lease, 6*time.Second)
	def(&o.Heartbeat, 2*time.Second)
	def(&o.BuildTimeout, 3*time.Minute)
	def(&o.StartTimeout, 30*time.Second)
	def(&o.StopTimeout, 10*time.Second)
	def(&o.Backoff, time.Second)
	if o.Builds <= 0 {
		o.Builds = 2
	}
	if o.FreePort == nil {
		o.FreePort = freePort
	}
	return o
}

var (
	namePattern        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
	environmentPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	versionPattern     = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,127}$`)
)

// checkPlace refuses names that could not be a folder's name on disk.
func checkPlace(service, environment string) error {
	if !namePattern.MatchString(service) {
		return fault.Field("service", "is not a service's name", "letters, digits, dash and underscore, at most 63")
	}
	if !environmentPattern.MatchString(environment) {
		return fault.Field("environment", "is not an environment's name", "letters, digits, dot, dash and underscore, at most 63")
	}
	return nil
}

func checkVersion(service, version string) error {
	if !namePattern.MatchString(service) {
		return fault.Field("service", "is not a service's name", "letters, digits, dash and underscore, at most 63")
	}
	if !versionPattern.MatchString(version) {
		return fault.Field("version", "is not a version", "the full hash of a commit")
	}
	return nil
}

var _ Runtime = (*Process)(nil)

// place is a service in an environment: the key of an instance.
type place struct{ service, environment string }

func (k place) String() string { return k.service + "/" + k.environment }

func parsePlace(text string) (place, bool) {
	service, environment, ok := strings.Cut(text, "/")
	return place{service, environment}, ok
}

// Address is the path in the portal under which a service answers.
func Address(service, environment string) string { return "/run/" + environment + "/" + service + "/" }

func (p *Process) artifactDir(service, version string) string {
	return filepath.Join(p.dir, "artifacts", service, version)
}

func (p *Process) workDir(k place) string {
	return filepath.Join(p.dir, "run", k.environment, k.service)
}

// lookTool finds a program, or says what to install.
func lookTool(name, title, site string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fault.New(fault.Unavailable, "%s is not installed on the machine that runs Sphera, so this service cannot be built or started there. Install %s (%s) so that `%s` is found in PATH, then retry the step.", title, title, site, name).Wrap(err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return path, nil
}
