package policy

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// States of a change.
const (
	Waiting   = "open"
	Applied   = "applied"
	Rejected  = "rejected"
	Withdrawn = "withdrawn"
)

// Person is who proposes or decides.
type Person struct{ ID, Name string }

// Draft is what somebody wants the policies to be.
type Draft struct {
	// Base is the version that was changed.
	Base     int64  `json:"base"`
	Policies string `json:"policies" maxLength:"262144"`
	Cases    string `json:"cases,omitempty" maxLength:"65536"`
	Reason   string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the one who confirms and for the history"`
}

// Report is everything that is to be known about a draft before it is proposed.
type Report struct {
	// Problems are mistakes in the policies, CaseProblems in the cases.
	Problems     []Problem `json:"problems"`
	CaseProblems []Problem `json:"caseProblems"`
	// Failures are cases that come out otherwise than they say.
	Failures []Failure `json:"failures"`
	Cases    int       `json:"cases"`
	Policies []Info    `json:"policies"`
	Impact   Impact    `json:"impact"`
}

// Good reports whether the draft can be proposed.
func (r Report) Good() bool {
	return len(r.Problems) == 0 && len(r.CaseProblems) == 0 && len(r.Failures) == 0
}

// Change is a draft that was proposed, and what became of it.
type Change struct {
	ID   string `json:"id"`
	Base int64  `json:"base"`
	// Version is what it became; 0 while it is not in force.
	Version     int64      `json:"version,omitempty"`
	State       string     `json:"state"`
	Policies    string     `json:"policies"`
	Cases       string     `json:"cases"`
	Reason      string     `json:"reason"`
	Author      string     `json:"author"`
	AuthorName  string     `json:"authorName"`
	CreatedAt   time.Time  `json:"createdAt"`
	DecidedBy   string     `json:"decidedBy,omitempty"`
	DecidedName string     `json:"decidedName,omitempty"`
	DecidedAt   *time.Time `json:"decidedAt,omitempty"`
	Comment     string     `json:"comment,omitempty"`
	// Alone says that it came into force without a second person: there was
	// only one administrator.
	Alone  bool   `json:"alone"`
	Impact Impact `json:"impact"`
	// Before is the text that it replaced or would replace.
	Before string `json:"before,omitempty"`
}

const changeColumns = "id, base, COALESCE(version, 0), state, policies, cases, reason, author, author_name, created_at, decided_by, decided_name, decided_at, comment, alone, impact"

func scanChange(row interface{ Scan(...any) error }) (Change, error) {
	var c Change
	var created, decided, alone int64
	var impact string
	err := row.Scan(&c.ID, &c.Base, &c.Version, &c.State, &c.Policies, &c.Cases, &c.Reason, &c.Author, &c.AuthorName, &created,
		&c.DecidedBy, &c.DecidedName, &decided, &c.Comment, &alone, &impact)
	if err != nil {
		return Change{}, err
	}
	c.CreatedAt, c.Alone = store.Time(created), alone != 0
	if decided != 0 {
		at := store.Time(decided)
		c.DecidedAt = &at
	}
	if err := json.Unmarshal([]byte(impact), &c.Impact); err != nil {
		return Change{}, fmt.Errorf("decode the impact of a change: %w", err)
	}
	return c, nil
}

// Check tells everything about a draft; nothing is kept.
func (p *Policies) Check(ctx context.Context, d Draft) (Report, error) {
	return p.check(ctx, p.DB.Read(), d)
}

func (p *Policies) check(ctx context.Context, q store.Querier, d Draft) (Report, error) {
	r := Report{Problems: []Problem{}, CaseProblems: []Problem{}, Failures: []Failure{}, Policies: []Info{}, Impact: Impact{Changes: []Difference{}}}
	rules, problems := parse("own", d.Policies, p.Engine.builtin)
	r.Policies = append(r.Policies, infos(rules)...)
	if r.Problems = append(r.Problems, problems...); len(problems) > 0 {
		return r, nil
	}
	schema, err := p.schema(ctx, q)
	if err != nil {
		return r, err
	}
	r.Problems = append(r.Problems, schema.check(rules, d.Policies)...)
	next := newSet(p.Engine.builtin, rules)
	if len(r.Problems) == 0 {
		r.Problems = append(r.Problems, next.lockedOut(rules)...)
	}
	cases, problems := parseCases(d.Cases)
	r.CaseProblems, r.Cases = append(r.CaseProblems, problems...), len(cases)
	if len(r.Problems) > 0 {
		return r, nil
	}
	r.Failures = append(r.Failures, next.run(ctx, cases)...)
	r.Impact, err = p.impact(ctx, q, next)
	return r, err
}

