package flag

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

type row interface{ Scan(...any) error }

func encode(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write a flag: %w", err)
	}
	return string(raw), nil
}

func decode(raw string, into any) error {
	if err := json.Unmarshal([]byte(raw), into); err != nil {
		return fmt.Errorf("read a flag: %w", err)
	}
	return nil
}

const flagColumns = `SELECT f.project, p.service, f.key, f.settings, f.salt, f.last, f.version, f.created_at, f.created_by, f.updated_at, f.archived_at
	FROM flags f JOIN flag_projects p ON p.key = f.project`

func scanFlag(r row) (stored, error) {
	var s stored
	var settings string
	var created, updated, archived int64
	if err := r.Scan(&s.Project, &s.Service, &s.Key, &settings, &s.Salt, &s.last, &s.Version, &created, &s.CreatedBy, &updated, &archived); err != nil {
		return s, err
	}
	s.CreatedAt, s.UpdatedAt = store.Time(created), store.Time(updated)
	if archived > 0 {
		at := store.Time(archived)
		s.ArchivedAt = &at
	}
	s.settings, s.versions = map[string]Setting{}, map[string]int64{}
	return s, decode(settings, &s.Settings)
}

// environmentRow is one row of flag_environments.
type environmentRow struct {
	flag, environment string
	setting           Setting
	version           int64
	updatedAt         int64
	by, byName        string
}

const environmentColumns = `SELECT flag, environment, setting, version, updated_at, updated_by, updated_by_name FROM flag_environments`

func scanEnvironment(r row) (environmentRow, error) {
	var e environmentRow
	var setting string
	if err := r.Scan(&e.flag, &e.environment, &setting, &e.version, &e.updatedAt, &e.by, &e.byName); err != nil {
		return e, err
	}
	return e, decode(setting, &e.setting)
}

func scanSegment(r row) (Segment, error) {
	var s Segment
	var key, raw, by string
	var version, at int64
	if err := r.Scan(&s.Project, &key, &raw, &version, &at, &by); err != nil {
		return s, err
	}
	err := decode(raw, &s)
	s.Key, s.Version, s.UpdatedAt, s.UpdatedBy = key, version, store.Time(at), by
	return s, err
}

// load reads one project with all of its flags.
func (f *Flags) load(ctx context.Context, q store.Querier, key string) (*whole, error) {
	p := &whole{key: key}
	var raw string
	var version int64
	err := q.QueryRowContext(ctx, `SELECT service, settings, settings_version FROM flag_projects WHERE key = $1`, key).Scan(&p.service, &raw, &version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noProject(key)
	}
	if err != nil {
		return nil, fmt.Errorf("read flag project %s: %w", key, err)
	}
	if p.settings, err = projectSettings(raw, version); err != nil {
		return nil, err
	}
	if p.revisions, err = revisions(ctx, q, key); err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, flagColumns+` WHERE f.project = $1 ORDER BY f.key`, key)
	if p.flags, err = store.All(rows, err, func(r interface{ Scan(...any) error }) (stored, error) { return scanFlag(r) }); err != nil {
		return nil, fmt.Errorf("read the flags of %s: %w", key, err)
	}
	rows, err = q.QueryContext(ctx, environmentColumns+` WHERE project = $1 ORDER BY flag`, key)
	environments, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (environmentRow, error) { return scanEnvironment(r) })
	if err != nil {
		return nil, fmt.Errorf("read the flags of %s: %w", key, err)
	}
	at := 0
	for _, e := range environments {
		for at < len(p.flags) && p.flags[at].Key < e.flag {
			at++
		}
		if at < len(p.flags) && p.flags[at].Key == e.flag {
			p.flags[at].settings[e.environment] = e.setting
			p.flags[at].versions[e.environment] = e.version
		}
	}
	p.segments, err = f.segments(ctx, q, key)
	return p, err
}

func (f *Flags) segments(ctx context.Context, q store.Querier, project string) ([]Segment, error) {
	rows, err := q.QueryContext(ctx, `SELECT project, key, segment, version, updated_at, updated_by FROM flag_segments WHERE project = $1 ORDER BY key`, project)
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (Segment, error) { return scanSegment(r) })
	if err != nil {
		return nil, fmt.Errorf("read the segments of %s: %w", project, err)
	}
	return list, nil
}

func projectSettings(raw string, version int64) (ProjectSettings, error) {
	s := ProjectSettings{Bucketing: 2, MaxStep: 25_000, StaleDays: 14, Samples: []Sample{}}
	err := decode(raw, &s)
	s.Version = version
	return s, err
}

// lockFlag reads one flag for a change.
func (f *Flags) lockFlag(ctx context.Context, tx *store.Tx, p *whole, key string) (*stored, error) {
	var version int64
	err := tx.QueryRowContext(ctx, `SELECT last FROM flags WHERE project = $1 AND key = $2`+tx.ForUpdate(), p.key, key).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "There is no flag %s in the project %s.", key, p.key)
	}
	if err != nil {
		return nil, fmt.Errorf("read flag %s: %w", key, err)
	}
	s := p.flag(key)
	if s == nil || s.last != version {
		return nil, fault.New(fault.Conflict, "The flag %s is being changed by somebody else. Try again.", key)
	}
	return s, nil
}

