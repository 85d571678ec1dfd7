package approval_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// oneByte replaces the last letter that is found in a column.
func oneByte(table, column, where string) string {
	return fmt.Sprintf("UPDATE %s SET %s = REPLACE(%s, 'cart', 'carT') WHERE %s", table, column, column, where)
}

func TestS20_OneByteChangedAfterTheApprovalVoidsIt(t *testing.T) {
	changes := map[string]string{
		"the arguments of a step":       oneByte("run_steps", "args", "run_id = $1 AND idx = 1"),
		"the arguments of a later step": oneByte("run_steps", "args", "run_id = $1 AND idx = 2"),
		"the input":                     oneByte("runs", "input", "id = $1"),
		"the plan":                      oneByte("run_plans", "plan", "run_id = $1"),
		"the action":                    "UPDATE runs SET action = 'deploY' WHERE id = $1",
		"the entity":                    "UPDATE runs SET entity = 'x' WHERE id = $1",
		"who asked":                     "UPDATE runs SET actor = REPLACE(actor, 'ada', 'bea') WHERE id = $1",
		"what was asked for":            "UPDATE run_steps SET args = REPLACE(args, '\"need\":2', '\"need\":1') WHERE run_id = $1 AND idx = 0",
		"the type of a step":            "UPDATE run_steps SET type = 'test.other' WHERE run_id = $1 AND idx = 1",
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.rule(twoOfInfrastructure)
		for name, change := range changes {
			stop := w.work()
			r := w.started("ada", toProduction)
			stop() // the approvals come, and nothing looks at the run yet
			for _, by := range []string{"dan", "eva"} {
				if err := w.decide(r.ID, by, true); err != nil {
					t.Fatal(err)
				}
			}
			w.exec(change, r.ID)
			stop = w.workAgain()
			r = w.until(r.ID, func(r run.Run) bool { return r.State == run.Failed })
			stop()
			if !strings.Contains(r.Error, "changed after it was approved") || w.effects.Load() != 0 {
				t.Errorf("%s: %q, %d effects", name, r.Error, w.effects.Load())
			}
			if state := w.one("SELECT state FROM approval_requests WHERE run_id = $1", r.ID); state != approval.Void {
				t.Errorf("%s: the request is %s", name, state)
			}
		}
	})
}

func TestS20_ADecisionCountsForWhatWasShown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(twoOfInfrastructure)
		r := w.started("ada", toProduction)
		if _, err := w.Decide(t.Context(), w.actor("dan"), r.ID, approval.Word{Approve: true, Digest: "0000"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a decision about something else: %v", err)
		}
		w.exec(oneByte("run_steps", "args", "run_id = $1 AND idx = 1"), r.ID)
		if err := w.decide(r.ID, "dan", true); !fault.Is(err, fault.Conflict) {
			t.Errorf("a decision about what was changed: %v", err)
		}
	})
}

func TestS20_ARetryAfterAVoidAsksAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(`{"name":"One","match":{},"groups":[{"roles":["infrastructure"]}]}`)
		r := w.started("ada", toProduction)
		w.exec("INSERT INTO approval_holds (id, action, environment, entity, reason, created_by, created_at, until_at) VALUES ('h', '', '', '', 'wait', 'x', 1, 0)")
		if err := w.decide(r.ID, "dan", true); err != nil {
			t.Fatal(err)
		}
		r = w.until(r.ID, func(r run.Run) bool { return r.State == run.Waiting && strings.HasPrefix(r.Waiting.Reason, "Held") })
		w.exec(oneByte("run_steps", "args", "run_id = $1 AND idx = 1"), r.ID)
		if err := w.LiftHold(t.Context(), "h", w.users["fay"]); err != nil {
			t.Fatal(err)
		}
		w.until(r.ID, func(r run.Run) bool { return r.State == run.Failed })
		if _, err := w.engine.Retry(t.Context(), w.actor("ada"), r.ID); err != nil {
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Waiting || w.effects.Load() != 0 {
			t.Fatalf("retried: %s %s", r.State, r.Error)
		}
		if err := w.decide(r.ID, "eva", true); err != nil {
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Succeeded {
			t.Errorf("run: %s %s", r.State, r.Error)
		}
	})
}

