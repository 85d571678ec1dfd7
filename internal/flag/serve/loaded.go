package serve

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"sphera/internal/flag"
	"sphera/internal/flag/eval"
)

// loaded is a snapshot with everything that answers need ready made. It does
// not change but for its counts.
type loaded struct {
	sn    *flag.Snapshot
	flags map[string]*answers
	// server sees every flag, client only those visible to clients.
	server, client view
	slots          slots
	// dirty is set by the first count after counts were taken.
	dirty atomic.Bool
	// configTag names the configuration on event streams; it begins with the
	// version, so that replicas can tell whether they are behind.
	configTag string
	// metadata is that of the set as a member of an object, or empty.
	metadata []byte
}

// view is what a kind of key sees of a set.
type view struct {
	list  []*answers
	tag   uint64
	clock bool
	// confirmed is set when a client was told that its answers still hold: its
	// flags are in use though nothing was evaluated.
	confirmed atomic.Bool
}

// answers are the answers of one flag, each as JSON, made at first use.
type answers struct {
	key   string
	clock bool
	known atomic.Pointer[[]*outcome]
	mu    sync.Mutex
}

// outcome is one answer with its counts, by the slot of the client.
type outcome struct {
	variant *eval.Variant
	reason  string
	code    string
	text    []byte
	counts  atomic.Pointer[[]*atomic.Int64]
}

// maxOutcomes bounds what is kept ready of one flag.
const maxOutcomes = 200

func compareSets(a, b setKey) int {
	return cmp.Or(cmp.Compare(a.project, b.project), cmp.Compare(a.environment, b.environment))
}

func load(sn *flag.Snapshot) *loaded {
	keys := sn.Set.Keys()
	l := &loaded{sn: sn, flags: make(map[string]*answers, len(keys))}
	l.server.tag, l.client.tag = tagOf("server", sn.ETag), tagOf("client", sn.ETag)
	for _, key := range keys {
		a := &answers{key: key, clock: sn.Set.ReadsClockOf(key)}
		l.flags[key] = a
		l.server.list = append(l.server.list, a)
		l.server.clock = l.server.clock || a.clock
		if sn.Clients[key] {
			l.client.list = append(l.client.list, a)
			l.client.clock = l.client.clock || a.clock
		}
	}
	l.configTag = "v" + strconv.FormatInt(sn.Version, 10) + "-" + strconv.FormatUint(l.server.tag, 36)
	if m := sn.Set.Metadata(); m != nil {
		l.metadata = m.Raw
	}
	return l
}

func tagOf(parts ...string) uint64 {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func (l *loaded) view(h *holder) *view {
	if h.Kind == KindClient {
		return &l.client
	}
	return &l.server
}

// visible finds a flag that the key may see.
func (l *loaded) visible(h *holder, key string) (*answers, bool) {
	a, ok := l.flags[key]
	if !ok || h.Kind == KindClient && !l.sn.Clients[key] {
		return nil, false
	}
	return a, true
}

// outcome finds the answer to a result, and makes it at the first time.
func (a *answers) outcome(r *eval.Result) *outcome {
	if list := a.known.Load(); list != nil && r.ErrorCode == "" {
		for _, o := range *list {
			if o.variant == r.Variant && o.reason == r.Reason && o.code == "" {
				return o
			}
		}
	}
	return a.remember(r)
}

func (a *answers) remember(r *eval.Result) *outcome {
	made := &outcome{variant: r.Variant, reason: r.Reason, code: r.ErrorCode, text: encode(r)}
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []*outcome
	if known := a.known.Load(); known != nil {
		list = *known
	}
	for _, o := range list {
		if o.variant == made.variant && o.reason == made.reason && string(o.text) == string(made.text) {
			return o
		}
	}
	if len(list) >= maxOutcomes {
		return made
	}
	list = append(slices.Clip(list), made)
	a.known.Store(&list)
	return made
}

// encode writes a result as OFREP's object. Without a value the client takes
// the default in its code.
func encode(r *eval.Result) []byte {
	b := append([]byte(nil), `{"key":`...)
	b = appendText(b, r.Key)
	if r.ErrorCode != "" {
		b = appendText(append(b, `,"errorCode":`...), r.ErrorCode)
		if r.ErrorDetails != "" {
			b = appendText(append(b, `,"errorDetails":`...), r.ErrorDetails)
		}
	} else {
		b = appendText(append(b, `,"reason":`...), r.Reason)
		if r.Variant != nil {
			b = append(append(b, `,"value":`...), r.Variant.Raw...)
			if r.Variant.Name != "" {
				b = appendText(append(b, `,"variant":`...), r.Variant.Name)
			}
		}
	}
	if r.Metadata != nil {
		b = append(append(b, `,"metadata":`...), r.Metadata.Raw...)
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string can always be encoded
	}
	return append(b, text...)
}

// variation is the name under which an outcome is counted.
func (o *outcome) variation() string {
	if o.variant == nil {
		return ""
	}
	return o.variant.Name
}

// count counts one answer to the client in the slot.
func (o *outcome) count(slot int) {
	if list := o.counts.Load(); list != nil && slot < len(*list) {
		(*list)[slot].Add(1)
		return
	}
	o.grow(slot).Add(1)
}

func (o *outcome) grow(slot int) *atomic.Int64 {
	for {
		old := o.counts.Load()
		var list []*atomic.Int64
		if old != nil {
			if slot < len(*old) {
				return (*old)[slot]
			}
			list = append(list, *old...)
		}
		for len(list) <= slot {
			list = append(list, new(atomic.Int64))
		}
		if o.counts.CompareAndSwap(old, &list) {
			return list[slot]
		}
	}
}

// slots numbers the clients of a set. Beyond the bound they share the last.
type slots struct {
	known atomic.Pointer[map[string]int]
	mu    sync.Mutex
}

const (
	maxSlots  = 64
	lastSlot  = maxSlots - 1
	otherName = "other"
)

func (s *slots) of(client string) int {
	if known := s.known.Load(); known != nil {
		if n, ok := (*known)[client]; ok {
			return n
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]int{}
	if known := s.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	if n, ok := next[client]; ok {
		return n
	}
	n := len(next)
	if n >= lastSlot {
		return lastSlot
	}
	next[client] = n
	s.known.Store(&next)
	return n
}

// names are the clients by slot.
func (s *slots) names() []string {
	out := make([]string, maxSlots)
	out[lastSlot] = otherName
	if known := s.known.Load(); known != nil {
		for name, n := range *known {
			out[n] = name
		}
	}
	return out
}
