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

func (s *Service) group(ctx context.Context, c Client, id string) (group, error) {
	g, err := scanGroup(s.d.DB.Read().QueryRowContext(ctx, "SELECT "+groupColumns+" FROM scim_groups WHERE client_id = $1 AND id = $2", c.ID, id))
	if errors.Is(err, sql.ErrNoRows) {
		return group{}, errMissing()
	}
	if err != nil {
		return group{}, fmt.Errorf("read a group of a directory: %w", err)
	}
	g.Members, err = s.members(ctx, c, g.Team)
	return g, err
}

// members are those people of a team whom the directory has told of.
func (s *Service) members(ctx context.Context, c Client, team string) ([]string, error) {
	rows, err := s.d.DB.Read().QueryContext(ctx, `SELECT m.user_id FROM auth_members m JOIN scim_users u ON u.user_id = m.user_id AND u.client_id = $1
		WHERE m.team = $2 AND CAST(u.doc AS TEXT) <> 'null' ORDER BY m.user_id`, c.ID, team)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("read the members of a group: %w", err)
	}
	return list, nil
}

func (s *Service) groups(ctx context.Context, c Client) ([]group, error) {
	rows, err := s.d.DB.Read().QueryContext(ctx, "SELECT "+groupColumns+" FROM scim_groups WHERE client_id = $1 ORDER BY display_key LIMIT 1000", c.ID)
	list, err := store.All(rows, err, scanGroup)
	if err != nil {
		return nil, fmt.Errorf("list the groups of a directory: %w", err)
	}
	for i := range list {
		if list[i].Members, err = s.members(ctx, c, list[i].Team); err != nil {
			return nil, err
		}
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
	if err := s.checkMembers(ctx, c, g.Members); err != nil {
		return group{}, err
	}
	g.ID, g.Team, g.Created, g.Updated = uuid.Must(uuid.NewV7()).String(), teamName(g.Name), s.d.Now(), s.d.Now()
	_, err = s.d.Auth.CreateTeam(ctx, auth.Team{Name: g.Team, Title: g.Name}, by(c))
	if err != nil && !fault.Is(err, fault.Taken) { // a team of that name is the group's from now on
		return group{}, err
	}
	err = s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO scim_groups (client_id, id, external_id, display_name, display_key, team, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`, c.ID, g.ID, g.External, g.Name, fold(g.Name), g.Team, store.Millis(g.Created))
		if store.IsUnique(err) {
			return fault.New(fault.Taken, "There is already a group with this displayName.")
		}
		if err != nil {
			return fmt.Errorf("create a group of a directory: %w", err)
		}
		return s.recordGroup(ctx, tx, c, g, "create")
	})
	if err != nil {
		return group{}, err
	}
	return g, s.setMembers(ctx, c, g.Team, nil, g.Members)
}

func (s *Service) recordGroup(ctx context.Context, tx *store.Tx, c Client, g group, operation string) error {
	return s.d.Audit.Append(ctx, tx, audit.Event{
		Actor: by(c), ActorName: c.Name, Verb: "scim.group", Object: "team/" + g.Team, Detail: audit.Detail("client", c.Name, "team", g.Team, "operation", operation),
	})
}

func (s *Service) checkMembers(ctx context.Context, c Client, ids []string) error {
	for _, id := range ids {
		if _, err := s.user(ctx, c, id); missing(err) {
			return bad("invalidValue", "A member is no user of this directory.")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// setMembers changes who of the directory's people is in a team. Others in it
// stay: an administrator put them there.
func (s *Service) setMembers(ctx context.Context, c Client, team string, before, after []string) error {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(before), after...)))) {
		in := slices.Contains(after, id)
		if slices.Contains(before, id) == in {
			continue
		}
		u, err := s.d.Auth.User(ctx, id)
		if err != nil {
			return err
		}
		teams := slices.DeleteFunc(slices.Clone(u.Teams), func(t string) bool { return t == team })
		if in {
			teams = append(teams, team)
		}
		if _, err := s.d.Auth.UpdateUser(ctx, id, auth.UserChange{Teams: &teams}, by(c)); err != nil {
			return err
		}
	}
	return nil
}

// saveGroup changes a group. Another displayName is the team's title: its name
// stays, because what the team owns is known by it.
func (s *Service) saveGroup(ctx context.Context, c Client, id string, change func(doc map[string]any) (map[string]any, error)) (group, error) {
	before, err := s.group(ctx, c, id)
	if err != nil {
		return group{}, err
	}
	doc, err := change(groupDoc(before))
	if err != nil {
		return group{}, err
	}
	after, err := readGroup(doc)
	if err != nil {
		return group{}, err
	}
	added := slices.DeleteFunc(slices.Clone(after.Members), func(m string) bool { return slices.Contains(before.Members, m) })
	if err := s.checkMembers(ctx, c, added); err != nil {
		return group{}, err
	}
	after.ID, after.Team, after.Created, after.Updated = id, before.Team, before.Created, s.d.Now()
	if after.Name != before.Name {
		if _, err := s.d.Auth.UpdateTeam(ctx, after.Team, auth.TeamChange{Title: &after.Name}, by(c)); err != nil {
			return group{}, err
		}
	}
	err = s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE scim_groups SET external_id = $1, display_name = $2, display_key = $3, updated_at = $4 WHERE client_id = $5 AND id = $6",
			after.External, after.Name, fold(after.Name), store.Millis(after.Updated), c.ID, id)
		if store.IsUnique(err) {
			return fault.New(fault.Taken, "There is already a group with this displayName.")
		}
		if err != nil {
			return fmt.Errorf("change a group of a directory: %w", err)
		}
		return s.recordGroup(ctx, tx, c, after, "save")
	})
	if err != nil {
		return group{}, err
	}
	return after, s.setMembers(ctx, c, after.Team, before.Members, after.Members)
}

// deleteGroup takes the directory's people out of the team. The team stays: it
// owns things.
func (s *Service) deleteGroup(ctx context.Context, c Client, id string) error {
	g, err := s.group(ctx, c, id)
	if err != nil {
		return err
	}
	if err := s.setMembers(ctx, c, g.Team, g.Members, nil); err != nil {
		return err
	}
	return s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM scim_groups WHERE client_id = $1 AND id = $2", c.ID, id); err != nil {
			return fmt.Errorf("delete a group of a directory: %w", err)
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
