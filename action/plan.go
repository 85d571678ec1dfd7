package action

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sort"
)

// Plan is what an action would do, as data. Applying compares the plan that
// was shown with a new one; when they differ nothing happens.
type Plan struct {
	// Summary is one sentence, e.g. "Create the service checkout in 3
	// repositories and start it in dev-eu-west-1."
	Summary string `json:"summary"`
	// Repositories lists files with their diffs, one entry per repository.
	Repositories []RepositoryChange `json:"repositories"`
	PullRequests []PullRequest      `json:"pullRequests"`
	Calls        []Call             `json:"calls"`
	Catalog      []CatalogChange    `json:"catalog"`
	Processes    []ProcessChange    `json:"processes"`
	Objects      []ObjectChange     `json:"objects"`
	Approvals    []Approval         `json:"approvals"`
	Steps        []PlannedStep      `json:"steps"`
	// Cost is nil when it is not known.
	Cost *Cost `json:"cost,omitempty"`
	// Risk is nil when the action does not say.
	Risk *Risk `json:"risk,omitempty"`
	// Warnings are things to know that do not stop the plan.
	Warnings []string `json:"warnings"`
	// Locks are the concurrency keys held while the run works, e.g.
	// "service:checkout". Two runs never hold the same key.
	Locks []string `json:"locks"`
	// Facts are the parts of the world the plan rests on, e.g.
	// {"repository ci-config main": "3f2a..."}; a change of one voids the plan.
	Facts map[string]string `json:"facts"`
	// Entities are the entities the run is about, as "Blueprint/identifier".
	Entities []string `json:"entities"`
	// Digest identifies exactly this plan; set by the portal.
	Digest string `json:"digest"`
}

// RepositoryChange is what happens to the files of one repository.
type RepositoryChange struct {
	Repository string `json:"repository"`
	// Created is true when the repository does not exist yet.
	Created bool         `json:"created"`
	Branch  string       `json:"branch"`
	Message string       `json:"message"`
	Files   []FileChange `json:"files"`
}

// FileChange is one file with its unified diff.
type FileChange struct {
	Path string `json:"path"`
	// Verb is add, change or remove.
	Verb    string `json:"verb"`
	Diff    string `json:"diff"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
	Binary  bool   `json:"binary,omitempty"`
}

// PullRequest is a pull request the run opens.
type PullRequest struct {
	Repository string `json:"repository"`
	Title      string `json:"title"`
	Branch     string `json:"branch"`
	// Merge says how it gets merged: "by rule" or "after review".
	Merge string `json:"merge"`
	// Rule names the rule that decides, in words.
	Rule string `json:"rule"`
	// Reviewers may give the review that is waited for.
	Reviewers []string `json:"reviewers,omitempty"`
}

// Call is a call of an API of another system.
type Call struct {
	System      string `json:"system"`
	Description string `json:"description"`
}

// CatalogChange is a change of the catalog.
type CatalogChange struct {
	// Verb is create, update or remove.
	Verb       string         `json:"verb"`
	Blueprint  string         `json:"blueprint"`
	Identifier string         `json:"identifier"`
	Title      string         `json:"title"`
	Properties map[string]any `json:"properties,omitempty"`
	Relations  map[string]any `json:"relations,omitempty"`
}

// ProcessChange is a process started or stopped by the process runtime.
type ProcessChange struct {
	Verb        string `json:"verb"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
	Command     string `json:"command"`
	Limits      string `json:"limits"`
	Address     string `json:"address"`
}

// ObjectChange is a Kubernetes object that a repository will hold.
type ObjectChange struct {
	Verb        string `json:"verb"`
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Environment string `json:"environment"`
	// Held is true for objects that are present but not to run yet.
	Held bool `json:"held"`
}

// Approval is a decision somebody, or a rule, has to make.
type Approval struct {
	Title string `json:"title"`
	// Auto is true when a rule approves by itself; Rule says which.
	Auto bool   `json:"auto"`
	Rule string `json:"rule"`
	// Who can approve when it is not automatic.
	Who []string `json:"who,omitempty"`
	// Need is how many of them have to; 0 is one.
	Need int `json:"need,omitempty"`
	// Why says what made the rule ask, or approve.
	Why string `json:"why,omitempty"`
	// By makes the run wait until these people approved. An action sets it for
	// approvals of its own; what rules ask for besides is added by the portal.
	By *Approvers `json:"by,omitempty"`
	// Tell are further addresses that learn of the request; see Receiver.
	Tell []Receiver `json:"-"`
}

// Receiver is an address that is told: a webhook, in the format "webhook" or
// "slack".
type Receiver struct {
	URL    string
	Format string
}

// Approvers are people by what they are. Everybody who is one of them may
// approve.
type Approvers struct {
	Roles []string `json:"roles,omitempty" maxItems:"20"`
	Teams []string `json:"teams,omitempty" maxItems:"50"`
	// People are e-mail addresses.
	People []string `json:"people,omitempty" maxItems:"100"`
	// OwnerTeam are the teams that own the entities the run is about.
	OwnerTeam bool `json:"ownerTeam,omitempty"`
	// OnCall names a property or relation of the entity that says who is on call.
	OnCall string `json:"onCall,omitempty" maxLength:"200"`
	// All asks every one of them, not Need of them.
	All bool `json:"all,omitempty"`
}

