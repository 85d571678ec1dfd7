package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sphera/internal/store"
)

// EndLogins ends the sessions that stand on a login at a provider: those of one
// of its sessions when sid is given, else all of the subject. It returns how
// many there were.
func (s *Service) EndLogins(ctx context.Context, issuer, subject, sid string) (int, error) {
	ended := 0
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		ended = 0
		rows, err := tx.QueryContext(ctx, `DELETE FROM auth_sessions WHERE issuer = $1 AND ($2 = '' OR subject = $2) AND ($3 = '' OR sid = $3)
			RETURNING user_id`, issuer, subject, sid)
		users, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
		if err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		ended = len(users)
		for _, id := range sorted(users) {
			tx.Notify(Topic, id)
			if err := s.event(ctx, tx, id, "auth.logout", "user/"+id, "issuer", issuer, "by", "the provider"); err != nil {
				return err
			}
		}
		return nil
	})
	return ended, err
}

// UseOnce reports whether text, whose hash is kept until then, was never used.
func (s *Service) UseOnce(ctx context.Context, text string, until time.Time) (bool, error) {
	first := false
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_used WHERE expires_at <= $1", store.Millis(s.now())); err != nil {
			return fmt.Errorf("forget what was used: %w", err)
		}
		result, err := tx.ExecContext(ctx, "INSERT INTO auth_used (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING", fingerprint(text), store.Millis(until))
		if err != nil {
			return fmt.Errorf("use once: %w", err)
		}
		n, err := result.RowsAffected()
		first = n == 1
		return err
	})
	return first, err
}

// ToCheck is a session whose provider is to be asked whether it is still good.
type ToCheck struct {
	Session, Issuer, Subject, Refresh string
}

// TakeToCheck takes a session that was used since and whose provider was not
// asked for every; ok is false when there is none.
func (s *Service) TakeToCheck(ctx context.Context, every time.Duration) (c ToCheck, ok bool, err error) {
	now := s.now()
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT id, issuer, subject, refresh FROM auth_sessions
			WHERE refresh <> '' AND checked_at <= $1 AND seen_at > checked_at AND expires_at > $2 ORDER BY checked_at LIMIT 1`+tx.SkipLocked(),
			store.Millis(now.Add(-every)), store.Millis(now)).Scan(&c.Session, &c.Issuer, &c.Subject, &c.Refresh)
		if errors.Is(err, sql.ErrNoRows) {
			ok = false
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for a session to renew: %w", err)
		}
		ok = true
		_, err = tx.ExecContext(ctx, "UPDATE auth_sessions SET checked_at = $1 WHERE id = $2", store.Millis(now), c.Session)
		return err
	})
	return c, ok, err
}

// Checked keeps the next refresh token of a session, and the roles and teams
// that the provider's groups give now.
func (s *Service) Checked(ctx context.Context, session string, o Outside) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		var userID string
		err := tx.QueryRowContext(ctx, "UPDATE auth_sessions SET refresh = $1 WHERE id = $2 AND issuer = $3 AND subject = $4 RETURNING user_id",
			o.Refresh, session, o.Issuer, o.Subject).Scan(&userID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // it has ended meanwhile
		}
		if err != nil {
			return fmt.Errorf("keep a refresh token: %w", err)
		}
		user, err := s.oneUser(ctx, tx, "id = $1", userID)
		if err != nil {
			return err
		}
		_, err = s.grant(ctx, tx, user, o)
		return err
	})
}

// EndSession ends one session whose provider does not vouch for it any more.
func (s *Service) EndSession(ctx context.Context, session string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		var userID string
		err := tx.QueryRowContext(ctx, "DELETE FROM auth_sessions WHERE id = $1 RETURNING user_id", session).Scan(&userID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("end a session: %w", err)
		}
		tx.Notify(Topic, userID)
		return s.event(ctx, tx, userID, "auth.logout", "user/"+userID, "by", "the provider")
	})
}

// Standing says which login at a provider a session stands on; empty for a
// password.
func (s *Service) Standing(ctx context.Context, session string) (issuer, subject string, err error) {
	err = s.db.Read().QueryRowContext(ctx, "SELECT issuer, subject FROM auth_sessions WHERE id = $1", session).Scan(&issuer, &subject)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("read a session: %w", err)
	}
	return issuer, subject, nil
}
