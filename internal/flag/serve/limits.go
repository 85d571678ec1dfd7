package serve

import (
	"hash/maphash"
	"net"
	"net/http"
	"sync"
	"time"
)

// limits are buckets of tokens in a table of fixed size: a flood of addresses
// costs no memory, and cannot push anybody's count out. Two who share a bucket
// by chance share a limit; who does is not to be guessed.
type limits struct {
	seed    maphash.Seed
	stripes [64]stripe
}

type stripe struct {
	mu      sync.Mutex
	buckets [512]bucket
}

type bucket struct {
	tokens float64
	at     int64 // unix milliseconds
}

func newLimits() *limits { return &limits{seed: maphash.MakeSeed()} }

// take takes a token of what, of which there are rate a second and at most
// twice as many at once. Without one it says how long to wait.
func (l *limits) take(what, who string, rate float64, now time.Time) (time.Duration, bool) {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString(what)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(who)
	sum := h.Sum64()
	s := &l.stripes[sum%64]
	b := &s.buckets[sum>>6%512]
	ms := now.UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.at == 0 {
		b.tokens = 2 * rate
	} else if ms > b.at {
		b.tokens = min(2*rate, b.tokens+float64(ms-b.at)*rate/1000)
	}
	b.at = ms
	if b.tokens < 1 {
		return time.Duration((1-b.tokens)/rate*1000+1) * time.Millisecond, false
	}
	b.tokens--
	return 0, true
}

func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
