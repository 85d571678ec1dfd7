package flag

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
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
	// Teams are who looks after a flag: its own team, or those of the service;
	// nil for nobody.
	Teams func(ctx context.Context, service, team string) ([]string, error)
	// Notify tells people of a change, in its transaction; nil for nobody.
	Notify func(ctx context.Context, tx *store.Tx, n Notice) error
	// MayDecide refuses who may not decide on a proposal, in the transaction of
	// the decision; nil lets everybody but the author.
	MayDecide func(ctx context.Context, tx *store.Tx, p Proposal, of Deciders, by Who) error
	// Proposed tells people that a proposal waits, or what became of it; nil for
	// nobody.
	Proposed func(ctx context.Context, tx *store.Tx, p Proposal, of Deciders) error
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

	d     Deps
	snaps snapshots
}

// Open returns the flags kept in a database. Load or Work fill the snapshots.
func Open(d Deps) *Flags {
	f := &Flags{Projects: New(d.DB, d.Audit, d.Now), d: d}
	f.snaps.subs = map[*subscriber]struct{}{}
	return f
}

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
	// the attribute that has their identifier; when empty, Account and
	// accountId.
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

// EnvironmentKind is dev, staging or production; empty for an environment that
// is not known.
func (f *Flags) EnvironmentKind(ctx context.Context, environment string) (string, error) {
	if environment == "" {
		return "", nil
	}
	all, err := f.environments(ctx)
	for _, e := range all {
		if e.ID == environment {
			return e.Kind, nil
		}
	}
	return "", err
}

// ProjectSettings returns how a project's flags are changed and judged.
func (f *Flags) ProjectSettings(ctx context.Context, project string) (ProjectSettings, error) {
	var raw string
	var version int64
	err := f.d.DB.Read().QueryRowContext(ctx, `SELECT settings, settings_version FROM flag_projects WHERE key = $1`, project).Scan(&raw, &version)
	if errors.Is(err, sql.ErrNoRows) {
		return ProjectSettings{}, noProject(project)
	}
	if err != nil {
		return ProjectSettings{}, fmt.Errorf("read flag project %s: %w", project, err)
	}
	return projectSettings(raw, version)
}

// SetProjectSettings changes them; Version is the one they were read with.
func (f *Flags) SetProjectSettings(ctx context.Context, project string, in ProjectSettings, by Who) (ProjectSettings, error) {
	if in.Bucketing == 0 {
		in.Bucketing = 2
	}
	if in.Samples == nil {
		in.Samples = []Sample{}
	}
	err := f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		if err := stale(p.settings.Version, in.Version, "the settings of "+project); err != nil {
			return err
		}
		raw, err := encode(in)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE flag_projects SET settings = $1, settings_version = settings_version + 1 WHERE key = $2`, raw, project); err != nil {
			return fmt.Errorf("write the settings: %w", err)
		}
		return f.d.Audit.Append(ctx, tx, audit.Event{
			Actor: by.ID, ActorName: by.Name, Verb: "flag_project.update", Object: "Component/" + p.service, RunID: by.RunID,
			Detail: audit.Detail("key", project, "bucketing", in.Bucketing, "maxStep", in.MaxStep, "staleDays", in.StaleDays, "population", in.PopulationBlueprint),
		})
	})
	if err != nil {
		return ProjectSettings{}, fmt.Errorf("change the settings of %s: %w", project, err)
	}
	return f.ProjectSettings(ctx, project)
}
