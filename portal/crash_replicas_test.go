package portal

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"sphera/internal/run"
	"sphera/internal/store/storetest"
)

// killReplicas lets two portals work on one PostgreSQL and one
// folder, kills the one that has the run, and waits for the other to finish it:
// with the lease that the server has by default.
func killReplicas(t *testing.T, binary string) {
	t.Helper()
	t.Parallel()
	s := newSite(t, binary, storetest.Postgres(t), 0)
	want, r, finished := s.flow("plain-node", "node-http"), &resumes{}, &resumes{}
	pair := []*portal{s.first, s.portal()}
	pair[1].start()
	at := []string{"forge.merge:after-effect", "runtime.deploy:after-commit", "catalog.register:entity", "runtime.build:before-effect", "secret.slots:slot", "forge.propose:committed"}
	rand.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	if !crashFull() {
		at = at[:1]
	}
	for i, point := range at {
		name := "replica-" + strconv.Itoa(i)
		plan, err := pair[0].planCreate(name, "node-http")
		s.must(err)
		s.arm(point)
		_, _ = pair[0].apply("create_service", plan) // that one may die before it answers
		var dead, other *portal
		select {
		case <-pair[0].died:
			dead, other = pair[0], pair[1]
		case <-pair[1].died:
			dead, other = pair[1], pair[0]
		case <-time.After(patience):
			t.Fatalf("no replica came to %s", point)
		}
		died := time.Now()
		id := s.one("SELECT id FROM runs WHERE plan_id = $1", plan)
		s.awaitResumed(id, s.worker(id), died, r)
		s.awaitRun(id, run.Succeeded)
		finished.add(time.Since(died))
		s.same(point, other, name, id, true, want.made)
		s.must(other.undo(id))
		s.awaitRun(id, run.Undone)
		s.same(point, other, name, id, true, want.unmade)
		dead.start()
	}
	s.whole()
	t.Logf("%d replicas killed; taken over: %s; finished by the other: %s", len(at), r, finished)
}
