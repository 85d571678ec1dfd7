package auth

import (
	"context"
	"fmt"
	"regexp"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Team owns things together.
type Team struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Members     int    `json:"members"`
	// Directory is the name of the directory whose group the team is; empty for
	// teams of the portal.
	Directory string `json:"directory,omitempty"`
}

// maxTeams bounds the list of teams, which has no pages.
const maxTeams = 1000

// teamPattern is Port's: nearly every text. What would be mistaken in an
// address, or cannot be seen, is left out.
var teamPattern = regexp.MustCompile(`^[^;#/?\s\pC]([^;#/?\pC]*[^;#/?\s\pC])?$`)

const (
	maxTeamName = 100
	teamNames   = "no ; # / ?, no space at its ends, at most 100 characters"
)

func validTeamName(name string) bool {
	return teamPattern.MatchString(name) && clip(name, maxTeamName) == name
}

// CreateTeam makes a team without members. by is who does it.
func (s *Service) CreateTeam(ctx context.Context, team Team, by string) (Team, error) {
	err := s.db.Tx(ctx, func(tx *store.Tx) (err error) {
		team, err = s.CreateTeamIn(ctx, tx, team, by)
		return err
	})
	return team, err
}

// CreateTeamIn is CreateTeam in the caller's transaction.
func (s *Service) CreateTeamIn(ctx context.Context, tx *store.Tx, team Team, by string) (Team, error) {
	if !validTeamName(team.Name) {
		return Team{}, fault.Field("name", "is not a team's name", teamNames)
	}
	if team.Title == "" {
		team.Title = team.Name
	}
	if clip(team.Title, maxName) != team.Title || clip(team.Description, 1000) != team.Description {
		return Team{}, fault.Field("title", "or the description is too long or has control characters", "up to 100 and 1000 characters")
	}
	team.Members = 0
	var count int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_teams").Scan(&count); err != nil {
		return Team{}, fmt.Errorf("count teams: %w", err)
	}
	if count >= maxTeams {
		return Team{}, fault.New(fault.Conflict, "There are already %d teams, the most that one portal holds.", maxTeams)
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO auth_teams (name, title, description, created_at) VALUES ($1, $2, $3, $4)",
		team.Name, team.Title, team.Description, store.Millis(s.now()))
	if store.IsUnique(err) {
		return Team{}, fault.New(fault.Taken, "There is already a team %s.", team.Name)
	}
	if err != nil {
		return Team{}, fmt.Errorf("create a team: %w", err)
	}
	return team, s.event(ctx, tx, by, "team.create", "team/"+team.Name)
}

// Teams lists the teams by name with how many active members each has.
func (s *Service) Teams(ctx context.Context) ([]Team, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT t.name, t.title, t.description, COUNT(u.id), `+directoryOf+` FROM auth_teams t
		LEFT JOIN auth_members m ON m.team = t.name LEFT JOIN auth_users u ON u.id = m.user_id AND u.status = 'active'
		GROUP BY t.name, t.title, t.description ORDER BY t.name LIMIT $1`, maxTeams)
	teams, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (t Team, err error) {
		return t, row.Scan(&t.Name, &t.Title, &t.Description, &t.Members, &t.Directory)
	})
	if err != nil {
		return nil, fmt.Errorf("list teams: %w", err)
	}
	return teams, nil
}
