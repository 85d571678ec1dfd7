package portal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sphera/action"
	runs "sphera/internal/run"

	"github.com/spf13/cobra"
)

// applyOptions are the flags of every command that runs an action.
type applyOptions struct {
	planOnly bool
	wait     bool
	yes      bool
	input    []string
}

func (o *applyOptions) register(command *cobra.Command) {
	flags := command.Flags()
	flags.BoolVar(&o.planOnly, "plan", false, "only show what would happen")
	flags.BoolVar(&o.wait, "wait", false, "follow the run until it ends")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask after showing the plan")
	flags.StringArrayVar(&o.input, "input", nil, "further input as name=value (see: sphera action show)")
}

func (c *cli) createCommand() *cobra.Command {
	create := &cobra.Command{Use: "create", Short: "Create something new"}
	var options applyOptions
	var team, system, template, description string
	service := &cobra.Command{
		Use:   "service NAME",
		Short: "Create a microservice that answers, with everything it needs",
		Long: `Create a microservice that answers, with everything it needs: repository, CI,
manifests, catalog entries and a running instance in the dev environment.

The plan is shown first and nothing happens before you agree to it.

` + exitHelp,
		Example: `  sphera create service checkout --team payments --system shop --template go-http \
    --description "Takes payments" --wait`,
		Args: cobra.ExactArgs(1),
	}
	flags := service.Flags()
	flags.StringVar(&team, "team", "", "team that owns the service")
	flags.StringVar(&system, "system", "", "system that the service belongs to")
	flags.StringVar(&template, "template", "", "what to start from, e.g. go-http or node-http")
	flags.StringVar(&description, "description", "", "what the service does, in one sentence")
	options.register(service)
	completeFlag(service, "team", c.suggestTeams())
	completeFlag(service, "system", c.suggestEntities("System"))
	completeFlag(service, "template", c.suggestChoices("create_service", "template"))
	service.RunE = c.action(func(ctx context.Context, args []string) error {
		given := map[string]string{"name": args[0], "team": team, "system": system, "template": template, "description": description}
		return c.runAction(ctx, "create_service", "", given, options)
	})
	create.AddCommand(service)
	return create
}

func (c *cli) deployCommand() *cobra.Command {
	var options applyOptions
	var environment, ref string
	command := &cobra.Command{
		Use:     "deploy SERVICE",
		Short:   "Deploy a commit of a service to an environment",
		Long:    "Deploy a commit of a service to an environment.\n\n" + exitHelp,
		Example: "  sphera deploy checkout --environment dev-eu-west-1 --ref main --wait",
		Args:    cobra.ExactArgs(1),
	}
	command.Flags().StringVar(&environment, "environment", "", "environment to deploy to")
	command.Flags().StringVar(&ref, "ref", "", "branch, tag or commit (default: the newest on the main branch)")
	options.register(command)
	command.ValidArgsFunction = c.suggestEntities("Component")
	completeFlag(command, "environment", c.suggestEntities("Environment"))
	command.RunE = c.action(func(ctx context.Context, args []string) error {
		return c.runAction(ctx, "deploy_service", args[0], map[string]string{"environment": environment, "ref": ref}, options)
	})
	return command
}

func (c *cli) revertCommand() *cobra.Command {
	var options applyOptions
	var environment, to string
	command := &cobra.Command{
		Use:     "revert SERVICE",
		Short:   "Go back to a former version of a service",
		Long:    "Go back to a former version of a service.\n\n" + exitHelp,
		Example: "  sphera revert checkout --environment dev-eu-west-1 --wait",
		Args:    cobra.ExactArgs(1),
	}
	command.Flags().StringVar(&environment, "environment", "", "environment to revert in")
	command.Flags().StringVar(&to, "to", "", "version to go back to (default: the one before)")
	options.register(command)
	command.ValidArgsFunction = c.suggestEntities("Component")
	completeFlag(command, "environment", c.suggestEntities("Environment"))
	command.RunE = c.action(func(ctx context.Context, args []string) error {
		return c.runAction(ctx, "revert_service", args[0], map[string]string{"environment": environment, "version": to}, options)
	})
	return command
}

