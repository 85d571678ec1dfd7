// Package auth knows who somebody is and what they may do: users, teams,
// sessions, API tokens, and with package policy the decision May.
//
// Nothing is cached between requests: a suspended user, a revoked session and
// a changed role count from the next request on, in every replica.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/policy"
	"sphera/internal/store"
)

// Topic is notified with a user's id when something that person holds is no
// longer good: suspended, signed out, a session revoked, roles or teams
// changed. Long-lived streams authenticate again when it comes.
const Topic = "auth"

// The roles. Team ownership decides most; see May.
const (
	Viewer         = "viewer"
	Developer      = "developer"
	Maintainer     = "maintainer"
	Infrastructure = "infrastructure"
	Administrator  = "administrator"
)

// Roles lists every role, weakest first.
func Roles() []string {
	return []string{Viewer, Developer, Maintainer, Infrastructure, Administrator}
}

// States of a user.
const (
	Active    = "active"
	Suspended = "suspended"
)

// User is a person with an account.
type User struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Roles     []string  `json:"roles"`
	Teams     []string  `json:"teams"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"createdAt"`
	// Contractor is somebody from outside the company.
	Contractor bool `json:"contractor,omitempty"`
}

// How a principal proved who it is.
const (
	ViaSession  = "session"
	ViaToken    = "token"
	ViaPassword = "password"
	// ViaApp is a machine with a client id and secret; it is no user.
	ViaApp = "app"
)

// What a principal is.
const (
	KindUser    = "user"
	KindService = "service"
	KindAgent   = "agent"
	KindCI      = "ci"
	KindMCP     = "mcp"
)

// Principal is a user together with how this request was authenticated.
type Principal struct {
	User
	Via string
	// SessionID is set for Via session, TokenID for Via token.
	SessionID string
	TokenID   string
	// Kind is what it is; empty counts as a user.
	Kind string
	// Scopes are the verbs that the credential was made for; nil is all.
	Scopes []string
	// Limits are the blueprints and environments it was made for; see Within.
	Limits []string
	// OnBehalfOf is the id of the user a machine acts for; empty for people.
	OnBehalfOf string
	// AuthAt is when the person last proved itself; zero when nobody did.
	AuthAt time.Time
	// ViewAs is the id of the administrator who looks at the portal as this
	// user; such a request only reads.
	ViewAs string
	// renew says that the session is to get a new id.
	renew bool

	// system is what the portal does by itself; see System.
	system bool
}

// Machine reports whether no person stands behind the request.
func (p Principal) Machine() bool { return p.Kind != "" && p.Kind != KindUser }

// Actor is the principal as actions and runs know it.
func (p Principal) Actor() action.Actor {
	return action.Actor{ID: p.ID, Name: p.Name, Email: p.Email, Roles: p.Roles, Teams: p.Teams}
}

// HasRole reports whether the principal has one of the roles.
func (p Principal) HasRole(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(p.Roles, r) })
}

// Service keeps accounts and checks credentials.
type Service struct {
	db        *store.DB
	log       *audit.Log
	policies  *policy.Engine
	now       func() time.Time
	hasher    *hasher
	accounts  *limiter
	addresses *limiter
	o         Options
	// appSignIns remembers which apps signed in lately.
	appSignIns audit.Seldom
}

// New returns the service. Rate limits are kept in memory, per replica. It
// decides by the built-in policies, and by what Policies is told to use.
func New(db *store.DB, log *audit.Log, now func() time.Time) *Service {
	return &Service{
		db: db, log: log, policies: policy.New(), now: now, hasher: newHasher(),
		accounts:  newLimiter(loginsPerAccount, time.Minute),
		addresses: newLimiter(loginsPerAddress, time.Minute),
	}
}

// Policies is what decides.
func (s *Service) Policies() *policy.Engine { return s.policies }

// secret returns n random bytes as text for a URL or a cookie.
func secret(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: the program stops instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// fingerprint is what is stored of a random secret. A fast hash is enough: the
// secrets have 178 bits or more, there is nothing to guess.
func fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// errCredential is the one answer to every credential that is not good, so
// that nobody learns which part was wrong.
func errCredential() *fault.Error {
	return fault.New(fault.Unauthorized, "Sign in to go on.")
}

func (s *Service) event(ctx context.Context, tx *store.Tx, by, verb, object string, pairs ...any) error {
	return s.log.Append(ctx, tx, audit.Event{
		Actor: by, ActorName: nameOf(ctx, tx, by), Verb: verb, Object: object, Detail: audit.Detail(pairs...),
	})
}

// nameOf is the name of the user id for people; other actors ("system") are
// shown as they are.
func nameOf(ctx context.Context, q store.Querier, id string) string {
	var name string
	err := q.QueryRowContext(ctx, "SELECT name FROM auth_users WHERE id = $1 UNION ALL SELECT name FROM auth_apps WHERE id = $1 UNION ALL SELECT name FROM auth_services WHERE id = $1", id).Scan(&name)
	if err != nil {
		return id
	}
	return name
}
