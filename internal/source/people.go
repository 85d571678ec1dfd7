package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Accounts is the source of what people and teams have from their accounts.
const Accounts = "accounts"

const (
	teamBlueprint = "_team"
	userBlueprint = "_user"
)

// People keeps _team and _user in step with the accounts. What others add to
// those entities stays.
type People struct {
	db      *store.DB
	auth    *auth.Service
	catalog *catalog.Catalog
	audit   *audit.Log
}

// NewPeople returns the keeper of _team and _user.
func NewPeople(db *store.DB, a *auth.Service, c *catalog.Catalog, log *audit.Log) *People {
	return &People{db: db, auth: a, catalog: c, audit: log}
}

// Work keeps in step until ctx ends.
func (p *People) Work(ctx context.Context, log *slog.Logger) error {
	notes, stop := p.db.Subscribe(audit.Topic)
	defer stop()
	if err := p.catalog.EnsureSystem(ctx); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "making the system blueprints failed", "error", err)
	}
	for {
		if err := p.Sync(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "bringing teams and users into the catalog failed", "error", err)
		}
		if !changed(ctx, notes) {
			return nil
		}
	}
}

// changed waits for a change of an account or a team; false when ctx ended.
func changed(ctx context.Context, notes <-chan string) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case object := <-notes:
			if !ofAccounts(object) {
				continue
			}
		}
		for { // whatever else has come meanwhile is looked at in one go
			select {
			case <-notes:
				continue
			default:
			}
			return true
		}
	}
}

func ofAccounts(object string) bool {
	return object == "" || strings.HasPrefix(object, "user/") || strings.HasPrefix(object, "team/")
}

// Sync brings every team and user into the catalog, and takes out those that
// have no account any more.
func (p *People) Sync(ctx context.Context) error {
	teams, err := p.auth.Teams(ctx)
	if err != nil {
		return err
	}
	there, err := p.there(ctx, teamBlueprint)
	if err != nil {
		return err
	}
	list := make([]catalog.NewEntity, 0, len(teams))
	names := make(map[string]string, len(teams))
	for _, t := range teams {
		names[identifier(t.Name)] = t.Name
		list = append(list, catalog.NewEntity{Identifier: identifier(t.Name), Title: t.Title, Properties: map[string]any{"description": textOr(t.Description), "size": t.Members}})
	}
	if err := p.renamed(ctx, list, names, there); err != nil {
		return err
	}
	if err := p.put(ctx, teamBlueprint, list, there); err != nil {
		return err
	}
	users, err := p.users(ctx)
	if err != nil {
		return err
	}
	if there, err = p.there(ctx, userBlueprint); err != nil {
		return err
	}
	return p.put(ctx, userBlueprint, users, there)
}

// notInIdentifiers is what the catalog does not take in an identifier.
var notInIdentifiers = regexp.MustCompile(`[^\p{L}0-9@_.+:\\/=-]+`)

// identifier is a name as far as the identifier of an entity can have it. What
// had to be changed ends in a digest of the name, so that no two become one.
func identifier(name string) string {
	out := notInIdentifiers.ReplaceAllString(name, "_")
	if out == name {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return out + "_" + hex.EncodeToString(sum[:3])
}

func textOr(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (p *People) users(ctx context.Context) ([]catalog.NewEntity, error) {
	var list []catalog.NewEntity
	for from := ""; ; {
		users, next, err := p.auth.Users(ctx, "", 1000, from)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			status, role := "Active", "Member"
			if u.Status != auth.Active {
				status = "Disabled"
			}
			if slices.Contains(u.Roles, auth.Administrator) {
				role = "Admin"
			}
			team, err := json.Marshal(u.Teams)
			if err != nil {
				return nil, fmt.Errorf("encode the teams of a user: %w", err)
			}
			name := u.Email
			if name == "" {
				name = u.Name
			}
			list = append(list, catalog.NewEntity{
				Identifier: identifier(name), Title: u.Name, Team: team,
				Properties: map[string]any{"status": status, "port_role": role, "port_type": "Standard"},
			})
		}
		if from = next; from == "" {
			return list, nil
		}
	}
}

// there lists the entities of a blueprint; true for those that came from an
// account.
func (p *People) there(ctx context.Context, blueprint string) (map[string]bool, error) {
	out := map[string]bool{}
	for from := ""; ; {
		page, err := p.catalog.Search(ctx, catalog.Query{Blueprint: blueprint, Sort: "$identifier", Limit: 1000, From: from})
		if err != nil {
			return nil, err
		}
		ids := make([]string, 0, len(page.Entities))
		for _, e := range page.Entities {
			ids = append(ids, e.Identifier)
		}
		writers, err := p.catalog.Writers(ctx, blueprint, ids)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			_, ours := writers[id][Accounts]
			out[id] = ours
		}
		if from = page.Next; from == "" {
			return out, nil
		}
	}
}

func (p *People) write() catalog.Write {
	return catalog.Write{Upsert: true, Merge: true, By: audit.System, Source: Accounts, Datasource: "sphera/" + Accounts}
}

// renamed renames the entity of a team that has another name now, so that what
// was added to it, and what points at it, goes along.
func (p *People) renamed(ctx context.Context, teams []catalog.NewEntity, names map[string]string, there map[string]bool) error {
	for _, t := range teams {
		if _, known := there[t.Identifier]; known {
			continue
		}
		events, _, err := p.audit.List(ctx, p.db, audit.Filter{Object: "team/" + names[t.Identifier], Verb: "team.update", Limit: 10})
		if err != nil {
			return err
		}
		for _, e := range events {
			var detail struct {
				Before string `json:"before"`
			}
			if err := json.Unmarshal(e.Detail, &detail); err != nil {
				return fmt.Errorf("read what happened to team %s: %w", t.Identifier, err)
			}
			before := identifier(detail.Before)
			if _, stays := names[before]; stays || !there[before] {
				continue
			}
			if _, err := p.catalog.PatchEntity(ctx, teamBlueprint, before, catalog.NewEntity{Identifier: t.Identifier}, p.write()); err != nil {
				return err
			}
			delete(there, before)
			there[t.Identifier] = true
			break
		}
	}
	return nil
}

// put writes what differs and deletes what has no account any more. One that
// something requires stays, with its last state.
func (p *People) put(ctx context.Context, blueprint string, list []catalog.NewEntity, there map[string]bool) error {
	for part := range slices.Chunk(list, 500) {
		items, err := p.catalog.PutMany(ctx, blueprint, part, p.write())
		if err != nil {
			return err
		}
		for i, item := range items {
			delete(there, part[i].Identifier)
			if item.Err != nil {
				return fmt.Errorf("%s %s: %w", blueprint, part[i].Identifier, item.Err)
			}
		}
	}
	for id, ours := range there {
		if !ours {
			continue
		}
		_, err := p.catalog.DeleteMany(ctx, blueprint, []string{id}, catalog.DeleteOptions{By: audit.System, Datasource: "sphera/" + Accounts})
		if err != nil && !fault.Is(err, fault.HasDependents) {
			return err
		}
	}
	return nil
}
