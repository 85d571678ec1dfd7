package builtin

import (
	"context"
	"fmt"

	"sphera/action"
	"sphera/internal/forge"
	"sphera/internal/golden"
)

type fixInput struct{}

// repair is one repository that gets the files it lacks.
type repair struct {
	name, repository, title string
	files                   []forge.File
}

func repairs(d Deps, service string, m golden.Missing) []repair {
	all := []repair{
		{name: "service", repository: m.Repository, title: "Add what the service contract asks for", files: m.RepositoryFiles},
		{name: "ci", repository: d.CIRepository, title: "Add " + service + " to the CI configuration", files: m.CIConfig},
		{name: "manifests", repository: d.GitOpsRepository, title: "Add the missing manifests of " + service, files: m.Manifests},
	}
	var out []repair
	for _, r := range all {
		if len(r.files) > 0 && r.repository != "" {
			out = append(out, r)
		}
	}
	return out
}

func fixRecords(m golden.Missing) []record {
	var out []record
	for _, e := range m.Entities {
		out = append(out, record{Blueprint: e.Blueprint, Identifier: e.Identifier, Title: e.Title, Properties: e.Properties, Relations: e.Relations})
	}
	return out
}

func fixService(d Deps, s *stepSet) (*action.Action, error) {
	return action.New(action.Definition[fixInput]{
		Identifier: "fix_service", Title: "Fix the service contract", Icon: "tool", Group: "Services", Blueprint: componentBlueprint,
		Description: "Add what a service lacks of the service contract: files by pull request, catalog entries, secret slots, flag project. Nothing that exists is overwritten.",
		Roles:       []string{"developer", "infrastructure", "administrator"}, StepTypes: s.all(),
		Plan: func(ctx context.Context, req action.Request, _ fixInput) (*action.Plan, error) {
			m, err := d.missing(ctx, req.Entity)
			if err != nil {
				return nil, err
			}
			return d.fixPlan(ctx, req.Entity, m)
		},
		Apply: func(ctx context.Context, req action.Request, _ fixInput) ([]action.Step, error) {
			m, err := d.missing(ctx, req.Entity)
			if err != nil {
				return nil, err
			}
			return s.fixSteps(d, req.Entity, m)
		},
		Verify: func(ctx context.Context, req action.Request, _ fixInput) ([]action.Check, error) {
			return d.Contracts.Check(ctx, req.Entity)
		},
	})
}

func (d Deps) missing(ctx context.Context, service string) (golden.Missing, error) {
	m, err := d.Contracts.Missing(ctx, service)
	if err != nil {
		return m, fmt.Errorf("look what %s lacks: %w", service, err)
	}
	if m.Nothing() {
		problem := "lacks nothing that a program can add"
		if len(m.Notes) > 0 {
			problem += "; what is left: " + m.Notes[0]
		}
		return m, action.Invalid("entity", service+" "+problem, "a service with failing checks")
	}
	return m, nil
}

func (d Deps) fixPlan(ctx context.Context, service string, m golden.Missing) (*action.Plan, error) {
	plan := &action.Plan{
		Summary: "Add to " + service + " what the service contract asks for.", Objects: m.Objects, Warnings: m.Notes,
		Locks: []string{lock(service)}, Entities: []string{componentBlueprint + "/" + service}, Facts: map[string]string{},
		Catalog: catalogChanges(fixRecords(m)), Steps: fixPlanSteps(d, service, m),
	}
	for i, e := range m.Entities {
		if e.Exists && i < len(plan.Catalog) {
			plan.Catalog[i].Verb = "update"
		}
	}
	for _, r := range repairs(d, service, m) {
		pr, approval, err := d.mergeRule(ctx, r.repository, r.title, r.files)
		if err != nil {
			return nil, err
		}
		pr.Branch = "sphera/RUN-fix-" + r.name
		plan.PullRequests = append(plan.PullRequests, pr)
		plan.Approvals = append(plan.Approvals, approval)
		plan.Repositories = append(plan.Repositories, action.RepositoryChange{Repository: r.repository, Branch: pr.Branch, Message: r.title, Files: additions(r.files)})
	}
	if len(m.Slots) > 0 {
		plan.Calls = append(plan.Calls, action.Call{System: "secrets", Description: fmt.Sprintf("Make %d empty secret slots", len(m.Slots))})
	}
	if m.FlagProject != "" {
		plan.Calls = append(plan.Calls, action.Call{System: "feature flags", Description: "Make the flag project " + m.FlagProject})
	}
	return plan, nil
}

func fixPlanSteps(d Deps, service string, m golden.Missing) []action.PlannedStep {
	var out []action.PlannedStep
	for _, r := range repairs(d, service, m) {
		out = append(out,
			action.PlannedStep{Name: "propose-" + r.name, Title: "Open a pull request in " + r.repository, Undo: "Close the pull request, or revert it when it was merged"},
			action.PlannedStep{Name: "merge-" + r.name, Title: "Merge it in " + r.repository})
	}
	if len(m.Entities) > 0 {
		out = append(out, action.PlannedStep{Name: "register", Title: "Complete the catalog", Undo: "Take the added entities and relations out again"})
	}
	if len(m.Slots) > 0 {
		out = append(out, action.PlannedStep{Name: "secret-slots", Title: "Make the secret slots", Undo: "Remove the slots"})
	}
	if m.FlagProject != "" {
		out = append(out, action.PlannedStep{Name: "flag-project", Title: "Make the flag project", Undo: "Remove the project"})
	}
	return append(out, action.PlannedStep{Name: "verify", Title: "Check the service contract"})
}

func (s *stepSet) fixSteps(d Deps, service string, m golden.Missing) ([]action.Step, error) {
	l := stepList{titles: map[string]string{}}
	for _, p := range fixPlanSteps(d, service, m) {
		l.titles[p.Name] = p.Title
	}
	for _, r := range repairs(d, service, m) {
		add(&l, s.propose, "propose-"+r.name, proposeArgs{Repository: r.repository, Branch: "fix-" + r.name, Title: r.title, Body: "Made by the action “Fix the service contract” for " + service + ".", Files: keep(r.files)})
		add(&l, s.merge, "merge-"+r.name, mergeArgs{Repository: r.repository, ProposeStep: "propose-" + r.name})
	}
	if len(m.Entities) > 0 {
		records := fixRecords(m)
		for i := range records {
			records[i].Existed = m.Entities[i].Exists
		}
		add(&l, s.register, "register", recordsArgs{Records: records})
	}
	if len(m.Slots) > 0 {
		slots := make([]slot, 0, len(m.Slots))
		for _, missing := range m.Slots {
			slots = append(slots, slot{Environment: missing.Environment, Name: missing.Name})
		}
		add(&l, s.slots, "secret-slots", slotsArgs{Service: service, Slots: slots})
	}
	if m.FlagProject != "" {
		add(&l, s.flags, "flag-project", flagProjectArgs{Key: m.FlagProject, Service: service})
	}
	add(&l, s.contract, "verify", contractArgs{Service: service})
	return l.done()
}
