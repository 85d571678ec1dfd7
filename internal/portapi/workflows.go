package portapi

import (
	"context"
	"net/http"

	"sphera/internal/fault"
	"sphera/internal/resource"
	"sphera/internal/store"
)

// WorkflowAnswer is one workflow.
type WorkflowAnswer struct {
	Workflow Document `json:"workflow" doc:"As it was sent"`
}

// WorkflowsAnswer is all workflows.
type WorkflowsAnswer struct {
	Workflows []Document `json:"workflows"`
}

// NodeRunsAnswer is the work of workflows for an agent: none.
type NodeRunsAnswer struct {
	NodeRuns []Document `json:"nodeRuns"`
}

// workflowRoutes keep workflows as documents; they are not run. Agents ask for
// their work all the same and back off at an error, so they get an empty list.
func (s *Service) workflowRoutes() []Route {
	const one = "/v1/workflows/{id}"
	return []Route{
		{Method: http.MethodGet, Path: "/v1/workflows", ID: "listWorkflows", Verb: "catalog.read", Audit: None, Out: WorkflowsAnswer{}, Handle: s.workflows},
		{Method: http.MethodPost, Path: "/v1/workflows", ID: "createWorkflow", Verb: "workflow.write", Limit: Normal, Audit: Domain, Out: WorkflowAnswer{}, Handle: s.createWorkflow},
		{Method: http.MethodGet, Path: one, ID: "getWorkflow", Verb: "catalog.read", Audit: None, Out: WorkflowAnswer{}, Handle: s.workflow},
		{Method: http.MethodPut, Path: one, ID: "putWorkflow", Verb: "workflow.write", Limit: Normal, Audit: Domain, Out: WorkflowAnswer{}, Handle: s.putWorkflow},
		{Method: http.MethodDelete, Path: one, ID: "deleteWorkflow", Verb: "workflow.write", Audit: Domain, Handle: s.deleteWorkflow},

		{Method: http.MethodPost, Path: "/v1/workflows/runs/claim-pending", ID: "claimWorkflowRuns", Verb: SignedIn, Limit: Small, Audit: Asks, Out: NodeRunsAnswer{}, Handle: s.noNodeRuns},
		{Method: http.MethodPatch, Path: "/v1/workflows/runs/ack", ID: "ackWorkflowRun", Verb: SignedIn, Limit: Small, Audit: Asks, Handle: s.noNodeRun},
		{Method: http.MethodGet, Path: "/v1/workflows/nodes/runs", ID: "listNodeRuns", Verb: SignedIn, Audit: None, Out: NodeRunsAnswer{}, Handle: s.noNodeRuns,
			Params: []Param{{Name: "external_run_id", Doc: "What the run is called outside"}}},
		{Method: http.MethodPatch, Path: "/v1/workflows/nodes/runs/{id}", ID: "patchNodeRun", Verb: SignedIn, Limit: Small, Audit: Asks, Handle: s.noNodeRun},
		{Method: http.MethodPost, Path: "/v1/workflows/nodes/runs/{id}/logs", ID: "addNodeRunLog", Verb: SignedIn, Limit: Small, Audit: Asks, Handle: s.noNodeRun},
		{Method: http.MethodGet, Path: "/v1/kafka-credentials", ID: "getKafkaCredentials", Verb: SignedIn, Audit: None, Handle: s.noKafka},
	}
}

func (s *Service) workflows(ctx context.Context, _ *Request) (int, any, error) {
	list, err := s.documents.All(ctx, s.DB.Read(), workflowKind())
	return 0, WorkflowsAnswer{documents(list)}, err
}

func (s *Service) workflow(ctx context.Context, r *Request) (int, any, error) {
	w, err := s.find(ctx, r, workflowKind(), "id")
	return 0, WorkflowAnswer{documentOf(w)}, err
}

func (s *Service) createWorkflow(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentWorkflow(r)
	if err != nil {
		return 0, nil, err
	}
	id, err := takeIdentifier(sent, "")
	if err != nil {
		return 0, nil, err
	}
	w, err := s.createDocument(ctx, r, workflowKind(), id, sent)
	return 0, WorkflowAnswer{documentOf(w)}, err
}

func (s *Service) putWorkflow(ctx context.Context, r *Request) (int, any, error) {
	sent, err := sentWorkflow(r)
	if err != nil {
		return 0, nil, err
	}
	w, err := s.changeDocument(ctx, r, workflowKind(), "id", func(_ *store.Tx, d *resource.Resource) error { return replaceDocument(d, sent) })
	return 0, WorkflowAnswer{documentOf(w)}, err
}

func sentWorkflow(r *Request) (resource.Doc, error) {
	d, err := sentDocument(r)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"nodes", "connections"} {
		if err := d.CheckShape(key, "list"); err != nil {
			return nil, err
		}
	}
	return d, d.CheckText("title", false, 200)
}

func (s *Service) deleteWorkflow(ctx context.Context, r *Request) (int, any, error) {
	return 0, nil, s.deleteDocument(ctx, r, workflowKind(), "id", nil)
}

func (s *Service) noNodeRuns(context.Context, *Request) (int, any, error) {
	return 0, NodeRunsAnswer{[]Document{}}, nil
}

func (s *Service) noNodeRun(context.Context, *Request) (int, any, error) {
	return 0, nil, fault.New(fault.NotFound, "There is no such node run: workflows are kept here and not run.")
}

func (s *Service) noKafka(context.Context, *Request) (int, any, error) {
	return 0, nil, fault.New(fault.NotFound, "Sphera has no Kafka. Everything that Port sends by it can be had by polling or by a webhook.")
}