// lockedOut finds out whether an administrator could still mend the policies.
func (s *set) lockedOut(rules []rule) []Problem {
	admin := Subject{ID: "an administrator", Kind: User, Status: "active", Roles: []string{"administrator"}, Via: "session"}
	for _, verb := range []string{"policy.read", "policy.write", "policy.confirm", "user.write"} {
		resource := Resource{Type: TypePolicy, ID: "a change", Author: "somebody"}
		if verb == "user.write" {
			resource = Resource{Type: TypeAccount, ID: "somebody"}
		}
		d := s.decide(Request{Subject: admin, Action: verb, Resource: resource})
		if d.Allowed {
			continue
		}
		p := Problem{Line: 1, Column: 1, Policy: d.Rule, Message: "With this no administrator could do " + verb + " any more, and nobody could take it back."}
		for _, r := range rules {
			if r.id == d.Rule {
				p.Line, p.Column = r.position.Line, r.position.Column
			}
		}
		return []Problem{p}
	}
	return nil
}

// Propose keeps a draft for another administrator to confirm. Where there is
// only one administrator it comes into force at once, and the event says so.
func (p *Policies) Propose(ctx context.Context, by Person, d Draft) (Change, Report, error) {
	if strings.TrimSpace(d.Reason) == "" {
		return Change{}, Report{}, fault.Field("/reason", "is missing", "why the policies are to change")
	}
	var c Change
	var report Report
	err := p.DB.Tx(ctx, func(tx *store.Tx) error {
		now, err := current(ctx, tx, tx.ForUpdate())
		if err != nil {
			return err
		}
		if now.Version != d.Base {
			return errStale(d.Base, now.Version)
		}
		if now.Policies == d.Policies && now.Cases == d.Cases {
			return fault.New(fault.Unprocessable, "Nothing was changed.")
		}
		if report, err = p.check(ctx, tx, d); err != nil {
			return err
		}
		if !report.Good() {
			return faultOf(report)
		}
		administrators, err := p.Administrators(ctx, tx)
		if err != nil {
			return err
		}
		c = Change{
			ID: uuid.Must(uuid.NewV7()).String(), Base: d.Base, State: Waiting, Policies: d.Policies, Cases: d.Cases, Reason: strings.TrimSpace(d.Reason),
			Author: by.ID, AuthorName: by.Name, CreatedAt: store.Time(store.Millis(p.Now())), Impact: report.Impact, Before: now.Policies,
		}
		if err := insertChange(ctx, tx, c); err != nil {
			return err
		}
		if err := p.event(ctx, tx, by, "policy.propose", c, "base", c.Base, "reason", c.Reason, "newlyDenied", c.Impact.Denied, "newlyAllowed", c.Impact.Allowed); err != nil {
			return err
		}
		tx.Notify(Topic, c.ID)
		if administrators > 1 {
			return p.proposed(ctx, tx, c)
		}
		c.Alone, c.Comment = true, "There was no other administrator to confirm it."
		return p.apply(ctx, tx, &c, by, now)
	})
	if err != nil {
		return Change{}, report, err
	}
	if c.State == Applied {
		err = p.Load(ctx)
	}
	return c, report, err
}

func (p *Policies) proposed(ctx context.Context, tx *store.Tx, c Change) error {
	if p.Proposed == nil {
		return nil
	}
	return p.Proposed(ctx, tx, c)
}

func errStale(base, now int64) error {
	return fault.New(fault.Conflict, "The policies changed in the meantime: you began with version %d, now it is %d.", base, now)
}

// faultOf is a report that keeps a draft from being proposed, as an error.
func faultOf(r Report) error {
	f := fault.New(fault.Unprocessable, "The policies were not saved.")
	for _, one := range r.Problems {
		f = f.With("/policies:"+at(one), one.Message, "")
	}
	for _, one := range r.CaseProblems {
		f = f.With("/cases:"+at(one), one.Message, "")
	}
	for _, one := range r.Failures {
		f = f.With(fmt.Sprintf("/cases:%d", one.Line), "came out otherwise: "+one.Got+" by "+one.Rule, "what the case says")
	}
	return f.WithData(r)
}

func at(p Problem) string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

