package flag

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sphera/internal/fault"
	"sphera/internal/flag/eval"
	"sphera/internal/store"
)

// Snapshot is the flags of one project in one environment, compiled. It does
// not change; a change makes a new one.
type Snapshot struct {
	Project, Environment string
	// Version grows with each change of the project's flags, over restarts too.
	Version int64
	// ETag names the content: the same definition has the same tag in every
	// replica.
	ETag string
	// Bucketing is the generation that Set was compiled with: copies on disk and
	// in relays are compiled again.
	Bucketing int
	// Set has flagd's JSON, too.
	Set *eval.Set
	// Clients are the flags that public client keys may see.
	Clients map[string]bool
}

// NewSnapshot compiles a definition, e.g. one that was kept on disk.
func NewSnapshot(project, environment string, version int64, definition []byte, clients map[string]bool, bucketing int) (*Snapshot, error) {
	set, problems := eval.Compile(definition, eval.Options{Bucketing: bucketing})
	if set == nil {
		return nil, fmt.Errorf("compile the flags of %s in %s: %+v", project, environment, problems)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%v\n%s", bucketing, slices.Sorted(maps.Keys(clients)), definition))
	set.Pack()
	return &Snapshot{
		Project: project, Environment: environment, Version: version, ETag: hex.EncodeToString(sum[:12]), Bucketing: bucketing, Set: set, Clients: clients,
	}, nil
}

type setKey struct{ project, environment string }

// snapshots are the newest of every set. Readers take no lock.
type snapshots struct {
	current atomic.Pointer[sets]
	// mu is held while a set is replaced.
	mu   sync.Mutex
	subs map[*subscriber]struct{}
}

// sets are spread over few maps, so that replacing one copies little.
type sets [64]map[setKey]*Snapshot

func (k setKey) place() int {
	h := uint32(2166136261)
	for i := range len(k.project) {
		h = (h ^ uint32(k.project[i])) * 16777619
	}
	return int(h % 64)
}

// subscriber holds the newest snapshot of each set that it has not taken yet.
type subscriber struct {
	out     chan *Snapshot
	wake    chan struct{}
	done    chan struct{}
	mu      sync.Mutex
	waiting map[setKey]*Snapshot
}

// Current returns the newest snapshot of a set; false when the project or the
// environment is not known. It takes no lock and asks no database.
func (f *Flags) Current(project, environment string) (*Snapshot, bool) {
	all := f.snaps.current.Load()
	if all == nil {
		return nil, false
	}
	k := setKey{project, environment}
	s, ok := all[k.place()][k]
	return s, ok
}

// Snapshots returns the newest snapshot of every set.
func (f *Flags) Snapshots() []*Snapshot {
	var out []*Snapshot
	if all := f.snaps.current.Load(); all != nil {
		for _, m := range all {
			for _, s := range m {
				out = append(out, s)
			}
		}
	}
	return out
}

// Watch returns a channel that receives every new snapshot, and a function
// that ends the subscription. A slow reader loses older ones of the same set,
// never the newest.
func (f *Flags) Watch() (<-chan *Snapshot, func()) {
	s := &subscriber{out: make(chan *Snapshot), wake: make(chan struct{}, 1), done: make(chan struct{}), waiting: map[setKey]*Snapshot{}}
	f.snaps.mu.Lock()
	f.snaps.subs[s] = struct{}{}
	f.snaps.mu.Unlock()
	go s.run()
	return s.out, sync.OnceFunc(func() {
		f.snaps.mu.Lock()
		delete(f.snaps.subs, s)
		f.snaps.mu.Unlock()
		close(s.done)
	})
}

func (s *subscriber) run() {
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		}
		for {
			s.mu.Lock()
			var next *Snapshot
			for k, v := range s.waiting {
				next = v
				delete(s.waiting, k)
				break
			}
			s.mu.Unlock()
			if next == nil {
				break
			}
			select {
			case <-s.done:
				return
			case s.out <- next:
			}
		}
	}
}

