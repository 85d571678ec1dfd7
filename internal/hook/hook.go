// Package hook takes in what other systems send to the webhooks that people
// set up: it checks the signature before anything is read, keeps the event,
// answers, and maps it to entities afterwards, in the order of arrival. An
// event that was answered with success is in the database; killing the server
// loses none. A webhook itself is a document of package resource.
package hook

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/catalog/jq"
	"sphera/internal/fault"
	"sphera/internal/resource"
	"sphera/internal/secret"
	"sphera/internal/source"
	"sphera/internal/store"
)

// Topic is notified with the key of a webhook that an event came for.
const Topic = "webhook"

// Kind is the kind of document that a webhook is.
func Kind() resource.Kind { return resource.Kind{Name: "webhook", Max: 1000} }

// Mask stands in a webhook's document for a secret that is set.
const Mask = "********"

// Deps is what the package works with.
type Deps struct {
	DB        *store.DB
	Catalog   *catalog.Catalog
	Resources *resource.Store
	// Sources holds deletes back when a webhook asks for many.
	Sources *source.Sources
	Vault   *secret.Vault
	Log     *slog.Logger
	Now     func() time.Time
	// Instance tells replicas apart.
	Instance string
}

// Hooks takes in events and works on them.
type Hooks struct {
	Deps
	mu sync.Mutex
	// compiled holds the mappings of webhooks by key.
	compiled map[string]*compiled
	// rates holds what each webhook may still take.
	rates map[string]*rate
	// refused remembers the last refusal of each webhook.
	refused map[string]*Refusal
}

// compiled is a webhook ready to work.
type compiled struct {
	id       string
	revision int64
	enabled  bool
	security security
	// name gives what the sender calls a request; nil where it has no name.
	name     *jq.Program
	mappings []mapping
	err      error
}

// security says how a sender proves who it is.
type security struct {
	Secret    string `json:"secret"`
	Header    string `json:"signatureHeaderName"`
	Algorithm string `json:"signatureAlgorithm"`
	Prefix    string `json:"signaturePrefix"`
	Path      string `json:"requestIdentifierPath"`
}

// New returns the hooks.
func New(d Deps) *Hooks {
	return &Hooks{Deps: d, compiled: map[string]*compiled{}, rates: map[string]*rate{}, refused: map[string]*Refusal{}}
}

// byKey returns the name of the webhook with a key.
func (h *Hooks) byKey(ctx context.Context, q store.Querier, key string) (string, error) {
	var id string
	err := q.QueryRowContext(ctx, "SELECT webhook FROM webhook_keys WHERE webhook_key = $1", key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fault.New(fault.NotFound, "There is no webhook with this address.")
	}
	if err != nil {
		return "", fmt.Errorf("find a webhook by its key: %w", err)
	}
	return id, nil
}

// load returns the webhook with a key, compiled once per revision.
func (h *Hooks) load(ctx context.Context, key string) (*compiled, error) {
	id, err := h.byKey(ctx, h.DB.Read(), key)
	if err != nil {
		return nil, err
	}
	d, err := h.Resources.Get(ctx, h.DB.Read(), Kind(), "", id)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	known := h.compiled[key]
	h.mu.Unlock()
	if known != nil && known.revision == d.Revision && known.id == id {
		return known, nil
	}
	c := compileWebhook(d)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.compiled) > Kind().Max {
		clear(h.compiled) // keys of webhooks that are gone
		clear(h.rates)
		clear(h.refused)
	}
	h.compiled[key] = c
	return c, nil
}

func compileWebhook(d resource.Resource) *compiled {
	c := &compiled{id: d.Identifier, revision: d.Revision, enabled: d.Doc.Bool("enabled", true)}
	if !d.Doc.IsNull("security") {
		c.err = json.Unmarshal(d.Doc["security"], &c.security)
	}
	if c.security.Path != "" {
		// One that is not jq was told when it was saved; nothing is recognised.
		if p, err := jq.Compile(c.security.Path); err == nil {
			c.name = p
		}
	}
	if c.err == nil {
		c.mappings, _, c.err = compile(d.Doc["mappings"])
	}
	return c
}

// SetKey says which webhook a key belongs to.
func (h *Hooks) SetKey(ctx context.Context, tx *store.Tx, key, webhook string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO webhook_keys (webhook_key, webhook) VALUES ($1, $2)
		ON CONFLICT (webhook_key) DO UPDATE SET webhook = excluded.webhook`, key, webhook)
	if err != nil {
		return fmt.Errorf("keep the key of webhook %s: %w", webhook, err)
	}
	return nil
}

// Forget removes a webhook's key, secret and events.
func (h *Hooks) Forget(ctx context.Context, tx *store.Tx, key string) error {
	for _, table := range []string{"webhook_keys", "webhook_events"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE webhook_key = $1", key); err != nil {
			return fmt.Errorf("forget a webhook: %w", err)
		}
	}
	return h.Vault.Remove(ctx, tx, secret.Webhook, key)
}
