package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sphera/internal/flag/eval"
)

// Error codes of OFREP.
const (
	parseError          = "PARSE_ERROR"
	invalidContext      = "INVALID_CONTEXT"
	targetingKeyMissing = "TARGETING_KEY_MISSING"
	flagNotFound        = "FLAG_NOT_FOUND"
)

// buffers are reused over requests; large ones are left to the collector.
type buffers struct{ in, out []byte }

const maxKeptBuffer = 256 << 10

func (s *Server) buffers() *buffers {
	b, ok := s.pool.Get().(*buffers)
	if !ok {
		b = &buffers{in: make([]byte, 0, 4<<10), out: make([]byte, 0, 4<<10)}
	}
	return b
}

func (s *Server) release(b *buffers) {
	if cap(b.in) <= maxKeptBuffer && cap(b.out) <= maxKeptBuffer {
		b.in, b.out = b.in[:0], b.out[:0]
		s.pool.Put(b)
	}
}

// problem is why a request's body cannot be used.
type problem struct{ code, details string }

// context reads the evaluation context of a request. It points into b.in.
func (s *Server) context(w http.ResponseWriter, r *http.Request, b *buffers, now time.Time) (*eval.Context, *problem) {
	if p := readBody(w, r, b, now); p != nil {
		return nil, p
	}
	raw, found := member(b.in, "context")
	if found && raw[0] == '{' {
		c, err := eval.ParseContext(raw, eval.Limits{MaxBytes: maxBody, MaxDepth: maxDepth, MaxNodes: maxNodes})
		if err == nil {
			return c, nil
		}
	}
	switch {
	case !json.Valid(b.in):
		return nil, &problem{parseError, "The body is not JSON."}
	case !found:
		return nil, &problem{invalidContext, `The body has no object "context".`}
	default:
		return nil, &problem{invalidContext, "The context is not an object within the limits: 64 KiB, 16 levels, 2,000 values."}
	}
}

func readBody(w http.ResponseWriter, r *http.Request, b *buffers, now time.Time) *problem {
	tooLarge := &problem{invalidContext, "The body is larger than 64 KiB."}
	if r.ContentLength > maxBody {
		return tooLarge
	}
	// A body that comes with its headers needs no deadline, and setting one is
	// not free.
	slow := http.NewResponseController(w)
	_ = slow.SetReadDeadline(now.Add(bodyTimeout)) // a test's recorder has none
	if n := int(r.ContentLength); n >= 0 {
		if cap(b.in) < n {
			b.in = make([]byte, 0, n)
		}
		b.in = b.in[:n]
		if _, err := io.ReadFull(r.Body, b.in); err != nil {
			return &problem{parseError, "The body could not be read to its end."}
		}
		return nil
	}
	body := http.MaxBytesReader(w, r.Body, maxBody)
	for {
		if len(b.in) == cap(b.in) {
			b.in = append(b.in, 0)[:len(b.in)]
		}
		n, err := body.Read(b.in[len(b.in):cap(b.in)])
		b.in = b.in[:len(b.in)+n]
		var large *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &large):
			return tooLarge
		case err != nil:
			return &problem{parseError, "The body could not be read to its end."}
		}
	}
}

// emptyTargetingKey tells whether a context names nobody though it means to.
func emptyTargetingKey(c *eval.Context, raw []byte) bool {
	if key, ok := c.TargetingKey(); ok {
		return key == ""
	}
	return bytes.Contains(raw, []byte(`"targetingKey"`)) && topLevel(raw, "targetingKey")
}

func topLevel(body []byte, name string) bool {
	raw, ok := member(body, "context")
	if !ok {
		return false
	}
	_, ok = member(raw, name)
	return ok
}

