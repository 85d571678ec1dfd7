package scim

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// group is a group of a directory and the team that it became.
type group struct {
	ID, External, Name, Team string
	Created, Updated         time.Time
	Members                  []string
}

const groupColumns = "id, external_id, display_name, team, created_at, updated_at"

func scanGroup(row interface{ Scan(...any) error }) (g group, err error) {
	var created, updated int64
	err = row.Scan(&g.ID, &g.External, &g.Name, &g.Team, &created, &updated)
	g.Created, g.Updated = store.Time(created), store.Time(updated)
	return g, err
}

// group reads one; lock is " FOR UPDATE" where it is to be changed.
func (s *Service) group(ctx context.Context, q store.Querier, c Client, id, lock string) (group, error) {
	g, err := scanGroup(q.QueryRowContext(ctx, "SELECT "+groupColumns+" FROM scim_groups WHERE client_id = $1 AND id = $2"+lock, c.ID, id))
	if errors.Is(err, sql.ErrNoRows) {
		return group{}, errMissing()
	}
	if err != nil {
		return group{}, fmt.Errorf("read a group of a directory: %w", err)
	}
	g.Members, err = s.members(ctx, q, c, g.Team)
	return g, err
}

// members are those people of a team whom the directory has told of.
func (s *Service) members(ctx context.Context, q store.Querier, c Client, team string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT m.user_id FROM auth_members m JOIN scim_users u ON u.user_id = m.user_id AND u.client_id = $1
		WHERE m.team = $2 AND CAST(u.doc AS TEXT) <> 'null' ORDER BY m.user_id`, c.ID, team)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("read the members of a group: %w", err)
	}
	return list, nil
}

// readGroup takes from a resource what a team is made of.
func readGroup(doc map[string]any) (g group, err error) {
	var ok bool
	if g.Name, ok = doc["displayName"].(string); !ok || strings.TrimSpace(g.Name) == "" || len(g.Name) > 100 {
		return group{}, bad("invalidValue", "displayName is missing, no text, or longer than 100 characters.")
	}
	if v, has := doc["externalId"]; has && v != nil {
		if g.External, ok = v.(string); !ok || len(g.External) > 250 {
			return group{}, bad("invalidValue", "externalId is no text, or too long.")
		}
	}
	list, _ := doc["members"].([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		id, ok := m["value"].(string)
		if !ok || id == "" {
			return group{}, bad("invalidValue", "A member has no value.")
		}
		g.Members = append(g.Members, id)
	}
	slices.Sort(g.Members)
	g.Members = slices.Compact(g.Members)
	return g, nil
}

// teamName is the name of the team of a group: that of the group, without what
// a team's name cannot hold.
func teamName(display string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if strings.ContainsRune(";#/?", r) {
			return '-'
		}
		return r
	}, display))
}

func (s *Service) createGroup(ctx context.Context, c Client, doc map[string]any) (group, error) {
	g, err := readGroup(doc)
	if err != nil {
		return group{}, err
	}
	g.ID, g.Team, g.Created, g.Updated = uuid.Must(uuid.NewV7()).String(), teamName(g.Name), s.d.Now(), s.d.Now()
	err = s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := s.checkMembers(ctx, tx, c, g.Members); err != nil {
			return err
		}
		var there int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_teams WHERE name = $1", g.Team).Scan(&there); err != nil {
			return fmt.Errorf("look for a team: %w", err)
		}
		if there == 0 { // a team of that name is the group's from now on
			if _, err := s.d.Auth.CreateTeamIn(ctx, tx, auth.Team{Name: g.Team, Title: g.Name}, by(c)); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO scim_groups (client_id, id, external_id, display_name, display_key, team, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`, c.ID, g.ID, g.External, g.Name, fold(g.Name), g.Team, store.Millis(g.Created))
		if store.IsUnique(err) {
			return errDisplayName()
		}
		if err != nil {
			return fmt.Errorf("create a group of a directory: %w", err)
		}
		if err := s.d.Auth.MoveMembers(ctx, tx, g.Team, g.Members, nil, by(c)); err != nil {
			return err
		}
		return s.recordGroup(ctx, tx, c, g, "create")
	})
	return g, err
}

