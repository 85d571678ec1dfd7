package run

import (
	"context"
	"sync"
	"time"

	"sphera/internal/store"
)

// group commits the transactions of concurrent workers together on SQLite,
// where each commit waits for the disk: whoever comes first starts a leader, which takes
// along everything that queues up while its commit is under way.
// PostgreSQL does the same by itself.
type group struct {
	db      *store.DB
	mu      sync.Mutex
	leading bool
	queue   []*member
}

type member struct {
	f    func(tx *store.Tx) error
	done chan error
}

// maxGroup bounds how long readers of the write lock wait for one group.
const maxGroup = 64

// tx is DB.Tx; f may be called more than once.
func (g *group) tx(ctx context.Context, f func(tx *store.Tx) error) error {
	if g.db.Dialect == store.Postgres {
		return g.db.Tx(ctx, f)
	}
	m := &member{f: f, done: make(chan error, 1)}
	g.mu.Lock()
	g.queue = append(g.queue, m)
	lead := !g.leading
	g.leading = true
	g.mu.Unlock()
	if lead {
		go g.lead(context.WithoutCancel(ctx))
	}
	// The leader commits it in any case, so the outcome is waited for even
	// when ctx has ended: it must be known.
	return <-m.done
}

func (g *group) lead(ctx context.Context) {
	for {
		g.mu.Lock()
		if len(g.queue) == 0 {
			g.leading = false
			g.mu.Unlock()
			return
		}
		n := min(len(g.queue), maxGroup)
		batch := g.queue[:n:n]
		g.queue = g.queue[n:]
		g.mu.Unlock()
		g.commit(ctx, batch)
	}
}

func (g *group) commit(ctx context.Context, batch []*member) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if len(batch) == 1 {
		batch[0].done <- g.db.Tx(ctx, batch[0].f)
		return
	}
	err := g.db.Tx(ctx, func(tx *store.Tx) error {
		for _, m := range batch {
			if err := m.f(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, m := range batch {
		if err != nil {
			// One of them failed and took the others with it: one by one.
			m.done <- g.db.Tx(ctx, m.f)
			continue
		}
		m.done <- nil
	}
}
