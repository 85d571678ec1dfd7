package forge

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Page sizes of lists.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// repository is a row of forge_repositories.
type repository struct {
	id, name, formerName, description, defaultBranch, owner, key string
	archived                                                     bool
	rules                                                        []ReviewRule
	createdAt, updatedAt                                         int64
	openPulls                                                    int
}

const repositoryColumns = `r.id, r.name, r.former_name, r.description, r.default_branch, r.owner, r.create_key, r.archived, r.rules, r.created_at, r.updated_at,
	(SELECT COUNT(*) FROM forge_pulls p WHERE p.repository_id = r.id AND p.state = 'open')`

func scanRepository(row interface{ Scan(...any) error }) (repository, error) {
	var r repository
	var archived int64
	var rules string
	if err := row.Scan(&r.id, &r.name, &r.formerName, &r.description, &r.defaultBranch, &r.owner, &r.key, &archived, &rules, &r.createdAt, &r.updatedAt, &r.openPulls); err != nil {
		return repository{}, err
	}
	r.archived = archived == 1
	if err := json.Unmarshal([]byte(rules), &r.rules); err != nil {
		return repository{}, fmt.Errorf("read the review rules of %s: %w", r.name, err)
	}
	return r, nil
}

func (b *Builtin) show(r repository) Repository {
	rules := r.rules
	if rules == nil {
		rules = []ReviewRule{}
	}
	return Repository{
		Name: r.name, Description: r.description, DefaultBranch: r.defaultBranch, Owner: r.owner,
		CloneURL: b.publicURL() + "/git/" + r.name + ".git", Archived: r.archived,
		CreatedAt: store.Time(r.createdAt), UpdatedAt: store.Time(r.updatedAt), OpenPullRequests: r.openPulls, Rules: rules,
	}
}

func (b *Builtin) publicURL() string {
	if b.publicOf == nil {
		return ""
	}
	return strings.TrimSuffix(b.publicOf(), "/")
}

func noRepository(name string) error {
	return fault.New(fault.NotFound, "There is no repository %s.", name)
}

// byName finds a repository by its checked name.
func (b *Builtin) byName(ctx context.Context, q store.Querier, name string) (repository, error) {
	if err := CheckRepositoryName(name); err != nil {
		return repository{}, err
	}
	r, err := scanRepository(q.QueryRowContext(ctx, "SELECT "+repositoryColumns+" FROM forge_repositories r WHERE lower(r.name) = lower($1)", name))
	if errors.Is(err, sql.ErrNoRows) || err == nil && r.name != name {
		return repository{}, noRepository(name)
	}
	if err != nil {
		return repository{}, fmt.Errorf("read repository %s: %w", name, err)
	}
	return r, nil
}

func (b *Builtin) byID(ctx context.Context, id string) (repository, error) {
	r, err := scanRepository(b.db.Read().QueryRowContext(ctx, "SELECT "+repositoryColumns+" FROM forge_repositories r WHERE r.id = $1", id))
	if err != nil {
		return repository{}, fmt.Errorf("read repository %s: %w", id, err)
	}
	return r, nil
}

// writable is byName for changes: archived repositories are refused.
func (b *Builtin) writable(ctx context.Context, q store.Querier, name string) (repository, error) {
	r, err := b.byName(ctx, q, name)
	if err == nil && r.archived {
		err = archivedRefusal(r)
	}
	return r, err
}

func archivedRefusal(r repository) error {
	return fault.New(fault.Conflict, "The repository %s is archived and can only be read.", r.name)
}

// CreateRepository implements Forge. The folder is made first under an id that
// nobody knows, then the row gives it a name: a crash in between leaves only an
// unreferenced folder, which Maintain removes.
func (b *Builtin) CreateRepository(ctx context.Context, in NewRepository) (Repository, error) {
	if in.DefaultBranch == "" {
		in.DefaultBranch = "main"
	}
	if err := checkNewRepository(in); err != nil {
		return Repository{}, err
	}
	if found, err := b.existing(ctx, in); found != nil || err != nil {
		return deref(found), err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Repository{}, fmt.Errorf("make an id: %w", err)
	}
	if err := b.makeBare(id.String(), in.DefaultBranch); err != nil {
		return Repository{}, err
	}
	if err := b.failAt("repository-made"); err != nil {
		return Repository{}, err
	}
	if err := b.insertRepository(ctx, id.String(), in); err != nil {
		if rmErr := b.root.RemoveAll(repositoryDir(id.String())); rmErr != nil {
			b.logger.WarnContext(ctx, "remove a repository folder that got no name", "id", id.String(), "error", rmErr)
		}
		if !store.IsUnique(err) {
			return Repository{}, err
		}
		// Somebody was faster; with the same key it was this very request.
		found, err := b.existing(ctx, in)
		if found == nil && err == nil {
			err = fault.New(fault.Conflict, "The repository %s was created and renamed meanwhile.", in.Name)
		}
		return deref(found), err
	}
	return b.Repository(ctx, in.Name)
}

func deref(r *Repository) Repository {
	if r == nil {
		return Repository{}
	}
	return *r
}

func checkNewRepository(in NewRepository) error {
	if err := CheckRepositoryName(in.Name); err != nil {
		return err
	}
	if group, _, found := strings.Cut(in.Name, "/"); found && strings.EqualFold(group, ArchivedGroup) {
		return fault.Field("name", "is in the group of archived repositories", "another group")
	}
	if err := CheckRefName(in.DefaultBranch); err != nil {
		return err
	}
	if strings.HasPrefix(in.DefaultBranch, portalBranches) {
		return fault.Field("defaultBranch", "is in the group of the portal's branches", "a name that does not start with sphera/")
	}
	return errors.Join(checkLine("description", in.Description, 500), checkLine("owner", in.Owner, 200), checkKey(in.Key))
}