// lockProject takes a project for a change, so that two changes of it come one
// after the other, and reads it. The revision of the environment's set grows;
// with an empty one that of every set.
func (f *Flags) lockProject(ctx context.Context, tx *store.Tx, key, environment string) (*whole, error) {
	const raise = `INSERT INTO flag_revisions (project, environment, revision) SELECT key, $2, $3 FROM flag_projects WHERE key = $1
		ON CONFLICT (project, environment) DO UPDATE SET revision = flag_revisions.revision + $3`
	all := 0
	if environment == "" {
		all = 1
	}
	if _, err := tx.ExecContext(ctx, raise, key, "", all); err != nil {
		return nil, fmt.Errorf("take the flags of %s: %w", key, err)
	}
	if environment != "" {
		if _, err := tx.ExecContext(ctx, raise, key, environment, 1); err != nil {
			return nil, fmt.Errorf("take the flags of %s: %w", key, err)
		}
	}
	return f.load(ctx, tx, key)
}

// changed tells every replica that sets of a project are new.
func changed(tx *store.Tx, project, environment string) {
	tx.Notify(Topic, strings.TrimSpace(project+" "+environment))
}

// revisions are those of a project's sets, by environment.
func revisions(ctx context.Context, q store.Querier, project string) (map[string]int64, error) {
	rows, err := q.QueryContext(ctx, `SELECT environment, revision FROM flag_revisions WHERE project = $1`, project)
	out := map[string]int64{}
	_, err = store.All(rows, err, func(r interface{ Scan(...any) error }) (struct{}, error) {
		var environment string
		var revision int64
		err := r.Scan(&environment, &revision)
		out[environment] = revision
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the revisions of %s: %w", project, err)
	}
	return out, nil
}

// version is what is written down of one change.
type versionRow struct {
	environment, verb, reason string
	diff                      []string
	before, after             any
	by                        Who
	approver                  Who
}

// addVersion writes a change down and gives it the next number.
func (f *Flags) addVersion(ctx context.Context, tx *store.Tx, s *stored, v versionRow) error {
	words, err := encode(v.diff)
	if err != nil {
		return err
	}
	before, err := encode(v.before)
	if err != nil {
		return err
	}
	after, err := encode(v.after)
	if err != nil {
		return err
	}
	s.last++
	if _, err := tx.ExecContext(ctx, `INSERT INTO flag_versions (project, flag, version, environment, at, author, author_name, approved_by, approved_by_name, verb, reason, diff, before, after)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		s.Project, s.Key, s.last, v.environment, store.Millis(f.d.Now()), v.by.ID, v.by.Name, v.approver.ID, v.approver.Name, v.verb, v.reason, words, before, after); err != nil {
		return fmt.Errorf("write the version of flag %s: %w", s.Key, err)
	}
	return nil
}

// putFlag writes a flag's own row.
func (f *Flags) putFlag(ctx context.Context, tx *store.Tx, s *stored) error {
	raw, err := encode(s.Settings)
	if err != nil {
		return err
	}
	tags, err := encode(s.Tags)
	if err != nil {
		return err
	}
	archived := int64(0)
	if s.ArchivedAt != nil {
		archived = store.Millis(*s.ArchivedAt)
	}
	search := strings.ToLower(s.Key + "\n" + s.Title + "\n" + s.Description + "\n" + strings.Join(s.Tags, " "))
	_, err = tx.ExecContext(ctx, `INSERT INTO flags (project, key, settings, salt, last, version, kind, owner, tags, search, created_at, created_by, updated_at, archived_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (project, key) DO UPDATE SET settings = excluded.settings, last = excluded.last, version = excluded.version, kind = excluded.kind, owner = excluded.owner,
		tags = excluded.tags, search = excluded.search, updated_at = excluded.updated_at, archived_at = excluded.archived_at`,
		s.Project, s.Key, raw, s.Salt, s.last, s.Version, s.Kind, s.Owner, tags, search, store.Millis(s.CreatedAt), s.CreatedBy, store.Millis(f.d.Now()), archived)
	if err != nil {
		return fmt.Errorf("write flag %s: %w", s.Key, err)
	}
	return nil
}

// putEnvironment writes what a flag does in one environment.
func (f *Flags) putEnvironment(ctx context.Context, tx *store.Tx, s *stored, environment string, v Setting, by Who) error {
	raw, err := encode(v)
	if err != nil {
		return err
	}
	next := int64(0)
	if len(v.Schedule) > 0 {
		next = store.Millis(v.Schedule[0].At)
	}
	now := f.d.Now()
	_, err = tx.ExecContext(ctx, `INSERT INTO flag_environments (project, flag, environment, setting, state, version, updated_at, updated_by, updated_by_name, next_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (project, flag, environment) DO UPDATE SET setting = excluded.setting, state = excluded.state, version = excluded.version, updated_at = excluded.updated_at,
		updated_by = excluded.updated_by, updated_by_name = excluded.updated_by_name, next_at = excluded.next_at`,
		s.Project, s.Key, environment, raw, v.state(now), s.last, store.Millis(now), by.ID, by.Name, next)
	if err != nil {
		return fmt.Errorf("write flag %s in %s: %w", s.Key, environment, err)
	}
	s.settings[environment], s.versions[environment] = v, s.last
	return nil
}
