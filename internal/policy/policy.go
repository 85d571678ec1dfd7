// Package policy decides who may do what. The rules are Cedar policies: a
// built-in set that is part of the program and cannot be taken away, and those
// that administrators write. What no policy permits is denied, a forbid beats
// every permit, and any error while deciding denies.
//
// Nothing is cached between requests.
package policy

import "time"

// Kinds of subjects.
const (
	User    = "user"
	Service = "service"
	Agent   = "agent"
	CI      = "ci"
	MCP     = "mcp"
)

// Subject is who asks.
type Subject struct {
	ID   string
	Name string
	// Kind is one of the kinds above; empty is User.
	Kind  string
	Roles []string
	Teams []string
	// Status is "active" for who may act at all.
	Status     string
	Contractor bool
	// Via is how the subject proved itself: "session", "token", ...
	Via string
	// Scopes narrow the rights to those of a token; nil is all. See ScopesOf.
	Scopes []string
	// Blueprints and Environments are those that a token was made for; nil is
	// all.
	Blueprints, Environments []string
	// ReadOnly is set while an administrator looks at the portal as somebody
	// else.
	ReadOnly bool
	// OnBehalfOf is the id of the user for whom a client acts.
	OnBehalfOf string
	// AuthAt is when the person last proved who it is; zero when unknown.
	AuthAt time.Time
	// Machine is set for what no person steers at this moment. Kinds other than
	// User are machines, too.
	Machine bool
}

// Resource is what somebody wants to act on.
type Resource struct {
	// Type is Entity or one of Types; empty is Portal, the portal as a whole.
	Type string
	// Blueprint is set for Type Entity.
	Blueprint string
	// ID is empty for the whole collection.
	ID string
	// Teams own it; empty when nobody does, or when it does not exist yet.
	Teams           []string
	Environment     string
	EnvironmentKind string
	// Author is the id of the user who made or asked for it.
	Author string
	// Properties are those of an entity, by identifier.
	Properties map[string]any
}

// Request is one question.
type Request struct {
	Subject Subject
	// Action is a verb, e.g. "catalog.write"; see Verbs.
	Action   string
	Resource Resource
	// Context is what else is known about the act; see ContextFields.
	Context map[string]any
}

// Decision is the answer. A denial names the rule, why, what to do instead and
// who can help.
type Decision struct {
	Allowed bool
	// Rule is the id of the policy that decided, Rules of all that did.
	Rule  string
	Rules []string
	// Reason, Alternative and Who are for people; Clause is the part of the
	// policy that did not hold, in Cedar.
	Reason      string
	Alternative string
	Who         string
	Clause      string
	// Errors are those of policies that could not be evaluated: they deny.
	Errors []string
	// Audit says that a policy that decided wants it in the audit log.
	Audit bool
}

// The built-in types of resources besides Entity, which stands for one Cedar
// type for each blueprint.
const (
	TypeEntity      = "Entity"
	TypePortal      = "Portal"
	TypeAccount     = "Account"
	TypeAudit       = "Audit"
	TypeModel       = "Model" // the blueprints themselves
	TypeFlag        = "Flag"
	TypeIntegration = "Integration"
	TypePage        = "Page"
	TypePolicy      = "Policy"
	TypePullRequest = "PullRequest"
	TypeRepository  = "Repository"
	TypeRun         = "Run"
	TypeSecret      = "Secret"
	TypeSelfService = "SelfService" // an action that people can ask for
	TypeSource      = "Source"
	TypeWorkflow    = "Workflow"
)

// Types lists the types of resources besides Entity.
func Types() []string {
	return []string{
		TypeAccount, TypeAudit, TypeModel, TypeFlag, TypeIntegration, TypePage, TypePolicy, TypePortal, TypePullRequest, TypeRepository, TypeRun, TypeSecret, TypeSelfService, TypeSource, TypeWorkflow,
	}
}
