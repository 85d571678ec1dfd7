package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// A team can be the group of a directory (package scim): the directory decides
// what it is called and which of its people are in it.

// directoryOf is the name of the directory whose group the team is.
const directoryOf = "COALESCE((SELECT MIN(c.name) FROM scim_groups g JOIN scim_clients c ON c.id = g.client_id WHERE g.team = t.name), '')"

// errDirectory refuses what has to be done in the directory.
func errDirectory(team, directory, what string) error {
	return fault.Refuse("directory-decides", fmt.Sprintf("The team %s is a group of the directory %s, which decides %s.", team, directory, what),
		"Change the group in the directory.", "whoever looks after the directory")
}

// own refuses changes of a team that is a directory's group.
func own(ctx context.Context, tx *store.Tx, team, what string) error {
	var directory string
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MIN("+directoryOf+"), '') FROM auth_teams t WHERE t.name = $1", team).Scan(&directory); err != nil {
		return fmt.Errorf("look for the directory of a team: %w", err)
	}
	if directory != "" {
		return errDirectory(team, directory, what)
	}
	return nil
}

// byHand refuses to put somebody whom a directory knows into a team that is its
// group, or to take them out. Others may be in it as well.
func byHand(ctx context.Context, tx *store.Tx, user string, before, after []string) error {
	for _, team := range sorted(append(slices.Clone(before), after...)) {
		if slices.Contains(before, team) == slices.Contains(after, team) {
			continue
		}
		rows, err := tx.QueryContext(ctx, `SELECT c.name FROM scim_groups g JOIN scim_clients c ON c.id = g.client_id
			JOIN scim_users u ON u.client_id = g.client_id WHERE g.team = $1 AND u.user_id = $2 AND CAST(u.doc AS TEXT) <> 'null'`, team, user)
		names, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (name string, err error) { return name, row.Scan(&name) })
		if err != nil {
			return fmt.Errorf("look for the directory of a person: %w", err)
		}
		if len(names) > 0 {
			return errDirectory(clip(team, maxTeamName), names[0], "which of its people are in it")
		}
	}
	return nil
}

// TitleTeam and MoveMembers are what a directory changes of its team, in its
// transaction.
func (s *Service) TitleTeam(ctx context.Context, tx *store.Tx, team, title, by string) error {
	if err := s.describeTeam(ctx, tx, team, TeamChange{Title: &title}); err != nil {
		return err
	}
	return s.event(ctx, tx, by, "team.update", "team/"+team, "name", team, "before", team)
}

// MoveMembers puts people into a team and takes others out.
func (s *Service) MoveMembers(ctx context.Context, tx *store.Tx, team string, in, out []string, by string) error {
	for _, id := range sorted(append(slices.Clone(in), out...)) {
		statement := "DELETE FROM auth_members WHERE user_id = $1 AND team = $2"
		if slices.Contains(in, id) {
			statement = "INSERT INTO auth_members (user_id, team) VALUES ($1, $2) ON CONFLICT (user_id, team) DO NOTHING"
		}
		result, err := tx.ExecContext(ctx, statement, id, team)
		if err != nil {
			return fmt.Errorf("change the people of a team: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			if err != nil {
				return err
			}
			continue
		}
		u, err := s.oneUser(ctx, tx, "id = $1", id)
		if err != nil {
			return err
		}
		tx.Notify(Topic, id)
		if err := errors.Join(rightsChanged(ctx, tx, id), s.event(ctx, tx, by, "user.update", "user/"+id, "teams", u.Teams)); err != nil {
			return err
		}
	}
	return nil
}
