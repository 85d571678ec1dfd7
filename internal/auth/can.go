package auth

import (
	"slices"
	"strings"

	"sphera/internal/fault"
)

// rule says who may do a verb. What no rule allows is refused.
type rule struct {
	id string
	// everything: these roles may, on every object.
	everything []string
	// owned: these roles may on what a team of theirs owns ...
	owned []string
	// ... and, with free, on what nobody owns yet.
	free bool
	// author: who made it may, with one of the roles in owned.
	author bool
	// notAuthor: who made it may not, whatever the role.
	notAuthor bool
	// about: these roles may when one object is named.
	about []string
	// alternative is what to do instead, for people.
	alternative string
}

func ruleFor(verb string) (rule, bool) {
	all, admins := Roles(), []string{Infrastructure, Administrator}
	workers := []string{Developer, Infrastructure, Administrator}
	deciders := []string{Maintainer, Infrastructure, Administrator}
	switch verb {
	case "catalog.read", "run.read", "forge.read", "insight.read":
		return rule{id: "everybody-reads", everything: all}, true
	case "catalog.write":
		return rule{
			id: "owners-write-catalog", everything: admins, owned: []string{Developer, Maintainer},
			alternative: "Ask the owning team to change it; for something new, name a team of yours as its owner.",
		}, true
	case "blueprint.write", "catalog.import":
		return rule{
			id: "infrastructure-shapes-catalog", everything: admins,
			alternative: "Run the import with --dry-run to see what it would do, and send the files to somebody with the role.",
		}, true
	case "flag.approve":
		return rule{
			id: "another-person-approves-flags", everything: deciders, owned: []string{Developer}, notAuthor: true,
			alternative: "Ask somebody else of the owning team to approve it.",
		}, true
	case "page.write", "workflow.write", "integration.read", "integration.write", "secret.read", "secret.write":
		return rule{
			id: "infrastructure-shapes-portal", everything: admins,
			alternative: "Ask somebody who looks after the portal to change it.",
		}, true
	case "action.plan", "action.run":
		return rule{
			id: "owners-run-actions", everything: admins, owned: []string{Developer}, free: true,
			alternative: "Ask a developer of the owning team to run it.",
		}, true
	case "run.cancel", "run.retry", "run.undo":
		return rule{
			id: "owners-steer-runs", everything: admins, owned: []string{Developer}, author: true,
			alternative: "Ask the person who started the run, or the team that owns what it works on.",
		}, true
	case "run.approve":
		return rule{
			id: "another-person-approves", everything: all, notAuthor: true,
			alternative: "Ask somebody else who may approve; they find it under \"Waiting for me\".",
		}, true
	case "run.hold":
		return rule{id: "infrastructure-holds-runs", everything: admins, alternative: "Ask somebody who looks after the portal."}, true
	case "approval.write", "notice.write":
		return rule{id: "administrators-set-approvals", everything: []string{Administrator}, alternative: "Tell an administrator what to change."}, true
	case "forge.write":
		return rule{
			id: "workers-write-code", everything: workers,
			alternative: "Ask a developer to open a pull request for you.",
		}, true
	case "forge.review":
		return rule{
			id: "another-person-reviews", everything: []string{Developer, Maintainer, Infrastructure, Administrator}, notAuthor: true,
			alternative: "Ask somebody else to review it.",
		}, true
	case "forge.merge":
		return rule{
			id: "owners-merge", everything: admins, owned: []string{Developer}, author: true,
			alternative: "Ask the author, or the team that owns the repository, to merge it.",
		}, true
	case "audit.read":
		return rule{
			id: "whole-audit-for-deciders", everything: deciders, about: all,
			alternative: "Open the audit tab of one entity, run, repository or pull request: that everybody may read.",
		}, true
	case "source.report", "source.decide":
		return rule{
			id: "infrastructure-runs-sources", everything: admins,
			alternative: "Send the address of the sweep to somebody with the role.",
		}, true
	case "action.write":
		return rule{
			id: "infrastructure-writes-actions", everything: admins,
			alternative: "Send the action's document to somebody with the role.",
		}, true
	case "run.report":
		return rule{
			id: "infrastructure-reports-runs", everything: admins,
			alternative: "Report with the token of a machine that has the role.",
		}, true
	case "flag.keys":
		return rule{
			id: "owners-hold-flag-keys", everything: admins, owned: []string{Developer, Maintainer},
			alternative: "Ask the team that owns the service for a key.",
		}, true
	case "flag.relays":
		return rule{
			id: "infrastructure-runs-relays", everything: admins,
			alternative: "Ask somebody who looks after the portal.",
		}, true
	case "flag.read", "access.read":
		return rule{id: "everybody-reads", everything: all}, true
	case "flag.write":
		return rule{
			id: "owners-change-flags", everything: admins, owned: []string{Developer, Maintainer},
			alternative: "Ask the team that owns the flag.",
		}, true
	case "policy.read":
		return rule{id: "deciders-read-policies", everything: deciders, alternative: "Ask \"Why not?\" about what you want to do."}, true
	case "policy.write", "access.view-as":
		return rule{id: "administrators-change-policies", everything: []string{Administrator}, alternative: "Tell an administrator what to change."}, true
	case "policy.confirm":
		return rule{
			id: "administrators-change-policies", everything: []string{Administrator}, notAuthor: true, alternative: "Tell an administrator what to change.",
		}, true
	case "user.write":
		return rule{
			id: "administrators-manage-users", everything: []string{Administrator},
			alternative: "Tell an administrator what to change.",
		}, true
	default:
		return rule{}, false
	}
}

