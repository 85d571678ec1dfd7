package portal

import (
	"fmt"
	"strings"

	"sphera/action"
	runs "sphera/internal/run"
)

// showPlan writes a plan for people, or as it is with -o json. The plan of an
// undo has steps that say what they take back.
func (c *cli) showPlan(saved runs.SavedPlan, undoing bool) error {
	if c.json() {
		writeJSON(c.out, saved)
		return nil
	}
	plan := saved.Plan
	if plan == nil {
		return fmt.Errorf("the portal answered with an empty plan")
	}
	fmt.Fprintln(c.out, c.paint(c.out, bold, clean(plan.Summary)))
	for _, repository := range plan.Repositories {
		c.heading("Repository "+repository.Repository, mark(repository.Created, " (new)"))
		for _, file := range repository.Files {
			sign, colour := sign(file.Verb)
			c.item(sign, colour, fmt.Sprintf("%s (+%d -%d)", file.Path, file.Added, file.Removed))
		}
	}
	c.section("Pull requests", len(plan.PullRequests), func(i int) (string, string) {
		p := plan.PullRequests[i]
		return "+", fmt.Sprintf("%s: %s, merged %s%s", p.Repository, p.Title, p.Merge, mark(p.Rule != "", " ("+p.Rule+")"))
	})
	c.section("Catalog", len(plan.Catalog), func(i int) (string, string) {
		e := plan.Catalog[i]
		return e.Verb, e.Blueprint + "/" + e.Identifier + mark(e.Title != "" && e.Title != e.Identifier, " "+e.Title)
	})
	c.section("Processes", len(plan.Processes), func(i int) (string, string) {
		p := plan.Processes[i]
		return p.Verb, p.Service + " in " + p.Environment + mark(p.Address != "", " at "+p.Address)
	})
	objects := grouped(plan.Objects)
	c.section("Cluster objects", len(objects), func(i int) (string, string) {
		o := objects[i]
		return o.Verb, o.Environment + mark(o.Held, " (held)") + ": " + o.Name
	})
	c.section("Calls", len(plan.Calls), func(i int) (string, string) {
		return "+", plan.Calls[i].System + ": " + plan.Calls[i].Description
	})
	c.section("Approvals", len(plan.Approvals), func(i int) (string, string) {
		a := plan.Approvals[i]
		if a.Auto {
			return "+", a.Title + ": by rule, " + a.Rule
		}
		return "!", a.Title + ": by " + strings.Join(a.Who, " or ")
	})
	var taken []string
	for _, step := range plan.Steps {
		if step.Undo != "" && undoing {
			taken = append(taken, step.Title+": "+step.Undo)
		}
	}
	c.section("Taken back, in this order", len(taken), func(i int) (string, string) { return "remove", taken[i] })
	for _, warning := range plan.Warnings {
		c.item("!", yellow, warning)
	}
	return nil
}

// grouped puts what happens to the objects of one environment into one line.
func grouped(objects []action.ObjectChange) []action.ObjectChange {
	var out []action.ObjectChange
	for _, o := range objects {
		name := o.Kind + "/" + o.Name
		if n := len(out) - 1; n >= 0 && out[n].Environment == o.Environment && out[n].Verb == o.Verb && out[n].Held == o.Held {
			out[n].Name += ", " + name
			continue
		}
		o.Name = name
		out = append(out, o)
	}
	return out
}

func (c *cli) heading(text, after string) {
	fmt.Fprintf(c.out, "\n%s%s\n", c.paint(c.out, bold, clean(text)), after)
}

func (c *cli) item(sign, colour, text string) {
	fmt.Fprintf(c.out, "  %s %s\n", c.paint(c.out, colour, sign), clean(text))
}

func (c *cli) section(title string, n int, describe func(i int) (verb, text string)) {
	if n == 0 {
		return
	}
	c.heading(title, "")
	for i := range n {
		verb, text := describe(i)
		s, colour := sign(verb)
		c.item(s, colour, text)
	}
}

// sign is the mark of a verb: + for what is made, - for what goes, ~ for what
// changes, ! for what needs somebody.
func sign(verb string) (string, string) {
	switch verb {
	case "remove", "delete", "stop", "archive", "close":
		return "-", red
	case "change", "update":
		return "~", yellow
	case "!":
		return "!", yellow
	default:
		return "+", green
	}
}

func mark(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}

func (c *cli) showDifferences(differences []action.Difference) {
	fmt.Fprintln(c.err, c.paint(c.err, yellow, "The world has changed since the plan was made:"))
	for _, d := range differences {
		fmt.Fprintf(c.err, "  %s %s\n    before: %s\n    now:    %s\n", clean(d.Section), clean(d.Name), oneLine(d.Before), oneLine(d.After))
	}
}

func oneLine(s string) string {
	s = orDash(clean(strings.ReplaceAll(s, "\n", " ")))
	if r := []rune(s); len(r) > 100 {
		return string(r[:100]) + "..."
	}
	return s
}
