// Package serve answers flags: OFREP for applications and pages, flagd's sync
// protocols for evaluation in their process, and a feed for relays. It works
// from compiled snapshots in memory; nothing here asks a database, so flags go
// on when there is none. `sphera server` and `sphera relay` are this same code,
// fed from the database there and from another server here.
package serve

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sphera/internal/flag"
	"sphera/internal/flag/usage"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are the settings of a server.
type Options struct {
	Now func() time.Time
	Log *slog.Logger
	// Metrics receives the server's own; nil for none.
	Metrics prometheus.Registerer
	// Dir keeps the newest snapshots for the next start; empty for none.
	Dir string
	// Secure says that clients reach the server over HTTPS.
	Secure bool
	// Address is where a request came from, for limits; nil takes the
	// connection's.
	Address func(*http.Request) string
	// CatchUp asks for newer flags than are here, because a client has heard
	// of them from another replica. It must not wait.
	CatchUp func(project, environment string)
	// ClientRate is how many requests a second one address may send with a
	// public key; 50 when 0. FailureRate is the same for wrong keys; 5 when 0.
	ClientRate, FailureRate float64
	// MaxStreams bounds the event streams that are open; 20,000 when 0.
	MaxStreams int
	// Heartbeat is the pause between signs of life on a stream; 25 s when 0.
	Heartbeat time.Duration
	// WriteTimeout is how long a client may take nothing before it is cut; 10 s
	// when 0.
	WriteTimeout time.Duration
	// ClockEvery is how often pages look again at flags that change with time
	// alone; a minute when 0.
	ClockEvery time.Duration
	// Relay makes counts be taken as what was added, for another server.
	Relay bool
	// SyncContext is added to the context of in-process clients, e.g. a region.
	SyncContext map[string]string
}

// Limits of what clients send. They are far above what real ones need.
const (
	maxBody         = 64 << 10
	maxDepth        = 16
	maxNodes        = 2_000
	maxSummary      = 1 << 20
	maxFlagKey      = 256
	bodyTimeout     = 10 * time.Second
	answerTimeout   = 30 * time.Second
	catchUpWait     = 2 * time.Second
	maxCatchingUp   = 1_000
	clockBucket     = 10 // seconds in which flags that read the clock may answer 304
	streamTokenLife = 30 * time.Minute
	maxRetired      = 256 // replaced sets that are kept until their counts are taken
)

// setKey names a set of flags.
type setKey struct{ project, environment string }

// entry is the place of one set; its content is swapped as a whole.
type entry struct {
	key     setKey
	current atomic.Pointer[loaded] // nil after the set was removed
	seq     atomic.Uint64          // the server's change number of the last swap
	notes   atomic.Uint64          // how often pages were to look again
	hub     hub
}

// Server answers flags from memory.
type Server struct {
	o       Options
	sets    sync.Map // setKey to *entry
	changes sync.Mutex
	seq     atomic.Uint64
	// anything wakes those who follow all sets: relays.
	anything hub
	keys     atomic.Pointer[keyring]
	// ready is set once the flags are known, from disk or from their source.
	ready    atomic.Bool
	book     *usage.Book
	retired  []*loaded // replaced, with counts that were not taken yet
	disk     *disk
	metrics  *metrics
	limits   *limits
	streams  atomic.Int64
	catching atomic.Int64
	headers  headers
	pool     sync.Pool // of *buffers
	stopping chan struct{}
	stop     sync.Once
}

