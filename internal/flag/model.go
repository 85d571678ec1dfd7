package flag

import (
	"encoding/json"
	"time"
)

// Topic is notified with "project environment" of each set of flags that
// changed.
const Topic = "flag"

// Whole is all of a share: shares are kept in thousandths of a percent, so that
// 0.1 % is a whole number.
const Whole = 100_000

// Types of a flag's values.
const (
	Boolean = "boolean"
	String  = "string"
	Number  = "number"
	Object  = "object"
)

// Kinds of flags. Release, experiment and operational flags are expected to go
// away again; kill switches and permissions stay.
const (
	Release     = "release"
	Experiment  = "experiment"
	Operational = "operational"
	KillSwitch  = "kill-switch"
	Permission  = "permission"
)

// Lifetime is how many days a flag of a kind is expected to live; 0 for ever.
func Lifetime(kind string) int {
	switch kind {
	case Release, Experiment:
		return 40
	case Operational:
		return 7
	default:
		return 0
	}
}

// Variation is one value that a flag can have.
type Variation struct {
	Name        string          `json:"name" minLength:"1" maxLength:"100"`
	Value       json.RawMessage `json:"value"`
	Description string          `json:"description,omitempty" maxLength:"500"`
}

// Settings are what a flag is in every environment.
type Settings struct {
	Title       string      `json:"title,omitempty" maxLength:"200"`
	Description string      `json:"description,omitempty" maxLength:"4000"`
	Type        string      `json:"type" required:"false" enum:"boolean,string,number,object" doc:"boolean when absent"`
	Variations  []Variation `json:"variations" required:"false" maxItems:"50" doc:"In the order in which shares are laid out; a growing share keeps who has it when it is the first or the last"`
	Kind        string      `json:"kind" required:"false" enum:"release,experiment,operational,kill-switch,permission"`
	// Permanent flags are never called stale.
	Permanent bool `json:"permanent" required:"false"`
	// LifetimeDays is the expected lifetime; 0 is the kind's.
	LifetimeDays int      `json:"lifetimeDays,omitempty" minimum:"0" maximum:"3650"`
	Owner        string   `json:"owner,omitempty" maxLength:"200" doc:"The team that looks after it; empty is the service's"`
	Tags         []string `json:"tags,omitempty" maxItems:"50"`
	// ClientVisible flags are answered to public client keys.
	ClientVisible bool `json:"clientVisible" required:"false"`
}

// Weight is the share of one variation, in thousandths of a percent.
type Weight struct {
	Variation string `json:"variation" minLength:"1" maxLength:"100"`
	Weight    int    `json:"weight" minimum:"0" maximum:"100000"`
}

// RampStep is the share of the first variation of a ramp from a time on.
type RampStep struct {
	At     time.Time `json:"at"`
	Weight int       `json:"weight" minimum:"0" maximum:"100000"`
}

// Ramp moves the share of one variation over time. It is part of the compiled
// definition, so nothing has to run for it. The variation that the share is
// taken from is the last other one of the weights.
type Ramp struct {
	Variation string     `json:"variation" minLength:"1" maxLength:"100"`
	Steps     []RampStep `json:"steps" minItems:"1" maxItems:"50"`
	// Linear moves evenly from step to step instead of at once.
	Linear bool `json:"linear,omitempty"`
}

// Serve is what somebody gets: one variation, or a share of each by the value
// of an attribute. Raw is a targeting expression of an imported definition
// that the editor does not know; it stands alone.
type Serve struct {
	Variation string `json:"variation,omitempty" maxLength:"100"`
	// By is the attribute whose value decides the share: targetingKey when
	// empty, or e.g. accountId.
	By      string   `json:"by,omitempty" maxLength:"100"`
	Weights []Weight `json:"weights,omitempty" maxItems:"50"`
	// Otherwise is the variation for contexts without the attribute; empty is
	// the default variation.
	Otherwise string          `json:"otherwise,omitempty" maxLength:"100"`
	Ramp      *Ramp           `json:"ramp,omitempty"`
	Raw       json.RawMessage `json:"raw,omitempty" doc:"JSONLogic that gives a variation's name"`
}

// Operators of a condition.
const (
	OpIs         = "is"
	OpContains   = "contains"
	OpStartsWith = "startsWith"
	OpEndsWith   = "endsWith"
	OpGreater    = "greater"
	OpAtLeast    = "atLeast"
	OpLess       = "less"
	OpAtMost     = "atMost"
	OpExists     = "exists"
	OpVersion    = "version"
	OpAfter      = "after"
	OpBefore     = "before"
	OpSegment    = "segment"
	OpRaw        = "raw"
)

// Condition tests one attribute, or whether the context is in a segment.
type Condition struct {
	Attribute string `json:"attribute,omitempty" maxLength:"200" doc:"A path such as account.plan"`
	Operator  string `json:"operator" enum:"is,contains,startsWith,endsWith,greater,atLeast,less,atMost,exists,version,after,before,segment,raw"`
	// Values are scalars, one of which has to match. With version each is a
	// comparison such as ">= 2.1.0".
	Values  []json.RawMessage `json:"values,omitempty" maxItems:"1000"`
	Segment string            `json:"segment,omitempty" maxLength:"100"`
	Not     bool              `json:"not,omitempty"`
	Raw     json.RawMessage   `json:"raw,omitempty" doc:"JSONLogic, with the operator raw"`
}

