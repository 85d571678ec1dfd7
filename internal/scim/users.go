package scim

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// record is a person as a directory told of it.
type record struct {
	UserID   string
	External string
	UserName string
	Doc      map[string]any
	Updated  time.Time
}

const gone = "null" // the document of somebody who was deleted there

// person is what an account is made of.
type person struct {
	userName, externalID, name, email string
	active, contractor                bool
}

// read takes from a resource what an account is made of, and refuses what
// cannot be one.
func read(doc map[string]any) (person, error) {
	var p person
	var ok bool
	if p.userName, ok = doc["userName"].(string); !ok || strings.TrimSpace(p.userName) == "" || len(p.userName) > 250 {
		return person{}, bad("invalidValue", "userName is missing, no text, or too long.")
	}
	if v, has := doc["externalId"]; has && v != nil {
		if p.externalID, ok = v.(string); !ok || len(p.externalID) > 250 {
			return person{}, bad("invalidValue", "externalId is no text, or too long.")
		}
	}
	p.active = true
	if v, has := doc["active"]; has && v != nil {
		if p.active, ok = v.(bool); !ok {
			return person{}, bad("invalidValue", "active is neither true nor false.")
		}
	}
	kind, _ := doc["userType"].(string)
	p.contractor = strings.EqualFold(kind, "Contractor")
	p.name, p.email = nameOf(doc, p.userName), emailOf(doc, p.userName)
	if p.email == "" {
		return person{}, bad("invalidValue", "There is no address: neither in emails, nor is userName one.")
	}
	return p, nil
}

func nameOf(doc map[string]any, userName string) string {
	if v, ok := doc["displayName"].(string); ok && strings.TrimSpace(v) != "" {
		return v
	}
	name, _ := doc["name"].(map[string]any)
	if v, ok := name["formatted"].(string); ok && strings.TrimSpace(v) != "" {
		return v
	}
	given, _ := name["givenName"].(string)
	family, _ := name["familyName"].(string)
	if full := strings.TrimSpace(given + " " + family); full != "" {
		return full
	}
	return userName
}

func emailOf(doc map[string]any, userName string) string {
	first := ""
	list, _ := doc["emails"].([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		value, _ := m["value"].(string)
		if primary, _ := m["primary"].(bool); primary && value != "" {
			return value
		}
		if first == "" {
			first = value
		}
	}
	if first == "" && strings.Contains(userName, "@") {
		return userName
	}
	return first
}

// clean is a resource as it is kept: without what the portal sets, and never
// with a password.
func clean(doc map[string]any) map[string]any {
	out, _ := normal("", doc).(map[string]any)
	for _, name := range []string{"id", "meta", "groups", "password", "schemas"} {
		delete(out, name)
	}
	return out
}

const recordColumns = "user_id, external_id, user_name, doc, updated_at"

func scanRecord(row interface{ Scan(...any) error }) (record, error) {
	var r record
	var doc string
	var updated int64
	if err := row.Scan(&r.UserID, &r.External, &r.UserName, &doc, &updated); err != nil {
		return record{}, err
	}
	r.Updated = store.Time(updated)
	if err := json.Unmarshal([]byte(doc), &r.Doc); err != nil {
		return record{}, fmt.Errorf("decode a person of a directory: %w", err)
	}
	return r, nil
}

// one reads a person that the directory has told of.
func (s *Service) one(ctx context.Context, q store.Querier, c Client, condition, value string) (record, error) {
	r, err := scanRecord(q.QueryRowContext(ctx, "SELECT "+recordColumns+" FROM scim_users WHERE client_id = $1 AND "+condition, c.ID, value))
	if errors.Is(err, sql.ErrNoRows) {
		return record{}, errMissing()
	}
	if err != nil {
		return record{}, fmt.Errorf("read a person of a directory: %w", err)
	}
	return r, nil
}

func (s *Service) user(ctx context.Context, q store.Querier, c Client, id string) (record, error) {
	r, err := s.one(ctx, q, c, "user_id = $2", id)
	if err == nil && r.Doc == nil {
		return record{}, errMissing()
	}
	return r, err
}

// createUser makes the account of somebody new, or takes up again the one of
// somebody who was deleted in the directory before.
func (s *Service) createUser(ctx context.Context, c Client, doc map[string]any) (record, error) {
	doc = clean(doc)
	p, err := read(doc)
	if err != nil {
		return record{}, err
	}
	var out record
	err = s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		before, err := s.one(ctx, tx, c, "user_name_key = $2", fold(p.userName))
		switch {
		case err == nil && before.Doc != nil:
			return fault.New(fault.Taken, "There is already a user with this userName.")
		case err != nil && !missing(err):
			return err
		case err != nil:
			if before.UserID, err = s.accountFor(ctx, tx, c, p); err != nil {
				return err
			}
		}
		out, err = s.saveUser(ctx, tx, c, before, doc, p)
		return err
	})
	return out, err
}

