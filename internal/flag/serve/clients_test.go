package serve_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sphera/internal/flag/serve"
)

// node is one of OpenFeature's JavaScript clients in a process of its own.
type node struct {
	t      *testing.T
	in     io.WriteCloser
	lines  chan map[string]any
	events []string
	errors *bytes.Buffer
}

// startNode runs a client; the test is skipped where Node or the packages of
// the user interface are missing.
func startNode(t *testing.T, mode string, env ...string) *node {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	packages, err := filepath.Abs("../../../web/package.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(packages), "node_modules", "@openfeature", "server-sdk")); err != nil {
		t.Skip("the packages of web/ are not installed: npm ci there")
	}
	n := &node{t: t, lines: make(chan map[string]any, 100), errors: &bytes.Buffer{}}
	command := exec.CommandContext(t.Context(), program, "testdata/client.cjs")
	command.Env = append(os.Environ(), append(env, "CLIENT="+mode, "CLIENT_PACKAGES="+packages)...)
	command.Stderr = n.errors
	if n.in, err = command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(n.lines)
		scan := bufio.NewScanner(out)
		for scan.Scan() {
			var line map[string]any
			if json.Unmarshal(scan.Bytes(), &line) == nil {
				n.lines <- line
			}
		}
	}()
	t.Cleanup(func() {
		_, _ = io.WriteString(n.in, `{"close":true}`+"\n")
		_ = n.in.Close()
		timer := time.AfterFunc(5*time.Second, func() { _ = command.Process.Kill() })
		defer timer.Stop()
		_ = command.Wait()
	})
	n.line("ready")
	return n
}

// line returns the next line that has the member; events before it are kept.
func (n *node) line(member string) map[string]any {
	n.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case line, open := <-n.lines:
			if !open || line["failed"] != nil {
				n.t.Fatalf("the client ended: %v %s", line, n.errors)
			}
			if event, ok := line["event"].(string); ok {
				n.events = append(n.events, event)
			}
			if line[member] != nil {
				return line
			}
		case <-limit:
			n.t.Fatalf("no line with %s; events %v; %s", member, n.events, n.errors)
		}
	}
}

// event waits for an event of the provider, from after the last look.
func (n *node) event(name string) {
	n.t.Helper()
	for {
		for i, e := range n.events {
			if e == name {
				n.events = n.events[i+1:]
				return
			}
		}
		n.line("event")
	}
}

func (n *node) ask(kind, flag string, otherwise any, context map[string]any) map[string]any {
	n.t.Helper()
	raw, err := json.Marshal(map[string]any{"kind": kind, "flag": flag, "default": otherwise, "context": context})
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.in.Write(append(raw, '\n')); err != nil {
		n.t.Fatal(err)
	}
	answer, _ := n.line("answer")["answer"].(map[string]any)
	return answer
}

func (n *node) expect(what string, got map[string]any, want map[string]any) {
	n.t.Helper()
	for name, value := range want {
		a, _ := json.Marshal(got[name])
		b, _ := json.Marshal(value)
		if string(a) != string(b) {
			n.t.Errorf("%s: %s is %s, want %s: %v", what, name, a, b, got)
		}
	}
}

