package flag

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// List returns a page of flags and where the next one begins.
func (f *Flags) List(ctx context.Context, q Filter) ([]Flag, string, error) {
	if q.Limit <= 0 || q.Limit > 200 {
		q.Limit = 50
	}
	fromProject, fromKey, _ := strings.Cut(q.From, "/")
	var stale map[string]bool
	if q.Stale {
		var err error
		if stale, err = f.staleKeys(ctx, q.Project); err != nil {
			return nil, "", err
		}
	}
	state := q.State
	if state == "archived" {
		state = ""
	}
	out := []Flag{}
	for len(out) < q.Limit {
		rows, err := f.d.DB.Read().QueryContext(ctx, flagColumns+` WHERE (f.project > $1 OR f.project = $1 AND f.key > $2)
			AND (CAST($3 AS TEXT) = '' OR f.project = $3) AND (CAST($4 AS TEXT) = '' OR f.owner = $4) AND (CAST($5 AS TEXT) = '' OR f.kind = $5)
			AND (CAST($6 AS TEXT) = '' OR f.tags LIKE $6) AND (CAST($7 AS TEXT) = '' OR f.search LIKE $7 ESCAPE '\')
			AND CASE WHEN f.archived_at > 0 THEN 1 ELSE 0 END = $8
			AND (CAST($9 AS TEXT) = '' OR EXISTS (SELECT 1 FROM flag_environments e WHERE e.project = f.project AND e.flag = f.key AND (CAST($10 AS TEXT) = '' OR e.environment = $10) AND e.state = $9)
				OR $9 = 'off' AND NOT EXISTS (SELECT 1 FROM flag_environments e WHERE e.project = f.project AND e.flag = f.key AND (CAST($10 AS TEXT) = '' OR e.environment = $10) AND e.state <> 'off'))
			ORDER BY f.project, f.key LIMIT $11`,
			fromProject, fromKey, q.Project, q.Owner, q.Kind, tagLike(q.Tag), like(q.Text), number(q.State == "archived"), state, q.Environment, q.Limit+1)
		page, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (stored, error) { return scanFlag(r) })
		if err != nil {
			return nil, "", fmt.Errorf("list flags: %w", err)
		}
		more := len(page) > q.Limit
		if more {
			page = page[:q.Limit]
		}
		for i := range page {
			fromProject, fromKey = page[i].Project, page[i].Key
			if q.Stale && !stale[page[i].Project+"/"+page[i].Key] {
				continue
			}
			out = append(out, page[i].Flag)
			if len(out) == q.Limit && (i+1 < len(page) || more) {
				return out, fromProject + "/" + fromKey, f.fill(ctx, out)
			}
		}
		if !more {
			break
		}
	}
	return out, "", f.fill(ctx, out)
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func tagLike(tag string) string {
	if tag == "" {
		return ""
	}
	return "%" + `"` + strings.NewReplacer("%", "", "_", "_").Replace(tag) + `"` + "%"
}

func like(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(text)) + "%"
}

// Get returns one flag with all environments.
func (f *Flags) Get(ctx context.Context, project, key string) (Flag, error) {
	s, err := scanFlag(f.d.DB.Read().QueryRowContext(ctx, flagColumns+` WHERE f.project = $1 AND f.key = $2`, project, key))
	if errors.Is(err, sql.ErrNoRows) {
		return Flag{}, fault.New(fault.NotFound, "There is no flag %s in the project %s.", key, project)
	}
	if err != nil {
		return Flag{}, fmt.Errorf("read flag %s: %w", key, err)
	}
	list := []Flag{s.Flag}
	err = f.fill(ctx, list)
	return list[0], err
}

// Owner is the team of a flag itself, empty when it has none or is not there.
func (f *Flags) Owner(ctx context.Context, project, key string) (string, error) {
	var owner string
	err := f.d.DB.Read().QueryRowContext(ctx, `SELECT owner FROM flags WHERE project = $1 AND key = $2`, project, key).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the owner of flag %s: %w", key, err)
	}
	return owner, nil
}

// fill adds what flags do in every environment.
func (f *Flags) fill(ctx context.Context, list []Flag) error {
	kinds, err := f.environments(ctx)
	if err != nil {
		return err
	}
	projects := map[string][]int{}
	for i := range list {
		projects[list[i].Project] = append(projects[list[i].Project], i)
	}
	for project, places := range projects {
		if err := f.fillProject(ctx, list, places, project, kinds); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flags) fillProject(ctx context.Context, list []Flag, places []int, project string, kinds []EnvironmentInfo) error {
	first, last := list[places[0]].Key, list[places[len(places)-1]].Key
	rows, err := f.d.DB.Read().QueryContext(ctx, environmentColumns+` WHERE project = $1 AND flag >= $2 AND flag <= $3`, project, first, last)
	environments, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (environmentRow, error) { return scanEnvironment(r) })
	if err != nil {
		return fmt.Errorf("read what flags do: %w", err)
	}
	known := map[string]environmentRow{}
	for _, e := range environments {
		known[e.flag+"\n"+e.environment] = e
	}
	var seen map[string]map[string]time.Time
	if f.d.LastEvaluated != nil {
		if seen, err = f.d.LastEvaluated(ctx, project); err != nil {
			return fmt.Errorf("read when flags were evaluated: %w", err)
		}
	}
	open, err := f.openProposals(ctx, project)
	if err != nil {
		return err
	}
	raw, err := f.ProjectSettings(ctx, project)
	if err != nil {
		return err
	}
	for _, i := range places {
		one := &list[i]
		one.Environments = []Environment{}
		for _, kind := range kinds {
			e := f.shown(one, kind, known[one.Key+"\n"+kind.ID])
			if at, has := seen[one.Key][kind.ID]; has {
				e.LastEvaluated = &at
			}
			e.Proposal = open[one.Key+"\n"+kind.ID]
			one.Environments = append(one.Environments, e)
		}
		one.Stale = len(f.reasons(*one, raw.StaleDays)) > 0
	}
	return nil
}

