package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag"
)

// changer is the user of a request as package flag knows people.
func changer(ctx context.Context) flag.Who {
	p := who(ctx)
	return flag.Who{ID: p.ID, Name: p.Name}
}

// flagProjectObject is a project with the teams of its service.
func (a *API) flagProjectObject(r *http.Request) (auth.Object, error) {
	return a.ownedProject(r.Context(), r.PathValue("project"))
}

func (a *API) ownedProject(ctx context.Context, project string) (auth.Object, error) {
	return a.flags.Object(ctx, project, "", "")
}

// flagObject is a flag with its own team and those of the service.
func (a *API) flagObject(r *http.Request) (auth.Object, error) {
	return a.ownedFlag(r.Context(), r.PathValue("project"), r.PathValue("key"), r.PathValue("env"))
}

func (a *API) ownedFlag(ctx context.Context, project, key, environment string) (auth.Object, error) {
	return a.flags.Object(ctx, project, key, environment)
}

func (a *API) flagProposalObject(r *http.Request) (auth.Object, error) {
	return a.flags.ProposalObject(r.Context(), r.PathValue("project"), r.PathValue("id"))
}

// FlagPath is the path of a flag.
type FlagPath struct {
	Project string `path:"project" maxLength:"100"`
	Key     string `path:"key" maxLength:"100"`
}

type flagProjectsInput struct {
	PageInput
	Service string `query:"service" maxLength:"200"`
}

type flagProjectsAnswer struct {
	Answer
	Projects []flag.Project `json:"projects"`
}

type newFlagProjectInput struct {
	Body struct {
		Key     string `json:"key" minLength:"1" maxLength:"100"`
		Service string `json:"service" minLength:"1" maxLength:"200" doc:"The entity of blueprint Component that the flags belong to"`
	}
}

type flagProjectAnswer struct {
	Answer
	Project  flag.Project         `json:"project"`
	Settings flag.ProjectSettings `json:"settings"`
}

type putFlagProjectInput struct {
	FlagProjectPath
	Body flag.ProjectSettings
}

func (a *API) listFlagProjects(ctx context.Context, in *flagProjectsInput) (*flagProjectsAnswer, error) {
	list, err := a.flags.ProjectList(ctx, in.Service, in.limit(200, 200), in.From)
	return &flagProjectsAnswer{Projects: list}, err
}

func (a *API) createFlagProject(ctx context.Context, in *newFlagProjectInput) (*flagProjectAnswer, error) {
	o, err := a.owned(ctx, "Component", in.Body.Service)
	if err != nil {
		return nil, err
	}
	if err := a.may(ctx, who(ctx), "flag.write", auth.Object{Kind: "flag", ID: in.Body.Key, Teams: o.Teams}); err != nil {
		return nil, err
	}
	if _, err := a.catalog.Entity(ctx, "Component", in.Body.Service); err != nil {
		return nil, err
	}
	p, err := a.flags.CreateProject(ctx, in.Body.Key, in.Body.Service, who(ctx).ID)
	if err != nil {
		return nil, err
	}
	s, err := a.flags.ProjectSettings(ctx, p.Key)
	return &flagProjectAnswer{Project: p, Settings: s}, err
}

func (a *API) flagProject(ctx context.Context, in *FlagProjectPath) (*flagProjectAnswer, error) {
	p, err := a.flags.Project(ctx, in.Project)
	if err != nil {
		return nil, err
	}
	s, err := a.flags.ProjectSettings(ctx, in.Project)
	return &flagProjectAnswer{Project: p, Settings: s}, err
}

func (a *API) putFlagProject(ctx context.Context, in *putFlagProjectInput) (*flagProjectAnswer, error) {
	p, err := a.flags.Project(ctx, in.Project)
	if err != nil {
		return nil, err
	}
	s, err := a.flags.SetProjectSettings(ctx, in.Project, in.Body, changer(ctx))
	return &flagProjectAnswer{Project: p, Settings: s}, err
}

type flagsInput struct {
	PageInput
	Project     string `query:"project" maxLength:"100"`
	Environment string `query:"environment" maxLength:"200" doc:"State is judged there"`
	Owner       string `query:"owner" maxLength:"200"`
	Kind        string `query:"kind" enum:"release,experiment,operational,kill-switch,permission"`
	State       string `query:"state" enum:"on,off,partial,archived" doc:"All that are not archived when absent"`
	Tag         string `query:"tag" maxLength:"100"`
	Stale       bool   `query:"stale"`
	Q           string `query:"q" maxLength:"200" doc:"Text in key, title or description"`
}

type flagsAnswer struct {
	Answer
	Flags []flag.Flag `json:"flags"`
	Next  string      `json:"next,omitempty"`
}

func (a *API) listFlags(ctx context.Context, in *flagsInput) (*flagsAnswer, error) {
	list, next, err := a.flags.List(ctx, flag.Filter{
		Project: in.Project, Environment: in.Environment, Owner: in.Owner, Kind: in.Kind, State: in.State, Tag: in.Tag, Stale: in.Stale, Text: in.Q,
		From: in.From, Limit: in.limit(50, 200),
	})
	return &flagsAnswer{Flags: list, Next: next}, err
}

