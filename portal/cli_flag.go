package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"sphera/internal/flag"

	"github.com/spf13/cobra"
)

// flagOptions are what the commands about flags take.
type flagOptions struct {
	environment, reason, by, variation, title, kind, kindOf, owner, description, context, at, from, to, state, text, project string
	percent                                                                                                                  float64
	version                                                                                                                  int64
	propose, dryRun, stale, on, off                                                                                          bool
	variations, conditions, tags                                                                                             []string
	client                                                                                                                   bool
}

func (c *cli) flagCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "flag", Short: "See and change feature flags",
		Long: `See and change feature flags. A flag is named PROJECT/KEY; a project is usually
a service. What changes an environment names it with --env. A change in
production that goes further than its limit is refused; with --propose it waits
for a second person.`,
	}
	command.AddCommand(c.flagReads()...)
	command.AddCommand(c.flagChanges()...)
	command.AddCommand(c.flagRules()...)
	command.AddCommand(c.flagFiles()...)
	return command
}

// flagUse makes one command with the flags that it takes.
func (c *cli) flagUse(o *flagOptions, use, short string, args cobra.PositionalArgs, takes string, do func(ctx context.Context, args []string) error) *cobra.Command {
	command := &cobra.Command{Use: use, Short: short, Args: args}
	command.RunE = c.action(do)
	f := command.Flags()
	for name := range strings.FieldsSeq(takes) {
		switch name {
		case "env":
			f.StringVar(&o.environment, "env", "", "the environment")
		case "reason":
			f.StringVar(&o.reason, "reason", "", "why, for the history")
		case "propose":
			f.BoolVar(&o.propose, "propose", false, "let a second person decide where one is needed")
		case "dry-run":
			f.BoolVar(&o.dryRun, "dry-run", false, "only say what would happen")
		}
	}
	return command
}

func named(arg string) (project, key string, err error) {
	project, key, ok := strings.Cut(arg, "/")
	if !ok || project == "" || key == "" {
		return "", "", usage("name a flag as PROJECT/KEY")
	}
	return project, key, nil
}

func flagPath(project, key string, more ...string) string {
	return apiPath(append([]string{"v1", "flag-projects", project, "flags", key}, more...)...)
}

func (c *cli) getFlag(ctx context.Context, r *remote, arg string) (flag.Flag, error) {
	project, key, err := named(arg)
	if err != nil {
		return flag.Flag{}, err
	}
	var out struct {
		Flag flag.Flag `json:"flag"`
	}
	err = r.call(ctx, http.MethodGet, flagPath(project, key), nil, nil, &out)
	return out.Flag, err
}

// environmentOf is what a flag does in the environment of --env.
func environmentOf(one flag.Flag, id string) (flag.Environment, error) {
	var names []string
	for _, e := range one.Environments {
		if e.Environment == id {
			return e, nil
		}
		names = append(names, e.Environment)
	}
	return flag.Environment{}, usage("name an environment with --env: %s", strings.Join(names, ", "))
}

func (c *cli) flagReads() []*cobra.Command {
	o := &flagOptions{}
	list := c.flagUse(o, "list", "List the flags of all projects, or of one", cobra.NoArgs, "env", func(ctx context.Context, _ []string) error { return c.listFlags(ctx, o) })
	f := list.Flags()
	f.StringVar(&o.project, "project", "", "only this project")
	f.StringVar(&o.owner, "owner", "", "only flags of this team")
	f.StringVar(&o.state, "state", "", "on, off, partial or archived")
	f.StringVar(&o.text, "search", "", "only flags that contain this text")
	f.BoolVar(&o.stale, "stale", false, "only flags that look left behind")

	get := c.flagUse(o, "get PROJECT/KEY", "Show one flag in every environment", cobra.ExactArgs(1), "", func(ctx context.Context, args []string) error {
		r, err := c.connect()
		if err != nil {
			return err
		}
		one, err := c.getFlag(ctx, r, args[0])
		if err != nil {
			return err
		}
		c.showFlag(one)
		return nil
	})
	history := c.flagUse(o, "history PROJECT/KEY", "Show who changed what and why", cobra.ExactArgs(1), "env", func(ctx context.Context, args []string) error { return c.flagHistory(ctx, o, args[0]) })
	stale := c.flagUse(o, "stale [PROJECT]", "List flags that look left behind, with the evidence", cobra.MaximumNArgs(1), "", c.staleFlags)
	evaluate := c.flagUse(o, "evaluate PROJECT/KEY", "Tell what a context gets, and why", cobra.ExactArgs(1), "env", func(ctx context.Context, args []string) error { return c.evaluateFlag(ctx, o, args[0]) })
	evaluate.Example = `  sphera flag evaluate checkout/new-cart --env production --context '{"accountId":"42"}'`
	evaluate.Flags().StringVar(&o.context, "context", "{}", "a JSON object")
	evaluate.Flags().StringVar(&o.at, "at", "", "judge schedules by this time (RFC 3339)")
	return []*cobra.Command{list, get, history, stale, evaluate}
}

