package portapi

import (
	"context"
	"net/http"
	"slices"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

// Team is a team. Port knows it by its name, which is also what entities name
// as their owner.
type Team struct {
	Name        string     `json:"name"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Provider    string     `json:"provider"`
	Members     int        `json:"members" doc:"How many people are in it and active"`
	Users       []TeamUser `json:"users"`
	// Directory is the name of the directory that decides about the team.
	Directory string `json:"directory,omitempty"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
}

// TeamUser is somebody in a team.
type TeamUser struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Status    string `json:"status"`
}

// TeamsAnswer is all teams.
type TeamsAnswer struct {
	Teams []Team `json:"teams"`
}

// TeamAnswer is one team.
type TeamAnswer struct {
	Team Team `json:"team"`
}

// SavedTeam is a team after a write: its users are addresses there, which is
// what Port's Terraform provider can read.
type SavedTeam struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Provider    string   `json:"provider"`
	Users       []string `json:"users"`
	CreatedAt   string   `json:"createdAt"`
	UpdatedAt   string   `json:"updatedAt"`
}

// SavedTeamAnswer is one team after a write.
type SavedTeamAnswer struct {
	Team SavedTeam `json:"team"`
}

// TeamInput is what may be set of a team.
type TeamInput struct {
	Name        *string   `json:"name,omitempty"`
	Title       *string   `json:"title,omitempty"`
	Description *string   `json:"description,omitempty"`
	Users       *[]string `json:"users,omitempty" doc:"Addresses; who has no account is invited"`
}

func (s *Service) teamRoutes() []Route {
	fields := []Param{{Name: "fields", Type: "array", Doc: "Has no effect: answers are complete"}}
	const one = "/v1/teams/{name}"
	return []Route{
		{Method: http.MethodGet, Path: "/v1/teams", ID: "listTeams", Verb: SignedIn, Audit: None, Out: TeamsAnswer{}, Params: fields, Handle: s.teams},
		{
			Method: http.MethodPost, Path: "/v1/teams", ID: "createTeam", Verb: "user.write", Limit: Small, Audit: Domain,
			In: TeamInput{}, Out: SavedTeamAnswer{}, Handle: s.createTeam,
		},
		{Method: http.MethodGet, Path: one, ID: "getTeam", Verb: SignedIn, Audit: None, Out: TeamAnswer{}, Params: fields, Handle: s.team},
		{Method: http.MethodPut, Path: one, ID: "putTeam", Verb: "user.write", Limit: Small, Audit: Domain, In: TeamInput{}, Out: SavedTeamAnswer{}, Handle: s.putTeam},
		{Method: http.MethodPatch, Path: one, ID: "patchTeam", Verb: "user.write", Limit: Small, Audit: Domain, In: TeamInput{}, Out: SavedTeamAnswer{}, Handle: s.patchTeam},
		{
			Method: http.MethodDelete, Path: one, ID: "deleteTeam", Verb: "user.write", Audit: Domain, Handle: s.deleteTeam,
			Params: []Param{{Name: "moveTo", Doc: "The team that gets what this one owns; without it a team that owns something is not deleted"}},
		},
		s.holdingsRoute(),
	}
}

func (s *Service) teams(ctx context.Context, _ *Request) (int, any, error) {
	list, err := s.Auth.TeamDetails(ctx)
	out := TeamsAnswer{Teams: make([]Team, 0, len(list))}
	for _, t := range list {
		out.Teams = append(out.Teams, teamOf(t))
	}
	return 0, out, err
}

// findTeam looks for the name of the address, then for the one with spaces for
// plus signs.
func (s *Service) findTeam(ctx context.Context, r *Request) (auth.TeamDetail, error) {
	t, err := s.Auth.Team(ctx, r.Path["name"])
	if fault.Is(err, fault.NotFound) && r.Spaced("name") != r.Path["name"] {
		return s.Auth.Team(ctx, r.Spaced("name"))
	}
	return t, err
}

func (s *Service) team(ctx context.Context, r *Request) (int, any, error) {
	t, err := s.findTeam(ctx, r)
	return 0, TeamAnswer{Team: teamOf(t)}, err
}

