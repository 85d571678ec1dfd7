package portal

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sphera/internal/run"
	"sphera/internal/runtime"
)

// killWhileDeploying kills the portal at the boundaries
// of the step types of deploying and reverting, forwards and in undo.
func killWhileDeploying(t *testing.T, binary string) {
	t.Helper()
	t.Parallel()
	s := newSite(t, binary, "", 0)
	p, r, kills := s.first, &resumes{}, 0
	plan, err := p.planCreate("shop", "node-http")
	s.must(err)
	id, err := p.apply("create_service", plan)
	s.must(err)
	s.awaitRun(id, run.Succeeded)
	folder := s.clone("shop")
	kinds := []string{"runtime.build", "runtime.deploy", "runtime.ready"}
	boundaries := []string{"before-effect", "after-effect", "before-commit", "after-commit"}
	if !crashFull() {
		boundaries = []string{"after-effect"}
	}
	for _, kind := range kinds {
		for _, boundary := range boundaries {
			at, undo := kind+":"+boundary, "runtime.deploy:undo-"+boundary
			t.Run(at, func(t *testing.T) {
				s.t = t
				before := s.one("SELECT version FROM runtime_instances WHERE service = 'shop'")
				to := s.push(folder, "change")
				deployed := s.change(at, r, "deploy_service", map[string]string{"ref": "change"})
				s.serves("deploy", deployed, to)
				s.change(at, r, "revert_service", map[string]string{"version": before})
				reverted := s.one("SELECT MAX(id) FROM runs")
				s.serves("revert", reverted, before)
				kills += 2
				if kind != "runtime.deploy" {
					return // its undo is killed as often as it has boundaries
				}
				s.arm(undo)
				_ = p.undo(reverted) // the process may die before it answers
				s.dieAndResume(p, r, func() string { return reverted })
				kills++
				s.awaitRun(reverted, run.Undone)
				s.serves("undo", reverted+"/undo", to)
			})
		}
	}
	s.t = t
	s.whole()
	t.Logf("%d kills while deploying and reverting: %s", kills, r)
}

// change runs an action on the shop with a kill on its way.
func (s *site) change(at string, r *resumes, act string, input map[string]string) string {
	s.t.Helper()
	p := s.first
	plan, err := p.plan(act, "shop", input)
	s.must(err)
	s.arm(at)
	_, _ = p.apply(act, plan) // the process may die before it answers
	id := s.dieAndResume(p, r, func() string { return s.one("SELECT id FROM runs WHERE plan_id = $1", plan) })
	s.awaitRun(id, run.Succeeded)
	return id
}

// serves checks that exactly the version runs, deployed once by the run.
func (s *site) serves(what, runID, version string) {
	s.t.Helper()
	s.awaitAnswer(s.first, "shop")
	want := "running|" + runtime.Ready + "|" + version
	if got := s.one("SELECT desired, state, version FROM runtime_instances WHERE service = 'shop'"); got != want {
		s.t.Errorf("%s: instance %s, want %s", what, got, want)
	}
	if got := s.rows("SELECT version, state FROM runtime_deployments WHERE run_id = $1", runID); len(got) != 1 || got[0] != version+"|active" {
		s.t.Errorf("%s: deployments of the run %v, want one of %s", what, got, version)
	}
	s.eventually("one process of the shop", patience, func() bool { return s.processes("shop") == 1 })
}

// clone gets a service's repository over HTTP, as a developer does.
func (s *site) clone(name string) string {
	s.t.Helper()
	address, err := url.Parse(s.first.base + "/git/" + name + ".git")
	s.must(err)
	address.User = url.UserPassword(s.email, s.password)
	folder := filepath.Join(s.t.TempDir(), name)
	s.git("", "clone", "-q", address.String(), folder)
	return folder
}

// push makes a commit on a branch and returns its hash.
func (s *site) push(folder, branch string) string {
	s.t.Helper()
	s.git(folder, "commit", "-q", "--allow-empty", "-m", "Change")
	s.git(folder, "push", "-q", "origin", "HEAD:refs/heads/"+branch)
	return strings.TrimSpace(s.git(folder, "rev-parse", "HEAD"))
}

func (s *site) git(folder string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Dana", "-c", "user.email=" + s.email}, args...)...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %s: %v: %s", args[0], err, out)
	}
	return string(out)
}
