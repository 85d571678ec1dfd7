package portapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"sphera/internal/fault"
	"sphera/internal/integration"
	"sphera/internal/resource"
	"sphera/internal/store"
)

// IntegrationAnswer is one integration.
type IntegrationAnswer struct {
	Integration Document `json:"integration" doc:"As it was sent, with logAttributes and metricAttributes"`
}

// IntegrationsAnswer is all integrations.
type IntegrationsAnswer struct {
	Integrations []Document `json:"integrations"`
}

// ProvisionAnswer lists the types of integrations whose default resources the
// server makes: none, the client does it.
type ProvisionAnswer struct {
	Integrations []string `json:"integrations"`
}

// ResyncAnswer tells whether the integration shall start over.
type ResyncAnswer struct {
	Request *ResyncRequest `json:"request"`
}

// ResyncRequest is newer than the last one when there is something to do.
type ResyncRequest struct {
	UpdatedAt string `json:"updatedAt"`
}

func (s *Service) integrationRoutes() []Route {
	const all, one = "/v1/integration", "/v1/integration/{id}"
	return []Route{
		{Method: http.MethodGet, Path: all, ID: "listIntegrations", Verb: "integration.read", Audit: None, Out: IntegrationsAnswer{}, Handle: s.integrations,
			Params: []Param{{Name: "actionsProcessingEnabled", Doc: "Only those that work on actions", Type: "boolean"}}},
		{Method: http.MethodPost, Path: all, ID: "createIntegration", Verb: "integration.write", Limit: Normal, Audit: Domain, Out: IntegrationAnswer{}, Handle: s.createIntegration},
		{Method: http.MethodGet, Path: "/v1/integration/metadata", ID: "listIntegrationMetadata", Verb: "catalog.read", Audit: None, Out: IntegrationsAnswer{}, Handle: s.integrationMetadata},
		{Method: http.MethodGet, Path: "/v1/integration/provision-enabled", ID: "listProvisionedIntegrations", Verb: SignedIn, Audit: None, Out: ProvisionAnswer{}, Handle: s.provisioned},
		{Method: http.MethodGet, Path: one, ID: "getIntegration", Verb: "integration.read", Audit: None, Out: IntegrationAnswer{}, Handle: s.integration,
			Params: []Param{{Name: "byField", Doc: "What the id is: installationId (the default) or logIngestId"}, {Name: "isPolling", Doc: "A sign of life", Type: "boolean"}}},
		{Method: http.MethodPatch, Path: one, ID: "patchIntegration", Verb: "integration.write", Limit: Normal, Audit: Domain, Out: IntegrationAnswer{}, Handle: s.changeIntegration},
		{Method: http.MethodPatch, Path: one + "/config", ID: "patchIntegrationConfig", Verb: "integration.write", Limit: Normal, Audit: Domain, Out: IntegrationAnswer{}, Handle: s.changeIntegrationConfig},
		{Method: http.MethodDelete, Path: one, ID: "deleteIntegration", Verb: "integration.write", Audit: Domain, Handle: s.deleteIntegration},
		{Method: http.MethodGet, Path: one + "/resync-request", ID: "getResyncRequest", Verb: "integration.read", Audit: None, Out: ResyncAnswer{}, Handle: s.resyncRequest},
		{Method: http.MethodPost, Path: one + "/resync-request", ID: "requestResync", Verb: "integration.write", Audit: Domain, Out: ResyncAnswer{}, Handle: s.requestResync},
	}
}

