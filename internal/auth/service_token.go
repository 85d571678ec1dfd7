package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

const (
	serviceTokenPrefix = "sps_"
	// maxCITokens of a service account at once: a job asks for one or two.
	maxCITokens = 2000
)

// ServiceToken is a token of a service account.
type ServiceToken struct {
	Token
	// Kind is service, or ci for what a CI job got for its own token.
	Kind string `json:"kind"`
	// Origin says which job that was.
	Origin string `json:"origin,omitempty"`
	// CreatedBy is who made it; the id of the trust rule for Kind ci.
	CreatedBy string `json:"createdBy"`
}

// CreateServiceToken makes a token of a service account. The plain token is
// returned only here.
func (s *Service) CreateServiceToken(ctx context.Context, p Principal, service, name string, ttl time.Duration, scopes []string) (string, ServiceToken, error) {
	if name = strings.TrimSpace(name); name == "" || clip(name, maxName) != name {
		return "", ServiceToken{}, fault.Field("name", "is empty, too long or has control characters", "what the token is for, up to 100 characters")
	}
	if ttl == 0 {
		ttl = defaultTTL
	}
	if ttl < time.Minute || ttl > maxTTL {
		return "", ServiceToken{}, fault.Field("ttl", "is out of range", "one minute to 365 days")
	}
	t := ServiceToken{Token: Token{Name: name, Scopes: scopes}, Kind: KindService, CreatedBy: p.ID}
	var plain string
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		a, err := s.service(ctx, tx, service)
		if err != nil {
			return err
		}
		if err := s.manages(p, a.Team); err != nil {
			return err
		}
		if err := s.room(ctx, tx, a.ID, KindService, maxTokens); err != nil {
			return err
		}
		if plain, err = s.insertServiceToken(ctx, tx, a.ID, "", ttl, &t); err != nil {
			return err
		}
		return s.event(ctx, tx, p.ID, "service-token.create", "service-account/"+a.ID, "token", t.ID, "name", t.Name,
			"expiresAt", t.ExpiresAt.Format(time.RFC3339), "scopes", t.Scopes)
	})
	if err != nil {
		return "", ServiceToken{}, err
	}
	return plain, t, nil
}

// CreateCIToken makes a token of a service account for a CI job that a trust
// rule trusts.
func (s *Service) CreateCIToken(ctx context.Context, service, trust, origin string, ttl time.Duration, scopes []string) (string, ServiceToken, error) {
	t := ServiceToken{Token: Token{Name: clip(origin, maxName), Scopes: scopes}, Kind: KindCI, Origin: clip(origin, 500), CreatedBy: trust}
	var plain string
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := s.servicePrincipal(ctx, tx, service, KindCI); err != nil {
			return err
		}
		if err := s.room(ctx, tx, service, KindCI, maxCITokens); err != nil {
			return err
		}
		var err error
		if plain, err = s.insertServiceToken(ctx, tx, service, trust, ttl, &t); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE auth_trust SET used_at = $1 WHERE id = $2", store.Millis(s.now()), trust); err != nil {
			return fmt.Errorf("use a trust rule: %w", err)
		}
		return s.event(ctx, tx, service, "auth.exchange", "service-account/"+service, "trust", trust, "job", t.Origin, "scopes", t.Scopes)
	})
	if err != nil {
		return "", ServiceToken{}, err
	}
	return plain, t, nil
}

// room removes ended tokens and refuses above the limit.
func (s *Service) room(ctx context.Context, tx *store.Tx, service, kind string, limit int) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM auth_service_tokens WHERE expires_at <= $1", store.Millis(s.now())); err != nil {
		return fmt.Errorf("remove ended tokens: %w", err)
	}
	var count int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_service_tokens WHERE service_id = $1 AND kind = $2", service, kind).Scan(&count); err != nil {
		return fmt.Errorf("count tokens: %w", err)
	}
	if count >= limit {
		return fault.New(fault.Conflict, "The service account has %d tokens, the most one can have. Delete one first, or wait until some have ended.", limit)
	}
	return nil
}

func (s *Service) insertServiceToken(ctx context.Context, tx *store.Tx, service, trust string, ttl time.Duration, t *ServiceToken) (string, error) {
	scopes, err := checkScopes(t.Scopes)
	if err != nil {
		return "", err
	}
	kept, err := keepScopes(scopes)
	if err != nil {
		return "", err
	}
	now, plain := s.now(), newToken(serviceTokenPrefix)
	t.ID, t.Hint, t.Scopes = uuid.Must(uuid.NewV7()).String(), plain[:len(serviceTokenPrefix)+4], scopes
	t.CreatedAt, t.ExpiresAt = store.Time(store.Millis(now)), store.Time(store.Millis(now.Add(ttl)))
	_, err = tx.ExecContext(ctx, `INSERT INTO auth_service_tokens (id, hash, service_id, kind, trust_id, name, hint, scopes, origin, created_at, created_by, expires_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0)`, t.ID, fingerprint(plain), service, t.Kind, trust, t.Name, t.Hint, kept, t.Origin,
		store.Millis(t.CreatedAt), t.CreatedBy, store.Millis(t.ExpiresAt))
	if err != nil {
		return "", fmt.Errorf("create a token: %w", err)
	}
	return plain, nil
}

