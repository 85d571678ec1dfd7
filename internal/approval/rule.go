package approval

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog/jq"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Effects of rules.
const (
	// AskPeople asks for approvals.
	AskPeople = "ask"
	// AutoApprove approves what rules further down would ask for.
	AutoApprove = "approve"
)

// Bounds of rules.
const (
	maxRules  = 200
	maxGroups = 10
	maxNeed   = 20
)

// Rule says which runs need whose approval. Rules are looked at in the order of
// their positions; every one that fits asks. One with the effect "approve"
// takes the place of all that stand behind it.
type Rule struct {
	ID       string `json:"id"`
	Position int    `json:"position"`
	RuleBody
	CreatedBy string    `json:"createdBy"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedBy string    `json:"updatedBy"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// RuleBody is a rule as it is sent.
type RuleBody struct {
	Name        string `json:"name" minLength:"1" maxLength:"100"`
	Description string `json:"description,omitempty" maxLength:"1000"`
	Enabled     bool   `json:"enabled"`
	Effect      string `json:"effect" enum:"ask,approve"`
	Match       Match  `json:"match"`
	// Groups are needed all at once; each has Need people of its own.
	Groups []RuleGroup `json:"groups,omitempty" maxItems:"10"`
	// DueMinutes is within which a decision is expected.
	DueMinutes int64 `json:"dueMinutes,omitempty" minimum:"0" maximum:"525600"`
	// RemindMinutes is after which, again and again, those who can decide are reminded.
	RemindMinutes int64 `json:"remindMinutes,omitempty" minimum:"0" maximum:"525600"`
	// EscalateMinutes is after which EscalateTo are told, and may decide, too.
	EscalateMinutes int64             `json:"escalateMinutes,omitempty" minimum:"0" maximum:"525600"`
	EscalateTo      *action.Approvers `json:"escalateTo,omitempty"`
	// ExpireMinutes is after which nobody can decide any more and the run ends.
	ExpireMinutes int64 `json:"expireMinutes,omitempty" minimum:"0" maximum:"525600"`
}

// RuleGroup is Need of some people.
type RuleGroup struct {
	Name string `json:"name,omitempty" maxLength:"100"`
	Need int    `json:"need,omitempty" minimum:"0" maximum:"20" doc:"1 when absent"`
	action.Approvers
}

// Match says which runs a rule is about; everything that is set has to fit.
type Match struct {
	// Actions are identifiers; a * stands for any text.
	Actions []string `json:"actions,omitempty" maxItems:"100"`
	// Environments are kinds of environments (dev, staging, production) or
	// identifiers of some.
	Environments []string `json:"environments,omitempty" maxItems:"50"`
	// Blueprints are those of the entities the run is about.
	Blueprints []string `json:"blueprints,omitempty" maxItems:"100"`
	// Entity and Input are queries of the catalog's language: over the entity,
	// and over the inputs as if they were an entity's properties.
	Entity json.RawMessage `json:"entity,omitempty"`
	Input  json.RawMessage `json:"input,omitempty"`
	// Condition is jq over {action, input, entity, environments, requester, plan, cost, risk}.
	Condition string `json:"condition,omitempty" maxLength:"10000"`
	// MinCost is the least monthly cost.
	MinCost *float64 `json:"minCost,omitempty"`
	// MinRisk is the least risk.
	MinRisk string `json:"minRisk,omitempty" enum:"low,medium,high"`
}

func (r *RuleBody) check() error {
	r.Name = strings.TrimSpace(r.Name)
	if r.Name == "" {
		return fault.Field("name", "is missing", "a name that people see in plans")
	}
	switch {
	case r.Effect == AutoApprove && len(r.Groups) > 0:
		return fault.Field("groups", "are set on a rule that approves by itself", "none")
	case r.Effect == AutoApprove && r.Match.everything():
		return fault.Field("match", "is empty: the rule would approve everything", "at least one thing that has to fit")
	case r.Effect == AskPeople && len(r.Groups) == 0:
		return fault.Field("groups", "are missing", "at least one group of people who approve")
	case r.Effect != AskPeople && r.Effect != AutoApprove:
		return fault.Field("effect", "is not known", "ask or approve")
	case r.EscalateMinutes > 0 && (r.EscalateTo == nil || r.EscalateTo.Empty()):
		return fault.Field("escalateTo", "is missing", "who is told when nobody decided in time")
	case r.ExpireMinutes > 0 && r.EscalateMinutes >= r.ExpireMinutes:
		return fault.Field("escalateMinutes", "is not before the end", "less than expireMinutes")
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		at := fmt.Sprintf("groups.%d", i)
		if g.Need == 0 {
			g.Need = 1
		}
		if g.Empty() {
			return fault.Field(at, "names nobody", "roles, teams, people, ownerTeam or onCall")
		}
		if g.Need < 1 || g.Need > maxNeed {
			return fault.Field(at+".need", "is not a number of people", fmt.Sprintf("1 to %d", maxNeed))
		}
		if err := checkRoles(at+".roles", g.Roles); err != nil {
			return err
		}
		if n := len(g.People); n > 0 && len(g.Roles)+len(g.Teams) == 0 && !g.OwnerTeam && g.OnCall == "" && n < g.Need {
			return fault.Field(at+".need", "is more than there are people", fmt.Sprintf("at most %d", n))
		}
	}
	return r.Match.check()
}

func checkRoles(at string, roles []string) error {
	for _, role := range roles {
		if !slices.Contains(auth.Roles(), role) {
			return fault.Field(at, "has a role that does not exist", strings.Join(auth.Roles(), ", "))
		}
	}
	return nil
}

func (m *Match) everything() bool {
	return len(m.Actions)+len(m.Environments)+len(m.Blueprints)+len(m.Entity)+len(m.Input) == 0 && m.Condition == "" && m.MinCost == nil && m.MinRisk == ""
}

func (m *Match) check() error {
	for at, raw := range map[string]json.RawMessage{"match.entity": m.Entity, "match.input": m.Input} {
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		if _, problems := query.Parse(raw); len(problems) > 0 {
			return fault.Field(at+problems[0].Path, problems[0].Problem, "a query of the catalog: {combinator, rules}")
		}
	}
	if m.Condition != "" {
		if _, err := jq.Compile(m.Condition); err != nil {
			return fault.Field("match.condition", "cannot be read: "+err.Error(), "jq that gives true or false")
		}
	}
	if m.MinRisk != "" && level(m.MinRisk) == 0 {
		return fault.Field("match.minRisk", "is not known", "low, medium or high")
	}
	return nil
}

// Rules lists the rules in their order.
func (s *Service) Rules(ctx context.Context) ([]Rule, error) {
	return rules(ctx, s.DB.Read())
}

func rules(ctx context.Context, q store.Querier) ([]Rule, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, position, doc, created_by, created_at, updated_by, updated_at FROM approval_rules ORDER BY position, id LIMIT $1", maxRules)
	list, err := store.All(rows, err, scanRule)
	if err != nil {
		return nil, fmt.Errorf("read the rules for approvals: %w", err)
	}
	return list, nil
}

func scanRule(row interface{ Scan(...any) error }) (Rule, error) {
	var r Rule
	var doc string
	var created, updated int64
	if err := row.Scan(&r.ID, &r.Position, &doc, &r.CreatedBy, &created, &r.UpdatedBy, &updated); err != nil {
		return r, err
	}
	r.CreatedAt, r.UpdatedAt = store.Time(created), store.Time(updated)
	return r, json.Unmarshal([]byte(doc), &r.RuleBody)
}

// Rule returns one rule.
func (s *Service) Rule(ctx context.Context, id string) (Rule, error) {
	return oneRule(ctx, s.DB.Read(), id)
}

func oneRule(ctx context.Context, q store.Querier, id string) (Rule, error) {
	r, err := scanRule(q.QueryRowContext(ctx, "SELECT id, position, doc, created_by, created_at, updated_by, updated_at FROM approval_rules WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, fault.New(fault.NotFound, "There is no such rule.")
	}
	return r, err
}

// AddRule keeps a new rule, behind all others.
func (s *Service) AddRule(ctx context.Context, body RuleBody, by auth.User) (Rule, error) {
	if err := body.check(); err != nil {
		return Rule{}, err
	}
	var id string
	err := s.changeRules(ctx, func(tx *store.Tx, now int64) error {
		list, err := rules(ctx, tx)
		if err != nil {
			return err
		}
		if len(list) >= maxRules {
			return fault.New(fault.Conflict, "There are already %d rules, the most that one portal holds.", maxRules)
		}
		position := 1
		for _, r := range list {
			position = max(position, r.Position+1)
		}
		id = uuid.NewString()
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write a rule: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO approval_rules (id, position, name, enabled, effect, doc, created_by, created_at, updated_by, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $8)`, id, position, body.Name, flag(body.Enabled), body.Effect, string(raw), by.ID, now)
		if store.IsUnique(err) {
			return fault.New(fault.Taken, "There is already a rule with this name.")
		}
		if err != nil {
			return fmt.Errorf("keep a rule: %w", err)
		}
		return s.event(ctx, tx, by, "approval_rule.create", "approval-rule/"+id, "", body.detail(position))
	})
	if err != nil {
		return Rule{}, err
	}
	return s.Rule(ctx, id)
}

// PutRule replaces a rule; position 0 leaves it where it is.
func (s *Service) PutRule(ctx context.Context, id string, body RuleBody, position int, by auth.User) (Rule, error) {
	if err := body.check(); err != nil {
		return Rule{}, err
	}
	err := s.changeRules(ctx, func(tx *store.Tx, now int64) error {
		before, err := oneRule(ctx, tx, id)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write a rule: %w", err)
		}
		_, err = tx.ExecContext(ctx, "UPDATE approval_rules SET name = $1, enabled = $2, effect = $3, doc = $4, updated_by = $5, updated_at = $6 WHERE id = $7",
			body.Name, flag(body.Enabled), body.Effect, string(raw), by.ID, now, id)
		if store.IsUnique(err) {
			return fault.New(fault.Taken, "There is already a rule with this name.")
		}
		if err != nil {
			return fmt.Errorf("keep a rule: %w", err)
		}
		if position > 0 && position != before.Position {
			if err := move(ctx, tx, id, position); err != nil {
				return err
			}
		}
		return s.event(ctx, tx, by, "approval_rule.update", "approval-rule/"+id, "", body.detail(position))
	})
	if err != nil {
		return Rule{}, err
	}
	return s.Rule(ctx, id)
}

// move puts a rule at a place of the order and numbers all again.
func move(ctx context.Context, tx *store.Tx, id string, position int) error {
	list, err := rules(ctx, tx)
	if err != nil {
		return err
	}
	var order []string
	for _, r := range list {
		if r.ID != id {
			order = append(order, r.ID)
		}
	}
	order = slices.Insert(order, min(position-1, len(order)), id)
	for i, one := range order {
		if _, err := tx.ExecContext(ctx, "UPDATE approval_rules SET position = $1 WHERE id = $2", i+1, one); err != nil {
			return fmt.Errorf("order the rules: %w", err)
		}
	}
	return nil
}

// DeleteRule forgets a rule. What was asked by it stays asked.
func (s *Service) DeleteRule(ctx context.Context, id string, by auth.User) error {
	return s.changeRules(ctx, func(tx *store.Tx, _ int64) error {
		r, err := oneRule(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM approval_rules WHERE id = $1", id); err != nil {
			return fmt.Errorf("delete a rule: %w", err)
		}
		return s.event(ctx, tx, by, "approval_rule.delete", "approval-rule/"+id, "", audit.Detail("name", r.Name))
	})
}

// changeRules changes rules while no run is being started.
func (s *Service) changeRules(ctx context.Context, f func(tx *store.Tx, now int64) error) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := ruleChanges(ctx, tx); err != nil {
			return err
		}
		return f(tx, store.Millis(s.Now()))
	})
}

// ruleChanges makes plans that were made by the rules before ask again.
func ruleChanges(ctx context.Context, tx *store.Tx) error {
	if err := closeGate(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE approval_state SET version = version + 1 WHERE one = 1"); err != nil {
		return fmt.Errorf("change the rules: %w", err)
	}
	return nil
}

func (r *RuleBody) detail(position int) json.RawMessage {
	need := 0
	for _, g := range r.Groups {
		need += g.Need
	}
	return audit.Detail("name", r.Name, "effect", r.Effect, "enabled", r.Enabled, "position", position, "groups", len(r.Groups), "need", need,
		"actions", r.Match.Actions, "environments", r.Match.Environments, "blueprints", r.Match.Blueprints)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
