package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/forge"
	"sphera/internal/guarded"
	"sphera/internal/runtime"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// narrow is the same API behind connections that hold little: who does not read
// makes the server wait.
func narrow(t *testing.T, h *harness) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h.api)
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if err := c.(*net.TCPConn).SetWriteBuffer(4 << 10); err != nil {
			t.Error(err)
		}
		return ctx
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// thin is a client that takes little at a time.
func thin() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			}
			return c, err
		},
	}}
}

func (h *harness) suspend(role string) {
	h.t.Helper()
	status := auth.Suspended
	if _, err := h.auth.UpdateUser(h.t.Context(), h.users[role].ID, auth.UserChange{Status: &status}, "system"); err != nil {
		h.t.Fatal(err)
	}
}

// bulky is a repository with a file that no buffer on the way holds.
func (h *harness) bulky() string {
	h.t.Helper()
	if _, err := h.raw.forge.CreateRepository(h.t.Context(), forge.NewRepository{Name: "group/bulky", Owner: "checkout", Key: "bulky"}); err != nil {
		h.t.Fatal(err)
	}
	noise := make([]byte, 8<<20)
	source := rand.NewChaCha8([32]byte{1})
	if _, err := source.Read(noise); err != nil {
		h.t.Fatal(err)
	}
	_, err := h.raw.forge.Commit(h.t.Context(), "group/bulky", forge.NewCommit{
		Branch: "main", Message: "Begin", Files: []forge.File{{Path: "noise", Content: noise}}, Bypass: true, Key: "noise",
		Author: forge.Person{ID: "ada", Name: "Ada", Email: "ada@example.com"}, Time: time.Now(),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return "/git/group/bulky.git"
}

// began sends a request as the developer and waits for the answer's beginning.
func began(t *testing.T, client *http.Client, r *http.Request) *http.Response {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if _, err := io.ReadFull(res.Body, make([]byte, 16)); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", res.StatusCode, err)
	}
	return res
}

// broken reads on and wants the answer to break off.
func broken(t *testing.T, what string, res *http.Response, h *harness) {
	t.Helper()
	h.suspend("developer")
	waitFor(t, what+" is cut off", func() bool { return strings.Contains(h.log.String(), `"msg":"a request was cut off"`) })
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil {
		t.Errorf("%s came to its end, with %d bytes more", what, n)
	}
}

// waitFor asks until it is so.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come to pass: %s", what)
		}
	}
}

func (h *harness) asDeveloper(s *httptest.Server, method, path string, body io.Reader) *http.Request {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, s.URL+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	if strings.HasPrefix(path, "/git/") {
		r.SetBasicAuth("developer@example.com", h.tokens["developer"])
	} else {
		r.Header.Set("Authorization", "Bearer "+h.tokens["developer"])
	}
	return r
}

func eachBusy(t *testing.T, test func(t *testing.T, h *harness)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, start(t, db, Options{Finishing: time.Millisecond})) })
}

func TestS18_ACloneIsCutOffWhenItsUserIsSuspended(t *testing.T) {
	eachBusy(t, func(t *testing.T, h *harness) {
		at, s := h.bulky(), narrow(t, h)
		refs, err := thin().Do(h.asDeveloper(s, "GET", at+"/info/refs?service=git-upload-pack", nil))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(refs.Body)
		refs.Body.Close()
		_, rest, found := bytes.Cut(raw, []byte("0000"))
		if err != nil || !found || len(rest) < 44 {
			t.Fatalf("%q %v", raw, err)
		}
		want := fmt.Sprintf("want %s\n", rest[4:44])
		r := h.asDeveloper(s, "POST", at+"/git-upload-pack", strings.NewReader(fmt.Sprintf("%04x%s00000009done\n", len(want)+4, want)))
		r.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		broken(t, "the clone", began(t, thin(), r), h) //nolint:bodyclose // closed when the test ends
	})
}