// existing returns the repository with the wanted name if it was made by the
// same key, Taken if by another, and nil if there is none.
func (b *Builtin) existing(ctx context.Context, in NewRepository) (*Repository, error) {
	r, err := scanRepository(b.db.Read().QueryRowContext(ctx, "SELECT "+repositoryColumns+" FROM forge_repositories r WHERE lower(r.name) = lower($1)", in.Name))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil //nolint:nilnil // "none" is an answer here
	case err != nil:
		return nil, fmt.Errorf("look for repository %s: %w", in.Name, err)
	case in.Key == "" || r.key != in.Key || r.name != in.Name:
		return nil, fault.New(fault.Taken, "The repository name %s is taken.", in.Name).With("name", "is taken", "a name no repository has")
	}
	shown := b.show(r)
	return &shown, nil
}

func (b *Builtin) insertRepository(ctx context.Context, id string, in NewRepository) error {
	by, runID := personOf(ctx)
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		now := store.Millis(b.now())
		if _, err := tx.ExecContext(ctx, `INSERT INTO forge_repositories (id, name, description, default_branch, owner, create_key, rules, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, '[]', $7, $7)`, id, in.Name, in.Description, in.DefaultBranch, in.Owner, in.Key, now); err != nil {
			return fmt.Errorf("save repository %s: %w", in.Name, err)
		}
		return b.announce(ctx, tx, change{
			verb: "repository.create", object: "repository/" + in.Name, by: by, runID: runID,
			detail: audit.Detail("id", id, "owner", in.Owner, "key", in.Key), event: Event{Kind: "repository", Repository: in.Name},
		})
	})
}

// Repository implements Forge.
func (b *Builtin) Repository(ctx context.Context, name string) (Repository, error) {
	r, err := b.byName(ctx, b.db.Read(), name)
	if err != nil {
		return Repository{}, err
	}
	return b.show(r), nil
}

// Repositories implements Forge; ordered by name.
func (b *Builtin) Repositories(ctx context.Context, q RepositoryQuery) ([]Repository, string, error) {
	limit := clamp(q.Limit)
	text := "%" + likeEscape(strings.ToLower(q.Text)) + "%"
	args := []any{flag(q.Archived), q.From, text, limit + 1}
	owned := ""
	if q.Owners != nil {
		places := []string{"NULL"}
		for _, team := range q.Owners {
			args = append(args, team)
			places = append(places, "$"+strconv.Itoa(len(args)))
		}
		owned = " AND r.owner IN (" + strings.Join(places, ", ") + ")"
	}
	rows, err := b.db.Read().QueryContext(ctx, `SELECT `+repositoryColumns+` FROM forge_repositories r
		WHERE r.archived = $1 AND r.name > $2 AND (lower(r.name) LIKE $3 ESCAPE '!' OR lower(r.description) LIKE $3 ESCAPE '!')`+owned+`
		ORDER BY r.name LIMIT $4`, args...)
	list, err := store.All(rows, err, scanRepository)
	if err != nil {
		return nil, "", fmt.Errorf("list repositories: %w", err)
	}
	next := ""
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].name
	}
	out := make([]Repository, 0, len(list))
	for _, r := range list {
		out = append(out, b.show(r))
	}
	return out, next, nil
}

func clamp(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return min(limit, maxLimit)
}

func likeEscape(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ArchiveRepository implements Forge. key is the one the repository was made
// with, so that undoing a run cannot hit a later repository of the same name;
// an empty key archives whatever has the name.
func (b *Builtin) ArchiveRepository(ctx context.Context, name, key string) error {
	if err := CheckRepositoryName(name); err != nil {
		return err
	}
	by, runID := personOf(ctx)
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := b.byName(ctx, tx, name)
		switch {
		case fault.Is(err, fault.NotFound) || err == nil && key != "" && r.key != key:
			return b.archivedBefore(ctx, tx, name, key)
		case err != nil:
			return err
		case r.archived:
			return nil
		}
		if err := b.closeAll(ctx, tx, r, by, runID); err != nil {
			return err
		}
		archived := archivedName(r)
		if _, err := tx.ExecContext(ctx, "UPDATE forge_repositories SET name = $1, former_name = $2, archived = 1, updated_at = $3 WHERE id = $4", archived, r.name, store.Millis(b.now()), r.id); err != nil {
			return fmt.Errorf("archive repository %s: %w", name, err)
		}
		return b.announce(ctx, tx, change{
			verb: "repository.archive", object: "repository/" + name, by: by, runID: runID,
			detail: audit.Detail("id", r.id, "renamed", archived), event: Event{Kind: "repository", Repository: name},
		})
	})
}

// archivedName keeps the last part of the name and the end of the id, which is
// its random part.
func archivedName(r repository) string {
	last := r.name[strings.LastIndex(r.name, "/")+1:]
	suffix := "-" + r.id[len(r.id)-12:]
	if room := maxRepositoryName - len(ArchivedGroup) - 1 - len(suffix); len(last) > room {
		last = last[:room]
	}
	return ArchivedGroup + "/" + last + suffix
}

func (b *Builtin) archivedBefore(ctx context.Context, tx *store.Tx, name, key string) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM forge_repositories WHERE former_name = $1 AND former_name <> '' AND (create_key = $2 OR $2 = '')", name, key).Scan(&n); err != nil {
		return fmt.Errorf("look for an archived %s: %w", name, err)
	}
	if n > 0 {
		return nil
	}
	return noRepository(name)
}
