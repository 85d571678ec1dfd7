package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// A service account is a machine that acts for a team. A person answers for it:
// it may never do what that person may not, and ends with them.
const (
	maxServices    = 1000
	serviceColumns = "s.id, s.name, s.description, s.owner_id, u.name, s.team, s.roles, s.enabled, s.created_at, s.created_by"
)

// ServiceAccount is a machine that acts for a team.
type ServiceAccount struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	// Owner answers for it.
	Owner     string    `json:"owner"`
	OwnerName string    `json:"ownerName"`
	Team      string    `json:"team"`
	Roles     []string  `json:"roles"`
	Enabled   bool      `json:"enabled"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
}

// ServiceChange is what to change of a service account; nil fields stay.
type ServiceChange struct {
	Description *string
	Owner       *string
	Roles       *[]string
	Enabled     *bool
}

// CreateService makes a service account of a team; p answers for it.
func (s *Service) CreateService(ctx context.Context, p Principal, a ServiceAccount) (ServiceAccount, error) {
	if err := s.manages(p, a.Team); err != nil {
		return ServiceAccount{}, err
	}
	a.ID, a.Name, a.Owner, a.OwnerName, a.Enabled = uuid.Must(uuid.NewV7()).String(), strings.TrimSpace(a.Name), p.ID, p.Name, true
	a.Roles, a.CreatedAt, a.CreatedBy = sorted(a.Roles), store.Time(store.Millis(s.now())), p.ID
	if err := checkService(a, p.User); err != nil {
		return ServiceAccount{}, err
	}
	roles, err := json.Marshal(a.Roles)
	if err != nil {
		return ServiceAccount{}, fmt.Errorf("encode roles: %w", err)
	}
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		var count, team int
		err := tx.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM auth_services), (SELECT COUNT(*) FROM auth_teams WHERE name = $1)", a.Team).Scan(&count, &team)
		switch {
		case err != nil:
			return fmt.Errorf("count service accounts: %w", err)
		case count >= maxServices:
			return fault.New(fault.Conflict, "There are already %d service accounts, the most that one portal holds.", maxServices)
		case team == 0:
			return fault.Field("team", "does not exist", "the name of a team")
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO auth_services (id, name, description, owner_id, team, roles, enabled, created_at, created_by)
			VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8)`, a.ID, a.Name, a.Description, a.Owner, a.Team, string(roles), store.Millis(a.CreatedAt), a.CreatedBy)
		if store.IsUnique(err) {
			return fault.New(fault.Taken, "There is already a service account with this name.")
		}
		if err != nil {
			return fmt.Errorf("create a service account: %w", err)
		}
		return s.event(ctx, tx, p.ID, "service-account.create", "service-account/"+a.ID, "name", a.Name, "team", a.Team, "roles", a.Roles)
	})
	return a, err
}

// Manages refuses who may not look after the machines of the team.
func (s *Service) Manages(p Principal, team string) error { return s.manages(p, team) }

// manages refuses who is neither in the team nor an administrator, and every
// machine.
func (s *Service) manages(p Principal, team string) error {
	if err := s.madeByPerson(p); err != nil {
		return err
	}
	if p.HasRole(Administrator) || p.HasRole(Developer, "maintainer", Infrastructure) && slices.Contains(p.Teams, team) {
		return nil
	}
	return fault.Refuse("teams-manage-their-machines", "Only people of the team with a role above viewer, and administrators, manage its service accounts.",
		"Ask somebody of the team.", "team "+clip(team, maxTeamName))
}

func checkService(a ServiceAccount, owner User) error {
	switch {
	case a.Name == "" || clip(a.Name, maxName) != a.Name:
		return fault.Field("name", "is empty, too long or has control characters", "what the machine is, up to 100 characters")
	case clip(a.Description, 1000) != a.Description:
		return fault.Field("description", "is too long or has control characters", "at most 1000 characters")
	case len(a.Roles) == 0:
		return fault.Field("roles", "is empty", "at least one of "+strings.Join(Roles(), ", "))
	}
	for _, role := range a.Roles {
		if !slices.Contains(Roles(), role) {
			return fault.Field("roles", "has an unknown role", "any of "+strings.Join(Roles(), ", "))
		}
		if !slices.Contains(owner.Roles, role) && !slices.Contains(owner.Roles, Administrator) {
			return fault.Field("roles", "has a role that its owner does not have", "any of "+strings.Join(owner.Roles, ", "))
		}
	}
	return nil
}

