package auth

import (
	"hash/maphash"
	"sync"
	"time"

	"sphera/internal/fault"
)

const (
	loginsPerAccount = 5
	loginsPerAddress = 20

	// exactKeys is how many keys are counted one by one. Further ones share
	// sharedKeys counters, so that memory is bounded and no flood of new names
	// can push out a key that is limited.
	exactKeys  = 1 << 15
	sharedKeys = 1 << 12
)

// limiter allows a burst of attempts per key and then one per per/burst. A key
// costs its time of full recovery and nothing else; recovered keys are swept.
type limiter struct {
	mu       sync.Mutex
	interval time.Duration
	burst    time.Duration
	seed     maphash.Seed
	exact    map[string]*attempts
	shared   []attempts
	swept    time.Time
}

// attempts is one counter: the time at which it has fully recovered.
type attempts struct {
	recovered time.Time
	told      bool
}

func newLimiter(n int, per time.Duration) *limiter {
	return &limiter{
		interval: per / time.Duration(n), burst: per, seed: maphash.MakeSeed(),
		exact: map[string]*attempts{}, shared: make([]attempts, sharedKeys),
	}
}

// take counts an attempt. When the key is over its limit it returns how long
// to wait, and whether this is the first refusal since the key was last good.
func (l *limiter) take(key string, now time.Time) (wait time.Duration, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.counter(key, now)
	if a.recovered.Before(now) {
		a.recovered = now
	}
	if over := a.recovered.Add(l.interval).Sub(now) - l.burst; over > 0 {
		first = !a.told
		a.told = true
		return over, first
	}
	a.recovered = a.recovered.Add(l.interval)
	a.told = false
	return 0, false
}

// giveBack undoes one take: attempts that succeed do not count.
func (l *limiter) giveBack(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.counter(key, now)
	a.recovered = a.recovered.Add(-l.interval)
}

func (l *limiter) counter(key string, now time.Time) *attempts {
	if a := l.exact[key]; a != nil {
		return a
	}
	if len(l.exact) >= exactKeys && now.Sub(l.swept) >= l.interval {
		l.swept = now
		for k, a := range l.exact {
			if !a.recovered.After(now) {
				delete(l.exact, k)
			}
		}
	}
	if len(l.exact) >= exactKeys {
		return &l.shared[maphash.String(l.seed, key)%sharedKeys]
	}
	a := &attempts{}
	l.exact[key] = a
	return a
}

func errLimited(wait time.Duration) *fault.Error {
	seconds := int(wait/time.Second) + 1
	return fault.New(fault.RateLimited, "Too many attempts to sign in. Wait %d seconds and try again.", seconds).
		WithData(map[string]int{"retryAfterSeconds": seconds})
}
