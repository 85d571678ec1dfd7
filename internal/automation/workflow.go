package automation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"sphera/action"
)

// The names of the secrets that hold the tokens for GitHub and GitLab.
const (
	gitHubSecret = "GITHUB_TOKEN"
	gitLabSecret = "GITLAB_TOKEN"
)

func (s *Service) gitHubHeader(ctx context.Context) (http.Header, error) {
	token, err := s.secret(ctx, gitHubSecret)
	return http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/vnd.github+json"}, "X-Github-Api-Version": {"2022-11-28"}, "User-Agent": {"Sphera"}}, err
}

// gitHubWorkflow is the address of the workflow's API.
func (s *Service) gitHubWorkflow(p map[string]any) string {
	return s.GitHub + "/repos/" + url.PathEscape(text(p, "org")) + "/" + url.PathEscape(text(p, "repo")) + "/actions/workflows/" + url.PathEscape(text(p, "workflow"))
}

// dispatchGitHub starts a workflow: GitHub answers 204 and does not say which
// run it became.
func (s *Service) dispatchGitHub(ctx context.Context, x *action.Exec, row *runRow) error {
	p, err := s.payload(ctx, row, true)
	if err != nil {
		return err
	}
	shown, err := s.payload(ctx, row, false)
	if err != nil {
		return err
	}
	header, err := s.gitHubHeader(ctx)
	if err != nil {
		return err
	}
	inputs, _ := p["workflowInputs"].(map[string]any)
	values := map[string]any{}
	ref := "main"
	for name, v := range inputs {
		if name == "ref" {
			ref = fmt.Sprint(v)
			continue
		}
		if s, ok := v.(string); ok {
			values[name] = s
			continue
		}
		raw, err := compact(v) // inputs of workflows are texts
		if err != nil {
			return err
		}
		values[name] = string(raw)
	}
	x.Logf("Starting the workflow %s of %s/%s on %s.", text(p, "workflow"), text(p, "org"), text(p, "repo"), ref)
	if _, err := s.api(ctx, http.MethodPost, s.gitHubWorkflow(p)+"/dispatches", header, map[string]any{"ref": ref, "inputs": values}, nil); err != nil {
		return err
	}
	return s.setExternal(ctx, x.RunID, "", "", shown)
}

type gitHubRun struct {
	ID         int64     `json:"id"`
	Status     string    `json:"status"`
	Conclusion string    `json:"conclusion"`
	URL        string    `json:"html_url"`
	CreatedAt  time.Time `json:"created_at"`
}

// follow asks how a workflow goes and reports its end; false when nobody asked
// for that.
func (s *Service) follow(ctx context.Context, x *action.Exec, row *runRow) (bool, error) {
	p, err := s.payload(ctx, row, true)
	if err != nil {
		return true, err
	}
	if row.Method == GitLab {
		return true, s.followGitLab(ctx, x, row, p)
	}
	if report, ok := p["reportWorkflowStatus"]; ok && (report == false || report == "false") {
		return false, nil
	}
	header, err := s.gitHubHeader(ctx)
	if err != nil {
		return true, err
	}
	found, err := s.findGitHub(ctx, row, p, header)
	if err != nil || found == nil {
		return true, err
	}
	if row.External == "" {
		if err := s.setExternal(ctx, x.RunID, strconv.FormatInt(found.ID, 10), found.URL, nil); err != nil {
			return true, err
		}
		x.Logf("The workflow runs at %s", found.URL)
	}
	if found.Status != "completed" {
		return true, nil
	}
	report := outcome{Status: Success, By: "system"}
	if found.Conclusion != "success" {
		report.Status, report.Summary = Failure, "The workflow ended with "+found.Conclusion+"."
	}
	return true, s.finish(ctx, x.RunID, report)
}