func errDisplayName() error {
	return fault.New(fault.Taken, "There is already a group with this displayName.")
}

func (s *Service) recordGroup(ctx context.Context, tx *store.Tx, c Client, g group, operation string) error {
	return s.d.Audit.Append(ctx, tx, audit.Event{
		Actor: by(c), ActorName: c.Name, Verb: "scim.group", Object: "team/" + g.Team, Detail: audit.Detail("client", c.Name, "team", g.Team, "operation", operation),
	})
}

func (s *Service) checkMembers(ctx context.Context, q store.Querier, c Client, ids []string) error {
	for _, id := range ids {
		if _, err := s.user(ctx, q, c, id); missing(err) {
			return bad("invalidValue", "A member is no user of this directory.")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// without are those of list that are not in other.
func without(list, other []string) []string {
	in := make(map[string]bool, len(other))
	for _, v := range other {
		in[v] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return in[v] })
}

// saveGroup changes a group with its members, all of it or nothing. Another
// displayName is the team's title: its name stays, because what the team owns is
// known by it. People whom an administrator put into the team stay.
func (s *Service) saveGroup(ctx context.Context, c Client, id string, change func(doc map[string]any) (map[string]any, error)) (group, error) {
	var after group
	err := s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		before, err := s.group(ctx, tx, c, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		doc, err := change(groupDoc(before))
		if err != nil {
			return err
		}
		if after, err = readGroup(doc); err != nil {
			return err
		}
		in := without(after.Members, before.Members)
		if err := s.checkMembers(ctx, tx, c, in); err != nil {
			return err
		}
		after.ID, after.Team, after.Created, after.Updated = id, before.Team, before.Created, s.d.Now()
		if after.Name != before.Name {
			if err := s.d.Auth.TitleTeam(ctx, tx, after.Team, after.Name, by(c)); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE scim_groups SET external_id = $1, display_name = $2, display_key = $3, updated_at = $4 WHERE client_id = $5 AND id = $6",
			after.External, after.Name, fold(after.Name), store.Millis(after.Updated), c.ID, id)
		if store.IsUnique(err) {
			return errDisplayName()
		}
		if err != nil {
			return fmt.Errorf("change a group of a directory: %w", err)
		}
		if err := s.d.Auth.MoveMembers(ctx, tx, after.Team, in, without(before.Members, after.Members), by(c)); err != nil {
			return err
		}
		return s.recordGroup(ctx, tx, c, after, "save")
	})
	return after, err
}

// deleteGroup takes the directory's people out of the team. The team stays: it
// owns things.
func (s *Service) deleteGroup(ctx context.Context, c Client, id string) error {
	return s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		g, err := s.group(ctx, tx, c, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM scim_groups WHERE client_id = $1 AND id = $2", c.ID, id); err != nil {
			return fmt.Errorf("delete a group of a directory: %w", err)
		}
		if err := s.d.Auth.MoveMembers(ctx, tx, g.Team, nil, g.Members, by(c)); err != nil {
			return err
		}
		return s.recordGroup(ctx, tx, c, g, "delete")
	})
}

func groupDoc(g group) map[string]any {
	members := make([]any, 0, len(g.Members))
	for _, id := range g.Members {
		members = append(members, map[string]any{"value": id})
	}
	out := map[string]any{"displayName": g.Name, "members": members}
	if g.External != "" {
		out["externalId"] = g.External
	}
	return out
}

func (s *Service) groupResource(g group) map[string]any {
	out := groupDoc(g)
	out["schemas"], out["id"] = []string{schemaGroup}, g.ID
	out["meta"] = map[string]any{
		"resourceType": "Group", "created": g.Created.UTC().Format(time.RFC3339), "lastModified": g.Updated.UTC().Format(time.RFC3339),
		"location": s.d.PublicURL() + "/scim/v2/Groups/" + g.ID,
	}
	return out
}