// actionInfo is an action as the portal lists it.
type actionInfo struct {
	Identifier  string      `json:"identifier"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Blueprint   string      `json:"blueprint"`
	Allowed     bool        `json:"allowed"`
	Reason      string      `json:"reason,omitempty"`
	Input       inputSchema `json:"input"`
}

type inputSchema struct {
	Properties map[string]action.Property `json:"properties"`
	Required   []string                   `json:"required"`
	Order      []string                   `json:"x-order"`
}

func (c *cli) actionCommand() *cobra.Command {
	command := &cobra.Command{Use: "action", Short: "List, explain and run the portal's actions"}
	list := &cobra.Command{Use: "list", Short: "List the actions", Args: cobra.NoArgs}
	list.RunE = c.action(func(ctx context.Context, _ []string) error { return c.listActions(ctx) })

	show := &cobra.Command{Use: "show ACTION", Short: "Explain an action and its input", Args: cobra.ExactArgs(1)}
	show.ValidArgsFunction = c.suggestActions()
	show.RunE = c.action(func(ctx context.Context, args []string) error { return c.showAction(ctx, args[0]) })

	var options applyOptions
	var entity string
	start := &cobra.Command{
		Use: "run ACTION", Short: "Run an action", Args: cobra.ExactArgs(1),
		Long:    "Run an action. The plan is shown first and nothing happens before you agree to it.\n\n" + exitHelp,
		Example: "  sphera action run deploy_service --entity checkout --input environment=dev-eu-west-1 --wait",
	}
	start.Flags().StringVar(&entity, "entity", "", "identifier of the entity to act on")
	options.register(start)
	start.ValidArgsFunction = c.suggestActions()
	start.RunE = c.action(func(ctx context.Context, args []string) error {
		return c.runAction(ctx, args[0], entity, nil, options)
	})
	command.AddCommand(list, show, start)
	return command
}

func (c *cli) listActions(ctx context.Context) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct {
		Actions []actionInfo `json:"actions"`
	}
	if err := r.get(ctx, apiPath("v1", "actions"), nil, &answer); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, answer.Actions)
		return nil
	}
	rows := [][]string{{"ACTION", "TITLE", "ON", "YOU"}}
	for _, a := range answer.Actions {
		may := "may run it"
		if !a.Allowed {
			may = "may not: " + a.Reason
		}
		rows = append(rows, []string{a.Identifier, a.Title, orDash(a.Blueprint), may})
	}
	c.table(rows)
	return nil
}

func (r *remote) action(ctx context.Context, id string) (actionInfo, error) {
	var answer struct {
		Action actionInfo `json:"action"`
	}
	err := r.get(ctx, apiPath("v1", "actions", id), nil, &answer)
	return answer.Action, err
}

func (c *cli) showAction(ctx context.Context, id string) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	a, err := r.action(ctx, id)
	if err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, a)
		return nil
	}
	fmt.Fprintf(c.out, "%s\n%s\n\n", c.paint(c.out, bold, clean(a.Title)), clean(a.Description))
	rows := [][]string{{"INPUT", "TYPE", "NEEDED", "WHAT"}}
	for _, name := range a.Input.Order {
		p := a.Input.Properties[name]
		needed := "no"
		if slices.Contains(a.Input.Required, name) {
			needed = "yes"
		} else if p.Default != nil {
			needed = fmt.Sprintf("no (%v)", p.Default)
		}
		what := p.Title
		if len(p.Enum) > 0 {
			what += fmt.Sprintf(": one of %v", p.Enum)
		}
		rows = append(rows, []string{name, p.Type, needed, what})
	}
	c.table(rows)
	return nil
}

// runAction plans, shows the plan, asks, applies and follows.
func (c *cli) runAction(ctx context.Context, id, entity string, given map[string]string, o applyOptions) error {
	if !o.planOnly && !o.yes && !isTerminal(c.in) {
		return usage("nobody can be asked whether to apply the plan: add --yes to apply it, or --plan to only see it")
	}
	r, err := c.connect()
	if err != nil {
		return err
	}
	input, err := c.inputFor(ctx, r, id, given, o.input)
	if err != nil {
		return err
	}
	var planned struct {
		Plan runs.SavedPlan `json:"plan"`
	}
	body := map[string]any{"input": input}
	if entity != "" {
		body["entity"] = entity
	}
	if err := r.post(ctx, apiPath("v1", "actions", id, "plans"), body, &planned); err != nil {
		return err
	}
	if o.planOnly {
		return c.showPlan(planned.Plan, false)
	}
	return c.applyPlan(ctx, r, planned.Plan, o)
}

func (c *cli) applyPlan(ctx context.Context, r *remote, plan runs.SavedPlan, o applyOptions) error {
	for {
		if !c.json() {
			if err := c.showPlan(plan, false); err != nil {
				return err
			}
		}
		if agreed, err := c.agreed(ctx, o.yes, "Apply this plan?"); err != nil || !agreed {
			return err
		}
		var started struct {
			Run runs.Run `json:"run"`
		}
		err := r.post(ctx, apiPath("v1", "actions", plan.Action, "runs"), map[string]string{"planId": plan.ID}, &started)
		var remote *remoteError
		if errors.As(err, &remote) && remote.Code == "plan_changed" && !c.json() {
			var changed runs.PlanDifference
			if decodeErr := json.Unmarshal(remote.Data, &changed); decodeErr != nil || changed.Plan.ID == "" {
				return err
			}
			c.showDifferences(changed.Differences)
			if o.yes || !isTerminal(c.in) {
				return err // what was agreed to is no longer what would happen
			}
			plan = changed.Plan
			continue
		}
		if err != nil {
			return err
		}
		return c.started(ctx, r, started.Run, o.wait)
	}
}

// started says which run began and follows it when asked to.
func (c *cli) started(ctx context.Context, r *remote, v runs.Run, wait bool) error {
	if wait {
		return c.follow(ctx, r, v.ID)
	}
	if c.json() {
		writeJSON(c.out, v)
		return nil
	}
	fmt.Fprintf(c.out, "Run %s has started.\n  Follow it: sphera run wait %s\n  See it:    %s/runs/%s\n", v.ID, v.ID, r.server, v.ID)
	return nil
}

func (c *cli) agreed(ctx context.Context, yes bool, question string) (bool, error) {
	if yes {
		return true, nil
	}
	if !isTerminal(c.in) {
		return false, usage("nobody can be asked: add --yes")
	}
	fmt.Fprintf(c.err, "\n%s [y/N] ", question)
	line, err := answered(ctx, func() (string, error) { return bufio.NewReader(c.in).ReadString('\n') })
	if errors.Is(err, io.EOF) {
		return false, usage("no answer on standard input")
	}
	if err != nil {
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	if answer == "y" || answer == "yes" {
		return true, nil
	}
	fmt.Fprintln(c.err, "Nothing was done.")
	return false, nil
}

// inputFor joins flags and --input pairs and gives each value the type that
// the action's schema states.
func (c *cli) inputFor(ctx context.Context, r *remote, id string, given map[string]string, pairs []string) (map[string]any, error) {
	out := map[string]any{}
	for name, value := range given {
		if value != "" {
			out[name] = value
		}
	}
	if len(pairs) == 0 {
		return out, nil
	}
	a, err := r.action(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		property, known := a.Input.Properties[name]
		switch {
		case !ok || name == "":
			return nil, usage("--input %q: write name=value", pair)
		case !known:
			return nil, usage("--input %s: %s has no such input; it has %s", name, id, strings.Join(a.Input.Order, ", "))
		}
		if out[name], err = typed(property, text); err != nil {
			return nil, usage("--input %s: %q is not a %s", name, text, property.Type)
		}
	}
	return out, nil
}

func typed(p action.Property, text string) (any, error) {
	switch p.Type {
	case "boolean":
		return strconv.ParseBool(text)
	case "integer":
		return strconv.ParseInt(text, 10, 64)
	case "number":
		return strconv.ParseFloat(text, 64)
	case "array":
		if text == "" {
			return []string{}, nil
		}
		return strings.Split(text, ","), nil
	case "object":
		var v map[string]any
		return v, json.Unmarshal([]byte(text), &v)
	default:
		return text, nil
	}
}

// addIf adds a query parameter that has a value.
func addIf(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}
