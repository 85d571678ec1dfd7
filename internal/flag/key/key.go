// Package key keeps the keys of the flag server. Server keys (spf_) read
// whole definitions and see every flag of their project; client keys (spc_)
// are public, stand in web pages and apps, and see only the results of flags
// that are visible to clients; relay keys (spr_) feed the relays of a region.
// Only the SHA-256 of a key is stored, and the plain key is shown once.
package key

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Kinds of keys.
const (
	Server = "server"
	Client = "client"
	Relay  = "relay"
)

// Prefix begins every key of a kind.
func Prefix(kind string) string {
	switch kind {
	case Server:
		return "spf_"
	case Client:
		return "spc_"
	case Relay:
		return "spr_"
	default:
		return ""
	}
}

// Topic is notified when a key is made, ended or removed.
const Topic = "flag_key"

const (
	maxKeys    = 50
	maxName    = 100
	maxOrigins = 20
	// MaxOverlap is how long an old key may live beside its successor.
	MaxOverlap = 30 * 24 * time.Hour
	maxTTL     = 5 * 365 * 24 * time.Hour
	// usedEvery is how precise "last used" is kept.
	usedEvery = 10 * time.Minute
)

// Key is one key as people see it; the key itself is not kept.
type Key struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"server,client,relay"`
	// Project is empty for relays.
	Project string `json:"project,omitempty"`
	// Environment is the only one it may ask for; empty for all.
	Environment string `json:"environment"`
	// Name says who uses it; usage is counted under it.
	Name string `json:"name"`
	// Hint is the beginning of the key, to tell keys apart.
	Hint string `json:"hint"`
	// Origins are the pages that may use a client key from a browser; "*" is
	// every page.
	Origins   []string  `json:"origins,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	UsedAt    time.Time `json:"usedAt,omitzero"`
	// Hash is the SHA-256 of the key, in hexadecimal.
	Hash string `json:"-"`
}

// NewKey says what key to make.
type NewKey struct {
	Kind        string     `json:"kind" enum:"server,client"`
	Environment string     `json:"environment,omitempty" maxLength:"100" doc:"The environment it may ask for; empty for all"`
	Name        string     `json:"name" maxLength:"100" doc:"Who uses it, e.g. the service; usage is counted under it"`
	Origins     []string   `json:"origins,omitempty" maxItems:"20" doc:"Client keys: pages that may use it, e.g. https://shop.example.com; * for all"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty" doc:"Never when absent"`
}

// Keys are all keys.
type Keys struct {
	db  *store.DB
	log *audit.Log
	now func() time.Time
}

