package portapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/hook"
	"sphera/internal/resource"
	"sphera/internal/secret"
	"sphera/internal/store"
)

// PortWebhookAnswer is one webhook; Port calls it integration.
type PortWebhookAnswer struct {
	Integration Document `json:"integration" doc:"As it was sent, with webhookKey and url; the secret is masked"`
	// Warnings are expressions that are saved and cannot work.
	Warnings []fault.Detail `json:"warnings,omitempty"`
}

// PortWebhooksAnswer is all webhooks.
type PortWebhooksAnswer struct {
	Integrations []Document `json:"integrations"`
}

const (
	maxHookSecret = 1000
	// secretKey counts changes of the secret, so that one shows as a change.
	secretKey = "$secret"
)

func (s *Service) webhookRoutes() []Route {
	const all, one = "/v1/webhooks", "/v1/webhooks/{id}"
	strict := []Param{{Name: "strict", Doc: "Refuse what otherwise is a warning: expressions that are not jq", Type: "boolean"}}
	return append([]Route{
		{Method: http.MethodGet, Path: all, ID: "listPortWebhooks", Verb: "integration.read", Audit: None, Out: PortWebhooksAnswer{}, Handle: s.webhooks},
		{Method: http.MethodPost, Path: all, ID: "createWebhook", Verb: "integration.write", Limit: Normal, Audit: Domain, Out: PortWebhookAnswer{}, Params: strict, Handle: s.createWebhook},
		{Method: http.MethodGet, Path: all + "/metadata", ID: "listWebhookMetadata", Verb: "catalog.read", Audit: None, Out: PortWebhooksAnswer{}, Handle: s.webhookMetadata},
		{Method: http.MethodGet, Path: one, ID: "getWebhook", Verb: "integration.read", Audit: None, Out: PortWebhookAnswer{}, Handle: s.webhook},
		{Method: http.MethodPut, Path: one, ID: "putWebhook", Verb: "integration.write", Limit: Normal, Audit: Domain, Out: PortWebhookAnswer{}, Params: strict, Handle: s.putWebhook},
		{Method: http.MethodPatch, Path: one, ID: "patchWebhook", Verb: "integration.write", Limit: Normal, Audit: Domain, Out: PortWebhookAnswer{}, Params: strict, Handle: s.patchWebhook},
		{Method: http.MethodDelete, Path: one, ID: "deletePortWebhook", Verb: "integration.write", Audit: Domain, Handle: s.deleteWebhook},
	}, s.webhookEventRoutes()...)
}

// webhookOf is a webhook as it is answered. Terraform follows security without
// a look.
func (s *Service) webhookOf(d resource.Resource) Document {
	out := documentOf(d)
	if d.Doc.IsNull("security") {
		out["security"] = Document{}
	}
	if d.Doc.IsNull("mappings") {
		out["mappings"] = []any{}
	}
	out["url"] = s.PublicURL() + "/v1/ingest/webhooks/" + d.Doc.Text("webhookKey")
	return out
}

func (s *Service) webhooks(ctx context.Context, _ *Request) (int, any, error) {
	list, err := s.documents.All(ctx, s.DB.Read(), hook.Kind())
	out := make([]Document, len(list))
	for i, d := range list {
		out[i] = s.webhookOf(d)
	}
	return 0, PortWebhooksAnswer{out}, err
}

// webhookMetadata is what everybody may see: no key, no mapping.
func (s *Service) webhookMetadata(ctx context.Context, _ *Request) (int, any, error) {
	list, err := s.documents.All(ctx, s.DB.Read(), hook.Kind())
	out := make([]Document, len(list))
	for i, d := range list {
		full := s.webhookOf(d)
		out[i] = Document{}
		for _, key := range []string{"identifier", "title", "description", "icon", "enabled", "integrationType", "createdAt", "updatedAt"} {
			if v, ok := full[key]; ok {
				out[i][key] = v
			}
		}
	}
	return 0, PortWebhooksAnswer{out}, err
}

func (s *Service) webhook(ctx context.Context, r *Request) (int, any, error) {
	d, err := s.find(ctx, r, hook.Kind(), "id")
	return 0, PortWebhookAnswer{Integration: s.webhookOf(d)}, err
}