// shown is a setting as people see it.
func (f *Flags) shown(one *Flag, kind EnvironmentInfo, row environmentRow) Environment {
	now := f.d.Now()
	e := Environment{Environment: kind.ID, Kind: kind.Kind, Setting: initial(one.Settings)}
	if row.flag != "" {
		at := store.Time(row.updatedAt)
		e.Setting, e.Version, e.UpdatedAt, e.UpdatedBy, e.UpdatedByName = row.setting.at(now), row.version, &at, row.by, row.byName
	}
	e.Setting = e.filled(one.Settings)
	e.Summary, e.Shares, e.NextChange = e.summary(now), e.everybody(now), e.next(now)
	if e.Shares == nil {
		e.Shares = []Weight{}
	}
	return e
}

func (f *Flags) openProposals(ctx context.Context, project string) (map[string]string, error) {
	rows, err := f.d.DB.Read().QueryContext(ctx, `SELECT flag, environment, id FROM flag_proposals WHERE project = $1 AND state = 'open'`, project)
	type open struct{ flag, environment, id string }
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (open, error) {
		var o open
		return o, r.Scan(&o.flag, &o.environment, &o.id)
	})
	if err != nil {
		return nil, fmt.Errorf("read open proposals: %w", err)
	}
	out := map[string]string{}
	for _, o := range list {
		out[o.flag+"\n"+o.environment] = o.id
	}
	return out, nil
}

// History lists changes, newest first, before the version from.
func (f *Flags) History(ctx context.Context, project, key, environment string, limit int, from int64) ([]Change, error) {
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	if from <= 0 {
		from = 1 << 62
	}
	rows, err := f.d.DB.Read().QueryContext(ctx, `SELECT version, environment, at, author, author_name, approved_by, approved_by_name, verb, reason, diff, before, after FROM flag_versions
		WHERE project = $1 AND flag = $2 AND (CAST($3 AS TEXT) = '' OR environment = $3) AND version < $4 ORDER BY version DESC LIMIT $5`, project, key, environment, from, limit)
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (Change, error) {
		var c Change
		var at int64
		var words, before, after string
		if err := r.Scan(&c.Version, &c.Environment, &at, &c.Author, &c.AuthorName, &c.ApprovedBy, &c.ApprovedByName, &c.Verb, &c.Reason, &words, &before, &after); err != nil {
			return c, err
		}
		c.At, c.Before, c.After = store.Time(at), []byte(before), []byte(after)
		return c, decode(words, &c.Diff)
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of flag %s: %w", key, err)
	}
	return list, nil
}

// Schedule lists what flags will do by themselves, of all projects when project
// is empty.
func (f *Flags) Schedule(ctx context.Context, project string) ([]ScheduleEntry, error) {
	rows, err := f.d.DB.Read().QueryContext(ctx, `SELECT e.project, e.flag, e.environment, e.setting, e.updated_by, e.updated_by_name FROM flag_environments e JOIN flags f ON f.project = e.project AND f.key = e.flag
		WHERE f.archived_at = 0 AND (CAST($1 AS TEXT) = '' OR e.project = $1) AND (e.next_at > 0 OR e.setting LIKE '%"ramp":%') ORDER BY e.project, e.flag LIMIT 1000`, project)
	type entry struct {
		ScheduleEntry
		setting Setting
	}
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (entry, error) {
		var e entry
		var raw string
		if err := r.Scan(&e.Project, &e.Flag, &e.Environment, &raw, &e.By, &e.ByName); err != nil {
			return e, err
		}
		return e, decode(raw, &e.setting)
	})
	if err != nil {
		return nil, fmt.Errorf("read the schedule: %w", err)
	}
	now := f.d.Now()
	out := []ScheduleEntry{}
	for _, e := range list {
		add := func(at time.Time, what, note string) {
			if at.After(now) {
				one := e.ScheduleEntry
				one.At, one.What, one.Note = at, what, note
				out = append(out, one)
			}
		}
		s := e.setting.at(now)
		for _, change := range s.Schedule {
			add(change.At, change.words(s.Default), change.Note)
		}
		for _, r := range append([]Rule{{Serve: s.Serve}}, s.Rules...) {
			if ramp := r.Serve.Ramp; ramp != nil && s.On {
				for _, step := range ramp.Steps {
					add(step.At, percent(step.Weight)+" "+ramp.Variation, r.Name)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b ScheduleEntry) int { return a.At.Compare(b.At) })
	return out, nil
}

func (c Scheduled) words(standard string) string {
	var out []string
	if c.On != nil {
		out = append(out, "turned "+onOff(*c.On))
	}
	if c.Serve != nil {
		out = append(out, "everybody else gets "+c.Serve.words(standard, c.At))
	}
	return strings.Join(out, ", ")
}
