package policy

import (
	"slices"
	"strings"
)

// forbidden tells which forbid decided.
func (q *question) forbidden(r Request) Decision {
	d := Decision{}
	for _, reason := range q.diag.Reasons {
		d.Rules = append(d.Rules, string(reason.PolicyID))
		d.Audit = d.Audit || q.bucket.rule(reason.PolicyID).audit
	}
	one := q.bucket.rule(q.diag.Reasons[0].PolicyID)
	d.Rule, d.Reason, d.Alternative = one.id, one.reason, one.advice
	if d.Reason == "" {
		d.Reason = "The policy " + one.id + " forbids it."
	}
	if n := len(one.clauses); n > 0 {
		d.Clause = one.clauses[n-1].text
	}
	d.Who = q.contact(one, r.Resource)
	return d
}

// notPermitted tells which permit came nearest and what was missing: one that
// the subject's roles are good for, if there is any, and of those the one with
// the fewest clauses that do not hold.
func (q *question) notPermitted(r Request) Decision {
	var nearest *rule
	var missing clause
	best := 0
	for _, one := range q.bucket.rules {
		if one.forbid {
			continue
		}
		rank, first := q.distance(one)
		if nearest == nil || rank < best {
			nearest, best, missing = one, rank, first
		}
	}
	if nearest == nil {
		return Decision{
			Rule: DefaultDeny, Reason: "No policy permits " + r.Action + ".",
			Alternative: "Tell an administrator what you need.", Who: "role administrator",
		}
	}
	return Decision{
		Rule: nearest.id, Reason: q.why(nearest, missing, r), Alternative: nearest.advice, Who: q.contact(nearest, r.Resource), Clause: missing.text,
	}
}

// roleMissing is the rank of all policies whose role the subject has not: of
// those the first is as good as any.
const roleMissing = 1000

func (q *question) distance(r *rule) (rank int, first clause) {
	for _, c := range r.clauses {
		if c.holds(&q.world, q.request) {
			continue
		}
		if rank == 0 {
			first = c
		}
		if rank++; c.roles != nil {
			return roleMissing, c
		}
	}
	return rank, first
}

func (q *question) why(r *rule, missing clause, asked Request) string {
	o, roles := asked.Resource, asked.Subject.Roles
	switch {
	case len(roles) == 0:
		return "You have no role yet."
	case missing.roles != nil:
		return "Your " + plural("role", roles) + " " + list(roles, "and") + " may not do this; it needs " + list(q.needed(), "or") + "."
	case r.reason != "":
		return r.reason
	case missing.owners && len(o.Teams) == 0:
		return "No team owns " + o.name() + ", so only " + list(q.without(), "or") + " may do this."
	case missing.owners:
		return "You are not in " + plural("team", o.Teams) + " " + list(o.Teams, "or") + ", which owns " + o.name() + "."
	default:
		return "This does not hold: " + missing.text + "."
	}
}

// needed are the roles that some permit asks for.
func (q *question) needed() []string {
	return q.roles(func(*rule) bool { return true })
}

// without are the roles with which it could be done without owning it.
func (q *question) without() []string {
	out := q.roles(func(r *rule) bool { return !slices.ContainsFunc(r.clauses, func(c clause) bool { return c.owners }) })
	if len(out) == 0 {
		return []string{"an administrator"}
	}
	return out
}

func (q *question) roles(of func(*rule) bool) []string {
	var out []string
	for _, r := range q.bucket.rules {
		if r.forbid || !of(r) {
			continue
		}
		for _, c := range r.clauses {
			for _, role := range c.roles {
				if !slices.Contains(out, role) {
					out = append(out, role)
				}
			}
		}
	}
	return out
}

// contact is who can help. "owners" in @who stands for the teams that own the
// resource, and infrastructure where nobody does.
func (q *question) contact(r *rule, o Resource) string {
	if r.who != "" && r.who != "owners" {
		return r.who
	}
	if len(o.Teams) > 0 {
		return plural("team", o.Teams) + " " + list(o.Teams, "or")
	}
	return "role infrastructure"
}

func (r Resource) name() string {
	kind := r.Type
	if r.isEntity() {
		kind = r.Blueprint
	}
	switch {
	case r.ID == "":
		return "this"
	case kind == "":
		return r.ID
	default:
		return kind + "/" + r.ID
	}
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
