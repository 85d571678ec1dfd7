package portal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/run"
	"sphera/internal/runtime"
	"sphera/internal/store/storetest"
)

// crashFull reports whether every point is tried and not a sample.
func crashFull() bool { return os.Getenv("SPHERA_CRASH") == "full" }

// resumeWithin is how soon after its start a process goes on with what the one
// before it left (requirement L1).
const resumeWithin = 10 * time.Second

// resumes collects how long it took to go on.
type resumes struct {
	mu  sync.Mutex
	all []time.Duration
}

func (r *resumes) add(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, d)
}

func (r *resumes) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return "nothing to resume"
	}
	slices.Sort(r.all)
	return fmt.Sprintf("%d resumed, median %d ms, longest %d ms", len(r.all), r.all[len(r.all)/2].Milliseconds(), r.all[len(r.all)-1].Milliseconds())
}

// awaitResumed waits until another worker than the dead one has the run, or
// the run had ended already.
func (s *site) awaitResumed(id, dead string, since time.Time, r *resumes) {
	s.t.Helper()
	s.eventually("the run "+id+" is taken up again", resumeWithin-time.Since(since), func() bool {
		row := s.rows("SELECT CASE WHEN worker <> '' AND worker <> $2 OR state IN ('succeeded', 'failed', 'cancelled', 'undone') THEN 'yes' ELSE '' END FROM runs WHERE id = $1", id, dead)
		return row[0] != ""
	})
	r.add(time.Since(since))
}

func (s *site) worker(id string) string {
	return s.one("SELECT worker FROM runs WHERE id = $1", id)
}

// flow is a service made and unmade without a kill: what every other has to be
// equal to.
type flow struct{ made, unmade []string }

func (s *site) flow(name, template string) flow {
	s.t.Helper()
	p := s.first
	plan, err := p.planCreate(name, template)
	s.must(err)
	id, err := p.apply("create_service", plan)
	s.must(err)
	s.awaitRun(id, run.Succeeded)
	s.awaitAnswer(p, name)
	made := s.world(p, name, id, true)
	s.must(p.undo(id))
	s.awaitRun(id, run.Undone)
	s.eventually("the processes of "+name+" end", patience, func() bool { return s.processes(name) == 0 })
	return flow{made: made, unmade: s.world(p, name, id, true)}
}

func (s *site) awaitAnswer(p *portal, name string) {
	s.t.Helper()
	s.eventually(name+" answers", patience, func() bool {
		return p.get("/run/dev-eu-west-1/"+name+"/") == 200 && s.one("SELECT state FROM runtime_instances WHERE service = $1", name) == runtime.Ready
	})
}

// point is where the process is killed, forwards and in undo; undo may be empty.
type point struct{ do, undo, template string }

// points pairs all boundaries of the step types in undo with those forwards. As
// a sample, each step type comes once in each direction, at a boundary that is
// chosen by chance.
func points(kinds []action.StepType) []point {
	var do, undo []string
	for _, kind := range kinds {
		names := append([]string{"before-effect", "after-effect", "before-commit", "after-commit"}, kind.Boundaries...)
		if !crashFull() {
			names = []string{names[rand.N(len(names))]}
		}
		for _, name := range names {
			do = append(do, kind.Name+":"+name)
			if kind.Undo != nil {
				undo = append(undo, kind.Name+":undo-"+name)
			}
		}
	}
	var out []point
	for i, at := range do {
		p := point{do: at, template: "node-http"}
		if i < len(undo) {
			p.undo = undo[i]
		}
		out = append(out, p)
	}
	return out
}

