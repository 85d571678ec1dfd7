package portal

import (
	"context"
	"net/url"
	"strings"
	"time"

	"sphera/internal/catalog"

	"github.com/spf13/cobra"
)

// completeFor is how long the shell is kept waiting for suggestions.
const completeFor = 2 * time.Second

// suggest makes a completion from what the portal knows. Without a portal it
// suggests nothing, silently: an error text would end up in the command line.
func (c *cli) suggest(ask func(ctx context.Context, r *remote, typed string) ([]string, error)) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		r, err := c.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(command.Context(), completeFor)
		defer cancel()
		found, err := ask(ctx, r, typed)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, text := range found {
			if strings.HasPrefix(text, typed) {
				out = append(out, clean(text))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

func (c *cli) suggestEntities(blueprint string) cobra.CompletionFunc {
	return c.suggest(func(ctx context.Context, r *remote, typed string) ([]string, error) {
		body := map[string]any{"limit": 100}
		if typed != "" {
			body["text"] = typed
		}
		var page catalog.Page
		err := r.post(ctx, apiPath("v1", "blueprints", blueprint, "entities", "search"), body, &page)
		var out []string
		for _, e := range page.Entities {
			out = append(out, e.Identifier)
		}
		return out, err
	})
}

func (c *cli) suggestTeams() cobra.CompletionFunc {
	return c.suggest(func(ctx context.Context, r *remote, _ string) ([]string, error) {
		var answer struct {
			Teams []struct{ Name string } `json:"teams"`
		}
		err := r.get(ctx, apiPath("v1", "teams"), nil, &answer)
		var out []string
		for _, team := range answer.Teams {
			out = append(out, team.Name)
		}
		return out, err
	})
}

// suggestChoices suggests the closed set of one input of an action.
func (c *cli) suggestChoices(action, input string) cobra.CompletionFunc {
	return c.suggest(func(ctx context.Context, r *remote, _ string) ([]string, error) {
		a, err := r.action(ctx, action)
		var out []string
		for _, choice := range a.Input.Properties[input].Enum {
			if text, ok := choice.(string); ok {
				out = append(out, text)
			}
		}
		return out, err
	})
}

func (c *cli) suggestActions() cobra.CompletionFunc {
	return c.suggest(func(ctx context.Context, r *remote, _ string) ([]string, error) {
		var answer struct {
			Actions []actionInfo `json:"actions"`
		}
		err := r.get(ctx, apiPath("v1", "actions"), nil, &answer)
		var out []string
		for _, a := range answer.Actions {
			out = append(out, a.Identifier)
		}
		return out, err
	})
}

// suggestRuns suggests the newest runs, with what they do.
func (c *cli) suggestRuns() cobra.CompletionFunc {
	return c.suggest(func(ctx context.Context, r *remote, _ string) ([]string, error) {
		var answer struct {
			Runs []struct{ ID, Title string } `json:"runs"`
		}
		err := r.get(ctx, apiPath("v1", "runs"), url.Values{"limit": {"30"}}, &answer)
		var out []string
		for _, v := range answer.Runs {
			out = append(out, v.ID+"\t"+v.Title)
		}
		return out, err
	})
}

func (c *cli) suggestBlueprints() cobra.CompletionFunc {
	return c.suggest(func(ctx context.Context, r *remote, _ string) ([]string, error) {
		var answer struct {
			Blueprints []struct{ Identifier string } `json:"blueprints"`
		}
		err := r.get(ctx, apiPath("v1", "blueprints"), nil, &answer)
		var out []string
		for _, b := range answer.Blueprints {
			out = append(out, b.Identifier)
		}
		return out, err
	})
}

// completeFlag registers a completion for a flag that the command has.
func completeFlag(command *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := command.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic("completion for a flag that is not there: " + err.Error())
	}
}
