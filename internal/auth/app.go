package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// A machine proves itself with a client id and a secret and gets tokens for
// three hours. Some clients fetch one for every call, so issuing one writes
// nothing: a token is signed with a key that follows from the secret. The
// database has the public half only, which proves secrets and tokens and can
// make neither. A new secret ends the tokens of the old one; a new token ends
// no other.
const (
	appTokenPrefix = "spa_"
	appIDPrefix    = "app"
	appTokenTTL    = 3 * time.Hour
	maxApps        = 500
	appColumns     = "id, name, enabled, roles, created_at, updated_at, created_by"
)

// App is a machine with credentials.
type App struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Enabled   bool      `json:"enabled"`
	Roles     []string  `json:"roles"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	CreatedBy string    `json:"createdBy"`
}

// AppChange is what to change of an app; nil fields stay.
type AppChange struct {
	Name    *string
	Enabled *bool
	Roles   *[]string
}

// appKey derives the key of a secret. The secret has 256 random bits, so a
// fast derivation is enough.
func appKey(id, secret string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("sphera app token v1\x00" + id + "\x00" + secret))
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicHalf(key ed25519.PrivateKey) string {
	public, _ := key.Public().(ed25519.PublicKey)
	return base64.RawStdEncoding.EncodeToString(public)
}

// CreateApp makes a machine credential. The secret is returned only here.
func (s *Service) CreateApp(ctx context.Context, p Principal, name string, roles []string) (App, string, error) {
	if err := s.madeByPerson(p); err != nil {
		return App{}, "", err
	}
	if len(roles) == 0 {
		roles = []string{Infrastructure}
	}
	at := s.now()
	app := App{
		ID: appIDPrefix + randomText(20), Name: strings.TrimSpace(name), Enabled: true, Roles: sorted(roles),
		CreatedAt: store.Time(store.Millis(at)), UpdatedAt: store.Time(store.Millis(at)), CreatedBy: p.ID,
	}
	if err := checkApp(app); err != nil {
		return App{}, "", err
	}
	plain := randomText(43)
	rolesText, err := json.Marshal(app.Roles)
	if err != nil {
		return App{}, "", fmt.Errorf("encode roles: %w", err)
	}
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		var count int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_apps").Scan(&count); err != nil {
			return fmt.Errorf("count apps: %w", err)
		}
		if count >= maxApps {
			return fault.New(fault.Conflict, "There are already %d apps, the most that one portal holds.", maxApps)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO auth_apps (id, name, secret, enabled, roles, created_at, updated_at, created_by)
			VALUES ($1, $2, $3, 1, $4, $5, $5, $6)`, app.ID, app.Name, publicHalf(appKey(app.ID, plain)), string(rolesText), store.Millis(at), p.ID)
		if err != nil {
			return fmt.Errorf("create an app: %w", err)
		}
		return s.event(ctx, tx, p.ID, "app.create", "app/"+app.ID, "name", app.Name, "roles", app.Roles)
	})
	return app, plain, err
}

// madeByPerson keeps a leaked token from making credentials that outlive it.
func (s *Service) madeByPerson(p Principal) error {
	if p.Via != ViaToken && p.Via != ViaApp {
		return nil
	}
	return fault.Refuse("token-makes-no-credential", "An API token cannot make or change credentials: a leaked one would never end.",
		"Sign in with your password and do it there.", "role administrator")
}

func checkApp(a App) error {
	if a.Name == "" || clip(a.Name, maxName) != a.Name {
		return fault.Field("name", "is empty, too long or has control characters", "what the app is for, up to 100 characters")
	}
	for _, role := range a.Roles {
		if !slices.Contains(Roles(), role) {
			return fault.Field("roles", "has the unknown role "+strconv.Quote(clip(role, 40)), "any of "+strings.Join(Roles(), ", "))
		}
	}
	return nil
}

// Apps lists the apps by name.
func (s *Service) Apps(ctx context.Context) ([]App, error) {
	rows, err := s.db.Read().QueryContext(ctx, "SELECT "+appColumns+" FROM auth_apps ORDER BY name, id LIMIT $1", maxApps)
	apps, err := store.All(rows, err, scanApp)
	if err != nil {
		return nil, fmt.Errorf("list apps: %w", err)
	}
	return apps, nil
}