// Services lists the service accounts by name.
func (s *Service) Services(ctx context.Context) ([]ServiceAccount, error) {
	rows, err := s.db.Read().QueryContext(ctx, "SELECT "+serviceColumns+" FROM auth_services s JOIN auth_users u ON u.id = s.owner_id ORDER BY s.name LIMIT $1", maxServices)
	list, err := store.All(rows, err, scanService)
	if err != nil {
		return nil, fmt.Errorf("list service accounts: %w", err)
	}
	return list, nil
}

func scanService(row interface{ Scan(...any) error }) (ServiceAccount, error) {
	var a ServiceAccount
	var roles string
	var enabled, created int64
	if err := row.Scan(&a.ID, &a.Name, &a.Description, &a.Owner, &a.OwnerName, &a.Team, &roles, &enabled, &created, &a.CreatedBy); err != nil {
		return ServiceAccount{}, err
	}
	a.Enabled, a.CreatedAt = enabled != 0, store.Time(created)
	if err := json.Unmarshal([]byte(roles), &a.Roles); err != nil {
		return ServiceAccount{}, fmt.Errorf("decode roles: %w", err)
	}
	return a, nil
}

// ServiceAccount returns one.
func (s *Service) ServiceAccount(ctx context.Context, id string) (ServiceAccount, error) {
	return s.service(ctx, s.db.Read(), id)
}

func (s *Service) service(ctx context.Context, q store.Querier, id string) (ServiceAccount, error) {
	a, err := scanService(q.QueryRowContext(ctx, "SELECT "+serviceColumns+" FROM auth_services s JOIN auth_users u ON u.id = s.owner_id WHERE s.id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return ServiceAccount{}, s.NoService()
	}
	if err != nil {
		return ServiceAccount{}, fmt.Errorf("read a service account: %w", err)
	}
	return a, nil
}

// NoService is the answer for one that is not there.
func (s *Service) NoService() error {
	return fault.New(fault.NotFound, "There is no such service account.")
}

// UpdateService changes a service account. One that is switched off is refused
// from the next request on.
func (s *Service) UpdateService(ctx context.Context, p Principal, id string, c ServiceChange) (ServiceAccount, error) {
	var a ServiceAccount
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if a, err = s.service(ctx, tx, id); err != nil {
			return err
		}
		if err := s.manages(p, a.Team); err != nil {
			return err
		}
		if c.Owner != nil {
			a.Owner = *c.Owner
		}
		if c.Description != nil {
			a.Description = *c.Description
		}
		if c.Roles != nil {
			a.Roles = sorted(*c.Roles)
		}
		if c.Enabled != nil {
			a.Enabled = *c.Enabled
		}
		return s.saveService(ctx, tx, p, a)
	})
	if err != nil {
		return ServiceAccount{}, err
	}
	return s.ServiceAccount(ctx, a.ID)
}

func (s *Service) saveService(ctx context.Context, tx *store.Tx, p Principal, a ServiceAccount) error {
	owner, err := s.oneUser(ctx, tx, "id = $1", a.Owner)
	if fault.Is(err, fault.NotFound) || err == nil && owner.Status != Active {
		return fault.Field("owner", "is no active user", "the id of a user who answers for it")
	}
	if err != nil {
		return err
	}
	if !slices.Contains(owner.Teams, a.Team) && !slices.Contains(owner.Roles, Administrator) {
		return fault.Field("owner", "is not in the team", "somebody of the team, or an administrator")
	}
	// Who makes a machine may not give it more than they have themselves.
	for _, person := range []User{owner, p.User} {
		if err := checkService(a, person); err != nil {
			return err
		}
	}
	roles, err := json.Marshal(a.Roles)
	if err != nil {
		return fmt.Errorf("encode roles: %w", err)
	}
	_, err = tx.ExecContext(ctx, "UPDATE auth_services SET description = $1, owner_id = $2, roles = $3, enabled = $4 WHERE id = $5",
		a.Description, a.Owner, string(roles), flag(a.Enabled), a.ID)
	if err != nil {
		return fmt.Errorf("change a service account: %w", err)
	}
	tx.Notify(Topic, a.ID)
	return s.event(ctx, tx, p.ID, "service-account.update", "service-account/"+a.ID, "name", a.Name, "owner", a.Owner, "roles", a.Roles, "enabled", a.Enabled)
}

// DeleteService ends a service account with its tokens and its trust.
func (s *Service) DeleteService(ctx context.Context, p Principal, id string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		a, err := s.service(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.manages(p, a.Team); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_services WHERE id = $1", id); err != nil {
			return fmt.Errorf("delete a service account: %w", err)
		}
		tx.Notify(Topic, id)
		return s.event(ctx, tx, p.ID, "service-account.delete", "service-account/"+id, "name", a.Name)
	})
}
