package approval

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/notify"
	"sphera/internal/run"
	"sphera/internal/store"
)

// behindMachine is why somebody may not decide.
const behindMachine = "is behind the machine that asked for it"

// maxAll bounds how many people "all of them" may be.
const maxAll = 200

// builder puts together what is asked for a run.
type builder struct {
	*Service
	f         *facts
	args      Args
	approvals []action.Approval
	warnings  []string
}

// ask works out which approvals a run needs.
func (s *Service) ask(ctx context.Context, w run.Wish) (run.Asked, error) {
	// What the rules look at does not depend on what the requester may see.
	ctx = auth.WithPrincipal(ctx, auth.System("approval"))
	var version int64
	if err := s.DB.Read().QueryRowContext(ctx, "SELECT version FROM approval_state WHERE one = 1").Scan(&version); err != nil {
		return run.Asked{}, fmt.Errorf("read the version of the rules: %w", err)
	}
	list, err := s.Rules(ctx)
	if err != nil {
		return run.Asked{}, err
	}
	f, err := s.facts(ctx, w)
	if err != nil {
		return run.Asked{}, err
	}
	b := &builder{Service: s, f: f}
	if err := b.rules(ctx, list); err != nil {
		return run.Asked{}, err
	}
	if err := b.own(ctx); err != nil {
		return run.Asked{}, err
	}
	out := run.Asked{Approvals: b.approvals, Version: strconv.FormatInt(version, 10)}
	if len(b.args.Asks) == 0 {
		return out, nil
	}
	if err := b.finish(ctx); err != nil {
		return run.Asked{}, err
	}
	out.Warnings = b.warnings
	step, err := s.step.Step("approve", "Wait for approval", b.args)
	out.Step = &step
	return out, err
}

// current refuses when a rule was changed since the plan was made.
func (s *Service) current(ctx context.Context, tx *store.Tx, version string) error {
	if err := share(ctx, tx); err != nil {
		return err
	}
	var now int64
	if err := tx.QueryRowContext(ctx, "SELECT version FROM approval_state WHERE one = 1").Scan(&now); err != nil {
		return fmt.Errorf("read the version of the rules: %w", err)
	}
	if strconv.FormatInt(now, 10) != version {
		return fault.New(fault.Conflict, "A rule for approvals was changed at this moment, so nothing was started. Try again.")
	}
	return nil
}

