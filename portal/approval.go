package portal

import (
	"context"
	"fmt"
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

// lastCommitters are the addresses of those who committed last to what a run is
// about: to the repositories of its entities.
func (p *parts) lastCommitters(ctx context.Context, w run.Wish) ([]string, error) {
	var out []string
	refs := w.Plan.Entities
	if w.Action.Blueprint != "" && w.Entity != "" {
		refs = append([]string{w.Action.Blueprint + "/" + w.Entity}, refs...)
	}
	seen := map[string]bool{}
	for _, ref := range refs {
		blueprint, id, _ := strings.Cut(ref, "/")
		if blueprint != "Component" || seen[id] || len(seen) >= maxRepositories {
			continue
		}
		seen[id] = true
		commits, _, err := p.forge.Commits(ctx, id, "", 1, "")
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
	return out, nil
}

// tellHeld tells those who decide on sweeps of a held one.
func (p *parts) tellHeld(ctx context.Context, tx *store.Tx, w source.Sweep) error {
	return p.notices.Send(ctx, tx, notify.Notice{
		Kind: notify.SweepHeld, Roles: []string{auth.Infrastructure}, Title: "A source wants to delete much: " + w.Source,
		Text: w.Reason + " Nothing is deleted before somebody has looked at it.", URL: fmt.Sprintf("/sweeps/%d", w.ID), Key: fmt.Sprintf("sweep/%d/held", w.ID),
	})
}
