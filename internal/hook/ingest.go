package hook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what senders sign with is not ours to choose
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sphera/internal/fault"
	"sphera/internal/secret"
	"sphera/internal/store"
)

// Limits of what one webhook takes in.
const (
	// MaxBody bounds one event.
	MaxBody = 1 << 20
	// maxDepth bounds the nesting of its JSON.
	maxDepth = 64
	// maxWaiting and maxWaitingBytes bound what waits to be worked on.
	maxWaiting      = 5000
	maxWaitingBytes = 64 << 20
	maxHeaders      = 100
	maxHeaderBytes  = 4 << 10
	maxRequestID    = 200

	perSecond = 20
	burst     = 300
)

// Request is what came to the address of a webhook.
type Request struct {
	Key    string
	Header http.Header
	Query  url.Values
	Body   []byte
}

// Receipt tells that an event is kept.
type Receipt struct {
	ID int64
	// Duplicate: an event of that name was received in the last 24 hours.
	Duplicate bool
}

// Refusal is the last request that was refused, of which nothing is kept.
type Refusal struct {
	At     time.Time `json:"at"`
	Count  int       `json:"count"`
	Reason string    `json:"reason"`
}

// Ingest checks a request and keeps it for the worker. Nothing of the body is
// read before the signature is good.
func (h *Hooks) Ingest(ctx context.Context, r Request) (Receipt, error) {
	hook, err := h.load(ctx, r.Key)
	if err != nil {
		return Receipt{}, err
	}
	got, err := h.accept(ctx, hook, r)
	if f, ok := fault.As(err); ok && f.Code != fault.Internal {
		h.refuse(r.Key, f.Message)
	}
	return got, err
}

func (h *Hooks) accept(ctx context.Context, hook *compiled, r Request) (Receipt, error) {
	if wait := h.take(r.Key); wait > 0 {
		return Receipt{}, fault.New(fault.RateLimited, "This webhook takes %d events a second. Wait %d seconds and send again.", perSecond, int(wait.Seconds())+1).
			WithData(map[string]any{"retryAfter": int(wait.Seconds()) + 1})
	}
	if !hook.enabled {
		return Receipt{}, fault.New(fault.Forbidden, "This webhook is switched off.")
	}
	if err := h.verify(ctx, hook, r); err != nil {
		return Receipt{}, err
	}
	return h.keep(ctx, hook, r)
}

func errSignature(reason string) error {
	return fault.New(fault.Unauthorized, "The webhook's signature is not good: %s.", reason)
}

// verify checks the signature over the raw body. A webhook that has a secret or
// names an algorithm takes nothing unsigned, also when its settings are not
// complete.
func (h *Hooks) verify(ctx context.Context, hook *compiled, r Request) error {
	s := hook.security
	if s.Secret == "" && s.Algorithm == "" {
		return nil
	}
	if s.Secret == "" || s.Header == "" {
		return errSignature("the webhook has no secret or names no header, so that no request can be checked")
	}
	key, err := h.Vault.Open(ctx, h.DB.Read(), secret.Webhook, r.Key)
	if fault.Is(err, fault.NotFound) {
		return errSignature("the webhook has no secret")
	}
	if err != nil {
		return err
	}
	sent := r.Header.Get(s.Header)
	if sent == "" {
		return errSignature("the header " + s.Header + " is missing")
	}
	sent, ok := strings.CutPrefix(sent, s.Prefix)
	if !ok {
		return errSignature("the header " + s.Header + " does not begin with the prefix")
	}
	if s.Algorithm == "plain" {
		if !key.Equal([]byte(sent)) {
			return errSignature("the header " + s.Header + " is not the secret")
		}
		return nil
	}
	sum := sha256.New
	if s.Algorithm == "sha1" {
		sum = func() hash.Hash { return sha1.New() } //nolint:gosec // see above
	}
	got, err := hex.DecodeString(sent)
	if err != nil {
		return errSignature("the header " + s.Header + " is not hexadecimal")
	}
	return key.Use(func(plain []byte) error {
		mac := hmac.New(sum, plain)
		mac.Write(r.Body)
		if !hmac.Equal(got, mac.Sum(nil)) {
			return errSignature("it does not fit the body and the secret")
		}
		return nil
	})
}

// input is the context of a mapping's expressions.
func input(headers, query map[string]string, body []byte) (map[string]any, error) {
	parsed, err := decode(body)
	if err != nil {
		return nil, err
	}
	text := func(m map[string]string) map[string]any {
		out := make(map[string]any, len(m))
		for key, value := range m {
			out[key] = value
		}
		return out
	}
	return map[string]any{"body": parsed, "headers": text(headers), "queryParams": text(query)}, nil
}

