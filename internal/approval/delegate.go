package approval

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Bounds of delegations.
const (
	maxDelegations = 20
	longestAway    = 90 * 24 * time.Hour
)

// Delegation lets one person decide for another who is away.
type Delegation struct {
	ID     string    `json:"id"`
	Giver  Person    `json:"giver"`
	Taker  Person    `json:"taker"`
	Reason string    `json:"reason"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
}

// Person is somebody as others see them.
type Person struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

// DelegationBody is a delegation as it is sent.
type DelegationBody struct {
	To     string    `json:"to" minLength:"1" maxLength:"320" doc:"The e-mail address of who decides"`
	Reason string    `json:"reason,omitempty" maxLength:"500"`
	From   time.Time `json:"from,omitzero" doc:"Now when absent"`
	Until  time.Time `json:"until" doc:"At most 90 days from its begin"`
}

// Delegate lets somebody else decide for p. What they ask for themselves they
// still cannot approve.
func (s *Service) Delegate(ctx context.Context, p auth.User, body DelegationBody) (Delegation, error) {
	now := s.Now()
	if body.From.IsZero() {
		body.From = now
	}
	switch {
	case !body.Until.After(now) || !body.Until.After(body.From):
		return Delegation{}, fault.Field("until", "has passed, or is before the begin", "a time after it begins")
	case body.Until.Sub(body.From) > longestAway:
		return Delegation{}, fault.Field("until", "is too far away", "at most 90 days after it begins")
	}
	to, err := s.person(ctx, strings.TrimSpace(body.To))
	if fault.Is(err, fault.NotFound) || err == nil && to.Status != auth.Active {
		return Delegation{}, fault.Field("to", "has no active account", "the address of somebody who can sign in")
	}
	if err != nil {
		return Delegation{}, err
	}
	if to.ID == p.ID {
		return Delegation{}, fault.Field("to", "is you", "the address of somebody else")
	}
	d := Delegation{ID: uuid.NewString(), Giver: Person{p.ID, p.Name, p.Email}, Taker: Person{to.ID, to.Name, to.Email}, Reason: clean(body.Reason), From: store.Time(store.Millis(body.From)), Until: store.Time(store.Millis(body.Until))}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM approval_delegations WHERE giver = $1 AND until_at > $2 AND ended_at = 0", p.ID, store.Millis(now)).Scan(&n); err != nil {
			return fmt.Errorf("count delegations: %w", err)
		}
		if n >= maxDelegations {
			return conflict("You have %d delegations already. End one first.", n)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO approval_delegations (id, giver, taker, reason, from_at, until_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			d.ID, p.ID, to.ID, d.Reason, store.Millis(d.From), store.Millis(d.Until), store.Millis(now))
		if err != nil {
			return fmt.Errorf("keep a delegation: %w", err)
		}
		return s.event(ctx, tx, p, "delegation.create", "delegation/"+d.ID, "", audit.Detail("to", to.ID, "from", d.From, "until", d.Until))
	})
	return d, err
}

// Delegations lists those that p gave or got and that have not ended.
func (s *Service) Delegations(ctx context.Context, p auth.User) ([]Delegation, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT d.id, d.giver, COALESCE(g.name, ''), COALESCE(g.email, ''), d.taker, COALESCE(t.name, ''), COALESCE(t.email, ''), d.reason, d.from_at, d.until_at
		FROM approval_delegations d LEFT JOIN auth_users g ON g.id = d.giver LEFT JOIN auth_users t ON t.id = d.taker
		WHERE (d.giver = $1 OR d.taker = $1) AND d.until_at > $2 AND d.ended_at = 0 ORDER BY d.from_at, d.id LIMIT 200`, p.ID, store.Millis(s.Now()))
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (d Delegation, err error) {
		var from, until int64
		err = row.Scan(&d.ID, &d.Giver.ID, &d.Giver.Name, &d.Giver.Email, &d.Taker.ID, &d.Taker.Name, &d.Taker.Email, &d.Reason, &from, &until)
		d.From, d.Until = store.Time(from), store.Time(until)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list delegations: %w", err)
	}
	return list, nil
}

// EndDelegation ends one of p's own.
func (s *Service) EndDelegation(ctx context.Context, p auth.User, id string) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE approval_delegations SET ended_at = $1 WHERE id = $2 AND giver = $3 AND ended_at = 0", store.Millis(s.Now()), id, p.ID)
		if err != nil {
			return fmt.Errorf("end a delegation: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.New(fault.NotFound, "You have no such delegation.")
		}
		return s.event(ctx, tx, p, "delegation.delete", "delegation/"+id, "", audit.Detail())
	})
}

// givers are those for whom somebody may decide now.
func (s *Service) givers(ctx context.Context, q store.Querier, taker string) ([]string, error) {
	now := store.Millis(s.Now())
	rows, err := q.QueryContext(ctx, "SELECT DISTINCT giver FROM approval_delegations WHERE taker = $1 AND from_at <= $2 AND until_at > $2 AND ended_at = 0 ORDER BY giver LIMIT 100", taker, now)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("look for whom somebody decides: %w", err)
	}
	return list, nil
}
