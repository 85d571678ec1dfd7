package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// setupFor is how long a setup link is good.
const setupFor = 15 * time.Minute

// SetupNeeded reports whether nobody has an account yet.
func (s *Service) SetupNeeded(ctx context.Context) (bool, error) {
	var some int
	if err := s.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT id FROM auth_users LIMIT 1) AS first").Scan(&some); err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	return some == 0, nil
}

// Bootstrap makes a setup token while nobody has an account: there is no
// default password. The server prints it at start as a link; it is good once,
// for 15 minutes, and only its hash is kept.
func (s *Service) Bootstrap(ctx context.Context) (token string, needed bool, err error) {
	if needed, err = s.SetupNeeded(ctx); err != nil || !needed {
		return "", false, err
	}
	token = secret(secretBytes)
	now := s.now()
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_setup WHERE expires_at <= $1", store.Millis(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO auth_setup (hash, expires_at) VALUES ($1, $2)", fingerprint(token), store.Millis(now.Add(setupFor)))
		return err
	})
	if err != nil {
		return "", false, fmt.Errorf("make a setup token: %w", err)
	}
	return token, true, nil
}

// Setup makes the first account, an administrator, from the setup token.
func (s *Service) Setup(ctx context.Context, token string, n NewUser) (User, error) {
	if n.Password == "" {
		return User{}, fault.Field("password", "is missing", "at least 8 characters")
	}
	if needed, err := s.SetupNeeded(ctx); err != nil {
		return User{}, err
	} else if !needed {
		return User{}, errSetup()
	}
	if ok, err := s.setupTokenGood(ctx, s.db.Read(), token); err != nil {
		return User{}, err
	} else if !ok {
		return User{}, errSetup() // before any password is hashed
	}
	n.Roles, n.Teams = []string{Administrator}, nil
	user, phc, err := s.prepare(ctx, n)
	if err != nil {
		return User{}, err
	}
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		good, err := s.setupTokenGood(ctx, tx, token)
		if err != nil {
			return err
		}
		// Taking all rows makes a second setup at the same time wait here and
		// then find none.
		rows, err := tx.QueryContext(ctx, "DELETE FROM auth_setup RETURNING hash")
		taken, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (hash string, err error) { return hash, row.Scan(&hash) })
		if err != nil {
			return fmt.Errorf("take the setup token: %w", err)
		}
		if !good || !slices.Contains(taken, fingerprint(token)) {
			return errSetup()
		}
		return s.insertUser(ctx, tx, user, phc, user.ID)
	})
	return user, err
}

func (s *Service) setupTokenGood(ctx context.Context, q store.Querier, token string) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_setup WHERE hash = $1 AND expires_at > $2", fingerprint(token), store.Millis(s.now())).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read a setup token: %w", err)
	}
	return n == 1, nil
}

func errSetup() *fault.Error {
	return fault.New(fault.Unauthorized, "This setup link is not good: it is used, older than 15 minutes, or the portal is set up already. The server prints a new one when it starts while nobody has an account.")
}
