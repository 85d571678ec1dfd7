package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"sphera/internal/flag"

	"github.com/spf13/cobra"
)

// editFlag changes what a flag does in the environment of --env.
func (c *cli) editFlag(ctx context.Context, o *flagOptions, arg string, change func(one flag.Flag, e flag.Environment) (flag.Patch, error)) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	one, err := c.getFlag(ctx, r, arg)
	if err != nil {
		return err
	}
	e, err := environmentOf(one, o.environment)
	if err != nil {
		return err
	}
	patch, err := change(one, e)
	if err != nil {
		return err
	}
	if o.dryRun {
		return c.previewFlag(ctx, r, one, e, patch)
	}
	in := flag.Edit{Version: e.Version, Patch: patch, Reason: o.reason, Propose: o.propose}
	return c.changeFlag(ctx, r, http.MethodPut, flagPath(one.Project, one.Key, "environments", e.Environment), in)
}

func (c *cli) previewFlag(ctx context.Context, r *remote, one flag.Flag, e flag.Environment, patch flag.Patch) error {
	var out struct {
		Preview flag.Preview `json:"preview"`
	}
	if err := r.call(ctx, http.MethodPost, flagPath(one.Project, one.Key, "environments", e.Environment, "preview"), nil, patch, &out); err != nil {
		return err
	}
	c.showPreview(out.Preview)
	return nil
}

func (c *cli) showPreview(p flag.Preview) {
	if c.json() {
		writeJSON(c.out, p)
		return
	}
	for _, text := range append(append([]string{}, p.Diff...), p.Warnings...) {
		fmt.Fprintln(c.out, clean(text))
	}
	if p.Population.Source != "" {
		fmt.Fprintf(c.out, "%d of %d known (%s) would get something else\n", p.Population.Changed, p.Population.Known, clean(p.Population.Source))
	}
	for _, s := range p.Samples {
		if s.Changed {
			fmt.Fprintf(c.out, "%s would get %s instead of %s\n", clean(s.Name), clean(s.After), clean(s.Before))
		}
	}
	if p.Why != "" {
		fmt.Fprintln(c.out, clean(p.Why))
	}
}

// changeFlag sends a change and shows the flag, or the proposal.
func (c *cli) changeFlag(ctx context.Context, r *remote, method, path string, in any) error {
	var out struct {
		Flag     flag.Flag      `json:"flag"`
		Proposal *flag.Proposal `json:"proposal"`
		Preview  *flag.Preview  `json:"preview"`
	}
	if err := r.call(ctx, method, path, nil, in, &out); err != nil {
		return err
	}
	if out.Preview != nil && !c.json() {
		c.showPreview(*out.Preview)
	}
	if out.Proposal != nil && !c.json() {
		fmt.Fprintf(c.out, "A second person has to decide: %s\n%s\n", out.Proposal.ID, clean(out.Proposal.Why))
	}
	c.showFlag(out.Flag)
	return nil
}

func (c *cli) flagChanges() []*cobra.Command {
	o := &flagOptions{}
	turn := func(on bool, word string) *cobra.Command {
		return c.flagUse(o, word+" PROJECT/KEY", "Turn a flag "+word, cobra.ExactArgs(1), "env reason propose dry-run", func(ctx context.Context, args []string) error {
			return c.editFlag(ctx, o, args[0], func(flag.Flag, flag.Environment) (flag.Patch, error) { return flag.Patch{On: &on}, nil })
		})
	}
	post := func(use, short string, takes string, body func(one flag.Flag) (any, error)) *cobra.Command {
		word, _, _ := strings.Cut(use, " ")
		return c.flagUse(o, use, short, cobra.ExactArgs(1), takes, func(ctx context.Context, args []string) error {
			r, err := c.connect()
			if err != nil {
				return err
			}
			one, err := c.getFlag(ctx, r, args[0])
			if err != nil {
				return err
			}
			in, err := body(one)
			if err != nil {
				return err
			}
			return c.changeFlag(ctx, r, http.MethodPost, flagPath(one.Project, one.Key, word), in)
		})
	}
	archive := post("archive PROJECT/KEY", "Take a flag out of every environment", "reason", func(one flag.Flag) (any, error) {
		return map[string]any{"version": one.Version, "reason": o.reason}, nil
	})
	restore := post("restore PROJECT/KEY", "Put an archived flag back", "reason", func(flag.Flag) (any, error) { return map[string]any{"reason": o.reason}, nil })
	promote := post("promote PROJECT/KEY", "Copy what a flag does to another environment", "reason propose dry-run", func(one flag.Flag) (any, error) {
		e, err := environmentOf(one, o.to)
		return flag.Promotion{From: o.from, To: o.to, Version: e.Version, Reason: o.reason, DryRun: o.dryRun, Propose: o.propose}, err
	})
	promote.Flags().StringVar(&o.from, "from", "", "the environment that is copied")
	promote.Flags().StringVar(&o.to, "to", "", "the environment that changes")
	revert := post("revert PROJECT/KEY", "Take one change back", "env reason propose", func(one flag.Flag) (any, error) {
		current := one.Version
		if o.environment != "" {
			e, err := environmentOf(one, o.environment)
			if err != nil {
				return nil, err
			}
			current = e.Version
		}
		return map[string]any{"version": o.version, "current": current, "reason": o.reason, "propose": o.propose}, nil
	})
	revert.Flags().Int64Var(&o.version, "version", 0, "the version that is taken back, see history")
	return []*cobra.Command{c.createFlagCommand(), turn(true, "on"), turn(false, "off"), promote, revert, archive, restore}
}

