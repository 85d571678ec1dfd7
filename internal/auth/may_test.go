package auth_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/policy"
)

func decider(t *testing.T) *auth.Service {
	t.Helper()
	return auth.New(nil, audit.New(time.Now), func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) })
}

func TestS2_PoliciesGiveTheRoleMatrix(t *testing.T) {
	s := decider(t)
	for _, v := range policy.Verbs() {
		if _, stated := matrix()[v.ID]; !stated {
			t.Errorf("%s: the matrix does not state who may", v.ID)
		}
	}
	for verb, byRole := range matrix() {
		for _, role := range auth.Roles() {
			for _, letter := range "oxna" {
				err := s.May(t.Context(), principal(role), verb, object(letter))
				if allowed := err == nil; allowed != containsRune(byRole[role], letter) {
					t.Errorf("%s may %s on %c: %v (%v)", role, verb, letter, allowed, err)
				}
				checkRefusal(t, err)
			}
		}
		checkRefusal(t, s.May(t.Context(), principal(), verb, object('o')))
		if err := s.May(t.Context(), auth.Principal{}, verb, object('o')); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("anonymous: %s gave %v", verb, err)
		}
		if err := s.May(t.Context(), auth.System("derive"), verb, object('x')); err != nil {
			t.Errorf("the portal itself may not %s: %v", verb, err)
		}
	}
}

func containsRune(s string, r rune) bool {
	for _, c := range s {
		if c == r {
			return true
		}
	}
	return false
}

func TestS60_PoliciesSayWhyAndWhoCanHelp(t *testing.T) {
	s := decider(t)
	cases := []struct {
		role, verb      string
		object          auth.Object
		rule, why, help string
	}{
		{"developer", "action.run", auth.Object{Blueprint: "Component", ID: "orders", Teams: []string{"orders"}}, "owners-run-actions", "You are not in team orders, which owns Component/orders.", "team orders"},
		{"viewer", "action.run", auth.Object{}, "owners-run-actions", "Your role viewer may not do this; it needs developer, infrastructure or administrator.", "role infrastructure"},
		{"developer", "catalog.write", auth.Object{Blueprint: "System", ID: "shop"}, "owners-write-catalog", "No team owns System/shop, so only infrastructure or administrator may do this.", "role infrastructure"},
		{"developer", "user.write", auth.Object{}, "administrators-manage-users", "Your role developer may not do this; it needs administrator.", "role administrator"},
		{"maintainer", "run.approve", auth.Object{Kind: "run", ID: "1", Author: "me"}, "another-person-approves", "You made this yourself; another person has to decide.", "role infrastructure"},
		{"developer", "audit.read", auth.Object{}, "audit-of-one-thing-for-all", "You may read the audit of one thing at a time; the whole needs the role maintainer, infrastructure or administrator.", "role infrastructure"},
		{"administrator", "no.such", auth.Object{}, "default-deny", "No rule allows no.such.", "role administrator"},
	}
	for _, c := range cases {
		f, ok := fault.As(s.May(t.Context(), principal(c.role), c.verb, c.object))
		if !ok || f.Rule != c.rule || f.Reason != c.why || f.Contact != c.help {
			t.Errorf("%s %s: %+v", c.role, c.verb, f)
		}
	}
}

func some[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func several(r *rand.Rand, from ...string) []string {
	out := []string{}
	for _, one := range from {
		if r.IntN(3) == 0 {
			out = append(out, one)
		}
	}
	return out
}

// randomQuestion is weighted so that about as many are allowed as refused.
func randomQuestion(r *rand.Rand) (auth.Principal, string, auth.Object) {
	p := auth.Principal{
		User: auth.User{
			ID: some(r, "me", "me", "me", "you"), Status: some(r, auth.Active, auth.Active, auth.Active, auth.Active, auth.Active, auth.Suspended),
			Roles: several(r, auth.Roles()...), Teams: several(r, "payments", "orders", "platform"),
		},
		Via:  some(r, auth.ViaSession, auth.ViaToken, auth.ViaApp),
		Kind: some(r, "", "", "", "", policy.User, policy.Service, policy.Agent, policy.CI, policy.MCP),
	}
	p.Contractor = r.IntN(5) == 0
	if r.IntN(8) == 0 {
		p.ViewAs = "root"
	}
	if r.IntN(5) == 0 {
		p.Scopes = several(r, policy.Scopes()...)
	}
	if r.IntN(5) == 0 {
		p.Limits = several(r, "blueprint:Component", "blueprint:_my-service.v2", "environment:production", "environment:dev")
	}
	verb := some(r, policy.Verbs()...).ID
	if r.IntN(40) == 0 {
		verb = "no.such"
	}
	o := auth.Object{
		Kind: some(r, "Component", "run", "repository", "pull-request", "action", "", "audit", "policy"), ID: some(r, "", "checkout", "17"),
		Teams: several(r, "payments", "orders", "platform"), Author: some(r, "", "me", "you"), Environment: some(r, "", "production"),
	}
	if r.IntN(4) == 0 {
		o.Blueprint = "_my-service.v2"
	}
	return p, verb, o
}

// TestTheHandWrittenOracleAgrees asks the policies and Can the same.
func TestTheHandWrittenOracleAgrees(t *testing.T) {
	s := decider(t)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	allowed := 0
	for range 100_000 {
		p, verb, o := randomQuestion(r)
		got, want := s.May(t.Context(), p, verb, o), auth.Can(p, verb, o)
		if (got == nil) != (want == nil) {
			t.Fatalf("seed %d: %s on %+v by %+v: the policies say %v, the oracle says %v", seed, verb, o, p, got, want)
		}
		checkRefusal(t, got)
		if got == nil {
			allowed++
		}
	}
	if allowed < 10_000 || allowed > 90_000 {
		t.Errorf("%d of 100,000 were allowed: the questions say little", allowed)
	}
	t.Logf("%d of 100,000 were allowed", allowed)
}

// TestS46_ScopesOnlyNarrow holds a credential to less than its owner may.
func TestS46_ScopesOnlyNarrow(t *testing.T) {
	s := decider(t)
	r := rand.New(rand.NewPCG(46, 46))
	for range 20_000 {
		p, verb, o := randomQuestion(r)
		narrow := p
		narrow.Scopes = several(r, policy.Scopes()...)
		whole := p
		whole.Scopes = nil
		if s.May(t.Context(), narrow, verb, o) == nil && s.May(t.Context(), whole, verb, o) != nil {
			t.Fatalf("%s on %+v: scopes %v gave a right that %+v has not", verb, o, narrow.Scopes, whole)
		}
		empty := p
		empty.Scopes = []string{}
		if s.May(t.Context(), empty, verb, o) == nil {
			t.Fatalf("%s: allowed with no scope at all", verb)
		}
	}
}

func TestTheContextSaysWhoActs(t *testing.T) {
	if _, ok := auth.From(t.Context()); ok {
		t.Error("somebody acts in an empty context")
	}
	p, ok := auth.From(auth.WithPrincipal(t.Context(), principal("viewer")))
	if !ok || p.ID != "me" {
		t.Errorf("%+v, %v", p, ok)
	}
	if forged := (auth.Principal{User: auth.User{ID: "system", Status: auth.Active}, Kind: "system"}); forged.IsSystem() {
		t.Error("anybody can be the portal")
	}
}
