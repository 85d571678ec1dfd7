package portapi

import (
	"context"
	"net/http"
	"strconv"

	"sphera/internal/change"
	"sphera/internal/fault"
	"sphera/internal/hook"
	"sphera/internal/store"
)

const eventsPage = 50

func (s *Service) webhookEvents(ctx context.Context, r *Request) (int, any, error) {
	d, err := s.find(ctx, r, hook.Kind(), "id")
	if err != nil {
		return 0, nil, err
	}
	var before int64
	if text := r.Query.Get("from"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return 0, nil, fault.Field("from", "is not a place in this list", "next of an earlier answer")
		}
	}
	list, refused, err := s.Hooks.Events(ctx, d.Doc.Text("webhookKey"), before, eventsPage+1)
	out := WebhookEventsAnswer{Events: list, Refused: refused}
	if len(list) > eventsPage {
		out.Events = list[:eventsPage]
		out.Next = &list[eventsPage-1].ID
	}
	return 0, out, err
}

func (s *Service) retryWebhookEvent(ctx context.Context, r *Request) (int, any, error) {
	d, err := s.find(ctx, r, hook.Kind(), "id")
	if err != nil {
		return 0, nil, err
	}
	id, err := strconv.ParseInt(r.Path["event"], 10, 64)
	if err != nil {
		return 0, nil, fault.New(fault.NotFound, "The webhook has no such event.")
	}
	return 0, nil, s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := s.Hooks.Retry(ctx, tx, d.Doc.Text("webhookKey"), id); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, auditEvent(r, "webhook.retry", "webhook/"+d.Identifier))
	})
}

func (s *Service) tryWebhook(ctx context.Context, r *Request) (int, any, error) {
	var in TryWebhookInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	d, err := s.find(ctx, r, hook.Kind(), "id")
	if err != nil {
		return 0, nil, err
	}
	if len(in.Mappings) == 0 {
		in.Mappings = d.Doc["mappings"]
	}
	changes, result, err := s.Hooks.Try(ctx, in.Mappings, in.Body, in.Headers, in.QueryParams)
	return 0, TriedWebhookAnswer{changes, result}, err
}

// DeliveriesAnswer is the last attempts to tell of changes, newest first.
type DeliveriesAnswer struct {
	Deliveries []change.Delivery `json:"deliveries"`
}

func (s *Service) deliveryRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: "/v1/blueprints/{bp}/changelog-deliveries", ID: "listBlueprintDeliveries", Verb: "integration.read", Audit: None, Out: DeliveriesAnswer{}, Handle: s.deliveries("blueprint", "bp")},
		{Method: http.MethodGet, Path: "/v1/integration/{id}/changelog-deliveries", ID: "listIntegrationDeliveries", Verb: "integration.read", Audit: None, Out: DeliveriesAnswer{}, Handle: s.deliveries("integration", "id")},
	}
}

func (s *Service) deliveries(kind, name string) Handler {
	return func(ctx context.Context, r *Request) (int, any, error) {
		list, err := s.Changes.Deliveries(ctx, kind+"/"+r.Path[name])
		return 0, DeliveriesAnswer{list}, err
	}
}
