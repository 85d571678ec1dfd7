package auth

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Outside is somebody for whom an OpenID provider vouches. Who that is, is the
// issuer together with its subject and nothing else.
type Outside struct {
	Issuer, Subject string
	Name            string
	// Email is empty unless the provider has verified it. It never decides who
	// somebody is.
	Email string
	// Roles and Teams follow from the provider's groups.
	Roles, Teams []string
	AuthAt       time.Time
	// SID is the provider's session, Refresh its refresh token, sealed.
	SID, Refresh string
	// Create makes an account for somebody who has none.
	Create bool
	// Known is the id of the account that the provider's directory has for the
	// person; empty when it said nothing.
	Known string
}

// Identity is how an account is known at a provider.
type Identity struct {
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt,omitzero"`
}

// granted are the roles and teams of an account that came from groups.
type granted struct {
	Roles []string `json:"roles"`
	Teams []string `json:"teams"`
}

// LoginOutside starts a session for somebody whom a provider vouches for.
func (s *Service) LoginOutside(ctx context.Context, o Outside, from LoginMeta) (string, Principal, error) {
	if o.Issuer == "" || o.Subject == "" {
		return "", Principal{}, errCredential()
	}
	var token string
	var p Principal
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		id, err := s.outsideUser(ctx, tx, o)
		if err != nil {
			return err
		}
		user, err := s.oneUser(ctx, tx, "id = $1", id)
		if err != nil {
			return err
		}
		if user.Status != Active {
			return errSuspended()
		}
		if user, err = s.grant(ctx, tx, user, o); err != nil {
			return err
		}
		token, p, err = s.startSession(ctx, tx, user, from, login{AuthAt: o.AuthAt, Issuer: o.Issuer, Subject: o.Subject, SID: o.SID, Refresh: o.Refresh})
		return err
	})
	if err != nil {
		return "", Principal{}, errors.Join(err, s.outsideFailed(ctx, err, o, from))
	}
	return token, p, nil
}

func errSuspended() *fault.Error {
	return fault.Refuse("active-accounts", "Your account is suspended.", "Ask an administrator to activate it.", "role administrator")
}

func (s *Service) outsideFailed(ctx context.Context, cause error, o Outside, from LoginMeta) error {
	f, ok := fault.As(cause)
	if !ok {
		return nil
	}
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		return s.log.Append(ctx, tx, audit.Event{
			Actor: "anonymous", Verb: "auth.login", Object: "user/unknown", Outcome: audit.Failure,
			Detail: audit.Detail("address", clip(from.IP, 64), "issuer", o.Issuer, "reason", f.Message),
		})
	})
	if err != nil {
		return fmt.Errorf("record a failed login: %w", err)
	}
	return nil
}

// outsideUser finds the account of an identity, or makes one.
func (s *Service) outsideUser(ctx context.Context, tx *store.Tx, o Outside) (string, error) {
	var id string
	err := tx.QueryRowContext(ctx, "SELECT user_id FROM auth_identities WHERE issuer = $1 AND subject = $2", o.Issuer, o.Subject).Scan(&id)
	switch {
	case err == nil:
		_, err = tx.ExecContext(ctx, "UPDATE auth_identities SET seen_at = $1 WHERE issuer = $2 AND subject = $3", store.Millis(s.now()), o.Issuer, o.Subject)
		return id, err
	case !errors.Is(err, sql.ErrNoRows):
		return "", fmt.Errorf("read an identity: %w", err)
	case o.Known != "":
		return o.Known, s.link(ctx, tx, o.Known, o.Issuer, o.Subject, o.Known)
	case !o.Create:
		return "", fault.Refuse("known-people", "You have no account here.", "Ask an administrator to make one.", "role administrator")
	}
	user := User{
		ID: uuid.Must(uuid.NewV7()).String(), Email: o.Email, Name: clip(o.Name, maxName), Roles: []string{Viewer}, Teams: []string{},
		Status: Active, CreatedAt: store.Time(store.Millis(s.now())),
	}
	if user.Email == "" {
		user.Email = noAddress(o.Issuer, o.Subject)
	}
	if user.Name == "" {
		user.Name = user.Email
	}
	if err := checkUser(user); err != nil {
		return "", err
	}
	err = s.insertUser(ctx, tx, user, "", user.ID)
	if fault.Is(err, fault.Taken) {
		// The address proves nothing: whoever controls a provider could take
		// over any account by it.
		return "", fault.Refuse("address-is-no-identity", "There is already another account with your address.",
			"Ask an administrator to connect that account with your company's account.", "role administrator")
	}
	if err != nil {
		return "", err
	}
	return user.ID, s.link(ctx, tx, user.ID, o.Issuer, o.Subject, user.ID)
}

// noAddress stands for the address of somebody whose provider vouches for none.
func noAddress(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + subject))
	return "user-" + hex.EncodeToString(sum[:8]) + "@no-address.invalid"
}

