package portal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sphera/action"
)

func testCLI(t *testing.T, env map[string]string) (*cli, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	c, out, err := consoleOf(env)
	return &cli{output: "text", console: c}, out, err
}

func consoleOf(env map[string]string) (console, *bytes.Buffer, *bytes.Buffer) {
	var out, err bytes.Buffer
	return console{in: strings.NewReader(""), out: &out, err: &err, env: func(name string) string { return env[name] }}, &out, &err
}

func TestExitCodes(t *testing.T) {
	cases := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{&failedRunError{"failed"}, 1},
		{&remoteError{status: 403}, 1},
		{&remoteError{status: 409}, 1},
		{usage("x"), 2},
		{&remoteError{status: 400}, 2},
		{&remoteError{status: 422}, 2},
		{&remoteError{status: 401}, 3},
		{&remoteError{status: 404}, 4},
		{&unreachableError{"http://x", io.EOF}, 5},
		{&shownError{fmt.Errorf("wrapped: %w", &remoteError{status: 404})}, 4},
	}
	for _, c := range cases {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestCredentialsAreForTheirOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	c, _, _ := testCLI(t, map[string]string{"XDG_CONFIG_HOME": dir})
	want := credentials{Server: "http://a", Portals: map[string]credential{"http://a": {Email: "ada@example.com", Token: "spu_x"}}}
	if err := c.saveCredentials(want); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sphera", "credentials.json")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	got, err := c.loadCredentials()
	if err != nil || got.Server != want.Server || got.Portals["http://a"] != want.Portals["http://a"] {
		t.Fatalf("%+v, %v", got, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.loadCredentials(); exitCode(err) != exitUsage || !strings.Contains(err.Error(), "chmod 600") {
		t.Fatalf("a file that others can read: %v", err)
	}
}

func TestWhichPortalIsMeant(t *testing.T) {
	dir := t.TempDir()
	c, _, _ := testCLI(t, map[string]string{"XDG_CONFIG_HOME": dir})
	saved := credentials{Server: "http://saved", Portals: map[string]credential{"http://saved": {Token: "one"}, "https://flag": {Token: "two"}}}
	if err := c.saveCredentials(saved); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		flag          string
		env           map[string]string
		server, token string
	}{
		{"", nil, "http://saved", "one"},
		{"https://flag/", nil, "https://flag", "two"},
		{"other:8080", nil, "http://other:8080", ""},
		{"", map[string]string{"SPHERA_SERVER": "http://env", "SPHERA_TOKEN": "three"}, "http://env", "three"},
		{"https://flag", map[string]string{"SPHERA_SERVER": "http://env"}, "https://flag", "two"},
	}
	for _, k := range cases {
		env := map[string]string{"XDG_CONFIG_HOME": dir}
		maps.Copy(env, k.env)
		c, _, _ := testCLI(t, env)
		c.server = k.flag
		server, token, err := c.portal()
		if err != nil || server != k.server || token != k.token {
			t.Errorf("%q %v: %s %s %v", k.flag, k.env, server, token, err)
		}
	}
	for _, bad := range []string{"ftp://x", "http://", "http://user:secret@x", "::"} {
		if _, err := portalAddress(bad); exitCode(err) != exitUsage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTextFromElsewhereCannotDriveTheTerminal(t *testing.T) {
	c, out, _ := testCLI(t, nil)
	c.table([][]string{{"A", "B"}, {"x\x1b[2J\x1b]0;title\a", "y\r\nz"}})
	if strings.ContainsAny(out.String(), "\x1b\a\r") || !strings.Contains(out.String(), "x[2J]0;title  yz") {
		t.Errorf("%q", out.String())
	}
}

func TestErrorsShowTheFourPartsOfARefusal(t *testing.T) {
	refusal := &remoteError{status: 403, Code: "forbidden", Message: "You are not in team orders.", Rule: "owners-run-actions", Alternative: "Ask them.", Contact: "team orders"}
	c, _, text := testCLI(t, nil)
	c.showError(refusal)
	for _, want := range []string{"You are not in team orders.", "Rule: owners-run-actions", "Instead: Ask them.", "Help: team orders"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	c, _, text = testCLI(t, nil)
	c.output = "json"
	c.showError(refusal)
	if !strings.Contains(text.String(), `"rule": "owners-run-actions"`) || !strings.Contains(text.String(), `"ok": false`) {
		t.Errorf("as JSON: %s", text)
	}
}

func TestInputTakesTheTypeOfTheSchema(t *testing.T) {
	cases := []struct {
		kind, text string
		want       any
		bad        bool
	}{
		{"string", "12", "12", false},
		{"integer", "12", int64(12), false},
		{"integer", "x", nil, true},
		{"number", "1.5", 1.5, false},
		{"boolean", "true", true, false},
		{"boolean", "maybe", nil, true},
		{"array", "a,b", []string{"a", "b"}, false},
	}
	for _, c := range cases {
		got, err := typed(action.Property{Type: c.kind}, c.text)
		if c.bad != (err != nil) || !c.bad && fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", c.want) {
			t.Errorf("%s %q: %#v, %v", c.kind, c.text, got, err)
		}
	}
}

func TestImportCollectsFilesOfFolders(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a.yaml", "readme.md", "deep/c.yml", "odd.txt"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := collect([]string{dir, filepath.Join(dir, "odd.txt")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.Name))
	}
	if got := strings.Join(names, " "); got != "a.yaml b.json c.yml odd.txt" {
		t.Errorf("collected %s", got)
	}
	for _, bad := range []string{filepath.Join(dir, "absent"), t.TempDir()} {
		if _, err := collect([]string{bad}); exitCode(err) != exitUsage {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestStreamIsTakenUpAfterTheLastEvent(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Last-Event-Id"))
		w.Header().Set("Content-Type", "text/event-stream")
		switch len(asked) {
		case 1:
			fmt.Fprint(w, ": hello\n\nevent: log\nid: 1\ndata: one\n\nevent: log\nid: 2\ndata: two\ndata: lines\n\nevent: log\nid: 3\ndata: cut off")
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, "event: log\nid: 3\ndata: three\n\nevent: end\ndata: {}\n\n")
		}
	}))
	defer server.Close()
	var got []string
	err := newRemote(server.URL, "").stream(t.Context(), "/", nil, func(e sseEvent) (bool, error) {
		got = append(got, e.name+":"+e.data)
		return e.name == "end", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(got, "|"); s != "log:one|log:two\nlines|log:three|end:{}" {
		t.Errorf("events %q", s)
	}
	if s := strings.Join(asked, "|"); s != "|2|2" {
		t.Errorf("asked to go on after %q", s)
	}
}

func TestStreamEndsOnRefusalAndCancel(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"ok":false,"error":"not_found","message":"There is no such run."}`)
			return
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	r := newRemote(server.URL, "")
	if err := r.stream(t.Context(), "/refused", nil, nil); exitCode(err) != exitNotFound {
		t.Errorf("refused: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.stream(ctx, "/", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTokenDoesNotFollowRedirects(t *testing.T) {
	leaked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked = true }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	if err := newRemote(server.URL, "spu_secret").get(t.Context(), "/v1/me", nil, nil); err == nil || leaked {
		t.Errorf("followed a redirect: %v, %v", leaked, err)
	}
}
