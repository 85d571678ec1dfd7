package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// An API token is a kind, 30 random characters (178 bits) and a checksum of 6,
// in the form that GitHub published: typing mistakes are refused without
// asking the database, and scanners find leaked tokens without false alarms.
const (
	userTokenPrefix = "spu_"
	base62          = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomChars     = 30
	checksumChars   = 6
	tokenLength     = len(userTokenPrefix) + randomChars + checksumChars

	defaultTTL = 90 * 24 * time.Hour
	maxTTL     = 365 * 24 * time.Hour
	maxTokens  = 50
	// usedEvery is how precise "last used" is kept.
	usedEvery = 10 * time.Minute
)

// Token is an API token as its owner sees it in the list; the token itself is
// not kept.
type Token struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Hint is the beginning of the token, to tell tokens apart.
	Hint      string    `json:"hint"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	UsedAt    time.Time `json:"usedAt,omitzero"`
	// Scopes are what it was made for; absent is all.
	Scopes []string `json:"scopes,omitempty"`
}

func newToken(prefix string) string {
	var b strings.Builder
	b.WriteString(prefix)
	for buf := make([]byte, 64); b.Len() < len(prefix)+randomChars; {
		rand.Read(buf) // never fails: the program stops instead
		for _, c := range buf {
			// 248 is the largest multiple of 62 in a byte: above it the first
			// characters would come more often.
			if c < 248 && b.Len() < len(prefix)+randomChars {
				b.WriteByte(base62[c%62])
			}
		}
	}
	return b.String() + checksum(b.String())
}

func checksum(body string) string {
	n := crc32.ChecksumIEEE([]byte(body))
	out := make([]byte, checksumChars)
	for i := checksumChars - 1; i >= 0; i-- {
		out[i] = base62[n%62]
		n /= 62
	}
	return string(out)
}

// wellFormed reports whether token has the form of a token of this kind and
// its checksum is right.
func wellFormed(token, prefix string) bool {
	if len(token) != tokenLength || !strings.HasPrefix(token, prefix) {
		return false
	}
	for _, c := range []byte(token[len(prefix):]) {
		if strings.IndexByte(base62, c) < 0 {
			return false
		}
	}
	body := token[:tokenLength-checksumChars]
	return checksum(body) == token[len(body):]
}

// CheckTokenName refuses what no token can be called.
func CheckTokenName(name string) error {
	if strings.TrimSpace(name) == "" || clip(name, maxName) != name {
		return fault.Field("name", "is empty, too long or has control characters", "what the token is for, up to 100 characters")
	}
	return nil
}

// CreateToken makes an API token that acts with the user's rights until it
// ends, after 90 days when ttl is zero. scopes narrow what it may do; none is
// all. The plain token is returned only here.
func (s *Service) CreateToken(ctx context.Context, p Principal, name string, ttl time.Duration, scopes ...string) (string, Token, error) {
	if p.Via == ViaToken || p.Via == ViaApp {
		return "", Token{}, fault.Refuse("token-makes-no-token", "An API token cannot make another API token: a leaked one would never end.",
			"Sign in with your password and make the token there.", "role administrator")
	}
	name = strings.TrimSpace(name)
	if err := CheckTokenName(name); err != nil {
		return "", Token{}, err
	}
	if ttl == 0 {
		ttl = defaultTTL
	}
	if ttl < time.Minute || ttl > maxTTL {
		return "", Token{}, fault.Field("ttl", "is out of range", "one minute to 365 days")
	}
	scopes, err := checkScopes(scopes)
	if err != nil {
		return "", Token{}, err
	}
	kept, err := keepScopes(scopes)
	if err != nil {
		return "", Token{}, err
	}
	now, plain := s.now(), newToken(userTokenPrefix)
	token := Token{
		ID: uuid.Must(uuid.NewV7()).String(), Name: name, Hint: plain[:len(userTokenPrefix)+4],
		CreatedAt: store.Time(store.Millis(now)), ExpiresAt: store.Time(store.Millis(now.Add(ttl))),
		Scopes: scopes,
	}
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_tokens WHERE user_id = $1 AND expires_at <= $2", p.ID, store.Millis(now)); err != nil {
			return fmt.Errorf("remove ended tokens: %w", err)
		}
		var count int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_tokens WHERE user_id = $1", p.ID).Scan(&count); err != nil {
			return fmt.Errorf("count tokens: %w", err)
		}
		if count >= maxTokens {
			return fault.New(fault.Conflict, "You have %d API tokens, the most one person can have. Delete one first.", maxTokens)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO auth_tokens (id, hash, user_id, name, hint, created_at, expires_at, used_at, scopes)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)`,
			token.ID, fingerprint(plain), p.ID, token.Name, token.Hint, store.Millis(token.CreatedAt), store.Millis(token.ExpiresAt), kept)
		if err != nil {
			return fmt.Errorf("create a token: %w", err)
		}
		return s.event(ctx, tx, p.ID, "token.create", "token/"+token.ID, "name", token.Name, "expiresAt", token.ExpiresAt.Format(time.RFC3339), "scopes", token.Scopes)
	})
	if err != nil {
		return "", Token{}, err
	}
	return plain, token, nil
}

// Tokens lists the user's tokens, newest first, ended ones too.
func (s *Service) Tokens(ctx context.Context, userID string) ([]Token, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT id, name, hint, created_at, expires_at, used_at, scopes FROM auth_tokens
		WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, userID, maxTokens)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Token, error) {
		var t Token
		var created, expires, used int64
		var scopes string
		if err := row.Scan(&t.ID, &t.Name, &t.Hint, &created, &expires, &used, &scopes); err != nil {
			return Token{}, err
		}
		t.CreatedAt, t.ExpiresAt, t.UsedAt = store.Time(created), store.Time(expires), store.Time(used)
		t.Scopes, err = keptScopes(scopes)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return list, nil
}

// DeleteToken ends one token of the user.
func (s *Service) DeleteToken(ctx context.Context, userID, id string) error {
	return s.remove(ctx, "auth_tokens", "token", userID, id, userID)
}

func (s *Service) byToken(ctx context.Context, plain string) (Principal, error) {
	if !wellFormed(plain, userTokenPrefix) {
		return Principal{}, errCredential()
	}
	var id, userID, kept string
	var expires, used int64
	err := s.db.Read().QueryRowContext(ctx, "SELECT id, user_id, expires_at, used_at, scopes FROM auth_tokens WHERE hash = $1", fingerprint(plain)).
		Scan(&id, &userID, &expires, &used, &kept)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, errCredential()
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read a token: %w", err)
	}
	now := s.now()
	if !now.Before(store.Time(expires)) {
		return Principal{}, fault.New(fault.Unauthorized, "This API token has ended. Make a new one in the portal under your account.")
	}
	user, err := s.activeUser(ctx, userID)
	if err != nil {
		return Principal{}, err
	}
	if now.Sub(store.Time(used)) >= usedEvery {
		if err := s.touch(ctx, "UPDATE auth_tokens SET used_at = $1 WHERE id = $2", id, now); err != nil {
			return Principal{}, err
		}
	}
	scopes, err := keptScopes(kept)
	return Principal{User: user, Via: ViaToken, TokenID: id, Kind: KindUser}.narrow(scopes), err
}