// Rule serves something to those who meet all conditions.
type Rule struct {
	ID         string      `json:"id,omitempty" maxLength:"100"`
	Name       string      `json:"name,omitempty" maxLength:"200"`
	Conditions []Condition `json:"conditions" minItems:"1" maxItems:"50"`
	Serve      Serve       `json:"serve"`
}

// Target is a list of keys that get one variation whatever the rules say: the
// freeze list.
type Target struct {
	Variation string `json:"variation" minLength:"1" maxLength:"100"`
	// Attribute is what the keys are values of; targetingKey when empty.
	Attribute string   `json:"attribute,omitempty" maxLength:"200"`
	Values    []string `json:"values" maxItems:"5000"`
}

// Prerequisite is a flag of the same project that must give one of the
// variations, or the flag gives its off variation.
type Prerequisite struct {
	Flag       string   `json:"flag" minLength:"1" maxLength:"100"`
	Variations []string `json:"variations" required:"false" maxItems:"50"`
}

// Scheduled changes on or off, or what everybody else gets, at a time.
type Scheduled struct {
	At    time.Time `json:"at"`
	On    *bool     `json:"on,omitempty"`
	Serve *Serve    `json:"serve,omitempty"`
	Note  string    `json:"note,omitempty" maxLength:"500"`
}

// Setting is what a flag does in one environment. In order: off, then
// prerequisites, then targets, then rules, then what everybody else gets.
type Setting struct {
	On bool `json:"on"`
	// Off is the variation while the flag is off; empty leaves the answer to
	// the default in the code.
	Off string `json:"off" required:"false" maxLength:"100"`
	// Default is the variation when nothing else decides.
	Default       string         `json:"default" required:"false" maxLength:"100"`
	Prerequisites []Prerequisite `json:"prerequisites" required:"false" maxItems:"20"`
	Targets       []Target       `json:"targets" required:"false" maxItems:"50"`
	Rules         []Rule         `json:"rules" required:"false" maxItems:"100"`
	// Serve is what everybody else gets; empty is the default variation.
	Serve    Serve       `json:"serve" required:"false"`
	Schedule []Scheduled `json:"schedule" required:"false" maxItems:"20"`
}

// Environment is a setting with its history's state.
type Environment struct {
	Environment string `json:"environment"`
	// Kind is dev, staging or production.
	Kind string `json:"kind"`
	Setting
	// Version is that of the last change; a change names it.
	Version       int64      `json:"version"`
	UpdatedAt     *time.Time `json:"updatedAt,omitempty"`
	UpdatedBy     string     `json:"updatedBy,omitempty"`
	UpdatedByName string     `json:"updatedByName,omitempty"`
	// Summary says in words what the flag does there.
	Summary string `json:"summary"`
	// Shares are what everybody else gets now.
	Shares []Weight `json:"shares"`
	// NextChange is the next moment of the schedule or a ramp.
	NextChange    *time.Time `json:"nextChange,omitempty"`
	LastEvaluated *time.Time `json:"lastEvaluated,omitempty"`
	// Proposal is the id of a change that waits for a second person.
	Proposal string `json:"proposal,omitempty"`
}

// Flag is one flag of a project.
type Flag struct {
	Project string `json:"project"`
	Service string `json:"service"`
	Key     string `json:"key"`
	Settings
	// Salt goes into the bucket of a rollout; it stays when a flag is cloned.
	Salt string `json:"salt"`
	// Version is that of the last change of the settings.
	Version      int64         `json:"version"`
	CreatedAt    time.Time     `json:"createdAt"`
	CreatedBy    string        `json:"createdBy"`
	UpdatedAt    time.Time     `json:"updatedAt"`
	ArchivedAt   *time.Time    `json:"archivedAt,omitempty"`
	Environments []Environment `json:"environments"`
	Stale        bool          `json:"stale"`
}

