package builtin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/golden"
)

type createInput struct {
	Name        string `json:"name" title:"Name" help:"Names the repository, the address and the catalog entry; it cannot be changed later." pattern:"^[a-z][a-z0-9]*(-[a-z0-9]+)*$" patternHelp:"lower case letters, digits and single dashes, starting with a letter" minLength:"2" maxLength:"40" example:"checkout-api"`
	Team        string `json:"team" title:"Owner team" help:"Reviews its changes and is told when something is wrong." team:"true"`
	System      string `json:"system" title:"System" help:"The part of the product it belongs to." entity:"System"`
	Template    string `json:"template" title:"Template" help:"Language and framework to start from." enum:"go-http,node-http" enumTitles:"Go HTTP service,Node.js HTTP service"`
	Description string `json:"description" title:"Description" help:"One sentence: what does it do, for whom?" minLength:"3" maxLength:"500" example:"Takes card payments and refunds"`

	Title       string `json:"title" title:"Title" help:"As people call it; the name when left empty." optional:"true" advanced:"true" maxLength:"100"`
	Environment string `json:"environment" title:"Start in" help:"The dev environment it is started in; the first one when left empty." optional:"true" advanced:"true" entity:"Environment"`
}

// creation is everything that a plan and the steps of create_service share.
type creation struct {
	service   golden.Service
	dev       golden.Environment
	files     []forge.File
	ci        []forge.File
	manifests []forge.File
	objects   []action.ObjectChange
	records   []record
	warnings  []string
}

func createService(d Deps, s *stepSet) (*action.Action, error) {
	return action.New(action.Definition[createInput]{
		Identifier: "create_service", Title: "Create a microservice", Icon: "rocket", Group: "Services",
		Description: "From nothing to a service that answers in dev: repository, CI entry, manifests for every environment, catalog entries, secret slots and flag project.",
		Roles:       []string{"developer", "infrastructure", "administrator"},
		StepTypes:   s.all(),
		Plan: func(ctx context.Context, req action.Request, in createInput) (*action.Plan, error) {
			c, err := d.creation(ctx, in)
			if err != nil {
				return nil, err
			}
			if err := d.checkFree(ctx, c.service); err != nil {
				return nil, err
			}
			return d.creationPlan(ctx, c)
		},
		Apply: func(ctx context.Context, req action.Request, in createInput) ([]action.Step, error) {
			c, err := d.creation(ctx, in)
			if err != nil {
				return nil, err
			}
			return s.creationSteps(d, c)
		},
		Verify: func(ctx context.Context, req action.Request, in createInput) ([]action.Check, error) {
			return d.Contracts.Check(ctx, in.Name)
		},
	})
}

func (d Deps) creation(ctx context.Context, in createInput) (*creation, error) {
	all, err := d.Environments(ctx)
	if err != nil {
		return nil, err
	}
	dev, err := devEnvironment(all, in.Environment)
	if err != nil {
		return nil, err
	}
	teams, err := d.Teams(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the teams: %w", err)
	}
	if !slices.Contains(teams, in.Team) {
		return nil, action.Invalid("team", in.Team+" is not a team", "one of "+strings.Join(teams, ", "))
	}
	if _, err := d.Catalog.Entity(ctx, systemBlueprint, in.System); fault.Is(err, fault.NotFound) {
		return nil, action.Invalid("system", in.System+" is not in the catalog", "an entity of blueprint System")
	} else if err != nil {
		return nil, fmt.Errorf("look for the system: %w", err)
	}
	c := &creation{dev: dev, service: golden.Service{
		Name: in.Name, Title: in.Title, Team: in.Team, System: in.System, Template: in.Template,
		Description: in.Description, Environments: all,
	}}
	if c.service.Title == "" {
		c.service.Title = in.Name
	}
	if c.files, err = golden.Render(c.service); err != nil {
		return nil, asInput(err)
	}
	c.ci = golden.CIConfig(c.service)
	c.manifests, c.objects = golden.Manifests(c.service)
	if c.records, c.warnings, err = d.serviceRecords(ctx, c.service, dev); err != nil {
		return nil, err
	}
	return c, nil
}

