package builtin

import (
	"context"
	"fmt"
	"strconv"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/golden"
)

type deployInput struct {
	Environment string `json:"environment" title:"Environment" help:"Where to deploy; the first dev environment when left empty." optional:"true" entity:"Environment"`
	Ref         string `json:"ref" title:"Version" help:"Branch, tag or commit of the service's repository." default:"main" maxLength:"200" example:"main"`
}

type revertInput struct {
	Environment string `json:"environment" title:"Environment" help:"Where to go back; the first dev environment when left empty." optional:"true" entity:"Environment"`
	Version     string `json:"version" title:"Version" help:"The commit to go back to; the one that ran before when left empty." optional:"true" maxLength:"64"`
}

// change is a change of the running version, shared by deploy and revert.
type change struct {
	service, repository, before, to, subject string
	dev                                      golden.Environment
}

func deployService(d Deps, s *stepSet) (*action.Action, error) {
	target := func(ctx context.Context, req action.Request, in deployInput) (change, error) {
		c, err := d.startChange(ctx, req.Entity, in.Environment)
		if err != nil {
			return c, err
		}
		return c, d.resolve(ctx, &c, "ref", in.Ref)
	}
	return action.New(action.Definition[deployInput]{
		Identifier: "deploy_service", Title: "Deploy a version", Icon: "rocket", Group: "Services", Blueprint: componentBlueprint,
		Description: "Build a commit and run it in a dev environment. The former version serves until the new one is ready.",
		Roles:       []string{"developer", "infrastructure", "administrator"}, StepTypes: s.all(),
		Plan: func(ctx context.Context, req action.Request, in deployInput) (*action.Plan, error) {
			c, err := target(ctx, req, in)
			if err != nil {
				return nil, err
			}
			return d.changePlan(ctx, c, "Deploy")
		},
		Apply: func(ctx context.Context, req action.Request, in deployInput) ([]action.Step, error) {
			c, err := target(ctx, req, in)
			if err != nil {
				return nil, err
			}
			return s.changeSteps(c)
		},
		Verify: func(ctx context.Context, req action.Request, _ deployInput) ([]action.Check, error) {
			return d.Contracts.Check(ctx, req.Entity)
		},
	})
}

func revertService(d Deps, s *stepSet) (*action.Action, error) {
	target := func(ctx context.Context, req action.Request, in revertInput) (change, error) {
		c, err := d.startChange(ctx, req.Entity, in.Environment)
		if err != nil {
			return c, err
		}
		version := in.Version
		if version == "" {
			if version, err = d.former(ctx, c); err != nil {
				return c, err
			}
		}
		return c, d.resolve(ctx, &c, "version", version)
	}
	return action.New(action.Definition[revertInput]{
		Identifier: "revert_service", Title: "Revert to a former version", Icon: "arrow-back", Group: "Services", Blueprint: componentBlueprint,
		Description: "Run the version that ran before, or another former one, in a dev environment.",
		Roles:       []string{"developer", "infrastructure", "administrator"}, StepTypes: s.all(),
		Plan: func(ctx context.Context, req action.Request, in revertInput) (*action.Plan, error) {
			c, err := target(ctx, req, in)
			if err != nil {
				return nil, err
			}
			return d.changePlan(ctx, c, "Revert")
		},
		Apply: func(ctx context.Context, req action.Request, in revertInput) ([]action.Step, error) {
			c, err := target(ctx, req, in)
			if err != nil {
				return nil, err
			}
			return s.changeSteps(c)
		},
	})
}

// startChange finds the component, its repository and what runs now.
func (d Deps) startChange(ctx context.Context, service, environment string) (change, error) {
	entity, err := d.Catalog.Entity(ctx, componentBlueprint, service)
	if fault.Is(err, fault.NotFound) {
		return change{}, action.Invalid("entity", service+" is not in the catalog", "the identifier of a Component")
	}
	if err != nil {
		return change{}, fmt.Errorf("look for the component: %w", err)
	}
	all, err := d.Environments(ctx)
	if err != nil {
		return change{}, err
	}
	c := change{service: service, repository: repositoryOf(entity)}
	if c.dev, err = devEnvironment(all, environment); err != nil {
		return change{}, err
	}
	if _, err := d.Forge.Repository(ctx, c.repository); fault.Is(err, fault.NotFound) {
		return change{}, action.Invalid("entity", service+" has no repository in the forge", "a component whose relation repository names one; or create the service by “Create a microservice”")
	} else if err != nil {
		return change{}, fmt.Errorf("look for the repository: %w", err)
	}
	c.before, err = d.running(ctx, service, c.dev.ID)
	return c, err
}

// repositoryOf is the repository a component is related to, or the one of its
// own name.
func repositoryOf(e catalog.Entity) string {
	if name := text(e.Relations["repository"]); name != "" {
		return name
	}
	return e.Identifier
}