// Segment is a group of contexts that rules of a project share.
type Segment struct {
	Project     string      `json:"project"`
	Key         string      `json:"key"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Conditions  []Condition `json:"conditions"`
	// Any is true when one condition is enough.
	Any       bool      `json:"any"`
	Version   int64     `json:"version"`
	UpdatedAt time.Time `json:"updatedAt"`
	UpdatedBy string    `json:"updatedBy"`
	// UsedBy are the flags whose rules name it.
	UsedBy []string `json:"usedBy"`
}

// Patch changes a setting; what is absent stays.
type Patch struct {
	On            *bool           `json:"on,omitempty"`
	Off           *string         `json:"off,omitempty"`
	Default       *string         `json:"default,omitempty"`
	Prerequisites *[]Prerequisite `json:"prerequisites,omitempty"`
	Targets       *[]Target       `json:"targets,omitempty"`
	Rules         *[]Rule         `json:"rules,omitempty"`
	Serve         *Serve          `json:"serve,omitempty"`
	Schedule      *[]Scheduled    `json:"schedule,omitempty"`
}

// Change is one entry of a flag's history.
type Change struct {
	Version int64 `json:"version"`
	// Environment is empty for a change of the flag's settings.
	Environment string    `json:"environment"`
	At          time.Time `json:"at"`
	Author      string    `json:"author"`
	AuthorName  string    `json:"authorName"`
	// ApprovedBy is who let it pass, when a second person had to.
	ApprovedBy     string `json:"approvedBy,omitempty"`
	ApprovedByName string `json:"approvedByName,omitempty"`
	// Verb is create, update, on, off, promote, revert, archive, restore,
	// schedule or import.
	Verb   string `json:"verb"`
	Reason string `json:"reason"`
	// Diff says in words what changed.
	Diff []string `json:"diff"`
	// Before and After are the setting, or the settings of the flag.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Count is how many known contexts get a variation.
type Count struct {
	Variation string `json:"variation"`
	Count     int    `json:"count"`
}

// Sample is a context by which a change is judged.
type Sample struct {
	Name    string         `json:"name"`
	Context map[string]any `json:"context"`
}

// SampleChange is what a change does to one sample.
type SampleChange struct {
	Name    string `json:"name"`
	Before  string `json:"before"`
	After   string `json:"after"`
	Changed bool   `json:"changed"`
}

// Population is what the known contexts are and what they get.
type Population struct {
	// Source says where they are from, e.g. the blueprint Account; empty when
	// nothing is known.
	Source    string  `json:"source"`
	Attribute string  `json:"attribute"`
	Known     int     `json:"known"`
	Changed   int     `json:"changed"`
	Before    []Count `json:"before"`
	After     []Count `json:"after"`
}

// Preview is what a change would do.
type Preview struct {
	Diff       []string       `json:"diff"`
	Summary    string         `json:"summary"`
	Population Population     `json:"population"`
	Samples    []SampleChange `json:"samples"`
	// Raise is by how much the share of any but the off variation grows, in
	// thousandths of a percent.
	Raise int `json:"raise"`
	// NeedsApproval says that a second person has to agree, and Why.
	NeedsApproval bool            `json:"needsApproval"`
	Why           string          `json:"why,omitempty"`
	Warnings      []string        `json:"warnings"`
	Definition    json.RawMessage `json:"definition" doc:"The flag as flagd reads it"`
}

// Proposal is a change that waits for a second person.
type Proposal struct {
	ID          string    `json:"id"`
	Project     string    `json:"project"`
	Flag        string    `json:"flag"`
	Environment string    `json:"environment"`
	BaseVersion int64     `json:"baseVersion"`
	Reason      string    `json:"reason"`
	Diff        []string  `json:"diff"`
	Why         string    `json:"why"`
	Author      string    `json:"author"`
	AuthorName  string    `json:"authorName"`
	CreatedAt   time.Time `json:"createdAt"`
	// State is open, approved, declined or outdated.
	State         string     `json:"state"`
	DecidedBy     string     `json:"decidedBy,omitempty"`
	DecidedByName string     `json:"decidedByName,omitempty"`
	DecidedAt     *time.Time `json:"decidedAt,omitempty"`
	Comment       string     `json:"comment,omitempty"`
}

// ScheduleEntry is one moment at which a flag changes by itself.
type ScheduleEntry struct {
	At          time.Time `json:"at"`
	Project     string    `json:"project"`
	Flag        string    `json:"flag"`
	Environment string    `json:"environment"`
	// What says in words what happens then.
	What string `json:"what"`
	Note string `json:"note"`
	// By is who planned it.
	By     string `json:"by"`
	ByName string `json:"byName"`
}

// Reference is a place in the code that names a flag.
type Reference struct {
	Repository string `json:"repository"`
	Path       string `json:"path"`
	Line       int    `json:"line"`
	Text       string `json:"text"`
	SHA        string `json:"sha"`
}

// Evidence is why a flag is called stale. It never says that a flag can be
// removed: in-process clients may evaluate it unseen.
type Evidence struct {
	Project     string      `json:"project"`
	Service     string      `json:"service"`
	Flag        string      `json:"flag"`
	Title       string      `json:"title"`
	Kind        string      `json:"kind"`
	Owner       string      `json:"owner"`
	Since       time.Time   `json:"since"`
	Reasons     []string    `json:"reasons"`
	Cautions    []string    `json:"cautions"`
	Evaluated   []Evaluated `json:"evaluated"`
	References  []Reference `json:"references"`
	Subscribers int         `json:"subscribers"`
	// Variation is what everybody gets in every environment, if it is one.
	Variation string `json:"variation,omitempty"`
}

// Evaluated is when a flag was last evaluated in an environment.
type Evaluated struct {
	Environment string     `json:"environment"`
	At          *time.Time `json:"at,omitempty"`
	Subscribers int        `json:"subscribers"`
}