// goldenSteps are the step types of the built-in actions. Not among them are
// the approval, whose kills internal/run tests, and the delivery of webhooks,
// which a receiver knows by its id when it comes twice.
func goldenSteps(t *testing.T) []action.StepType {
	t.Helper()
	c := &config{dataDir: t.TempDir(), listen: "127.0.0.1:0", workers: 1, lease: time.Second}
	p, err := wire(t.Context(), c, noLog(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	return slices.DeleteFunc(p.runs.StepTypes(), func(k action.StepType) bool {
		// Not part of making a service: what goes on from a queue (internal/catalog),
		// and the steps of actions that are data (internal/automation).
		return k.Name == "approval" || k.Name == "webhook.deliver" || k.Name == "catalog.derive" || strings.HasPrefix(k.Name, "automation.")
	})
}

// TestL1_L3_KilledPortal kills the program as it is shipped, built once for all.
func TestL1_L3_KilledPortal(t *testing.T) {
	t.Parallel()
	binary := killable(t)
	t.Run("services", func(t *testing.T) { killWhileMaking(t, binary) })
	t.Run("deployments", func(t *testing.T) { killWhileDeploying(t, binary) })
	t.Run("random", func(t *testing.T) { killAtRandom(t, binary) })
	t.Run("replicas", func(t *testing.T) { killReplicas(t, binary) })
}

// killWhileMaking kills the portal at the boundaries of
// every step type of the golden path, in the making and in the undoing of a
// service, starts it again, and compares the world with that of a service
// that was made without a kill.
func killWhileMaking(t *testing.T, binary string) {
	t.Helper()
	t.Parallel()
	all := points(goldenSteps(t))
	const shards = 2
	for shard := range shards {
		t.Run("sqlite-"+strconv.Itoa(shard), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, binary, "", 0)
			flows, r, kills := map[string]flow{"node-http": s.flow("plain-node", "node-http")}, &resumes{}, 0
			if crashFull() && shard == 0 {
				flows["go-http"] = s.flow("plain-goes", "go-http")
			}
			for i := shard; i < len(all); i += shards {
				at := all[i]
				if _, ok := flows["go-http"]; ok && i%12 == 0 {
					at.template = "go-http"
				}
				kills += s.killAt(t, at, fmt.Sprintf("point-%03d", i), flows[at.template], r)
			}
			s.t = t
			s.whole()
			t.Logf("%d kills at named points: %s", kills, r)
		})
	}
}

// killAt makes and unmakes a service with a kill on each way.
func (s *site) killAt(t *testing.T, at point, name string, want flow, r *resumes) int {
	p, kills := s.first, 0
	t.Run(at.do+" "+at.undo, func(t *testing.T) {
		s.t = t
		plan, err := p.planCreate(name, at.template)
		s.must(err)
		s.arm(at.do)
		_, _ = p.apply("create_service", plan) // the process may die before it answers
		id := s.dieAndResume(p, r, func() string { return s.one("SELECT id FROM runs WHERE plan_id = $1", plan) })
		kills++
		s.awaitRun(id, run.Succeeded)
		s.same(at.do, p, name, id, true, want.made)
		if at.undo == "" {
			s.must(p.undo(id))
		} else {
			s.arm(at.undo)
			_ = p.undo(id) // as above
			s.dieAndResume(p, r, func() string { return id })
			kills++
		}
		s.awaitRun(id, run.Undone)
		s.same(at.undo, p, name, id, true, want.unmade)
	})
	s.t = t
	return kills
}

// dieAndResume waits for the death at the armed point, starts the portal again
// without waiting for anything, and for it to go on.
func (s *site) dieAndResume(p *portal, r *resumes, find func() string) string {
	s.t.Helper()
	p.awaitDeath()
	id := find()
	if id == "" {
		s.t.Fatal("the run is lost")
	}
	dead := s.worker(id)
	p.launch()
	s.awaitResumed(id, dead, p.began, r)
	if !p.ready() {
		s.t.Fatalf("the portal did not come back: %s", p.printed)
	}
	return id
}

// journey is a service on its way, driven over connections that break.
type journey struct {
	name, plan, id string
	stage          int // planned, applied, made, to be undone, undone
}

const (
	toPlan = iota
	toApply
	toMake
	toUndo
	toUnmake
	unmade
)

// killAtRandom kills the portal at any moment, also while
// it starts and while it is asked, with several services on their way.
func killAtRandom(t *testing.T, binary string) {
	t.Helper()
	t.Parallel()
	kills := 10
	if crashFull() {
		kills = 100
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := ""
			if engine == "postgres" {
				url = storetest.Postgres(t)
			}
			s := newSite(t, binary, url, time.Second)
			want, r := s.flow("plain-node", "node-http"), &resumes{}
			s.first.kill()
			var all []*journey
			for range kills {
				for underway(all) < 3 {
					all = append(all, &journey{name: fmt.Sprintf("random-%03d", len(all))})
				}
				s.killOnce(all, want, r)
			}
			s.first.start()
			began := time.Now()
			for underway(all) > 0 {
				s.drive(all, want)
				s.eventuallyMoves(all, began)
			}
			took := time.Since(began)
			for _, j := range all {
				s.same("unmade", s.first, j.name, j.id, true, want.unmade)
			}
			s.whole()
			cut := s.one("SELECT COUNT(*) FROM run_steps WHERE crashes > 0")
			t.Logf("%d kills at random, %d services made and unmade, %s steps cut off: 0 lost, 0 doubled, 0 half-made unless said above; %s; all ended %d ms after the last kill", kills, len(all), cut, r, took.Milliseconds())
		})
	}
}