func scanApp(row interface{ Scan(...any) error }) (App, error) {
	var a App
	var roles string
	var created, updated, enabled int64
	if err := row.Scan(&a.ID, &a.Name, &enabled, &roles, &created, &updated, &a.CreatedBy); err != nil {
		return App{}, err
	}
	a.Enabled, a.CreatedAt, a.UpdatedAt = enabled != 0, store.Time(created), store.Time(updated)
	if err := json.Unmarshal([]byte(roles), &a.Roles); err != nil {
		return App{}, fmt.Errorf("decode roles: %w", err)
	}
	return a, nil
}

func (s *Service) app(ctx context.Context, q store.Querier, id, lock string) (App, error) {
	a, err := scanApp(q.QueryRowContext(ctx, "SELECT "+appColumns+" FROM auth_apps WHERE id = $1"+lock, id))
	if errors.Is(err, sql.ErrNoRows) {
		return App{}, fault.New(fault.NotFound, "There is no such app.")
	}
	if err != nil {
		return App{}, fmt.Errorf("read an app: %w", err)
	}
	return a, nil
}

// UpdateApp changes an app. One that is switched off is refused from the next
// request on.
func (s *Service) UpdateApp(ctx context.Context, p Principal, id string, c AppChange) (App, error) {
	if err := s.madeByPerson(p); err != nil {
		return App{}, err
	}
	var app App
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if app, err = s.app(ctx, tx, id, tx.ForUpdate()); err != nil {
			return err
		}
		if c.Name != nil {
			app.Name = strings.TrimSpace(*c.Name)
		}
		if c.Enabled != nil {
			app.Enabled = *c.Enabled
		}
		if c.Roles != nil {
			app.Roles = sorted(*c.Roles)
		}
		if err := checkApp(app); err != nil {
			return err
		}
		roles, err := json.Marshal(app.Roles)
		if err != nil {
			return fmt.Errorf("encode roles: %w", err)
		}
		enabled := 0
		if app.Enabled {
			enabled = 1
		}
		at := store.Millis(s.now())
		if _, err := tx.ExecContext(ctx, "UPDATE auth_apps SET name = $1, enabled = $2, roles = $3, updated_at = $4 WHERE id = $5",
			app.Name, enabled, string(roles), at, id); err != nil {
			return fmt.Errorf("change an app: %w", err)
		}
		app.UpdatedAt = store.Time(at)
		return s.event(ctx, tx, p.ID, "app.update", "app/"+id, "name", app.Name, "enabled", app.Enabled, "roles", app.Roles)
	})
	return app, err
}

// RotateApp gives an app a new secret; the old one and its tokens end.
func (s *Service) RotateApp(ctx context.Context, p Principal, id string) (App, string, error) {
	if err := s.madeByPerson(p); err != nil {
		return App{}, "", err
	}
	var app App
	plain := randomText(43)
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if app, err = s.app(ctx, tx, id, tx.ForUpdate()); err != nil {
			return err
		}
		at := store.Millis(s.now())
		if _, err := tx.ExecContext(ctx, "UPDATE auth_apps SET secret = $1, updated_at = $2 WHERE id = $3", publicHalf(appKey(id, plain)), at, id); err != nil {
			return fmt.Errorf("change an app: %w", err)
		}
		app.UpdatedAt = store.Time(at)
		return s.event(ctx, tx, p.ID, "app.rotate", "app/"+id, "name", app.Name)
	})
	return app, plain, err
}

// DeleteApp ends an app and its tokens.
func (s *Service) DeleteApp(ctx context.Context, p Principal, id string) error {
	if err := s.madeByPerson(p); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		app, err := s.app(ctx, tx, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_apps WHERE id = $1", id); err != nil {
			return fmt.Errorf("delete an app: %w", err)
		}
		return s.event(ctx, tx, p.ID, "app.delete", "app/"+id, "name", app.Name)
	})
}