// integrationOf is an integration as it is answered. The exporter follows
// logAttributes without a look, and Ocean compares changelogDestination, so
// these are always there.
func (s *Service) integrationOf(d resource.Resource, state integration.State) Document {
	out := documentOf(d)
	for _, key := range []string{"title", "version", "config", "changelogDestination"} {
		if !d.Doc.Has(key) {
			out[key] = nil
		}
	}
	out["_id"], out["installationId"] = d.Identifier, d.Identifier
	base := s.PublicURL() + "/v1/ingest"
	out["logAttributes"] = Document{"ingestId": state.IngestID, "ingestUrl": base + "/logs/integration/" + state.IngestID}
	out["metricAttributes"] = Document{"ingestId": state.IngestID, "ingestUrl": base + "/metrics/integration/" + state.IngestID}
	out["lastSeenAt"] = nil
	if !state.SeenAt.IsZero() {
		out["lastSeenAt"] = timeText(state.SeenAt)
	}
	return out
}

func (s *Service) integrations(ctx context.Context, r *Request) (int, any, error) {
	list, err := s.documents.All(ctx, s.DB.Read(), integrationKind())
	if err != nil {
		return 0, nil, err
	}
	states, err := s.reports.States(ctx)
	if err != nil {
		return 0, nil, err
	}
	out := []Document{}
	for _, d := range list {
		if r.Query.Has("actionsProcessingEnabled") && d.Doc.Bool("actionsProcessingEnabled", false) != r.Bool("actionsProcessingEnabled") {
			continue
		}
		out = append(out, s.integrationOf(d, states[d.Identifier]))
	}
	return 0, IntegrationsAnswer{out}, nil
}

// integrationMetadata is what everybody may see: no configuration, no ids to
// report under.
func (s *Service) integrationMetadata(ctx context.Context, _ *Request) (int, any, error) {
	list, err := s.documents.All(ctx, s.DB.Read(), integrationKind())
	out := []Document{}
	for _, d := range list {
		full := s.integrationOf(d, integration.State{})
		small := Document{}
		for _, key := range []string{"identifier", "installationId", "installationAppType", "title", "version", "createdAt", "updatedAt"} {
			if v, ok := full[key]; ok {
				small[key] = v
			}
		}
		out = append(out, small)
	}
	return 0, IntegrationsAnswer{out}, err
}

func (s *Service) provisioned(context.Context, *Request) (int, any, error) {
	return 0, ProvisionAnswer{[]string{}}, nil
}

// findIntegration reads the one that the path names, in the way it names it.
func (s *Service) findIntegration(ctx context.Context, r *Request) (resource.Resource, integration.State, error) {
	if r.Query.Get("byField") == "logIngestId" {
		id, err := s.reports.ByIngestID(ctx, r.Path["id"])
		if err != nil {
			return resource.Resource{}, integration.State{}, err
		}
		r.Path["id"] = id
	}
	d, err := s.find(ctx, r, integrationKind(), "id")
	if err != nil {
		return d, integration.State{}, err
	}
	state, err := s.reports.State(ctx, s.DB.Read(), d.Identifier)
	return d, state, err
}

