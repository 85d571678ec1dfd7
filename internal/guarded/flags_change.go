package guarded

import (
	"context"
	"encoding/json"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag"
)

const changeFlags = "flag.write"

// Create is flag.Flags.Create: the right is asked for in each environment in
// which the flag is to do something from the start.
func (s *Flags) Create(ctx context.Context, project string, in flag.NewFlag, by flag.Who) (flag.Flag, error) {
	err := s.change(ctx, changeFlags, place{project: project})
	for environment := range in.Environments {
		if err == nil {
			err = s.change(ctx, changeFlags, place{project: project, environment: environment})
		}
	}
	if err != nil {
		return flag.Flag{}, err
	}
	return s.flags.Create(ctx, project, in, by)
}

// Update is flag.Flags.Update.
func (s *Flags) Update(ctx context.Context, project, key string, in flag.Settings, version int64, reason string, by flag.Who) (flag.Flag, error) {
	if err := s.change(ctx, changeFlags, place{project: project, flag: key}); err != nil {
		return flag.Flag{}, err
	}
	return s.flags.Update(ctx, project, key, in, version, reason, by)
}

// Archive is flag.Flags.Archive.
func (s *Flags) Archive(ctx context.Context, project, key string, version int64, reason string, by flag.Who) (flag.Flag, error) {
	if err := s.change(ctx, changeFlags, place{project: project, flag: key}); err != nil {
		return flag.Flag{}, err
	}
	return s.flags.Archive(ctx, project, key, version, reason, by)
}

// Restore is flag.Flags.Restore.
func (s *Flags) Restore(ctx context.Context, project, key, reason string, by flag.Who) (flag.Flag, error) {
	if err := s.change(ctx, changeFlags, place{project: project, flag: key}); err != nil {
		return flag.Flag{}, err
	}
	return s.flags.Restore(ctx, project, key, reason, by)
}

// Delete is flag.Flags.Delete.
func (s *Flags) Delete(ctx context.Context, project, key string, by flag.Who) error {
	if err := s.change(ctx, changeFlags, place{project: project, flag: key}); err != nil {
		return err
	}
	return s.flags.Delete(ctx, project, key, by)
}

// Clone is flag.Flags.Clone: of what may be read, to a project of one's own.
func (s *Flags) Clone(ctx context.Context, project, key, toProject, toKey string, by flag.Who) (flag.Flag, error) {
	err := s.seeWide(ctx, place{project: project, flag: key})
	if err == nil {
		err = s.change(ctx, changeFlags, place{project: toProject})
	}
	if err != nil {
		return flag.Flag{}, err
	}
	return s.flags.Clone(ctx, project, key, toProject, toKey, by)
}

// Edit is flag.Flags.Edit.
func (s *Flags) Edit(ctx context.Context, project, key, environment string, in flag.Edit, by flag.Who) (flag.Edited, error) {
	if err := s.change(ctx, changeFlags, place{project: project, flag: key, environment: environment}); err != nil {
		return flag.Edited{}, err
	}
	return s.flags.Edit(ctx, project, key, environment, in, by)
}

// Revert is flag.Flags.Revert: the right is asked for where the change was.
func (s *Flags) Revert(ctx context.Context, project, key string, version, current int64, reason string, propose bool, by flag.Who) (flag.Edited, error) {
	p := place{project: project, flag: key}
	if err := s.change(ctx, changeFlags, p); err != nil {
		return flag.Edited{}, err
	}
	last, err := s.flags.History(ctx, project, key, "", 1, version+1)
	if err == nil && len(last) == 1 && last[0].Version == version && last[0].Environment != "" {
		p.environment = last[0].Environment
		err = s.change(ctx, changeFlags, p)
	}
	if err != nil {
		return flag.Edited{}, err
	}
	return s.flags.Revert(ctx, project, key, version, current, reason, propose, by)
}

// Promote is flag.Flags.Promote: the right is asked for where it is promoted to.
func (s *Flags) Promote(ctx context.Context, project, key string, in flag.Promotion, by flag.Who) (flag.Edited, flag.Preview, error) {
	err := s.seeWide(ctx, place{project: project, flag: key, environment: in.From})
	if err == nil {
		err = s.change(ctx, changeFlags, place{project: project, flag: key, environment: in.To})
	}
	if err != nil {
		return flag.Edited{}, flag.Preview{}, err
	}
	return s.flags.Promote(ctx, project, key, in, by)
}

// Import is flag.Flags.Import.
func (s *Flags) Import(ctx context.Context, project, environment string, definition json.RawMessage, dryRun bool, reason string, by flag.Who) (flag.ImportReport, error) {
	if err := s.change(ctx, changeFlags, place{project: project, environment: environment}); err != nil {
		return flag.ImportReport{}, err
	}
	return s.flags.Import(ctx, project, environment, definition, dryRun, reason, by)
}