// TestNodeServerClient: @openfeature/server-sdk with @openfeature/ofrep-provider.
func TestNodeServerClient(t *testing.T) {
	f := start(t, func(o *serve.Options) { o.Now = time.Now })
	n := startNode(t, "ofrep", "BASE="+f.http.URL+"/flags/dev", "KEY="+serverKey)
	n.expect("a rule", n.ask("Boolean", "banner", false, map[string]any{"targetingKey": "u1", "plan": "pro"}), map[string]any{"value": true, "variant": "on", "reason": "TARGETING_MATCH"})
	n.expect("the default", n.ask("Boolean", "banner", true, map[string]any{"targetingKey": "u1"}), map[string]any{"value": false, "reason": "DEFAULT"})
	n.expect("text", n.ask("String", "color", "x", nil), map[string]any{"value": "#f00", "reason": "STATIC"})
	n.expect("a number", n.ask("Number", "limit", 1, nil), map[string]any{"value": 10})
	n.expect("an object", n.ask("Object", "layout", map[string]any{}, nil), map[string]any{"value": map[string]any{"columns": 3}})
	n.expect("unknown", n.ask("Boolean", "nothing", true, nil), map[string]any{"value": true, "errorCode": "FLAG_NOT_FOUND"})
	n.expect("of another type", n.ask("String", "banner", "x", nil), map[string]any{"value": "x", "errorCode": "TYPE_MISMATCH"})
	n.expect("disabled", n.ask("Boolean", "off", true, nil), map[string]any{"value": true})
	f.s.Put(snapshot(t, 2, strings.Replace(definition, "#f00", "#e00", 1)))
	n.expect("after a change", n.ask("String", "color", "x", nil), map[string]any{"value": "#e00"})
}

// TestNodeWebClient: @openfeature/web-sdk with @openfeature/ofrep-web-provider
// and its event stream.
func TestNodeWebClient(t *testing.T) {
	f := start(t, func(o *serve.Options) { o.Now = time.Now })
	n := startNode(t, "web", "BASE="+f.http.URL+"/flags/dev", "KEY="+clientKey)
	n.expect("visible", n.ask("String", "color", "x", nil), map[string]any{"value": "#f00"})
	n.expect("hidden", n.ask("Number", "limit", 1, nil), map[string]any{"value": 1, "errorCode": "FLAG_NOT_FOUND"})
	n.expect("another context", n.ask("Boolean", "banner", false, map[string]any{"targetingKey": "u2", "plan": "pro"}), map[string]any{"value": true})
	eventually(t, "the client follows the stream", func() bool { return f.s.Subscribers("checkout", "dev") == 1 })
	f.s.Put(snapshot(t, 2, strings.Replace(definition, "#f00", "#e00", 1), "banner", "color"))
	n.event("PROVIDER_CONFIGURATION_CHANGED")
	n.expect("after a change, without asking", n.ask("String", "color", "x", nil), map[string]any{"value": "#e00"})
}

// TestNodeInProcessClient: @openfeature/flagd-provider evaluates in its own
// process, follows changes, and goes on when the server is down.
func TestNodeInProcessClient(t *testing.T) {
	f := start(t, func(o *serve.Options) { o.Now = time.Now })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	server := serve.SyncServer(f.s.Sync())
	go func() { _ = server.Serve(listener) }()
	n := startNode(t, "flagd", "PORT="+port, "KEY="+serverKey)
	n.expect("a rule", n.ask("Boolean", "banner", false, map[string]any{"plan": "pro"}), map[string]any{"value": true, "variant": "on"})
	n.expect("text", n.ask("String", "color", "x", nil), map[string]any{"value": "#f00"})
	f.s.Put(snapshot(t, 2, strings.Replace(definition, "#f00", "#e00", 1)))
	n.event("PROVIDER_CONFIGURATION_CHANGED")
	n.expect("after a change", n.ask("String", "color", "x", nil), map[string]any{"value": "#e00"})
	// The same context gets the same here and over OFREP.
	for _, user := range []string{"u1", "u2", "u3", "anna", "bert", "chloe"} {
		remote := f.single("share", `{"targetingKey":"`+user+`"}`).json(t)
		n.expect(user, n.ask("Boolean", "share", false, map[string]any{"targetingKey": user}), map[string]any{"value": remote["value"], "variant": remote["variant"]})
	}

	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	n.event("PROVIDER_STALE")
	n.expect("while the server is down", n.ask("String", "color", "x", nil), map[string]any{"value": "#e00"})
	f.s.Put(snapshot(t, 3, strings.Replace(definition, "#f00", "#d00", 1)))
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server = serve.SyncServer(f.s.Sync())
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	eventually(t, "the client has what changed meanwhile", func() bool { return n.ask("String", "color", "x", nil)["value"] == "#d00" })
}