func missing(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.status == 404
}

// accountFor finds the account that the person has because it signed in at the
// directory's provider before, or makes one. An address finds nobody.
func (s *Service) accountFor(ctx context.Context, tx *store.Tx, c Client, p person) (string, error) {
	if c.Issuer != "" && p.externalID != "" {
		id, err := s.d.Auth.ByIdentity(ctx, tx, c.Issuer, p.externalID)
		if err != nil || id != "" {
			return id, err
		}
	}
	u, err := s.d.Auth.CreateUserIn(ctx, tx, auth.NewUser{Email: p.email, Name: p.name, Roles: []string{auth.Viewer}, Contractor: p.contractor}, by(c))
	return u.ID, err
}

func by(c Client) string { return "scim:" + c.Name }

// saveUser brings the account and what is kept of the resource up to date.
func (s *Service) saveUser(ctx context.Context, tx *store.Tx, c Client, r record, doc map[string]any, p person) (record, error) {
	status := auth.Suspended
	if p.active {
		status = auth.Active
	}
	now, err := s.d.Auth.UserIn(ctx, tx, r.UserID)
	if err != nil {
		return record{}, err
	}
	if now.Name != p.name || now.Status != status || now.Contractor != p.contractor {
		change := auth.UserChange{Name: &p.name, Status: &status, Contractor: &p.contractor}
		if err := s.d.Auth.UpdateUserIn(ctx, tx, r.UserID, change, by(c)); err != nil {
			return record{}, err
		}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return record{}, fmt.Errorf("encode a person of a directory: %w", err)
	}
	r.External, r.UserName, r.Doc, r.Updated = p.externalID, p.userName, doc, s.d.Now()
	return r, s.keep(ctx, tx, c, r, string(raw), "save")
}

func (s *Service) keep(ctx context.Context, tx *store.Tx, c Client, r record, doc, operation string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO scim_users (client_id, user_id, external_id, user_name, user_name_key, doc, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (client_id, user_id) DO UPDATE SET external_id = excluded.external_id, user_name = excluded.user_name,
		user_name_key = excluded.user_name_key, doc = excluded.doc, updated_at = excluded.updated_at`,
		c.ID, r.UserID, r.External, r.UserName, fold(r.UserName), doc, store.Millis(r.Updated))
	if store.IsUnique(err) {
		return fault.New(fault.Taken, "There is already a user with this userName.")
	}
	if err != nil {
		return fmt.Errorf("keep a person of a directory: %w", err)
	}
	return s.d.Audit.Append(ctx, tx, audit.Event{
		Actor: by(c), ActorName: c.Name, Verb: "scim.user", Object: "user/" + r.UserID, Detail: audit.Detail("client", c.Name, "externalId", r.External, "operation", operation),
	})
}

// changeUser gives a person the document that change makes of the one before.
func (s *Service) changeUser(ctx context.Context, c Client, id string, change func(doc map[string]any) (map[string]any, error)) (record, error) {
	var out record
	err := s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		r, err := s.user(ctx, tx, c, id)
		if err != nil {
			return err
		}
		doc, err := change(r.Doc)
		if err != nil {
			return err
		}
		doc = clean(doc)
		p, err := read(doc)
		if err != nil {
			return err
		}
		out, err = s.saveUser(ctx, tx, c, r, doc, p)
		return err
	})
	return out, err
}

// deleteUser suspends the account. It stays, because what the person did and
// made has its name on it.
func (s *Service) deleteUser(ctx context.Context, c Client, id string) error {
	return s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		r, err := s.user(ctx, tx, c, id)
		if err != nil {
			return err
		}
		status := auth.Suspended
		if err := s.d.Auth.UpdateUserIn(ctx, tx, r.UserID, auth.UserChange{Status: &status}, by(c)); err != nil {
			return err
		}
		r.Updated = s.d.Now()
		return s.keep(ctx, tx, c, r, gone, "delete")
	})
}

// resource is a person as it is answered.
func (s *Service) resource(r record) map[string]any {
	out := map[string]any{}
	maps.Copy(out, r.Doc)
	if _, has := out["active"]; !has {
		out["active"] = true
	}
	out["schemas"], out["id"] = []string{schemaUser}, r.UserID
	out["meta"] = map[string]any{
		"resourceType": "User", "lastModified": r.Updated.UTC().Format(time.RFC3339), "location": s.d.PublicURL() + "/scim/v2/Users/" + r.UserID,
	}
	return out
}
