package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

const (
	idleFor     = 8 * time.Hour
	absoluteFor = 24 * time.Hour
	// seenEvery is how precise "last seen" is kept: not every request writes.
	seenEvery = 2 * time.Minute
	// maxSessions a user may have at once; the oldest goes.
	maxSessions = 20
	secretBytes = 32
)

// LoginMeta is where a login comes from.
type LoginMeta struct {
	IP        string
	UserAgent string
	// Replaces is the session token that the browser had before; that session
	// ends with the login.
	Replaces string
}

// Session is a login as its owner sees it in the list.
type Session struct {
	ID        string    `json:"id"`
	IP        string    `json:"ip"`
	UserAgent string    `json:"userAgent"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	// Issuer is the provider that vouched for the login; empty for a password.
	Issuer string `json:"issuer,omitempty"`
}

// Login checks the password and starts a session. The token is returned only
// here. Wrong password, unknown and suspended account give the same answer in
// the same time.
func (s *Service) Login(ctx context.Context, email, password string, from LoginMeta) (string, Principal, error) {
	if err := s.passwordsOff(s.o.BreakGlass); err != nil {
		return "", Principal{}, err
	}
	user, err := s.verify(ctx, email, password, from.IP)
	if err != nil {
		return "", Principal{}, err
	}
	if s.o.NoPasswords {
		if err := s.breakGlass(ctx, user, from.IP); err != nil {
			return "", Principal{}, err
		}
	}
	token, p := "", Principal{}
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		token, p, err = s.startSession(ctx, tx, user, from, login{AuthAt: s.now()})
		return err
	})
	if err != nil {
		return "", Principal{}, fmt.Errorf("start a session: %w", err)
	}
	return token, p, nil
}

// login is what a new session stands on.
type login struct {
	AuthAt               time.Time
	Issuer, Subject, SID string
	// Refresh is the provider's refresh token, sealed.
	Refresh string
}

// startSession makes a session with a new id; the one that the browser had
// before ends.
func (s *Service) startSession(ctx context.Context, tx *store.Tx, user User, from LoginMeta, l login) (string, Principal, error) {
	token, id, now := secret(secretBytes), uuid.Must(uuid.NewV7()).String(), s.now()
	if err := s.makeRoom(ctx, tx, user.ID, now); err != nil {
		return "", Principal{}, err
	}
	if from.Replaces != "" {
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_sessions WHERE hash = $1", fingerprint(from.Replaces)); err != nil {
			return "", Principal{}, fmt.Errorf("end the session before: %w", err)
		}
		tx.Notify(Topic, user.ID)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO auth_sessions (id, hash, user_id, ip, user_agent, created_at, seen_at, expires_at,
		auth_at, issuer, subject, sid, refresh, checked_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, $6)`,
		id, fingerprint(token), user.ID, clip(from.IP, 64), clip(from.UserAgent, 200), store.Millis(now), store.Millis(now.Add(absoluteFor)),
		store.Millis(l.AuthAt), l.Issuer, l.Subject, l.SID, l.Refresh)
	if err != nil {
		return "", Principal{}, err
	}
	pairs := []any{"address", clip(from.IP, 64)}
	if l.Issuer != "" {
		pairs = append(pairs, "issuer", l.Issuer)
	}
	if err := s.event(ctx, tx, user.ID, "auth.login", "user/"+user.ID, pairs...); err != nil {
		return "", Principal{}, err
	}
	return token, Principal{User: user, Via: ViaSession, SessionID: id, Kind: KindUser, AuthAt: store.Time(store.Millis(l.AuthAt))}, nil
}

