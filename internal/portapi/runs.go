package portapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"sphera/internal/automation"
	"sphera/internal/fault"
)

// ActionRunAnswer is a run of an action.
type ActionRunAnswer struct {
	Run automation.Run `json:"run"`
}

// ActionRunsAnswer is runs, newest first.
type ActionRunsAnswer struct {
	Runs []automation.Run `json:"runs"`
}

// ActionRunLogAnswer is one line of a run's log.
type ActionRunLogAnswer struct {
	RunLog automation.RunLog `json:"runLog"`
}

// ActionRunLogsAnswer is lines of a run's log, oldest first.
type ActionRunLogsAnswer struct {
	RunLogs []automation.RunLog `json:"runLogs"`
}

// RunApproversAnswer is who decided on a run, or may.
type RunApproversAnswer struct {
	Approvers []automation.Approver `json:"approvers"`
}

// ClaimedRunsAnswer is the runs that an agent took.
type ClaimedRunsAnswer struct {
	Runs []automation.Claimed `json:"runs"`
}

// AcknowledgedAnswer says how many runs were acknowledged.
type AcknowledgedAnswer struct {
	AckedCount int `json:"ackedCount"`
}

func (s *Service) runRoutes() []Route {
	const all, one = "/v1/actions/runs", "/v1/actions/runs/{run}"
	report := "run.report"
	version := Param{Name: "version", Doc: "Has no effect here"}
	filters := []Param{version, {Name: "limit", Type: "integer"}, {Name: "active", Type: "boolean"}}
	for _, name := range []string{"entity", "blueprint", "user_email", "user_id", "external_run_id", "action"} {
		filters = append(filters, Param{Name: name})
	}
	filters = append(filters, Param{Name: "source", Type: "array", Doc: "UI, API or AUTOMATION"})
	return []Route{
		{Method: http.MethodGet, Path: all, ID: "listActionRuns", Verb: "run.read", Audit: None, Out: ActionRunsAnswer{}, Params: filters, Handle: s.actionRuns},
		{Method: http.MethodGet, Path: one, ID: "getActionRun", Verb: "run.read", Audit: None, Out: ActionRunAnswer{}, Params: []Param{version}, Handle: s.actionRun},
		{Method: http.MethodPatch, Path: one, ID: "patchActionRun", Verb: report, Limit: Normal, Audit: Domain, Out: ActionRunAnswer{}, Params: []Param{version}, Handle: s.patchRun},
		{Method: http.MethodPatch, Path: one + "/approval", ID: "decideActionRun", Verb: "run.read", Limit: Small, Audit: Domain, Status: http.StatusCreated, Out: ActionRunAnswer{}, Handle: s.approveRun},
		{
			Method: http.MethodGet, Path: one + "/approvers", ID: "listRunApprovers", Verb: "run.read", Audit: None, Out: RunApproversAnswer{},
			Params: []Param{{Name: "include_pending_approvers", Type: "boolean"}}, Handle: s.runApprovers,
		},
		{Method: http.MethodPost, Path: one + "/logs", ID: "addActionRunLog", Verb: report, Limit: Normal, Audit: Domain, Status: http.StatusCreated, Out: ActionRunLogAnswer{}, Handle: s.addRunLog},
		{
			Method: http.MethodGet, Path: one + "/logs", ID: "listActionRunLogs", Verb: "run.read", Audit: None, Out: ActionRunLogsAnswer{},
			Params: []Param{{Name: "limit", Type: "integer"}, {Name: "offset", Type: "integer"}}, Handle: s.runLogs,
		},
		{Method: http.MethodPatch, Path: one + "/response", ID: "patchRunResponse", Verb: report, Limit: Normal, Audit: Domain, Out: ActionRunAnswer{}, Handle: s.runResponse},
		{Method: http.MethodPost, Path: all + "/claim-pending", ID: "claimRuns", Verb: report, Limit: Small, Audit: Domain, Out: ClaimedRunsAnswer{}, Handle: s.claimRuns},
		{Method: http.MethodPatch, Path: all + "/ack", ID: "ackRuns", Verb: report, Limit: Small, Audit: Domain, Out: AcknowledgedAnswer{}, Handle: s.ackRuns},
	}
}

func (r *Request) number(name string) int {
	n, err := strconv.Atoi(r.Query.Get(name))
	if err != nil {
		return 0
	}
	return n
}