// sentWebhook reads and checks a webhook; the warnings are about expressions
// that are kept although they are not jq.
func sentWebhook(r *Request) (resource.Doc, []fault.Detail, error) {
	d, err := sentDocument(r)
	if err != nil {
		return nil, nil, err
	}
	d.Drop("webhookKey", "url", "_id", "orgId")
	for key, limit := range map[string]int{"title": 100, "description": 200, "icon": 100, "integrationType": 100} {
		if err := d.CheckText(key, false, limit); err != nil {
			return nil, nil, err
		}
	}
	if err := d.CheckShape("enabled", "truth"); err != nil {
		return nil, nil, err
	}
	if err := checkSecurity(d); err != nil {
		return nil, nil, err
	}
	warnings, err := hook.Check(d["mappings"])
	if err == nil && len(warnings) > 0 && r.Bool("strict") {
		refusal := fault.New(fault.Unprocessable, "The webhook's mappings have expressions that are not jq.")
		refusal.Details = warnings
		err = refusal
	}
	return d, warnings, err
}

func checkSecurity(d resource.Doc) error {
	if d.IsNull("security") {
		return nil
	}
	sec, err := resource.Parse(d["security"])
	if err != nil {
		return fault.Field("/security", "is not an object", "secret, signatureHeaderName, signatureAlgorithm, signaturePrefix, requestIdentifierPath")
	}
	for key, limit := range map[string]int{"secret": maxHookSecret, "signatureHeaderName": 100, "signatureAlgorithm": 20, "signaturePrefix": 100, "requestIdentifierPath": 10_000} {
		if err := sec.CheckText(key, false, limit); err != nil {
			if f, ok := fault.As(err); ok {
				f.Details[0].Field = "/security" + f.Details[0].Field
			}
			return err
		}
	}
	switch sec.Text("signatureAlgorithm") {
	case "", "sha1", "sha256", "plain":
		return nil
	default:
		return fault.Field("/security/signatureAlgorithm", "is not known", "sha1, sha256, plain or null")
	}
}

func (s *Service) createWebhook(ctx context.Context, r *Request) (int, any, error) {
	sent, warnings, err := sentWebhook(r)
	if err != nil {
		return 0, nil, err
	}
	id, err := takeIdentifier(sent, newIdentifier())
	if err != nil {
		return 0, nil, err
	}
	key := strings.ToLower(rand.Text())
	if err := sent.Set("webhookKey", key); err != nil {
		return 0, nil, err
	}
	var d resource.Resource
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := s.sealHookSecret(ctx, tx, r, sent, key, false); err != nil {
			return err
		}
		if d, err = s.documents.Create(ctx, tx, hook.Kind(), "", id, sent, actor(r)); err != nil {
			return err
		}
		return s.Hooks.SetKey(ctx, tx, key, id)
	})
	return 0, PortWebhookAnswer{s.webhookOf(d), warnings}, err
}

func (s *Service) putWebhook(ctx context.Context, r *Request) (int, any, error) {
	return s.changeWebhook(ctx, r, func(d *resource.Resource, sent resource.Doc) error {
		sent["webhookKey"] = d.Doc["webhookKey"]
		return replaceDocument(d, sent)
	})
}

// patchWebhook merges the keys of the webhook and those of its security.
func (s *Service) patchWebhook(ctx context.Context, r *Request) (int, any, error) {
	return s.changeWebhook(ctx, r, func(d *resource.Resource, sent resource.Doc) error {
		id, err := takeIdentifier(sent, d.Identifier)
		if err != nil {
			return err
		}
		d.Identifier = id
		if !sent.IsNull("security") && !d.Doc.IsNull("security") {
			now, err := resource.Parse(d.Doc["security"])
			if err != nil {
				return err
			}
			more, err := resource.Parse(sent["security"])
			if err != nil {
				return err
			}
			now.Merge(more)
			if err := sent.Set("security", now); err != nil {
				return err
			}
		}
		d.Doc.Merge(sent)
		return nil
	})
}

func (s *Service) changeWebhook(ctx context.Context, r *Request, f func(d *resource.Resource, sent resource.Doc) error) (int, any, error) {
	sent, warnings, err := sentWebhook(r)
	if err != nil {
		return 0, nil, err
	}
	d, err := s.changeDocument(ctx, r, hook.Kind(), "id", func(tx *store.Tx, d *resource.Resource) error {
		before, key := d.Identifier, d.Doc.Text("webhookKey")
		_, hadSecret := d.Doc[secretKey]
		if err := f(d, sent); err != nil {
			return err
		}
		if err := s.sealHookSecret(ctx, tx, r, d.Doc, key, hadSecret); err != nil {
			return err
		}
		if d.Identifier == before {
			return nil
		}
		return s.Hooks.SetKey(ctx, tx, key, d.Identifier)
	})
	return 0, PortWebhookAnswer{s.webhookOf(d), warnings}, err
}