func TestS18_ADownloadIsCutOffWhenItsUserIsSuspended(t *testing.T) {
	eachBusy(t, func(t *testing.T, h *harness) {
		h.fixtures()
		var many []map[string]any
		for i := range 300 {
			many = append(many, map[string]any{"identifier": fmt.Sprintf("e%d", i), "team": []string{"checkout"}, "properties": map[string]any{"note": strings.Repeat("x", 2000)}})
		}
		h.must("administrator", "POST", "/v1/blueprints/Component/entities/bulk", map[string]any{"entities": many[:20]})
		for i := 20; i < len(many); i += 20 {
			h.must("administrator", "POST", "/v1/blueprints/Component/entities/bulk", map[string]any{"entities": many[i : i+20]})
		}
		s := narrow(t, h)
		broken(t, "the export", began(t, thin(), h.asDeveloper(s, "GET", "/v1/blueprints/Component/entities.json", nil)), h) //nolint:bodyclose // closed when the test ends
	})
}

// TestS18_APushUnderWayIsRefused: what a suspended person sends to its end does
// not get into the repository, however long it took.
func TestS18_APushUnderWayIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := start(t, db, Options{Finishing: time.Hour}) // the push may come to its end, and is refused there
		at := h.bulky()
		before := h.head()
		body, send := io.Pipe()
		r := h.asDeveloper(h.server, "POST", at+"/git-receive-pack", body)
		r.Header.Set("Content-Type", "application/x-git-receive-pack-request")
		answered := make(chan string, 1)
		go func() {
			res, err := (&http.Client{Timeout: 30 * time.Second}).Do(r)
			if err != nil {
				answered <- err.Error()
				return
			}
			defer res.Body.Close()
			raw, err := io.ReadAll(res.Body)
			answered <- fmt.Sprint(res.StatusCode, " ", string(raw), err)
		}()
		line := before + " " + strings.Repeat("0", 40) + " refs/heads/side\x00report-status delete-refs"
		whole := fmt.Sprintf("%04x%s0000", len(line)+4, line)
		if _, err := io.WriteString(send, whole[:20]); err != nil {
			t.Fatal(err)
		}
		h.suspend("developer")
		if _, err := io.WriteString(send, whole[20:]); err != nil {
			t.Fatal(err)
		}
		if err := send.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-answered; !strings.HasPrefix(got, "401") {
			t.Errorf("the push was answered %q", got)
		}
		if h.head() != before {
			t.Error("the branch is gone")
		}
	})
}

// head makes the branch "side" when it is not there and returns its commit.
func (h *harness) head() string {
	h.t.Helper()
	c, err := h.raw.forge.Commit(h.t.Context(), "group/bulky", forge.NewCommit{
		Branch: "side", Base: "main", Message: "Side", Files: []forge.File{{Path: "side", Content: []byte("x")}}, Key: "side",
		Author: forge.Person{ID: "ada", Name: "Ada", Email: "ada@example.com"}, Time: time.Now(),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return c.SHA
}

// talkative is a runtime with a service that keeps a connection.
type talkative struct {
	runtime.Runtime
	proxy http.Handler
}

func (r talkative) Proxy(string, string) http.Handler { return r.proxy }

// TestS18_AConnectionToAServiceIsCutOff: a websocket to a running service ends.
func TestS18_AConnectionToAServiceIsCutOff(t *testing.T) {
	eachBusy(t, func(t *testing.T, h *harness) {
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
			c, both, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = io.Copy(c, both) // until the other side goes
		}))
		t.Cleanup(service.Close)
		target, err := url.Parse(service.URL)
		if err != nil {
			t.Fatal(err)
		}
		h.api.services = guarded.New(h.auth, h.api.catalog).Services(talkative{h.raw.runtime, httputil.NewSingleHostReverseProxy(target)}, h.raw.contracts)
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(h.server.URL, "http://"), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET /run/svc/dev/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", h.tokens["developer"])
		lines := bufio.NewReader(c)
		res, err := http.ReadResponse(lines, nil)
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v %v", res, err)
		}
		res.Body.Close()
		fmt.Fprint(c, "hello\n")
		if line, err := lines.ReadString('\n'); err != nil || line != "hello\n" {
			t.Fatalf("%q %v", line, err)
		}
		h.suspend("developer")
		if line, err := lines.ReadString('\n'); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the connection goes on: %q %v", line, err)
		}
	})
}

// TestWhoSignsOutIsAnswered: a request that ends its own credential is answered.
func TestWhoSignsOutIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		c := &company{h, nil}
		for range 20 {
			if got := c.request("POST", "/v1/auth/logout", "", h.login("viewer")); got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.text)
			}
		}
	})
}