// New returns the keys kept in db.
func New(db *store.DB, log *audit.Log, now func() time.Time) *Keys {
	return &Keys{db: db, log: log, now: now}
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Create makes a key of a project; kind Relay with an empty project one for
// relays. The plain key is returned only here.
func (k *Keys) Create(ctx context.Context, project string, in NewKey, by string) (string, Key, error) {
	out, err := k.check(project, in)
	if err != nil {
		return "", Key{}, err
	}
	plain := k.mint(&out, by)
	err = k.db.Tx(ctx, func(tx *store.Tx) error {
		if err := room(ctx, tx, project); err != nil {
			return err
		}
		if err := insert(ctx, tx, out); err != nil {
			return err
		}
		return k.record(ctx, tx, "flag_key.create", out, by)
	})
	if err != nil {
		return "", Key{}, fmt.Errorf("make a flag key: %w", err)
	}
	return plain, out, nil
}

func (k *Keys) check(project string, in NewKey) (Key, error) {
	out := Key{Kind: in.Kind, Project: project, Environment: in.Environment, Name: strings.TrimSpace(in.Name)}
	f := fault.New(fault.Unprocessable, "The key is not complete or not valid.")
	if Prefix(in.Kind) == "" || (in.Kind == Relay) != (project == "") {
		f.With("kind", "is no kind of key", "server or client")
	}
	if out.Name == "" || len(out.Name) > maxName || strings.ContainsFunc(out.Name, func(r rune) bool { return r < ' ' || r == 127 }) {
		f.With("name", "is empty, too long or has control characters", "who uses the key, up to 100 characters")
	}
	if in.Environment != "" && !namePattern.MatchString(in.Environment) {
		f.With("environment", "is not the name of an environment", "letters, digits, dot, dash and underscore; empty for all")
	}
	if in.Kind == Client && in.Environment == "" {
		f.With("environment", "is missing", "the one environment that a public key may ask for")
	}
	if in.Kind != Client && len(in.Origins) > 0 {
		f.With("origins", "are for client keys only", "none: a server key never stands in a page")
	}
	if len(in.Origins) > maxOrigins {
		f.With("origins", "are too many", "at most 20")
	} else {
		for i, o := range in.Origins {
			origin, ok := cleanOrigin(o)
			if !ok {
				f.With(fmt.Sprintf("origins[%d]", i), "is not the origin of a page", "https://shop.example.com, without a path; or *")
			} else if !slices.Contains(out.Origins, origin) {
				out.Origins = append(out.Origins, origin)
			}
		}
	}
	if in.ExpiresAt != nil {
		out.ExpiresAt = store.Time(store.Millis(*in.ExpiresAt))
		if left := out.ExpiresAt.Sub(k.now()); left < time.Minute || left > maxTTL {
			f.With("expiresAt", "is out of range", "between one minute and five years from now; absent for never")
		}
	}
	if len(f.Details) > 0 {
		return Key{}, f
	}
	return out, nil
}

// cleanOrigin returns an origin as browsers send it.
func cleanOrigin(text string) (string, bool) {
	if text == "*" {
		return text, true
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > 300 || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return "", false
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), true
}

func (k *Keys) mint(out *Key, by string) string {
	plain := auth.MakeToken(Prefix(out.Kind))
	out.ID = uuid.Must(uuid.NewV7()).String()
	out.Hash, out.Hint = Hash(plain), plain[:8]
	out.CreatedAt, out.CreatedBy = store.Time(store.Millis(k.now())), by
	return plain
}

// Hash is what is stored of a key.
func Hash(plain string) string {
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

// room refuses more keys than a project can have.
func room(ctx context.Context, tx *store.Tx, project string) error {
	if project != "" {
		var found string
		err := tx.QueryRowContext(ctx, `SELECT key FROM flag_projects WHERE key = $1`+tx.ForUpdate(), project).Scan(&found)
		if errors.Is(err, sql.ErrNoRows) {
			return noProject(project)
		}
		if err != nil {
			return err
		}
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM flag_keys WHERE COALESCE(project, '') = $1`, project).Scan(&n); err != nil {
		return err
	}
	if n >= maxKeys {
		return fault.New(fault.Conflict, "There are %d keys, the most that can be. Remove one first.", maxKeys)
	}
	return nil
}

func insert(ctx context.Context, tx *store.Tx, key Key) error {
	origins, err := json.Marshal(key.Origins)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO flag_keys (id, hash, kind, project, environment, name, hint, origins, created_at, created_by, expires_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)`,
		key.ID, key.Hash, key.Kind, sql.NullString{String: key.Project, Valid: key.Project != ""}, key.Environment, key.Name, key.Hint, string(origins),
		store.Millis(key.CreatedAt), key.CreatedBy, store.Millis(key.ExpiresAt))
	if err == nil {
		tx.Notify(Topic, key.ID)
	}
	return err
}

// Rotate makes a key with the properties of another, which ends after the
// overlap; at once when it is zero.
func (k *Keys) Rotate(ctx context.Context, project, id string, overlap time.Duration, by string) (string, Key, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return "", Key{}, fault.Field("overlapMinutes", "is out of range", "0 to 43200, which is 30 days")
	}
	var plain string
	var out Key
	err := k.db.Tx(ctx, func(tx *store.Tx) error {
		old, err := k.read(ctx, tx, project, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		now := k.now()
		if !old.ExpiresAt.IsZero() && !now.Before(old.ExpiresAt) {
			return fault.New(fault.Conflict, "This key has ended. Make a new one.")
		}
		if err := room(ctx, tx, project); err != nil {
			return err
		}
		out = Key{Kind: old.Kind, Project: old.Project, Environment: old.Environment, Name: old.Name, Origins: old.Origins}
		plain = k.mint(&out, by)
		if err := insert(ctx, tx, out); err != nil {
			return err
		}
		end := store.Millis(now.Add(overlap))
		if _, err := tx.ExecContext(ctx, `UPDATE flag_keys SET expires_at = $1 WHERE id = $2 AND (expires_at = 0 OR expires_at > $1)`, end, id); err != nil {
			return err
		}
		tx.Notify(Topic, id)
		return k.record(ctx, tx, "flag_key.rotate", out, by, "replaces", id, "oldEnds", store.Time(end).Format(time.RFC3339))
	})
	if err != nil {
		return "", Key{}, fmt.Errorf("rotate a flag key: %w", err)
	}
	return plain, out, nil
}

// Revoke ends a key at once.
func (k *Keys) Revoke(ctx context.Context, project, id, by string) error {
	err := k.db.Tx(ctx, func(tx *store.Tx) error {
		old, err := k.read(ctx, tx, project, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM flag_keys WHERE id = $1`, id); err != nil {
			return err
		}
		tx.Notify(Topic, id)
		return k.record(ctx, tx, "flag_key.revoke", old, by)
	})
	if err != nil {
		return fmt.Errorf("revoke a flag key: %w", err)
	}
	return nil
}

func (k *Keys) record(ctx context.Context, tx *store.Tx, verb string, key Key, by string, more ...any) error {
	detail := append([]any{"kind", key.Kind, "project", key.Project, "environment", key.Environment, "name", key.Name, "hint", key.Hint}, more...)
	return k.log.Append(ctx, tx, audit.Event{Actor: by, Verb: verb, Object: "flag_key/" + key.ID, Detail: audit.Detail(detail...)})
}

const columns = `id, hash, kind, COALESCE(project, ''), environment, name, hint, origins, created_at, created_by, expires_at, used_at`

// List returns the keys of a project, newest first; those of relays for an
// empty project. Ended ones are in it for a week.
func (k *Keys) List(ctx context.Context, project string) ([]Key, error) {
	rows, err := k.db.Read().QueryContext(ctx, `SELECT `+columns+` FROM flag_keys WHERE COALESCE(project, '') = $1
		AND (expires_at = 0 OR expires_at > $2) ORDER BY created_at DESC, id DESC`, project, store.Millis(k.now().Add(-7*24*time.Hour)))
	list, err := store.All(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("list flag keys: %w", err)
	}
	return list, nil
}

// Live returns every key that has not ended, for the server's memory.
func (k *Keys) Live(ctx context.Context) ([]Key, error) {
	rows, err := k.db.Read().QueryContext(ctx, `SELECT `+columns+` FROM flag_keys WHERE expires_at = 0 OR expires_at > $1 ORDER BY id`, store.Millis(k.now()))
	list, err := store.All(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("read the flag keys: %w", err)
	}
	return list, nil
}

// Used remembers when keys were last used.
func (k *Keys) Used(ctx context.Context, at map[string]time.Time) error {
	if len(at) == 0 {
		return nil
	}
	err := k.db.Tx(ctx, func(tx *store.Tx) error {
		for id, when := range at {
			if _, err := tx.ExecContext(ctx, `UPDATE flag_keys SET used_at = $1 WHERE id = $2 AND used_at < $3`,
				store.Millis(when), id, store.Millis(when.Add(-usedEvery))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remember the use of flag keys: %w", err)
	}
	return nil
}

// Prune removes keys that ended more than a week ago.
func (k *Keys) Prune(ctx context.Context) error {
	err := k.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM flag_keys WHERE expires_at > 0 AND expires_at < $1`, store.Millis(k.now().Add(-7*24*time.Hour)))
		return err
	})
	if err != nil {
		return fmt.Errorf("remove ended flag keys: %w", err)
	}
	return nil
}

func (k *Keys) read(ctx context.Context, q store.Querier, project, id, lock string) (Key, error) {
	key, err := scan(q.QueryRowContext(ctx, `SELECT `+columns+` FROM flag_keys WHERE id = $1 AND COALESCE(project, '') = $2`+lock, id, project))
	if errors.Is(err, sql.ErrNoRows) {
		return Key{}, fault.New(fault.NotFound, "There is no such key.")
	}
	return key, err
}

func scan(row interface{ Scan(...any) error }) (Key, error) {
	var k Key
	var origins string
	var created, expires, used int64
	if err := row.Scan(&k.ID, &k.Hash, &k.Kind, &k.Project, &k.Environment, &k.Name, &k.Hint, &origins, &created, &k.CreatedBy, &expires, &used); err != nil {
		return k, err
	}
	k.CreatedAt, k.ExpiresAt, k.UsedAt = store.Time(created), store.Time(expires), store.Time(used)
	return k, json.Unmarshal([]byte(origins), &k.Origins)
}

// Service is the service whose flags a project has.
func (k *Keys) Service(ctx context.Context, project string) (string, error) {
	var service string
	err := k.db.Read().QueryRowContext(ctx, `SELECT service FROM flag_projects WHERE key = $1`, project).Scan(&service)
	if errors.Is(err, sql.ErrNoRows) {
		return "", noProject(project)
	}
	if err != nil {
		return "", fmt.Errorf("read flag project %s: %w", project, err)
	}
	return service, nil
}

// ProjectOf is the flag project of a service, the first when there are
// several; NotFound when it has none.
func (k *Keys) ProjectOf(ctx context.Context, service string) (string, error) {
	var project string
	err := k.db.Read().QueryRowContext(ctx, `SELECT key FROM flag_projects WHERE service = $1 ORDER BY key LIMIT 1`, service).Scan(&project)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fault.New(fault.NotFound, "The service %s has no flag project.", service)
	}
	if err != nil {
		return "", fmt.Errorf("find the flag project of %s: %w", service, err)
	}
	return project, nil
}

// Holds reports whether a plain key is known and has not ended.
func (k *Keys) Holds(ctx context.Context, plain string) (bool, error) {
	var n int
	err := k.db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM flag_keys WHERE hash = $1 AND (expires_at = 0 OR expires_at > $2)`, Hash(plain), store.Millis(k.now())).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for a flag key: %w", err)
	}
	return n > 0, nil
}

func noProject(key string) error {
	return fault.New(fault.NotFound, "There is no flag project %s.", key).With("project", "does not exist", "the key of a flag project")
}
