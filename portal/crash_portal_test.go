package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sphera/internal/run"
	"sphera/internal/store"
)

// killable builds the program as it is shipped, with the failpoints in it.
func killable(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sphera")
	if out, err := exec.Command("go", "build", "-tags", "failpoint", "-o", binary, "../cmd/sphera").CombinedOutput(); err != nil {
		t.Fatalf("build with failpoints: %v\n%s", err, out)
	}
	return binary
}

// site is a demo organisation: a folder and a database that outlive the
// processes of the portal that work on them.
type site struct {
	t      *testing.T // of the case
	owner  *testing.T // of all cases: what is stopped in the end
	binary string
	data   string
	url    string        // of the database; empty for SQLite
	lease  time.Duration // 0 for the server's own
	db     *store.DB     // looks only
	http   *http.Client
	first  *portal
	// who works in it
	email, password string
}

func newSite(t *testing.T, binary, databaseURL string, lease time.Duration) *site {
	t.Helper()
	dir := t.TempDir()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, owner: t, binary: binary, data: filepath.Join(dir, "data"), url: databaseURL, lease: lease, http: &http.Client{Timeout: 20 * time.Second, Jar: jar}}
	s.first = s.portal()
	s.first.start()
	path := databaseURL
	if path == "" {
		path = filepath.Join(s.data, "sphera.db")
	}
	if s.db, err = store.Open(t.Context(), path, noLog()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.db.Close() })
	state, err := readDemo(filepath.Join(s.data, demoFile))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(state.People, func(u demoUser) bool { return slices.Contains(u.Roles, "developer") })
	s.email, s.password = state.People[i].Email, state.People[i].Password
	s.must(s.first.call("POST", "/v1/auth/login", map[string]string{"email": s.email, "password": s.password}, nil))
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// one reads a row of one column; empty when there is none.
func (s *site) one(query string, args ...any) string {
	s.t.Helper()
	all := s.rows(query, args...)
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// portal is one process at a time, always at the same address.
type portal struct {
	site    *site
	listen  string
	base    string
	cmd     *exec.Cmd
	printed *lines
	died    chan struct{}
	began   time.Time
}

func (s *site) portal() *portal { return &portal{site: s, listen: "127.0.0.1:0"} }

func (s *site) armed() string { return s.data + ".point" }
func (s *site) mark() string  { return s.data + ".killed" }

// arm makes the next process that comes to a point die there.
func (s *site) arm(point string) {
	s.t.Helper()
	if err := os.Remove(s.mark()); err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	s.must(os.WriteFile(s.armed(), []byte(point), 0o600))
}

// launch starts the process and does not wait.
func (p *portal) launch() {
	s := p.site
	s.t.Helper()
	args := []string{"demo", "--listen", p.listen, "--data-dir", s.data, "--stop-delay", "0s"}
	if s.url != "" {
		args = append(args, "--database-url", s.url)
	}
	if s.lease > 0 {
		args = append(args, "--lease", s.lease.String())
	}
	p.printed = &lines{ready: demoReady, found: make(chan []string, 1)}
	p.cmd = exec.Command(s.binary, args...)
	p.cmd.Env = append(os.Environ(), "SPHERA_FAILPOINT=@"+s.armed(), "SPHERA_FAILPOINT_MARK="+s.mark())
	p.cmd.Stdout, p.cmd.Stderr = p.printed, p.printed
	p.began = time.Now()
	s.must(p.cmd.Start())
	died, cmd := make(chan struct{}), p.cmd
	p.died = died
	go func() {
		defer close(died)
		_ = cmd.Wait()
	}()
	s.owner.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead long since
		<-died
	})
}

// start launches and waits until it serves.
func (p *portal) start() {
	p.site.t.Helper()
	p.launch()
	if !p.ready() {
		p.site.t.Fatalf("the portal died while it started: %s", p.printed)
	}
}