// asInput shows what a package below found wrong as errors of the form.
func asInput(err error) error {
	f, ok := fault.As(err)
	if !ok || len(f.Details) == 0 {
		return err
	}
	out := &action.InputError{}
	for _, detail := range f.Details {
		out.Problems = append(out.Problems, action.Problem{Field: detail.Field, Problem: detail.Problem, Expected: detail.Expected})
	}
	return out
}

// checkFree refuses a name that something already has, and says what.
func (d Deps) checkFree(ctx context.Context, s golden.Service) error {
	taken := func(by string) error {
		return action.Invalid("name", fmt.Sprintf("is taken by %s", by), "a name that nothing has yet")
	}
	for _, e := range [][2]string{{componentBlueprint, s.Name}, {apiBlueprint, golden.APIEntity(s.Name)}, {repositoryBlueprint, s.Name}} {
		_, err := d.Catalog.Entity(ctx, e[0], e[1])
		if err == nil {
			return taken("the " + e[0] + " " + e[1] + " in the catalog")
		}
		if !fault.Is(err, fault.NotFound) {
			return fmt.Errorf("look whether the name is free: %w", err)
		}
	}
	_, err := d.Forge.Repository(ctx, s.Name)
	if err == nil {
		return taken("a repository")
	}
	if !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("look whether the repository's name is free: %w", err)
	}
	_, err = d.Forge.File(ctx, d.CIRepository, "main", golden.CIConfigPath(s.Name))
	if err == nil {
		return taken("an entry in " + d.CIRepository)
	}
	if !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("look whether %s has the name: %w", d.CIRepository, err)
	}
	entries, err := d.Forge.Tree(ctx, d.GitOpsRepository, "main", golden.ManifestFolder(s.Name))
	if err == nil && len(entries) > 0 {
		return taken("manifests in " + d.GitOpsRepository)
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("look whether %s has the name: %w", d.GitOpsRepository, err)
	}
	if instances, err := d.Runtime.Instances(ctx, s.Name); err != nil {
		return fmt.Errorf("look whether the address is free: %w", err)
	} else if slices.ContainsFunc(instances, func(i runtimeInstance) bool { return i.State != "stopped" }) {
		return taken("a running service")
	}
	return nil
}

// serviceRecords lists the entities of a service, and warns of what the
// organisation's blueprints have no place for.
func (d Deps) serviceRecords(ctx context.Context, s golden.Service, dev golden.Environment) ([]record, []string, error) {
	all := make([]string, 0, len(s.Environments))
	for _, e := range s.Environments {
		all = append(all, e.ID)
	}
	template, err := golden.TemplateByID(s.Template)
	if err != nil {
		return nil, nil, asInput(err)
	}
	api := golden.APIEntity(s.Name)
	records := []record{
		{
			Blueprint: componentBlueprint, Identifier: s.Name, Title: s.Title, Icon: "Cloud", Team: []string{s.Team},
			Properties: map[string]any{"type": "service", "description": s.Description, "language": template.Language, "template": template.ID, "lifecycle": "experimental", "url": d.PublicURL() + runPath(dev.ID, s.Name)},
			Relations:  map[string]any{"system": s.System, "environments": all},
		},
		{
			Blueprint: apiBlueprint, Identifier: api, Title: s.Title + " API", Icon: "Link", Team: []string{s.Team},
			Properties: map[string]any{"type": "Open API"}, Relations: map[string]any{"provider": s.Name},
		},
		{
			Blueprint: repositoryBlueprint, Identifier: s.Name, Title: s.Name, Team: []string{s.Team},
			Properties: map[string]any{"url": d.PublicURL() + "/forge/" + s.Name, "description": s.Description, "defaultBranch": "main"},
		},
		{
			Blueprint: componentBlueprint, Identifier: s.Name, Title: s.Title,
			Relations: map[string]any{"providesApi": api, "repository": s.Name},
		},
	}
	records, warnings, err := d.fitToBlueprints(ctx, records)
	if err != nil {
		return nil, nil, err
	}
	return records, warnings, d.checkRecord(ctx, records[0])
}

