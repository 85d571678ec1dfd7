package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sphera/internal/approval"
	runs "sphera/internal/run"

	"github.com/spf13/cobra"
)

// approvalsCommand is the inbox on the command line.
func (c *cli) approvalsCommand() *cobra.Command {
	var view string
	var limit int
	list := func(ctx context.Context, _ []string) error { return c.listApprovals(ctx, view, limit) }
	command := &cobra.Command{
		Use: "approvals", Short: "See and decide what waits for an approval", Args: cobra.NoArgs,
		Long: "See and decide what waits for an approval. Without a subcommand it lists what waits for you.\n\n" + exitHelp,
	}
	listing := &cobra.Command{Use: "list", Short: "List requests: what waits for you, is yours, or was decided", Args: cobra.NoArgs}
	for _, one := range []*cobra.Command{command, listing} {
		one.Flags().StringVar(&view, "view", approval.ForMe, "waiting, mine or decided")
		one.Flags().IntVar(&limit, "limit", 50, "at most so many")
		one.RunE = c.action(list)
	}
	show := &cobra.Command{Use: "show ID", Short: "Show a request with its plan; ID is its own or that of its run", Args: cobra.ExactArgs(1)}
	show.RunE = c.action(func(ctx context.Context, args []string) error { return c.showApproval(ctx, args[0]) })
	command.AddCommand(listing, show, c.decideCommand("approve", "Approve a request", true), c.decideCommand("decline", "Decline a request; its run ends", false))
	return command
}

func (c *cli) decideCommand(verb, short string, approve bool) *cobra.Command {
	var comment string
	var wait bool
	command := &cobra.Command{Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1)}
	if !approve {
		command.Aliases = []string{"reject"}
	}
	command.Flags().StringVar(&comment, "comment", "", "why")
	command.Flags().BoolVar(&wait, "wait", false, "follow the run until it ends")
	command.RunE = c.action(func(ctx context.Context, args []string) error {
		r, one, err := c.approval(ctx, args[0])
		if err != nil {
			return err
		}
		if one.Kind == approval.KindRun {
			return c.steer(ctx, r, one.RunID, "approval", map[string]any{"approve": approve, "comment": comment, "digest": one.Digest}, wait)
		}
		return c.decideMatter(ctx, r, one, approve, comment)
	})
	return command
}

// decideMatter decides on what is not a run.
func (c *cli) decideMatter(ctx context.Context, r *remote, one approval.Detail, approve bool, comment string) error {
	path, body := apiPath("v1", "flag-projects", one.Project, "proposals", one.ID, "decision"), map[string]any{"approve": approve, "comment": comment}
	if one.Kind == approval.KindPolicy {
		path, body = apiPath("v1", "access", "policies", "changes", one.ID, "confirm"), map[string]any{"comment": comment}
		if !approve {
			path = apiPath("v1", "access", "policies", "changes", one.ID, "reject")
		}
	}
	if err := r.post(ctx, path, body, nil); err != nil {
		return err
	}
	if c.json() {
		_, after, err := c.approval(ctx, one.ID)
		writeJSON(c.out, after)
		return err
	}
	fmt.Fprintf(c.out, "%s: %s\n", clean(one.Title), mark(approve, "approved")+mark(!approve, "declined"))
	return nil
}

func (c *cli) approval(ctx context.Context, id string) (*remote, approval.Detail, error) {
	var answer struct {
		Approval approval.Detail `json:"approval"`
	}
	r, err := c.connect()
	if err == nil {
		err = r.get(ctx, apiPath("v1", "approvals", id), nil, &answer)
	}
	return r, answer.Approval, err
}

func (c *cli) listApprovals(ctx context.Context, view string, limit int) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct {
		Approvals []approval.Request `json:"approvals"`
		Next      string             `json:"next"`
	}
	query := url.Values{"view": {view}, "limit": {strconv.Itoa(limit)}}
	if err := r.get(ctx, apiPath("v1", "approvals"), query, &answer); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, answer.Approvals)
		return nil
	}
	if len(answer.Approvals) == 0 {
		fmt.Fprintln(c.out, "No requests.")
		return nil
	}
	rows := [][]string{{"REQUEST", "STATE", "APPROVALS", "WHAT", "WHO", "WHEN"}}
	for _, one := range answer.Approvals {
		have, need := given(one)
		rows = append(rows, []string{one.ID, one.State, fmt.Sprintf("%d/%d", have, need), one.Title, one.Requester.Name, ago(time.Now(), one.CreatedAt)})
	}
	c.table(rows)
	if answer.Next != "" {
		fmt.Fprintln(c.err, "There are more; raise --limit.")
	}
	return nil
}

func given(one approval.Request) (have, need int) {
	for _, ask := range one.Asks {
		for _, g := range ask.Groups {
			have, need = have+g.Have, need+g.Need
		}
	}
	return have, need
}

func (c *cli) showApproval(ctx context.Context, id string) error {
	_, one, err := c.approval(ctx, id)
	if err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, one)
		return nil
	}
	fmt.Fprintf(c.out, "%s: %s\nAsked by %s %s; %s\n", c.paint(c.out, bold, clean(one.Title)), one.State, clean(one.Requester.Name), ago(time.Now(), one.CreatedAt), clean(one.Link))
	if one.Why != "" {
		fmt.Fprintf(c.out, "Why: %s\n", clean(one.Why))
	}
	if one.Risk != nil {
		fmt.Fprintf(c.out, "Risk %s: %s\n", one.Risk.Level, clean(strings.Join(one.Risk.Reasons, " ")))
	}
	for _, ask := range one.Asks {
		for _, g := range ask.Groups {
			fmt.Fprintf(c.out, "%d of %d: %s (%s)\n", g.Have, g.Need, clean(strings.Join(g.Who, ", ")), clean(ask.Rule))
		}
	}
	for _, said := range one.Decisions {
		word := "declined"
		if said.Approve {
			word = "approved"
		}
		fmt.Fprintf(c.out, "%s %s %s%s\n", clean(said.By.Name), word, ago(time.Now(), said.At), mark(said.Comment != "", ": "+clean(said.Comment)))
	}
	switch {
	case one.CanDecide:
		fmt.Fprintf(c.out, "You can decide%s.\n", mark(one.For != "", " for "+clean(one.For)))
	case one.Reason != "":
		fmt.Fprintln(c.out, clean(one.Reason))
	}
	var input map[string]any
	if json.Unmarshal(one.Input, &input) == nil && len(input) > 0 {
		fmt.Fprintln(c.out, "Input:", clean(string(one.Input)))
	}
	c.showChanges(one.Changes)
	if one.Plan == nil {
		return nil
	}
	fmt.Fprintln(c.out)
	return c.showPlan(runs.SavedPlan{Plan: one.Plan}, false)
}

// showChanges shows what is not a plan: in words, and both texts.
func (c *cli) showChanges(list []approval.Change) {
	for _, one := range list {
		fmt.Fprintf(c.out, "\n%s\n", c.paint(c.out, bold, clean(one.Name)))
		for _, line := range one.Words {
			fmt.Fprintf(c.out, "  %s\n", clean(line))
		}
		for _, side := range []struct{ title, text string }{{"Before", one.Before}, {"After", one.After}} {
			if side.text == "" {
				continue
			}
			fmt.Fprintf(c.out, "%s:\n", side.title)
			for line := range strings.Lines(side.text) {
				fmt.Fprintf(c.out, "  %s\n", clean(strings.TrimSuffix(line, "\n")))
			}
		}
	}
}