func TestS47_WhoMayNeverApprove(t *testing.T) {
	anybody := `{"name":"Anybody","match":{},"groups":[{"roles":["viewer","developer","infrastructure","administrator"]}]}`
	roles := func(w *world, by, of string, list ...string) {
		t.Helper()
		if _, err := w.auth.UpdateUser(context.Background(), w.users[of].ID, auth.UserChange{Roles: &list}, w.users[by].ID); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		asks, decides string
		before, after func(w *world)
		rule          string
		allowed       bool
	}{
		"somebody else may":                    {asks: "ada", decides: "dan", allowed: true},
		"the requester":                        {asks: "dan", decides: "dan"},
		"an administrator who asks":            {asks: "fay", decides: "fay"},
		"the last committer":                   {asks: "ada", decides: "dan", before: func(w *world) { w.committers = []string{"dan@example.com"} }},
		"the last committer, as administrator": {asks: "ada", decides: "fay", before: func(w *world) { w.committers = []string{w.users["fay"].ID} }},
		"who is behind the machine that asks": {asks: "hao", decides: "dan", before: func(w *world) {
			w.owners[w.users["hao"].ID] = []string{w.users["dan"].ID}
		}},
		"whom the requester gave a role":                {asks: "fay", decides: "bea", before: func(w *world) { roles(w, "fay", "bea", auth.Developer, auth.Infrastructure) }},
		"whom the requester gave a role while it waits": {asks: "fay", decides: "bea", after: func(w *world) { roles(w, "fay", "bea", auth.Infrastructure) }},
		"whom somebody else gave a role":                {asks: "fay", decides: "bea", allowed: true, before: func(w *world) { roles(w, "gil", "bea", auth.Infrastructure) }},
		"whom the requester gave a role a day ago": {asks: "fay", decides: "bea", allowed: true, before: func(w *world) {
			roles(w, "fay", "bea", auth.Infrastructure)
			w.pass(24*time.Hour + time.Minute)
		}},
		"whose account the requester made": {asks: "fay", decides: "ivo", before: func(w *world) {
			u, err := w.auth.CreateUser(context.Background(), auth.NewUser{Email: "ivo@example.com", Name: "ivo", Roles: []string{auth.Infrastructure}}, w.users["fay"].ID)
			if err != nil {
				t.Fatal(err)
			}
			w.users["ivo"] = u
		}},
		"whom the requester named in the rule": {asks: "fay", decides: "hao", rule: `{"name":"Named","match":{},"groups":[{"people":["hao@example.com"]}]}`},
		"whom another named in the rule":       {asks: "gil", decides: "hao", rule: `{"name":"Named","match":{},"groups":[{"people":["hao@example.com"]}]}`, allowed: true},
		"who is suspended": {asks: "ada", decides: "dan", after: func(w *world) {
			s := auth.Suspended
			if _, err := w.auth.UpdateUser(context.Background(), w.users["dan"].ID, auth.UserChange{Status: &s}, "system"); err != nil {
				t.Fatal(err)
			}
		}},
		"who decides for the requester": {asks: "dan", decides: "hao", rule: `{"name":"Infra","match":{},"groups":[{"roles":["infrastructure"]}]}`, after: func(w *world) {
			if _, err := w.Delegate(context.Background(), w.users["dan"], approval.DelegationBody{To: "hao@example.com", Until: w.now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}},
		"the requester for somebody who is away": {asks: "ada", decides: "ada", rule: `{"name":"Infra","match":{},"groups":[{"roles":["infrastructure"]}]}`, after: func(w *world) {
			if _, err := w.Delegate(context.Background(), w.users["dan"], approval.DelegationBody{To: "ada@example.com", Until: w.now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}},
		"who was not asked, as administrator": {asks: "ada", decides: "fay", rule: `{"name":"Infra","match":{},"groups":[{"roles":["infrastructure"]}]}`},
	}
	each(t, func(t *testing.T, w *world) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				defer w.forget()
				if c.rule == "" {
					c.rule = anybody
				}
				rule := w.rule(c.rule)
				defer func() {
					if err := w.DeleteRule(context.Background(), rule.ID, w.users["fay"]); err != nil {
						t.Error(err)
					}
				}()
				w.effects.Store(0)
				if c.before != nil {
					c.before(w)
				}
				r := w.started(c.asks, toProduction)
				if c.after != nil {
					c.after(w)
				}
				err := w.decide(r.ID, c.decides, true)
				if c.allowed {
					if err != nil {
						t.Fatal(err)
					}
					if r = w.still(r.ID); r.State != run.Succeeded {
						t.Errorf("run: %s %s", r.State, r.Error)
					}
					return
				}
				f, ok := fault.As(err)
				if !ok || f.Code != fault.Forbidden || f.Rule == "" || f.Reason == "" || f.Alternative == "" {
					t.Errorf("it was let through, or the refusal says too little: %v", err)
				}
				if r = w.still(r.ID); r.State != run.Waiting || w.effects.Load() != 0 {
					t.Errorf("run: %s, %d effects", r.State, w.effects.Load())
				}
			})
		}
	})
}

