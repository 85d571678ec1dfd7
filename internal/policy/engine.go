package policy

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Ids of what decides besides policies.
const (
	DefaultDeny = "default-deny"
	PolicyError = "policy-error"
	Unavailable = "policies-unavailable"
)

// Engine decides. It is safe for concurrent use; Use swaps the policies between
// two decisions.
type Engine struct {
	builtin []rule
	current atomic.Pointer[set]
	// recorder keeps the questions that Record was told of; nil keeps none.
	recorder atomic.Pointer[recorder]
}

// New returns an engine with the built-in policies.
func New() *Engine {
	e := &Engine{builtin: loadBuiltin()}
	e.current.Store(newSet(e.builtin, nil))
	return e
}

// set is all policies at one moment, by action.
type set struct {
	version int64
	rules   []rule
	verbs   map[string]*bucket
	unknown *bucket // what speaks about every action
	actions map[types.EntityUID]types.Entity
}

// bucket is what speaks about one action. It implements cedar.PolicyIterator.
type bucket struct {
	rules  []*rule
	need   needs
	scopes types.Set
	action types.EntityUID
}

func (b *bucket) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, r := range b.rules {
			if !yield(cedar.PolicyID(r.id), r.policy) {
				return
			}
		}
	}
}

func (b *bucket) rule(id cedar.PolicyID) *rule {
	i := slices.IndexFunc(b.rules, func(r *rule) bool { return r.id == string(id) })
	return b.rules[i]
}

// newSet puts the built-in policies and others together. The built-in ones are
// always part of it.
func newSet(builtin, own []rule) *set {
	s := &set{rules: slices.Concat(builtin, own), verbs: map[string]*bucket{}, actions: map[types.EntityUID]types.Entity{}}
	for _, v := range Verbs() {
		id := uid(actionType, v.ID)
		s.actions[id] = types.Entity{UID: id, Parents: types.NewEntityUIDSet(uids(actionType, groupsOf(v.ID))...)}
		s.verbs[v.ID] = s.bucket(v.ID)
	}
	s.unknown = s.bucket("")
	return s
}

func (s *set) bucket(verb string) *bucket {
	b := &bucket{action: uid(actionType, verb), scopes: stringSet(ScopesOf(verb))}
	for i := range s.rules {
		r := &s.rules[i]
		if !r.speaksAbout(verb) {
			continue
		}
		b.rules = append(b.rules, r)
		b.need.properties = b.need.properties || r.needs.properties
		b.need.tags = b.need.tags || r.needs.tags
	}
	return b
}

// speaksAbout reports whether the scope of the policy has the verb.
func (r *rule) speaksAbout(verb string) bool {
	within := func(e types.EntityUID) bool {
		return string(e.ID) == verb || verb != "" && slices.Contains(groupsOf(verb), string(e.ID))
	}
	switch scope := (*ast.Policy)(r.policy.AST()).Action.(type) {
	case ast.ScopeTypeEq:
		return string(scope.Entity.ID) == verb
	case ast.ScopeTypeIn:
		return within(scope.Entity)
	case ast.ScopeTypeInSet:
		return slices.ContainsFunc(scope.Entities, within)
	default:
		return true
	}
}

// Decide answers one question. What no policy permits is denied; so is
// everything when a policy that speaks about the action cannot be evaluated.
func (e *Engine) Decide(_ context.Context, r Request) Decision {
	s := e.current.Load()
	if s == nil {
		return closed()
	}
	return s.decide(r)
}

// Record keeps a question that was decided, so that new policies can be tried
// on it.
func (e *Engine) Record(r Request, d Decision) {
	if keep := e.recorder.Load(); keep != nil {
		keep.note(r, d.Allowed)
	}
}