// Export is flag.Flags.Export without the flags that may not be read.
func (s *Flags) Export(ctx context.Context, project, environment string) (json.RawMessage, error) {
	if err := s.see(ctx, place{project: project, environment: environment}); err != nil {
		return nil, err
	}
	doc, err := s.flags.Export(ctx, project, environment)
	if err != nil {
		return nil, err
	}
	look, err := s.g.sight(ctx, readFlags, "flag")
	if err != nil || look.all() {
		return doc, err
	}
	whole, flags := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(doc, &whole); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(whole["flags"], &flags); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(flags))
	for name := range flags {
		names = append(names, name)
	}
	seen, err := visible(ctx, s, names, func(name string) place {
		return place{project: project, flag: name, environment: environment}
	})
	if err != nil {
		return nil, err
	}
	left := make(map[string]json.RawMessage, len(seen))
	for _, name := range seen {
		left[name] = flags[name]
	}
	if whole["flags"], err = json.Marshal(left); err != nil {
		return nil, err
	}
	return json.MarshalIndent(whole, "", "  ")
}

// Evaluate is flag.Flags.Evaluate without the flags that may not be read.
func (s *Flags) Evaluate(ctx context.Context, project string, in flag.Evaluation) ([]flag.Outcome, error) {
	if err := s.see(ctx, place{project: project, flag: in.Flag, environment: in.Environment}); err != nil {
		return nil, err
	}
	list, err := s.flags.Evaluate(ctx, project, in)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s, list, func(o flag.Outcome) place {
		return place{project: project, flag: o.Flag, environment: in.Environment}
	})
}

// Preview is flag.Flags.Preview.
func (s *Flags) Preview(ctx context.Context, project, key, environment string, in flag.Patch, samples []flag.Sample) (flag.Preview, error) {
	if err := s.see(ctx, place{project: project, flag: key, environment: environment}); err != nil {
		return flag.Preview{}, err
	}
	return s.flags.Preview(ctx, project, key, environment, in, samples)
}

// Proposals is flag.Flags.Proposals without what may not be read.
func (s *Flags) Proposals(ctx context.Context, project, state string) ([]flag.Proposal, error) {
	if err := s.see(ctx, place{project: project}); err != nil {
		return nil, err
	}
	list, err := s.flags.Proposals(ctx, project, state)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s, list, proposed)
}

func proposed(p flag.Proposal) place {
	return place{project: p.Project, flag: p.Flag, environment: p.Environment}
}

// ProposalObject is a proposal as policies know it, for those who may read it.
func (s *Flags) ProposalObject(ctx context.Context, project, id string) (auth.Object, error) {
	if err := s.seeWide(ctx, place{project: project}); err != nil {
		return auth.Object{}, err
	}
	p, err := s.flags.Proposal(ctx, project, id)
	if err != nil {
		return auth.Object{}, err
	}
	if err := s.seeWide(ctx, proposed(p)); fault.Is(err, fault.NotFound) {
		return auth.Object{}, fault.New(fault.NotFound, "There is no proposal %s.", id)
	} else if err != nil {
		return auth.Object{}, err
	}
	o, err := s.object(ctx, proposed(p))
	o.Author = p.Author
	return o, err
}

// Decide is flag.Flags.Decide.
func (s *Flags) Decide(ctx context.Context, project, id string, approve bool, comment string, by flag.Who) (flag.Proposal, error) {
	o, err := s.ProposalObject(ctx, project, id)
	if err == nil {
		err = s.g.may(ctx, "flag.approve", o)
	}
	if err != nil {
		return flag.Proposal{}, err
	}
	return s.flags.Decide(ctx, project, id, approve, comment, by)
}

// Withdraw is flag.Flags.Withdraw: who proposed it takes it back.
func (s *Flags) Withdraw(ctx context.Context, project, id string, by flag.Who) (flag.Proposal, error) {
	o, err := s.ProposalObject(ctx, project, id)
	if err == nil {
		err = s.g.may(ctx, changeFlags, o)
	}
	if err != nil {
		return flag.Proposal{}, err
	}
	return s.flags.Withdraw(ctx, project, id, by)
}

// Segments is flag.Flags.Segments without the names of flags that may not be
// read.
func (s *Flags) Segments(ctx context.Context, project string) ([]flag.Segment, error) {
	if err := s.see(ctx, place{project: project}); err != nil {
		return nil, err
	}
	list, err := s.flags.Segments(ctx, project)
	for i := range list {
		if err == nil {
			list[i].UsedBy, err = visible(ctx, s, list[i].UsedBy, func(key string) place { return place{project: project, flag: key} })
		}
	}
	return list, err
}

// PutSegment is flag.Flags.PutSegment.
func (s *Flags) PutSegment(ctx context.Context, project string, in flag.NewSegment, by flag.Who) (flag.Segment, error) {
	if err := s.change(ctx, changeFlags, place{project: project}); err != nil {
		return flag.Segment{}, err
	}
	return s.flags.PutSegment(ctx, project, in, by)
}

// DeleteSegment is flag.Flags.DeleteSegment.
func (s *Flags) DeleteSegment(ctx context.Context, project, key string, version int64, by flag.Who) error {
	if err := s.change(ctx, changeFlags, place{project: project}); err != nil {
		return err
	}
	return s.flags.DeleteSegment(ctx, project, key, version, by)
}