// grant brings the roles and teams that came from groups up to date. What an
// administrator gave by hand stays.
func (s *Service) grant(ctx context.Context, tx *store.Tx, user User, o Outside) (User, error) {
	var before granted
	var raw string
	if err := tx.QueryRowContext(ctx, "SELECT granted FROM auth_identities WHERE issuer = $1 AND subject = $2"+tx.ForUpdate(), o.Issuer, o.Subject).Scan(&raw); err != nil {
		return User{}, fmt.Errorf("read what was granted: %w", err)
	}
	if err := json.Unmarshal([]byte(raw), &before); err != nil {
		return User{}, fmt.Errorf("decode what was granted: %w", err)
	}
	teams, err := existing(ctx, tx, o.Teams)
	if err != nil {
		return User{}, err
	}
	var after granted
	var change UserChange
	roles, got := regrant(user.Roles, before.Roles, o.Roles)
	if after.Roles = got; !slices.Equal(roles, user.Roles) {
		change.Roles = &roles
	}
	members, got := regrant(user.Teams, before.Teams, teams)
	if after.Teams = got; !slices.Equal(members, user.Teams) {
		change.Teams = &members
	}
	if change.Roles == nil && change.Teams == nil && slices.Equal(before.Roles, after.Roles) && slices.Equal(before.Teams, after.Teams) {
		return user, nil
	}
	now, err := s.changed(ctx, tx, user.ID, change)
	if fault.Is(err, fault.Conflict) { // the last administrator stays one
		after.Roles, change.Roles = before.Roles, nil
		now, err = s.changed(ctx, tx, user.ID, change)
	}
	if err != nil {
		return User{}, err
	}
	text, err := json.Marshal(after)
	if err != nil {
		return User{}, fmt.Errorf("encode what was granted: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE auth_identities SET granted = $1 WHERE issuer = $2 AND subject = $3", string(text), o.Issuer, o.Subject); err != nil {
		return User{}, fmt.Errorf("keep what was granted: %w", err)
	}
	if change.Roles == nil && change.Teams == nil {
		return user, nil
	}
	return now, s.saveUser(ctx, tx, now, "", "provider:"+o.Issuer, change)
}

// regrant takes what was granted before out of has and puts what is granted now
// in. It returns all, and which of them are there only because of the grant.
func regrant(has, before, now []string) (all, granted []string) {
	granted = []string{}
	base := slices.DeleteFunc(slices.Clone(has), func(v string) bool { return slices.Contains(before, v) })
	for _, v := range sorted(now) {
		if !slices.Contains(base, v) {
			granted = append(granted, v)
		}
	}
	return sorted(append(slices.Clone(base), granted...)), granted
}

func existing(ctx context.Context, tx *store.Tx, teams []string) ([]string, error) {
	var out []string
	for _, team := range teams {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_teams WHERE name = $1", team).Scan(&n); err != nil {
			return nil, fmt.Errorf("look for a team: %w", err)
		}
		if n > 0 {
			out = append(out, team)
		}
	}
	return out, nil
}

// Link connects an account with an identity at a provider.
func (s *Service) Link(ctx context.Context, userID, issuer, subject, by string) error {
	if issuer == "" || clip(issuer, 500) != issuer || subject == "" || clip(subject, 255) != subject {
		return fault.Field("subject", "or the issuer is empty, too long or has control characters", "as the provider shows them, up to 255 characters")
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := s.oneUser(ctx, tx, "id = $1", userID); err != nil {
			return err
		}
		return s.link(ctx, tx, userID, issuer, subject, by)
	})
}

func (s *Service) link(ctx context.Context, tx *store.Tx, userID, issuer, subject, by string) error {
	var other int
	err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_identities WHERE user_id = $1 AND issuer = $2", userID, issuer).Scan(&other)
	if err != nil {
		return fmt.Errorf("look for an identity: %w", err)
	}
	if other > 0 {
		return fault.Refuse("one-identity-per-provider", "The account is connected with somebody else at this provider.",
			"Ask an administrator to take that connection away first.", "role administrator")
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO auth_identities (issuer, subject, user_id, granted, created_at, seen_at) VALUES ($1, $2, $3, '{}', $4, 0)",
		issuer, subject, userID, store.Millis(s.now()))
	if store.IsUnique(err) {
		return fault.New(fault.Taken, "Somebody else is connected with this account of the provider.")
	}
	if err != nil {
		return fmt.Errorf("connect an identity: %w", err)
	}
	return s.event(ctx, tx, by, "user.link", "user/"+userID, "issuer", issuer)
}

// Unlink takes an identity away from an account and ends the sessions that
// stand on it.
func (s *Service) Unlink(ctx context.Context, userID, issuer, by string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM auth_identities WHERE user_id = $1 AND issuer = $2", userID, issuer)
		if err != nil {
			return fmt.Errorf("disconnect an identity: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.New(fault.NotFound, "The account is not connected with this provider."))
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_sessions WHERE user_id = $1 AND issuer = $2", userID, issuer); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		tx.Notify(Topic, userID)
		return s.event(ctx, tx, by, "user.unlink", "user/"+userID, "issuer", issuer)
	})
}

// Identities lists how an account is known at providers.
func (s *Service) Identities(ctx context.Context, userID string) ([]Identity, error) {
	rows, err := s.db.Read().QueryContext(ctx, "SELECT issuer, subject, created_at, seen_at FROM auth_identities WHERE user_id = $1 ORDER BY issuer", userID)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (i Identity, err error) {
		var created, seen int64
		err = row.Scan(&i.Issuer, &i.Subject, &created, &seen)
		i.CreatedAt, i.SeenAt = store.Time(created), store.Time(seen)
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return list, nil
}

// ByIdentity is the id of the account that is connected with an identity; empty
// when there is none.
func (s *Service) ByIdentity(ctx context.Context, q store.Querier, issuer, subject string) (string, error) {
	var id string
	err := q.QueryRowContext(ctx, "SELECT user_id FROM auth_identities WHERE issuer = $1 AND subject = $2", issuer, subject).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read an identity: %w", err)
	}
	return id, nil
}
