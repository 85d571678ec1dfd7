package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// TeamDetail is a team with the people in it.
type TeamDetail struct {
	Team
	People    []User
	CreatedAt time.Time
}

// TeamChange is what to change of a team; nil fields stay. Members are
// addresses.
type TeamChange struct {
	Title       *string
	Description *string
	Members     *[]string
}

// Team returns one team by name with its people, by address.
func (s *Service) Team(ctx context.Context, name string) (TeamDetail, error) {
	list, err := s.teamDetails(ctx, s.db.Read(), name)
	if err != nil {
		return TeamDetail{}, err
	}
	if len(list) == 0 {
		return TeamDetail{}, fault.New(fault.NotFound, "There is no team %q.", clip(name, maxTeamName))
	}
	return list[0], nil
}

// TeamDetails lists all teams by name with their people.
func (s *Service) TeamDetails(ctx context.Context) ([]TeamDetail, error) {
	return s.teamDetails(ctx, s.db.Read(), "")
}

// teamDetails reads one team, or all when name is empty.
func (s *Service) teamDetails(ctx context.Context, q store.Querier, name string) ([]TeamDetail, error) {
	rows, err := q.QueryContext(ctx, "SELECT t.name, t.title, t.description, t.created_at, "+directoryOf+" FROM auth_teams t WHERE $1 = '' OR t.name = $1 ORDER BY t.name LIMIT $2", name, maxTeams)
	teams, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (t TeamDetail, err error) {
		var created int64
		err = row.Scan(&t.Name, &t.Title, &t.Description, &created, &t.Directory)
		t.CreatedAt, t.People = store.Time(created), []User{}
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("read teams: %w", err)
	}
	index := make(map[string]*TeamDetail, len(teams))
	for i := range teams {
		index[teams[i].Name] = &teams[i]
	}
	type member struct {
		team string
		User
	}
	rows, err = q.QueryContext(ctx, `SELECT m.team, u.id, u.email, u.name, u.status FROM auth_members m JOIN auth_users u ON u.id = m.user_id
		WHERE $1 = '' OR m.team = $1 ORDER BY u.email_key`, name)
	members, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (m member, err error) {
		return m, row.Scan(&m.team, &m.ID, &m.Email, &m.Name, &m.Status)
	})
	if err != nil {
		return nil, fmt.Errorf("read the people of teams: %w", err)
	}
	for _, m := range members {
		if t := index[m.team]; t != nil {
			t.People = append(t.People, m.User)
			if m.Status == Active {
				t.Members++
			}
		}
	}
	return teams, nil
}

// UpdateTeam changes a team.
func (s *Service) UpdateTeam(ctx context.Context, name string, c TeamChange, by string) (TeamDetail, error) {
	var out TeamDetail
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		var title string
		err := tx.QueryRowContext(ctx, "SELECT title FROM auth_teams WHERE name = $1"+tx.ForUpdate(), name).Scan(&title)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "There is no team %q.", clip(name, maxTeamName))
		}
		if err != nil {
			return fmt.Errorf("read a team: %w", err)
		}
		if c.Title != nil && *c.Title != title {
			if err := own(ctx, tx, name, "what it is called"); err != nil {
				return err
			}
		}
		if err := s.describeTeam(ctx, tx, name, c); err != nil {
			return err
		}
		if c.Members != nil {
			if err := s.setMembers(ctx, tx, name, *c.Members); err != nil {
				return err
			}
		}
		list, err := s.teamDetails(ctx, tx, name)
		if err != nil {
			return err
		}
		out = list[0]
		return s.event(ctx, tx, by, "team.update", "team/"+name, "name", name, "before", name)
	})
	return out, err
}

func (s *Service) describeTeam(ctx context.Context, tx *store.Tx, name string, c TeamChange) error {
	for column, value := range map[string]*string{"title": c.Title, "description": c.Description} {
		if value == nil {
			continue
		}
		if clip(*value, 1000) != *value {
			return fault.Field(column, "is too long or has control characters", "at most 1000 characters")
		}
		if _, err := tx.ExecContext(ctx, "UPDATE auth_teams SET "+column+" = $1 WHERE name = $2", *value, name); err != nil {
			return fmt.Errorf("change a team: %w", err)
		}
	}
	return nil
}

// setMembers makes exactly the accounts with these addresses the team's.
func (s *Service) setMembers(ctx context.Context, tx *store.Tx, team string, emails []string) error {
	rows, err := tx.QueryContext(ctx, "SELECT u.id FROM auth_members m JOIN auth_users u ON u.id = m.user_id WHERE m.team = $1 ORDER BY u.id", team)
	before, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return fmt.Errorf("read the people of a team: %w", err)
	}
	var after []string
	for _, email := range emails {
		u, err := s.oneUser(ctx, tx, "email_key = $1", emailKey(email))
		if fault.Is(err, fault.NotFound) {
			return fault.Field("users", "has nobody with the address "+clip(email, maxEmail), "addresses of users")
		}
		if err != nil {
			return err
		}
		after = append(after, u.ID)
	}
	after = sorted(after)
	for _, id := range sorted(append(slices.Clone(before), after...)) {
		was, is := []string{}, []string{}
		if slices.Contains(before, id) {
			was = []string{team}
		}
		if slices.Contains(after, id) {
			is = []string{team}
		}
		if err := byHand(ctx, tx, id, was, is); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM auth_members WHERE team = $1", team); err != nil {
		return fmt.Errorf("change the people of a team: %w", err)
	}
	for _, id := range after {
		if _, err := tx.ExecContext(ctx, "INSERT INTO auth_members (user_id, team) VALUES ($1, $2)", id, team); err != nil {
			return fmt.Errorf("change the people of a team: %w", err)
		}
	}
	for _, id := range append(before, after...) {
		if slices.Contains(before, id) != slices.Contains(after, id) {
			tx.Notify(Topic, id)
			if err := rightsChanged(ctx, tx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// DeleteTeam deletes a team; its people stay.
func (s *Service) DeleteTeam(ctx context.Context, name, by string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		if err := own(ctx, tx, name, "whether it is there"); err != nil {
			return err
		}
		if err := s.setMembers(ctx, tx, name, nil); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM auth_teams WHERE name = $1", name)
		if err != nil {
			return fmt.Errorf("delete a team: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.New(fault.NotFound, "There is no team %q.", clip(name, maxTeamName)))
		}
		return s.event(ctx, tx, by, "team.delete", "team/"+name)
	})
}