// makeRoom removes ended sessions, and the user's oldest above the limit.
func (s *Service) makeRoom(ctx context.Context, tx *store.Tx, userID string, now time.Time) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM auth_sessions WHERE expires_at <= $1", store.Millis(now)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM auth_sessions WHERE id IN
		(SELECT id FROM auth_sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET $2)`, userID, maxSessions-1)
	return err
}

// CheckPassword authenticates one request by address and password, as git
// does. An API token is accepted in the password's place.
func (s *Service) CheckPassword(ctx context.Context, email, password, ip string) (Principal, error) {
	if strings.HasPrefix(password, userTokenPrefix) {
		return s.Authenticate(ctx, password)
	}
	if strings.HasPrefix(password, serviceTokenPrefix) {
		return s.byServiceToken(ctx, password)
	}
	if err := s.passwordsOff(false); err != nil {
		return Principal{}, err
	}
	user, err := s.verify(ctx, email, password, ip)
	if err != nil {
		return Principal{}, err
	}
	return Principal{User: user, Via: ViaPassword, Kind: KindUser}, nil
}

// Still says whether what CheckPassword found still holds. A password is not
// hashed again: a new one ends nothing that was begun with the old one.
func (s *Service) Still(ctx context.Context, p Principal, password string) error {
	if p.Via != ViaPassword {
		_, err := s.CheckPassword(ctx, p.Email, password, "")
		return err
	}
	_, err := s.activeUser(ctx, p.ID)
	return err
}

// verify is the one place that checks passwords: limits first, then the same
// work whether or not the account exists.
func (s *Service) verify(ctx context.Context, email, password, ip string) (User, error) {
	account, address, now := emailKey(email), addressKey(ip), s.now()
	if wait, first := s.addresses.take(address, now); wait > 0 {
		return User{}, errors.Join(errLimited(wait), s.refused(ctx, first, ip, "too many attempts from this address"))
	}
	if wait, first := s.accounts.take(account, now); wait > 0 {
		return User{}, errors.Join(errLimited(wait), s.refused(ctx, first, ip, "too many attempts for one account"))
	}
	user, phc, err := s.credentials(ctx, account)
	if err != nil {
		return User{}, err
	}
	if len(password) > maxPassword {
		password, phc = "", "" // cannot be right, and is not worth hashing
	}
	ok, err := s.hasher.check(ctx, phc, password)
	if err != nil {
		return User{}, err
	}
	if !ok || user.Status != Active {
		return User{}, s.loginFailed(ctx, user, ip)
	}
	s.addresses.giveBack(address, now)
	s.accounts.giveBack(account, now)
	return user, nil
}

// Attempt counts one attempt to prove something from an address, as Login does.
// back undoes it: attempts that succeed do not count.
func (s *Service) Attempt(ctx context.Context, ip string) (back func(), err error) {
	address, now := addressKey(ip), s.now()
	if wait, first := s.addresses.take(address, now); wait > 0 {
		return nil, errors.Join(errLimited(wait), s.refused(ctx, first, ip, "too many attempts from this address"))
	}
	return func() { s.addresses.giveBack(address, now) }, nil
}

// credentials returns a zero User when there is none.
func (s *Service) credentials(ctx context.Context, key string) (User, string, error) {
	var phc string
	user, err := s.oneUser(ctx, s.db.Read(), "email_key = $1", key)
	if fault.Is(err, fault.NotFound) {
		return User{}, "", nil
	}
	if err != nil {
		return User{}, "", err
	}
	if err := s.db.Read().QueryRowContext(ctx, "SELECT password FROM auth_users WHERE id = $1", user.ID).Scan(&phc); err != nil {
		return User{}, "", fmt.Errorf("read a password: %w", err)
	}
	return user, phc, nil
}

func (s *Service) loginFailed(ctx context.Context, user User, ip string) error {
	e := audit.Event{Actor: "anonymous", Verb: "auth.login", Object: "user/unknown", Outcome: audit.Failure}
	reason := "unknown account" // the address typed is not kept: people type passwords there
	if user.ID != "" {
		e.Object, reason = "user/"+user.ID, "wrong password"
		if user.Status != Active {
			reason = "account is suspended"
		}
	}
	e.Detail = audit.Detail("address", clip(ip, 64), "reason", reason)
	if err := s.db.Tx(ctx, func(tx *store.Tx) error { return s.log.Append(ctx, tx, e) }); err != nil {
		return fmt.Errorf("record a failed login: %w", err)
	}
	return fault.New(fault.Unauthorized, "This e-mail address and password do not match an active account.")
}

// refused records the first of a row of refusals; the rest would be a way to
// fill the disk.
func (s *Service) refused(ctx context.Context, first bool, ip, reason string) error {
	if !first {
		return nil
	}
	e := audit.Event{
		Actor: "anonymous", Verb: "auth.login", Object: "user/unknown", Outcome: audit.Denied,
		Detail: audit.Detail("address", clip(ip, 64), "reason", reason),
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error { return s.log.Append(ctx, tx, e) })
}

// Authenticate returns who holds the credential: a session token or an API
// token.
func (s *Service) Authenticate(ctx context.Context, credential string) (Principal, error) {
	if strings.HasPrefix(credential, userTokenPrefix) {
		return s.byToken(ctx, credential)
	}
	if strings.HasPrefix(credential, appTokenPrefix) {
		return s.byAppToken(ctx, credential)
	}
	if strings.HasPrefix(credential, serviceTokenPrefix) {
		return s.byServiceToken(ctx, credential)
	}
	return s.bySession(ctx, credential)
}

func (s *Service) bySession(ctx context.Context, credential string) (Principal, error) {
	if len(credential) != 43 { // 32 bytes in base64
		return Principal{}, errCredential()
	}
	var id, userID, hash, viewAs string
	var seen, expires, authAt, oldUntil, renew int64
	print := fingerprint(credential)
	err := s.db.Read().QueryRowContext(ctx, `SELECT id, user_id, hash, seen_at, expires_at, auth_at, old_until, renew, view_as FROM auth_sessions
		WHERE hash = $1 OR old_hash = $1`, print).Scan(&id, &userID, &hash, &seen, &expires, &authAt, &oldUntil, &renew, &viewAs)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, errCredential()
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read a session: %w", err)
	}
	now := s.now()
	if hash != print && !now.Before(store.Time(oldUntil)) {
		return Principal{}, errCredential()
	}
	if !now.Before(store.Time(expires)) || now.Sub(store.Time(seen)) >= idleFor {
		return Principal{}, fault.New(fault.Unauthorized, "Your session has ended. Sign in again to go on.")
	}
	user, err := s.activeUser(ctx, userID)
	if err != nil {
		return Principal{}, err
	}
	if now.Sub(store.Time(seen)) >= seenEvery {
		if err := s.touch(ctx, "UPDATE auth_sessions SET seen_at = $1 WHERE id = $2", id, now); err != nil {
			return Principal{}, err
		}
	}
	p := Principal{User: user, Via: ViaSession, SessionID: id, Kind: KindUser, AuthAt: store.Time(authAt), renew: renew != 0 && hash == print}
	return s.viewing(ctx, p, viewAs)
}

// touch keeps "last seen"; a full disk must not sign people out.
func (s *Service) touch(ctx context.Context, statement, id string, now time.Time) error {
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, statement, store.Millis(now), id)
		return err
	})
	if fault.Is(err, fault.StorageFull) || fault.Is(err, fault.Unavailable) {
		return nil
	}
	return err
}

func (s *Service) activeUser(ctx context.Context, id string) (User, error) {
	user, err := s.oneUser(ctx, s.db.Read(), "id = $1", id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return User{}, err
	}
	if user.Status != Active {
		return User{}, errCredential()
	}
	return user, nil
}

// Logout ends the session of token; an unknown one is already ended.
func (s *Service) Logout(ctx context.Context, token string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		var userID string
		err := tx.QueryRowContext(ctx, "DELETE FROM auth_sessions WHERE hash = $1 RETURNING user_id", fingerprint(token)).Scan(&userID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("end a session: %w", err)
		}
		tx.Notify(Topic, userID)
		return s.event(ctx, tx, userID, "auth.logout", "user/"+userID)
	})
}

// Sessions lists the user's sessions, newest first.
func (s *Service) Sessions(ctx context.Context, userID string) ([]Session, error) {
	now := s.now()
	rows, err := s.db.Read().QueryContext(ctx, `SELECT id, ip, user_agent, created_at, seen_at, expires_at, issuer FROM auth_sessions
		WHERE user_id = $1 AND expires_at > $2 AND seen_at > $3 ORDER BY created_at DESC, id DESC LIMIT $4`,
		userID, store.Millis(now), store.Millis(now.Add(-idleFor)), maxSessions)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Session, error) {
		var v Session
		var created, seen, expires int64
		err := row.Scan(&v.ID, &v.IP, &v.UserAgent, &created, &seen, &expires, &v.Issuer)
		v.CreatedAt, v.SeenAt, v.ExpiresAt = store.Time(created), store.Time(seen), store.Time(expires)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// RevokeSession ends one session of the user. by is who does it.
func (s *Service) RevokeSession(ctx context.Context, userID, id, by string) error {
	return s.remove(ctx, "auth_sessions", "session", userID, id, by)
}

// remove deletes a session or a token by id, of this user only.
func (s *Service) remove(ctx context.Context, table, kind, userID, id, by string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE id = $1 AND user_id = $2", id, userID)
		if err != nil {
			return fmt.Errorf("remove a %s: %w", kind, err)
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.New(fault.NotFound, "There is no such %s.", kind)
		}
		tx.Notify(Topic, userID)
		return s.event(ctx, tx, by, kind+".delete", kind+"/"+id, "user", userID)
	})
}

// addressKey groups an IPv6 network of one customer (/64) into one key.
func addressKey(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return clip(ip, 64)
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return addr.String()
}

// clip bounds text from outside that is only shown.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
