package builtin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/flag/code"
	"sphera/internal/forge"
)

type cleanUpInput struct {
	Project string `json:"project" title:"Flag project" help:"The project that the flag is in; the service's own when left empty." optional:"true" maxLength:"100"`
	Flag    string `json:"flag" title:"Flag" help:"The flag's key." maxLength:"100" example:"checkout.new-cart"`
	Keep    string `json:"keep" title:"Variation that stays" help:"Its value takes the place of the flag; the one that everybody gets when left empty." optional:"true" maxLength:"100"`
}

// cleanUp is a flag that goes out of the code of a service.
type cleanUp struct {
	one                         flag.Flag
	repository, variation, head string
	before, after               []forge.File
	// elsewhere are the places that people have to look at.
	elsewhere []flag.Reference
}

func cleanUpFlag(d Deps, s *stepSet) (*action.Action, error) {
	return action.New(action.Definition[cleanUpInput]{
		Identifier: "clean_up_flag", Title: "Clean up a flag", Icon: "tool", Group: "Feature flags", Blueprint: componentBlueprint,
		Description: "Take a flag out of the service's code: a pull request puts the value that stays in the place of every call that asks for it, and lists the places where people have to look.",
		Roles:       []string{"developer", "infrastructure", "administrator"}, StepTypes: s.all(),
		Plan: func(ctx context.Context, req action.Request, in cleanUpInput) (*action.Plan, error) {
			c, err := d.cleanUp(ctx, req.Entity, in)
			if err != nil {
				return nil, err
			}
			return d.cleanUpPlan(ctx, req.Entity, c)
		},
		Apply: func(ctx context.Context, req action.Request, in cleanUpInput) ([]action.Step, error) {
			c, err := d.cleanUp(ctx, req.Entity, in)
			if err != nil {
				return nil, err
			}
			l := stepList{titles: map[string]string{"propose": "Open a pull request in " + c.repository}}
			add(&l, s.propose, "propose", proposeArgs{Repository: c.repository, Branch: "clean-up-flag", Title: c.title(), Body: c.body(d.PublicURL()), Files: keep(c.after)})
			return l.done()
		},
		Verify: d.cleanedUp,
	})
}

func (c cleanUp) title() string { return "Take the flag " + c.one.Key + " out of the code" }

func (c cleanUp) body(portal string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The flag `%s` ([its page](%s/flags/%s/%s)) is replaced by the value of its variation `%s`.\n\n", c.one.Key, portal, c.one.Project, c.one.Key, c.variation)
	b.WriteString("Please look for branches that can no longer be reached, for variables and imports that nobody needs now, and for tests of the other variations. ")
	b.WriteString("Archive the flag when this is deployed everywhere: versions that are older still ask for it.\n")
	if len(c.elsewhere) > 0 {
		b.WriteString("\nPlaces that name the flag and are not changed here:\n\n")
		for _, r := range c.elsewhere {
			fmt.Fprintf(&b, "- %s: `%s:%d`\n", r.Repository, r.Path, r.Line)
		}
	}
	return b.String()
}

// cleanUp looks at what is to be done. The service's repository has its name.
func (d Deps) cleanUp(ctx context.Context, service string, in cleanUpInput) (cleanUp, error) {
	project := in.Project
	if project == "" {
		project = service
	}
	var c cleanUp
	var err error
	if c.one, err = d.FlagStore.Get(ctx, project, in.Flag); fault.Is(err, fault.NotFound) {
		return c, action.Invalid("flag", "does not exist in the project "+project, "the key of a flag")
	} else if err != nil {
		return c, err
	}
	if c.one.Service != service {
		return c, action.Invalid("project", "belongs to the service "+c.one.Service, "a project of "+service)
	}
	value, err := c.choose(in.Keep, d)
	if err != nil {
		return c, err
	}
	c.repository = service
	if c.head, err = d.Forge.Head(ctx, service, "main"); fault.Is(err, fault.NotFound) {
		return c, action.Invalid("entity", "has no repository "+service+" in the portal's forge", "a service whose code the portal knows")
	} else if err != nil {
		return c, fmt.Errorf("look at the repository %s: %w", service, err)
	}
	if c.before, err = d.Forge.Archive(ctx, service, c.head); err != nil {
		return c, fmt.Errorf("read the repository %s: %w", service, err)
	}
	c.after = code.Remove(c.before, service, in.Flag, value)
	if c.elsewhere, err = d.left(ctx, c); err != nil {
		return c, err
	}
	if len(c.after) == 0 {
		return c, action.Invalid("flag", c.nothing(), "calls of OpenFeature's SDKs or of the golden path's flags")
	}
	return c, nil
}

func (c cleanUp) nothing() string {
	if len(c.elsewhere) == 0 {
		return "is not named by the code on main"
	}
	first := c.elsewhere[0]
	return fmt.Sprintf("is not asked for in a way that a program can take out; see %s: %s:%d", first.Repository, first.Path, first.Line)
}