// ServiceTokens lists the tokens of a service account, newest first.
func (s *Service) ServiceTokens(ctx context.Context, service string) ([]ServiceToken, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT id, kind, name, hint, scopes, origin, created_at, created_by, expires_at, used_at FROM auth_service_tokens
		WHERE service_id = $1 AND expires_at > $2 ORDER BY created_at DESC, id DESC LIMIT 200`, service, store.Millis(s.now()))
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (ServiceToken, error) {
		var t ServiceToken
		var scopes string
		var created, expires, used int64
		if err := row.Scan(&t.ID, &t.Kind, &t.Name, &t.Hint, &scopes, &t.Origin, &created, &t.CreatedBy, &expires, &used); err != nil {
			return ServiceToken{}, err
		}
		var err error
		t.CreatedAt, t.ExpiresAt, t.UsedAt = store.Time(created), store.Time(expires), store.Time(used)
		t.Scopes, err = keptScopes(scopes)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return list, nil
}

// DeleteServiceToken ends one token of a service account.
func (s *Service) DeleteServiceToken(ctx context.Context, p Principal, service, id string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		a, err := s.service(ctx, tx, service)
		if err != nil {
			return err
		}
		if err := s.manages(p, a.Team); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM auth_service_tokens WHERE id = $1 AND service_id = $2", id, service)
		if err != nil {
			return fmt.Errorf("delete a token: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.New(fault.NotFound, "There is no such token."))
		}
		tx.Notify(Topic, service)
		return s.event(ctx, tx, p.ID, "service-token.delete", "service-account/"+service, "token", id)
	})
}

func (s *Service) byServiceToken(ctx context.Context, plain string) (Principal, error) {
	if !wellFormed(plain, serviceTokenPrefix) {
		return Principal{}, errCredential()
	}
	var id, service, kind, kept string
	var expires, used int64
	err := s.db.Read().QueryRowContext(ctx, "SELECT id, service_id, kind, scopes, expires_at, used_at FROM auth_service_tokens WHERE hash = $1", fingerprint(plain)).
		Scan(&id, &service, &kind, &kept, &expires, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, errCredential()
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read a token: %w", err)
	}
	now := s.now()
	if !now.Before(store.Time(expires)) {
		return Principal{}, fault.New(fault.Unauthorized, "This token has ended. Make a new one, or exchange the job's token again.")
	}
	p, err := s.servicePrincipal(ctx, s.db.Read(), service, kind)
	if err != nil {
		return Principal{}, err
	}
	scopes, err := keptScopes(kept)
	if err != nil {
		return Principal{}, err
	}
	if now.Sub(store.Time(used)) >= usedEvery {
		if err := s.touch(ctx, "UPDATE auth_service_tokens SET used_at = $1 WHERE id = $2", id, now); err != nil {
			return Principal{}, err
		}
	}
	p.TokenID = id
	return p.narrow(scopes), nil
}

// servicePrincipal is a service account as it may act now: it is switched on,
// its owner is active and in the team, and it has no role that the owner has
// not. An administrator has every role to give.
func (s *Service) servicePrincipal(ctx context.Context, q store.Querier, id, kind string) (Principal, error) {
	a, err := s.service(ctx, q, id)
	if fault.Is(err, fault.NotFound) {
		return Principal{}, errCredential()
	}
	if err != nil {
		return Principal{}, err
	}
	owner, err := s.oneUser(ctx, q, "id = $1", a.Owner)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Principal{}, err
	}
	admin := slices.Contains(owner.Roles, Administrator)
	if !a.Enabled || owner.Status != Active || !admin && !slices.Contains(owner.Teams, a.Team) {
		return Principal{}, errCredential()
	}
	roles := slices.DeleteFunc(slices.Clone(a.Roles), func(r string) bool { return !admin && !slices.Contains(owner.Roles, r) })
	user := User{
		ID: a.ID, Name: a.Name, Roles: roles, Teams: []string{a.Team}, Status: Active, CreatedAt: a.CreatedAt, Contractor: owner.Contractor,
	}
	return Principal{User: user, Via: ViaToken, Kind: kind, OnBehalfOf: owner.ID}, nil
}
