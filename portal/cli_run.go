package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	runs "sphera/internal/run"

	"github.com/spf13/cobra"
)

func (c *cli) runCommand() *cobra.Command {
	command := &cobra.Command{Use: "run", Short: "Watch and steer runs", Long: "Watch and steer runs.\n\n" + exitHelp}
	command.AddCommand(c.runListCommand(), c.runLogsCommand(), c.runUndoCommand())

	one := func(use, short string, do func(ctx context.Context, r *remote, id string) error) *cobra.Command {
		child := &cobra.Command{Use: use + " RUN", Short: short, Args: cobra.ExactArgs(1)}
		child.ValidArgsFunction = c.suggestRuns()
		child.RunE = c.action(func(ctx context.Context, args []string) error {
			r, err := c.connect()
			if err != nil {
				return err
			}
			return do(ctx, r, args[0])
		})
		command.AddCommand(child)
		return child
	}
	one("show", "Show a run, its steps and what it made", c.showRun)
	one("wait", "Follow a run until it ends", c.follow)

	var wait bool
	steer := func(verb, short string) {
		child := one(verb, short, func(ctx context.Context, r *remote, id string) error {
			return c.steer(ctx, r, id, verb, nil, wait)
		})
		child.Flags().BoolVar(&wait, "wait", false, "follow the run until it ends")
	}
	steer("cancel", "Stop a run; what is half done is finished or taken back")
	steer("retry", "Go on from the failed step")

	var comment string
	for verb, approve := range map[string]bool{"approve": true, "reject": false} {
		child := one(verb, map[bool]string{true: "Approve what a run waits for", false: "Refuse what a run waits for"}[approve],
			func(ctx context.Context, r *remote, id string) error {
				return c.steer(ctx, r, id, "approval", map[string]any{"approve": approve, "comment": comment}, wait)
			})
		child.Flags().StringVar(&comment, "comment", "", "why")
		child.Flags().BoolVar(&wait, "wait", false, "follow the run until it ends")
	}
	return command
}

// steer asks for a change of a run and says what became of it.
func (c *cli) steer(ctx context.Context, r *remote, id, verb string, body any, wait bool) error {
	var answer struct {
		Run runs.Run `json:"run"`
	}
	if err := r.post(ctx, apiPath("v1", "runs", id, verb), body, &answer); err != nil {
		return err
	}
	if wait {
		return c.follow(ctx, r, id)
	}
	if c.json() {
		writeJSON(c.out, answer.Run)
		return nil
	}
	state := string(answer.Run.State)
	if answer.Run.CancelRequested && !runEnded(answer.Run.State) {
		state += ", stopping"
	}
	fmt.Fprintf(c.out, "Run %s: %s\n", answer.Run.ID, state)
	return nil
}

func (c *cli) runListCommand() *cobra.Command {
	var state, actionID, entity string
	var mine bool
	var limit int
	command := &cobra.Command{Use: "list", Short: "List runs, newest first", Args: cobra.NoArgs}
	flags := command.Flags()
	flags.StringVar(&state, "state", "", "pending, running, waiting, succeeded, failed, cancelled or undone")
	flags.StringVar(&actionID, "action", "", "only runs of this action")
	flags.StringVar(&entity, "entity", "", "only runs about this entity, as Blueprint/identifier")
	flags.BoolVar(&mine, "mine", false, "only what you started")
	flags.IntVar(&limit, "limit", 20, "at most so many")
	command.RunE = c.action(func(ctx context.Context, _ []string) error {
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		addIf(query, "state", state)
		addIf(query, "action", actionID)
		addIf(query, "entity", entity)
		if mine {
			query.Set("actor", "me")
		}
		return c.listRuns(ctx, query)
	})
	return command
}

func (c *cli) listRuns(ctx context.Context, query url.Values) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct {
		Runs []runs.Run `json:"runs"`
		Next string     `json:"next,omitempty"`
	}
	if err := r.get(ctx, apiPath("v1", "runs"), query, &answer); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, answer.Runs)
		return nil
	}
	if len(answer.Runs) == 0 {
		fmt.Fprintln(c.out, "No runs.")
		return nil
	}
	rows := [][]string{{"RUN", "STATE", "STEPS", "WHAT", "WHO", "WHEN"}}
	for _, v := range answer.Runs {
		rows = append(rows, []string{
			v.ID, string(v.State), fmt.Sprintf("%d/%d", v.StepsDone, v.StepsTotal), v.Title, v.Actor.Name, ago(time.Now(), v.CreatedAt),
		})
	}
	c.table(rows)
	if answer.Next != "" {
		fmt.Fprintln(c.err, "There are more; narrow the list or raise --limit.")
	}
	return nil
}

