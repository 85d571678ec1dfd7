package portal

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

func (c *cli) repoCommand() *cobra.Command {
	command := &cobra.Command{Use: "repo", Short: "Find repositories"}
	var search string
	var limit int
	list := &cobra.Command{
		Use: "list", Short: "List repositories with their clone addresses", Args: cobra.NoArgs,
		Long: "List repositories with their clone addresses. git asks for your e-mail address and\npassword; an API token does in the password's place.",
	}
	list.Flags().StringVar(&search, "search", "", "only repositories that contain this text")
	list.Flags().IntVar(&limit, "limit", 50, "at most so many")
	list.RunE = c.action(func(ctx context.Context, _ []string) error { return c.listRepositories(ctx, search, limit) })
	command.AddCommand(list)
	return command
}

func (c *cli) listRepositories(ctx context.Context, search string, limit int) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	addIf(query, "q", search)
	var answer struct {
		Repositories []struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			CloneURL    string `json:"cloneUrl"`
			Archived    bool   `json:"archived"`
		} `json:"repositories"`
		Next string `json:"next"`
	}
	if err := r.get(ctx, apiPath("v1", "repositories"), query, &answer); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, answer.Repositories)
		return nil
	}
	rows := [][]string{{"REPOSITORY", "CLONE", "WHAT"}}
	for _, v := range answer.Repositories {
		rows = append(rows, []string{v.Name + mark(v.Archived, " (archived)"), absolute(r.server, v.CloneURL), v.Description})
	}
	c.table(rows)
	if answer.Next != "" {
		fmt.Fprintln(c.err, "There are more; narrow the list with --search or raise --limit.")
	}
	return nil
}
