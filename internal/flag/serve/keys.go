package serve

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Kinds of keys, as package key names them.
const (
	KindServer = "server"
	KindClient = "client"
	KindRelay  = "relay"
)

// Key is what the server knows of a key: its SHA-256 and what it may ask for.
type Key struct {
	ID          string   `json:"id"`
	Hash        string   `json:"hash"`
	Kind        string   `json:"kind"`
	Project     string   `json:"project,omitempty"`
	Environment string   `json:"environment,omitempty"`
	Name        string   `json:"name"`
	Origins     []string `json:"origins,omitempty"`
	// Expires is in unix milliseconds; 0 is never.
	Expires int64 `json:"expires,omitempty"`
}

// holder is a key in memory.
type holder struct {
	Key
	sum  [sha256.Size]byte
	used atomic.Int64 // unix seconds
	// link is the address of the event stream, made anew every half life of
	// its token.
	link atomic.Pointer[streamLink]
}

type streamLink struct {
	epoch       int64
	environment string
	text        string
}

func (h *holder) live(now time.Time) bool { return h.Expires == 0 || now.UnixMilli() < h.Expires }

// mayAsk tells whether the key is for the environment.
func (h *holder) mayAsk(environment string) bool {
	return h.Environment == "" || h.Environment == environment
}

// allows tells whether pages of the origin may use the key.
func (h *holder) allows(origin string) bool {
	return h.Kind == KindClient && (slices.Contains(h.Origins, origin) || slices.Contains(h.Origins, "*"))
}

// keyring finds keys. It is replaced as a whole.
type keyring struct {
	bySum map[[sha256.Size]byte]*holder
	byID  map[string]*holder
}

func newKeyring(list []Key) *keyring {
	k := &keyring{bySum: make(map[[sha256.Size]byte]*holder, len(list)), byID: make(map[string]*holder, len(list))}
	for _, key := range list {
		h := &holder{Key: key}
		raw, err := hex.DecodeString(key.Hash)
		if err != nil || len(raw) != len(h.sum) {
			continue
		}
		copy(h.sum[:], raw)
		k.bySum[h.sum], k.byID[key.ID] = h, h
	}
	return k
}

// SetKeys replaces the keys. Streams of keys that are gone end.
func (s *Server) SetKeys(list []Key) {
	next := newKeyring(list)
	for id, h := range s.keys.Load().byID {
		if n := next.byID[id]; n != nil {
			n.used.Store(h.used.Load())
		}
	}
	s.keys.Store(next)
	for _, e := range s.entries() {
		e.hub.wake()
	}
	s.anything.wake()
	if s.disk != nil {
		s.disk.markKeys()
	}
}

// Keys are the keys that are in memory.
func (s *Server) Keys() []Key {
	ring := s.keys.Load()
	out := make([]Key, 0, len(ring.byID))
	for _, h := range ring.byID {
		out = append(out, h.Key)
	}
	slices.SortFunc(out, func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Used tells when keys were last used.
func (s *Server) Used() map[string]time.Time {
	out := map[string]time.Time{}
	for id, h := range s.keys.Load().byID {
		if at := h.used.Load(); at > 0 {
			out[id] = time.Unix(at, 0)
		}
	}
	return out
}

// find returns the holder of a plain key.
func (s *Server) find(plain string, now time.Time) (*holder, bool) {
	if plain == "" || len(plain) > 200 {
		return nil, false
	}
	h, ok := s.keys.Load().bySum[sha256.Sum256([]byte(plain))]
	if !ok || !h.live(now) {
		return nil, false
	}
	if at := now.Unix(); h.used.Load() != at {
		h.used.Store(at)
	}
	return h, true
}

// plainKey takes the key out of a request's headers.
func plainKey(header http.Header) string {
	if v := header["Authorization"]; len(v) == 1 {
		if len(v[0]) > 7 && strings.EqualFold(v[0][:7], "bearer ") {
			return v[0][7:]
		}
		return ""
	}
	if v := header["X-Api-Key"]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// The address of an event stream carries a token of its own, because browsers
// cannot send headers with it. The token is a message authentication code
// under the key's hash, which every replica and relay knows; it opens nothing
// but the stream, and only for a while.

func streamEpoch(now time.Time) int64 { return now.Unix() / int64(streamTokenLife/time.Second/2) }

func (h *holder) streamToken(project, environment string, epoch int64) string {
	mac := hmac.New(sha256.New, h.sum[:])
	for _, part := range []string{"sphera flag stream", h.ID, project, environment, strconv.FormatInt(epoch, 10)} {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return h.ID + "." + strconv.FormatInt(epoch, 36) + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// byStreamToken returns the key that a token stands for.
func (s *Server) byStreamToken(token, environment string, now time.Time) (*holder, bool) {
	if len(token) > 200 {
		return nil, false
	}
	id, rest, _ := strings.Cut(token, ".")
	text, _, _ := strings.Cut(rest, ".")
	epoch, err := strconv.ParseInt(text, 36, 64)
	current := streamEpoch(now)
	if err != nil || epoch > current || epoch < current-1 {
		return nil, false
	}
	h, ok := s.keys.Load().byID[id]
	if !ok || !h.live(now) || !h.mayAsk(environment) {
		return nil, false
	}
	return h, hmac.Equal([]byte(token), []byte(h.streamToken(h.Project, environment, epoch)))
}

// alive tells whether a key that opened a stream still holds.
func (s *Server) alive(h *holder, now time.Time) bool {
	current, ok := s.keys.Load().byID[h.ID]
	return ok && current.live(now) && current.sum == h.sum
}