func (c *cli) listFlags(ctx context.Context, o *flagOptions) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range map[string]string{"project": o.project, "owner": o.owner, "state": o.state, "q": o.text, "environment": o.environment} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.stale {
		query.Set("stale", "true")
	}
	all := []flag.Flag{}
	for {
		var page struct {
			Flags []flag.Flag `json:"flags"`
			Next  string      `json:"next"`
		}
		if err := r.call(ctx, http.MethodGet, "/v1/flags", query, nil, &page); err != nil {
			return err
		}
		all = append(all, page.Flags...)
		if page.Next == "" || len(all) >= 2000 {
			break
		}
		query.Set("from", page.Next)
	}
	if c.json() {
		writeJSON(c.out, all)
		return nil
	}
	rows := [][]string{{"FLAG", "KIND", "OWNER", "STATE"}}
	for _, one := range all {
		var states []string
		for _, e := range one.Environments {
			if o.environment == "" || e.Environment == o.environment {
				states = append(states, e.Environment+": "+e.Summary)
			}
		}
		if one.ArchivedAt != nil {
			states = []string{"archived"}
		}
		rows = append(rows, []string{one.Project + "/" + one.Key, one.Kind, one.Owner, strings.Join(states, " | ")})
	}
	c.table(rows)
	return nil
}

func (c *cli) showFlag(one flag.Flag) {
	if c.json() {
		writeJSON(c.out, one)
		return
	}
	fmt.Fprintf(c.out, "%s/%s  %s, %s\n", clean(one.Project), clean(one.Key), one.Kind, one.Type)
	for _, text := range []string{one.Title, one.Description} {
		if text != "" {
			fmt.Fprintln(c.out, clean(text))
		}
	}
	rows := [][]string{{"ENVIRONMENT", "VERSION", "WHAT IT DOES"}}
	for _, e := range one.Environments {
		what := e.Summary
		if e.Proposal != "" {
			what += "; a change waits for a second person: " + e.Proposal
		}
		if e.NextChange != nil {
			what += "; changes " + e.NextChange.Format(time.RFC3339)
		}
		rows = append(rows, []string{e.Environment, strconv.FormatInt(e.Version, 10), what})
	}
	c.table(rows)
}

func (c *cli) flagHistory(ctx context.Context, o *flagOptions, arg string) error {
	project, key, err := named(arg)
	if err != nil {
		return err
	}
	r, err := c.connect()
	if err != nil {
		return err
	}
	var out struct {
		Changes []flag.Change `json:"changes"`
	}
	if err := r.call(ctx, http.MethodGet, flagPath(project, key, "history"), url.Values{"environment": {o.environment}}, nil, &out); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, out.Changes)
		return nil
	}
	rows := [][]string{{"VERSION", "WHEN", "WHO", "WHERE", "WHAT", "WHY"}}
	for _, h := range out.Changes {
		who := h.AuthorName
		if h.ApprovedByName != "" {
			who += ", approved by " + h.ApprovedByName
		}
		rows = append(rows, []string{strconv.FormatInt(h.Version, 10), h.At.Format(time.RFC3339), who, h.Environment, strings.Join(h.Diff, "; "), h.Reason})
	}
	c.table(rows)
	return nil
}

