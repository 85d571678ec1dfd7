package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/flag/cleanup"
	"sphera/internal/forge"
)

// cleanupAtOnce is how many repositories one clean-up looks through.
const cleanupAtOnce = 10

type cleanUpFlagInput struct {
	FlagPath
	Body struct {
		Keep         string   `json:"keep" minLength:"1" maxLength:"100" doc:"The variation that stays in the code"`
		Repositories []string `json:"repositories,omitempty" maxItems:"10" doc:"Where to look; those that are known to name the flag, and the service's, when absent"`
		DryRun       bool     `json:"dryRun,omitempty"`
	}
}

type cleanUpFlagAnswer struct {
	Answer
	Repositories []cleanedRepository `json:"repositories"`
}

// cleanedRepository is what a clean-up does, or would do, in one repository.
type cleanedRepository struct {
	Repository string `json:"repository"`
	// Replaced are the calls that become the value, Left the places that still
	// name the flag and need a person.
	Replaced []cleanup.Place `json:"replaced"`
	Left     []cleanup.Place `json:"left"`
	// Number is the pull request's; absent in a dry run, and when there is
	// nothing to replace.
	Number int `json:"number,omitempty"`
}

// cleanUpFlag opens pull requests that take a flag out of the code. Nothing is
// merged and nothing is archived by it.
func (a *API) cleanUpFlag(ctx context.Context, in *cleanUpFlagInput) (*cleanUpFlagAnswer, error) {
	one, err := a.flags.Get(ctx, in.Project, in.Key)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(one.Variations, func(v flag.Variation) bool { return v.Name == in.Body.Keep })
	if at < 0 {
		return nil, fault.Field("keep", "is no variation of the flag", "one of its variations")
	}
	names := in.Body.Repositories
	if len(names) == 0 {
		if names, err = a.repositoriesNaming(ctx, one); err != nil {
			return nil, err
		}
	}
	out := &cleanUpFlagAnswer{Repositories: []cleanedRepository{}}
	for _, name := range names {
		done, err := a.cleanRepository(ctx, one, one.Variations[at], name, in.Body.DryRun)
		if fault.Is(err, fault.NotFound) && len(in.Body.Repositories) == 0 {
			continue // the service has no repository, or one that was named is gone
		}
		if err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, done)
	}
	return out, nil
}

// repositoriesNaming are those that are known to name the flag, and the
// service's own.
func (a *API) repositoriesNaming(ctx context.Context, one flag.Flag) ([]string, error) {
	references, err := a.flags.References(ctx, one.Project, one.Key)
	names := []string{one.Service}
	for _, r := range references {
		if !slices.Contains(names, r.Repository) {
			names = append(names, r.Repository)
		}
	}
	return names[:min(len(names), cleanupAtOnce)], err
}

func (a *API) cleanRepository(ctx context.Context, one flag.Flag, keep flag.Variation, name string, dryRun bool) (cleanedRepository, error) {
	out := cleanedRepository{Repository: name, Replaced: []cleanup.Place{}, Left: []cleanup.Place{}}
	repo, err := a.forge.Repository(ctx, name)
	if err != nil {
		return out, err
	}
	verb := "forge.write"
	if dryRun {
		verb = "forge.read"
	}
	if err := a.may(ctx, who(ctx), verb, auth.Object{Kind: "repository", ID: repo.Name, Teams: owners(repo.Owner)}); err != nil {
		return out, err
	}
	head, err := a.forge.Head(ctx, name, repo.DefaultBranch)
	if err != nil {
		return out, err
	}
	files, err := a.forge.Archive(ctx, name, head)
	if err != nil {
		return out, err
	}
	var changed []forge.File
	for _, f := range files {
		if f.Binary || f.Truncated || !cleanup.IsSource(f.Path) {
			continue
		}
		r := cleanup.Remove(f.Path, string(f.Content), one.Key, keep.Value)
		out.Replaced, out.Left = append(out.Replaced, r.Replaced...), append(out.Left, r.Left...)
		if len(r.Replaced) > 0 {
			changed = append(changed, forge.File{Path: f.Path, Content: []byte(r.Content), Executable: f.Executable})
		}
	}
	if dryRun || len(changed) == 0 {
		return out, nil
	}
	branch, title := "sphera/remove-flag-"+one.Key, "Remove the flag "+one.Key
	_, err = a.forge.Commit(ctx, name, forge.NewCommit{
		Branch: branch, Base: head, Message: title + "\n\n" + keep.Name + " stays.", Author: person(ctx), Time: a.now(), Files: changed,
		Key: strings.Join([]string{"remove-flag", one.Project, one.Key, keep.Name, head}, "/"),
	})
	if err != nil {
		return out, err
	}
	pr, err := a.forge.OpenPullRequest(ctx, name, forge.NewPullRequest{Title: title, Body: cleanUpText(one, keep, out), Head: branch, Base: repo.DefaultBranch, Author: person(ctx)})
	out.Number = pr.Number
	return out, err
}

// cleanUpText is what a reviewer of the pull request reads.
func cleanUpText(one flag.Flag, keep flag.Variation, in cleanedRepository) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Takes the flag `%s` of %s out of the code: what asked for it is now `%s`, the variation %s.\n\n", one.Key, one.Service, keep.Value, keep.Name)
	b.WriteString("Please look for branches that can no longer be reached, for arguments and imports that nobody needs now, and for tests of the other variation. ")
	b.WriteString("Archive the flag when no running version asks for it any more.\n")
	list := func(title string, places []cleanup.Place) {
		if len(places) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n### %s\n\n", title)
		for _, p := range places[:min(len(places), 100)] {
			fmt.Fprintf(&b, "- `%s:%d`\n", p.Path, p.Line)
		}
	}
	list("Replaced", in.Replaced)
	list("Still names the flag; a person has to look", in.Left)
	return b.String()
}
