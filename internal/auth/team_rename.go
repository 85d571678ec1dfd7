package auth

import (
	"context"
	"errors"
	"fmt"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// A team is renamed in three steps, because what it owns cannot be given away in
// one: CopyTeam makes one of the new name with the same people, then what it has
// is given to that one, and DropTeam takes the old one away.

// CopyTeam makes the team now with the words and the people of name.
func (s *Service) CopyTeam(ctx context.Context, name, now string) error {
	if !validTeamName(now) {
		return fault.Field("name", "is not a team's name", teamNames)
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		if err := own(ctx, tx, name, "what it is called"); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, "INSERT INTO auth_teams (name, title, description, created_at) SELECT $2, title, description, created_at FROM auth_teams WHERE name = $1", name, now)
		if store.IsUnique(err) {
			return fault.New(fault.Taken, "There is already a team %s (identifier_taken).", now)
		}
		if err != nil {
			return fmt.Errorf("rename a team: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.New(fault.NotFound, "There is no team %q.", clip(name, maxTeamName)))
		}
		people, err := peopleOf(ctx, tx, name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO auth_members (user_id, team) SELECT user_id, $2 FROM auth_members WHERE team = $1", name, now); err != nil {
			return fmt.Errorf("rename a team: %w", err)
		}
		for _, id := range people {
			if err := rightsChanged(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropTeam takes a team away whose people and things are those of now.
func (s *Service) DropTeam(ctx context.Context, name, now, by string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		people, err := peopleOf(ctx, tx, name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_teams WHERE name = $1", name); err != nil {
			return fmt.Errorf("rename a team: %w", err)
		}
		for _, id := range people {
			tx.Notify(Topic, id)
			if err := rightsChanged(ctx, tx, id); err != nil {
				return err
			}
		}
		return s.event(ctx, tx, by, "team.update", "team/"+now, "name", now, "before", name)
	})
}

func peopleOf(ctx context.Context, tx *store.Tx, team string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT user_id FROM auth_members WHERE team = $1 ORDER BY user_id", team)
	people, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("read the people of a team: %w", err)
	}
	return people, nil
}

// ServicesOf counts the service accounts of a team.
func (s *Service) ServicesOf(ctx context.Context, team string) (n int, err error) {
	if err := s.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_services WHERE team = $1", team).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the service accounts of a team: %w", err)
	}
	return n, nil
}

// MoveServices gives the service accounts of a team to another.
func (s *Service) MoveServices(ctx context.Context, before, after string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE auth_services SET team = $2 WHERE team = $1", before, after); err != nil {
			return fmt.Errorf("give service accounts to another team: %w", err)
		}
		return nil
	})
}