// findGitHub gives the run of the workflow: the one that is known, or the
// first that was dispatched after the call and is no other run's.
func (s *Service) findGitHub(ctx context.Context, row *runRow, p map[string]any, header http.Header) (*gitHubRun, error) {
	if row.External != "" {
		var one gitHubRun
		_, err := s.api(ctx, http.MethodGet, s.GitHub+"/repos/"+url.PathEscape(text(p, "org"))+"/"+url.PathEscape(text(p, "repo"))+"/actions/runs/"+url.PathEscape(row.External), header, nil, &one)
		return &one, err
	}
	var list struct {
		Runs []gitHubRun `json:"workflow_runs"`
	}
	since := row.CreatedAt.Add(-skew)
	query := url.Values{"event": {"workflow_dispatch"}, "created": {">=" + since.UTC().Format("2006-01-02T15:04:05Z")}, "per_page": {"50"}}
	if _, err := s.api(ctx, http.MethodGet, s.gitHubWorkflow(p)+"/runs?"+query.Encode(), header, nil, &list); err != nil {
		return nil, err
	}
	for _, one := range slices.Backward(list.Runs) { // newest first

		if one.CreatedAt.Before(since) {
			continue
		}
		taken, err := s.externalTaken(ctx, strconv.FormatInt(one.ID, 10))
		if err != nil {
			return nil, err
		}
		if !taken {
			return &one, nil
		}
	}
	return nil, nil
}

func (s *Service) externalTaken(ctx context.Context, external string) (bool, error) {
	var n int
	err := s.DB.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM automation_runs WHERE external_run_id = $1 AND external_run_id <> ''", external).Scan(&n)
	return n > 0, err
}

func (s *Service) gitLabHeader(ctx context.Context) (http.Header, error) {
	token, err := s.secret(ctx, gitLabSecret)
	return http.Header{"Private-Token": {token}, "User-Agent": {"Sphera"}}, err
}

func (s *Service) gitLabProject(p map[string]any) string {
	return s.GitLab + "/api/v4/projects/" + url.PathEscape(text(p, "groupName")+"/"+text(p, "projectName"))
}

type gitLabPipeline struct {
	ID     int64  `json:"id"`
	Status string `json:"status"`
	URL    string `json:"web_url"`
}

func (s *Service) startGitLab(ctx context.Context, x *action.Exec, row *runRow) error {
	p, err := s.payload(ctx, row, true)
	if err != nil {
		return err
	}
	shown, err := s.payload(ctx, row, false)
	if err != nil {
		return err
	}
	header, err := s.gitLabHeader(ctx)
	if err != nil {
		return err
	}
	ref := text(p, "defaultRef")
	if ref == "" {
		ref = "main"
	}
	variables := []any{}
	given, _ := p["pipelineVariables"].(map[string]any)
	for name, v := range given {
		value, ok := v.(string)
		if !ok {
			raw, err := compact(v)
			if err != nil {
				return err
			}
			value = string(raw)
		}
		variables = append(variables, map[string]any{"key": name, "value": value})
	}
	x.Logf("Starting a pipeline of %s/%s on %s.", text(p, "groupName"), text(p, "projectName"), ref)
	var pipeline gitLabPipeline
	if _, err := s.api(ctx, http.MethodPost, s.gitLabProject(p)+"/pipeline", header, map[string]any{"ref": ref, "variables": variables}, &pipeline); err != nil {
		return err
	}
	if pipeline.ID == 0 {
		return errors.New("GitLab did not say which pipeline it started")
	}
	return s.setExternal(ctx, x.RunID, strconv.FormatInt(pipeline.ID, 10), pipeline.URL, shown)
}

func (s *Service) followGitLab(ctx context.Context, x *action.Exec, row *runRow, p map[string]any) error {
	header, err := s.gitLabHeader(ctx)
	if err != nil {
		return err
	}
	var pipeline gitLabPipeline
	if _, err := s.api(ctx, http.MethodGet, s.gitLabProject(p)+"/pipelines/"+url.PathEscape(row.External), header, nil, &pipeline); err != nil {
		return err
	}
	switch pipeline.Status {
	case "success":
		return s.finish(ctx, x.RunID, outcome{Status: Success, By: "system"})
	case "failed", "canceled", "skipped":
		return s.finish(ctx, x.RunID, outcome{Status: Failure, Summary: "The pipeline ended with " + pipeline.Status + ".", By: "system"})
	}
	return nil
}