// Can is the built-in policies once more, written by hand: a second opinion
// that the tests ask a hundred thousand times. Nothing else asks it; the
// portal asks May.
func Can(p Principal, verb string, o Object) error {
	if p.ID == "" {
		return errCredential()
	}
	if p.Status != Active {
		return fault.Refuse("suspended", "Your account is suspended.", "Ask an administrator why.", "role administrator")
	}
	if err := guard(p, verb, o); err != nil {
		return err
	}
	r, ok := ruleFor(verb)
	if !ok {
		return fault.Refuse("default-deny", "No rule allows "+verb+".", "Tell an administrator what you need.", "role administrator")
	}
	isAuthor := o.Author != "" && o.Author == p.ID
	if r.notAuthor && isAuthor {
		return fault.Refuse(r.id, "You made this yourself; another person has to decide.", r.alternative, contact(r, o))
	}
	owns := slices.ContainsFunc(o.Teams, func(t string) bool { return slices.Contains(p.Teams, t) })
	allowed := p.HasRole(r.everything...) ||
		p.HasRole(r.owned...) && (owns || r.free && len(o.Teams) == 0 || r.author && isAuthor) ||
		o.ID != "" && p.HasRole(r.about...)
	if allowed {
		return nil
	}
	return fault.Refuse(r.id, why(p, r, o), r.alternative, contact(r, o))
}

// why is the reason in words: which role or team is missing.
func why(p Principal, r rule, o Object) string {
	switch {
	case len(p.Roles) == 0:
		return "You have no role yet."
	case !p.HasRole(r.owned...):
		return "Your " + plural("role", p.Roles) + " " + list(p.Roles, "and") + " may not do this; it needs " + list(needed(r), "or") + "."
	case len(o.Teams) == 0:
		return "No team owns " + name(o) + ", so only " + list(r.everything, "or") + " may do this."
	default:
		return "You are not in " + plural("team", o.Teams) + " " + list(o.Teams, "or") + ", which owns " + name(o) + "."
	}
}

// needed are the roles with which it could be done.
func needed(r rule) []string {
	out := append([]string{}, r.owned...)
	for _, role := range r.everything {
		if !slices.Contains(out, role) {
			out = append(out, role)
		}
	}
	return out
}

func contact(r rule, o Object) string {
	if len(o.Teams) > 0 && len(r.owned) > 0 {
		return plural("team", o.Teams) + " " + list(o.Teams, "or")
	}
	if len(r.everything) > 0 && !slices.Contains(r.everything, Infrastructure) {
		return "role " + Administrator
	}
	return "role " + Infrastructure
}

func name(o Object) string {
	if o.ID == "" {
		return "this"
	}
	return strings.TrimPrefix(o.Kind+"/"+o.ID, "/")
}

func plural(word string, of []string) string {
	if len(of) == 1 {
		return word
	}
	return word + "s"
}

func list(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
