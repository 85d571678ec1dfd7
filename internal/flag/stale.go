package flag

import (
	"context"
	"fmt"
	"time"

	"sphera/internal/store"
)

// reasons say why a flag looks left behind; none when it does not. A permanent
// flag never does.
func (f *Flags) reasons(one Flag, days int) []string {
	if one.Permanent || one.ArchivedAt != nil || len(one.Environments) == 0 {
		return nil
	}
	now := f.d.Now()
	quiet := time.Duration(days) * 24 * time.Hour
	var out []string
	if variation, since := Everywhere(one, now); variation != "" && now.Sub(since) >= quiet {
		out = append(out, fmt.Sprintf("Everybody gets %s in every environment, for %d days.", variation, int(now.Sub(since).Hours()/24)))
	}
	if f.d.LastEvaluated == nil || now.Sub(one.CreatedAt) < quiet {
		return out
	}
	last := time.Time{}
	for _, e := range one.Environments {
		if e.LastEvaluated != nil && e.LastEvaluated.After(last) {
			last = *e.LastEvaluated
		}
	}
	switch {
	case last.IsZero():
		out = append(out, fmt.Sprintf("The portal has never seen it evaluated, and it is %d days old.", int(now.Sub(one.CreatedAt).Hours()/24)))
	case now.Sub(last) >= quiet:
		out = append(out, fmt.Sprintf("The portal last saw it evaluated %d days ago.", int(now.Sub(last).Hours()/24)))
	}
	return out
}

// Everywhere is the variation that everybody gets in every environment, and
// since when; empty when it is not one.
func Everywhere(one Flag, now time.Time) (string, time.Time) {
	variation, since := "", one.CreatedAt
	for _, e := range one.Environments {
		only := e.one(now)
		if only == "" || variation != "" && only != variation {
			return "", since
		}
		variation = only
		if e.UpdatedAt != nil && e.UpdatedAt.After(since) {
			since = *e.UpdatedAt
		}
	}
	return variation, since
}

// Stale lists flags that look left behind, with the evidence; of all projects
// when project is empty.
func (f *Flags) Stale(ctx context.Context, project string) ([]Evidence, error) {
	out := []Evidence{}
	days := map[string]int{}
	from := ""
	for {
		page, next, err := f.List(ctx, Filter{Project: project, Limit: 200, From: from})
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			if !one.Stale {
				continue
			}
			if _, known := days[one.Project]; !known {
				s, err := f.ProjectSettings(ctx, one.Project)
				if err != nil {
					return nil, err
				}
				days[one.Project] = s.StaleDays
			}
			e, err := f.evidence(ctx, one, days[one.Project])
			if err != nil {
				return nil, err
			}
			if out = append(out, e); len(out) >= 500 {
				return out, nil
			}
		}
		if from = next; from == "" {
			return out, nil
		}
	}
}

func (f *Flags) evidence(ctx context.Context, one Flag, days int) (Evidence, error) {
	now := f.d.Now()
	e := Evidence{Project: one.Project, Service: one.Service, Flag: one.Key, Title: one.Title, Kind: one.Kind, Owner: one.Owner, Reasons: f.reasons(one, days), Evaluated: []Evaluated{}, Cautions: []string{}}
	e.Variation, e.Since = Everywhere(one, now)
	if e.Variation == "" {
		e.Since = one.CreatedAt
	}
	for _, in := range one.Environments {
		seen := Evaluated{Environment: in.Environment, At: in.LastEvaluated}
		if f.d.Subscribers != nil {
			seen.Subscribers = f.d.Subscribers(one.Project, in.Environment)
		}
		e.Subscribers += seen.Subscribers
		e.Evaluated = append(e.Evaluated, seen)
	}
	var err error
	if e.References, err = f.References(ctx, one.Project, one.Key); err != nil {
		return e, err
	}
	e.Cautions = append(e.Cautions, "The portal does not see what in-process clients evaluate unless they report it.")
	if e.Subscribers > 0 {
		e.Cautions = append(e.Cautions, fmt.Sprintf("%d in-process clients hold the set that the flag is in.", e.Subscribers))
	}
	if len(e.References) > 0 {
		e.Cautions = append(e.Cautions, fmt.Sprintf("%d places in the code name it.", len(e.References)))
	} else {
		e.Cautions = append(e.Cautions, "No place in the repositories that the portal knows names it; others may.")
	}
	if limit := limitOf(one); limit > 0 && now.Sub(one.CreatedAt) > limit {
		e.Reasons = append(e.Reasons, fmt.Sprintf("It is older than the %d days expected of it.", int(limit.Hours()/24)))
	}
	return e, nil
}

