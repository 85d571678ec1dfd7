package run

import (
	"encoding/json"
	"time"

	"sphera/action"
)

// State is where a run, or one step of it, stands.
type State string

// The states. A run that was cut off by a crash is still running: its lease
// ends and another worker goes on.
const (
	Pending   State = "pending"
	Running   State = "running"
	Waiting   State = "waiting"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Undone    State = "undone"
)

// Run is one execution of an action.
type Run struct {
	ID     string          `json:"id"`
	Action string          `json:"action"`
	Title  string          `json:"title"`
	State  State           `json:"state"`
	Input  json.RawMessage `json:"input"`
	PlanID string          `json:"planId,omitempty"`
	// Entities are the entities the run is about, as "Blueprint/identifier".
	Entities []string     `json:"entities"`
	Actor    action.Actor `json:"actor"`
	// Undoing is true while, and after, the steps are undone.
	Undoing bool `json:"undoing"`
	// CancelRequested is true from the request until the run has stopped.
	CancelRequested bool `json:"cancelRequested"`
	// Waiting says what a waiting run waits for; nil otherwise.
	Waiting *WaitingFor `json:"waiting,omitempty"`
	// BlockedBy is the run that holds a concurrency key this one needs.
	BlockedBy string `json:"blockedBy,omitempty"`
	// Error is why it failed, for people.
	Error     string    `json:"error,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Steps and Changes are filled by Get, not by List.
	Steps   []StepRun     `json:"steps,omitempty"`
	Changes []ChangeEntry `json:"changes,omitempty"`
	// Can says what may be done with it now.
	Can Can `json:"can"`
	// StepsDone and StepsTotal are for progress in lists.
	StepsDone  int `json:"stepsDone"`
	StepsTotal int `json:"stepsTotal"`
}

// Can says which operations a run allows in its state.
type Can struct {
	Cancel bool `json:"cancel"`
	Retry  bool `json:"retry"`
	Undo   bool `json:"undo"`
}

// WaitingFor is what a waiting run waits for.
type WaitingFor struct {
	Kind   action.WaitKind `json:"kind"`
	Key    string          `json:"key"`
	Reason string          `json:"reason"`
	URL    string          `json:"url,omitempty"`
	Until  time.Time       `json:"until,omitzero"`
}

// StepRun is one step of a run.
type StepRun struct {
	Index   int             `json:"index"`
	Name    string          `json:"name"`
	Title   string          `json:"title"`
	Type    string          `json:"type"`
	Safety  action.Safety   `json:"safety"`
	State   State           `json:"state"`
	Args    json.RawMessage `json:"args"`
	Result  json.RawMessage `json:"result,omitempty"`
	Attempt int             `json:"attempt"`
	Error   string          `json:"error,omitempty"`
	// RetryAt is when the next attempt starts, while one is planned.
	RetryAt   time.Time `json:"retryAt,omitzero"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// EstimateMillis is the median duration of the step's name in the action's
	// last 20 successful runs; 0 when unknown.
	EstimateMillis int64 `json:"estimateMillis"`
}

// ChangeEntry is one item of the run's change set.
type ChangeEntry struct {
	Step string `json:"step"`
	action.Change
}

// LogLine is one line of a run's log. Seq grows by one within a run.
type LogLine struct {
	Seq  int64     `json:"seq"`
	At   time.Time `json:"at"`
	Step string    `json:"step"`
	Text string    `json:"text"`
}

// SavedPlan is a plan that was shown to somebody and may be applied.
type SavedPlan struct {
	ID        string          `json:"id"`
	Action    string          `json:"action"`
	Title     string          `json:"title"`
	Entity    string          `json:"entity,omitempty"`
	Input     json.RawMessage `json:"input"`
	Plan      *action.Plan    `json:"plan"`
	CreatedAt time.Time       `json:"createdAt"`
	ExpiresAt time.Time       `json:"expiresAt"`
	// By is who made it.
	By string `json:"-"`
}

// Filter selects runs; zero fields do not filter.
type Filter struct {
	State  State
	Action string
	Actor  string
	// Entity is "Blueprint/identifier".
	Entity string
	// From is the id after which the page starts (runs are listed newest first).
	From  string
	Limit int
}

// NewRun is a run to start.
type NewRun struct {
	// ID is chosen by Start when empty.
	ID     string
	Action string
	Title  string
	Actor  action.Actor
	Input  json.RawMessage
	Steps  []action.Step
	// Entity is what the action acts on; steps see it as Exec.Entity.
	Entity string
	// Locks are the concurrency keys held from the first step to the end.
	Locks []string
	// Entities are the entities the run is about, as "Blueprint/identifier".
	Entities []string
	PlanID   string
	// Version is of the rules by which the approvals were worked out; see Gate.
	Version string
}

// Stats are figures about an action.
type Stats struct {
	// Runs is how often it was asked for.
	Runs int `json:"runs"`
	// SuccessRate, 0 to 1, and MedianMillis are of the last 100 ended runs.
	SuccessRate  float64 `json:"successRate"`
	MedianMillis int64   `json:"medianMillis"`
}

// PlanDifference is the data of a fault.PlanChanged: what is different from
// the plan that was shown, and the plan as it would be now.
type PlanDifference struct {
	Differences []action.Difference `json:"differences"`
	Plan        SavedPlan           `json:"plan"`
}

// ended reports whether nothing more happens by itself.
func (s State) ended() bool {
	return s == Succeeded || s == Failed || s == Cancelled || s == Undone
}