// forget lets a day pass and everybody be what they were.
func (w *world) forget() {
	w.pass(25 * time.Hour)
	w.committers, w.owners = nil, map[string][]string{}
	active := auth.Active
	for name, roles := range map[string][]string{"bea": {auth.Developer}, "dan": {auth.Infrastructure}} {
		if _, err := w.auth.UpdateUser(context.Background(), w.users[name].ID, auth.UserChange{Roles: &roles, Status: &active}, "system"); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestS47_MachinesDoNotApprove(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(`{"name":"Infra","match":{},"groups":[{"roles":["infrastructure"]}]}`)
		r := w.started("ada", toProduction)
		_, err := w.Decide(t.Context(), action.Actor{ID: "app123", Name: "bot", Roles: []string{auth.Infrastructure}}, r.ID, approval.Word{Approve: true})
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("a machine approved: %v", err)
		}
	})
}

// TestS47_NoPathToExecutedWithFewerApprovers does anything in any order and
// looks, each time something is executed, at what the database says by then:
// enough different people approved exactly this, and none of them may not.
func TestS47_NoPathToExecutedWithFewerApprovers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const need = 2
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 47))
		w.rule(`{"name":"Two","match":{},"groups":[{"need":2,"roles":["infrastructure","administrator"]}],"remindMinutes":30,"expireMinutes":300}`)
		people := []string{"ada", "bea", "dan", "eva", "fay", "gil", "hao"}
		pick := func() string { return people[rnd.IntN(len(people))] }
		checked := 0
		check := func(r run.Run) {
			t.Helper()
			executed := false
			for _, s := range r.Steps {
				executed = executed || s.Type == "test.effect" && s.Attempt > 0
			}
			if !executed {
				return
			}
			checked++
			rows, err := w.db.Read().QueryContext(t.Context(), `SELECT d.actor_id, d.behalf, d.digest, q.digest FROM approval_requests q JOIN approval_decisions d ON d.request_id = q.id
				WHERE q.run_id = $1 AND q.current = 1 AND d.approve = 1`, r.ID)
			list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (l [4]string, err error) {
				return l, row.Scan(&l[0], &l[1], &l[2], &l[3])
			})
			if err != nil {
				t.Fatal(err)
			}
			persons := map[string]bool{}
			for _, d := range list {
				if d[0] != r.Actor.ID && d[1] != r.Actor.ID && d[2] == d[3] {
					persons[d[0]] = true
				}
			}
			if len(persons) < need {
				t.Fatalf("executed with %d approvers", len(persons))
			}
		}
		sequences := 25
		if testing.Short() {
			sequences = 5
		}
		for range sequences {
			r := w.started(pick(), toProduction)
			for range 14 {
				before, err := w.engine.Get(t.Context(), r.ID)
				if err != nil {
					t.Fatal(err)
				}
				tampered := false
				switch rnd.IntN(12) {
				case 0, 1, 2, 3, 4, 5:
					_ = w.decide(r.ID, pick(), true) // may be refused
				case 6:
					if rnd.IntN(3) == 0 {
						_ = w.decide(r.ID, pick(), false) // may be refused
					}
				case 7:
					_, _ = w.engine.Retry(t.Context(), w.actor("ada"), r.ID) // may be refused
				case 8:
					w.pass(time.Duration(rnd.IntN(40)) * time.Minute)
				case 9:
					_, _ = w.Delegate(t.Context(), w.users[pick()], approval.DelegationBody{To: pick() + "@example.com", Until: w.now().Add(time.Hour)}) // may be refused
				case 10:
					if before.State == run.Waiting {
						w.exec(oneByte("runs", "input", "id = $1"), r.ID)
						tampered = true
					}
				case 11:
					state := auth.Active
					if rnd.IntN(2) == 0 {
						state = auth.Suspended
					}
					_, _ = w.auth.UpdateUser(t.Context(), w.users[pick()].ID, auth.UserChange{Status: &state}, "system") // the last administrator stays
				}
				after := w.still(r.ID)
				check(after)
				if tampered && after.State == run.Succeeded && before.State != run.Succeeded {
					t.Fatal("executed what was not approved")
				}
			}
			active := auth.Active
			for _, name := range people {
				if _, err := w.auth.UpdateUser(t.Context(), w.users[name].ID, auth.UserChange{Status: &active}, "system"); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Logf("%d states after something was executed", checked)
		if checked == 0 && !testing.Short() {
			t.Error("nothing was ever executed: the test shows nothing")
		}
	})
}

