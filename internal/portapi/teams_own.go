package portapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/flag"
)

// Holdings is what a team has: it decides what a rename takes along, and whether
// the team can be deleted.
type Holdings struct {
	Entities        []OwnedEntities `json:"entities"`
	Repositories    int             `json:"repositories"`
	Flags           int             `json:"flags"`
	ServiceAccounts int             `json:"serviceAccounts"`
	// Directory is the name of the directory whose group the team is.
	Directory string `json:"directory,omitempty"`
}

// OwnedEntities are the entities of one blueprint that a team owns.
type OwnedEntities struct {
	Blueprint string `json:"blueprint"`
	Title     string `json:"title"`
	Count     int    `json:"count"`
}

// HoldingsAnswer is what one team has.
type HoldingsAnswer struct {
	Holdings Holdings `json:"holdings"`
}

const ownedFlags = 200 // flags of a team that are read at once

func (s *Service) holdingsRoute() Route {
	return Route{
		Method: http.MethodGet, Path: "/v1/teams/{name}/holdings", ID: "getTeamHoldings", Verb: "user.write", Audit: None, Out: HoldingsAnswer{}, Handle: s.teamHoldings,
	}
}

func (s *Service) teamHoldings(ctx context.Context, r *Request) (int, any, error) {
	t, err := s.findTeam(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	h, err := s.holdings(ctx, t)
	return 0, HoldingsAnswer{Holdings: h}, err
}

func (s *Service) holdings(ctx context.Context, t auth.TeamDetail) (Holdings, error) {
	h := Holdings{Entities: []OwnedEntities{}, Directory: t.Directory}
	all, err := s.Catalog.Blueprints(ctx)
	if err != nil {
		return h, err
	}
	for _, b := range all {
		if kept(b.Identifier) {
			continue
		}
		q := ownedBy(b.Identifier, t.Name)
		q.Limit = 1
		page, err := s.Catalog.Search(ctx, q)
		if err != nil {
			return h, err
		}
		if len(page.Entities) > 0 {
			h.Entities = append(h.Entities, OwnedEntities{Blueprint: b.Identifier, Title: b.Title, Count: max(page.Total, 1)})
		}
	}
	if h.Repositories, err = s.Forge.OwnedBy(ctx, t.Name); err != nil {
		return h, err
	}
	if h.ServiceAccounts, err = s.Auth.ServicesOf(ctx, t.Name); err != nil {
		return h, err
	}
	err = s.eachFlag(ctx, t.Name, func(flag.Flag) error {
		h.Flags++
		return nil
	})
	return h, err
}

func (h Holdings) words() string {
	var parts []string
	for _, e := range h.Entities {
		parts = append(parts, fmt.Sprintf("%d of %s", e.Count, e.Title))
	}
	for _, c := range []struct {
		n    int
		what string
	}{{h.Repositories, "repositories"}, {h.Flags, "feature flags"}, {h.ServiceAccounts, "service accounts"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}

// kept says that the portal itself keeps the entities of a blueprint in step with
// people, teams and rules: nobody gives them away.
func kept(blueprint string) bool { return strings.HasPrefix(blueprint, "_") }

func ownedBy(blueprint, team string) catalog.Query {
	return catalog.Query{
		Blueprint: blueprint, Sort: "$identifier", Limit: 200,
		Rules: []catalog.Rule{{Property: "$team", Operator: "=", Value: team}},
	}
}

// eachFlag calls do with every flag that names the team as its owner, also with
// archived ones.
func (s *Service) eachFlag(ctx context.Context, team string, do func(flag.Flag) error) error {
	for _, state := range []string{"", "archived"} {
		for from, more := "", true; more; more = from != "" {
			list, next, err := s.Flags.List(ctx, flag.Filter{Owner: team, State: state, From: from, Limit: ownedFlags})
			if err != nil {
				return err
			}
			for _, one := range list {
				if err := do(one); err != nil {
					return err
				}
			}
			from = next
		}
	}
	return nil
}

// renameTeam makes a team of the new name with the same people, gives it what
// the old one has, and deletes the old one. Nobody loses a right in between; when
// it ends half way, both teams are there, and deleting the old one with moveTo
// does the rest.
func (s *Service) renameTeam(ctx context.Context, r *Request, before, after string) error {
	if err := s.Auth.CopyTeam(ctx, before, after); err != nil {
		return err
	}
	if err := s.carry(ctx, r, before, after); err != nil {
		return err
	}
	return s.Auth.DropTeam(ctx, before, after, r.Caller.ID)
}

// carry gives what one team has to another.
func (s *Service) carry(ctx context.Context, r *Request, before, after string) error {
	if err := s.renameOwner(ctx, r, before, after); err != nil {
		return err
	}
	by := flag.Who{ID: r.Caller.ID, Name: r.Caller.Name}
	err := s.eachFlag(ctx, before, func(one flag.Flag) error {
		one.Owner = after
		_, err := s.Flags.Update(ctx, one.Project, one.Key, one.Settings, one.Version, "The team "+before+" is "+after+" now.", by)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.Forge.MoveOwner(ctx, before, after); err != nil {
		return err
	}
	return s.Auth.MoveServices(ctx, before, after)
}

// deleteTeam deletes a team that has nothing, or gives what it has to another
// one first.
func (s *Service) deleteTeam(ctx context.Context, r *Request) (int, any, error) {
	t, err := s.findTeam(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	if to := r.Query.Get("moveTo"); to != "" && t.Directory == "" {
		if _, err := s.Auth.Team(ctx, to); err != nil || to == t.Name {
			return 0, nil, fault.Field("moveTo", "is no other team", "the name of the team that gets what this one has")
		}
		if err := s.carry(ctx, r, t.Name, to); err != nil {
			return 0, nil, err
		}
	}
	h, err := s.holdings(ctx, t)
	if err != nil {
		return 0, nil, err
	}
	if words := h.words(); words != "" && t.Directory == "" {
		return 0, nil, fault.Refuse("team-owns-things", fmt.Sprintf("The team %s owns %s. Without it only administrators could change them.", t.Name, words),
			"Delete it with moveTo, the name of the team that gets them.", "role administrator").WithData(h)
	}
	return 0, nil, s.Auth.DeleteTeam(ctx, t.Name, r.Caller.ID)
}