// choose finds the value that stays.
func (c *cleanUp) choose(keep string, d Deps) ([]byte, error) {
	c.variation = keep
	if keep == "" {
		c.variation, _ = flag.Everywhere(c.one, d.Now())
	}
	names := make([]string, 0, len(c.one.Variations))
	for _, v := range c.one.Variations {
		if v.Name == c.variation {
			return v.Value, nil
		}
		names = append(names, v.Name)
	}
	if keep == "" {
		return nil, action.Invalid("keep", "is missing, because the environments do not all give one variation", "one of "+strings.Join(names, ", "))
	}
	return nil, action.Invalid("keep", "is not a variation of the flag", "one of "+strings.Join(names, ", "))
}

// left are the places that still name the flag after the change.
func (d Deps) left(ctx context.Context, c cleanUp) ([]flag.Reference, error) {
	changed := map[string]forge.File{}
	for _, f := range c.after {
		changed[f.Path] = f
	}
	files := make([]forge.File, 0, len(c.before))
	for _, f := range c.before {
		if n, ok := changed[f.Path]; ok {
			f = n
		}
		files = append(files, f)
	}
	out := code.Keys{c.one.Key: true}.Find(c.repository, files)[c.one.Key]
	known, err := d.FlagStore.References(ctx, c.one.Project, c.one.Key)
	for _, r := range known {
		if r.Repository != c.repository {
			out = append(out, r)
		}
	}
	return out, err
}

func (d Deps) cleanUpPlan(ctx context.Context, service string, c cleanUp) (*action.Plan, error) {
	pr, approval, err := d.mergeRule(ctx, c.repository, c.title(), c.after)
	if err != nil {
		return nil, err
	}
	pr.Branch, pr.Merge = "sphera/RUN-clean-up-flag", "by people"
	plan := &action.Plan{
		Summary:      fmt.Sprintf("Open a pull request that takes the flag %s out of the code of %s; %s stays.", c.one.Key, service, c.variation),
		PullRequests: []action.PullRequest{pr}, Approvals: []action.Approval{approval},
		Repositories: []action.RepositoryChange{{Repository: c.repository, Branch: pr.Branch, Message: c.title(), Files: changes(c.before, c.after)}},
		Locks:        []string{lock(service)}, Entities: []string{componentBlueprint + "/" + service},
		Facts: map[string]string{"repository " + c.repository + " main": c.head},
		Steps: []action.PlannedStep{{Name: "propose", Title: "Open a pull request in " + c.repository, Undo: "Close the pull request, or revert it when it was merged"}},
	}
	for _, r := range c.elsewhere {
		if len(plan.Warnings) < 20 {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s: %s:%d names the flag and is not changed", r.Repository, r.Path, r.Line))
		}
	}
	return plan, nil
}

// cleanedUp checks that no call asks for the flag any more.
func (d Deps) cleanedUp(ctx context.Context, req action.Request, in cleanUpInput) ([]action.Check, error) {
	files, err := d.Forge.Archive(ctx, req.Entity, "main")
	if err != nil {
		return nil, fmt.Errorf("read the repository %s: %w", req.Entity, err)
	}
	files = slices.DeleteFunc(files, func(f forge.File) bool { return !code.IsSource(f.Path) })
	places := code.Keys{in.Flag: true}.Find(req.Entity, files)[in.Flag]
	check := action.Check{
		Identifier: "code", Title: "No code of " + req.Entity + " names the flag", OK: len(places) == 0, Found: "no place on main",
		Expected: "none, after the pull request is merged", URL: "/forge/" + req.Entity,
	}
	if n := len(places); n > 0 {
		check.Found = fmt.Sprintf("%s:%d on main", places[0].Path, places[0].Line)
		if n > 1 {
			check.Found += fmt.Sprintf(" and %d more", n-1)
		}
	}
	return []action.Check{check}, nil
}

// changes shows changed files as unified diffs: a hunk for each changed line
// when no line was added or removed, otherwise one for all that changed.
func changes(before, after []forge.File) []action.FileChange {
	old := map[string]string{}
	for _, f := range before {
		old[f.Path] = string(f.Content)
	}
	out := make([]action.FileChange, 0, len(after))
	for _, f := range after {
		c := action.FileChange{Path: f.Path, Verb: "change"}
		a, b := strings.Split(old[f.Path], "\n"), strings.Split(string(f.Content), "\n")
		var text strings.Builder
		for _, h := range hunks(a, b) {
			fmt.Fprintf(&text, "@@ -%d,%d +%d,%d @@\n", h.at+1, len(h.old), h.at+1, len(h.fresh))
			for _, line := range h.old {
				text.WriteString("-" + line + "\n")
			}
			for _, line := range h.fresh {
				text.WriteString("+" + line + "\n")
			}
			c.Removed += len(h.old)
			c.Added += len(h.fresh)
		}
		c.Diff = text.String()
		out = append(out, c)
	}
	return out
}

type hunk struct {
	at         int
	old, fresh []string
}

func hunks(a, b []string) []hunk {
	if len(a) == len(b) {
		var out []hunk
		for i := range a {
			if a[i] != b[i] {
				out = append(out, hunk{i, a[i : i+1], b[i : i+1]})
			}
		}
		return out
	}
	from, end := 0, 0
	for from < len(a) && from < len(b) && a[from] == b[from] {
		from++
	}
	for end < len(a)-from && end < len(b)-from && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return []hunk{{from, a[from : len(a)-end], b[from : len(b)-end]}}
}
