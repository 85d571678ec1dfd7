package flag

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Deps is what flags need of the portal.
type Deps struct {
	DB      *store.DB
	Audit   *audit.Log
	Catalog *catalog.Catalog
	Log     *slog.Logger
	Now     func() time.Time
	// Environments are those of the organisation, in the order a version
	// travels.
	Environments func(ctx context.Context) ([]EnvironmentInfo, error)
	// LastEvaluated tells, by flag and environment, when a project's flags
	// were last evaluated; nil while nobody counts.
	LastEvaluated func(ctx context.Context, project string) (map[string]map[string]time.Time, error)
	// Subscribers is how many in-process clients hold a set; nil while nobody
	// counts.
	Subscribers func(project, environment string) int
}

// EnvironmentInfo is one environment of the organisation.
type EnvironmentInfo struct {
	ID, Kind string
}

// Flags keeps all flags and their snapshots.
type Flags struct {
	// Projects are the projects that flags are in.
	Projects *Projects

	d Deps
}

// Open returns the flags kept in a database. Load or Work fill the snapshots.
func Open(d Deps) *Flags { return &Flags{Projects: New(d.DB, d.Audit, d.Now), d: d} }

// Who changes something.
type Who struct {
	ID, Name string
	RunID    string
}

// Filter narrows a list of flags.
type Filter struct {
	Project, Environment, Owner, Kind, Tag, Text string
	// State is on, off, partial, archived, or empty for all that are not
	// archived.
	State string
	Stale bool
	From  string
	Limit int
}

// NewFlag is a flag as it is sent.
type NewFlag struct {
	Key string `json:"key" minLength:"1" maxLength:"100"`
	Settings
	// Environments are first settings by environment; it starts off in others.
	Environments map[string]Setting `json:"environments,omitempty"`
	Reason       string             `json:"reason,omitempty" maxLength:"500"`
}

// Edit changes a setting in one environment.
type Edit struct {
	// Version is the one that the change was made on.
	Version int64 `json:"version"`
	Patch
	Reason string `json:"reason,omitempty" maxLength:"500"`
	// Propose asks for a second person where one is needed, instead of being
	// refused.
	Propose bool `json:"propose,omitempty"`
}

// Edited is the outcome of an edit: the flag, and the proposal when the change
// waits for a second person.
type Edited struct {
	Flag     Flag      `json:"flag"`
	Proposal *Proposal `json:"proposal,omitempty"`
}

// NewSegment is a segment as it is sent.
type NewSegment struct {
	Key         string      `json:"key" minLength:"1" maxLength:"100"`
	Title       string      `json:"title,omitempty" maxLength:"200"`
	Description string      `json:"description,omitempty" maxLength:"4000"`
	Conditions  []Condition `json:"conditions" minItems:"1" maxItems:"50"`
	Any         bool        `json:"any,omitempty"`
	Version     int64       `json:"version,omitempty"`
	Reason      string      `json:"reason,omitempty" maxLength:"500"`
}

// ProjectSettings are how a project's flags are changed and judged.
type ProjectSettings struct {
	// Bucketing is the generation of the hash: 2, or 3. Changing it moves
	// everybody to other buckets.
	Bucketing int `json:"bucketing" required:"false" enum:"2,3"`
	// MaxStep is by how much a share may grow in production at once without a
	// second person, in thousandths of a percent; 100000 is without limit.
	MaxStep int `json:"maxStep" minimum:"0" maximum:"100000"`
	// StaleDays is after how many quiet days a flag is called stale.
	StaleDays int `json:"staleDays" minimum:"1" maximum:"3650"`
	// Population is the blueprint whose entities are the known accounts, and
	// the attribute that has their identifier.
	PopulationBlueprint string `json:"populationBlueprint,omitempty" maxLength:"200"`
	PopulationAttribute string `json:"populationAttribute,omitempty" maxLength:"200"`
	// Samples are contexts by which changes are judged.
	Samples []Sample `json:"samples" required:"false" maxItems:"50"`
	Version int64    `json:"version"`
}

