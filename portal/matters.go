package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/policy"
	"sphera/internal/store"
)

// Minutes after which a change of a flag or of policies is late, is reminded
// of, and is told of to more people. It does not expire: it does nothing.
const (
	matterDue      = 24 * 60
	matterRemind   = 24 * 60
	matterEscalate = 72 * 60
)

func matterTimes() approval.Times {
	return approval.Times{Due: matterDue, Remind: matterRemind, Escalate: matterEscalate}
}

// flagMatters are changes of flags that wait for a second person.
type flagMatters struct{ *parts }

func (p flagMatters) Matters(ctx context.Context, f approval.MatterFilter) ([]approval.Matter, error) {
	if !p.sees(ctx, "flag.read") {
		return nil, nil
	}
	list, err := p.flags.ProposalsOf(ctx, flag.ProposalFilter{Open: f.Open, Closed: f.Closed, Author: f.Author, From: f.From, Limit: f.Limit})
	out := make([]approval.Matter, 0, len(list))
	known := map[[3]string]flag.Deciders{}
	for _, one := range list {
		of, ok := known[[3]string{one.Project, one.Flag, one.Environment}]
		if !ok {
			if of, err = p.flags.Deciders(ctx, one); err != nil {
				return nil, err
			}
			known[[3]string{one.Project, one.Flag, one.Environment}] = of
		}
		out = append(out, flagMatter(one, of))
	}
	return out, err
}

func (p flagMatters) Matter(ctx context.Context, id string) (approval.Matter, error) {
	if !p.sees(ctx, "flag.read") {
		return approval.Matter{}, fault.New(fault.NotFound, "There is no such request.")
	}
	one, err := p.flags.ProposalByID(ctx, id)
	if err != nil {
		return approval.Matter{}, err
	}
	of, err := p.flags.Deciders(ctx, one.Proposal)
	m := flagMatter(one.Proposal, of)
	m.Changes[0].Before, m.Changes[0].After = indented(one.Before), indented(one.After)
	return m, err
}

