package guarded

import (
	"context"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag"
)

const readFlags = "flag.read"

// Flags are feature flags with their projects. A flag belongs to its own team
// and to those of the service of its project.
type Flags struct {
	g     *Guard
	flags *flag.Flags
}

// Flags guards flags.
func (g *Guard) Flags(f *flag.Flags) *Flags { return &Flags{g: g, flags: f} }

func noProject(key string) error {
	return fault.New(fault.NotFound, "There is no flag project %s.", key).With("project", "does not exist", "the key of a flag project")
}

func noFlag(project, key string) error {
	return fault.New(fault.NotFound, "There is no flag %s in the project %s.", key, project)
}

// place is a flag, a project (no flag), or one environment of them.
type place struct{ project, flag, environment, owner string }

// objects are places as policies know them.
func (s *Flags) objects(ctx context.Context, list []place) ([]auth.Object, error) {
	services := map[string]string{}
	for _, one := range list {
		if _, known := services[one.project]; known {
			continue
		}
		p, err := s.flags.Projects.Get(ctx, one.project)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		services[one.project] = ""
		if err == nil {
			services[one.project] = ref("Component", p.Service)
		}
	}
	refs := make([]string, 0, len(services))
	for _, service := range services {
		refs = append(refs, service)
	}
	of, err := s.g.owners(ctx, refs)
	if err != nil {
		return nil, err
	}
	kinds := map[string]string{}
	out := make([]auth.Object, len(list))
	for i, one := range list {
		o := auth.Object{Kind: "flag", ID: one.project, Environment: one.environment, Teams: of[services[one.project]]}
		if one.flag != "" {
			o.ID += "/" + one.flag
		}
		if one.owner != "" {
			o.Teams = append(append([]string{}, o.Teams...), one.owner)
		}
		kind, known := kinds[one.environment]
		if !known {
			if kind, err = s.flags.EnvironmentKind(ctx, one.environment); err != nil {
				return nil, err
			}
			kinds[one.environment] = kind
		}
		o.EnvironmentKind = kind
		out[i] = o
	}
	return out, nil
}

// owned adds the team of a flag itself.
func (s *Flags) owned(ctx context.Context, p place) (place, error) {
	if p.flag == "" {
		return p, nil
	}
	var err error
	p.owner, err = s.flags.Owner(ctx, p.project, p.flag)
	return p, err
}

func (s *Flags) object(ctx context.Context, p place) (auth.Object, error) {
	p, err := s.owned(ctx, p)
	if err != nil {
		return auth.Object{}, err
	}
	list, err := s.objects(ctx, []place{p})
	if err != nil {
		return auth.Object{}, err
	}
	return list[0], nil
}

// Object is a project, with key a flag of it, as policies know it, for those who
// may read it.
func (s *Flags) Object(ctx context.Context, project, key, environment string) (auth.Object, error) {
	p := place{project: project, flag: key, environment: environment}
	if err := s.seeWide(ctx, p); err != nil {
		return auth.Object{}, err
	}
	return s.object(ctx, p)
}

// missing is the answer for what is not there.
func missing(p place) error {
	if p.flag == "" {
		return noProject(p.project)
	}
	return noFlag(p.project, p.flag)
}

// see is nil for a place that may be read with all that it is part of.
func (s *Flags) see(ctx context.Context, p place) error {
	look, err := s.g.sight(ctx, readFlags, "flag")
	if err != nil || look.all() {
		return err
	}
	if err := s.there(ctx, p); err != nil {
		return err
	}
	return s.seeAs(ctx, look.p, p)
}

// seeWide is see for what is changed, which has to be there: that a credential was made for changes
// only hides nothing.
func (s *Flags) seeWide(ctx context.Context, p place) error {
	by, err := who(ctx)
	if err != nil {
		return err
	}
	if err := s.there(ctx, p); err != nil {
		return err
	}
	return s.seeAs(ctx, wide(by), p)
}

// there is nil for a project, or a flag of one, that exists.
func (s *Flags) there(ctx context.Context, p place) error {
	if _, err := s.flags.Projects.Get(ctx, p.project); err != nil || p.flag == "" {
		return err
	}
	_, err := s.flags.Get(ctx, p.project, p.flag)
	return err
}