func insertChange(ctx context.Context, tx *store.Tx, c Change) error {
	impact, err := json.Marshal(c.Impact)
	if err != nil {
		return fmt.Errorf("encode the impact of a change: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO policy_changes (id, base, version, state, policies, cases, reason, author, author_name, created_at, decided_by, decided_name, decided_at, comment, alone, impact)
		VALUES ($1, $2, NULL, $3, $4, $5, $6, $7, $8, $9, '', '', 0, '', 0, $10)`,
		c.ID, c.Base, c.State, c.Policies, c.Cases, c.Reason, c.Author, c.AuthorName, store.Millis(c.CreatedAt), string(impact))
	if err != nil {
		return fmt.Errorf("keep a change of policies: %w", err)
	}
	return nil
}

func (p *Policies) event(ctx context.Context, tx *store.Tx, by Person, verb string, c Change, pairs ...any) error {
	return p.Audit.Append(ctx, tx, audit.Event{Actor: by.ID, ActorName: by.Name, Verb: verb, Object: "policy/" + c.ID, Detail: audit.Detail(pairs...)})
}

// apply puts a change into force.
func (p *Policies) apply(ctx context.Context, tx *store.Tx, c *Change, by Person, now Set) error {
	decided := store.Time(store.Millis(p.Now()))
	c.State, c.Version, c.DecidedBy, c.DecidedName, c.DecidedAt = Applied, now.Version+1, by.ID, by.Name, &decided
	if _, err := tx.ExecContext(ctx, "UPDATE policy_current SET version = $1, policies = $2, cases = $3 WHERE id = 1", c.Version, c.Policies, c.Cases); err != nil {
		return fmt.Errorf("put policies into force: %w", err)
	}
	if err := saveDecision(ctx, tx, *c); err != nil {
		return err
	}
	tx.Notify(Topic, c.ID)
	verb := "policy.apply"
	if c.Alone {
		verb = "policy.apply_alone"
	}
	return p.event(ctx, tx, by, verb, *c, "version", c.Version, "author", c.Author, "reason", c.Reason)
}

func saveDecision(ctx context.Context, tx *store.Tx, c Change) error {
	alone := 0
	if c.Alone {
		alone = 1
	}
	var version any
	if c.Version != 0 {
		version = c.Version
	}
	_, err := tx.ExecContext(ctx, "UPDATE policy_changes SET state = $1, version = $2, decided_by = $3, decided_name = $4, decided_at = $5, comment = $6, alone = $7 WHERE id = $8",
		c.State, version, c.DecidedBy, c.DecidedName, store.Millis(*c.DecidedAt), c.Comment, alone, c.ID)
	if err != nil {
		return fmt.Errorf("keep what became of a change of policies: %w", err)
	}
	return nil
}

// Confirm puts a change into force that another administrator proposed.
func (p *Policies) Confirm(ctx context.Context, by Person, id, comment string) (Change, error) {
	var c Change
	err := p.DB.Tx(ctx, func(tx *store.Tx) error {
		now, err := current(ctx, tx, tx.ForUpdate())
		if err != nil {
			return err
		}
		if c, err = openChange(ctx, tx, id); err != nil {
			return err
		}
		if err := p.mayConfirm(ctx, tx, by, c); err != nil {
			return err
		}
		if c.Base != now.Version {
			return errStale(c.Base, now.Version)
		}
		// Blueprints may have changed since.
		report, err := p.check(ctx, tx, Draft{Base: c.Base, Policies: c.Policies, Cases: c.Cases})
		if err != nil {
			return err
		}
		if !report.Good() {
			return faultOf(report)
		}
		c.Comment = comment
		if err := p.apply(ctx, tx, &c, by, now); err != nil {
			return err
		}
		return p.proposed(ctx, tx, c)
	})
	if err != nil {
		return Change{}, err
	}
	return c, p.Load(ctx)
}

// mayConfirm holds to two persons: never the author, nor whom the rules for
// approvals refuse.
func (p *Policies) mayConfirm(ctx context.Context, tx *store.Tx, by Person, c Change) error {
	if by.ID == c.Author {
		return fault.Refuse("another-person-confirms-policies", "You proposed this yourself; another administrator has to confirm it.",
			`Ask another administrator; they find it under "Approvals".`, "role administrator")
	}
	if p.MayConfirm == nil {
		return nil
	}
	return p.MayConfirm(ctx, tx, c, by)
}

// Reject ends a change without putting it into force; by its author it is
// withdrawn.
func (p *Policies) Reject(ctx context.Context, by Person, id, comment string) (Change, error) {
	var c Change
	err := p.DB.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if c, err = openChange(ctx, tx, id); err != nil {
			return err
		}
		decided := store.Time(store.Millis(p.Now()))
		c.State, c.DecidedBy, c.DecidedName, c.DecidedAt, c.Comment = Rejected, by.ID, by.Name, &decided, comment
		verb := "policy.reject"
		if by.ID == c.Author {
			c.State, verb = Withdrawn, "policy.withdraw"
		}
		if err := saveDecision(ctx, tx, c); err != nil {
			return err
		}
		tx.Notify(Topic, c.ID)
		if err := p.event(ctx, tx, by, verb, c, "author", c.Author); err != nil {
			return err
		}
		return p.proposed(ctx, tx, c)
	})
	return c, err
}

func openChange(ctx context.Context, tx *store.Tx, id string) (Change, error) {
	c, err := oneChange(ctx, tx, id, tx.ForUpdate())
	if err == nil && c.State != Waiting {
		err = fault.New(fault.Conflict, "This change is %s already.", c.State)
	}
	return c, err
}

func oneChange(ctx context.Context, q store.Querier, id, lock string) (Change, error) {
	c, err := scanChange(q.QueryRowContext(ctx, "SELECT "+changeColumns+" FROM policy_changes WHERE id = $1"+lock, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Change{}, fault.New(fault.NotFound, "There is no such change of policies.")
	}
	if err != nil {
		return Change{}, fmt.Errorf("read a change of policies: %w", err)
	}
	return c, nil
}
