package forge

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/store"
)

// maxWebhooks is how many webhooks a repository can have.
const maxWebhooks = 20

// eventKinds are the kinds a webhook can choose from.
func eventKinds() []string {
	return []string{"push", "pull_request", "review", "comment", "status", "repository"}
}

// SetWebhook implements Forge. Without an ID the webhook's address is its
// identity; without a Secret a webhook that exists keeps the one it has.
func (b *Builtin) SetWebhook(ctx context.Context, repo string, hook Webhook) error {
	if err := outgoing.CheckURL("url", hook.URL); err != nil {
		return err
	}
	if hook.ID == "" {
		sum := sha256.Sum256([]byte(hook.URL))
		hook.ID = hex.EncodeToString(sum[:8])
	}
	if err := checkKey(hook.ID); err != nil {
		return err
	}
	for _, kind := range hook.Events {
		if err := oneOf("events", kind, eventKinds()...); err != nil {
			return err
		}
	}
	by, runID := personOf(ctx)
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := b.writable(ctx, tx, repo)
		if err != nil {
			return err
		}
		if err := b.saveWebhook(ctx, tx, r, hook); err != nil {
			return err
		}
		host := ""
		if u, err := url.Parse(hook.URL); err == nil {
			host = u.Host // the path or query may hold a secret
		}
		return b.announce(ctx, tx, change{
			verb: "repository.webhook", object: "repository/" + repo, by: by, runID: runID,
			detail: audit.Detail("id", hook.ID, "host", host, "events", hook.Events), event: Event{Kind: "repository", Repository: repo},
		})
	})
}

func (b *Builtin) saveWebhook(ctx context.Context, tx *store.Tx, r repository, hook Webhook) error {
	var sealed string
	err := tx.QueryRowContext(ctx, "SELECT secret FROM forge_webhooks WHERE repository_id = $1 AND id = $2", r.id, hook.ID).Scan(&sealed)
	isNew := errors.Is(err, sql.ErrNoRows)
	if err != nil && !isNew {
		return fmt.Errorf("read webhook %s: %w", hook.ID, err)
	}
	if isNew {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM forge_webhooks WHERE repository_id = $1", r.id).Scan(&n); err != nil {
			return fmt.Errorf("count webhooks: %w", err)
		}
		if n >= maxWebhooks {
			return fault.New(fault.Unprocessable, "A repository has at most %d webhooks.", maxWebhooks)
		}
	}
	if hook.Secret != "" {
		if len(hook.Secret) < 16 || len(hook.Secret) > 1000 {
			return fault.Field("secret", "is too short or too long", "16 to 1000 bytes")
		}
		if sealed, err = b.seal.seal(hook.Secret, r.id+"/"+hook.ID); err != nil {
			return err
		}
	}
	if sealed == "" {
		return fault.Field("secret", "is missing", "16 to 1000 bytes that both sides know; deliveries are signed with it")
	}
	kinds, err := json.Marshal(append([]string{}, hook.Events...))
	if err != nil {
		return fmt.Errorf("write the events: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO forge_webhooks (repository_id, id, url, secret, events, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (repository_id, id) DO UPDATE SET url = excluded.url, secret = excluded.secret, events = excluded.events`,
		r.id, hook.ID, hook.URL, sealed, string(kinds), b.nowMillis()); err != nil {
		return fmt.Errorf("save webhook %s: %w", hook.ID, err)
	}
	return nil
}

// Webhooks implements Forge; secrets are left out.
func (b *Builtin) Webhooks(ctx context.Context, repo string) ([]Webhook, error) {
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return nil, err
	}
	return b.webhooks(ctx, b.db.Read(), r)
}

func (b *Builtin) webhooks(ctx context.Context, q store.Querier, r repository) ([]Webhook, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, url, events FROM forge_webhooks WHERE repository_id = $1 ORDER BY created_at, id", r.id)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Webhook, error) {
		var h Webhook
		var kinds string
		if err := row.Scan(&h.ID, &h.URL, &kinds); err != nil {
			return h, err
		}
		return h, json.Unmarshal([]byte(kinds), &h.Events)
	})
	if err != nil {
		return nil, fmt.Errorf("list webhooks of %s: %w", r.name, err)
	}
	return list, nil
}

// DeleteWebhook implements Forge; deleting what is not there is no error.
func (b *Builtin) DeleteWebhook(ctx context.Context, repo, id string) error {
	by, runID := personOf(ctx)
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := b.byName(ctx, tx, repo)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "DELETE FROM forge_webhooks WHERE repository_id = $1 AND id = $2", r.id, id)
		if err != nil {
			return fmt.Errorf("delete webhook %s: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return b.announce(ctx, tx, change{
			verb: "repository.webhook-delete", object: "repository/" + repo, by: by, runID: runID,
			detail: audit.Detail("id", id), event: Event{Kind: "repository", Repository: repo},
		})
	})
}

// Delivery is one webhook to be told about one event.
type Delivery struct {
	HookID  string
	Payload []byte
}

// Deliveries returns who is to be told about an event. It is for OnEvent,
// which starts a run that calls DeliverWebhook for each.
func (b *Builtin) Deliveries(ctx context.Context, tx *store.Tx, e Event) ([]Delivery, error) {
	r, err := b.byName(ctx, tx, e.Repository)
	if fault.Is(err, fault.NotFound) {
		return nil, nil // archived in this transaction
	}
	if err != nil {
		return nil, err
	}
	hooks, err := b.webhooks(ctx, tx, r)
	if err != nil || len(hooks) == 0 {
		return nil, err
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write the event: %w", err)
	}
	var out []Delivery
	for _, h := range hooks {
		if len(h.Events) == 0 || slices.Contains(h.Events, e.Kind) {
			out = append(out, Delivery{HookID: h.ID, Payload: payload})
		}
	}
	return out, nil
}

// DeliverWebhook posts payload to a webhook of the repository, signed with its
// secret. A webhook deleted meanwhile is NotFound; an address that does not
// answer with success is Unavailable, to be tried again with the same
// deliveryID, by which the receiver recognises repeats.
func (b *Builtin) DeliverWebhook(ctx context.Context, repo, hookID string, payload []byte, deliveryID string) error {
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return err
	}
	var address, sealed string
	err = b.db.Read().QueryRowContext(ctx, "SELECT url, secret FROM forge_webhooks WHERE repository_id = $1 AND id = $2", r.id, hookID).Scan(&address, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "The repository %s has no webhook %s.", repo, hookID)
	}
	if err != nil {
		return fmt.Errorf("read webhook %s: %w", hookID, err)
	}
	secret, err := b.seal.open(sealed, r.id+"/"+hookID)
	if err != nil {
		return err
	}
	var kind struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(payload, &kind); err != nil {
		return fmt.Errorf("read the event to deliver: %w", err)
	}
	return b.outgoing.Post(ctx, address, http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Sphera"},
		"X-Sphera-Event": {clean(kind.Kind, 50)}, "X-Sphera-Delivery": {clean(deliveryID, 200)},
		"X-Sphera-Signature-256": {signature(secret, payload)},
	}, bytes.NewReader(payload))
}

// signature is what the receiver computes over the raw body and compares.
func signature(secret string, payload []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(payload)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
