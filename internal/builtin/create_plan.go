package builtin

import (
	"context"
	"fmt"

	"sphera/action"
	"sphera/internal/golden"
	"sphera/internal/runtime"
)

type runtimeInstance = runtime.Instance

// firstAnswer names the measure of the time from click to first answer.
const firstAnswer = "first-answer"

func (d Deps) creationPlan(ctx context.Context, c *creation) (*action.Plan, error) {
	s := c.service
	ci, ciApproval, err := d.mergeRule(ctx, d.CIRepository, ciTitle(s), c.ci)
	if err != nil {
		return nil, err
	}
	manifests, manifestApproval, err := d.mergeRule(ctx, d.GitOpsRepository, manifestTitle(s), c.manifests)
	if err != nil {
		return nil, err
	}
	ci.Branch, manifests.Branch = "sphera/RUN-"+s.Name, "sphera/RUN-"+s.Name
	template, err := golden.TemplateByID(s.Template)
	if err != nil {
		return nil, asInput(err)
	}
	slots := len(golden.SecretNames()) * len(s.Environments)
	return &action.Plan{
		Summary: fmt.Sprintf("Create the service %s from the template %s, with entries in %s and %s, and start it in %s.", s.Name, s.Template, d.CIRepository, d.GitOpsRepository, c.dev.ID),
		Repositories: []action.RepositoryChange{
			{Repository: s.Name, Created: true, Branch: "main", Message: pushMessage(s), Files: additions(c.files)},
			{Repository: d.CIRepository, Branch: ci.Branch, Message: ciTitle(s), Files: additions(c.ci)},
			{Repository: d.GitOpsRepository, Branch: manifests.Branch, Message: manifestTitle(s), Files: additions(c.manifests)},
		},
		PullRequests: []action.PullRequest{ci, manifests},
		Calls: []action.Call{
			{System: "secrets", Description: fmt.Sprintf("Make %d empty secret slots, one per environment", slots)},
			{System: "feature flags", Description: "Make the flag project " + golden.FlagProject(s.Name)},
		},
		Catalog: catalogChanges(c.records),
		Processes: []action.ProcessChange{{
			Verb: "start", Service: s.Name, Environment: c.dev.ID, Command: buildCommand(template.Language),
			Limits: processLimits, Address: runPath(c.dev.ID, s.Name),
		}},
		Objects:   c.objects,
		Approvals: []action.Approval{ciApproval, manifestApproval},
		Steps:     creationPlanSteps(d, c),
		Warnings:  c.warnings,
		Locks:     []string{lock(s.Name)},
		Facts: map[string]string{
			"name " + s.Name:         "free",
			"template " + s.Template: digestOf(c.files),
			"environments":           environmentNames(s.Environments),
		},
		Entities: []string{componentBlueprint + "/" + s.Name},
	}, nil
}

func buildCommand(language string) string {
	if language == "node" {
		return "npm ci --ignore-scripts (when it has dependencies), then node"
	}
	return "go build -trimpath, then the program"
}

func ciTitle(s golden.Service) string       { return "Add " + s.Name + " to the CI configuration" }
func manifestTitle(s golden.Service) string { return "Add the manifests of " + s.Name }
func pushMessage(s golden.Service) string {
	return "feat: start " + s.Name + " from the template " + s.Template
}

func creationPlanSteps(d Deps, c *creation) []action.PlannedStep {
	return []action.PlannedStep{
		{Name: "create-repository", Title: "Create the repository", Undo: "Archive the repository; its name becomes free"},
		{Name: "push-template", Title: "Push the template"},
		{Name: "build", Title: "Build the service"},
		{Name: "propose-ci", Title: "Open a pull request in " + d.CIRepository, Undo: "Close the pull request, or revert it when it was merged"},
		{Name: "merge-ci", Title: "Merge the entry in " + d.CIRepository},
		{Name: "propose-manifests", Title: "Open a pull request in " + d.GitOpsRepository, Undo: "Close the pull request, or revert it when it was merged"},
		{Name: "merge-manifests", Title: "Merge the manifests in " + d.GitOpsRepository},
		{Name: "register", Title: "Register it in the catalog", Undo: "Remove the entities"},
		{Name: "secret-slots", Title: "Make the secret slots", Undo: "Remove the slots"},
		{Name: "flag-project", Title: "Make the flag project", Undo: "Remove the project"},
		{Name: "deploy", Title: "Start it in " + c.dev.ID, Undo: "Stop the service"},
		{Name: "first-answer", Title: "Wait for the first answer"},
		{Name: "verify", Title: "Check the service contract"},
	}
}

func (s *stepSet) creationSteps(d Deps, c *creation) ([]action.Step, error) {
	name := c.service.Name
	titles := map[string]string{}
	for _, p := range creationPlanSteps(d, c) {
		titles[p.Name] = p.Title
	}
	var slots []slot
	for _, e := range c.service.Environments {
		for _, secret := range golden.SecretNames() {
			slots = append(slots, slot{Environment: e.ID, Name: secret})
		}
	}
	body := fmt.Sprintf("Made by the action “Create a microservice” for %s, owned by %s.\n\n%s", name, c.service.Team, c.service.Description)
	b := stepList{titles: titles}
	add(&b, s.repository, "create-repository", repositoryArgs{Name: name, Description: c.service.Description, Owner: c.service.Team})
	add(&b, s.push, "push-template", pushArgs{Repository: name, Message: pushMessage(c.service), Files: keep(c.files)})
	add(&b, s.build, "build", buildArgs{Service: name, Repository: name, Version: versionFrom{Step: "push-template"}})
	add(&b, s.propose, "propose-ci", proposeArgs{Repository: d.CIRepository, Branch: name, Title: ciTitle(c.service), Body: body, Files: keep(c.ci)})
	add(&b, s.merge, "merge-ci", mergeArgs{Repository: d.CIRepository, ProposeStep: "propose-ci"})
	add(&b, s.propose, "propose-manifests", proposeArgs{Repository: d.GitOpsRepository, Branch: name, Title: manifestTitle(c.service), Body: body, Files: keep(c.manifests)})
	add(&b, s.merge, "merge-manifests", mergeArgs{Repository: d.GitOpsRepository, ProposeStep: "propose-manifests"})
	add(&b, s.register, "register", recordsArgs{Records: c.records})
	add(&b, s.slots, "secret-slots", slotsArgs{Service: name, Slots: slots})
	add(&b, s.flags, "flag-project", flagProjectArgs{Key: golden.FlagProject(name), Service: name})
	add(&b, s.deploy, "deploy", deployArgs{Service: name, Environment: c.dev.ID, BuildStep: "build"})
	add(&b, s.ready, "first-answer", readyArgs{Service: name, Environment: c.dev.ID, DeployStep: "deploy", Measure: firstAnswer})
	add(&b, s.contract, "verify", contractArgs{Service: name, Strict: true, DeployStep: "deploy", Environment: c.dev.ID})
	return b.done()
}
