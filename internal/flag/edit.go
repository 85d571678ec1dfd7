package flag

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// production is the kind of environment whose changes have a step limit.
const production = "production"

// patched is a setting with a patch put on.
func (s Setting) patched(p Patch) Setting {
	if p.On != nil {
		s.On = *p.On
	}
	if p.Off != nil {
		s.Off = *p.Off
	}
	if p.Default != nil {
		s.Default = *p.Default
	}
	if p.Prerequisites != nil {
		s.Prerequisites = slices.Clone(*p.Prerequisites)
	}
	if p.Targets != nil {
		s.Targets = slices.Clone(*p.Targets)
	}
	if p.Rules != nil {
		s.Rules = slices.Clone(*p.Rules)
	}
	if p.Serve != nil {
		s.Serve = *p.Serve
	}
	if p.Schedule != nil {
		s.Schedule = slices.Clone(*p.Schedule)
	}
	return s
}

// edit is one change of a setting on its way.
type edit struct {
	environment EnvironmentInfo
	version     int64
	after       func(s *stored, before Setting) (Setting, error)
	reason      string
	verb        string
	propose     bool
	by          Who
	// approver let it pass; its limit was looked at before.
	approver Who
}

// Edit changes what a flag does in one environment.
func (f *Flags) Edit(ctx context.Context, project, key, environment string, in Edit, by Who) (Edited, error) {
	e, err := f.environment(ctx, environment)
	if err != nil {
		return Edited{}, err
	}
	verb := "update"
	if in.On != nil && same(in.Patch, Patch{On: in.On}) {
		verb = onOff(*in.On)
	}
	return f.edit(ctx, project, key, edit{
		environment: e, version: in.Version, reason: in.Reason, verb: verb, propose: in.Propose, by: by,
		after: func(_ *stored, before Setting) (Setting, error) { return before.patched(in.Patch), nil },
	})
}

func (f *Flags) edit(ctx context.Context, project, key string, e edit) (Edited, error) {
	var proposal *Proposal
	teams, err := f.teams(ctx, project, key)
	if err != nil {
		return Edited{}, err
	}
	deciders, err := f.deciders(ctx, project, key, e.environment.ID)
	if err != nil {
		return Edited{}, err
	}
	err = f.in(ctx, project, e.environment.ID, func(tx *store.Tx, p *whole) error {
		s, err := f.lockFlag(ctx, tx, p, key)
		if err != nil {
			return err
		}
		p.teams, p.deciders = teams, deciders
		proposal, err = f.editIn(ctx, tx, p, s, e)
		return err
	})
	if err != nil {
		return Edited{}, fmt.Errorf("change flag %s in %s: %w", key, e.environment.ID, err)
	}
	one, err := f.Get(ctx, project, key)
	return Edited{Flag: one, Proposal: proposal}, err
}

// teams are who looks after a flag.
func (f *Flags) teams(ctx context.Context, project, key string) ([]string, error) {
	if f.d.Teams == nil {
		return nil, nil
	}
	p, err := f.Projects.Get(ctx, project)
	if err != nil {
		return nil, err
	}
	owner, err := f.Owner(ctx, project, key)
	if err != nil {
		return nil, err
	}
	return f.d.Teams(ctx, p.Service, owner)
}

// editIn makes a change, or a proposal of one.
func (f *Flags) editIn(ctx context.Context, tx *store.Tx, p *whole, s *stored, e edit) (*Proposal, error) {
	if s.ArchivedAt != nil {
		return nil, fault.New(fault.Conflict, "The flag %s is archived. Restore it first.", s.Key)
	}
	if err := stale(s.versions[e.environment.ID], e.version, "the flag "+s.Key+" in "+e.environment.ID); err != nil {
		return nil, err
	}
	now := f.d.Now()
	before := s.setting(e.environment.ID).at(now)
	after, err := e.after(s, before)
	if err != nil {
		return nil, err
	}
	after = after.filled(s.Settings)
	c := checker{p: p, f: s, environment: e.environment.ID, now: now}
	if err := c.fit(&after); err != nil {
		return nil, err
	}
	words := diff(before, after, now)
	if len(words) == 0 && same(before, after) {
		return nil, nil
	}
	if why := f.needsSecond(p, s, e.environment, before, after); why != "" && e.approver.ID == "" {
		if !e.propose {
			return nil, fault.Refuse("flag-step-limit", why, "Make a smaller step, or propose the change so that another person can let it pass.", "the owners of "+s.Service).
				WithData(map[string]any{"raise": raise(before, after, now), "maxStep": p.settings.MaxStep})
		}
		return f.propose(ctx, tx, p, s, e, after, words, why)
	}
	if err := f.addVersion(ctx, tx, s, versionRow{environment: e.environment.ID, verb: e.verb, reason: e.reason, diff: words, before: before, after: after, by: e.by, approver: e.approver}); err != nil {
		return nil, err
	}
	if err := f.putEnvironment(ctx, tx, s, e.environment.ID, after, e.by); err != nil {
		return nil, err
	}
	if err := f.putFlag(ctx, tx, s); err != nil {
		return nil, err
	}
	// What was proposed was proposed on another version.
	if err := f.outdate(ctx, tx, s.Project, s.Key, e.environment.ID); err != nil {
		return nil, err
	}
	return nil, f.announce(ctx, tx, p, s, e, before, after, words)
}