func (c *cli) createFlagCommand() *cobra.Command {
	o := &flagOptions{}
	create := c.flagUse(o, "create PROJECT/KEY", "Make a flag; it is off everywhere", cobra.ExactArgs(1), "reason", func(ctx context.Context, args []string) error {
		project, key, err := named(args[0])
		if err != nil {
			return err
		}
		in := flag.NewFlag{Key: key, Reason: o.reason, Settings: flag.Settings{
			Variations: []flag.Variation{},
			Title:      o.title, Description: o.description, Type: o.kindOf, Kind: o.kind, Owner: o.owner, Tags: o.tags, ClientVisible: o.client,
		}}
		for _, v := range o.variations {
			name, value, ok := strings.Cut(v, "=")
			if !ok || !json.Valid([]byte(value)) {
				return usage("write a variation as NAME=JSON, e.g. --variation 'warm=\"Good day\"'")
			}
			in.Variations = append(in.Variations, flag.Variation{Name: name, Value: json.RawMessage(value)})
		}
		r, err := c.connect()
		if err != nil {
			return err
		}
		return c.changeFlag(ctx, r, http.MethodPost, apiPath("v1", "flag-projects", project, "flags"), in)
	})
	f := create.Flags()
	f.StringVar(&o.title, "title", "", "what people call it")
	f.StringVar(&o.description, "description", "", "what it is for")
	f.StringVar(&o.kindOf, "type", "boolean", "boolean, string, number or object")
	f.StringVar(&o.kind, "kind", "release", "release, experiment, operational, kill-switch or permission")
	f.StringVar(&o.owner, "owner", "", "the team that looks after it")
	f.StringSliceVar(&o.tags, "tag", nil, "a tag; can be repeated")
	f.StringArrayVar(&o.variations, "variation", nil, "NAME=JSON; can be repeated; on=true and off=false for a boolean")
	f.BoolVar(&o.client, "client-visible", false, "public client keys see its result")
	return create
}

func (c *cli) flagRules() []*cobra.Command {
	o := &flagOptions{}
	rollout := c.flagUse(o, "rollout PROJECT/KEY", "Give a share of users or accounts one variation", cobra.ExactArgs(1), "env reason propose dry-run", func(ctx context.Context, args []string) error {
		return c.editFlag(ctx, o, args[0], func(one flag.Flag, e flag.Environment) (flag.Patch, error) {
			s, err := o.share(one, e)
			return flag.Patch{Serve: &s}, err
		})
	})
	rollout.Example = "  sphera flag rollout checkout/new-cart --env production --by accountId --percent 10"
	rule := c.flagUse(o, "rule PROJECT/KEY", "Add a rule before the others", cobra.ExactArgs(1), "env reason propose dry-run", func(ctx context.Context, args []string) error {
		return c.editFlag(ctx, o, args[0], func(one flag.Flag, e flag.Environment) (flag.Patch, error) {
			r, err := o.rule(one, e)
			rules := append([]flag.Rule{r}, e.Rules...)
			return flag.Patch{Rules: &rules}, err
		})
	})
	rule.Example = "  sphera flag rule checkout/new-cart --env production --if 'plan is team' --if 'seats atLeast 10' --variation on"
	rule.Flags().StringArrayVar(&o.conditions, "if", nil, "ATTRIBUTE OPERATOR VALUE; can be repeated, all have to hold; values are JSON or text, several with commas")
	rule.Flags().StringVar(&o.title, "name", "", "the rule's name")
	schedule := c.flagUse(o, "schedule [PROJECT/KEY]", "List what flags will do by themselves, or plan a change", cobra.MaximumNArgs(1), "env reason propose dry-run", func(ctx context.Context, args []string) error {
		if len(args) == 0 {
			return c.listSchedule(ctx)
		}
		return c.editFlag(ctx, o, args[0], o.planned)
	})
	schedule.Example = "  sphera flag schedule checkout/new-cart --env production --at 2026-12-01T08:00:00Z --percent 50 --by accountId"
	schedule.Flags().StringVar(&o.at, "at", "", "when (RFC 3339)")
	schedule.Flags().BoolVar(&o.on, "on", false, "turn it on then")
	schedule.Flags().BoolVar(&o.off, "off", false, "turn it off then")
	for _, command := range []*cobra.Command{rollout, rule, schedule} {
		command.Flags().Float64Var(&o.percent, "percent", -1, "the share in percent, to three decimals")
		command.Flags().StringVar(&o.by, "by", "", "the attribute that decides the share, e.g. accountId; targetingKey when not given")
		command.Flags().StringVar(&o.variation, "variation", "", "the variation; the default one when not given")
	}
	return []*cobra.Command{rollout, rule, schedule}
}

