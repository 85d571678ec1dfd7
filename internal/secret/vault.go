package secret

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Scopes of secrets. The organisation's are named by people; a webhook's is
// named by the webhook's key.
const (
	Organization = "organization"
	Webhook      = "webhook"
	signing      = "signing"
)

const (
	// maxSecrets bounds the organisation's secrets.
	maxSecrets     = 1000
	maxValue       = 32 << 10
	maxDescription = 200
)

var organizationPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// Secret is what may be known of a secret: everything but its value.
type Secret struct {
	Name        string    `json:"secretName"`
	Description string    `json:"description,omitempty"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
	CreatedBy   string    `json:"createdBy"`
	UpdatedBy   string    `json:"updatedBy"`
}

// Actor is who changes a secret.
type Actor struct{ ID, Name string }

// Vault keeps sealed values.
type Vault struct {
	db     *store.DB
	log    *audit.Log
	now    func() time.Time
	sealer *Sealer
}

// NewVault returns the values kept in db.
func NewVault(db *store.DB, log *audit.Log, now func() time.Time, sealer *Sealer) *Vault {
	return &Vault{db: db, log: log, now: now, sealer: sealer}
}

// Put keeps a value in a scope of the portal's own, in place of an earlier one.
func (v *Vault) Put(ctx context.Context, tx *store.Tx, scope, name string, value Value, by string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO secrets (scope, name, sealed, description, created_at, updated_at, created_by, updated_by) VALUES ($1, $2, $3, '', $4, $4, $5, $5)
		ON CONFLICT (scope, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		scope, name, v.sealer.Seal(value, place(scope, name)), store.Millis(v.now()), by)
	if err != nil {
		return fmt.Errorf("keep a secret of %s: %w", scope, err)
	}
	return nil
}

func place(scope, name string) string { return scope + "/" + name }

// Remove forgets a value; one that is not there is forgotten already.
func (v *Vault) Remove(ctx context.Context, tx *store.Tx, scope, name string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM secrets WHERE scope = $1 AND name = $2", scope, name); err != nil {
		return fmt.Errorf("remove a secret of %s: %w", scope, err)
	}
	return nil
}

// Open returns a value, or NotFound.
func (v *Vault) Open(ctx context.Context, q store.Querier, scope, name string) (Value, error) {
	var sealed string
	err := q.QueryRowContext(ctx, "SELECT sealed FROM secrets WHERE scope = $1 AND name = $2", scope, name).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return Value{}, noSecret(name)
	}
	if err != nil {
		return Value{}, fmt.Errorf("read a secret of %s: %w", scope, err)
	}
	return v.sealer.Open(sealed, place(scope, name))
}

// Resolve returns one of the organisation's secrets for a template that names
// it, or NotFound.
func (v *Vault) Resolve(ctx context.Context, name string) (Value, error) {
	return v.Open(ctx, v.db.Read(), Organization, name)
}

// Signing returns the key that what the portal sends is signed with. It is made
// at its first use; NewSigning shows it to a person.
func (v *Vault) Signing(ctx context.Context) (Value, error) {
	key, err := v.Open(ctx, v.db.Read(), signing, Organization)
	if !fault.Is(err, fault.NotFound) {
		return key, err
	}
	return v.NewSigning(ctx, Actor{ID: audit.System})
}

// NewSigning replaces the signing key and returns the new one, which is shown
// this once.
func (v *Vault) NewSigning(ctx context.Context, by Actor) (Value, error) {
	key := NewValue(rand.Text() + rand.Text())
	err := v.db.Tx(ctx, func(tx *store.Tx) error {
		if err := v.Put(ctx, tx, signing, Organization, key, by.ID); err != nil {
			return err
		}
		return v.record(ctx, tx, "secret.rotate", "secret/signing", by)
	})
	return key, err
}

func noSecret(name string) *fault.Error {
	if !organizationPattern.MatchString(name) {
		return fault.New(fault.NotFound, "There is no such secret.")
	}
	return fault.New(fault.NotFound, "There is no secret %q.", name)
}

const secretColumns = "name, description, created_at, updated_at, created_by, updated_by"

func scanSecret(row interface{ Scan(...any) error }) (Secret, error) {
	var s Secret
	var created, updated int64
	err := row.Scan(&s.Name, &s.Description, &created, &updated, &s.CreatedBy, &s.UpdatedBy)
	s.CreatedAt, s.UpdatedAt = store.Time(created), store.Time(updated)
	return s, err
}

// Secrets lists the organisation's secrets by name.
func (v *Vault) Secrets(ctx context.Context) ([]Secret, error) {
	rows, err := v.db.Read().QueryContext(ctx, "SELECT "+secretColumns+" FROM secrets WHERE scope = $1 ORDER BY name LIMIT $2", Organization, maxSecrets)
	list, err := store.All(rows, err, scanSecret)
	if err != nil {
		return nil, fmt.Errorf("list the secrets: %w", err)
	}
	return list, nil
}

// Secret returns one of the organisation's secrets.
func (v *Vault) Secret(ctx context.Context, name string) (Secret, error) {
	return v.secret(ctx, v.db.Read(), name, "")
}

func (v *Vault) secret(ctx context.Context, q store.Querier, name, lock string) (Secret, error) {
	s, err := scanSecret(q.QueryRowContext(ctx, "SELECT "+secretColumns+" FROM secrets WHERE scope = $1 AND name = $2"+lock, Organization, name))
	if errors.Is(err, sql.ErrNoRows) {
		return s, noSecret(name)
	}
	if err != nil {
		return s, fmt.Errorf("read a secret: %w", err)
	}
	return s, nil
}

// Create keeps a new secret of the organisation.
func (v *Vault) Create(ctx context.Context, name, description string, value Value, by Actor) (Secret, error) {
	if !organizationPattern.MatchString(name) {
		return Secret{}, fault.Field("/secretName", "is not a secret's name", "1 to 100 letters, digits, - and _")
	}
	if err := check(&description, &value); err != nil {
		return Secret{}, err
	}
	at := v.now().Truncate(time.Millisecond)
	s := Secret{Name: name, Description: description, CreatedAt: at, UpdatedAt: at, CreatedBy: by.ID, UpdatedBy: by.ID}
	err := v.db.Tx(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM secrets WHERE scope = $1", Organization).Scan(&n); err != nil {
			return fmt.Errorf("count the secrets: %w", err)
		}
		if n >= maxSecrets {
			return fault.New(fault.TooLarge, "There are %d secrets already, which is the most that are kept.", n)
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO secrets (scope, name, sealed, description, created_at, updated_at, created_by, updated_by)
			VALUES ($1, $2, $3, $4, $5, $5, $6, $6) ON CONFLICT DO NOTHING`,
			Organization, name, v.sealer.Seal(value, place(Organization, name)), description, store.Millis(at), by.ID)
		if err != nil {
			return fmt.Errorf("create secret %s: %w", name, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.New(fault.Taken, "There is a secret %q already (identifier_taken).", name))
		}
		return v.record(ctx, tx, "secret.create", "secret/"+name, by)
	})
	return s, err
}