// rules looks at the rules in their order.
func (b *builder) rules(ctx context.Context, list []Rule) error {
	var waived *action.Approval
	for i := range list {
		r := &list[i]
		if !r.Enabled {
			continue
		}
		fits, why := b.fits(ctx, r, b.f)
		if !fits {
			continue
		}
		if r.Effect == AutoApprove {
			if waived == nil {
				waived = &action.Approval{Title: "Approved by rule", Auto: true, Rule: r.Name, Why: why}
			}
			continue
		}
		if waived != nil { // it stands behind one that approves
			b.approvals = append(b.approvals, *waived)
			return nil
		}
		if err := b.rule(ctx, r, why); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) rule(ctx context.Context, r *Rule, why string) error {
	ask := Ask{Rule: r.Name, RuleID: r.ID, Why: why}
	for _, g := range r.Groups {
		if err := b.group(ctx, &ask, g.Name, max(1, g.Need), g.Approvers); err != nil {
			return err
		}
	}
	b.args.Asks = append(b.args.Asks, ask)
	t := &b.args.Times
	least := func(to *int64, n int64) {
		if n > 0 && (*to == 0 || n < *to) {
			*to = n
		}
	}
	least(&t.Due, r.DueMinutes)
	least(&t.Remind, r.RemindMinutes)
	least(&t.Expire, r.ExpireMinutes)
	if r.EscalateMinutes == 0 || r.EscalateTo == nil {
		return nil
	}
	least(&t.Escalate, r.EscalateMinutes)
	to, _, err := b.resolve(ctx, "", 1, *r.EscalateTo)
	if err != nil {
		return err
	}
	if b.args.Escalate == nil {
		b.args.Escalate = &Group{Name: "escalation"}
	}
	e := b.args.Escalate
	e.Roles, e.Teams, e.People = union(e.Roles, to.Roles), union(e.Teams, to.Teams), union(e.People, to.People)
	return nil
}

// own are the approvals that the action itself asks for; those of other systems
// stay in the plan as they are.
func (b *builder) own(ctx context.Context) error {
	ask := Ask{Rule: b.f.wish.Action.Title, Why: "Because the action asks for it."}
	for _, a := range b.f.wish.Plan.Approvals {
		if a.By == nil || a.Auto {
			b.approvals = append(b.approvals, a)
			continue
		}
		if err := b.group(ctx, &ask, a.Title, max(1, a.Need), *a.By); err != nil {
			return err
		}
		for _, to := range a.Tell {
			b.args.Webhooks = append(b.args.Webhooks, notify.Hook{URL: to.URL, Format: to.Format})
		}
	}
	if len(ask.Groups) > 0 {
		b.args.Asks = append(b.args.Asks, ask)
	}
	return nil
}

// group resolves a group and shows it in the plan.
func (b *builder) group(ctx context.Context, ask *Ask, name string, need int, who action.Approvers) error {
	g, words, err := b.resolve(ctx, name, need, who)
	if err != nil {
		return err
	}
	ask.Groups = append(ask.Groups, g)
	title := name
	if title == "" {
		title = "Approval"
	}
	b.approvals = append(b.approvals, action.Approval{Title: title, Rule: ask.Rule, Who: words, Need: g.Need, Why: ask.Why})
	return nil
}

// resolve turns people by what they are into roles, teams and ids, and into
// words for the plan.
func (b *builder) resolve(ctx context.Context, name string, need int, a action.Approvers) (Group, []string, error) {
	g := Group{Name: name, Need: need, Roles: a.Roles, Teams: slices.Clone(a.Teams), Named: a.People}
	var words []string
	if a.OwnerTeam {
		g.Teams = union(g.Teams, b.owners())
	}
	people := slices.Clone(a.People)
	if a.OnCall != "" {
		people = append(people, b.onCall(a.OnCall)...)
	}
	for _, one := range people {
		u, err := b.person(ctx, one)
		if fault.Is(err, fault.NotFound) {
			words = append(words, one+" (no account)")
			continue
		}
		if err != nil {
			return g, nil, err
		}
		g.People = union(g.People, []string{u.ID})
		words = append(words, nameOf(u))
	}
	// Nobody owns it, or nobody is on call: then those who look after the
	// portal decide, instead of nobody.
	if (a.OwnerTeam || a.OnCall != "") && len(g.Roles)+len(g.Teams)+len(g.People) == 0 {
		g.Roles = []string{auth.Infrastructure, auth.Administrator}
	}
	for _, r := range g.Roles {
		words = append(words, "role "+r)
	}
	for _, t := range g.Teams {
		words = append(words, "team "+t)
	}
	if a.All {
		if err := b.everyOne(ctx, &g); err != nil {
			return g, nil, err
		}
	}
	return g, words, nil
}

// everyOne makes a group of which all have to approve.
func (b *builder) everyOne(ctx context.Context, g *Group) error {
	users, err := members(ctx, b.DB.Read(), g, maxAll+1)
	if err != nil {
		return err
	}
	if len(users) > maxAll {
		return fault.New(fault.Unprocessable, "More than %d people would have to approve.", maxAll)
	}
	g.Roles, g.Teams, g.People = nil, nil, nil
	for _, id := range users {
		if id != b.f.wish.Actor.ID {
			g.People = append(g.People, id)
		}
	}
	g.Need = max(1, len(g.People))
	return nil
}

// owners are the teams of the entities, or those that the inputs name for what
// is going to be made.
func (b *builder) owners() []string {
	var out []string
	for _, e := range b.f.entities {
		out = union(out, e.Team)
	}
	if len(out) > 0 || b.f.wish.Action.Input == nil {
		return out
	}
	for _, p := range b.f.wish.Action.Input.Properties {
		if team, ok := b.f.input[p.Name].(string); ok && p.Team && team != "" {
			out = union(out, []string{team})
		}
	}
	return out
}

// onCall reads who is on call from a property or relation of the entity.
func (b *builder) onCall(name string) []string {
	for _, e := range b.f.entities {
		for _, v := range []any{e.Properties[name], e.Relations[name]} {
			if people := texts(v); len(people) > 0 {
				return people
			}
		}
	}
	return nil
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []string:
		return v
	case []any:
		var out []string
		for _, one := range v {
			if text, ok := one.(string); ok && text != "" {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

// person finds an account by its address or id.
func (s *Service) person(ctx context.Context, text string) (auth.User, error) {
	if strings.Contains(text, "@") {
		return s.Auth.UserByEmail(ctx, text)
	}
	return s.Auth.User(ctx, text)
}

func nameOf(u auth.User) string {
	if u.Name != "" {
		return u.Name
	}
	return u.Email
}

// finish adds who may not decide, and warns when too few are left.
func (b *builder) finish(ctx context.Context) error {
	w := b.f.wish
	b.args.Risk, b.args.Cost = &b.f.risk, w.Plan.Cost
	if w.Unkept {
		b.args.Plan = w.Plan
	}
	b.exclude(w.Actor.ID, "asked for it")
	for _, id := range w.Requesters {
		b.exclude(id, "asked for it")
	}
	if b.Owners != nil {
		owners, err := b.Owners(ctx, b.DB.Read(), w.Actor.ID)
		if err != nil {
			return err
		}
		for _, id := range owners {
			b.exclude(id, behindMachine)
		}
	}
	if b.Committers != nil {
		people, err := b.Committers(ctx, w)
		if err != nil {
			return err
		}
		for _, one := range people {
			u, err := b.person(ctx, one)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			b.exclude(u.ID, "committed last to what it delivers")
		}
	}
	for i := range b.args.Asks {
		for j := range b.args.Asks[i].Groups {
			if err := b.enough(ctx, &b.args.Asks[i], &b.args.Asks[i].Groups[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) exclude(id, why string) {
	if id == "" || id == audit.System || slices.ContainsFunc(b.args.Excluded, func(e Exclusion) bool { return e.ID == id }) {
		return
	}
	b.args.Excluded = append(b.args.Excluded, Exclusion{id, why})
}

// enough warns when a group has too few people who may decide.
func (b *builder) enough(ctx context.Context, ask *Ask, g *Group) error {
	ids, err := members(ctx, b.DB.Read(), g, g.Need+len(b.args.Excluded)+1)
	if err != nil {
		return err
	}
	left := 0
	for _, id := range ids {
		if !b.args.excludes(id) {
			left++
		}
	}
	if left < g.Need {
		b.warnings = append(b.warnings, fmt.Sprintf("%q needs %d approvals, and only %d people may give them. Ask an administrator to change the rule or its people.", ask.Rule, g.Need, left))
	}
	return nil
}

func (a *Args) excludes(id string) bool {
	return slices.ContainsFunc(a.Excluded, func(e Exclusion) bool { return e.ID == id })
}

// members are ids of active users who belong to a group, at most limit.
func members(ctx context.Context, q store.Querier, g *Group, limit int) ([]string, error) {
	var terms []string
	var args []any
	add := func(condition string, value any) {
		args = append(args, value)
		terms = append(terms, fmt.Sprintf(condition, len(args)))
	}
	for _, r := range g.Roles {
		add("CAST(u.roles AS TEXT) LIKE $%d", `%"`+r+`"%`)
	}
	for _, t := range g.Teams {
		add("EXISTS (SELECT 1 FROM auth_members m WHERE m.user_id = u.id AND m.team = $%d)", t)
	}
	for _, id := range g.People {
		add("u.id = $%d", id)
	}
	if len(terms) == 0 {
		return nil, nil
	}
	args = append(args, limit)
	rows, err := q.QueryContext(ctx, "SELECT u.id FROM auth_users u WHERE u.status = 'active' AND ("+strings.Join(terms, " OR ")+fmt.Sprintf(") ORDER BY u.id LIMIT $%d", len(args)), args...)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("look who may approve: %w", err)
	}
	return list, nil
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, one := range b {
		if one != "" && !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}