func (s *Server) single(w http.ResponseWriter, r *http.Request, p place, now time.Time) int {
	q, status := s.admit(w, r, p, now)
	if status != 0 {
		return status
	}
	if len(p.flag) > maxFlagKey {
		return refuse(w, http.StatusNotFound, p.flag[:maxFlagKey], flagNotFound, "The key is too long to be a flag's.")
	}
	b := s.buffers()
	defer s.release(b)
	c, bad := s.context(w, r, b, now)
	if bad != nil {
		return refuse(w, http.StatusBadRequest, p.flag, bad.code, bad.details)
	}
	if emptyTargetingKey(c, b.in) {
		return refuse(w, http.StatusBadRequest, p.flag, targetingKeyMissing, "The context has a targetingKey that is empty or no text.")
	}
	var a *answers
	if q.loaded != nil {
		a, _ = q.loaded.visible(q.key, p.flag)
	}
	if a == nil {
		return s.notFound(w, q, p.flag, now)
	}
	result := q.loaded.sn.Set.Evaluate(p.flag, c, now.Unix())
	o := a.outcome(&result)
	q.loaded.count(o, q.loaded.slots.of(q.key.Name))
	if result.ErrorCode != "" {
		return send(w, http.StatusBadRequest, o.text)
	}
	return send(w, http.StatusOK, o.text)
}

func (s *Server) notFound(w http.ResponseWriter, q asked, flag string, now time.Time) int {
	s.book.Ask(q.place(), flag, now)
	return refuse(w, http.StatusNotFound, flag, flagNotFound, "There is no such flag for this key.")
}

func (l *loaded) count(o *outcome, slot int) {
	o.count(slot)
	if !l.dirty.Load() {
		l.dirty.Store(true)
	}
}

func (s *Server) bulk(w http.ResponseWriter, r *http.Request, p place, now time.Time) int {
	q, status := s.admit(w, r, p, now)
	if status != 0 {
		return status
	}
	if r.URL.RawQuery != "" {
		s.catchUp(r, &q)
	}
	b := s.buffers()
	defer s.release(b)
	c, bad := s.context(w, r, b, now)
	if bad != nil {
		return refuse(w, http.StatusBadRequest, "", bad.code, bad.details)
	}
	if q.loaded == nil {
		return send(w, http.StatusOK, s.appendStreams(append(b.out, `{"flags":[]`...), &q, now))
	}
	v := q.loaded.view(q.key)
	var tag [80]byte
	etag := string(v.appendTag(tag[:0], c, q.key, now))
	w.Header()["Etag"] = []string{etag}
	if matches(r.Header["If-None-Match"], etag) {
		if !v.confirmed.Load() {
			v.confirmed.Store(true)
			q.loaded.dirty.Store(true)
		}
		w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified
	}
	out := append(b.out, `{"flags":[`...)
	slot, evaluator := q.loaded.slots.of(q.key.Name), q.loaded.sn.Set.For(c, now.Unix())
	result := new(eval.Result) // one for all flags
	for i, a := range v.list {
		if i > 0 {
			out = append(out, ',')
		}
		*result = evaluator.Evaluate(a.key)
		o := a.outcome(result)
		o.count(slot)
		out = append(out, o.text...)
	}
	q.loaded.dirty.Store(true)
	out = append(out, ']')
	if q.loaded.metadata != nil {
		out = append(append(out, `,"metadata":`...), q.loaded.metadata...)
	}
	b.out = s.appendStreams(out, &q, now)
	return send(w, http.StatusOK, b.out)
}

// appendStreams ends a bulk answer with where changes are told.
func (s *Server) appendStreams(out []byte, q *asked, now time.Time) []byte {
	if s.streams.Load() < int64(s.o.MaxStreams) {
		out = append(out, `,"eventStreams":[{"type":"sse","endpoint":{"requestUri":"`...)
		out = append(out, q.key.streamLink(q.entry.key.environment, now)...)
		out = strconv.AppendInt(append(out, "&since="...), q.version(), 10)
		out = append(out, `"}}]`...)
	}
	return append(out, '}')
}

func (q *asked) version() int64 {
	if q.loaded == nil {
		return 0
	}
	return q.loaded.sn.Version
}

// streamLink is the address of the event stream, without the version.
func (h *holder) streamLink(environment string, now time.Time) string {
	epoch := streamEpoch(now)
	if l := h.link.Load(); l != nil && l.epoch == epoch && l.environment == environment {
		return l.text
	}
	l := &streamLink{epoch: epoch, environment: environment}
	l.text = "/flags/" + url.PathEscape(environment) + "/ofrep/v1/sse?token=" + h.streamToken(h.Project, environment, epoch)
	h.link.Store(l)
	return l.text
}

