package golden_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/golden"
	"sphera/internal/runtime"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// TestMain lets the test's program be its own launcher, as the portal's is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == runtime.LaunchCommand {
		fmt.Fprintln(os.Stderr, runtime.Launch(os.Args[2:], os.Environ()))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func supervised(t testing.TB, db *store.DB, flags string) *runtime.Process {
	t.Helper()
	p := runtime.NewProcess(db, audit.New(time.Now), slog.New(slog.DiscardHandler), t.TempDir(), runtime.ProcessOptions{
		Now:        time.Now,
		Launcher:   []string{"/proc/self/exe", runtime.LaunchCommand},
		ServiceEnv: func(string, string) map[string]string { return map[string]string{"OFREP_ENDPOINT": flags} },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Supervise(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("supervise: %v", err)
		}
	})
	return p
}

// start takes a service from its description to the first answer.
func start(t testing.TB, p *runtime.Process, s golden.Service, version string) runtime.Instance {
	t.Helper()
	files, err := golden.Render(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var log bytes.Buffer
	if _, err := p.Build(ctx, runtime.BuildRequest{Service: s.Name, Version: version, Files: files}, &log); err != nil {
		t.Fatalf("build: %v\n%s", err, log.String())
	}
	if _, err := p.Deploy(ctx, runtime.DeployRequest{Service: s.Name, Environment: "dev-eu-west-1", Version: version, By: "ada"}); err != nil {
		t.Fatalf("deploy: %v", err)
	}
	i, err := p.WaitReady(ctx, s.Name, "dev-eu-west-1", version, &log)
	if err != nil {
		t.Fatalf("wait: %v\n%s", err, log.String())
	}
	return i
}

func get(p *runtime.Process, service, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.Proxy(service, "dev-eu-west-1").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/run/dev-eu-west-1/"+service+path, nil))
	return w
}

func TestRenderedServicesRun(t *testing.T) {
	ofrep := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"key":"x","value":"Welcome"}`)
	}))
	defer ofrep.Close()
	p := supervised(t, storetest.Open(t, storetest.SQLite(t)), ofrep.URL)
	for _, template := range golden.Templates() {
		s := service(template.ID, `It "checks" out & <more>.`)
		s.Name = template.ID + "-sample"
		i := start(t, p, s, "0123456789abcdef")
		if i.State != runtime.Ready || i.FirstAnswerAt.IsZero() {
			t.Errorf("%s: %+v", template.ID, i)
		}
		for path, want := range map[string]string{
			"/":                      `href="/run/dev-eu-west-1/` + s.Name + `/metrics"`,
			"/api/greeting?name=Ada": `"message":"Welcome, Ada"`,
			"/healthz":               "ok",
			"/readyz":                "ready",
			"/metrics":               "http_request_duration_seconds_count",
		} {
			if w := get(p, s.Name, path); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s%s: %d %s", s.Name, path, w.Code, w.Body)
			}
		}
		if page := get(p, s.Name, "/").Body.String(); !strings.Contains(page, "0123456789ab<") || !strings.Contains(page, "&lt;more&gt;") || !strings.Contains(page, "dev-eu-west-1") {
			t.Errorf("%s: the page lacks version, description or environment:\n%s", s.Name, page)
		}
	}
}

// BenchmarkFirstAnswer is the part of the golden path that this package and
// the runtime answer for: render, build, start, first 200 through the proxy,
// with a warm build cache and a new name each time.
func BenchmarkFirstAnswer(b *testing.B) {
	for _, template := range golden.Templates() {
		b.Run(template.ID, func(b *testing.B) {
			p := supervised(b, storetest.Open(b, storetest.SQLite(b)), "")
			n := 0
			one := func() {
				s := service(template.ID, "It checks out.")
				n++
				s.Name = fmt.Sprintf("bench-%d", n)
				start(b, p, s, "0123456789abcdef")
			}
			one() // warms the cache
			for b.Loop() {
				one()
			}
		})
	}
}