// AccessToken gives a machine a token for its secret. Unknown, switched off
// and wrong are one answer. The log has the first of an hour for each app, and
// the first wrong secret of a minute: machines ask for tokens all the time.
func (s *Service) AccessToken(ctx context.Context, clientID, secret string) (string, time.Duration, error) {
	if len(clientID) > 100 || len(secret) > 200 {
		return "", 0, errClient()
	}
	stored, app, err := s.appSecret(ctx, clientID)
	if err != nil {
		return "", 0, err
	}
	key := appKey(clientID, secret)
	if subtle.ConstantTimeCompare([]byte(publicHalf(key)), []byte(stored)) != 1 || !app.Enabled {
		if err := s.appSignIn(ctx, app, audit.Denied, time.Minute); err != nil {
			return "", 0, err
		}
		return "", 0, errClient()
	}
	if err := s.appSignIn(ctx, app, audit.Success, time.Hour); err != nil {
		return "", 0, err
	}
	var claims [24]byte // when it ends, and chance, so that no two are the same
	binary.BigEndian.PutUint64(claims[:8], uint64(s.now().Add(appTokenTTL).UnixMilli()))
	rand.Read(claims[8:]) // never fails: the program stops instead
	body := clientID + "." + base64.RawURLEncoding.EncodeToString(claims[:])
	signature := ed25519.Sign(key, []byte(body))
	return appTokenPrefix + body + "." + base64.RawURLEncoding.EncodeToString(signature), appTokenTTL, nil
}

// appSignIn records that an app signs in, or fails to.
func (s *Service) appSignIn(ctx context.Context, app App, outcome string, within time.Duration) error {
	key := app.ID + " " + outcome
	if app.ID == "" || !s.appSignIns.First(key, s.now(), within) {
		return nil
	}
	e := audit.Event{Actor: app.ID, ActorName: app.Name, Verb: "auth.login", Object: "app/" + app.ID, Outcome: outcome}
	if err := s.db.Tx(ctx, func(tx *store.Tx) error { return s.log.Append(ctx, tx, e) }); err != nil {
		s.appSignIns.Forget(key)
		return fmt.Errorf("record that an app signs in: %w", err)
	}
	return nil
}

func errClient() *fault.Error {
	return fault.New(fault.Unauthorized, "The client id or the client secret is not right, or the app is switched off.")
}

// appSecret returns an empty secret when there is no such app.
func (s *Service) appSecret(ctx context.Context, id string) (string, App, error) {
	var secret string
	err := s.db.Read().QueryRowContext(ctx, "SELECT secret FROM auth_apps WHERE id = $1", id).Scan(&secret)
	if errors.Is(err, sql.ErrNoRows) {
		return "", App{}, nil
	}
	if err != nil {
		return "", App{}, fmt.Errorf("read an app: %w", err)
	}
	app, err := s.app(ctx, s.db.Read(), id, "")
	if fault.Is(err, fault.NotFound) {
		return "", App{}, nil
	}
	return secret, app, err
}

func (s *Service) byAppToken(ctx context.Context, token string) (Principal, error) {
	parts := strings.Split(strings.TrimPrefix(token, appTokenPrefix), ".")
	if len(token) > 400 || len(parts) != 3 {
		return Principal{}, errCredential()
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || len(claims) != 24 {
		return Principal{}, errCredential()
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return Principal{}, errCredential()
	}
	secret, app, err := s.appSecret(ctx, parts[0])
	if err != nil {
		return Principal{}, err
	}
	public, err := base64.RawStdEncoding.DecodeString(secret)
	if err != nil || len(public) != ed25519.PublicKeySize || !app.Enabled {
		return Principal{}, errCredential()
	}
	if !ed25519.Verify(public, []byte(parts[0]+"."+parts[1]), signature) {
		return Principal{}, errCredential()
	}
	if s.now().UnixMilli() >= int64(binary.BigEndian.Uint64(claims[:8])) {
		return Principal{}, fault.New(fault.Unauthorized, "This access token has ended. Fetch a new one with the client id and secret.")
	}
	user := User{ID: app.ID, Name: app.Name, Roles: app.Roles, Teams: []string{}, Status: Active, CreatedAt: app.CreatedAt}
	return Principal{User: user, Via: ViaApp, Kind: KindService}, nil
}

// randomText is n random letters and digits.
func randomText(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(newToken("")[:min(n-b.Len(), randomChars)])
	}
	return b.String()
}
