// Package scim lets a directory tell which people and groups there are: SCIM
// 2.0 (RFC 7643, RFC 7644). People become accounts and groups become teams;
// somebody who is deactivated there is suspended here, and out at once.
package scim

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

const (
	maxClients  = 20
	tokenFor    = 365 * 24 * time.Hour
	usedEvery   = 10 * time.Minute
	maxBody     = 1 << 20
	maxPage     = 200
	maxMatching = 20000 // people of one directory that a filter looks through
)

// Client is a directory that may tell.
type Client struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Issuer is the OpenID provider whose people the directory knows.
	Issuer    string    `json:"issuer"`
	Hint      string    `json:"hint"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	UsedAt    time.Time `json:"usedAt,omitzero"`
}

// Deps is what the package needs.
type Deps struct {
	DB        *store.DB
	Auth      *auth.Service
	Audit     *audit.Log
	PublicURL func() string
	Log       *slog.Logger
	Now       func() time.Time
}

// Service answers directories.
type Service struct{ d Deps }

// New returns the service.
func New(d Deps) *Service { return &Service{d: d} }

// CreateClient makes a directory's credential; the token is returned only here.
func (s *Service) CreateClient(ctx context.Context, p auth.Principal, name, issuer string) (Client, string, error) {
	if p.Via == auth.ViaToken || p.Via == auth.ViaApp {
		return Client{}, "", fault.Refuse("token-makes-no-credential", "An API token cannot make or change credentials: a leaked one would never end.",
			"Sign in and do it there.", "role administrator")
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > 100 {
		return Client{}, "", fault.Field("name", "is empty or too long", "what the directory is, up to 100 characters")
	}
	if len(issuer) > 500 {
		return Client{}, "", fault.Field("issuer", "is too long", "the issuer of the OpenID provider")
	}
	plain, hash, hint := auth.NewCredential()
	now := s.d.Now()
	c := Client{ID: uuid.Must(uuid.NewV7()).String(), Name: name, Issuer: issuer, Hint: hint, CreatedAt: now, ExpiresAt: now.Add(tokenFor)}
	err := s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		var count int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM scim_clients").Scan(&count); err != nil {
			return fmt.Errorf("count directories: %w", err)
		}
		if count >= maxClients {
			return fault.New(fault.Conflict, "There are already %d directories, the most that one portal holds.", maxClients)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO scim_clients (id, name, issuer, hash, hint, enabled, created_at, created_by, expires_at, used_at)
			VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, 0)`, c.ID, c.Name, c.Issuer, hash, hint, store.Millis(now), p.ID, store.Millis(c.ExpiresAt))
		if store.IsUnique(err) {
			return fault.New(fault.Taken, "There is already a directory with this name.")
		}
		if err != nil {
			return fmt.Errorf("create a directory: %w", err)
		}
		return s.d.Audit.Append(ctx, tx, audit.Event{Actor: p.ID, ActorName: p.Name, Verb: "scim.client.create", Object: "scim/" + c.ID, Detail: audit.Detail("name", name, "issuer", issuer)})
	})
	return c, plain, err
}

const clientColumns = "id, name, issuer, hint, created_at, expires_at, used_at"

// Clients lists the directories by name.
func (s *Service) Clients(ctx context.Context) ([]Client, error) {
	rows, err := s.d.DB.Read().QueryContext(ctx, "SELECT "+clientColumns+" FROM scim_clients ORDER BY name")
	list, err := store.All(rows, err, scanClient)
	if err != nil {
		return nil, fmt.Errorf("list directories: %w", err)
	}
	return list, nil
}

func scanClient(row interface{ Scan(...any) error }) (c Client, err error) {
	var created, expires, used int64
	err = row.Scan(&c.ID, &c.Name, &c.Issuer, &c.Hint, &created, &expires, &used)
	c.CreatedAt, c.ExpiresAt, c.UsedAt = store.Time(created), store.Time(expires), store.Time(used)
	return c, err
}