// checkRecord finds out while planning whether the catalog would take an
// entity. Only the first is checked, since the others point to it.
func (d Deps) checkRecord(ctx context.Context, r record) error {
	team, err := json.Marshal(r.Team)
	if err != nil {
		return fmt.Errorf("encode the team: %w", err)
	}
	entity := catalog.NewEntity{Identifier: r.Identifier, Title: r.Title, Team: team, Properties: r.Properties, Relations: r.Relations}
	if _, _, err = d.Catalog.PutEntity(ctx, r.Blueprint, entity, catalog.Write{Upsert: true, Merge: true, ValidationOnly: true}); err != nil {
		return asInput(fmt.Errorf("check the entity %s: %w", r.Identifier, err))
	}
	return nil
}

// fitToBlueprints drops properties and relations that a blueprint does not
// have, and whole records of blueprints that do not exist, and says so.
func (d Deps) fitToBlueprints(ctx context.Context, records []record) ([]record, []string, error) {
	var fitting []record
	warnings := map[string]bool{}
	for _, r := range records {
		bp, err := d.Catalog.Blueprint(ctx, r.Blueprint)
		if fault.Is(err, fault.NotFound) {
			if r.Blueprint == componentBlueprint {
				return nil, nil, action.Invalid("", "the catalog has no blueprint "+componentBlueprint, "import a model with components first")
			}
			warnings["The catalog has no blueprint "+r.Blueprint+"; its entity is left out."] = true
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read blueprint %s: %w", r.Blueprint, err)
		}
		for name := range r.Properties {
			if _, ok := bp.Schema.Properties[name]; !ok {
				delete(r.Properties, name)
				warnings["The blueprint "+r.Blueprint+" has no property "+name+"; it is left out."] = true
			}
		}
		for name := range r.Relations {
			if _, ok := bp.Relations[name]; !ok {
				delete(r.Relations, name)
				warnings["The blueprint "+r.Blueprint+" has no relation "+name+"; it is left out."] = true
			}
		}
		fitting = append(fitting, r)
	}
	sorted := make([]string, 0, len(warnings))
	for w := range warnings {
		sorted = append(sorted, w)
	}
	slices.Sort(sorted)
	return fitting, sorted, nil
}

func digestOf(files []forge.File) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%q %d\n", f.Path, len(f.Content))
		h.Write(f.Content)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// mergeRule says how a pull request of the run that adds paths to a repository
// will be merged, as its review rules stand now.
func (d Deps) mergeRule(ctx context.Context, repo, title string, files []forge.File) (action.PullRequest, action.Approval, error) {
	r, err := d.Forge.Repository(ctx, repo)
	if fault.Is(err, fault.NotFound) {
		return action.PullRequest{}, action.Approval{}, action.Invalid("", "the forge has no repository "+repo, "create it first; every service has its entry there")
	}
	if err != nil {
		return action.PullRequest{}, action.Approval{}, fmt.Errorf("read the rules of %s: %w", repo, err)
	}
	pr := action.PullRequest{Repository: repo, Title: title, Merge: "by rule"}
	approval := action.Approval{Title: "Merge into " + repo, Auto: true}
	var names []string
	for _, f := range files {
		rule, ok := forge.DecidingRule(r.Rules, f.Path)
		if !ok || slices.Contains(names, rule.Name) {
			continue
		}
		names = append(names, rule.Name)
		if !rule.Auto {
			pr.Merge, approval.Auto = "after review", false
			pr.Reviewers = append(pr.Reviewers, rule.Reviewers...)
		}
	}
	pr.Rule = strings.Join(names, "; ")
	if pr.Rule == "" {
		pr.Rule = "no rule asks for a review"
	}
	approval.Rule, approval.Who = pr.Rule, pr.Reviewers
	return pr, approval, nil
}

func catalogChanges(records []record) []action.CatalogChange {
	byName := map[string]int{}
	var out []action.CatalogChange
	for _, r := range records {
		name := r.Blueprint + "/" + r.Identifier
		i, seen := byName[name]
		if !seen {
			byName[name] = len(out)
			out = append(out, action.CatalogChange{Verb: "create", Blueprint: r.Blueprint, Identifier: r.Identifier, Title: r.Title, Properties: map[string]any{}, Relations: map[string]any{}})
			i = len(out) - 1
		}
		maps.Copy(out[i].Properties, r.Properties)
		maps.Copy(out[i].Relations, r.Relations)
	}
	return out
}