// Filter answers the same question about many resources.
func (e *Engine) Filter(_ context.Context, who Subject, action string, list []Resource) []bool {
	out := make([]bool, len(list))
	s := e.current.Load()
	b := s.of(action)
	if s == nil || b == nil {
		return out
	}
	q := s.question(b, who, types.Record{})
	var err error
	if q.request.Context, err = contextOf(b, nil); err != nil {
		return out
	}
	for i, r := range list {
		if q.about(r) == nil {
			out[i] = q.allowed()
		}
	}
	return out
}

func (s *set) of(action string) *bucket {
	if s == nil {
		return nil
	}
	return s.verbs[action]
}

func closed() Decision {
	return Decision{
		Rule: Unavailable, Reason: "The policies could not be read, so nothing is allowed.",
		Alternative: "Try again in a minute.", Who: "role administrator",
	}
}

// question is one decision being made.
type question struct {
	set     *set
	bucket  *bucket
	world   world
	request types.Request
	diag    types.Diagnostic
}

func (s *set) question(b *bucket, who Subject, given types.Record) *question {
	q := &question{set: s, bucket: b, world: world{principal: principalEntity(who), actions: s.actions}}
	q.request = types.Request{Principal: q.world.principal.UID, Action: b.action, Context: given}
	return q
}

func (q *question) about(r Resource) error {
	var err error
	if q.world.resource, err = resourceEntity(r, q.bucket.need); err != nil {
		return err
	}
	q.request.Resource = q.world.resource.UID
	return nil
}

// allowed asks the policies. Cedar skips a policy that cannot be evaluated; a
// forbid that is skipped would not forbid, so any error denies.
func (q *question) allowed() bool {
	var decision types.Decision
	decision, q.diag = cedar.Authorize(q.bucket, &q.world, q.request)
	return decision == types.Allow && len(q.diag.Errors) == 0
}

// contextOf adds to what the caller knows which scopes cover the action.
func contextOf(b *bucket, given map[string]any) (types.Record, error) {
	fields := make(types.RecordMap, len(given)+1)
	for name, v := range given {
		value, err := valueOf(v)
		if err != nil {
			return types.Record{}, fmt.Errorf("%s: %w", name, err)
		}
		if value != nil {
			fields[types.String(name)] = value
		}
	}
	fields["scopes"] = b.scopes
	return types.NewRecord(fields), nil
}

func (s *set) decide(r Request) Decision {
	b, known := s.verbs[r.Action]
	if !known {
		b = s.unknown
	}
	given, err := contextOf(b, r.Context)
	if err != nil {
		return failed("", err.Error())
	}
	q := s.question(b, r.Subject, given)
	if err := q.about(r.Resource); err != nil {
		return failed("", err.Error())
	}
	allowed := q.allowed()
	switch {
	case len(q.diag.Errors) > 0:
		return failed(string(q.diag.Errors[0].PolicyID), q.diag.Errors[0].Message)
	case allowed && known:
		return q.permitted()
	case !allowed && len(q.diag.Reasons) > 0:
		return q.forbidden(r)
	case !known:
		return Decision{
			Rule: DefaultDeny, Reason: "No rule allows " + r.Action + ".",
			Alternative: "Tell an administrator what you need.", Who: "role administrator",
		}
	default:
		return q.notPermitted(r)
	}
}

func failed(id, message string) Decision {
	d := Decision{
		Rule: PolicyError, Alternative: "Tell an administrator: the policy has to be mended.", Who: "role administrator",
		Reason: "What was asked cannot be told to the policies, so it is not allowed.", Errors: []string{message},
	}
	if id != "" {
		d.Rules, d.Reason = []string{id}, "The policy "+id+" could not be evaluated, so it is not allowed."
	}
	return d
}

func (q *question) permitted() Decision {
	d := Decision{Allowed: true}
	for _, reason := range q.diag.Reasons {
		r := q.bucket.rule(reason.PolicyID)
		d.Rules = append(d.Rules, r.id)
		d.Audit = d.Audit || r.audit
	}
	d.Rule = d.Rules[0]
	return d
}