// DeleteClient ends a directory's credential; people and teams stay.
func (s *Service) DeleteClient(ctx context.Context, p auth.Principal, id string) error {
	return s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		var name string
		err := tx.QueryRowContext(ctx, "DELETE FROM scim_clients WHERE id = $1 RETURNING name", id).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "There is no such directory.")
		}
		if err != nil {
			return fmt.Errorf("delete a directory: %w", err)
		}
		return s.d.Audit.Append(ctx, tx, audit.Event{Actor: p.ID, ActorName: p.Name, Verb: "scim.client.delete", Object: "scim/" + id, Detail: audit.Detail("name", name)})
	})
}

// client is the directory that a bearer token belongs to.
func (s *Service) client(ctx context.Context, bearer string) (Client, error) {
	hash, ok := auth.CredentialHash(bearer)
	if !ok {
		return Client{}, errToken()
	}
	c, err := scanClient(s.d.DB.Read().QueryRowContext(ctx, "SELECT "+clientColumns+" FROM scim_clients WHERE hash = $1 AND enabled = 1", hash))
	if errors.Is(err, sql.ErrNoRows) {
		return Client{}, errToken()
	}
	if err != nil {
		return Client{}, fmt.Errorf("read a directory: %w", err)
	}
	now := s.d.Now()
	if !now.Before(c.ExpiresAt) {
		return Client{}, errToken()
	}
	if now.Sub(c.UsedAt) >= usedEvery {
		err = s.d.DB.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE scim_clients SET used_at = $1 WHERE id = $2", store.Millis(now), c.ID)
			return err
		})
	}
	return c, err
}

// problem is an error in SCIM's form (RFC 7644, 3.12).
type problem struct {
	status int
	kind   string
	detail string
}

func (p *problem) Error() string { return p.detail }

func bad(kind, detail string) error { return &problem{http.StatusBadRequest, kind, detail} }

func errToken() error {
	return &problem{http.StatusUnauthorized, "", "The bearer token is not good: unknown, ended or taken away."}
}

func errMissing() error {
	return &problem{http.StatusNotFound, "", "There is no such resource."}
}

// problemOf puts any error into SCIM's form; what is internal is logged.
func (s *Service) problemOf(ctx context.Context, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	f, ok := fault.As(err)
	if !ok {
		s.d.Log.ErrorContext(ctx, "answer a directory", "error", err)
		return &problem{http.StatusInternalServerError, "", "Something went wrong inside the portal."}
	}
	switch f.Code {
	case fault.Taken:
		return &problem{http.StatusConflict, "uniqueness", f.Message}
	case fault.Unprocessable:
		return &problem{http.StatusBadRequest, "invalidValue", f.Message}
	default:
		return &problem{fault.Status(f.Code), "", f.Message}
	}
}

func (p *problem) body() map[string]any {
	out := map[string]any{"schemas": []string{schemaError}, "status": strconv.Itoa(p.status), "detail": p.detail}
	if p.kind != "" {
		out["scimType"] = p.kind
	}
	return out
}

// Find returns the account that a directory of the issuer has under a name, its
// externalId first and then its userName; empty when there is none.
func (s *Service) Find(ctx context.Context, issuer, name string) (string, error) {
	for _, condition := range []string{"u.external_id = $2", "u.user_name_key = $2"} {
		value := name
		if strings.Contains(condition, "key") {
			value = fold(name)
		}
		rows, err := s.d.DB.Read().QueryContext(ctx, `SELECT u.user_id FROM scim_users u JOIN scim_clients c ON c.id = u.client_id
			WHERE c.issuer = $1 AND c.issuer <> '' AND `+condition+" LIMIT 2", issuer, value)
		ids, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
		if err != nil {
			return "", fmt.Errorf("look for a person of a directory: %w", err)
		}
		if len(ids) == 1 {
			return ids[0], nil
		}
	}
	return "", nil
}

func fold(s string) string { return strings.ToLower(s) }

// Address is what a directory is given.
func (s *Service) Address() string { return s.d.PublicURL() + "/scim/v2" }