func (s *Service) integration(ctx context.Context, r *Request) (int, any, error) {
	d, state, err := s.findIntegration(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	if r.Bool("isPolling") {
		if err := s.reports.Seen(ctx, d.Identifier, state.SeenAt); err != nil {
			s.Log.WarnContext(ctx, "note a sign of life", "integration", d.Identifier, "error", err) // the answer is worth more
		}
	}
	return 0, IntegrationAnswer{s.integrationOf(d, state)}, nil
}

func (s *Service) createIntegration(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentIntegration(r)
	if err != nil {
		return 0, nil, err
	}
	if err := sent.CheckText("installationId", true, maxIdentifier); err != nil {
		return 0, nil, err
	}
	id := sent.Text("installationId")
	if err := checkIdentifier(id); err != nil {
		return 0, nil, err
	}
	dropNulls(sent)
	sent.Drop("installationId")
	var d resource.Resource
	var state integration.State
	err = s.DB.Tx(ctx, func(tx *store.Tx) (err error) {
		if d, err = s.documents.Create(ctx, tx, integrationKind(), "", id, sent, actor(r)); err != nil {
			return err
		}
		state, err = s.reports.Start(ctx, tx, id)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return 0, IntegrationAnswer{s.integrationOf(d, state)}, nil
}

func sentIntegration(r *Request) (resource.Doc, error) {
	d, err := sentDocument(r)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"title", "version", "installationAppType"} {
		if err := d.CheckText(key, false, maxIdentifier); err != nil {
			return nil, err
		}
	}
	if err := d.CheckShape("config", "object"); err != nil {
		return nil, err
	}
	if err := checkDestination(d); err != nil {
		return nil, err
	}
	d.Drop("_id", "identifier", "logAttributes", "metricAttributes", "lifecycleAttributes", "lastSeenAt")
	return d, nil
}

func dropNulls(d resource.Doc) {
	for key := range d {
		if d.IsNull(key) {
			delete(d, key)
		}
	}
}

// changeIntegration merges; null clears.
func (s *Service) changeIntegration(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentIntegration(r)
	if err != nil {
		return 0, nil, err
	}
	return s.mergeIntegration(ctx, r, sent)
}

func (s *Service) changeIntegrationConfig(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentIntegration(r)
	if err != nil {
		return 0, nil, err
	}
	if sent.IsNull("config") {
		return 0, nil, fault.Field("/config", "is missing", "the configuration")
	}
	return s.mergeIntegration(ctx, r, resource.Doc{"config": sent["config"]})
}

func (s *Service) mergeIntegration(ctx context.Context, r *Request, sent resource.Doc) (int, any, error) {
	d, err := s.changeDocument(ctx, r, integrationKind(), "id", func(_ *store.Tx, d *resource.Resource) error {
		if id := sent.Text("installationId"); id != "" && id != d.Identifier {
			return fault.Field("/installationId", "is not the one of the path", "the same; an integration cannot be renamed")
		}
		d.Doc.Merge(sent)
		d.Doc.Drop("installationId")
		dropNulls(d.Doc)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	state, err := s.reports.State(ctx, s.DB.Read(), d.Identifier)
	return 0, IntegrationAnswer{s.integrationOf(d, state)}, err
}

func (s *Service) deleteIntegration(ctx context.Context, r *Request) (int, any, error) {
	return 0, nil, s.deleteDocument(ctx, r, integrationKind(), "id", func(tx *store.Tx, d resource.Resource) error {
		return s.reports.Forget(ctx, tx, d.Identifier)
	})
}

func resyncOf(at time.Time) ResyncAnswer {
	if at.IsZero() {
		return ResyncAnswer{}
	}
	return ResyncAnswer{&ResyncRequest{timeText(at)}}
}

func (s *Service) resyncRequest(ctx context.Context, r *Request) (int, any, error) {
	_, state, err := s.findIntegration(ctx, r)
	return 0, resyncOf(state.ResyncAt), err
}

func (s *Service) requestResync(ctx context.Context, r *Request) (int, any, error) {
	d, _, err := s.findIntegration(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	var at time.Time
	err = s.DB.Tx(ctx, func(tx *store.Tx) (err error) {
		if at, err = s.reports.RequestResync(ctx, tx, d.Identifier); err != nil {
			return err
		}
		tx.Notify(resource.Topic, integrationKind().Name+"/"+d.Identifier)
		return s.Audit.Append(ctx, tx, auditEvent(r, "integration.resync", "integration/"+d.Identifier))
	})
	return 0, resyncOf(at), err
}

// checkDestination refuses a destination of changes that cannot be told.
func checkDestination(d resource.Doc) error {
	if d.IsNull("changelogDestination") {
		return nil
	}
	var to struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	}
	if json.Unmarshal(d["changelogDestination"], &to) != nil || to.Type != "WEBHOOK" && to.Type != "KAFKA" {
		return fault.Field("/changelogDestination", "is no destination", `{"type": "WEBHOOK", "url": "https://..."} or {"type": "KAFKA"}`)
	}
	return nil
}
