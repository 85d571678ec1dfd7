package auth

import (
	"context"
	"fmt"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// UserByEmail returns the account with the address.
func (s *Service) UserByEmail(ctx context.Context, email string) (User, error) {
	return s.oneUser(ctx, s.db.Read(), "email_key = $1", emailKey(email))
}

// DeleteUser deletes an account with its sessions and tokens. The last active
// administrator stays.
func (s *Service) DeleteUser(ctx context.Context, id, by string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		status := Suspended
		u, err := s.changed(ctx, tx, id, UserChange{Status: &status}) // refuses for the last administrator
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_users WHERE id = $1", id); err != nil {
			return fmt.Errorf("delete a user: %w", err)
		}
		tx.Notify(Topic, id)
		return s.event(ctx, tx, by, "user.delete", "user/"+id, "email", u.Email)
	})
}

// EndCredentials ends every session and API token of an account.
func (s *Service) EndCredentials(ctx context.Context, id, by string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := s.oneUser(ctx, tx, "id = $1", id); err != nil {
			return err
		}
		for _, table := range []string{"auth_sessions", "auth_tokens"} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE user_id = $1", id); err != nil {
				return fmt.Errorf("end credentials: %w", err)
			}
		}
		tx.Notify(Topic, id)
		return s.event(ctx, tx, by, "user.rotate", "user/"+id)
	})
}

// EndSessions ends every session of an account; its API tokens stay.
func (s *Service) EndSessions(ctx context.Context, id, by string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := s.oneUser(ctx, tx, "id = $1", id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_sessions WHERE user_id = $1", id); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		tx.Notify(Topic, id)
		return s.event(ctx, tx, by, "user.sign-out", "user/"+id)
	})
}

// HasPassword reports whether an account can sign in by password.
func (s *Service) HasPassword(ctx context.Context, id string) (bool, error) {
	var n int
	err := s.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_users WHERE id = $1 AND password <> ''", id).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for a password: %w", err)
	}
	return n > 0, nil
}

// Known makes sure that everybody with these addresses has an account: who has
// none gets one without a role and without a password, as for an invitation.
func (s *Service) Known(ctx context.Context, emails []string, by string) error {
	for _, email := range emails {
		_, err := s.UserByEmail(ctx, email)
		if fault.Is(err, fault.NotFound) {
			_, err = s.CreateUser(ctx, NewUser{Email: email, Name: clip(email, maxName), Roles: []string{Viewer}}, by)
		}
		if err != nil && !fault.Is(err, fault.Taken) {
			return err
		}
	}
	return nil
}
