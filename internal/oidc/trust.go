package oidc

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

const (
	maxTrust      = 500
	maxConditions = 20
	defaultCITTL  = 15 * time.Minute
	maxCITTL      = time.Hour
	trustColumns  = "t.id, t.name, t.issuer, t.audience, t.conditions, t.service_id, s.name, s.team, t.scopes, t.ttl_seconds, t.enabled, t.created_at, t.created_by, t.used_at"
)

// Condition is what a claim of the job's token must be: exactly this text, or
// one that fits it where * stands for anything but a slash and ** for anything.
type Condition struct {
	Claim string `json:"claim" maxLength:"100"`
	Value string `json:"value" maxLength:"500"`
}

// Trust says which CI jobs get a token of a service account.
type Trust struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Issuer      string      `json:"issuer"`
	Audience    string      `json:"audience"`
	Conditions  []Condition `json:"conditions"`
	Service     string      `json:"service"`
	ServiceName string      `json:"serviceName"`
	Team        string      `json:"team"`
	Scopes      []string    `json:"scopes"`
	TTLSeconds  int         `json:"ttlSeconds"`
	Enabled     bool        `json:"enabled"`
	CreatedAt   time.Time   `json:"createdAt"`
	CreatedBy   string      `json:"createdBy"`
	UsedAt      time.Time   `json:"usedAt,omitzero"`
}

var claimPattern = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,100}$`)

// whose are claims that say whose job it is. An issuer such as a public forge
// signs for everybody, so that a rule without one of them would trust everybody.
func whose() []string {
	return []string{
		"sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "project_path", "project_id", "namespace_path", "namespace_id",
	}
}

func (t *Trust) check() error {
	switch {
	case strings.TrimSpace(t.Name) == "" || len(t.Name) > 100:
		return fault.Field("name", "is empty or too long", "what is trusted, up to 100 characters")
	case checkIssuer(t.Issuer) != nil:
		return fault.Field("issuer", "is no issuer", "https://token.actions.githubusercontent.com, or that of your forge")
	case t.Audience == "" || len(t.Audience) > 300:
		return fault.Field("audience", "is empty or too long", "what the job asks its token for, e.g. the address of this portal")
	case len(t.Conditions) == 0 || len(t.Conditions) > maxConditions:
		return fault.Field("conditions", "are missing, or too many", "at least the repository; at most 20")
	}
	named := false
	for i, c := range t.Conditions {
		field := fmt.Sprintf("conditions.%d", i)
		if !claimPattern.MatchString(c.Claim) {
			return fault.Field(field+".claim", "is no name of a claim", "e.g. repository, ref, environment")
		}
		if c.Value == "" || len(c.Value) > 500 {
			return fault.Field(field+".value", "is empty or too long", "the exact value, or one with * in it")
		}
		named = named || slices.Contains(whose(), c.Claim) && !strings.HasPrefix(c.Value, "*")
	}
	if !named {
		return fault.Field("conditions", "do not say whose job it is", "one of "+strings.Join(whose(), ", ")+" whose value does not begin with *")
	}
	if t.TTLSeconds == 0 {
		t.TTLSeconds = int(defaultCITTL / time.Second)
	}
	if t.TTLSeconds < 60 || t.TTLSeconds > int(maxCITTL/time.Second) {
		return fault.Field("ttlSeconds", "is out of range", "60 to 3600")
	}
	return nil
}

// fits reports whether the claims meet every condition.
func (t *Trust) fits(claims map[string]any) bool {
	for _, c := range t.Conditions {
		value, ok := claims[c.Claim].(string)
		if !ok || !match(c.Value, value) {
			return false
		}
	}
	return len(t.Conditions) > 0
}

// match compares text with a pattern where * stands for anything but a slash
// and ** for anything. It takes time in proportion to both lengths.
func match(pattern, text string) bool {
	p, s, star, mark, wide := 0, 0, -1, 0, false
	for s < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark, wide = p, s, p+1 < len(pattern) && pattern[p+1] == '*'
			for p < len(pattern) && pattern[p] == '*' {
				p++
			}
		case p < len(pattern) && pattern[p] == text[s]:
			p, s = p+1, s+1
		case star >= 0 && (wide || text[mark] != '/'):
			mark++
			s, p = mark, star
			for p < len(pattern) && pattern[p] == '*' {
				p++
			}
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// SaveTrust makes a rule, or changes one that has an id.
func (s *Service) SaveTrust(ctx context.Context, p auth.Principal, t Trust) (Trust, error) {
	t.Name = strings.TrimSpace(t.Name)
	if err := t.check(); err != nil {
		return Trust{}, err
	}
	scopes, err := auth.KeepScopes(t.Scopes)
	if err != nil {
		return Trust{}, err
	}
	conditions, err := json.Marshal(t.Conditions)
	if err != nil {
		return Trust{}, fmt.Errorf("encode conditions: %w", err)
	}
	account, err := s.d.Auth.ServiceAccount(ctx, t.Service)
	if fault.Is(err, fault.NotFound) {
		return Trust{}, fault.Field("service", "does not exist", "the id of a service account")
	}
	if err != nil {
		return Trust{}, err
	}
	if err := s.d.Auth.Manages(p, account.Team); err != nil {
		return Trust{}, err
	}
	verb := "trust.update"
	if t.ID == "" {
		t.ID, verb = uuid.Must(uuid.NewV7()).String(), "trust.create"
	}
	err = s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		if verb == "trust.create" {
			return s.insertTrust(ctx, tx, p, t, scopes, string(conditions))
		}
		before, err := s.trust(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		if err := s.d.Auth.Manages(p, before.Team); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE auth_trust SET name = $1, issuer = $2, audience = $3, conditions = $4, service_id = $5, scopes = $6, ttl_seconds = $7, enabled = $8
			WHERE id = $9`, t.Name, t.Issuer, t.Audience, string(conditions), t.Service, scopes, t.TTLSeconds, enabled(t.Enabled), t.ID)
		if err != nil {
			return fmt.Errorf("change a trust rule: %w", err)
		}
		// What jobs got by the rule as it was ends with the change.
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_service_tokens WHERE trust_id = $1", t.ID); err != nil {
			return fmt.Errorf("end tokens: %w", err)
		}
		return s.record(ctx, tx, p, verb, t)
	})
	if err != nil {
		return Trust{}, err
	}
	return s.trust(ctx, s.d.DB.Read(), t.ID)
}