// keep writes the event into the queue.
func (h *Hooks) keep(ctx context.Context, hook *compiled, r Request) (Receipt, error) {
	if err := checkBody(r.Body); err != nil {
		return Receipt{}, err
	}
	headers := flat(r.Header, func(name string) bool { return hook.isSecretHeader(name) })
	query := flat(r.Query, nil)
	name := ""
	if hook.name != nil {
		in, err := input(headers, query, r.Body)
		if err != nil {
			return Receipt{}, fault.New(fault.Unprocessable, "The body is not JSON.")
		}
		name = requestID(ctx, hook.name, in)
	}
	headerText, err := json.Marshal(headers)
	if err != nil {
		return Receipt{}, fmt.Errorf("encode the headers: %w", err)
	}
	queryText, err := json.Marshal(query)
	if err != nil {
		return Receipt{}, fmt.Errorf("encode the query: %w", err)
	}
	var out Receipt
	err = h.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := room(ctx, tx, r.Key); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `INSERT INTO webhook_events (webhook_key, request_id, status, received_at, finished_at, attempts, next_at, size, headers, query, body, result)
			VALUES ($1, $2, 'waiting', $3, 0, 0, 0, $4, $5, $6, $7, '') ON CONFLICT DO NOTHING RETURNING id`,
			r.Key, name, store.Millis(h.Now()), len(r.Body), string(headerText), string(queryText), r.Body).Scan(&out.ID)
		if errors.Is(err, sql.ErrNoRows) {
			out.Duplicate = true
			return tx.QueryRowContext(ctx, "SELECT id FROM webhook_events WHERE webhook_key = $1 AND request_id = $2", r.Key, name).Scan(&out.ID)
		}
		if err != nil {
			return fmt.Errorf("keep an event: %w", err)
		}
		tx.Notify(Topic, r.Key)
		return nil
	})
	return out, err
}

func room(ctx context.Context, tx *store.Tx, key string) error {
	var n, size int
	err := tx.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM webhook_events WHERE webhook_key = $1 AND status = 'waiting'", key).Scan(&n, &size)
	if err != nil {
		return fmt.Errorf("count what waits: %w", err)
	}
	if n >= maxWaiting || size >= maxWaitingBytes {
		return fault.New(fault.RateLimited, "%d events of this webhook wait to be worked on, which is the most that are kept. Send again later.", n)
	}
	return nil
}

func checkBody(body []byte) error {
	if len(body) > MaxBody {
		return fault.New(fault.TooLarge, "The body is larger than %d bytes.", MaxBody)
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return fault.New(fault.Unprocessable, "The body is not JSON.")
	}
	depth, most, text, escaped := 0, 0, false, false
	for _, c := range body {
		switch {
		case escaped:
			escaped = false
		case text && c == '\\':
			escaped = true
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			depth++
			most = max(most, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	if most > maxDepth {
		return fault.New(fault.Unprocessable, "The body's JSON is nested deeper than %d levels.", maxDepth)
	}
	return nil
}

// isSecretHeader tells which headers are never kept.
func (c *compiled) isSecretHeader(name string) bool {
	return slices.Contains([]string{"authorization", "cookie", "proxy-authorization"}, name) ||
		c.security.Algorithm == "plain" && strings.EqualFold(name, c.security.Header)
}

// flat makes names lower-case and joins what comes more than once.
func flat(in map[string][]string, secret func(name string) bool) map[string]string {
	out := map[string]string{}
	for name, values := range in {
		if secret != nil {
			if name = strings.ToLower(name); secret(name) {
				continue
			}
		}
		value := strings.ToValidUTF8(strings.ReplaceAll(strings.Join(values, ", "), "\x00", ""), "")
		if len(out) < maxHeaders && len(name) <= maxHeaderBytes && len(value) <= maxHeaderBytes {
			out[strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "")] = value
		}
	}
	return out
}

func cutID(s string) string {
	if len(s) <= maxRequestID {
		return strings.ReplaceAll(s, "\x00", "")
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// rate is a bucket that fills by perSecond up to burst.
type rate struct {
	left float64
	at   time.Time
}

// take counts a request; what is returned is how long to wait instead.
func (h *Hooks) take(key string) time.Duration {
	now := h.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rates[key]
	if r == nil {
		r = &rate{left: burst, at: now}
		h.rates[key] = r
	}
	r.left = min(burst, r.left+now.Sub(r.at).Seconds()*perSecond)
	r.at = now
	if r.left < 1 {
		return time.Duration((1 - r.left) / perSecond * float64(time.Second))
	}
	r.left--
	return 0
}

// refuse remembers a refusal in memory: senders that are not known must not be
// able to make the database write.
func (h *Hooks) refuse(key, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.refused[key]
	if r == nil {
		r = &Refusal{}
		h.refused[key] = r
	}
	r.At, r.Reason = h.Now(), reason
	r.Count++
}
