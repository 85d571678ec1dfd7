package run_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// crashWorld is a database and a folder of effects that outlive the children.
type crashWorld struct {
	t    *testing.T
	url  string
	dir  string
	db   *store.DB
	e    *run.Engine // starts and looks, does not work
	runs []string
}

func newCrashWorld(t *testing.T, url string) *crashWorld {
	t.Helper()
	w := &crashWorld{t: t, url: url, dir: t.TempDir(), db: storetest.Open(t, url)}
	if err := os.Mkdir(filepath.Join(w.dir, "effects"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.e = newEngine(t, w.db, run.Options{}, crashKit(w.dir)...)
	return w
}

// lease is empty for SQLite, where the child is the only one at work.
func (w *crashWorld) lease() string {
	if w.db.Dialect == store.Postgres {
		return "400ms"
	}
	return ""
}

var crashSteps = []string{"by-key", "by-name", "pause", "compensated", "by-key", "by-name"}

func (w *crashWorld) start(kinds []string) string {
	var steps []action.Step
	before := ""
	for i, kind := range kinds {
		name := "s" + strconv.Itoa(i)
		steps = append(steps, step(w.t, name, kind, before))
		if kind != "pause" {
			before = name
		}
	}
	locks := []string{"service:" + strconv.Itoa(len(w.runs)%5)}
	r := start(w.t, w.db, w.e, run.NewRun{Steps: steps, Locks: locks})
	w.runs = append(w.runs, r.ID)
	return r.ID
}

// undoSome asks to undo every second run that has succeeded.
func (w *crashWorld) undoSome() {
	for i, id := range w.runs {
		if i%2 == 0 {
			continue
		}
		r, err := w.e.Get(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if r.State == run.Succeeded {
			undo(w.t, w.e, id)
		}
	}
}

// verify checks a run that has ended: nothing lost, nothing doubled, in order.
func (w *crashWorld) verify(id string, journal []string) {
	w.t.Helper()
	r, err := w.e.Get(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	before := ""
	for _, s := range r.Steps {
		size := int64(0)
		if info, err := os.Stat(effectPath(w.dir, id, s.Name)); err == nil {
			size = info.Size()
		}
		switch {
		case s.Type == "pause":
			continue
		case r.State == run.Undone && size != 0, r.State == run.Succeeded && size != 1:
			w.t.Errorf("step %s of the %s run %s: effect happened %d times", s.Name, r.State, id, size)
		}
		before = chain(before, s.Name)
		if string(s.Result) != `"`+before+`"` {
			w.t.Errorf("step %s of run %s: result %s, want %s", s.Name, id, s.Result, before)
		}
	}
	w.verifyOrder(id, journal)
	if n := count(w.t, w.db, "SELECT COUNT(*) FROM audit_events WHERE verb = 'run.step' AND run_id = '"+id+"'"); r.State == run.Succeeded && n != len(r.Steps) {
		w.t.Errorf("run %s: %d steps recorded as done, want %d", id, n, len(r.Steps))
	}
	if r.State == run.Succeeded && len(r.Changes) != r.StepsTotal-countKind(r, "pause") {
		w.t.Errorf("run %s: changes %+v", id, r.Changes)
	}
}

func countKind(r run.Run, kind string) int {
	n := 0
	for _, s := range r.Steps {
		if s.Type == kind {
			n++
		}
	}
	return n
}

// verifyOrder: no step is called after a later one was, nor undone after an
// earlier one.
func (w *crashWorld) verifyOrder(id string, journal []string) {
	w.t.Helper()
	last, undone := "", "s9"
	for _, line := range journal {
		verb, rest, _ := strings.Cut(line, " ")
		runID, name, _ := strings.Cut(rest, " ")
		switch {
		case runID != id:
		case verb == "call" && (name < last || undone != "s9"), verb == "undo" && name > undone:
			w.t.Errorf("run %s: %s %s after %s (undone %s)", id, verb, name, last, undone)
		case verb == "call":
			last = name
		case verb == "undo":
			undone = name
		}
	}
}

func (w *crashWorld) journal() []string {
	raw, err := os.ReadFile(filepath.Join(w.dir, "journal"))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(raw)), "\n")
}

func (w *crashWorld) verifyAll() {
	w.t.Helper()
	journal := w.journal()
	for _, id := range w.runs {
		w.verify(id, journal)
	}
	if n := count(w.t, w.db, "SELECT COUNT(*) FROM run_locks"); n != 0 {
		w.t.Errorf("%d keys are still held", n)
	}
	if w.db.Dialect == store.SQLite {
		var ok string
		if err := w.db.Read().QueryRowContext(context.Background(), "PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
			w.t.Errorf("integrity: %s %v", ok, err)
		}
	}
}

func (w *crashWorld) awaitAll(ok func(run.Run) bool) {
	w.t.Helper()
	for _, id := range w.runs {
		await(w.t, w.db, w.e, id, "at its end", ok)
	}
}

func succeededOrUndone(r run.Run) bool { return r.State == run.Succeeded || r.State == run.Undone }

// kills is how often the random test kills: SPHERA_CRASH_KILLS, or 200 with
// SPHERA_CRASH=full.
func kills(t *testing.T, otherwise int) int {
	t.Helper()
	text := os.Getenv("SPHERA_CRASH_KILLS")
	if text == "" {
		if os.Getenv("SPHERA_CRASH") == "full" {
			return 200
		}
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestL1_KillAtRandomMoments kills the working process again and again. On
// SQLite each successor goes on with what the one before left; on PostgreSQL
// two processes work and one of them is killed.
func TestL1_KillAtRandomMoments(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Parallel()
		w := newCrashWorld(t, url)
		binary := self(t)
		var other *child
		if w.db.Dialect == store.Postgres {
			other = spawn(t, binary, w.url, w.dir, w.lease())
		}
		n := kills(t, 40)
		for range n {
			for range 3 {
				w.start(crashSteps)
			}
			w.undoSome()
			c := spawn(t, binary, w.url, w.dir, w.lease())
			time.Sleep(rand.N(80 * time.Millisecond)) // the random moment
			c, other = pick(c, other)
			c.kill()
		}
		if other == nil {
			other = spawn(t, binary, w.url, w.dir, w.lease())
		}
		began := time.Now()
		w.awaitAll(succeededOrUndone)
		again := count(t, w.db, "SELECT COUNT(*) FROM run_steps WHERE attempt > 1 OR undo_attempt > 1")
		t.Logf("%d kills, %d runs, %d calls of steps, %d steps cut off and repeated; all ended %s after the last kill",
			n, len(w.runs), len(w.journal()), again, time.Since(began).Round(time.Millisecond))
		other.kill()
		w.verifyAll()
	})
}

// pick returns one of two children to kill and the one that stays.
func pick(a, b *child) (dies, stays *child) {
	if b != nil && rand.N(2) == 0 {
		return b, a
	}
	return a, b
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestL3_KillAtEveryBoundary kills the process at every named boundary of every
// kind of step, forwards and in undo, and checks that the successor ends well.
func TestL3_KillAtEveryBoundary(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "failpoint.test")
	build := exec.Command("go", "test", "-c", "-tags", "failpoint", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with failpoints: %v\n%s", err, out)
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Parallel()
		w := newCrashWorld(t, url)
		for _, kind := range w.e.StepTypes() {
			if len(kind.Boundaries) == 0 {
				continue
			}
			boundaries := append([]string{"before-effect", "after-effect", "before-commit", "after-commit"}, kind.Boundaries...)
			for _, b := range boundaries {
				t.Run(kind.Name+"/"+b, func(t *testing.T) { w.killAt(t, binary, kind, b, false) })
				t.Run(kind.Name+"/undo-"+b, func(t *testing.T) { w.killAt(t, binary, kind, b, true) })
			}
		}
		w.verifyAll()
	})
}

// killAt runs one case: the process dies at the boundary, a new one goes on.
func (w *crashWorld) killAt(t *testing.T, binary string, kind action.StepType, boundary string, undoing bool) {
	w.t = t
	id := w.start([]string{"by-name", kind.Name, "by-name"})
	point := kind.Name + ":" + boundary
	if undoing {
		c := spawn(t, binary, w.url, w.dir, w.lease())
		awaitState(t, w.db, w.e, id, run.Succeeded)
		c.kill()
		undo(t, w.e, id)
		point = kind.Name + ":undo-" + boundary
	}
	mark := filepath.Join(t.TempDir(), "killed")
	spawn(t, binary, w.url, w.dir, w.lease(), "SPHERA_FAILPOINT="+point, "SPHERA_FAILPOINT_MARK="+mark).awaitDeath(t)
	if !exists(mark) {
		t.Fatal("it died elsewhere")
	}
	next := spawn(t, binary, w.url, w.dir, w.lease())
	if kind.Safety == action.Manual && boundary != "after-commit" {
		r := awaitState(t, w.db, w.e, id, run.Failed)
		if !strings.Contains(r.Error, "is unknown") {
			t.Errorf("error %q", r.Error)
		}
		next.kill()                                                         // on SQLite another process does not hear of the retry
		if _, err := w.e.Retry(context.Background(), bob, id); err != nil { // a person decided
			t.Fatal(err)
		}
		spawn(t, binary, w.url, w.dir, w.lease())
	}
	want := run.Succeeded
	if undoing {
		want = run.Undone
	}
	r := awaitState(t, w.db, w.e, id, want)
	if undoing {
		return
	}
	if info, err := os.Stat(effectPath(w.dir, r.ID, "s1")); err != nil || info.Size() != 1 {
		t.Errorf("the effect did not happen once: %v", err)
	}
}

// TestL5_FrozenProcess stops a working process with SIGSTOP until another has
// taken its run over, and lets it go on: its writes are refused.
func TestL5_FrozenProcess(t *testing.T) {
	t.Parallel()
	// A process frozen while it writes to SQLite would keep everybody out; there
	// is one process on SQLite, and TestL5_WritesOfAStaleWorkerAreRefused.
	t.Run("postgres", func(t *testing.T) {
		w := newCrashWorld(t, storetest.Postgres(t))
		for round := range max(3, kills(t, 0)/4) {
			frozen := spawn(t, self(t), w.url, w.dir, "400ms")
			hold := filepath.Join(w.dir, "hold")
			touch(hold)
			id := w.start([]string{"by-name", "by-key"})
			eventually(t, "the first call", func() bool { return w.called(id) == 1 })
			if err := frozen.signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			// The signal is on its way when the call returns: a thread may still be
			// about to look at the hold.
			eventually(t, "the process to stand still", func() bool { return frozen.stopped(t) })
			if err := os.Remove(hold); err != nil {
				t.Fatal(err)
			}
			second := newEngine(t, w.db, run.Options{Lease: 400 * time.Millisecond, Instance: fmt.Sprint("second-", round)}, crashKit(w.dir)...)
			stop := work(t, second)
			before := withoutEstimates(awaitState(t, w.db, second, id, run.Succeeded))
			stop()
			if err := frozen.signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			awaitLine(t, frozen.errs, "a write was refused")
			frozen.kill()
			after, err := w.e.Get(context.Background(), id)
			if err != nil || withoutEstimates(after) != before {
				t.Errorf("changed by the frozen process: %s\nbefore: %s\n%v", withoutEstimates(after), before, err)
			}
		}
		w.verifyAll()
	})
}

func withoutEstimates(r run.Run) string {
	for i := range r.Steps {
		r.Steps[i].EstimateMillis = 0
	}
	return describe(r)
}

func (w *crashWorld) called(id string) int {
	if _, err := os.Stat(filepath.Join(w.dir, "journal")); err != nil {
		return 0
	}
	n := 0
	for _, line := range w.journal() {
		if strings.HasPrefix(line, "call "+id) {
			n++
		}
	}
	return n
}

func awaitLine(t *testing.T, lines <-chan string, part string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-lines:
			if strings.Contains(line, part) {
				return
			}
			if !ok {
				t.Fatalf("the log ended without %q", part)
			}
		case <-timeout:
			t.Fatalf("no line with %q", part)
		}
	}
}

// TestL2_AnAnswerThatWasLostIsNotASecondEffect: the step fails after its
// effect; the next attempt has the same key, by which the other side knows.
func TestL2_AnAnswerThatWasLostIsNotASecondEffect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var remote = map[string]int{}
		j := &journal{}
		e := newEngine(t, db, run.Options{}, scripted("call", action.ByKey, func(_ context.Context, x *action.Exec) error {
			j.mu.Lock()
			defer j.mu.Unlock()
			if _, known := remote[x.Key]; !known {
				remote[x.Key]++
			}
			if x.Attempt < 3 {
				return errFlaky // the answer never came
			}
			return nil
		}))
		work(t, e)
		for range 2 {
			r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "call", ""), step(t, "b", "call", "")}})
			awaitState(t, db, e, r.ID, run.Succeeded)
		}
		if len(remote) != 4 {
			t.Errorf("effects: %v", remote)
		}
		if n, _, err := audit.New(time.Now).List(context.Background(), db, audit.Filter{Verb: "run.step", Limit: 100}); err != nil || len(n) != 4 {
			t.Errorf("%d steps done: %v", len(n), err)
		}
	})
}
