package runtime

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"sphera/internal/store"
)

// scanEvery is how often a supervisor looks for instances nobody cares for.
const scanEvery = time.Second

// supervisor is one call of Supervise.
type supervisor struct {
	p        *Process
	starter  *starter
	keepers  map[place]*keeper
	finished chan *keeper
	group    sync.WaitGroup
}

// Supervise makes the wishes true: it takes instances that nobody supervises,
// starts, watches and restarts their processes, and gives a sign of life for
// them. It returns when ctx has ended and all its processes have stopped.
func (p *Process) Supervise(ctx context.Context) error {
	if len(p.o.Launcher) == 0 || !confinement() {
		p.logger.WarnContext(ctx, "services are not confined to their own folders: this needs Linux with Landlock", "launcher", len(p.o.Launcher) > 0, "landlock", confinement())
	}
	s := &supervisor{p: p, starter: newStarter(), keepers: map[place]*keeper{}, finished: make(chan *keeper, 16)}
	defer s.starter.close()
	hints, end := p.db.Subscribe(topicInstance)
	defer end()
	logging, stopLogging := context.WithCancel(context.WithoutCancel(ctx))
	var logs sync.WaitGroup
	logs.Go(func() { p.logs.run(logging) })
	// Keepers stop in order when ctx ends; their last words are still written.
	defer func() {
		stopLogging()
		logs.Wait()
	}()
	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		stopKeeping()
		s.drain()
	}()
	s.scan(ctx, keeping)
	beat, scan := time.NewTicker(p.o.Heartbeat), time.NewTicker(scanEvery)
	defer beat.Stop()
	defer scan.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case hint := <-hints:
			k, ok := parsePlace(hint)
			if keeper := s.keepers[k]; ok && keeper != nil {
				keeper.poke()
			} else {
				s.scan(ctx, keeping)
			}
		case k := <-s.finished:
			s.forget(k)
			s.scan(ctx, keeping)
		case <-beat.C:
			s.renew(ctx)
		case <-scan.C:
			s.scan(ctx, keeping)
		}
	}
}

func (s *supervisor) forget(k *keeper) {
	if s.keepers[k.place] == k {
		delete(s.keepers, k.place)
	}
}

// drain waits for the keepers, which have been told to stop.
func (s *supervisor) drain() {
	done := make(chan struct{})
	go func() {
		s.group.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			return
		case <-s.finished:
		}
	}
}

// renew gives a sign of life. While the database does not answer the services
// go on; whoever lost an instance meanwhile stops its process when it learns.
func (s *supervisor) renew(ctx context.Context) {
	if len(s.keepers) == 0 {
		return
	}
	rows, err := s.p.db.Read().QueryContext(ctx, `SELECT service, environment FROM runtime_instances WHERE owner = $1`, s.p.owner)
	mine, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (place, error) {
		var k place
		err := r.Scan(&k.service, &k.environment)
		return k, err
	})
	if err == nil {
		err = s.p.db.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET lease_until = $1 WHERE owner = $2`, s.p.leaseEnd(), s.p.owner)
			return err
		})
	}
	if err != nil {
		if ctx.Err() == nil {
			s.p.logger.WarnContext(ctx, "the supervisor could not give a sign of life", "error", err)
		}
		return
	}
	held := map[place]bool{}
	for _, k := range mine {
		held[k] = true
	}
	for k, keeper := range s.keepers {
		if !held[k] {
			keeper.poke()
		}
	}
}

func (p *Process) leaseEnd() int64 { return store.Millis(p.o.Now().Add(p.o.Lease)) }

// scan takes every instance whose supervisor is gone.
func (s *supervisor) scan(ctx, keeping context.Context) {
	p := s.p
	rows, err := p.db.Read().QueryContext(ctx, selectRow+` WHERE i.owner <> $1 AND NOT (i.desired = 'stopped' AND i.state = 'stopped')`, p.owner)
	free, err := store.All(rows, err, scanRow)
	if err != nil {
		if ctx.Err() == nil {
			p.logger.WarnContext(ctx, "the supervisor could not look for instances", "error", err)
		}
		return
	}
	for _, r := range free {
		if s.keepers[r.place] != nil || p.alive(r) {
			continue
		}
		taken, err := p.claim(ctx, r)
		if err != nil {
			p.logger.WarnContext(ctx, "the supervisor could not take an instance", "service", r.service, "environment", r.environment, "error", err)
			continue
		}
		if taken {
			s.keep(keeping, r)
		}
	}
}

// claim takes an instance from the owner it was read with; of several
// supervisors that try, one succeeds.
func (p *Process) claim(ctx context.Context, r row) (bool, error) {
	taken := false
	err := p.db.Tx(ctx, func(tx *store.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET owner = $1, lease_until = $2
			WHERE service = $3 AND environment = $4 AND owner = $5 AND lease_until = $6`,
			p.owner, p.leaseEnd(), r.service, r.environment, r.owner, r.leaseUntil)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		taken = n == 1
		return err
	})
	return taken, err
}

func (s *supervisor) keep(ctx context.Context, r row) {
	if r.owner != "" {
		s.p.logger.InfoContext(ctx, "took over an instance", "service", r.service, "environment", r.environment, "from", r.owner)
		if host, _, ok := strings.Cut(r.owner, "/"); ok && host == s.p.host {
			if err := killLeftovers(r.pid, r.place); err != nil {
				s.p.logger.WarnContext(ctx, "could not end what a dead supervisor left", "service", r.service, "error", err)
			}
		}
	}
	k := newKeeper(s.p, s.starter, r)
	s.keepers[r.place] = k
	s.group.Go(func() {
		k.run(ctx)
		s.finished <- k
	})
}

// ownerIsDead reports whether the owner was a process of this machine that is
// gone, so that its instances need not wait for the end of its lease.
func (p *Process) ownerIsDead(owner string) bool {
	parts := strings.SplitN(owner, "/", 4)
	if len(parts) != 4 || parts[0] != p.host || p.host == "unknown" {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	return err == nil && processStart(pid) != parts[2]
}

// release gives the instance back, so that another supervisor takes it at once.
func (p *Process) release(ctx context.Context, k place) error {
	err := p.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET owner = '', lease_until = 0, port = 0, pid = 0, state = 'starting'
			WHERE service = $1 AND environment = $2 AND owner = $3`, k.service, k.environment, p.owner)
		tx.Notify(topicInstance, k.String())
		return err
	})
	if err != nil {
		return fmt.Errorf("give back %s: %w", k, err)
	}
	return nil
}