// resolve turns what was asked for into a commit of the repository.
func (d Deps) resolve(ctx context.Context, c *change, field, ref string) error {
	commits, _, err := d.Forge.Commits(ctx, c.repository, ref, 1, "")
	if fault.Is(err, fault.NotFound) || err == nil && len(commits) == 0 {
		return action.Invalid(field, ref+" is not in the repository "+c.repository, "a branch, a tag or a commit")
	}
	if err != nil {
		return asInput(fmt.Errorf("look for %s in %s: %w", ref, c.repository, err))
	}
	c.to, c.subject = commits[0].SHA, commits[0].Subject
	if c.to == c.before {
		return action.Invalid(field, short(c.to)+" runs in "+c.dev.ID+" already", "another version")
	}
	return nil
}

// former is the newest version that served before the one that runs now.
func (d Deps) former(ctx context.Context, c change) (string, error) {
	history, err := d.Runtime.Deployments(ctx, c.service, 50)
	if err != nil {
		return "", fmt.Errorf("read the deployments of %s: %w", c.service, err)
	}
	for _, dep := range history {
		if dep.Environment == c.dev.ID && dep.Version != c.before && !dep.FirstAnswerAt.IsZero() {
			return dep.Version, nil
		}
	}
	return "", action.Invalid("version", c.service+" has had no other version that answered in "+c.dev.ID, "name the commit to run")
}

func (d Deps) changePlan(ctx context.Context, c change, verb string) (*action.Plan, error) {
	now := "nothing runs there"
	if c.before != "" {
		now = short(c.before) + " runs there now"
	}
	plan := &action.Plan{
		Summary: fmt.Sprintf("%s %s to %s (%s) in %s; %s.", verb, c.service, short(c.to), c.subject, c.dev.ID, now),
		Processes: []action.ProcessChange{{
			Verb: "replace", Service: c.service, Environment: c.dev.ID, Command: "build " + short(c.to) + ", start it beside the former version, switch when it is ready",
			Limits: processLimits, Address: runPath(c.dev.ID, c.service),
		}},
		Steps:    changePlanSteps(c),
		Locks:    []string{lock(c.service)},
		Facts:    map[string]string{"running in " + c.dev.ID: orNone(c.before), "version": c.to},
		Entities: []string{componentBlueprint + "/" + c.service},
	}
	if c.before == "" {
		plan.Processes[0].Verb = "start"
		return plan, nil
	}
	shown, err := d.difference(ctx, c)
	if fault.Is(err, fault.NotFound) {
		plan.Warnings = append(plan.Warnings, "The differences to the running version cannot be shown: its commit is not in the repository any more.")
		return plan, nil
	}
	if err != nil {
		return nil, err
	}
	plan.Repositories = []action.RepositoryChange{shown}
	return plan, nil
}

// difference shows what the change brings, or, when it goes back to an
// ancestor, what it takes away.
func (d Deps) difference(ctx context.Context, c change) (action.RepositoryChange, error) {
	shown := action.RepositoryChange{Repository: c.repository, Branch: short(c.before) + " → " + short(c.to)}
	files, err := d.Forge.Diff(ctx, c.repository, c.before, c.to)
	if err != nil {
		return shown, fmt.Errorf("compare with the running version: %w", err)
	}
	shown.Message = strconv.Itoa(len(files)) + " files differ from what runs now; nothing is written to the repository"
	if len(files) == 0 {
		if files, err = d.Forge.Diff(ctx, c.repository, c.to, c.before); err != nil {
			return shown, fmt.Errorf("compare with the running version: %w", err)
		}
		shown.Branch = short(c.to) + " → " + short(c.before)
		shown.Message = "These changes to " + strconv.Itoa(len(files)) + " files are taken away; nothing is written to the repository"
	}
	for _, f := range files {
		shown.Files = append(shown.Files, action.FileChange{Path: f.Path, Verb: f.Verb, Diff: f.Patch, Added: f.Added, Removed: f.Removed, Binary: f.Binary})
	}
	return shown, nil
}

func orNone(version string) string {
	if version == "" {
		return "nothing"
	}
	return version
}

func changePlanSteps(c change) []action.PlannedStep {
	undo := "Stop the service"
	if c.before != "" {
		undo = "Go back to " + short(c.before)
	}
	return []action.PlannedStep{
		{Name: "build", Title: "Build " + short(c.to)},
		{Name: "deploy", Title: "Start it in " + c.dev.ID, Undo: undo},
		{Name: "first-answer", Title: "Wait until it answers"},
	}
}

func (s *stepSet) changeSteps(c change) ([]action.Step, error) {
	l := stepList{titles: map[string]string{}}
	for _, p := range changePlanSteps(c) {
		l.titles[p.Name] = p.Title
	}
	add(&l, s.build, "build", buildArgs{Service: c.service, Repository: c.repository, Version: versionFrom{SHA: c.to}})
	add(&l, s.deploy, "deploy", deployArgs{Service: c.service, Environment: c.dev.ID, BuildStep: "build", Before: c.before})
	add(&l, s.ready, "first-answer", readyArgs{Service: c.service, Environment: c.dev.ID, DeployStep: "deploy"})
	return l.done()
}