// Evaluation asks what a context gets, and why.
type Evaluation struct {
	// Flag is empty for all flags of the project, without their paths.
	Flag        string         `json:"flag,omitempty" maxLength:"100"`
	Environment string         `json:"environment" minLength:"1" maxLength:"200"`
	Context     map[string]any `json:"context"`
	// At is the time that schedules and ramps are judged by; now when absent.
	At *time.Time `json:"at,omitempty"`
	// Change is tried before it is made.
	Change *Patch `json:"change,omitempty"`
}

// Outcome is what one flag gave.
type Outcome struct {
	Flag      string          `json:"flag"`
	Variation string          `json:"variation"`
	Value     json.RawMessage `json:"value,omitempty"`
	Reason    string          `json:"reason"`
	ErrorCode string          `json:"errorCode,omitempty"`
	Error     string          `json:"error,omitempty"`
	Path      []PathStep      `json:"path"`
}

// PathStep is one sentence of the path through the rules.
type PathStep struct {
	Text    string `json:"text"`
	Depth   int    `json:"depth"`
	Outcome string `json:"outcome"`
	// Rule is the rule it belongs to, if any.
	Rule string `json:"rule,omitempty"`
	// Bucket of Of is where the context fell in a rollout.
	Bucket int64 `json:"bucket,omitempty"`
	Of     int64 `json:"of,omitempty"`
}

// Promotion copies what a flag does from one environment to another.
type Promotion struct {
	From   string `json:"from" minLength:"1" maxLength:"200"`
	To     string `json:"to" minLength:"1" maxLength:"200"`
	Reason string `json:"reason,omitempty" maxLength:"500"`
	// Version is that of the environment To.
	Version int64 `json:"version"`
	DryRun  bool  `json:"dryRun,omitempty"`
	Propose bool  `json:"propose,omitempty"`
}

// ImportReport says what an import of a definition did, or would do.
type ImportReport struct {
	Created  []string `json:"created"`
	Updated  []string `json:"updated"`
	Same     []string `json:"same"`
	Problems []string `json:"problems"`
	// Raw are the flags whose targeting the editor does not know; they keep it
	// as it is.
	Raw []string `json:"raw"`
}

func soon() error {
	return fault.New(fault.Unavailable, "The portal cannot do this yet.")
}

// List returns a page of flags and where the next one begins.
func (f *Flags) List(ctx context.Context, q Filter) ([]Flag, string, error) { return nil, "", soon() }

// Get returns one flag with all environments.
func (f *Flags) Get(ctx context.Context, project, key string) (Flag, error) { return Flag{}, soon() }

// EnvironmentKind is dev, staging or production; empty for an environment that
// is not known.
func (f *Flags) EnvironmentKind(ctx context.Context, environment string) (string, error) {
	if environment == "" {
		return "", nil
	}
	all, err := f.d.Environments(ctx)
	for _, e := range all {
		if e.ID == environment {
			return e.Kind, nil
		}
	}
	return "", err
}

// Owner is the team of a flag itself, empty when it has none or is not there.
func (f *Flags) Owner(ctx context.Context, project, key string) (string, error) { return "", nil }

// Create makes a flag.
func (f *Flags) Create(ctx context.Context, project string, in NewFlag, by Who) (Flag, error) {
	return Flag{}, soon()
}

// Update changes a flag's settings; version is the one they were read with.
func (f *Flags) Update(ctx context.Context, project, key string, in Settings, version int64, reason string, by Who) (Flag, error) {
	return Flag{}, soon()
}

// Delete removes an archived flag and its history.
func (f *Flags) Delete(ctx context.Context, project, key string, by Who) error { return soon() }

// Edit changes what a flag does in one environment.
func (f *Flags) Edit(ctx context.Context, project, key, environment string, in Edit, by Who) (Edited, error) {
	return Edited{}, soon()
}