// appendTag writes the entity tag of a bulk answer. It follows from the
// configuration, what the key sees of it and the context, so that nothing has
// to be evaluated to know it. Sets that read the clock get a new tag every ten
// seconds, and all get one when the address of the stream changes, which is in
// the answer.
func (v *view) appendTag(b []byte, c *eval.Context, h *holder, now time.Time) []byte {
	b = strconv.AppendUint(append(b, '"'), v.tag, 36)
	b = strconv.AppendUint(append(b, '.'), c.Hash(), 36)
	b = strconv.AppendInt(append(b, '.'), streamEpoch(now), 36)
	if v.clock {
		b = strconv.AppendInt(append(b, '.'), now.Unix()/clockBucket, 36)
	}
	return append(b, '"')
}

// matches tells whether the client has the answer already.
func matches(sent []string, etag string) bool {
	for _, line := range sent {
		if line == etag || line == "*" {
			return true
		}
		for one := range strings.SplitSeq(line, ",") {
			if strings.TrimPrefix(strings.TrimSpace(one), "W/") == etag {
				return true
			}
		}
	}
	return false
}

// catchUp waits for the configuration that a client has heard of from another
// replica, when this one does not have it yet.
func (s *Server) catchUp(r *http.Request, q *asked) {
	text, ok := strings.CutPrefix(r.URL.Query().Get("flagConfigEtag"), "v")
	if !ok {
		return
	}
	text, _, _ = strings.Cut(text, "-")
	wanted, err := strconv.ParseInt(text, 10, 64)
	if err != nil || wanted <= q.version() || s.catching.Load() >= maxCatchingUp {
		return
	}
	s.catching.Add(1)
	defer s.catching.Add(-1)
	news := q.entry.hub.join()
	defer q.entry.hub.leave(news)
	s.o.CatchUp(q.entry.key.project, q.entry.key.environment)
	limit := time.NewTimer(catchUpWait)
	defer limit.Stop()
	for {
		if q.loaded = q.entry.current.Load(); q.version() >= wanted {
			return
		}
		select {
		case <-news.wake:
		case <-limit.C:
			return
		case <-r.Context().Done():
			return
		case <-s.stopping:
			return
		}
	}
}

// member finds the value of a member of a JSON object, the last one when there
// are several. The value is cut out, not checked; everything else is.
func member(object []byte, name string) ([]byte, bool) {
	i := skipSpace(object, 0)
	if i >= len(object) || object[i] != '{' {
		return nil, false
	}
	var out []byte
	i = skipSpace(object, i+1)
	for i < len(object) && object[i] == '"' {
		end := skipText(object, i)
		if end < 0 {
			return nil, false
		}
		key := object[i:end]
		i = skipSpace(object, end)
		if i >= len(object) || object[i] != ':' {
			return nil, false
		}
		i = skipSpace(object, i+1)
		end = skipValue(object, i)
		if end <= i {
			return nil, false
		}
		if isText(key, name) {
			if out != nil && !json.Valid(out) {
				return nil, false
			}
			out = object[i:end]
		} else if !json.Valid(key) || !json.Valid(object[i:end]) {
			return nil, false
		}
		i = skipSpace(object, end)
		if i < len(object) && object[i] == ',' {
			if i = skipSpace(object, i+1); i < len(object) && object[i] == '"' {
				continue
			}
			return nil, false
		}
		break
	}
	if i >= len(object) || object[i] != '}' || skipSpace(object, i+1) != len(object) {
		return nil, false
	}
	return out, out != nil
}

// isText compares an encoded text.
func isText(encoded []byte, name string) bool {
	if len(encoded) == len(name)+2 && string(encoded[1:len(encoded)-1]) == name {
		return true
	}
	if bytes.IndexByte(encoded, '\\') < 0 {
		return false
	}
	var text string
	return json.Unmarshal(encoded, &text) == nil && text == name
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipText returns the end of the text that begins at i.
func skipText(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skipValue returns the end of the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = skipText(b, i); i < 0 || depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i // the end of a number or a word
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	if depth > 0 {
		return -1
	}
	return i
}
