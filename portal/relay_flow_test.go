package portal

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	sphera "sphera/client/openfeature"
	flagusage "sphera/internal/flag/usage"

	"github.com/open-feature/go-sdk/openfeature"
)

var relayListens = regexp.MustCompile(`the relay listens.*address\W+([0-9.]+:[0-9]+)`)

// relayProcess is a relay as people run it, always at the same address.
type relayProcess struct {
	site    *site
	args    []string
	address string
	cmd     *exec.Cmd
}

func (r *relayProcess) start() {
	s := r.site
	s.t.Helper()
	printed := &lines{ready: relayListens, found: make(chan []string, 1)}
	r.cmd = exec.Command(s.binary, append(r.args, "--listen", r.address)...)
	r.cmd.Stdout, r.cmd.Stderr = printed, printed
	s.must(r.cmd.Start())
	cmd := r.cmd
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead long since
		_ = cmd.Wait()
	})
	select {
	case found := <-printed.found:
		r.address = found[1]
	case <-time.After(patience):
		s.t.Fatalf("the relay did not start: %s", printed)
	}
}

func (r *relayProcess) end(how os.Signal) {
	r.site.t.Helper()
	r.site.must(r.cmd.Process.Signal(how))
	_ = r.cmd.Wait() // killed or not
}

// TestRelayOutlivesThePortal: a portal, a relay and a client, each as in life.
// The portal is killed and the relay serves on; the relay is killed, too, and
// serves at once from its folder; when the portal is back, changes arrive and
// what clients asked meanwhile is counted there.
func TestRelayOutlivesThePortal(t *testing.T) {
	s := newSite(t, "sphera", "", 0)
	p := s.first
	state, err := readDemo(filepath.Join(s.data, demoFile))
	s.must(err)
	i := slices.IndexFunc(state.People, func(u demoUser) bool { return slices.Contains(u.Roles, "administrator") })
	s.must(p.call("POST", "/v1/auth/login", map[string]string{"email": state.People[i].Email, "password": state.People[i].Password}, nil))

	const project, flag, environment = "payment-service", "payment-service.invoice-v2", "dev-eu-west-1"
	secret := func(path string, body map[string]string) string {
		t.Helper()
		var made struct{ Secret string }
		s.must(p.call("POST", path, body, &made))
		return made.Secret
	}
	relayKey := filepath.Join(t.TempDir(), "key")
	s.must(os.WriteFile(relayKey, []byte(secret("/v1/flag-relays", map[string]string{"name": "eu"})), 0o600))
	clientKey := secret("/v1/flag-projects/"+project+"/keys", map[string]string{"kind": "server", "environment": environment, "name": "billing"})
	turn := func(on bool) {
		t.Helper()
		var now struct {
			Flag struct {
				Environments []struct {
					Environment string
					Version     int64
				}
			}
		}
		path := "/v1/flag-projects/" + project + "/flags/" + flag
		s.must(p.call("GET", path, nil, &now))
		for _, e := range now.Flag.Environments {
			if e.Environment == environment {
				s.must(p.call("PUT", path+"/environments/"+environment, map[string]any{"version": e.Version, "on": on}, nil))
				return
			}
		}
		t.Fatal("the flag is not in " + environment)
	}

	folder := filepath.Join(t.TempDir(), "relay")
	r := &relayProcess{site: s, address: "127.0.0.1:0", args: []string{"relay", "--upstream", p.base, "--key-file", relayKey, "--data-dir", folder, "--stop-delay", "0s"}}
	r.start()
	provider, err := sphera.New(sphera.Options{Endpoint: "http://" + r.address + "/flags/" + environment, Key: clientKey, Timeout: 10 * time.Second})
	s.must(err)
	s.must(openfeature.SetNamedProviderAndWait(t.Name(), provider))
	client := openfeature.NewClient(t.Name())
	var asked, since int64
	// is tells whether the flag is on or off, with a default that says the
	// opposite, so that it is not taken for an answer.
	is := func(on bool) bool {
		d, err := client.BooleanValueDetails(t.Context(), flag, !on, openfeature.NewEvaluationContext("u1", map[string]any{"accountId": "a1"}))
		if err != nil {
			return false
		}
		asked, since = asked+1, since+1
		return d.Value == on
	}
	s.eventually("the relay has the flags", patience, func() bool { return is(true) })
	s.eventually("they are in the relay's folder", patience, func() bool {
		here, err := filepath.Glob(filepath.Join(folder, "flags", "*.json"))
		s.must(err)
		there, err := filepath.Glob(filepath.Join(s.data, "flags", "*.json"))
		s.must(err)
		return len(here) > 1 && len(here) == len(there)
	})

	p.kill()
	for range 50 {
		if !is(true) {
			t.Fatal("the relay does not serve while the portal is gone")
		}
	}
	r.end(syscall.SIGKILL)
	since = 0 // what was not sent yet went with it
	r.start()
	if !is(true) {
		t.Fatal("the relay's first answer after a restart without the portal is another")
	}
	for range 50 {
		if !is(true) {
			t.Fatal("the relay does not serve while the portal is gone")
		}
	}

	p.start()
	turn(false)
	s.eventually("a change arrives when the portal is back", patience, func() bool { return is(false) })
	r.end(syscall.SIGTERM)
	query := url.Values{"environment": {environment}, "hours": {"1"}}
	counted := func() int64 {
		var answer struct{ Usage flagusage.Usage }
		s.must(p.call("GET", "/v1/flag-projects/"+project+"/flags/"+flag+"/usage?"+query.Encode(), nil, &answer))
		for _, c := range answer.Usage.Clients {
			if c.Client == "billing" {
				return c.Count
			}
		}
		return 0
	}
	s.eventually("everything the client asked since is counted", patience, func() bool { return counted() >= since })
	if n := counted(); n > asked {
		t.Errorf("%d were counted, %d asked", n, asked)
	}
}