// Preview says what an edit would do.
func (f *Flags) Preview(ctx context.Context, project, key, environment string, in Patch, samples []Sample) (Preview, error) {
	return Preview{}, soon()
}

// History lists changes, newest first, before the version from.
func (f *Flags) History(ctx context.Context, project, key, environment string, limit int, from int64) ([]Change, error) {
	return nil, soon()
}

// Revert takes one change back as a new change.
func (f *Flags) Revert(ctx context.Context, project, key string, version, current int64, reason string, propose bool, by Who) (Edited, error) {
	return Edited{}, soon()
}

// Promote copies a setting to another environment, or says what that would do.
func (f *Flags) Promote(ctx context.Context, project, key string, in Promotion, by Who) (Edited, Preview, error) {
	return Edited{}, Preview{}, soon()
}

// Clone makes a new flag with the settings, rules and salt of another.
func (f *Flags) Clone(ctx context.Context, project, key, toProject, toKey string, by Who) (Flag, error) {
	return Flag{}, soon()
}

// Archive takes a flag out of every set, Restore puts it back, off.
func (f *Flags) Archive(ctx context.Context, project, key string, version int64, reason string, by Who) (Flag, error) {
	return Flag{}, soon()
}

// Restore puts an archived flag back.
func (f *Flags) Restore(ctx context.Context, project, key, reason string, by Who) (Flag, error) {
	return Flag{}, soon()
}

// Evaluate answers what a context gets, with the path through the rules.
func (f *Flags) Evaluate(ctx context.Context, project string, in Evaluation) ([]Outcome, error) {
	return nil, soon()
}

// Schedule lists what flags will do by themselves, of all projects when project
// is empty.
func (f *Flags) Schedule(ctx context.Context, project string) ([]ScheduleEntry, error) {
	return nil, soon()
}

// Stale lists flags that look left behind, with the evidence.
func (f *Flags) Stale(ctx context.Context, project string) ([]Evidence, error) { return nil, soon() }

// References are the places in code that name a flag.
func (f *Flags) References(ctx context.Context, project, key string) ([]Reference, error) {
	return nil, soon()
}

// Segments lists the segments of a project.
func (f *Flags) Segments(ctx context.Context, project string) ([]Segment, error) { return nil, soon() }

// PutSegment makes or changes a segment.
func (f *Flags) PutSegment(ctx context.Context, project string, in NewSegment, by Who) (Segment, error) {
	return Segment{}, soon()
}

// DeleteSegment removes a segment that no rule names.
func (f *Flags) DeleteSegment(ctx context.Context, project, key string, version int64, by Who) error {
	return soon()
}

// ProjectSettings returns how a project's flags are changed and judged.
func (f *Flags) ProjectSettings(ctx context.Context, project string) (ProjectSettings, error) {
	return ProjectSettings{}, soon()
}

// SetProjectSettings changes them; Version is the one they were read with.
func (f *Flags) SetProjectSettings(ctx context.Context, project string, in ProjectSettings, by Who) (ProjectSettings, error) {
	return ProjectSettings{}, soon()
}

// Proposals lists changes that wait for, or had, a second person.
func (f *Flags) Proposals(ctx context.Context, project, state string) ([]Proposal, error) {
	return nil, soon()
}

// Proposal returns one.
func (f *Flags) Proposal(ctx context.Context, project, id string) (Proposal, error) {
	return Proposal{}, fault.New(fault.NotFound, "There is no proposal %s.", id)
}

// Decide lets a proposal pass or declines it.
func (f *Flags) Decide(ctx context.Context, project, id string, approve bool, comment string, by Who) (Proposal, error) {
	return Proposal{}, soon()
}

// Export is the flagd definition of a set.
func (f *Flags) Export(ctx context.Context, project, environment string) (json.RawMessage, error) {
	return nil, soon()
}

// Import makes flags of a flagd definition.
func (f *Flags) Import(ctx context.Context, project, environment string, definition json.RawMessage, dryRun bool, reason string, by Who) (ImportReport, error) {
	return ImportReport{}, soon()
}
