package flag

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// in changes one project in a transaction: locked, read, and told of. With an
// environment only the set there is new.
func (f *Flags) in(ctx context.Context, project, environment string, change func(tx *store.Tx, p *whole) error) error {
	kinds, err := f.environments(ctx)
	if err != nil {
		return err
	}
	return f.d.DB.Tx(ctx, func(tx *store.Tx) error {
		p, err := f.lockProject(ctx, tx, project, environment)
		if err != nil {
			return err
		}
		p.kinds = kinds
		if err := change(tx, p); err != nil {
			return err
		}
		changed(tx, project, environment)
		return nil
	})
}

// tell appends an event that appears on the service's timeline.
func (f *Flags) tell(ctx context.Context, tx *store.Tx, verb string, s *stored, environment, reason string, words []string, by Who) error {
	return f.d.Audit.Append(ctx, tx, audit.Event{
		Actor: by.ID, ActorName: by.Name, Verb: verb, Object: "Component/" + s.Service, RunID: by.RunID,
		Detail: audit.Detail("project", s.Project, "flag", s.Key, "environment", environment, "version", s.last, "reason", reason, "change", shortened(words)),
	})
}

// shortened keeps an event small.
func shortened(words []string) string {
	text := strings.Join(words, "; ")
	if len(text) > 2000 {
		text = strings.ToValidUTF8(text[:2000], "") + "..."
	}
	return text
}

// Create makes a flag.
func (f *Flags) Create(ctx context.Context, project string, in NewFlag, by Who) (Flag, error) {
	if !flagKeyPattern.MatchString(in.Key) {
		return Flag{}, fault.Field("key", "is not a flag's key", keyRule)
	}
	if err := in.complete(); err != nil {
		return Flag{}, err
	}
	kinds, err := f.environments(ctx)
	if err != nil {
		return Flag{}, err
	}
	err = f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		s := newStored(p, in.Key, in.Key, in.Settings, by, f)
		return f.create(ctx, tx, p, s, in.Environments, kinds, in.Reason, "create", by)
	})
	if err != nil {
		return Flag{}, fmt.Errorf("create flag %s: %w", in.Key, err)
	}
	return f.Get(ctx, project, in.Key)
}

func newStored(p *whole, key, salt string, settings Settings, by Who, f *Flags) *stored {
	return &stored{
		Flag:     Flag{Project: p.key, Service: p.service, Key: key, Settings: settings, Salt: salt, CreatedAt: f.d.Now(), CreatedBy: by.ID},
		settings: map[string]Setting{}, versions: map[string]int64{},
	}
}

// create writes a new flag with its first settings.
func (f *Flags) create(ctx context.Context, tx *store.Tx, p *whole, s *stored, environments map[string]Setting, kinds []EnvironmentInfo, reason, verb string, by Who) error {
	if p.flag(s.Key) != nil {
		return fault.New(fault.Taken, "The project %s has a flag %s already, maybe an archived one.", p.key, s.Key)
	}
	if len(p.flags) >= maxFlags {
		return fault.New(fault.Unprocessable, "The project %s has %d flags, which is as many as a project can have. Archive and delete some.", p.key, len(p.flags))
	}
	if err := f.addVersion(ctx, tx, s, versionRow{verb: verb, reason: reason, diff: []string{"created"}, after: s.Settings, by: by}); err != nil {
		return err
	}
	s.Version = s.last
	for _, e := range kinds {
		v, given := environments[e.ID]
		if !given {
			continue
		}
		v = v.filled(s.Settings)
		c := checker{p: p, f: s, environment: e.ID, now: f.d.Now()}
		if err := c.fit(&v); err != nil {
			return inField("environments."+e.ID, err)
		}
		before := initial(s.Settings)
		if why := f.needsSecond(p, s, e, before, v); why != "" {
			return fault.Refuse("flag-step-limit", why, "Make the flag first, off, and propose the change.", "the owners of "+s.Service)
		}
		if err := f.addVersion(ctx, tx, s, versionRow{environment: e.ID, verb: verb, reason: reason, diff: diff(before, v, c.now), before: before, after: v, by: by}); err != nil {
			return err
		}
		if err := f.putEnvironment(ctx, tx, s, e.ID, v, by); err != nil {
			return err
		}
	}
	for id := range environments {
		if !slices.ContainsFunc(kinds, func(e EnvironmentInfo) bool { return e.ID == id }) {
			return fault.Field("environments."+id, "does not exist", "an environment of the organisation")
		}
	}
	if err := f.putFlag(ctx, tx, s); err != nil {
		return err
	}
	return f.tell(ctx, tx, "flag.create", s, "", reason, []string{"created"}, by)
}