// sealHookSecret takes the secret out of a webhook's document, which keeps the
// mask. The mask itself leaves the secret as it is: that is what clients read
// and send back.
func (s *Service) sealHookSecret(ctx context.Context, tx *store.Tx, r *Request, d resource.Doc, key string, had bool) error {
	sec := resource.Doc{}
	if !d.IsNull("security") {
		var err error
		if sec, err = resource.Parse(d["security"]); err != nil {
			return err
		}
	}
	switch text := sec.Text("secret"); {
	case text == "" && had:
		delete(d, secretKey)
		return s.Vault.Remove(ctx, tx, secret.Webhook, key)
	case text == "":
		return nil
	case text == hook.Mask && had:
		return nil
	case text == hook.Mask:
		return fault.Field("/security/secret", "is the mask that stands for a secret", "the secret itself")
	default:
		if err := s.Vault.Put(ctx, tx, secret.Webhook, key, secret.NewValue(text), r.Caller.ID); err != nil {
			return err
		}
		if err := sec.Set("secret", hook.Mask); err != nil {
			return err
		}
		if err := d.Set("security", sec); err != nil {
			return err
		}
		return d.Set(secretKey, newIdentifier())
	}
}

func (s *Service) deleteWebhook(ctx context.Context, r *Request) (int, any, error) {
	return 0, nil, s.deleteDocument(ctx, r, hook.Kind(), "id", func(tx *store.Tx, d resource.Resource) error {
		return s.Hooks.Forget(ctx, tx, d.Doc.Text("webhookKey"))
	})
}

// WebhookEventsAnswer is the log of a webhook.
type WebhookEventsAnswer struct {
	Events []hook.Event `json:"events"`
	// Refused is the last request that was refused by this server.
	Refused *hook.Refusal `json:"refused"`
	Next    *int64        `json:"next" doc:"Pass it as from for older ones; null at the end"`
}

// IngestedAnswer tells that an event is kept.
type IngestedAnswer struct {
	EventID   int64 `json:"eventId"`
	Duplicate bool  `json:"duplicate" doc:"An event of that name was received before; nothing is done again"`
}

// TryWebhookInput is what a sender would send.
type TryWebhookInput struct {
	Body        json.RawMessage   `json:"body"`
	Headers     map[string]string `json:"headers,omitempty" doc:"Names in lower case"`
	QueryParams map[string]string `json:"queryParams,omitempty"`
	Mappings    json.RawMessage   `json:"mappings,omitempty" doc:"Instead of those of the webhook"`
}

// TriedWebhookAnswer is what the mappings would do; nothing was done.
type TriedWebhookAnswer struct {
	Changes []hook.Change `json:"changes"`
	Result  hook.Result   `json:"result"`
}

func (s *Service) webhookEventRoutes() []Route {
	const events = "/v1/webhooks/{id}/events"
	return []Route{
		{Method: http.MethodPost, Path: "/v1/ingest/webhooks/{key}", ID: "ingestWebhook", Verb: Anyone, Limit: hook.MaxBody, Raw: true, Audit: Asks, Status: http.StatusAccepted, Out: IngestedAnswer{}, Handle: s.ingestWebhook},
		{Method: http.MethodGet, Path: events, ID: "listWebhookEvents", Verb: "integration.read", Audit: None, Out: WebhookEventsAnswer{}, Handle: s.webhookEvents,
			Params: []Param{{Name: "from", Doc: "next of an earlier answer", Type: "integer"}}},
		{Method: http.MethodPost, Path: events + "/{event}/retry", ID: "retryWebhookEvent", Verb: "integration.write", Audit: Domain, Status: http.StatusAccepted, Handle: s.retryWebhookEvent},
		{Method: http.MethodPost, Path: "/v1/webhooks/{id}/try", ID: "tryWebhook", Verb: "integration.read", Limit: hook.MaxBody, Audit: Asks, In: TryWebhookInput{}, Out: TriedWebhookAnswer{}, Handle: s.tryWebhook},
	}
}

func (s *Service) ingestWebhook(ctx context.Context, r *Request) (int, any, error) {
	got, err := s.Hooks.Ingest(ctx, hook.Request{Key: r.Path["key"], Header: r.Header, Query: r.Query, Body: r.Body})
	return 0, IngestedAnswer{got.ID, got.Duplicate}, err
}