func underway(all []*journey) int {
	n := 0
	for _, j := range all {
		if j.stage != unmade {
			n++
		}
	}
	return n
}

// killOnce starts the portal, works on it, and kills it at a random moment.
func (s *site) killOnce(all []*journey, want flow, r *resumes) {
	s.t.Helper()
	p := s.first
	held := s.rows("SELECT id, worker FROM runs WHERE worker <> ''")
	p.launch()
	defer p.kill()
	if rand.N(4) == 0 { // while it starts
		defer p.killIn(rand.N(time.Second))()
	}
	if !p.ready() {
		return
	}
	life := 2500 * time.Millisecond
	if rand.N(5) == 0 { // a step that kills cut off 20 times in a row is given up, rightly
		life *= 2
	}
	defer p.killIn(rand.N(life))()
	if len(held) > 0 && p.alive() {
		s.watchResume(p, held, r)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.alive() {
		s.drive(all, want)
		<-tick.C
	}
}

// watchResume notes when none of the runs is held by a dead worker any more,
// unless the kill comes first.
func (s *site) watchResume(p *portal, held []string, r *resumes) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.alive() {
		now := s.rows("SELECT id, worker FROM runs WHERE worker <> ''")
		if !slices.ContainsFunc(now, func(row string) bool { return slices.Contains(held, row) }) {
			r.add(time.Since(p.began))
			return
		}
		<-tick.C
	}
}

// drive moves each service on by one request. A connection that breaks is tried
// again; a refusal is a fault of the portal.
func (s *site) drive(all []*journey, want flow) {
	s.t.Helper()
	for _, j := range all {
		if j.stage == unmade {
			continue
		}
		var no *refusal
		if err := s.move(j, want); errors.As(err, &no) {
			s.t.Fatalf("%s at stage %d: %v", j.name, j.stage, err)
		}
	}
}

func (s *site) move(j *journey, want flow) (err error) {
	s.t.Helper()
	p := s.first
	switch j.stage {
	case toPlan:
		if j.plan, err = p.planCreate(j.name, "node-http"); err != nil {
			return err
		}
	case toApply:
		if j.id, err = p.apply("create_service", j.plan); err != nil {
			return err
		}
	case toUndo:
		if s.one("SELECT undoing FROM runs WHERE id = $1", j.id) == "0" {
			if err := p.undo(j.id); err != nil {
				return err
			}
		}
	case toMake, toUnmake:
		return s.ended(j, want)
	}
	j.stage++
	return nil
}

// ended moves a service on whose run has ended, and checks what it came to.
func (s *site) ended(j *journey, want flow) error {
	s.t.Helper()
	state := s.one("SELECT state FROM runs WHERE id = $1", j.id)
	switch {
	case state == "":
		s.t.Fatalf("the run of %s, which was acknowledged, is lost", j.name)
	case state == string(run.Failed):
		s.t.Fatalf("%s is half-made: %s", j.name, s.rows("SELECT name, state, error FROM run_steps WHERE run_id = $1 AND error <> ''", j.id))
	case state == string(run.Succeeded) && j.stage == toMake:
		s.same("made", s.first, j.name, j.id, false, withoutLife(want.made))
		j.stage++
	case state == string(run.Undone) && j.stage == toUnmake:
		j.stage++
	}
	return nil
}

// withoutLife drops what world leaves out unless it is asked for what lives.
func withoutLife(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return slices.ContainsFunc([]string{"instance: ", "processes: ", "answers: "}, func(p string) bool {
			return len(line) >= len(p) && line[:len(p)] == p
		})
	})
}

// eventuallyMoves waits a moment before the next round, and not for ever.
func (s *site) eventuallyMoves(all []*journey, began time.Time) {
	s.t.Helper()
	if time.Since(began) > patience {
		s.t.Fatalf("%d services did not come to their end", underway(all))
	}
	tick := time.NewTimer(20 * time.Millisecond)
	defer tick.Stop()
	<-tick.C
}
