package guarded

import (
	"context"
	"time"

	"sphera/internal/auth"
	"sphera/internal/flag/key"
	"sphera/internal/flag/usage"
)

// FlagKeys are the keys of the flag server. Those of relays belong to no
// project.
type FlagKeys struct {
	flags *Flags
	keys  *key.Keys
}

// FlagKeys guards keys.
func (g *Guard) FlagKeys(k *key.Keys, flags *Flags) *FlagKeys {
	return &FlagKeys{flags: flags, keys: k}
}

func (s *FlagKeys) change(ctx context.Context, project string) error {
	if project == "" {
		return s.flags.g.may(ctx, "flag.relays", auth.Object{Kind: "flag"})
	}
	return s.flags.change(ctx, "flag.keys", place{project: project})
}

// Service is key.Keys.Service.
func (s *FlagKeys) Service(ctx context.Context, project string) (string, error) {
	if err := s.flags.see(ctx, place{project: project}); err != nil {
		return "", err
	}
	return s.keys.Service(ctx, project)
}

// List is key.Keys.List without the environments that may not be read.
func (s *FlagKeys) List(ctx context.Context, project string) ([]key.Key, error) {
	if project == "" {
		if err := s.change(ctx, ""); err != nil {
			return nil, err
		}
		return s.keys.List(ctx, "")
	}
	if err := s.flags.see(ctx, place{project: project}); err != nil {
		return nil, err
	}
	list, err := s.keys.List(ctx, project)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s.flags, list, func(k key.Key) place { return place{project: project, environment: k.Environment} })
}

// Create is key.Keys.Create.
func (s *FlagKeys) Create(ctx context.Context, project string, in key.NewKey, by string) (string, key.Key, error) {
	if err := s.change(ctx, project); err != nil {
		return "", key.Key{}, err
	}
	return s.keys.Create(ctx, project, in, by)
}

// Rotate is key.Keys.Rotate.
func (s *FlagKeys) Rotate(ctx context.Context, project, id string, overlap time.Duration, by string) (string, key.Key, error) {
	if err := s.change(ctx, project); err != nil {
		return "", key.Key{}, err
	}
	return s.keys.Rotate(ctx, project, id, overlap, by)
}

// Revoke is key.Keys.Revoke.
func (s *FlagKeys) Revoke(ctx context.Context, project, id, by string) error {
	if err := s.change(ctx, project); err != nil {
		return err
	}
	return s.keys.Revoke(ctx, project, id, by)
}

// FlagUsage is how flags are used.
type FlagUsage struct {
	flags *Flags
	usage *usage.Store
}

// FlagUsage guards what is known of the use of flags.
func (g *Guard) FlagUsage(u *usage.Store, flags *Flags) *FlagUsage {
	return &FlagUsage{flags: flags, usage: u}
}

// Flag is usage.Store.Flag.
func (s *FlagUsage) Flag(ctx context.Context, project, environment, flag string, hours int) (usage.Usage, error) {
	if err := s.flags.see(ctx, place{project: project, flag: flag, environment: environment}); err != nil {
		return usage.Usage{}, err
	}
	return s.usage.Flag(ctx, project, environment, flag, hours)
}

// Totals is usage.Store.Totals without what may not be read.
func (s *FlagUsage) Totals(ctx context.Context, project, environment string) ([]usage.FlagTotal, error) {
	if err := s.flags.see(ctx, place{project: project}); err != nil {
		return nil, err
	}
	list, err := s.usage.Totals(ctx, project, environment)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s.flags, list, func(t usage.FlagTotal) place {
		return place{project: project, flag: t.Flag, environment: t.Environment}
	})
}

// Unknown is usage.Store.Unknown without what may not be read.
func (s *FlagUsage) Unknown(ctx context.Context, project string, limit int) ([]usage.Unknown, error) {
	if err := s.flags.g.may(ctx, readFlags, auth.Object{Kind: "flag"}); err != nil {
		return nil, err
	}
	list, err := s.usage.Unknown(ctx, project, limit)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s.flags, list, func(u usage.Unknown) place {
		return place{project: u.Project, flag: u.Flag, environment: u.Environment}
	})
}
