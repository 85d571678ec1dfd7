package policy

import (
	"slices"
	"strings"
)

// Verb is one thing that can be done. Every permission that a route asks for is
// in Verbs; what is not there is denied.
type Verb struct {
	ID string `json:"id"`
	// Words say what it is, after "may".
	Words string `json:"words"`
	// Types are the types of resources it can be done to.
	Types []string `json:"types"`
}

// Read reports whether the verb changes nothing.
func (v Verb) Read() bool { return strings.HasSuffix(v.ID, ".read") }

// Verbs lists all. To add one, add a line here, a policy in builtin/, a rule in
// auth.Can (the independent second opinion) and a line in its test's matrix.
func Verbs() []Verb {
	return []Verb{
		{"catalog.read", "see entities and blueprints", []string{TypeEntity, TypeModel, TypePortal}},
		{"catalog.write", "change entities", []string{TypeEntity, TypePortal}},
		{"catalog.import", "import many entities and blueprints at once", []string{TypePortal}},
		{"blueprint.write", "change blueprints, scorecards and mappings", []string{TypeModel, TypePortal}},
		{"page.write", "change the portal's pages", []string{TypePage, TypePortal}},
		{"workflow.write", "change workflows", []string{TypeWorkflow, TypePortal}},
		{"integration.read", "see integrations", []string{TypeIntegration, TypePortal}},
		{"integration.write", "change integrations", []string{TypeIntegration, TypePortal}},
		{"secret.read", "see which secrets there are, never their values", []string{TypeSecret, TypePortal}},
		{"secret.write", "set and delete secrets", []string{TypeSecret, TypePortal}},
		{"action.plan", "see what an action would do", []string{TypeSelfService, TypeEntity, TypePortal}},
		{"action.run", "run an action", []string{TypeSelfService, TypeEntity, TypePortal}},
		{"action.write", "change actions", []string{TypeSelfService, TypePortal}},
		{"run.read", "see runs and their logs", []string{TypeRun, TypePortal}},
		{"run.cancel", "stop a run", []string{TypeRun}},
		{"run.retry", "retry a run", []string{TypeRun}},
		{"run.undo", "undo a run", []string{TypeRun}},
		{"run.approve", "approve or reject a run", []string{TypeRun}},
		{"run.hold", "hold runs, and let them go on", []string{TypePortal}},
		{"notice.write", "set channels of notices and see what was delivered", []string{TypePortal}},
		{"approval.write", "change who has to approve what", []string{TypePortal}},
		{"run.report", "report the progress of a run", []string{TypeRun, TypePortal}},
		{"forge.read", "see repositories and pull requests", []string{TypeRepository, TypePullRequest, TypePortal}},
		{"forge.write", "push and open pull requests", []string{TypeRepository, TypePullRequest, TypePortal}},
		{"forge.review", "review a pull request", []string{TypePullRequest}},
		{"forge.merge", "merge or close a pull request", []string{TypeRepository, TypePullRequest}},
		{"audit.read", "read the audit log", slices.Concat([]string{TypeEntity}, Types())},
		{"source.report", "report what a source holds", []string{TypeSource, TypePortal}},
		{"source.decide", "decide about a source and its sweeps", []string{TypeSource, TypePortal}},
		{"insight.read", "see insights", []string{TypePortal}},
		{"user.write", "manage users, teams and credentials of machines", []string{TypeAccount, TypePortal}},
		{"flag.read", "see feature flags", []string{TypeFlag, TypePortal}},
		{"flag.write", "change feature flags", []string{TypeFlag, TypePortal}},
		{"flag.approve", "let a change of a feature flag pass", []string{TypeFlag}},
		{"flag.keys", "make and end keys of the flag server", []string{TypeFlag, TypeEntity, TypePortal}},
		{"flag.relays", "look after relays of the flag server", []string{TypeFlag, TypePortal}},
		{"policy.read", "see policies and their history", []string{TypePolicy, TypePortal}},
		{"policy.write", "propose a change of policies", []string{TypePolicy, TypePortal}},
		{"policy.confirm", "confirm a change of policies", []string{TypePolicy}},
		{"access.read", "ask what others may do", []string{TypeAccount, TypePortal}},
		{"access.view-as", "look at the portal as somebody else", []string{TypeAccount}},
	}
}

// ViewAsVerb is the right to look at the portal as somebody else.
const ViewAsVerb = "access.view-as"

// The groups that a verb is in besides its family, which is what stands before
// the dot: "catalog.write" is in "catalog" and in "write".
const (
	ReadGroup  = "read"
	WriteGroup = "write"
)

// groupsOf are the action groups of a verb.
func groupsOf(verb string) []string {
	family, _, _ := strings.Cut(verb, ".")
	if (Verb{ID: verb}).Read() {
		return []string{family, ReadGroup}
	}
	return []string{family, WriteGroup}
}

// ScopesOf are the scopes that cover a verb: itself, its family, and "read" or
// "write". A token's scopes are taken from these.
func ScopesOf(verb string) []string { return append(groupsOf(verb), verb) }

// Scopes lists every scope that a token may have.
func Scopes() []string {
	var out []string
	for _, v := range Verbs() {
		out = append(out, ScopesOf(v.ID)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
