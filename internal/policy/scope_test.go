package policy

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func subset(r *rand.Rand, from ...string) []string {
	var out []string
	for _, one := range from {
		if r.IntN(2) == 0 {
			out = append(out, one)
		}
	}
	return out
}

func randomSubject(r *rand.Rand) Subject {
	s := Subject{
		ID: pick(r, "me", "you"), Kind: pick(r, "", "", "", Service, Agent, CI, MCP), Status: pick(r, "active", "active", "active", "active", "suspended"),
		Roles: subset(r, "viewer", "developer", "maintainer", "infrastructure", "administrator"), Teams: subset(r, "payments", "orders"),
		Contractor: r.IntN(4) == 0, ReadOnly: r.IntN(10) == 0,
	}
	if r.IntN(6) == 0 {
		s.Scopes = append([]string{}, subset(r, "read", "write", "catalog", "catalog.write")...)
	}
	if r.IntN(6) == 0 {
		s.Blueprints = subset(r, "Service", "Queue")
	}
	return s
}

func randomEntity(r *rand.Rand, blueprint string) Resource {
	return Resource{
		Type: TypeEntity, Blueprint: blueprint, ID: pick(r, "a", "b"), Teams: subset(r, "payments", "orders", "platform"), Author: pick(r, "", "me"),
		Environment: pick(r, "", "production"), Properties: map[string]any{"tier": pick(r, "gold", "silver"), "cost": r.IntN(10)},
	}
}

func (s Scope) has(who Subject, o Resource) bool {
	return s.Everything || len(o.Teams) == 0 && s.Unowned || slices.ContainsFunc(o.Teams, func(t string) bool { return slices.Contains(s.Teams, t) })
}

// TestAScopeHasAllThatIsAllowed compares scopes with the decision about each
// entity: none is missed, and none is too many where it calls itself exact.
func TestAScopeHasAllThatIsAllowed(t *testing.T) {
	engines := map[string]*Engine{"built-in": New(), "own": New()}
	own, problems := parse("own", `
@id("gold-is-secret") @advice("Ask.")
forbid (principal, action == Action::"catalog.read", resource in Blueprint::"Service")
when { resource.properties has tier && resource.properties.tier == "gold" } unless { principal in resource.teams };
@id("payments-write-queues") @advice("Ask.")
permit (principal in Team::"payments", action == Action::"catalog.write", resource in Blueprint::"Queue")
when { resource.properties has cost && resource.properties.cost < 5 };
@id("not-production") @advice("Ask.")
forbid (principal, action in Action::"write", resource) when { resource has environment && resource.environment == "production" };
`, engines["own"].builtin)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	engines["own"].current.Store(newSet(engines["own"].builtin, own))
	r := rand.New(rand.NewPCG(7, 7))
	exact, narrowed := 0, 0
	for name, e := range engines {
		for range 5000 {
			who, action, blueprint := randomSubject(r), pick(r, "catalog.read", "catalog.write", "action.run"), pick(r, "Service", "Queue")
			scope := e.Scope(t.Context(), who, action, blueprint)
			if scope.Exact {
				exact++
			}
			if !scope.Everything {
				narrowed++
			}
			for range 5 {
				o := randomEntity(r, blueprint)
				allowed := e.Decide(t.Context(), Request{Subject: who, Action: action, Resource: o}).Allowed
				if allowed && !scope.has(who, o) {
					t.Fatalf("%s: %+v may %s %+v, which is not in %+v", name, who, action, o, scope)
				}
				if scope.Exact && scope.has(who, o) && !allowed {
					t.Fatalf("%s: %+v may not %s %+v, which is in the exact %+v", name, who, action, o, scope)
				}
				if got := e.Filter(t.Context(), who, action, []Resource{o})[0]; got != allowed {
					t.Fatalf("%s: Filter says %v, Decide %v", name, got, allowed)
				}
			}
		}
	}
	if exact < 2000 || narrowed < 2000 {
		t.Errorf("%d of 10,000 scopes are exact, %d narrow: too few to be of use", exact, narrowed)
	}
	t.Logf("%d of 10,000 scopes are exact, %d narrow", exact, narrowed)
}

func TestScopesOfTheBuiltInPolicies(t *testing.T) {
	e := New()
	for _, c := range []struct {
		name, action string
		who          Subject
		want         Scope
	}{
		{"a viewer reads all", "catalog.read", Subject{Roles: []string{"viewer"}}, Scope{Everything: true, Exact: true}},
		{"nobody without a role", "catalog.read", Subject{}, Scope{Exact: true}},
		{"a developer writes its teams' things", "catalog.write", Subject{Roles: []string{"developer"}, Teams: []string{"a"}}, Scope{Teams: []string{"a"}, Exact: true}},
		{"a contractor reads its teams' things and nobody's", "catalog.read", Subject{Roles: []string{"viewer"}, Teams: []string{"a"}, Contractor: true}, Scope{Teams: []string{"a"}, Unowned: true, Exact: true}},
		{"the wrong token", "catalog.read", Subject{Roles: []string{"viewer"}, Scopes: []string{"forge"}}, Scope{Exact: true}},
		{"a token for another blueprint", "catalog.read", Subject{Roles: []string{"viewer"}, Blueprints: []string{"Queue"}}, Scope{Exact: true}},
	} {
		c.who.ID, c.who.Status = "me", "active"
		got := e.Scope(t.Context(), c.who, c.action, "Service")
		if got.Everything != c.want.Everything || !slices.Equal(got.Teams, c.want.Teams) || got.Unowned != c.want.Unowned || got.Exact != c.want.Exact {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if suspended := e.Scope(t.Context(), Subject{ID: "me", Status: "suspended", Roles: []string{"administrator"}}, "catalog.read", "Service"); !suspended.Nothing() {
		t.Errorf("a suspended account reaches %+v", suspended)
	}
}