func (s *Service) actionRuns(ctx context.Context, r *Request) (int, any, error) {
	q := r.Query
	list, err := s.Automation.List(ctx, automation.RunFilter{
		Entity: q.Get("entity"), Blueprint: q.Get("blueprint"), Action: q.Get("action"), UserID: q.Get("user_id"), UserEmail: q.Get("user_email"),
		External: q.Get("external_run_id"), Active: r.Bool("active"), Sources: r.List("source"), Limit: r.number("limit"),
	})
	return 0, ActionRunsAnswer{list}, err
}

func (s *Service) actionRun(ctx context.Context, r *Request) (int, any, error) {
	one, err := s.Automation.Run(ctx, r.Path["run"])
	return 0, ActionRunAnswer{one}, err
}

func (s *Service) patchRun(ctx context.Context, r *Request) (int, any, error) {
	var sent automation.Report
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	one, err := s.Automation.Update(ctx, r.Path["run"], sent, r.Caller.ID)
	return 0, ActionRunAnswer{one}, err
}

// approveRun decides; who may, the request says.
func (s *Service) approveRun(ctx context.Context, r *Request) (int, any, error) {
	var sent struct {
		Status      string `json:"status"`
		Description string `json:"description"`
	}
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	o, err := s.Automation.Object(ctx, r.Path["run"])
	if err != nil {
		return 0, nil, err
	}
	if err := r.May(ctx, "run.approve", o); err != nil {
		return 0, nil, err
	}
	one, err := s.Automation.Decide(ctx, r.Path["run"], r.Caller.Actor(), sent.Status, sent.Description)
	return 0, ActionRunAnswer{one}, err
}

func (s *Service) runApprovers(ctx context.Context, r *Request) (int, any, error) {
	list, err := s.Automation.Approvers(ctx, r.Path["run"], r.Bool("include_pending_approvers"))
	return 0, RunApproversAnswer{list}, err
}

func (s *Service) addRunLog(ctx context.Context, r *Request) (int, any, error) {
	var sent struct {
		Message           string `json:"message"`
		TerminationStatus string `json:"terminationStatus"`
		StatusLabel       string `json:"statusLabel"`
	}
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	line, err := s.Automation.AddLog(ctx, r.Path["run"], sent.Message, sent.TerminationStatus, sent.StatusLabel, r.Caller.ID)
	return 0, ActionRunLogAnswer{line}, err
}

func (s *Service) runLogs(ctx context.Context, r *Request) (int, any, error) {
	list, err := s.Automation.Logs(ctx, r.Path["run"], r.number("limit"), r.number("offset"))
	return 0, ActionRunLogsAnswer{list}, err
}

func (s *Service) runResponse(ctx context.Context, r *Request) (int, any, error) {
	var sent struct {
		Response json.RawMessage `json:"response"`
	}
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	one, err := s.Automation.Respond(ctx, r.Path["run"], sent.Response, r.Caller.ID)
	return 0, ActionRunAnswer{one}, err
}

func (s *Service) claimRuns(ctx context.Context, r *Request) (int, any, error) {
	var sent struct {
		InstallationID   string `json:"installationId"`
		Limit            int    `json:"limit"`
		InvocationMethod string `json:"invocationMethod"`
	}
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	list, err := s.Automation.Claim(ctx, sent.InstallationID, sent.InvocationMethod, sent.Limit)
	return 0, ClaimedRunsAnswer{list}, err
}

// ackRuns takes one run or a list. One that is not to be acknowledged any more
// is somebody else's: 409, which Ocean looks for.
func (s *Service) ackRuns(ctx context.Context, r *Request) (int, any, error) {
	var sent struct {
		RunIDs []string `json:"runIds"`
		RunID  string   `json:"runId"`
	}
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	single := sent.RunID != ""
	if single {
		sent.RunIDs = append(sent.RunIDs, sent.RunID)
	}
	n, err := s.Automation.Acknowledge(ctx, sent.RunIDs, r.Caller.ID)
	if err == nil && single && n == 0 {
		err = fault.New(fault.Conflict, "The run %q is not waiting to be acknowledged: somebody else has it, or it has ended.", sent.RunID)
	}
	return 0, AcknowledgedAnswer{n}, err
}