type projectFlagsInput struct {
	FlagProjectPath
	PageInput
	State string `query:"state" enum:"on,off,partial,archived"`
	Q     string `query:"q" maxLength:"200"`
}

func (a *API) projectFlags(ctx context.Context, in *projectFlagsInput) (*flagsAnswer, error) {
	if _, err := a.flags.Project(ctx, in.Project); err != nil {
		return nil, err
	}
	list, next, err := a.flags.List(ctx, flag.Filter{Project: in.Project, State: in.State, Text: in.Q, From: in.From, Limit: in.limit(50, 200)})
	return &flagsAnswer{Flags: list, Next: next}, err
}

type flagAnswer struct {
	Answer
	Flag flag.Flag `json:"flag"`
}

type newFlagInput struct {
	FlagProjectPath
	Body flag.NewFlag
}

type putFlagInput struct {
	FlagPath
	Body struct {
		flag.Settings
		Version int64  `json:"version" doc:"The one that the flag was read with"`
		Reason  string `json:"reason,omitempty" maxLength:"500"`
	}
}

func (a *API) createFlag(ctx context.Context, in *newFlagInput) (*flagAnswer, error) {
	one, err := a.flags.Create(ctx, in.Project, in.Body, changer(ctx))
	return &flagAnswer{Flag: one}, err
}

func (a *API) getFlag(ctx context.Context, in *FlagPath) (*flagAnswer, error) {
	one, err := a.flags.Get(ctx, in.Project, in.Key)
	return &flagAnswer{Flag: one}, err
}

func (a *API) putFlag(ctx context.Context, in *putFlagInput) (*flagAnswer, error) {
	one, err := a.flags.Update(ctx, in.Project, in.Key, in.Body.Settings, in.Body.Version, in.Body.Reason, changer(ctx))
	return &flagAnswer{Flag: one}, err
}

func (a *API) deleteFlag(ctx context.Context, in *FlagPath) (*Done, error) {
	return &Done{}, a.flags.Delete(ctx, in.Project, in.Key, changer(ctx))
}

type flagHistoryInput struct {
	FlagPath
	Environment string `query:"environment" maxLength:"200"`
	From        int64  `query:"from" doc:"Changes before this version"`
	Limit       int    `query:"limit" minimum:"0" maximum:"200"`
}

type flagHistoryAnswer struct {
	Answer
	Changes []flag.Change `json:"changes"`
}

func (a *API) flagHistory(ctx context.Context, in *flagHistoryInput) (*flagHistoryAnswer, error) {
	limit := in.Limit
	if limit == 0 {
		limit = 50
	}
	list, err := a.flags.History(ctx, in.Project, in.Key, in.Environment, limit, in.From)
	return &flagHistoryAnswer{Changes: list}, err
}

type flagReferencesAnswer struct {
	Answer
	References []flag.Reference `json:"references"`
}

func (a *API) flagReferences(ctx context.Context, in *FlagPath) (*flagReferencesAnswer, error) {
	list, err := a.flags.References(ctx, in.Project, in.Key)
	return &flagReferencesAnswer{References: list}, err
}

type staleInput struct {
	Project string `query:"project" maxLength:"100"`
}

type flagStaleAnswer struct {
	Answer
	Flags []flag.Evidence `json:"flags"`
}

func (a *API) staleFlags(ctx context.Context, in *staleInput) (*flagStaleAnswer, error) {
	list, err := a.flags.Stale(ctx, in.Project)
	return &flagStaleAnswer{Flags: list}, err
}

type flagScheduleAnswer struct {
	Answer
	Entries []flag.ScheduleEntry `json:"entries"`
}

func (a *API) flagSchedule(ctx context.Context, in *staleInput) (*flagScheduleAnswer, error) {
	list, err := a.flags.Schedule(ctx, in.Project)
	return &flagScheduleAnswer{Entries: list}, err
}

type evaluateInput struct {
	FlagProjectPath
	Body flag.Evaluation
}

type flagEvaluateAnswer struct {
	Answer
	At       time.Time      `json:"at"`
	Outcomes []flag.Outcome `json:"outcomes"`
}

func (a *API) evaluateFlags(ctx context.Context, in *evaluateInput) (*flagEvaluateAnswer, error) {
	at := a.now()
	if in.Body.At != nil {
		at = *in.Body.At
	}
	in.Body.At = &at
	list, err := a.flags.Evaluate(ctx, in.Project, in.Body)
	return &flagEvaluateAnswer{At: at, Outcomes: list}, err
}

func (a *API) exportFlags(w http.ResponseWriter, r *http.Request) error {
	environment := r.URL.Query().Get("environment")
	if strings.TrimSpace(environment) == "" {
		return fault.Field("environment", "is missing", "the environment whose flags are wanted")
	}
	doc, err := a.flags.Export(r.Context(), r.PathValue("project"), environment)
	if err != nil {
		return err
	}
	err = a.tellExport(r.Context(), takeNote, audit.Event{Verb: "flag.export", Object: "flag/" + r.PathValue("project"), Detail: audit.Detail("environment", environment)})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(doc)
	return err
}