func (c *cli) staleFlags(ctx context.Context, args []string) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	query := url.Values{}
	if len(args) > 0 {
		query.Set("project", args[0])
	}
	var out struct {
		Flags []flag.Evidence `json:"flags"`
	}
	if err := r.call(ctx, http.MethodGet, "/v1/flags/stale", query, nil, &out); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, out.Flags)
		return nil
	}
	for _, e := range out.Flags {
		fmt.Fprintf(c.out, "%s/%s\n", clean(e.Project), clean(e.Flag))
		for _, text := range append(e.Reasons, e.Cautions...) {
			fmt.Fprintf(c.out, "  %s\n", clean(text))
		}
		for _, ref := range e.References {
			fmt.Fprintf(c.out, "  %s: %s:%d\n", clean(ref.Repository), clean(ref.Path), ref.Line)
		}
	}
	return nil
}

func (c *cli) evaluateFlag(ctx context.Context, o *flagOptions, arg string) error {
	project, key, err := named(arg)
	if err != nil {
		return err
	}
	in := flag.Evaluation{Flag: key, Environment: o.environment}
	if err := json.Unmarshal([]byte(o.context), &in.Context); err != nil {
		return usage("--context is no JSON object")
	}
	if o.at != "" {
		at, err := time.Parse(time.RFC3339, o.at)
		if err != nil {
			return usage("--at is not a time like 2026-01-31T08:00:00Z")
		}
		in.At = &at
	}
	r, err := c.connect()
	if err != nil {
		return err
	}
	var out struct {
		Outcomes []flag.Outcome `json:"outcomes"`
	}
	if err := r.call(ctx, http.MethodPost, apiPath("v1", "flag-projects", project, "evaluate"), nil, in, &out); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, out.Outcomes)
		return nil
	}
	for _, one := range out.Outcomes {
		fmt.Fprintf(c.out, "%s  %s  %s\n", clean(one.Variation), clean(string(one.Value)), one.Reason)
		for _, step := range one.Path {
			line := strings.Repeat("  ", step.Depth+1) + clean(step.Text)
			if step.Outcome != "" {
				line += ": " + clean(step.Outcome)
			}
			fmt.Fprintln(c.out, line)
		}
	}
	return nil
}

func (c *cli) flagFiles() []*cobra.Command {
	o := &flagOptions{}
	load := c.flagUse(o, "import PROJECT FILE", "Make flags of a flagd definition", cobra.ExactArgs(2), "env reason dry-run", func(ctx context.Context, args []string) error {
		raw, err := os.ReadFile(args[1])
		if err != nil {
			return usage("%v", err)
		}
		r, err := c.connect()
		if err != nil {
			return err
		}
		var out struct {
			Report flag.ImportReport `json:"report"`
		}
		in := map[string]any{"environment": o.environment, "definition": string(raw), "dryRun": o.dryRun, "reason": o.reason}
		if err := r.call(ctx, http.MethodPost, apiPath("v1", "flag-projects", args[0], "import"), nil, in, &out); err != nil {
			return err
		}
		if c.json() {
			writeJSON(c.out, out.Report)
			return nil
		}
		for _, part := range []struct {
			title string
			list  []string
		}{{"created", out.Report.Created}, {"updated", out.Report.Updated}, {"the same", out.Report.Same}, {"kept as imported rules", out.Report.Raw}, {"problems", out.Report.Problems}} {
			if len(part.list) > 0 {
				fmt.Fprintf(c.out, "%s: %s\n", part.title, clean(strings.Join(part.list, ", ")))
			}
		}
		return nil
	})
	save := c.flagUse(o, "export PROJECT", "Write a project's flags as a flagd definition", cobra.ExactArgs(1), "env", func(ctx context.Context, args []string) error {
		r, err := c.connect()
		if err != nil {
			return err
		}
		var out json.RawMessage
		if err := r.call(ctx, http.MethodGet, apiPath("v1", "flag-projects", args[0], "export"), url.Values{"environment": {o.environment}}, nil, &out); err != nil {
			return err
		}
		writeJSON(c.out, out)
		return nil
	})
	return []*cobra.Command{load, save}
}