// share is what --percent, --by and --variation say; the rest gets the off
// variation.
func (o *flagOptions) share(one flag.Flag, e flag.Environment) (flag.Serve, error) {
	variation := o.variation
	if variation == "" {
		variation = e.Default
	}
	if o.percent < 0 || o.percent > 100 {
		return flag.Serve{}, usage("--percent must be from 0 to 100")
	}
	rest := e.Off
	for _, v := range one.Variations {
		if rest == "" || rest == variation {
			if rest = ""; v.Name != variation {
				rest = v.Name
			}
		}
	}
	if rest == "" {
		return flag.Serve{}, usage("the flag has no other variation for the rest")
	}
	weight := int(math.Round(o.percent * 1000))
	by := o.by
	if by == "" {
		by = e.Serve.By
	}
	return flag.Serve{By: by, Weights: []flag.Weight{{Variation: variation, Weight: weight}, {Variation: rest, Weight: flag.Whole - weight}}}, nil
}

func (o *flagOptions) rule(one flag.Flag, e flag.Environment) (flag.Rule, error) {
	r := flag.Rule{Name: o.title, Serve: flag.Serve{Variation: o.variation}}
	if len(o.conditions) == 0 {
		return r, usage("say who it is for with --if")
	}
	for _, text := range o.conditions {
		cond, err := condition(text)
		if err != nil {
			return r, err
		}
		r.Conditions = append(r.Conditions, cond)
	}
	if o.percent >= 0 {
		var err error
		r.Serve, err = o.share(one, e)
		return r, err
	}
	return r, nil
}

// condition reads "plan is team,pro", "email exists" or "segment staff".
func condition(text string) (flag.Condition, error) {
	words := strings.SplitN(strings.TrimSpace(text), " ", 3)
	if len(words) == 2 && words[0] == flag.OpSegment {
		return flag.Condition{Operator: flag.OpSegment, Segment: words[1]}, nil
	}
	if len(words) == 2 && words[1] == flag.OpExists {
		return flag.Condition{Attribute: words[0], Operator: flag.OpExists}, nil
	}
	if len(words) < 3 {
		return flag.Condition{}, usage("write a condition as ATTRIBUTE OPERATOR VALUE, e.g. 'plan is team'")
	}
	c := flag.Condition{Attribute: words[0], Operator: words[1]}
	for value := range strings.SplitSeq(words[2], ",") {
		raw := json.RawMessage(strings.TrimSpace(value))
		if !json.Valid(raw) || c.Operator == flag.OpVersion {
			quoted, err := json.Marshal(strings.TrimSpace(value))
			if err != nil {
				return c, usage("a value of the condition cannot be read")
			}
			raw = quoted
		}
		c.Values = append(c.Values, raw)
	}
	return c, nil
}

// planned adds an entry to the schedule.
func (o *flagOptions) planned(one flag.Flag, e flag.Environment) (flag.Patch, error) {
	at, err := time.Parse(time.RFC3339, o.at)
	if err != nil {
		return flag.Patch{}, usage("--at must be a time like 2026-01-31T08:00:00Z")
	}
	entry := flag.Scheduled{At: at, Note: o.reason}
	if o.on || o.off {
		entry.On = &o.on
	}
	if o.percent >= 0 {
		s, err := o.share(one, e)
		if err != nil {
			return flag.Patch{}, err
		}
		entry.Serve = &s
	}
	list := append(append([]flag.Scheduled{}, e.Schedule...), entry)
	return flag.Patch{Schedule: &list}, nil
}

func (c *cli) listSchedule(ctx context.Context) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	var out struct {
		Entries []flag.ScheduleEntry `json:"entries"`
	}
	if err := r.call(ctx, http.MethodGet, "/v1/flags/schedule", nil, nil, &out); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, out.Entries)
		return nil
	}
	rows := [][]string{{"WHEN", "FLAG", "WHERE", "WHAT", "BY"}}
	for _, e := range out.Entries {
		rows = append(rows, []string{e.At.Format(time.RFC3339), e.Project + "/" + e.Flag, e.Environment, e.What, e.ByName})
	}
	c.table(rows)
	return nil
}