func (c *cli) showRun(ctx context.Context, r *remote, id string) error {
	v, err := r.run(ctx, id)
	if err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, v)
		return nil
	}
	fmt.Fprintf(c.out, "%s\n%s, started by %s %s\n", c.paint(c.out, bold, clean(v.Title)), v.State, clean(v.Actor.Name), ago(time.Now(), v.CreatedAt))
	if v.Error != "" {
		fmt.Fprintln(c.out, c.paint(c.out, red, clean(v.Error)))
	}
	if v.Waiting != nil {
		fmt.Fprintln(c.out, "Waiting: "+clean(v.Waiting.Reason))
	}
	fmt.Fprintln(c.out)
	for _, step := range v.Steps {
		sign, colour := stateSign(step.State)
		fmt.Fprintf(c.out, "%s %s  %s\n", c.paint(c.out, colour, sign), clean(step.Title), c.paint(c.out, grey, took(step.StartedAt, step.EndedAt)))
		if step.Error != "" {
			fmt.Fprintf(c.out, "  %s\n", clean(step.Error))
		}
	}
	if len(v.Changes) > 0 {
		c.heading("Made", "")
		for _, change := range v.Changes {
			c.item("+", green, change.Kind+" "+change.Title+" "+change.Verb+mark(change.URL != "", "  "+absolute(r.server, change.URL)))
		}
	}
	fmt.Fprintf(c.out, "\n%s/runs/%s\n", r.server, v.ID)
	return nil
}

func (c *cli) runLogsCommand() *cobra.Command {
	var followLogs bool
	var step string
	command := &cobra.Command{Use: "logs RUN", Short: "Print the log of a run", Args: cobra.ExactArgs(1)}
	command.Flags().BoolVarP(&followLogs, "follow", "f", false, "go on until the run ends")
	command.Flags().StringVar(&step, "step", "", "only this step")
	command.ValidArgsFunction = c.suggestRuns()
	command.RunE = c.action(func(ctx context.Context, args []string) error {
		r, err := c.connect()
		if err != nil {
			return err
		}
		if followLogs {
			return c.followLogs(ctx, r, args[0], step)
		}
		return c.printLogs(ctx, r, args[0], step)
	})
	return command
}

func (c *cli) printLogs(ctx context.Context, r *remote, id, step string) error {
	for after := int64(0); ; {
		query := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {"500"}}
		addIf(query, "step", step)
		var answer struct {
			Lines []runs.LogLine `json:"lines"`
		}
		if err := r.get(ctx, apiPath("v1", "runs", id, "logs"), query, &answer); err != nil {
			return err
		}
		if len(answer.Lines) == 0 {
			return nil
		}
		for _, line := range answer.Lines {
			c.logLine(line)
			after = line.Seq
		}
	}
}

func (c *cli) followLogs(ctx context.Context, r *remote, id, step string) error {
	var state runs.Run
	seen := int64(0)
	err := r.stream(ctx, apiPath("v1", "runs", id, "events"), nil, func(e sseEvent) (bool, error) {
		switch e.name {
		case "log":
			var line runs.LogLine
			if err := json.Unmarshal([]byte(e.data), &line); err != nil {
				return false, fmt.Errorf("the portal's event cannot be read: %w", err)
			}
			if line.Seq > seen && (step == "" || line.Step == step) {
				c.logLine(line)
			}
			seen = max(seen, line.Seq)
		case "run":
			if err := json.Unmarshal([]byte(e.data), &state); err != nil {
				return false, fmt.Errorf("the portal's event cannot be read: %w", err)
			}
		case "end":
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	if state.State == runs.Failed || state.State == runs.Cancelled {
		return &failedRunError{"The run " + string(state.State) + mark(state.Error != "", ": "+state.Error)}
	}
	return nil
}

// logLine writes one line; with -o json one object a line.
func (c *cli) logLine(line runs.LogLine) {
	if c.json() {
		if err := json.NewEncoder(c.out).Encode(line); err != nil {
			fmt.Fprintln(c.err, err)
		}
		return
	}
	fmt.Fprintf(c.out, "%s %s %s\n", c.paint(c.out, grey, line.At.Local().Format("15:04:05")), c.paint(c.out, bold, clean(line.Step)), clean(line.Text))
}

func (c *cli) runUndoCommand() *cobra.Command {
	var options applyOptions
	command := &cobra.Command{
		Use: "undo RUN", Short: "Take back what a run made, after showing what that means", Args: cobra.ExactArgs(1),
	}
	flags := command.Flags()
	flags.BoolVar(&options.planOnly, "plan", false, "only show what would happen")
	flags.BoolVar(&options.wait, "wait", false, "follow the run until it ends")
	flags.BoolVarP(&options.yes, "yes", "y", false, "do not ask after showing the plan")
	command.ValidArgsFunction = c.suggestRuns()
	command.RunE = c.action(func(ctx context.Context, args []string) error { return c.undo(ctx, args[0], options) })
	return command
}

func (c *cli) undo(ctx context.Context, id string, o applyOptions) error {
	if !o.planOnly && !o.yes && !isTerminal(c.in) {
		return usage("nobody can be asked whether to undo: add --yes to do it, or --plan to only see it")
	}
	r, err := c.connect()
	if err != nil {
		return err
	}
	var planned struct {
		Plan runs.SavedPlan `json:"plan"`
	}
	if err := r.call(ctx, http.MethodGet, apiPath("v1", "runs", id, "undo"), nil, nil, &planned); err != nil {
		return err
	}
	if o.planOnly || !c.json() {
		if err := c.showPlan(planned.Plan, true); err != nil || o.planOnly {
			return err
		}
	}
	if agreed, err := c.agreed(ctx, o.yes, "Undo all this?"); err != nil || !agreed {
		return err
	}
	return c.steer(ctx, r, id, "undo", map[string]string{"digest": planned.Plan.Plan.Digest}, o.wait)
}