// Change sets what is not nil.
func (v *Vault) Change(ctx context.Context, name string, description *string, value *Value, by Actor) (Secret, error) {
	if err := check(description, value); err != nil {
		return Secret{}, err
	}
	var s Secret
	err := v.db.Tx(ctx, func(tx *store.Tx) (err error) {
		if s, err = v.secret(ctx, tx, name, tx.ForUpdate()); err != nil || description == nil && value == nil {
			return err
		}
		fields := []string{}
		if value != nil {
			if err := v.Put(ctx, tx, Organization, name, *value, by.ID); err != nil {
				return err
			}
			fields = append(fields, "value")
		}
		if description != nil {
			s.Description = *description
			fields = append(fields, "description")
		}
		s.UpdatedAt, s.UpdatedBy = v.now().Truncate(time.Millisecond), by.ID
		_, err = tx.ExecContext(ctx, "UPDATE secrets SET description = $1, updated_at = $2, updated_by = $3 WHERE scope = $4 AND name = $5",
			s.Description, store.Millis(s.UpdatedAt), by.ID, Organization, name)
		if err != nil {
			return fmt.Errorf("change secret %s: %w", name, err)
		}
		return v.record(ctx, tx, "secret.update", "secret/"+name, by, fields...)
	})
	return s, err
}

// Delete forgets one of the organisation's secrets.
func (v *Vault) Delete(ctx context.Context, name string, by Actor) error {
	return v.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := v.secret(ctx, tx, name, tx.ForUpdate()); err != nil {
			return err
		}
		if err := v.Remove(ctx, tx, Organization, name); err != nil {
			return err
		}
		return v.record(ctx, tx, "secret.delete", "secret/"+name, by)
	})
}

func check(description *string, value *Value) error {
	if description != nil && utf8.RuneCountInString(*description) > maxDescription {
		return fault.Field("/description", "is too long", fmt.Sprintf("at most %d characters", maxDescription))
	}
	if value != nil && (value.Len() == 0 || value.Len() > maxValue) {
		return fault.Field("/secretValue", "is empty or too long", fmt.Sprintf("1 to %d bytes", maxValue))
	}
	return nil
}

func (v *Vault) record(ctx context.Context, tx *store.Tx, verb, object string, by Actor, fields ...string) error {
	return v.log.Append(ctx, tx, audit.Event{
		Actor: by.ID, ActorName: by.Name, Verb: verb, Object: object, Detail: audit.Detail("fields", append([]string{}, fields...)),
	})
}