func (s *Flags) seeAs(ctx context.Context, by auth.Principal, p place) error {
	parts := []place{{project: p.project}}
	if p.flag != "" {
		parts = append(parts, place{project: p.project, flag: p.flag})
	}
	if p.environment != "" {
		parts = append(parts, p)
	}
	for _, part := range parts {
		o, err := s.object(ctx, part)
		if err == nil {
			err = hide(s.g.auth.Could(ctx, by, readFlags, o), missing(part))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Flags) change(ctx context.Context, verb string, p place) error {
	o, err := s.Object(ctx, p.project, p.flag, p.environment)
	if err != nil {
		return err
	}
	return s.g.may(ctx, verb, o)
}

// visible leaves of a list of rows those whose places may be read: the
// project, the flag and the environment.
func visible[T any](ctx context.Context, s *Flags, list []T, where func(T) place) ([]T, error) {
	look, err := s.g.sight(ctx, readFlags, "flag")
	if err != nil || look.all() {
		return list, err
	}
	owners := map[[2]string]string{}
	parts := []func(p place) place{
		func(p place) place { return place{project: p.project} },
		func(p place) place { return place{project: p.project, flag: p.flag, owner: p.owner} },
		func(p place) place { return p },
	}
	for _, part := range parts {
		list, err = keep(ctx, look, list, func(ctx context.Context, list []T) ([]auth.Object, error) {
			places := make([]place, len(list))
			for i, one := range list {
				p := where(one)
				key := [2]string{p.project, p.flag}
				if _, known := owners[key]; !known && p.owner == "" && p.flag != "" {
					with, err := s.owned(ctx, p)
					if err != nil {
						return nil, err
					}
					owners[key] = with.owner
				}
				if p.owner == "" {
					p.owner = owners[key]
				}
				places[i] = part(p)
			}
			return s.objects(ctx, places)
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Project is flag.Projects.Get.
func (s *Flags) Project(ctx context.Context, key string) (flag.Project, error) {
	if err := s.see(ctx, place{project: key}); err != nil {
		return flag.Project{}, err
	}
	return s.flags.Projects.Get(ctx, key)
}

// ProjectList is flag.Projects.List without what may not be read.
func (s *Flags) ProjectList(ctx context.Context, service string, limit int, from string) ([]flag.Project, error) {
	look, err := s.g.sight(ctx, readFlags, "flag")
	if err != nil {
		return nil, err
	}
	list, _, err := page(ctx, look, limit, from, func(limit int, from string) ([]flag.Project, string, error) {
		list, err := s.flags.Projects.List(ctx, service, limit, from)
		if err != nil || len(list) < limit {
			return list, "", err
		}
		return list, list[len(list)-1].Key, nil
	}, func(ctx context.Context, list []flag.Project) ([]auth.Object, error) {
		places := make([]place, len(list))
		for i, p := range list {
			places[i].project = p.Key
		}
		return s.objects(ctx, places)
	})
	return list, err
}

// CreateProject is flag.Projects.Ensure: for those who own the service.
func (s *Flags) CreateProject(ctx context.Context, key, service, by string) (flag.Project, error) {
	if err := own(ctx, by); err != nil {
		return flag.Project{}, err
	}
	of, err := s.g.entity(ctx, "Component", service)
	if err == nil {
		err = s.g.may(ctx, "flag.write", auth.Object{Kind: "flag", ID: key, Teams: of.Teams})
	}
	if err != nil {
		return flag.Project{}, err
	}
	return s.flags.Projects.Ensure(ctx, key, service, by, "")
}

// ProjectSettings is flag.Flags.ProjectSettings.
func (s *Flags) ProjectSettings(ctx context.Context, project string) (flag.ProjectSettings, error) {
	if err := s.see(ctx, place{project: project}); err != nil {
		return flag.ProjectSettings{}, err
	}
	return s.flags.ProjectSettings(ctx, project)
}

// SetProjectSettings is flag.Flags.SetProjectSettings.
func (s *Flags) SetProjectSettings(ctx context.Context, project string, in flag.ProjectSettings, by flag.Who) (flag.ProjectSettings, error) {
	if err := s.change(ctx, "flag.write", place{project: project}); err != nil {
		return flag.ProjectSettings{}, err
	}
	return s.flags.SetProjectSettings(ctx, project, in, by)
}

// EnvironmentKind is flag.Flags.EnvironmentKind, which everybody may know.
func (s *Flags) EnvironmentKind(ctx context.Context, environment string) (string, error) {
	if err := known(ctx); err != nil {
		return "", err
	}
	return s.flags.EnvironmentKind(ctx, environment)
}

// shown leaves out what a flag does where that may not be read.
func (s *Flags) shown(ctx context.Context, f flag.Flag) (flag.Flag, error) {
	var err error
	f.Environments, err = visible(ctx, s, f.Environments, func(e flag.Environment) place {
		return place{project: f.Project, flag: f.Key, owner: f.Owner, environment: e.Environment}
	})
	return f, err
}

// List is flag.Flags.List without what may not be read.
func (s *Flags) List(ctx context.Context, q flag.Filter) ([]flag.Flag, string, error) {
	look, err := s.g.sight(ctx, readFlags, "flag")
	if err != nil {
		return nil, "", err
	}
	list, next, err := page(ctx, look, q.Limit, q.From, func(limit int, from string) ([]flag.Flag, string, error) {
		q.Limit, q.From = limit, from
		list, next, err := s.flags.List(ctx, q)
		if err == nil {
			list, err = visible(ctx, s, list, func(f flag.Flag) place { return place{project: f.Project} })
		}
		return list, next, err
	}, func(ctx context.Context, list []flag.Flag) ([]auth.Object, error) {
		places := make([]place, len(list))
		for i, f := range list {
			places[i] = place{project: f.Project, flag: f.Key, owner: f.Owner}
		}
		return s.objects(ctx, places)
	})
	for i := range list {
		if err == nil && !look.all() {
			list[i], err = s.shown(ctx, list[i])
		}
	}
	return list, next, err
}

// Get is flag.Flags.Get.
func (s *Flags) Get(ctx context.Context, project, key string) (flag.Flag, error) {
	if err := s.see(ctx, place{project: project, flag: key}); err != nil {
		return flag.Flag{}, err
	}
	one, err := s.flags.Get(ctx, project, key)
	if err != nil {
		return one, err
	}
	return s.shown(ctx, one)
}

// History is flag.Flags.History without the environments that may not be read.
func (s *Flags) History(ctx context.Context, project, key, environment string, limit int, from int64) ([]flag.Change, error) {
	if err := s.see(ctx, place{project: project, flag: key}); err != nil {
		return nil, err
	}
	list, err := s.flags.History(ctx, project, key, environment, limit, from)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s, list, func(c flag.Change) place {
		return place{project: project, flag: key, environment: c.Environment}
	})
}

// Schedule is flag.Flags.Schedule without what may not be read.
func (s *Flags) Schedule(ctx context.Context, project string) ([]flag.ScheduleEntry, error) {
	if err := s.g.may(ctx, readFlags, auth.Object{Kind: "flag"}); err != nil {
		return nil, err
	}
	list, err := s.flags.Schedule(ctx, project)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s, list, func(e flag.ScheduleEntry) place {
		return place{project: e.Project, flag: e.Flag, environment: e.Environment}
	})
}

// Stale is flag.Flags.Stale without what may not be read.
func (s *Flags) Stale(ctx context.Context, project string) ([]flag.Evidence, error) {
	if err := s.g.may(ctx, readFlags, auth.Object{Kind: "flag"}); err != nil {
		return nil, err
	}
	list, err := s.flags.Stale(ctx, project)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s, list, func(e flag.Evidence) place { return place{project: e.Project, flag: e.Flag} })
}

// References is flag.Flags.References.
func (s *Flags) References(ctx context.Context, project, key string) ([]flag.Reference, error) {
	if err := s.see(ctx, place{project: project, flag: key}); err != nil {
		return nil, err
	}
	return s.flags.References(ctx, project, key)
}