// New returns a server without flags and keys. With a folder it takes what was
// kept there, so that it answers at once.
func New(o Options) *Server {
	o.ClientRate = or(o.ClientRate, 50)
	o.FailureRate = or(o.FailureRate, 5)
	o.MaxStreams = or(o.MaxStreams, 20_000)
	o.Heartbeat = or(o.Heartbeat, 25*time.Second)
	o.WriteTimeout = or(o.WriteTimeout, 10*time.Second)
	o.ClockEvery = or(o.ClockEvery, time.Minute)
	if o.Address == nil {
		o.Address = remoteAddress
	}
	if o.CatchUp == nil {
		o.CatchUp = func(string, string) {}
	}
	s := &Server{o: o, book: usage.NewBook(), limits: newLimits(), headers: newHeaders(o.Secure), stopping: make(chan struct{})}
	if o.Relay {
		s.book = usage.NewDeltas()
	}
	s.keys.Store(newKeyring(nil))
	s.metrics = newMetrics(o.Metrics, s)
	if o.Dir != "" {
		s.disk = &disk{dir: o.Dir, log: o.Log, wake: make(chan struct{}, 1), dirty: map[setKey]bool{}}
		s.restore()
	}
	return s
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Stop ends all streams; clients come back, here or to a replica.
func (s *Server) Stop() { s.stop.Do(func() { close(s.stopping) }) }

// Ready reports whether flags are known.
func (s *Server) Ready() bool { return s.ready.Load() }

// Put makes a snapshot the current one and tells everybody who follows it.
func (s *Server) Put(sn *flag.Snapshot) {
	if s.put(sn) && s.disk != nil {
		s.disk.mark(setKey{sn.Project, sn.Environment})
	}
}

func (s *Server) put(sn *flag.Snapshot) bool {
	key := setKey{sn.Project, sn.Environment}
	s.changes.Lock()
	defer s.changes.Unlock()
	found, _ := s.sets.LoadOrStore(key, &entry{key: key})
	e, _ := found.(*entry)
	old := e.current.Load()
	if old != nil && old.sn.ETag == sn.ETag && old.sn.Version == sn.Version {
		return false
	}
	e.current.Store(load(sn))
	s.swapped(e, old)
	return true
}

// Remove forgets a set: its project or its environment is gone.
func (s *Server) Remove(project, environment string) {
	s.changes.Lock()
	defer s.changes.Unlock()
	e, ok := s.entry(project, environment)
	if !ok {
		return
	}
	if old := e.current.Swap(nil); old != nil {
		s.swapped(e, old)
		if s.disk != nil {
			s.disk.mark(e.key)
		}
	}
}

// swapped is called with changes locked.
func (s *Server) swapped(e *entry, old *loaded) {
	e.seq.Store(s.seq.Add(1))
	if old != nil {
		if len(s.retired) >= maxRetired { // nobody is about to count on the older ones that are clean
			s.retired = slices.DeleteFunc(s.retired, func(l *loaded) bool { return !l.dirty.Load() })
		}
		s.retired = append(s.retired, old)
	}
	e.notes.Add(1)
	e.hub.wake()
	s.anything.wake()
}

// Replace makes the snapshots all there are, and removes other sets.
func (s *Server) Replace(list []*flag.Snapshot) {
	known := make(map[setKey]bool, len(list))
	for _, sn := range list {
		known[setKey{sn.Project, sn.Environment}] = true
		s.Put(sn)
	}
	for _, e := range s.entries() {
		if !known[e.key] && e.current.Load() != nil {
			s.Remove(e.key.project, e.key.environment)
		}
	}
	s.ready.Store(true)
}

func (s *Server) entry(project, environment string) (*entry, bool) {
	found, ok := s.sets.Load(setKey{project, environment})
	if !ok {
		return nil, false
	}
	e, ok := found.(*entry)
	return e, ok
}

// entries are all sets, in order.
func (s *Server) entries() []*entry {
	all := map[setKey]*entry{}
	s.sets.Range(func(k, v any) bool {
		key, _ := k.(setKey)
		all[key], _ = v.(*entry)
		return true
	})
	keys := slices.SortedFunc(maps.Keys(all), compareSets)
	out := make([]*entry, 0, len(keys))
	for _, k := range keys {
		out = append(out, all[k])
	}
	return out
}

// Subscribers is how many clients hold a set in their process or follow it.
func (s *Server) Subscribers(project, environment string) int {
	e, ok := s.entry(project, environment)
	if !ok {
		return 0
	}
	return e.hub.len()
}

// Work keeps the folder up to date and wakes pages whose flags change with
// time, until ctx ends.
func (s *Server) Work(ctx context.Context) error {
	var group sync.WaitGroup
	if s.disk != nil {
		group.Go(func() { s.disk.work(ctx, s) })
	}
	tick := time.NewTicker(s.o.ClockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			group.Wait()
			return nil
		case <-tick.C:
			s.tick()
		}
	}
}

// tick lets pages look again at sets that read the clock.
func (s *Server) tick() {
	for _, e := range s.entries() {
		if l := e.current.Load(); l != nil && l.client.clock {
			e.notes.Add(1)
			e.hub.wake()
		}
	}
}

// Sets are the project and the environment of every set in memory.
func (s *Server) Sets() [][2]string {
	var out [][2]string
	for _, e := range s.entries() {
		if e.current.Load() != nil {
			out = append(out, [2]string{e.key.project, e.key.environment})
		}
	}
	return out
}
