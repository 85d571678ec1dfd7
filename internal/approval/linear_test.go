package approval_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/anishathalye/porcupine"
)

// What the operations of the history answer.
const (
	gaveUp  = "gave up" // nobody knows whether it happened
	done    = "done"
	refused = "refused"
	begun   = "begun"
	stopped = "held"
	unasked = "not approved"
)

// op is one operation: hold and lift with the number of the hold, decide with
// that of the person, start without.
type op struct {
	kind string
	n    uint
}

// gate is what one run and the holds about it are, one operation after another.
type gate struct{ holds, approvers uint64 }

// next are the states that may follow, none when the answer is wrong.
func (g gate) next(in op, answer string) []any {
	after, want := g, refused
	switch in.kind {
	case "hold":
		after.holds, want = g.holds|1<<in.n, done
	case "lift":
		if g.holds&(1<<in.n) != 0 {
			after.holds, want = g.holds&^(1<<in.n), done
		}
	case "decide":
		// 0 asked for the run; nobody counts twice; two are enough.
		if in.n > 0 && g.approvers&(1<<in.n) == 0 && g.enough() == unasked {
			after.approvers, want = g.approvers|1<<in.n, done
		}
	case "start":
		if want = g.enough(); g.holds != 0 {
			want = stopped
		}
	}
	switch answer {
	case gaveUp:
		return []any{g, after}
	case want:
		return []any{after}
	}
	return nil
}

func (g gate) enough() string {
	n := 0
	for i := range 64 {
		n += int(g.approvers >> i & 1)
	}
	if n < 2 {
		return unasked
	}
	return begun
}

// TestL13_HoldsAndApprovalsAreLinearizable lets many people decide, hold, lift
// and start at once, some of whom are cut off in the middle, and looks whether
// what they were told fits one order of it all: nothing starts after a hold's
// call has returned, and nothing with fewer approvers. SPHERA_LINEAR_OPS makes
// it longer.
func TestL13_HoldsAndApprovalsAreLinearizable(t *testing.T) {
	total := 1500
	if n, err := strconv.Atoi(os.Getenv("SPHERA_LINEAR_OPS")); err == nil {
		total = n
	}
	const perRun, clients = 75, 5
	each(t, func(t *testing.T, w *world) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		w.rule(`{"name":"Two","match":{},"groups":[{"need":2,"roles":["infrastructure","administrator"]}]}`)
		stop := w.work()
		var runs []string
		for i := range max(1, total/perRun) {
			runs = append(runs, w.started("ada", fmt.Sprintf(`{"service":"svc-%d"}`, i)).ID)
		}
		stop()
		started := time.Now()
		counts := map[string]int{}
		for i, id := range runs {
			h := &history{world: w, run: id, entity: fmt.Sprintf("Component/svc-%d", i), since: started, holds: map[uint]string{}}
			var all sync.WaitGroup
			for client := range clients {
				rnd := rand.New(rand.NewPCG(seed, uint64(i*clients+client)))
				all.Go(func() {
					for range perRun / clients {
						h.one(client, rnd)
					}
				})
			}
			all.Wait()
			model := porcupine.NondeterministicModel{
				Init:  func() []any { return []any{gate{}} },
				Step:  func(state, in, out any) []any { return state.(gate).next(in.(op), out.(string)) }, // of these types
				Equal: func(a, b any) bool { return a == b },
			}
			switch porcupine.CheckOperationsTimeout(model.ToModel(), h.list, time.Minute) { //nolint:exhaustive // the third is good
			case porcupine.Illegal:
				t.Fatalf("run %d: there is no order in which this can have happened:\n%s", i, h)
			case porcupine.Unknown:
				t.Fatalf("run %d: not decided within a minute:\n%s", i, h)
			}
			for _, o := range h.list {
				counts[o.Input.(op).kind+": "+o.Output.(string)]++ // of these types
			}
		}
		t.Logf("%v", counts)
		for _, want := range []string{"start: " + begun, "start: " + stopped, "start: " + unasked, "decide: " + done, "decide: " + refused} {
			if counts[want] == 0 {
				t.Errorf("it never came to %q: the test shows too little", want)
			}
		}
	})
}

// history is what happened to one run.
type history struct {
	*world
	run, entity string
	since       time.Time

	mu    sync.Mutex
	next  uint
	cut   int
	holds map[uint]string // ids by number
	list  []porcupine.Operation
}

func (h *history) one(client int, rnd *rand.Rand) {
	in, id := h.pick(rnd)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if in.kind != "start" && rnd.IntN(12) == 0 && h.mayCut() {
		timer := time.AfterFunc(time.Duration(rnd.IntN(3000))*time.Microsecond, cancel)
		defer timer.Stop()
	}
	call := time.Since(h.since).Nanoseconds()
	answer := h.do(ctx, in, id)
	returned := time.Since(h.since).Nanoseconds()
	if answer == gaveUp {
		returned = time.Hour.Nanoseconds() // it may still happen
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: answer, Return: returned})
}

// mayCut bounds how many are cut off: each may have happened at any time later.
func (h *history) mayCut() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut++
	return h.cut <= 4
}

func (h *history) pick(rnd *rand.Rand) (op, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch n := rnd.IntN(10); {
	case n < 1 && h.next < 60:
		h.next++
		return op{"hold", h.next}, ""
	case n < 4:
		for number, id := range h.holds {
			if rnd.IntN(3) > 0 {
				delete(h.holds, number) // somebody else may lift it as well
			}
			return op{"lift", number}, id
		}
	case n < 5:
		return op{"decide", uint(rnd.IntN(5))}, ""
	}
	return op{"start", 0}, ""
}

func (h *history) do(ctx context.Context, in op, id string) string {
	var err error
	switch in.kind {
	case "hold":
		var hold approval.Hold
		if hold, err = h.SetHold(ctx, approval.HoldBody{Entity: h.entity, Reason: "freeze"}, h.users["fay"]); err == nil {
			h.mu.Lock()
			h.holds[in.n] = hold.ID
			h.mu.Unlock()
		}
	case "lift":
		err = h.LiftHold(ctx, id, h.users["fay"])
	case "decide":
		_, err = h.Decide(ctx, h.actor([]string{"ada", "dan", "eva", "fay", "gil"}[in.n]), h.run, approval.Word{Approve: true})
	case "start":
		return h.start(ctx)
	}
	_, told := fault.As(err)
	switch {
	case err == nil:
		return done
	case told && ctx.Err() == nil:
		return refused
	case ctx.Err() == nil:
		h.t.Errorf("%s: %v", in.kind, err)
	}
	return gaveUp
}

// start asks as the engine does, in the transaction that starts a step.
func (h *history) start(ctx context.Context) string {
	answer := begun
	err := h.db.Tx(ctx, func(tx *store.Tx) error {
		answer = begun
		wait, err := h.Admit(ctx, tx, h.run, 1)
		if wait != nil {
			answer = stopped
		}
		return err
	})
	if err != nil && action.IsPermanent(err) {
		return unasked
	}
	if err != nil {
		h.t.Errorf("start: %v", err)
	}
	return answer
}

func (h *history) String() string {
	var b strings.Builder
	for _, o := range h.list {
		fmt.Fprintf(&b, "%d %10d-%10d %v %v\n", o.ClientId, o.Call/1000, o.Return/1000, o.Input, o.Output)
	}
	return b.String()
}
