package portal

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/flag/serve"
	"sphera/internal/store/storetest"
)

// TestL30_FlagsAreServedWithoutTheDatabase: a server whose database is away at
// the start answers flags from disk, is alive and not ready, and becomes a
// portal when the database is there.
func TestL30_FlagsAreServedWithoutTheDatabase(t *testing.T) {
	database, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	behind := database.Host
	gate, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	database.Host = gate.Addr().String()
	if err := gate.Close(); err != nil { // nobody answers there yet
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	keep(t, filepath.Join(dir, "flags"))
	address := freeAddress(t)
	interrupt := make(chan os.Signal, 2)
	var out, log syncBuffer
	run := command(t, map[string]string{}, interrupt, &out, &log, "server", "--listen", address, "--data-dir", dir, "--database-url", database.String(), "--stop-delay", "0s")
	done := make(chan error, 1)
	go func() { done <- run(context.Background()) }()

	status := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer spf_kept")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			return 0, err.Error()
		}
		return res.StatusCode, string(raw)
	}
	await := func(what string, ok func() bool) {
		t.Helper()
		limit, tick := time.After(60*time.Second), time.NewTicker(20*time.Millisecond)
		defer tick.Stop()
		for !ok() {
			select {
			case err := <-done:
				t.Fatalf("the server ended: %v %s", err, log.String())
			case <-limit:
				t.Fatalf("not within a minute: %s; %s", what, log.String())
			case <-tick.C:
			}
		}
	}
	const ask = "/flags/dev/ofrep/v1/evaluate/flags/banner"
	await("flags are answered", func() bool {
		code, body := status("POST", ask, `{"context":{}}`)
		return code == 200 && strings.Contains(body, `"value":true`)
	})
	if code, _ := status("GET", "/livez", ""); code != http.StatusOK {
		t.Errorf("livez: %d", code)
	}
	for _, path := range []string{"/readyz", "/v1/me", "/"} {
		if code, _ := status("GET", path, ""); code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, code)
		}
	}

	openGate(t, database.Host, behind)
	await("the portal is there", func() bool { code, _ := status("GET", "/readyz", ""); return code == http.StatusOK })
	// The database has no such project: what was on disk does not live on.
	await("the database decides", func() bool { code, _ := status("POST", ask, `{"context":{}}`); return code == http.StatusUnauthorized })
	interrupt <- os.Interrupt
	if err := <-done; err != nil {
		t.Errorf("%v", err)
	}
}

// keep writes one set and one key to a folder as a server would.
func keep(t *testing.T, dir string) {
	t.Helper()
	s := serve.New(serve.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Dir: dir})
	sn, err := flag.NewSnapshot("shop", "dev", 1, []byte(`{"flags":{"banner":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}}}`), nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	s.Put(sn)
	s.SetKeys([]serve.Key{{ID: "k", Hash: key.Hash("spf_kept"), Kind: serve.KindServer, Project: "shop", Environment: "dev", Name: "shop"}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Work(ctx); err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// openGate passes connections on to the database.
func openGate(t *testing.T, at, to string) {
	t.Helper()
	gate, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gate.Close() })
	go func() {
		for {
			in, err := gate.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
}

// A relay refuses what it cannot work with, and says why.
func TestRelayOptions(t *testing.T) {
	for _, args := range [][]string{
		{"--key", "spr_x"}, {"--upstream", "https://x"}, {"--upstream", "x", "--key", "spr_x"}, {"--upstream", "https://x", "--key", "spf_x"},
		{"--upstream", "https://x", "--key", "spr_x", "--key-file", "y"}, {"--upstream", "https://x", "--key", "spr_x", "--flag-sync-cert", "y"},
	} {
		var out bytes.Buffer
		run := command(t, map[string]string{"HOME": t.TempDir()}, make(chan os.Signal), &out, &out, append([]string{"relay"}, args...)...)
		if err := run(t.Context()); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}