func (s *Service) createTeam(ctx context.Context, r *Request) (int, any, error) {
	var in TeamInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if in.Name == nil {
		return 0, nil, fault.Field("/name", "is missing", "the name of the team")
	}
	if err := s.known(ctx, r, in); err != nil {
		return 0, nil, err
	}
	team := auth.Team{Name: *in.Name, Title: *in.Name}
	if in.Title != nil {
		team.Title = *in.Title
	}
	if in.Description != nil {
		team.Description = *in.Description
	}
	if _, err := s.Auth.CreateTeam(ctx, team, r.Caller.ID); err != nil {
		return 0, nil, err
	}
	if in.Users == nil {
		t, err := s.Auth.Team(ctx, team.Name)
		return 0, SavedTeamAnswer{Team: savedTeam(t)}, err
	}
	t, err := s.Auth.UpdateTeam(ctx, team.Name, auth.TeamChange{Members: in.Users}, r.Caller.ID)
	return 0, SavedTeamAnswer{Team: savedTeam(t)}, err
}

func (s *Service) known(ctx context.Context, r *Request, in TeamInput) error {
	if in.Users == nil {
		return nil
	}
	return s.Auth.Known(ctx, *in.Users, r.Caller.ID)
}

// putTeam clears a description that is not sent; users that are not sent stay,
// because Port's Terraform provider leaves them out where others manage them.
func (s *Service) putTeam(ctx context.Context, r *Request) (int, any, error) {
	return s.changeTeam(ctx, r, true)
}

func (s *Service) patchTeam(ctx context.Context, r *Request) (int, any, error) {
	return s.changeTeam(ctx, r, false)
}

func (s *Service) changeTeam(ctx context.Context, r *Request, replace bool) (int, any, error) {
	var in TeamInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	before, err := s.findTeam(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	if err := s.known(ctx, r, in); err != nil {
		return 0, nil, err
	}
	if replace && in.Description == nil {
		in.Description = new(string)
	}
	name := before.Name
	if in.Name != nil && *in.Name != name {
		if in.Title == nil && before.Title == before.Name {
			in.Title = in.Name
		}
		if err := s.renameTeam(ctx, r, name, *in.Name); err != nil {
			return 0, nil, err
		}
		name = *in.Name
	}
	t, err := s.Auth.UpdateTeam(ctx, name, auth.TeamChange{Title: in.Title, Description: in.Description, Members: in.Users}, r.Caller.ID)
	return 0, SavedTeamAnswer{Team: savedTeam(t)}, err
}

// renameOwner gives what a team owns its new name.
func (s *Service) renameOwner(ctx context.Context, r *Request, before, after string) error {
	all, err := s.Catalog.Blueprints(ctx)
	if err != nil {
		return err
	}
	for _, b := range all {
		for !kept(b.Identifier) {
			page, err := s.Catalog.Search(ctx, catalog.Query{
				Blueprint: b.Identifier, Sort: "$identifier", Limit: 200,
				Rules: []catalog.Rule{{Property: "$team", Operator: "=", Value: before}},
			})
			if err != nil {
				return err
			}
			changed, err := s.handOver(ctx, r, page.Entities, before, after)
			if err != nil {
				return err
			}
			if changed == 0 {
				break // what is left has inherited its owner
			}
		}
	}
	return nil
}

func (s *Service) handOver(ctx context.Context, r *Request, list []catalog.Entity, before, after string) (int, error) {
	writes := make([]catalog.NewEntity, 0, len(list))
	for _, e := range list {
		team := slices.Clone(e.Team)
		for i := range team {
			if team[i] == before {
				team[i] = after
			}
		}
		writes = append(writes, catalog.NewEntity{Identifier: e.Identifier, Blueprint: e.Blueprint, Team: rawJSON(team)})
	}
	items, err := s.Catalog.PutMixed(ctx, writes, catalog.Write{Upsert: true, Merge: true, By: r.Caller.ID, Datasource: r.UserAgent, Cause: "team/" + after})
	changed := 0
	for _, item := range items {
		if item.Err == nil && item.Changed {
			changed++
		}
	}
	return changed, err
}

func teamOf(t auth.TeamDetail) Team {
	out := Team{
		Name: t.Name, Title: t.Title, Description: t.Description, Provider: "port", Members: t.Members, Users: []TeamUser{}, Directory: t.Directory,
		CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.CreatedAt),
	}
	for _, u := range t.People {
		first, last := names(u.Name)
		out.Users = append(out.Users, TeamUser{ID: u.ID, Email: u.Email, FirstName: first, LastName: last, Status: statusOf(u)})
	}
	return out
}

func savedTeam(t auth.TeamDetail) SavedTeam {
	out := SavedTeam{
		Name: t.Name, Title: t.Title, Description: t.Description, Provider: "port", Users: []string{},
		CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.CreatedAt),
	}
	for _, u := range t.People {
		out.Users = append(out.Users, u.Email)
	}
	return out
}
