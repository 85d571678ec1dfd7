package auth

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Options are how people may sign in.
type Options struct {
	// NoPasswords leaves signing in to the OpenID providers.
	NoPasswords bool
	// BreakGlass lets administrators sign in by password all the same, for the
	// day when the provider is down. Each use alarms.
	BreakGlass bool
	// Fresh is how long ago a person may have proved itself to do what needs a
	// fresh sign-in; 12 hours when 0.
	Fresh time.Duration
	Log   *slog.Logger
}

const (
	defaultFresh = 12 * time.Hour
	// oldIDFor is how long requests that were on their way may still use the id
	// that a session had before.
	oldIDFor = 30 * time.Second
	// FreshRule is the rule of refusals that a fresh sign-in lifts; the user
	// interface answers it with a dialog.
	FreshRule = "fresh-sign-in"
)

// Configure sets how people sign in; before the first request.
func (s *Service) Configure(o Options) { s.o = o }

// Passwords reports whether people may sign in by password.
func (s *Service) Passwords() bool { return !s.o.NoPasswords || s.o.BreakGlass }

func (s *Service) passwordsOff(breakGlass bool) error {
	if !s.o.NoPasswords || breakGlass {
		return nil
	}
	return fault.Refuse("no-passwords", "This portal does not take passwords.",
		"Sign in with your company's account; programs use an API token.", "role administrator")
}

// breakGlass lets an administrator in although passwords are off, and alarms.
func (s *Service) breakGlass(ctx context.Context, user User, ip string) error {
	if !slices.Contains(user.Roles, Administrator) {
		return s.loginFailed(ctx, user, ip)
	}
	if s.o.Log != nil {
		s.o.Log.ErrorContext(ctx, "break-glass: an administrator signs in by password although passwords are off", "user", user.ID, "address", clip(ip, 64))
	}
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		return s.log.Append(ctx, tx, audit.Event{
			Actor: user.ID, ActorName: user.Name, Verb: "auth.break-glass", Object: "user/" + user.ID, Detail: audit.Detail("address", clip(ip, 64)),
		})
	})
	if err != nil {
		return fmt.Errorf("record a break-glass sign-in: %w", err)
	}
	return nil
}

// Fresh refuses a person that has not proved itself lately. Machines are no
// persons: what they may do is for their rules to say. An API token proves
// nobody's presence.
func (s *Service) Fresh(p Principal) error {
	if p.Machine() || p.Via == ViaApp {
		return nil
	}
	limit := s.o.Fresh
	if limit == 0 {
		limit = defaultFresh
	}
	if p.Via == ViaSession && !p.AuthAt.IsZero() && s.now().Sub(p.AuthAt) <= limit {
		return nil
	}
	alternative := "Sign in once more; what you filled in stays."
	if p.Via != ViaSession {
		alternative = "Do it in the portal: an API token does not show that you are there."
	}
	return fault.Refuse(FreshRule, fmt.Sprintf("This needs a sign-in that is not older than %s.", words(limit)), alternative, "role administrator").
		WithData(map[string]any{"freshSignIn": p.Via == ViaSession})
}

func words(d time.Duration) string {
	if d%time.Hour == 0 && d > time.Hour {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d minutes", (d+time.Minute-1)/time.Minute)
}

// Again checks the password of who is signed in and gives the session a new id.
// The old id stays good for requests that are on their way.
func (s *Service) Again(ctx context.Context, p Principal, password, ip string) (string, error) {
	if p.Via != ViaSession {
		return "", fault.Refuse("session-only", "Only a session in a browser can be made fresh.", "Sign in to the portal in a browser.", "role administrator")
	}
	if err := s.passwordsOff(s.o.BreakGlass); err != nil {
		return "", err
	}
	user, err := s.verify(ctx, p.Email, password, ip)
	if err != nil {
		return "", err
	}
	if user.ID != p.ID {
		return "", errCredential()
	}
	if s.o.NoPasswords {
		if err := s.breakGlass(ctx, user, ip); err != nil {
			return "", err
		}
	}
	now, token := s.now(), ""
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		if token, err = s.newID(ctx, tx, p.SessionID, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE auth_sessions SET auth_at = $1 WHERE id = $2", store.Millis(now), p.SessionID); err != nil {
			return fmt.Errorf("make a session fresh: %w", err)
		}
		return s.event(ctx, tx, p.ID, "auth.again", "user/"+p.ID)
	})
	return token, err
}

// newID gives a session another id.
func (s *Service) newID(ctx context.Context, tx *store.Tx, session string, now time.Time) (string, error) {
	token := secret(secretBytes)
	result, err := tx.ExecContext(ctx, "UPDATE auth_sessions SET old_hash = hash, old_until = $1, hash = $2, renew = 0 WHERE id = $3",
		store.Millis(now.Add(oldIDFor)), fingerprint(token), session)
	if err != nil {
		return "", fmt.Errorf("change the id of a session: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return "", errCredential()
	}
	return token, nil
}

// Renewed gives the session another id when the rights of its user have
// changed since it has this one; empty when not. Of requests at the same time
// one gets it.
func (s *Service) Renewed(ctx context.Context, p Principal) (string, error) {
	if p.Via != ViaSession || !p.renew {
		return "", nil
	}
	token := ""
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE auth_sessions SET renew = 0 WHERE id = $1 AND renew = 1", p.SessionID)
		if err != nil {
			return fmt.Errorf("renew a session: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		token, err = s.newID(ctx, tx, p.SessionID, s.now())
		return err
	})
	return token, err
}

// rightsChanged asks for new ids of every session of the user.
func rightsChanged(ctx context.Context, tx *store.Tx, userID string) error {
	if _, err := tx.ExecContext(ctx, "UPDATE auth_sessions SET renew = 1 WHERE user_id = $1", userID); err != nil {
		return fmt.Errorf("renew the sessions of a user: %w", err)
	}
	return nil
}