func (s *subscriber) give(list []*Snapshot) {
	s.mu.Lock()
	for _, v := range list {
		s.waiting[setKey{v.Project, v.Environment}] = v
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// swap puts new snapshots in and takes those of gone projects out.
func (f *Flags) swap(fresh []*Snapshot, gone func(setKey) bool) {
	f.snaps.mu.Lock()
	defer f.snaps.mu.Unlock()
	next := sets{}
	if old := f.snaps.current.Load(); old != nil {
		next = *old
	}
	copied := [64]bool{}
	own := func(i int) {
		if !copied[i] {
			next[i] = maps.Clone(next[i])
			if next[i] == nil {
				next[i] = map[setKey]*Snapshot{}
			}
			copied[i] = true
		}
	}
	if gone != nil {
		for i := range next {
			for k := range next[i] {
				if gone(k) {
					own(i)
					delete(next[i], k)
				}
			}
		}
	}
	var news []*Snapshot
	for _, s := range fresh {
		k := setKey{s.Project, s.Environment}
		if old := next[k.place()][k]; old != nil && (old.Version > s.Version || old.ETag == s.ETag) {
			continue
		}
		own(k.place())
		next[k.place()][k] = s
		news = append(news, s)
	}
	f.snaps.current.Store(&next)
	for sub := range f.snaps.subs {
		sub.give(news)
	}
}

// Load fills the snapshots from the database.
func (f *Flags) Load(ctx context.Context) error {
	kinds, err := f.environments(ctx)
	if err != nil {
		return err
	}
	rows, err := f.d.DB.Read().QueryContext(ctx, `SELECT key FROM flag_projects ORDER BY key`)
	keys, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (string, error) {
		var key string
		return key, r.Scan(&key)
	})
	if err != nil {
		return fmt.Errorf("list flag projects: %w", err)
	}
	known := map[string]bool{}
	var failed error
	for _, key := range keys {
		known[key] = true
		fresh, err := f.build(ctx, key, kinds)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		failed = errors.Join(failed, err)
		f.swap(fresh, nil)
	}
	there := map[string]bool{}
	for _, e := range kinds {
		there[e.ID] = true
	}
	f.swap(nil, func(k setKey) bool { return !known[k.project] || !there[k.environment] })
	return failed
}

// build compiles the sets of one project.
func (f *Flags) build(ctx context.Context, key string, kinds []EnvironmentInfo) ([]*Snapshot, error) {
	p, err := f.load(ctx, f.d.DB.Read(), key)
	if fault.Is(err, fault.NotFound) {
		f.swap(nil, func(k setKey) bool { return k.project == key })
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*Snapshot
	var failed error
	for _, e := range kinds {
		s, err := p.snapshot(e.ID, f.d.Now())
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		out = append(out, s)
	}
	return out, failed
}

func (p *whole) snapshot(environment string, now time.Time) (*Snapshot, error) {
	definition, clients, err := p.definition(environment, now)
	if err != nil {
		return nil, err
	}
	return NewSnapshot(p.key, environment, p.revision(environment), definition, clients, p.settings.Bucketing)
}

const (
	// lookAnyway is how long a lost note can go unnoticed; foldEvery is how
	// soon the history tells what a schedule did.
	lookAnyway = time.Minute
	foldEvery  = 15 * time.Second
)

// Work keeps the snapshots up to date and writes into the history what
// schedules did until ctx ends.
func (f *Flags) Work(ctx context.Context) error {
	notes, stop := f.d.DB.Subscribe(Topic)
	defer stop()
	f.reload(ctx, "")
	look, fold := time.NewTicker(lookAnyway), time.NewTicker(foldEvery)
	defer look.Stop()
	defer fold.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case note := <-notes:
			f.reload(ctx, note)
		case <-look.C:
			f.reload(ctx, "")
		case <-fold.C:
			if err := f.Fold(ctx); err != nil && ctx.Err() == nil {
				f.d.Log.WarnContext(ctx, "writing down what schedules of flags did failed; trying again soon", "error", err)
			}
		}
	}
}

// reload brings sets up to date: "project environment", "project", or all of
// them when it is empty.
func (f *Flags) reload(ctx context.Context, note string) {
	var err error
	project, environment, one := strings.Cut(note, " ")
	if project == "" {
		err = f.Load(ctx)
	} else {
		var kinds []EnvironmentInfo
		if kinds, err = f.environments(ctx); err == nil {
			if one {
				kinds = slices.DeleteFunc(slices.Clone(kinds), func(e EnvironmentInfo) bool { return e.ID != environment })
			}
			var fresh []*Snapshot
			fresh, err = f.build(ctx, project, kinds)
			f.swap(fresh, nil)
		}
	}
	if err != nil && ctx.Err() == nil {
		f.d.Log.WarnContext(ctx, "bringing flags up to date failed; the ones before stay until it works", "sets", note, "error", err)
	}
}

// Fold writes into the history what schedules have done by now. What flags
// answer does not wait for it.
func (f *Flags) Fold(ctx context.Context) error {
	rows, err := f.d.DB.Read().QueryContext(ctx, `SELECT project, flag, environment FROM flag_environments WHERE next_at > 0 AND next_at <= $1 LIMIT 100`, store.Millis(f.d.Now()))
	type due struct{ project, flag, environment string }
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (due, error) {
		var d due
		return d, r.Scan(&d.project, &d.flag, &d.environment)
	})
	if err != nil {
		return fmt.Errorf("look for schedules that are due: %w", err)
	}
	for _, d := range list {
		if err := f.fold(ctx, d.project, d.flag, d.environment); err != nil {
			return fmt.Errorf("write down the schedule of %s in %s: %w", d.flag, d.environment, err)
		}
	}
	return nil
}

func (f *Flags) fold(ctx context.Context, project, key, environment string) error {
	return f.in(ctx, project, environment, func(tx *store.Tx, p *whole) error {
		s := p.flag(key)
		if s == nil {
			return nil
		}
		now := f.d.Now()
		before := s.settings[environment]
		after := before.at(now)
		if len(before.Schedule) == len(after.Schedule) {
			return nil // another replica was first
		}
		words := diff(Setting{On: before.On, Off: before.Off, Default: before.Default, Serve: before.Serve}, Setting{On: after.On, Off: after.Off, Default: after.Default, Serve: after.Serve}, now)
		var planner Who
		if err := tx.QueryRowContext(ctx, `SELECT updated_by, updated_by_name FROM flag_environments WHERE project = $1 AND flag = $2 AND environment = $3`, project, key, environment).
			Scan(&planner.ID, &planner.Name); err != nil {
			return fmt.Errorf("read who planned it: %w", err)
		}
		if err := f.addVersion(ctx, tx, s, versionRow{environment: environment, verb: "schedule", reason: "planned before", diff: words, before: before, after: after, by: planner}); err != nil {
			return err
		}
		if err := f.putEnvironment(ctx, tx, s, environment, after, planner); err != nil {
			return err
		}
		if err := f.putFlag(ctx, tx, s); err != nil {
			return err
		}
		return f.tell(ctx, tx, "flag.schedule", s, environment, "planned before", words, planner)
	})
}
