package audit

import (
	"sync"
	"time"
)

// maxSeldom bounds how many are remembered.
const maxSeldom = 1000

// Seldom remembers what was recorded lately: for what programs do again every
// few seconds, of which the log shall tell and which must not fill it. The zero
// value is ready.
type Seldom struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// First reports whether id was not recorded within the time before now, and
// takes it to be recorded now.
func (s *Seldom) First(id string, now time.Time, within time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.last[id]; ok && now.Sub(at) < within {
		return false
	}
	if s.last == nil || len(s.last) >= maxSeldom {
		s.last = map[string]time.Time{}
	}
	s.last[id] = now
	return true
}

// Forget takes back First, where recording failed.
func (s *Seldom) Forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, id)
}