func TestS48_NoStepStartsAfterAHoldWasSet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		holds, starters, times := 420, 8, 3
		if testing.Short() {
			holds = 16
		}
		var r run.Run
		err := w.db.Tx(t.Context(), func(tx *store.Tx) (err error) {
			r, err = w.engine.Start(t.Context(), tx, run.NewRun{Action: "deploy", Actor: w.actor("ada"), Steps: []action.Step{{Name: "a", Title: "A", Type: "test.effect", Args: []byte(`"x"`)}}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var started, parked, wrong atomic.Int64
		for range holds {
			var returned atomic.Bool
			var all sync.WaitGroup
			for range starters {
				all.Go(func() {
					for range times {
						err := w.db.Tx(context.Background(), func(tx *store.Tx) error {
							late := returned.Load() // the hold was there before this began
							wait, err := w.Admit(context.Background(), tx, r.ID, 0)
							if err != nil || wait != nil {
								parked.Add(1)
								return err
							}
							for range 3 {
								runtime.Gosched()
							}
							if late || returned.Load() { // admitted, and not committed yet
								wrong.Add(1)
							}
							started.Add(1)
							return nil
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			h, err := w.SetHold(t.Context(), approval.HoldBody{Action: "deploy", Reason: "freeze"}, w.users["fay"])
			if err != nil {
				t.Fatal(err)
			}
			returned.Store(true)
			all.Wait()
			if err := w.LiftHold(t.Context(), h.ID, w.users["fay"]); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%d tries: %d started before the hold, %d were held", holds*starters*times, started.Load(), parked.Load())
		if wrong.Load() > 0 {
			t.Errorf("%d of %d steps started although the hold had been set", wrong.Load(), holds*starters*times)
		}
	})
}

func TestS48_AHeldRunGoesOnWhenTheHoldIsLifted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		h, err := w.SetHold(t.Context(), approval.HoldBody{Environment: "prod", Reason: "Black Friday"}, w.users["dan"])
		if err != nil {
			t.Fatal(err)
		}
		if r := w.started("ada", `{"service":"cart","environment":"dev"}`); r.State != run.Succeeded {
			t.Errorf("another environment: %s", r.State)
		}
		w.effects.Store(0)
		r := w.started("ada", toProduction)
		if r.State != run.Waiting || r.Waiting.Reason != "Held: Black Friday" || w.effects.Load() != 0 {
			t.Fatalf("run: %s %+v", r.State, r.Waiting)
		}
		if err := w.LiftHold(t.Context(), h.ID, w.users["dan"]); err != nil {
			t.Fatal(err)
		}
		w.until(r.ID, func(r run.Run) bool { return r.State == run.Succeeded })
		if _, err := w.SetHold(t.Context(), approval.HoldBody{Reason: "for a while", Until: w.now().Add(time.Hour)}, w.users["dan"]); err != nil {
			t.Fatal(err)
		}
		r = w.started("ada", toProduction)
		w.pass(time.Hour + time.Minute)
		w.until(r.ID, func(r run.Run) bool { return r.State == run.Succeeded })
	})
}

func TestS48_AHoldIsAboutWhatItNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		held := func(body approval.HoldBody) bool {
			t.Helper()
			body.Reason = "freeze"
			h, err := w.SetHold(t.Context(), body, w.users["dan"])
			if err != nil {
				t.Fatal(err)
			}
			list, err := w.Holds(t.Context())
			if err != nil || len(list) != 1 || list[0].HoldBody != h.HoldBody {
				t.Errorf("it comes back as %+v, was %+v: %v", list, h.HoldBody, err)
			}
			r := w.started("ada", toProduction)
			if err := w.LiftHold(t.Context(), h.ID, w.users["dan"]); err != nil {
				t.Fatal(err)
			}
			if r.State == run.Waiting {
				w.until(r.ID, func(r run.Run) bool { return r.State == run.Succeeded })
				return true
			}
			return false
		}
		for name, c := range map[string]struct {
			body approval.HoldBody
			want bool
		}{
			"the entity": {approval.HoldBody{Entity: "Component/cart"}, true}, "another entity": {approval.HoldBody{Entity: "Component/car"}, false},
			"the blueprint": {approval.HoldBody{Blueprint: "Component"}, true}, "another blueprint": {approval.HoldBody{Blueprint: "Comp"}, false},
			"the owning team": {approval.HoldBody{Team: "shop"}, true}, "another team": {approval.HoldBody{Team: "pay"}, false},
			"the team, elsewhere": {approval.HoldBody{Team: "shop", Environment: "dev"}, false}, "the team, there": {approval.HoldBody{Team: "shop", Environment: "prod"}, true},
			"everything": {approval.HoldBody{}, true},
		} {
			if got := held(c.body); got != c.want {
				t.Errorf("%s: held %v, want %v", name, got, c.want)
			}
		}
		for name, body := range map[string]approval.HoldBody{
			"two of them": {Reason: "x", Entity: "Component/cart", Team: "shop"}, "no entity": {Reason: "x", Entity: "Component"}, "a pattern": {Reason: "x", Entity: "*/@shop"}, "a bad blueprint": {Reason: "x", Blueprint: "A/*"},
		} {
			if _, err := w.SetHold(t.Context(), body, w.users["dan"]); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestS48_ApproversAreLookedAtAgainWhenTheStepStarts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.rule(twoOfInfrastructure)
		stop := w.work()
		r := w.started("ada", toProduction)
		stop()
		for _, by := range []string{"dan", "eva"} {
			if err := w.decide(r.ID, by, true); err != nil {
				t.Fatal(err)
			}
		}
		s := auth.Suspended
		if _, err := w.auth.UpdateUser(t.Context(), w.users["eva"].ID, auth.UserChange{Status: &s}, "system"); err != nil {
			t.Fatal(err)
		}
		again := w.workAgain()
		r = w.until(r.ID, func(r run.Run) bool { return r.State == run.Failed })
		again()
		if !strings.Contains(r.Error, "fewer people than needed") || w.effects.Load() != 0 {
			t.Errorf("run: %q, %d effects", r.Error, w.effects.Load())
		}
	})
}

func TestApprovalsSurviveAKilledProcess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.rule(`{"name":"Slow","match":{},"groups":[{"need":2,"roles":["infrastructure"]}],"expireMinutes":60}`)
		stop := w.work()
		r := w.started("ada", toProduction)
		if err := w.decide(r.ID, "dan", true); err != nil {
			t.Fatal(err)
		}
		stop()
		w.pass(61 * time.Minute) // while nothing runs
		again := w.workAgain()
		r = w.until(r.ID, func(r run.Run) bool { return r.State == run.Failed })
		again()
		if !strings.Contains(r.Error, "expired") || w.effects.Load() != 0 {
			t.Errorf("run: %q", r.Error)
		}
	})
}

func TestRuleDocumentsComeBackAsTheyWereSent(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	r := w.rule(twoOfInfrastructure)
	raw, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(raw), `"need":2,"roles":["infrastructure","administrator"]`) {
		t.Errorf("%s %v", raw, err)
	}
	second := w.rule(`{"name":"Second","match":{},"groups":[{"roles":["viewer"]}]}`)
	if _, err := w.PutRule(t.Context(), second.ID, second.RuleBody, 1, w.users["fay"]); err != nil {
		t.Fatal(err)
	}
	list, err := w.Rules(t.Context())
	if err != nil || list[0].Name != "Second" || list[1].Position != 2 {
		t.Errorf("order: %+v %v", list, err)
	}
}