func indented(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// flagMatter is a proposal with who may decide on it.
func flagMatter(one flag.Proposal, of flag.Deciders) approval.Matter {
	states := map[string]string{flag.Approved: approval.Approved, flag.Declined: approval.Declined, flag.Outdated: approval.Void, flag.Withdrawn: approval.Cancelled}
	m := approval.Matter{
		ID: one.ID, Kind: approval.KindFlag, Action: "change_flag", Title: one.Flag + " in " + one.Environment, State: approval.Open,
		Requester: approval.Person{ID: one.Author, Name: one.AuthorName}, Created: one.CreatedAt, Decider: approval.Person{ID: one.DecidedBy, Name: one.DecidedByName},
		Comment: one.Comment, Reason: one.Reason, Project: one.Project, Times: matterTimes(),
		Ask:  approval.Ask{Rule: "Changes of flags", Why: one.Why, Groups: []approval.Group{{Need: 1, Teams: of.Teams, Roles: []string{auth.Maintainer, auth.Infrastructure, auth.Administrator}}}},
		Verb: "flag.approve", Object: auth.Object{Kind: "flag", ID: one.Project + "/" + one.Flag, Teams: of.Teams, Author: one.Author, Environment: one.Environment, EnvironmentKind: of.Kind},
		Tell: approval.Group{Teams: of.Teams}, Higher: approval.Group{Roles: []string{auth.Infrastructure}},
		Link:    "/flags/" + url.PathEscape(one.Project) + "/" + url.PathEscape(one.Flag),
		Changes: []approval.Change{{Name: one.Flag + ".json", Words: one.Diff}},
	}
	if of.Kind == "production" {
		m.Risk = &action.Risk{Level: action.HighRisk, Reasons: []string{"It touches " + one.Environment + ", which is production."}}
	}
	if state := states[one.State]; state != "" {
		m.State = state
	}
	if one.DecidedAt != nil {
		m.Decided = *one.DecidedAt
	}
	if len(of.Teams) == 0 {
		m.Tell = m.Higher
	}
	return m
}

// mayDecideFlag is what approvals say to a decision on a flag.
func (p *parts) mayDecideFlag(ctx context.Context, tx *store.Tx, one flag.Proposal, of flag.Deciders, by flag.Who) error {
	return p.approvals.Stand(ctx, tx, flagMatter(one, of), by.ID)
}

// flagProposed tells of a proposal.
func (p *parts) flagProposed(ctx context.Context, tx *store.Tx, one flag.Proposal, of flag.Deciders) error {
	return p.tellMatter(ctx, tx, flagMatter(one, of))
}

func (p *parts) tellMatter(ctx context.Context, tx *store.Tx, m approval.Matter) error {
	if m.State == approval.Open {
		return p.approvals.Asked(ctx, tx, m)
	}
	return p.approvals.Closed(ctx, tx, m)
}

// sees says whether who acts may read such things.
func (p *parts) sees(ctx context.Context, verb string) bool {
	who, ok := auth.From(ctx)
	return ok && p.auth.Could(ctx, who, verb, auth.Object{}) == nil
}

// policyMatters are changes of policies that wait for a second administrator.
type policyMatters struct{ *parts }

func (p policyMatters) Matters(ctx context.Context, f approval.MatterFilter) ([]approval.Matter, error) {
	if !p.sees(ctx, "policy.read") {
		return nil, nil
	}
	list, err := p.policies.ChangesOf(ctx, policy.ChangeFilter{Open: f.Open, Closed: f.Closed, Author: f.Author, From: f.From, Limit: f.Limit})
	out := make([]approval.Matter, 0, len(list))
	for _, one := range list {
		out = append(out, policyMatter(one))
	}
	return out, err
}

func (p policyMatters) Matter(ctx context.Context, id string) (approval.Matter, error) {
	if !p.sees(ctx, "policy.read") {
		return approval.Matter{}, fault.New(fault.NotFound, "There is no such request.")
	}
	one, err := p.policies.Change(ctx, id)
	if err == nil && one.Alone {
		err = fault.New(fault.NotFound, "There is no such request.")
	}
	return policyMatter(one), err
}

func policyMatter(one policy.Change) approval.Matter {
	administrators := approval.Group{Roles: []string{auth.Administrator}}
	states := map[string]string{policy.Applied: approval.Approved, policy.Rejected: approval.Declined, policy.Withdrawn: approval.Cancelled}
	m := approval.Matter{
		ID: one.ID, Kind: approval.KindPolicy, Action: "change_policies", Title: "Policies: " + one.Reason, State: approval.Open,
		Requester: approval.Person{ID: one.Author, Name: one.AuthorName}, Created: one.CreatedAt, Decider: approval.Person{ID: one.DecidedBy, Name: one.DecidedName},
		Comment: one.Comment, Reason: one.Reason, Times: matterTimes(),
		Ask: approval.Ask{
			Rule: "Changes of policies", Why: "Because a second administrator confirms every change of policies.",
			Groups: []approval.Group{{Need: 1, Roles: []string{auth.Administrator}}},
		},
		Verb: "policy.confirm", Object: auth.Object{Kind: "policy", ID: one.ID, Author: one.Author}, Tell: administrators, Higher: administrators,
		Risk: &action.Risk{Level: action.HighRisk, Reasons: []string{"It changes who may do what."}}, Link: "/policies",
		Changes: []approval.Change{{Name: "policies.cedar", Words: impactWords(one.Impact), Before: one.Before, After: one.Policies}},
	}
	if one.Cases != "" {
		m.Changes = append(m.Changes, approval.Change{Name: "tests", Words: []string{}, After: one.Cases})
	}
	if state := states[one.State]; state != "" {
		m.State = state
	}
	if one.DecidedAt != nil {
		m.Decided = *one.DecidedAt
	}
	return m
}

func impactWords(i policy.Impact) []string {
	return []string{fmt.Sprintf("Of the last %d decisions %d would have been denied instead, and %d allowed.", i.Considered, i.Denied, i.Allowed)}
}

// mayConfirmPolicies is what approvals say to a decision on policies.
func (p *parts) mayConfirmPolicies(ctx context.Context, tx *store.Tx, c policy.Change, by policy.Person) error {
	return p.approvals.Stand(ctx, tx, policyMatter(c), by.ID)
}

func (p *parts) policiesProposed(ctx context.Context, tx *store.Tx, c policy.Change) error {
	return p.tellMatter(ctx, tx, policyMatter(c))
}