// filled has lists instead of nothing, and what a flag starts with.
func (s Setting) filled(of Settings) Setting {
	if s.Prerequisites == nil {
		s.Prerequisites = []Prerequisite{}
	}
	if s.Targets == nil {
		s.Targets = []Target{}
	}
	if s.Rules == nil {
		s.Rules = []Rule{}
	}
	if s.Schedule == nil {
		s.Schedule = []Scheduled{}
	}
	start := initial(of)
	if s.Default == "" {
		s.Default = start.Default
	}
	return s
}

// inField puts where it was before the fields of an error.
func inField(prefix string, err error) error {
	if e, ok := fault.As(err); ok {
		for i := range e.Details {
			e.Details[i].Field = prefix + "." + e.Details[i].Field
		}
	}
	return err
}

// environments are those of the organisation.
func (f *Flags) environments(ctx context.Context) ([]EnvironmentInfo, error) {
	all, err := f.d.Environments(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the environments: %w", err)
	}
	return all, nil
}

func (f *Flags) environment(ctx context.Context, id string) (EnvironmentInfo, error) {
	all, err := f.environments(ctx)
	if err != nil {
		return EnvironmentInfo{}, err
	}
	for _, e := range all {
		if e.ID == id {
			return e, nil
		}
	}
	return EnvironmentInfo{}, fault.New(fault.NotFound, "There is no environment %s.", id)
}

// Update changes a flag's settings; version is the one they were read with.
func (f *Flags) Update(ctx context.Context, project, key string, in Settings, version int64, reason string, by Who) (Flag, error) {
	err := f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		s, err := f.lockFlag(ctx, tx, p, key)
		if err != nil {
			return err
		}
		return f.update(ctx, tx, p, s, in, version, reason, "update", by)
	})
	if err != nil {
		return Flag{}, fmt.Errorf("update flag %s: %w", key, err)
	}
	return f.Get(ctx, project, key)
}

func (f *Flags) update(ctx context.Context, tx *store.Tx, p *whole, s *stored, in Settings, version int64, reason, verb string, by Who) error {
	if err := stale(s.Version, version, "the flag "+s.Key); err != nil {
		return err
	}
	if in.Type == "" {
		in.Type = s.Type
	}
	if err := in.complete(); err != nil {
		return err
	}
	before := s.Settings
	words := diffSettings(before, in)
	if len(words) == 0 {
		return nil
	}
	s.Settings = in
	// What is set in the environments must fit still.
	for _, environment := range sortedKeys(s.settings) {
		v := s.settings[environment].at(f.d.Now())
		c := checker{p: p, f: s, environment: environment, now: f.d.Now()}
		if err := c.fit(&v); err != nil {
			return fault.New(fault.Conflict, "The environment %s uses what would be gone: %s. Change the flag there first.", environment, err.Error())
		}
	}
	if err := f.dependents(p, s, before); err != nil {
		return err
	}
	if err := f.newValues(p, s, before); err != nil {
		return err
	}
	if err := f.addVersion(ctx, tx, s, versionRow{verb: verb, reason: reason, diff: words, before: before, after: in, by: by}); err != nil {
		return err
	}
	s.Version = s.last
	if err := f.putFlag(ctx, tx, s); err != nil {
		return err
	}
	return f.tell(ctx, tx, "flag.update", s, "", reason, words, by)
}

// dependents refuses to take a variation away that another flag asks for.
func (f *Flags) dependents(p *whole, s *stored, before Settings) error {
	for i := range p.flags {
		other := &p.flags[i]
		for environment, v := range other.settings {
			for _, need := range v.Prerequisites {
				if need.Flag != s.Key {
					continue
				}
				for _, name := range need.Variations {
					if before.has(name) && !s.has(name) {
						return fault.New(fault.HasDependents, "The flag %s asks for the variation %s in %s.", other.Key, name, environment)
					}
				}
			}
		}
	}
	return nil
}

// stale refuses a change that was made on another version.
func stale(current, given int64, what string) error {
	if current == given {
		return nil
	}
	e := fault.New(fault.Conflict, "Somebody else has changed %s in the meantime. Look at it again and repeat your change.", what)
	return e.WithData(map[string]any{"version": current, "given": given})
}

// Archive takes a flag out of every set.
func (f *Flags) Archive(ctx context.Context, project, key string, version int64, reason string, by Who) (Flag, error) {
	return f.archive(ctx, project, key, &version, reason, by, true)
}

// Restore puts an archived flag back as it was, but off in production: what it
// gave there long ago is a step that somebody has to take again.
func (f *Flags) Restore(ctx context.Context, project, key, reason string, by Who) (Flag, error) {
	return f.archive(ctx, project, key, nil, reason, by, false)
}