func limitOf(one Flag) time.Duration {
	days := one.LifetimeDays
	if days == 0 {
		days = Lifetime(one.Kind)
	}
	return time.Duration(days) * 24 * time.Hour
}

// staleKeys are "project/flag" of those that look left behind.
func (f *Flags) staleKeys(ctx context.Context, project string) (map[string]bool, error) {
	list, err := f.Stale(ctx, project)
	out := map[string]bool{}
	for _, e := range list {
		out[e.Project+"/"+e.Flag] = true
	}
	return out, err
}

// References are the places in code that name a flag.
func (f *Flags) References(ctx context.Context, project, key string) ([]Reference, error) {
	if _, err := f.Projects.Get(ctx, project); err != nil {
		return nil, err
	}
	rows, err := f.d.DB.Read().QueryContext(ctx, `SELECT repository, path, line, text, sha FROM flag_references WHERE key = $1 ORDER BY repository, path, line LIMIT 200`, key)
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (Reference, error) {
		var ref Reference
		return ref, r.Scan(&ref.Repository, &ref.Path, &ref.Line, &ref.Text, &ref.SHA)
	})
	if err != nil {
		return nil, fmt.Errorf("read where flag %s is named: %w", key, err)
	}
	return list, nil
}

// Keys are the keys of all flags, archived ones too: what to look for in code.
func (f *Flags) Keys(ctx context.Context) ([]string, error) {
	rows, err := f.d.DB.Read().QueryContext(ctx, `SELECT DISTINCT key FROM flags ORDER BY key`)
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (string, error) {
		var key string
		return key, r.Scan(&key)
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys of flags: %w", err)
	}
	return list, nil
}

// Scanned tells which commit of a repository was looked through last, with
// which keys; empty when none was.
func (f *Flags) Scanned(ctx context.Context) (map[string]string, error) {
	rows, err := f.d.DB.Read().QueryContext(ctx, `SELECT repository, sha FROM flag_scans`)
	type scan struct{ repository, sha string }
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (scan, error) {
		var s scan
		return s, r.Scan(&s.repository, &s.sha)
	})
	out := map[string]string{}
	for _, s := range list {
		out[s.repository] = s.sha
	}
	if err != nil {
		return nil, fmt.Errorf("read what was looked through: %w", err)
	}
	return out, nil
}

// SetReferences replaces the places that a repository names flags in.
func (f *Flags) SetReferences(ctx context.Context, repository, sha string, found map[string][]Reference) error {
	return f.d.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM flag_references WHERE repository = $1`, repository); err != nil {
			return fmt.Errorf("forget the places in %s: %w", repository, err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO flag_scans (repository, sha, scanned_at) VALUES ($1, $2, $3) ON CONFLICT (repository) DO UPDATE SET sha = excluded.sha, scanned_at = excluded.scanned_at`,
			repository, sha, store.Millis(f.d.Now())); err != nil {
			return fmt.Errorf("write down what was looked through: %w", err)
		}
		for _, key := range sortedKeys(found) {
			for _, ref := range found[key] {
				if _, err := tx.ExecContext(ctx, `INSERT INTO flag_references (key, repository, path, line, text, sha) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key, repository, path, line) DO NOTHING`,
					key, repository, ref.Path, ref.Line, ref.Text, sha); err != nil {
					return fmt.Errorf("write a place in %s: %w", repository, err)
				}
			}
		}
		return nil
	})
}

// ForgetRepository drops the places of a repository that is gone.
func (f *Flags) ForgetRepository(ctx context.Context, repository string) error {
	return f.d.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM flag_references WHERE repository = $1`, repository); err != nil {
			return fmt.Errorf("forget the places in %s: %w", repository, err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM flag_scans WHERE repository = $1`, repository); err != nil {
			return fmt.Errorf("forget %s: %w", repository, err)
		}
		return nil
	})
}
