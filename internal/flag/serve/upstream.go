package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"sphera/internal/flag/usage"
)

// Upstream feeds a server from another one: that is a relay.
type Upstream struct {
	// URL is the other server's, Key a relay's key.
	URL, Key string
	Client   *http.Client
	// Silence is how long the feed may say nothing before the connection is
	// taken for dead; 80 s when 0. MinBackoff and MaxBackoff are the pauses
	// before coming back; 0.5 s and 30 s when 0.
	Silence, MinBackoff, MaxBackoff time.Duration
}

// errKey says that coming back soon would not help.
var errKey = errors.New("the key is not one of a relay, or has ended")

// Follow keeps s in step until ctx ends. While the other server is away, s goes
// on with what it has.
func (u Upstream) Follow(ctx context.Context, s *Server) error {
	u.Silence, u.MinBackoff, u.MaxBackoff = or(u.Silence, 80*time.Second), or(u.MinBackoff, 500*time.Millisecond), or(u.MaxBackoff, 30*time.Second)
	pause := u.MinBackoff
	for {
		began := s.o.Now()
		err := u.read(ctx, s)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		if s.o.Now().Sub(began) > u.MaxBackoff {
			pause = u.MinBackoff
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // jitter, no secret
		if errors.Is(err, errKey) {
			wait = u.MaxBackoff
		}
		s.o.Log.WarnContext(ctx, "the feed of flags was interrupted; what is known is served on", "error", err, "again", wait.String())
		pause = min(2*pause, u.MaxBackoff)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (u Upstream) request(ctx context.Context, path string, body any) (*http.Response, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(u.URL, "/")+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+u.Key)
	req.Header.Set("Content-Type", "application/json")
	return u.Client.Do(req)
}

// read follows one connection to its end.
func (u Upstream) read(ctx context.Context, s *Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := time.AfterFunc(u.Silence, cancel)
	defer silent.Stop()
	known := have{Sets: map[string]string{}, Keys: keysTag(s.Keys())}
	for _, e := range s.entries() {
		if l := e.current.Load(); l != nil {
			known.Sets[e.key.project+"/"+e.key.environment] = l.configTag
		}
	}
	res, err := u.request(ctx, "/flag-feed/v1/stream", known)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%s: %w", res.Status, errKey)
	default:
		return fmt.Errorf("the server answered %s", res.Status)
	}
	lines := json.NewDecoder(bufio.NewReaderSize(res.Body, 64<<10))
	for {
		var l line
		if err := lines.Decode(&l); err != nil {
			if errors.Is(err, io.EOF) {
				return errors.New("the server ended the feed")
			}
			return err
		}
		silent.Reset(u.Silence)
		if err := s.take(ctx, l); err != nil {
			return err
		}
	}
}

// take applies one line of the feed.
func (s *Server) take(ctx context.Context, l line) error {
	switch {
	case l.Set != nil:
		sn, err := l.Set.snapshot()
		if err != nil {
			s.o.Log.ErrorContext(ctx, "a set of flags cannot be read; the one before is served on", "error", err)
			return nil
		}
		s.Put(sn)
	case l.Gone != nil:
		s.Remove(l.Gone.Project, l.Gone.Environment)
	case l.Keys != nil:
		s.SetKeys(*l.Keys)
	case l.Synced:
		s.ready.Store(true)
	}
	return nil
}

// maxRows bounds one message of counts, which has at most a mebibyte.
const maxRows = 200

// Send sends counts to the other server.
func (u Upstream) Send(ctx context.Context, b usage.Batch) (usage.Batch, error) {
	for !b.Empty() {
		rest := b
		part := usage.Batch{Rows: head(&rest.Rows, maxRows), Unknown: head(&rest.Unknown, maxRows), Seen: head(&rest.Seen, 10*maxRows)}
		res, err := u.request(ctx, "/flag-feed/v1/usage", part)
		if err != nil {
			return b, err
		}
		if err := errors.Join(res.Body.Close(), accepted(res)); err != nil {
			return b, err
		}
		b = rest
	}
	return b, nil
}

func accepted(res *http.Response) error {
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	return nil
}

func head[T any](list *[]T, n int) []T {
	n = min(n, len(*list))
	out := (*list)[:n]
	*list = (*list)[n:]
	return out
}

// NewClient is an HTTP client for a feed: it waits for no end of an answer.
func NewClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
		ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: time.Minute,
	}}
}
