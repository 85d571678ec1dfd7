package auth_test

import (
	"strings"
	"testing"

	"sphera/internal/auth"
	"sphera/internal/fault"
)

// The matrix: who may do what to a thing of one's own team, of another team,
// of nobody, and to what one made oneself (owned by another team). A letter
// stands for yes: o own, x other, n nobody, a author.
func matrix() map[string]map[string]string {
	const all = "oxna"
	return map[string]map[string]string{
		"catalog.read":      {"viewer": all, "developer": all, "maintainer": all, "infrastructure": all, "administrator": all},
		"run.read":          {"viewer": all, "developer": all, "maintainer": all, "infrastructure": all, "administrator": all},
		"forge.read":        {"viewer": all, "developer": all, "maintainer": all, "infrastructure": all, "administrator": all},
		"insight.read":      {"viewer": all, "developer": all, "maintainer": all, "infrastructure": all, "administrator": all},
		"catalog.write":     {"viewer": "", "developer": "o", "maintainer": "o", "infrastructure": all, "administrator": all},
		"blueprint.write":   {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"catalog.import":    {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"page.write":        {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"workflow.write":    {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"integration.read":  {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"integration.write": {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"secret.read":       {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"secret.write":      {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"action.write":      {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"run.report":        {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"action.plan":       {"viewer": "", "developer": "on", "maintainer": "", "infrastructure": all, "administrator": all},
		"action.run":        {"viewer": "", "developer": "on", "maintainer": "", "infrastructure": all, "administrator": all},
		"run.cancel":        {"viewer": "", "developer": "oa", "maintainer": "", "infrastructure": all, "administrator": all},
		"run.retry":         {"viewer": "", "developer": "oa", "maintainer": "", "infrastructure": all, "administrator": all},
		"run.undo":          {"viewer": "", "developer": "oa", "maintainer": "", "infrastructure": all, "administrator": all},
		"run.hold":          {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"notice.write":      {"viewer": "", "developer": "", "maintainer": "", "infrastructure": "", "administrator": all},
		"approval.write":    {"viewer": "", "developer": "", "maintainer": "", "infrastructure": "", "administrator": all},
		"run.approve":       {"viewer": "oxn", "developer": "oxn", "maintainer": "oxn", "infrastructure": "oxn", "administrator": "oxn"},
		"forge.write":       {"viewer": "", "developer": all, "maintainer": "", "infrastructure": all, "administrator": all},
		"forge.review":      {"viewer": "", "developer": "oxn", "maintainer": "oxn", "infrastructure": "oxn", "administrator": "oxn"},
		"forge.merge":       {"viewer": "", "developer": "oa", "maintainer": "", "infrastructure": all, "administrator": all},
		"audit.read":        {"viewer": all, "developer": all, "maintainer": all, "infrastructure": all, "administrator": all},
		"user.write":        {"viewer": "", "developer": "", "maintainer": "", "infrastructure": "", "administrator": all},
		"source.report":     {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"source.decide":     {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"flag.read":         {"viewer": all, "developer": all, "maintainer": all, "infrastructure": all, "administrator": all},
		"flag.write":        {"viewer": "", "developer": "o", "maintainer": "o", "infrastructure": all, "administrator": all},
		"flag.approve":      {"viewer": "", "developer": "o", "maintainer": "oxn", "infrastructure": "oxn", "administrator": "oxn"},
		"policy.read":       {"viewer": "", "developer": "", "maintainer": all, "infrastructure": all, "administrator": all},
		"policy.write":      {"viewer": "", "developer": "", "maintainer": "", "infrastructure": "", "administrator": all},
		"policy.confirm":    {"viewer": "", "developer": "", "maintainer": "", "infrastructure": "", "administrator": "oxn"},
		"access.read":       {"viewer": all, "developer": all, "maintainer": all, "infrastructure": all, "administrator": all},
		"access.view-as":    {"viewer": "", "developer": "", "maintainer": "", "infrastructure": "", "administrator": all},
		"flag.keys":         {"viewer": "", "developer": "o", "maintainer": "o", "infrastructure": all, "administrator": all},
		"flag.relays":       {"viewer": "", "developer": "", "maintainer": "", "infrastructure": all, "administrator": all},
		"no.such":           {"viewer": "", "developer": "", "maintainer": "", "infrastructure": "", "administrator": ""},
	}
}

func object(letter rune) auth.Object {
	o := auth.Object{Kind: "Component", ID: "checkout", Author: "somebody"}
	switch letter {
	case 'o':
		o.Teams = []string{"platform", "payments"}
	case 'x', 'a':
		o.Teams = []string{"orders"}
	}
	if letter == 'a' {
		o.Author = "me"
	}
	return o
}

func principal(roles ...string) auth.Principal {
	return auth.Principal{User: auth.User{ID: "me", Status: auth.Active, Roles: roles, Teams: []string{"payments"}}}
}

func TestS2_RoleMatrix(t *testing.T) {
	for verb, byRole := range matrix() {
		for _, role := range auth.Roles() {
			want, stated := byRole[role]
			if !stated {
				t.Errorf("%s: the matrix does not state role %s", verb, role)
			}
			for _, letter := range "oxna" {
				err := auth.Can(principal(role), verb, object(letter))
				if allowed := err == nil; allowed != strings.ContainsRune(want, letter) {
					t.Errorf("%s may %s on %c: %v, want %q (%v)", role, verb, letter, allowed, want, err)
				}
				checkRefusal(t, err)
			}
		}
		for name, p := range map[string]auth.Principal{"no role": principal(), "unknown role": principal("root")} {
			if err := auth.Can(p, verb, object('o')); err == nil {
				t.Errorf("%s may %s", name, verb)
			}
		}
		if err := auth.Can(auth.Principal{User: auth.User{Status: auth.Active, Roles: auth.Roles()}}, verb, object('o')); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("anonymous: %s gave %v", verb, err)
		}
		suspended := principal(auth.Administrator)
		suspended.Status = auth.Suspended
		if err := auth.Can(suspended, verb, object('o')); !fault.Is(err, fault.Forbidden) {
			t.Errorf("suspended: %s gave %v", verb, err)
		}
	}
}

// checkRefusal holds every refusal to its four parts.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	f, ok := fault.As(err)
	if !ok || f.Code != fault.Forbidden || f.Rule == "" || f.Reason == "" || f.Alternative == "" || f.Contact == "" {
		t.Errorf("refusal without its four parts: %+v", f)
	}
}

func TestS60_RefusalsSayWhyAndWhoCanHelp(t *testing.T) {
	cases := []struct {
		role, verb      string
		object          auth.Object
		rule, why, help string
	}{
		{"developer", "action.run", auth.Object{Kind: "Component", ID: "orders", Teams: []string{"orders"}}, "owners-run-actions", "You are not in team orders, which owns Component/orders.", "team orders"},
		{"viewer", "action.run", auth.Object{}, "owners-run-actions", "Your role viewer may not do this; it needs developer, infrastructure or administrator.", "role infrastructure"},
		{"developer", "catalog.write", auth.Object{Kind: "System", ID: "shop"}, "owners-write-catalog", "No team owns System/shop, so only infrastructure or administrator may do this.", "role infrastructure"},
		{"developer", "user.write", auth.Object{}, "administrators-manage-users", "Your role developer may not do this; it needs administrator.", "role administrator"},
		{"maintainer", "run.approve", auth.Object{Kind: "run", ID: "1", Author: "me"}, "another-person-approves", "You made this yourself; another person has to decide.", "role infrastructure"},
		{"developer", "audit.read", auth.Object{}, "whole-audit-for-deciders", "Your role developer may not do this; it needs maintainer, infrastructure or administrator.", "role infrastructure"},
	}
	for _, c := range cases {
		f, ok := fault.As(auth.Can(principal(c.role), c.verb, c.object))
		if !ok || f.Rule != c.rule || f.Reason != c.why || f.Contact != c.help {
			t.Errorf("%s %s: %+v", c.role, c.verb, f)
		}
	}
}

func TestRolesAddUp(t *testing.T) {
	p := principal(auth.Maintainer, auth.Developer)
	for _, verb := range []string{"action.run", "audit.read"} {
		if err := auth.Can(p, verb, auth.Object{}); err != nil {
			t.Errorf("maintainer and developer, %s: %v", verb, err)
		}
	}
}