func (f *Flags) archive(ctx context.Context, project, key string, version *int64, reason string, by Who, archive bool) (Flag, error) {
	verb := "restore"
	if archive {
		verb = "archive"
	}
	err := f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		s, err := f.lockFlag(ctx, tx, p, key)
		if err != nil {
			return err
		}
		if version != nil {
			if err := stale(s.Version, *version, "the flag "+key); err != nil {
				return err
			}
		}
		if (s.ArchivedAt != nil) == archive {
			return nil
		}
		if archive {
			if by := p.dependsOn(key); by != "" {
				return fault.New(fault.HasDependents, "The flag %s has %s as a prerequisite. Change it first.", by, key)
			}
			at := f.d.Now()
			s.ArchivedAt = &at
			if err := f.outdate(ctx, tx, project, key, ""); err != nil {
				return err
			}
		} else if err := f.restored(ctx, tx, p, s, reason, by); err != nil {
			return err
		}
		if err := f.addVersion(ctx, tx, s, versionRow{verb: verb, reason: reason, diff: []string{verb + "d"}, before: s.Settings, after: s.Settings, by: by}); err != nil {
			return err
		}
		s.Version = s.last
		if err := f.putFlag(ctx, tx, s); err != nil {
			return err
		}
		return f.tell(ctx, tx, "flag."+verb, s, "", reason, []string{verb + "d"}, by)
	})
	if err != nil {
		return Flag{}, fmt.Errorf("%s flag %s: %w", verb, key, err)
	}
	return f.Get(ctx, project, key)
}

// dependsOn is a flag that has another one as a prerequisite, if there is one.
func (p *whole) dependsOn(key string) string {
	for i := range p.flags {
		if p.flags[i].ArchivedAt != nil {
			continue
		}
		for _, v := range p.flags[i].settings {
			if slices.ContainsFunc(v.Prerequisites, func(need Prerequisite) bool { return need.Flag == key }) {
				return p.flags[i].Key
			}
		}
	}
	return ""
}

// Delete removes an archived flag and its history.
func (f *Flags) Delete(ctx context.Context, project, key string, by Who) error {
	err := f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		s, err := f.lockFlag(ctx, tx, p, key)
		if err != nil {
			return err
		}
		if s.ArchivedAt == nil {
			return fault.New(fault.Conflict, "The flag %s is not archived. Archive it first; clients then get the default in their code.", key)
		}
		for _, statement := range []string{
			`DELETE FROM flag_environments WHERE project = $1 AND flag = $2`, `DELETE FROM flag_versions WHERE project = $1 AND flag = $2`,
			`DELETE FROM flag_proposals WHERE project = $1 AND flag = $2`, `DELETE FROM flags WHERE project = $1 AND key = $2`,
		} {
			if _, err := tx.ExecContext(ctx, statement, project, key); err != nil {
				return fmt.Errorf("delete the flag: %w", err)
			}
		}
		return f.tell(ctx, tx, "flag.delete", s, "", "", []string{"deleted with its history"}, by)
	})
	if err != nil {
		return fmt.Errorf("delete flag %s: %w", key, err)
	}
	return nil
}

// Clone makes a new flag with the settings, rules and salt of another, so that
// both give everybody the same; it starts off.
func (f *Flags) Clone(ctx context.Context, project, key, toProject, toKey string, by Who) (Flag, error) {
	if !flagKeyPattern.MatchString(toKey) {
		return Flag{}, fault.Field("key", "is not a flag's key", keyRule)
	}
	from, err := f.load(ctx, f.d.DB.Read(), project)
	if err != nil {
		return Flag{}, err
	}
	source := from.flag(key)
	if source == nil {
		return Flag{}, fault.New(fault.NotFound, "There is no flag %s in the project %s.", key, project)
	}
	kinds, err := f.environments(ctx)
	if err != nil {
		return Flag{}, err
	}
	err = f.in(ctx, toProject, "", func(tx *store.Tx, p *whole) error {
		s := newStored(p, toKey, source.Salt, source.Settings, by, f)
		environments := map[string]Setting{}
		for id, v := range source.settings {
			v = v.at(f.d.Now())
			v.On, v.Schedule = false, []Scheduled{}
			if toProject != project {
				v.Prerequisites = []Prerequisite{}
			}
			environments[id] = v
		}
		return f.create(ctx, tx, p, s, environments, kinds, "a copy of "+project+"/"+key, "clone", by)
	})
	if err != nil {
		return Flag{}, fmt.Errorf("clone flag %s: %w", key, err)
	}
	return f.Get(ctx, toProject, toKey)
}