// Empty is true when nobody is meant.
func (a Approvers) Empty() bool {
	return len(a.Roles)+len(a.Teams)+len(a.People) == 0 && !a.OwnerTeam && a.OnCall == ""
}

// Cost is what the plan adds to the monthly bill; negative when it saves.
type Cost struct {
	Currency string  `json:"currency"`
	Monthly  float64 `json:"monthly"`
}

// Levels of risk, the lowest first.
const (
	LowRisk    = "low"
	MediumRisk = "medium"
	HighRisk   = "high"
)

// Risk is how much can go wrong, and why.
type Risk struct {
	Level   string   `json:"level"`
	Reasons []string `json:"reasons"`
}

// PlannedStep is a step as shown before the run.
type PlannedStep struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Undo says what undoing the step would do; empty when nothing is left.
	Undo string `json:"undo,omitempty"`
}

// Difference is one thing that changed between two plans.
type Difference struct {
	// Section is the part of the plan, e.g. "facts" or "repositories".
	Section string `json:"section"`
	Name    string `json:"name"`
	Before  string `json:"before"`
	After   string `json:"after"`
}

func (p *Plan) normalise() {
	p.Repositories = orEmpty(p.Repositories)
	for i := range p.Repositories {
		p.Repositories[i].Files = orEmpty(p.Repositories[i].Files)
	}
	p.PullRequests = orEmpty(p.PullRequests)
	p.Calls = orEmpty(p.Calls)
	p.Catalog = orEmpty(p.Catalog)
	p.Processes = orEmpty(p.Processes)
	p.Objects = orEmpty(p.Objects)
	p.Approvals = orEmpty(p.Approvals)
	p.Steps = orEmpty(p.Steps)
	p.Warnings = orEmpty(p.Warnings)
	p.Locks = orEmpty(p.Locks)
	p.Entities = orEmpty(p.Entities)
	if p.Facts == nil {
		p.Facts = map[string]string{}
	}
	p.Digest = p.digest()
}

// Ask puts into the plan who has to approve it, in place of what stood there,
// and the step that waits for that, if there is one.
func (p *Plan) Ask(step *Step, approvals []Approval, warnings []string) {
	if step != nil {
		p.Steps = append([]PlannedStep{{Name: step.Name, Title: step.Title}}, p.Steps...)
	}
	p.Approvals = approvals
	p.Warnings = append(p.Warnings, warnings...)
	p.normalise()
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// digest is the SHA-256 of the plan's JSON without the digest itself.
// encoding/json writes struct fields in order and map keys sorted, so equal
// plans have equal bytes.
func (p *Plan) digest() string {
	c := *p
	c.Digest = ""
	raw, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Compare lists what changed from the plan that was shown to a new one; empty
// when the two are the same.
func Compare(shown, now *Plan) []Difference {
	var out []Difference
	if shown.Digest == now.Digest {
		return out
	}
	section := func(name string, before, after map[string]string) {
		keys := map[string]bool{}
		for k := range before {
			keys[k] = true
		}
		for k := range after {
			keys[k] = true
		}
		sorted := make([]string, 0, len(keys))
		for k := range keys {
			sorted = append(sorted, k)
		}
		sort.Strings(sorted)
		for _, k := range sorted {
			if before[k] != after[k] {
				out = append(out, Difference{Section: name, Name: k, Before: before[k], After: after[k]})
			}
		}
	}
	section("facts", shown.Facts, now.Facts)
	section("files", fileIndex(shown), fileIndex(now))
	section("pullRequests", index(shown.PullRequests, func(p PullRequest) string { return p.Repository + " " + p.Title }), index(now.PullRequests, func(p PullRequest) string { return p.Repository + " " + p.Title }))
	section("calls", index(shown.Calls, func(c Call) string { return c.System + " " + c.Description }), index(now.Calls, func(c Call) string { return c.System + " " + c.Description }))
	section("catalog", index(shown.Catalog, func(c CatalogChange) string { return c.Blueprint + "/" + c.Identifier }), index(now.Catalog, func(c CatalogChange) string { return c.Blueprint + "/" + c.Identifier }))
	section("processes", index(shown.Processes, func(c ProcessChange) string { return c.Service + " in " + c.Environment }), index(now.Processes, func(c ProcessChange) string { return c.Service + " in " + c.Environment }))
	section("objects", index(shown.Objects, func(c ObjectChange) string { return c.Environment + " " + c.Kind + " " + c.Name }), index(now.Objects, func(c ObjectChange) string { return c.Environment + " " + c.Kind + " " + c.Name }))
	section("approvals", index(shown.Approvals, func(c Approval) string { return c.Title }), index(now.Approvals, func(c Approval) string { return c.Title }))
	section("steps", index(shown.Steps, func(c PlannedStep) string { return c.Name }), index(now.Steps, func(c PlannedStep) string { return c.Name }))
	if len(out) == 0 {
		out = append(out, Difference{Section: "summary", Name: "plan", Before: shown.Summary, After: now.Summary})
	}
	return out
}

func fileIndex(p *Plan) map[string]string {
	out := map[string]string{}
	for _, r := range p.Repositories {
		for _, f := range r.Files {
			out[r.Repository+"/"+f.Path] = f.Verb + " " + f.Diff
		}
	}
	return out
}

func index[T any](items []T, name func(T) string) map[string]string {
	out := map[string]string{}
	for _, item := range items {
		raw, err := json.Marshal(item)
		if err != nil {
			continue
		}
		out[name(item)] = string(raw)
	}
	return out
}
