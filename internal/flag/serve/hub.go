package serve

import "sync"

// hub wakes those who follow something. A waker is a slot of one: who is slow
// finds the newest state when it looks, and nothing piles up.
type hub struct {
	mu   sync.Mutex
	subs map[*sub]struct{}
}

// sub is one who follows.
type sub struct {
	wake chan struct{}
}

func (h *hub) join() *sub {
	s := &sub{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs == nil {
		h.subs = map[*sub]struct{}{}
	}
	h.subs[s] = struct{}{}
	return s
}

func (h *hub) leave(s *sub) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs, s)
}

func (h *hub) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs)
}

// wake wakes everybody; who finds nothing new goes on waiting.
func (h *hub) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}