// announce tells of a change; a kill switch is told of loudly.
func (f *Flags) announce(ctx context.Context, tx *store.Tx, p *whole, s *stored, e edit, before, after Setting, words []string) error {
	verb := "flag.change"
	if s.Kind == KillSwitch && before.On != after.On {
		verb = "flag.kill"
	}
	if err := f.tell(ctx, tx, verb, s, e.environment.ID, e.reason, words, e.by); err != nil {
		return err
	}
	if f.d.Notify == nil || verb != "flag.kill" && e.environment.Kind != production {
		return nil
	}
	return f.d.Notify(ctx, tx, Notice{
		Project: s.Project, Flag: s.Key, Environment: e.environment.ID, Teams: p.teams,
		Title: fmt.Sprintf("%s changed %s in %s", e.by.Name, s.Key, e.environment.ID), Text: shortened(words), Urgent: verb == "flag.kill",
	})
}

// Notice is a change that people should hear of.
type Notice struct {
	Project, Flag, Environment string
	Title, Text                string
	Teams                      []string
	Urgent                     bool
}

// Revert takes one change back as a new change.
func (f *Flags) Revert(ctx context.Context, project, key string, version, current int64, reason string, propose bool, by Who) (Edited, error) {
	var environment, before, verb string
	err := f.d.DB.Read().QueryRowContext(ctx, `SELECT environment, before, verb FROM flag_versions WHERE project = $1 AND flag = $2 AND version = $3`, project, key, version).
		Scan(&environment, &before, &verb)
	if errors.Is(err, sql.ErrNoRows) {
		return Edited{}, fault.New(fault.NotFound, "The flag %s has no version %d.", key, version)
	}
	if err != nil {
		return Edited{}, fmt.Errorf("read version %d of flag %s: %w", version, key, err)
	}
	if before == "null" || verb == "archive" || verb == "restore" {
		return Edited{}, fault.New(fault.Unprocessable, "Version %d cannot be taken back this way; archive or restore the flag instead.", version)
	}
	if reason == "" {
		reason = fmt.Sprintf("takes back version %d", version)
	}
	if environment == "" {
		return f.revertSettings(ctx, project, key, before, current, reason, by)
	}
	e, err := f.environment(ctx, environment)
	if err != nil {
		return Edited{}, err
	}
	return f.edit(ctx, project, key, edit{
		environment: e, version: current, reason: reason, verb: "revert", propose: propose, by: by,
		after: func(*stored, Setting) (Setting, error) {
			var s Setting
			err := decode(before, &s)
			return s.at(f.d.Now()), err
		},
	})
}

func (f *Flags) revertSettings(ctx context.Context, project, key, before string, current int64, reason string, by Who) (Edited, error) {
	var settings Settings
	if err := decode(before, &settings); err != nil {
		return Edited{}, err
	}
	err := f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		s, err := f.lockFlag(ctx, tx, p, key)
		if err != nil {
			return err
		}
		return f.update(ctx, tx, p, s, settings, current, reason, "revert", by)
	})
	if err != nil {
		return Edited{}, fmt.Errorf("revert flag %s: %w", key, err)
	}
	one, err := f.Get(ctx, project, key)
	return Edited{Flag: one}, err
}

// Promote copies a setting to another environment, or says what that would do.
func (f *Flags) Promote(ctx context.Context, project, key string, in Promotion, by Who) (Edited, Preview, error) {
	if in.From == in.To {
		return Edited{}, Preview{}, fault.Field("to", "is the same environment", "another environment")
	}
	if _, err := f.environment(ctx, in.From); err != nil {
		return Edited{}, Preview{}, err
	}
	to, err := f.environment(ctx, in.To)
	if err != nil {
		return Edited{}, Preview{}, err
	}
	p, err := f.load(ctx, f.d.DB.Read(), project)
	if err != nil {
		return Edited{}, Preview{}, err
	}
	s := p.flag(key)
	if s == nil {
		return Edited{}, Preview{}, fault.New(fault.NotFound, "There is no flag %s in the project %s.", key, project)
	}
	source := s.setting(in.From).at(f.d.Now())
	preview, err := f.preview(ctx, p, s, to, source, nil)
	if err != nil {
		return Edited{}, Preview{}, err
	}
	if in.DryRun {
		one, err := f.Get(ctx, project, key)
		return Edited{Flag: one}, preview, err
	}
	if in.Reason == "" {
		in.Reason = "as in " + in.From
	}
	out, err := f.edit(ctx, project, key, edit{
		environment: to, version: in.Version, reason: in.Reason, verb: "promote", propose: in.Propose, by: by,
		after: func(s *stored, _ Setting) (Setting, error) { return s.setting(in.From).at(f.d.Now()), nil },
	})
	return out, preview, err
}