// ready waits until the process serves; false when it died before.
func (p *portal) ready() bool {
	p.site.t.Helper()
	select {
	case found := <-p.printed.found:
		u, err := url.Parse(found[1])
		p.site.must(err)
		p.base, p.listen = "http://127.0.0.1:"+u.Port(), "127.0.0.1:"+u.Port()
		return true
	case <-p.died:
		return false
	case <-time.After(patience):
		p.site.t.Fatalf("the portal did not start: %s", p.printed)
		return false
	}
}

func (p *portal) kill() {
	_ = p.cmd.Process.Kill() // it may be dead already
	<-p.died
}

// killIn kills the process after a time, whatever it does then.
func (p *portal) killIn(d time.Duration) (stop func() bool) {
	return time.AfterFunc(d, func() { _ = p.cmd.Process.Kill() }).Stop // it may be dead already
}

// awaitDeath waits for the process to die at the armed point, and nowhere else.
func (p *portal) awaitDeath() {
	s := p.site
	s.t.Helper()
	select {
	case <-p.died:
	case <-time.After(patience):
		s.t.Fatalf("the process did not come to its point: %s", p.printed)
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		s.t.Fatalf("the process ended by itself: %v: %s", p.cmd.ProcessState, p.printed)
	}
	if _, err := os.Stat(s.mark()); err != nil {
		s.t.Fatalf("it died elsewhere: %v", err)
	}
}

func (p *portal) alive() bool {
	select {
	case <-p.died:
		return false
	default:
		return true
	}
}

// refusal is an answer that says no; anything else that goes wrong is a
// connection that broke.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("answered %d: %s", r.status, r.body) }

func (p *portal) call(method, path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(context.Background(), method, p.base+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.site.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return &refusal{response.StatusCode, string(text)}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// plan returns the id of a new plan.
func (p *portal) plan(act, entity string, input map[string]string) (string, error) {
	var answer struct{ Plan run.SavedPlan }
	body := map[string]any{"input": input}
	if entity != "" {
		body["entity"] = entity
	}
	err := p.call("POST", "/v1/actions/"+act+"/plans", body, &answer)
	return answer.Plan.ID, err
}

func (p *portal) planCreate(name, template string) (string, error) {
	return p.plan("create_service", "", map[string]string{"name": name, "team": "checkout", "system": "Cart", "template": template, "description": "A service of a crash test."})
}

// apply returns the id of the run; the same for the same plan.
func (p *portal) apply(act, plan string) (string, error) {
	var answer struct{ Run run.Run }
	err := p.call("POST", "/v1/actions/"+act+"/runs", map[string]string{"planId": plan}, &answer)
	return answer.Run.ID, err
}

func (p *portal) undo(id string) error {
	var answer struct{ Plan run.SavedPlan }
	if err := p.call("GET", "/v1/runs/"+id+"/undo", nil, &answer); err != nil {
		return err
	}
	return p.call("POST", "/v1/runs/"+id+"/undo", map[string]string{"digest": answer.Plan.Plan.Digest}, nil)
}

// get asks the portal for a page of a service; 0 when nothing answers.
func (p *portal) get(path string) int {
	response, err := p.site.http.Get(p.base + path)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// eventually waits for a condition of the world outside this process, which
// nobody announces here.
func (s *site) eventually(what string, within time.Duration, ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s", within, what)
		}
		<-tick.C
	}
}

// awaitRun waits for a run to end in state.
func (s *site) awaitRun(id string, state run.State) {
	s.t.Helper()
	var last string
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		last = s.one("SELECT state FROM runs WHERE id = $1", id)
		if last == string(state) {
			return
		}
		if last == string(run.Failed) || time.Now().After(deadline) {
			s.t.Fatalf("run %s is %s, not %s: %s\n%s", id, last, state, s.rows("SELECT name, state, attempt, error FROM run_steps WHERE run_id = $1 ORDER BY idx", id),
				strings.Join(s.rows("SELECT step, text FROM run_logs WHERE run_id = $1 ORDER BY seq", id), "\n"))
		}
	}
}