func enabled(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (s *Service) insertTrust(ctx context.Context, tx *store.Tx, p auth.Principal, t Trust, scopes, conditions string) error {
	var count int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_trust").Scan(&count); err != nil {
		return fmt.Errorf("count trust rules: %w", err)
	}
	if count >= maxTrust {
		return fault.New(fault.Conflict, "There are already %d trust rules, the most that one portal holds.", maxTrust)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO auth_trust (id, name, issuer, audience, conditions, service_id, scopes, ttl_seconds, enabled, created_at, created_by, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)`,
		t.ID, t.Name, t.Issuer, t.Audience, conditions, t.Service, scopes, t.TTLSeconds, enabled(t.Enabled), store.Millis(s.d.Now()), p.ID)
	if err != nil {
		return fmt.Errorf("create a trust rule: %w", err)
	}
	return s.record(ctx, tx, p, "trust.create", t)
}

func (s *Service) record(ctx context.Context, tx *store.Tx, p auth.Principal, verb string, t Trust) error {
	return s.d.Audit.Append(ctx, tx, audit.Event{
		Actor: p.ID, ActorName: p.Name, Verb: verb, Object: "trust/" + t.ID,
		Detail: audit.Detail("name", t.Name, "issuer", t.Issuer, "audience", t.Audience, "conditions", t.Conditions, "service", t.Service, "scopes", t.Scopes, "enabled", t.Enabled),
	})
}

// DeleteTrust ends a rule and what jobs got by it.
func (s *Service) DeleteTrust(ctx context.Context, p auth.Principal, id string) error {
	return s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		t, err := s.trust(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.d.Auth.Manages(p, t.Team); err != nil {
			return err
		}
		for _, statement := range []string{"DELETE FROM auth_service_tokens WHERE trust_id = $1", "DELETE FROM auth_trust WHERE id = $1"} {
			if _, err := tx.ExecContext(ctx, statement, id); err != nil {
				return fmt.Errorf("delete a trust rule: %w", err)
			}
		}
		return s.record(ctx, tx, p, "trust.delete", t)
	})
}

// Trusts lists the rules by name.
func (s *Service) Trusts(ctx context.Context) ([]Trust, error) {
	return s.trusts(ctx, "$1 = ''", "")
}

// trusts reads the rules that condition, a literal, selects.
func (s *Service) trusts(ctx context.Context, condition, value string) ([]Trust, error) {
	rows, err := s.d.DB.Read().QueryContext(ctx, "SELECT "+trustColumns+" FROM auth_trust t JOIN auth_services s ON s.id = t.service_id WHERE "+condition+" ORDER BY t.name, t.id LIMIT 500", value)
	list, err := store.All(rows, err, scanTrust)
	if err != nil {
		return nil, fmt.Errorf("list trust rules: %w", err)
	}
	return list, nil
}

func (s *Service) trust(ctx context.Context, q store.Querier, id string) (Trust, error) {
	t, err := scanTrust(q.QueryRowContext(ctx, "SELECT "+trustColumns+" FROM auth_trust t JOIN auth_services s ON s.id = t.service_id WHERE t.id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Trust{}, fault.New(fault.NotFound, "There is no such trust rule.")
	}
	if err != nil {
		return Trust{}, fmt.Errorf("read a trust rule: %w", err)
	}
	return t, nil
}

func scanTrust(row interface{ Scan(...any) error }) (Trust, error) {
	var t Trust
	var conditions, scopes string
	var on, created, used int64
	err := row.Scan(&t.ID, &t.Name, &t.Issuer, &t.Audience, &conditions, &t.Service, &t.ServiceName, &t.Team, &scopes, &t.TTLSeconds, &on, &created, &t.CreatedBy, &used)
	if err != nil {
		return Trust{}, err
	}
	t.Enabled, t.CreatedAt, t.UsedAt = on != 0, store.Time(created), store.Time(used)
	if err := json.Unmarshal([]byte(conditions), &t.Conditions); err != nil {
		return Trust{}, fmt.Errorf("decode conditions: %w", err)
	}
	t.Scopes, err = auth.KeptScopes(scopes)
	return t, err
}
