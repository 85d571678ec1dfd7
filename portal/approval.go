package portal

import (
	"context"
	"fmt"
	"path"
	"strings"

	"sphera/internal/approval"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/notify"
	"sphera/internal/run"
	"sphera/internal/source"
	"sphera/internal/store"
)

// newApprovals puts together who has to approve what.
func (p *parts) newApprovals() (*approval.Service, error) {
	return approval.New(approval.Deps{
		DB: p.db, Audit: p.audit, Auth: p.auth, Catalog: p.catalog, Runs: p.runs, Notices: p.notices, Now: p.now, Log: p.log,
		Committers: p.lastCommitters, Owners: p.auth.OwnersOf,
		Sources: []approval.Source{flagMatters{p}, policyMatters{p}},
	})
}

// maxRepositories bounds of how many repositories the last commit is looked up.
const maxRepositories = 20

// lastCommitters are the addresses of those who committed last to what a run
// is about: to the repositories of its entities.
func (p *parts) lastCommitters(ctx context.Context, w run.Wish) ([]string, error) {
	refs := w.Plan.Entities
	if w.Action.Blueprint != "" && w.Entity != "" {
		refs = append([]string{w.Action.Blueprint + "/" + w.Entity}, refs...)
	}
	var out []string
	seen := map[string]bool{}
	for _, ref := range refs {
		names, err := p.repositoriesOf(ctx, ref)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if seen[name] || len(seen) >= maxRepositories {
				continue
			}
			seen[name] = true
			commits, _, err := p.forge.Commits(ctx, name, "", 1, "")
			if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, c := range commits {
				out = append(out, c.Author.Email)
			}
		}
	}
	return out, nil
}

// repositoriesOf are the names of the forge's repositories that an entity may
// be kept in: that of its own name for a component, and those that a relation
// or property named repository says, by name or address.
func (p *parts) repositoriesOf(ctx context.Context, ref string) ([]string, error) {
	blueprint, id, _ := strings.Cut(ref, "/")
	var out []string
	if blueprint == "Component" || blueprint == "Repository" {
		out = append(out, id)
	}
	e, err := p.catalog.Entity(as(ctx, "approval"), blueprint, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
		return out, nil // it is going to be made
	}
	if err != nil {
		return nil, fmt.Errorf("look for the repository of %s: %w", ref, err)
	}
	for _, from := range []map[string]any{e.Relations, e.Properties} {
		for name, v := range from {
			switch strings.ToLower(name) {
			case "repository", "repositories", "repo", "repositoryurl", "repository_url":
				out = append(out, repositoryNames(v)...)
			}
		}
	}
	return out, nil
}

// repositoryNames are the names that a value has: "cart", "team/cart" and
// "https://forge.example/team/cart.git" are all cart.
func repositoryNames(v any) []string {
	var list, out []string
	switch v := v.(type) {
	case string:
		list = []string{v}
	case []string:
		list = v
	case []any:
		for _, one := range v {
			if text, ok := one.(string); ok {
				list = append(list, text)
			}
		}
	}
	for _, text := range list {
		name := strings.TrimSuffix(path.Base(strings.TrimRight(text, "/")), ".git")
		if name != "" && name != "." && name != "/" {
			out = append(out, name)
		}
	}
	return out
}

// tellHeld tells those who decide on sweeps of a held one.
func (p *parts) tellHeld(ctx context.Context, tx *store.Tx, w source.Sweep) error {
	return p.notices.Send(ctx, tx, notify.Notice{
		Kind: notify.SweepHeld, Roles: []string{auth.Infrastructure}, Title: "A source wants to delete much: " + w.Source,
		Text: w.Reason + " Nothing is deleted before somebody has looked at it.", URL: fmt.Sprintf("/sweeps/%d", w.ID), Key: fmt.Sprintf("sweep/%d/held", w.ID),
	})
}
