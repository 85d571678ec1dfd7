package approval_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store"
)

const toProduction = `{"service":"cart","environment":"prod"}`

const twoOfInfrastructure = `{"name":"Production needs two","match":{"environments":["production"]},"groups":[{"need":2,"roles":["infrastructure","administrator"]}]}`

func TestRulesAskBeforeAnythingHappensAndThePlanShowsWho(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(twoOfInfrastructure)
		w.rule(`{"name":"Owners agree","match":{"blueprints":["Component"],"environments":["production"]},"groups":[{"name":"Owner","ownerTeam":true},{"name":"On call","onCall":"oncall"}]}`)
		p := w.plan("ada", toProduction).Plan
		var shown []string
		for _, a := range p.Approvals {
			shown = append(shown, a.Rule+"/"+a.Title+"/"+strings.Join(a.Who, ","))
		}
		want := []string{"Production needs two/Approval/role infrastructure,role administrator", "Owners agree/Owner/team shop", "Owners agree/On call/cem"}
		if !slices.Equal(shown, want) {
			t.Errorf("plan shows %q, want %q", shown, want)
		}
		if p.Approvals[0].Need != 2 || !strings.Contains(p.Approvals[0].Why, "touches prod") || p.Steps[0].Name != "approve" {
			t.Errorf("plan: %+v %+v", p.Approvals[0], p.Steps)
		}
		r := w.started("ada", toProduction)
		if r.State != run.Waiting || r.Waiting.Kind != action.WaitApproval || w.effects.Load() != 0 {
			t.Fatalf("run: %s %+v, effects %d", r.State, r.Waiting, w.effects.Load())
		}
		for i, by := range []string{"dan", "bea", "eva", "cem"} {
			if w.effects.Load() != 0 {
				t.Fatalf("after %d approvals it runs", i)
			}
			if err := w.decide(r.ID, by, true); err != nil {
				t.Fatalf("%s: %v", by, err)
			}
			r = w.still(r.ID)
		}
		if r.State != run.Succeeded || w.effects.Load() != 2 {
			t.Errorf("run: %s %s, effects %d", r.State, r.Error, w.effects.Load())
		}
	})
}

func TestOtherEnvironmentsAskNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(twoOfInfrastructure)
		if r := w.started("ada", `{"service":"cart","environment":"dev"}`); r.State != run.Succeeded || len(r.Steps) != 2 {
			t.Errorf("run: %s, %d steps", r.State, len(r.Steps))
		}
	})
}

func TestMatching(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.cost = &action.Cost{Currency: "EUR", Monthly: 120}
		group := `"groups":[{"roles":["infrastructure"]}]`
		for match, want := range map[string]bool{
			`{}`: true, `{"actions":["deploy"]}`: true, `{"actions":["dep*"]}`: true, `{"actions":["delete"]}`: false,
			`{"environments":["production"]}`: true, `{"environments":["prod"]}`: true, `{"environments":["dev"]}`: false,
			`{"blueprints":["Component"]}`: true, `{"blueprints":["Team"]}`: false,
			`{"minCost":100}`: true, `{"minCost":121}`: false, `{"minRisk":"high"}`: true,
			`{"condition":".input.size > 0 and .risk.level == \"high\""}`: true, `{"condition":".requester.email == \"x\""}`: false,
			`{"condition":".input.size"}`: true, // neither true nor false: it asks
			`{"entity":{"combinator":"and","rules":[{"property":"tier","operator":"=","value":"1"}]}}`:                     true,
			`{"entity":{"combinator":"and","rules":[{"property":"tier","operator":"=","value":"2"}]}}`:                     false,
			`{"input":{"combinator":"and","rules":[{"property":"environment","operator":"=","value":"prod"}]}}`:            true,
			`{"input":{"combinator":"and","rules":[{"property":"size","operator":">","value":50}]}}`:                       false,
			`{"input":{"combinator":"and","rules":[{"property":"environment","operator":"=","value":"x"}]},"minCost":100}`: false,
		} {
			r := w.rule(`{"name":"r","match":` + match + `,` + group + `}`)
			if got := len(w.plan("ada", `{"service":"cart","environment":"prod"}`).Plan.Approvals) > 0; got != want {
				t.Errorf("%s: asked %v, want %v", match, got, want)
			}
			if err := w.DeleteRule(t.Context(), r.ID, w.users["fay"]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAutomaticApprovalIsShownAndCoversWhatStandsBehindIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(`{"name":"Security first","match":{"actions":["deploy"],"condition":".input.size > 5"},"groups":[{"roles":["administrator"]}]}`)
		w.rule(`{"name":"Small changes of shop","effect":"approve","match":{"condition":".input.size < 10 and (.requester.teams | index(\"shop\"))!= null"}}`)
		w.rule(twoOfInfrastructure)
		p := w.plan("ada", toProduction).Plan
		if len(p.Approvals) != 1 || !p.Approvals[0].Auto || p.Approvals[0].Rule != "Small changes of shop" {
			t.Errorf("approvals: %+v", p.Approvals)
		}
		if r := w.started("ada", toProduction); r.State != run.Succeeded {
			t.Errorf("run: %s", r.State)
		}
		p = w.plan("ada", `{"service":"cart","environment":"prod","size":7}`).Plan
		if len(p.Approvals) != 2 || p.Approvals[0].Rule != "Security first" || p.Approvals[0].Auto || !p.Approvals[1].Auto {
			t.Errorf("approvals: %+v", p.Approvals)
		}
		if p = w.plan("cem", toProduction).Plan; len(p.Approvals) != 1 || p.Approvals[0].Auto {
			t.Errorf("approvals of another team: %+v", p.Approvals)
		}
		if _, err := w.AddRule(t.Context(), approval.RuleBody{Name: "all", Enabled: true, Effect: approval.AutoApprove}, w.users["fay"]); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("a rule that approves everything: %v", err)
		}
	})
}

func TestARuleThatNobodyCanMeetIsToldInThePlan(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(`{"name":"Three","match":{},"groups":[{"need":3,"roles":["infrastructure"]}]}`)
		p := w.plan("dan", toProduction).Plan
		if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "needs 3 approvals, and only 1 people") {
			t.Errorf("warnings: %q", p.Warnings)
		}
	})
}

func TestOneDeclineEndsItAndRetryAsksAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(twoOfInfrastructure)
		r := w.started("ada", toProduction)
		if err := w.decide(r.ID, "dan", true); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Decide(t.Context(), w.actor("eva"), r.ID, approval.Word{Comment: "not on a Friday"}); err != nil {
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Failed || r.Error != "Declined by eva: not on a Friday" || w.effects.Load() != 0 {
			t.Fatalf("run: %s %q", r.State, r.Error)
		}
		if err := w.decide(r.ID, "gil", true); !fault.Is(err, fault.Conflict) {
			t.Errorf("decide after the end: %v", err)
		}
		if _, err := w.engine.Retry(t.Context(), w.actor("ada"), r.ID); err != nil {
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Waiting {
			t.Fatalf("retried: %s %s", r.State, r.Error)
		}
		// The approval of the first round does not count in the second.
		for i, by := range []string{"dan", "gil"} {
			if w.effects.Load() != 0 {
				t.Fatalf("after %d approvals it runs", i)
			}
			if err := w.decide(r.ID, by, true); err != nil {
				t.Fatal(err)
			}
			r = w.still(r.ID)
		}
		if r.State != run.Succeeded {
			t.Errorf("run: %s %s", r.State, r.Error)
		}
		id, err := w.Of(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		d, err := w.Get(t.Context(), w.users["hao"], id)
		if err != nil || len(d.Earlier) != 1 || d.Earlier[0].State != approval.Declined || len(d.Earlier[0].Decisions) != 2 || len(d.Decisions) != 2 || d.Plan == nil {
			t.Errorf("detail: %+v %v", d, err)
		}
	})
}

func TestNobodyCountsForTwoGroupsOfARule(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(`{"name":"Both","match":{},"groups":[{"name":"a","roles":["infrastructure","administrator"]},{"name":"b","roles":["administrator"]}]}`)
		r := w.started("ada", toProduction)
		if err := w.decide(r.ID, "fay", true); err != nil { // belongs to both
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Waiting {
			t.Fatalf("one person was enough: %s", r.State)
		}
		if err := w.decide(r.ID, "dan", true); err != nil { // fay moves to b
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Succeeded {
			t.Errorf("run: %s %s", r.State, r.Error)
		}
	})
}

func TestAnActionAsksForAllOfItsApprovers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.ask = &action.Approval{Title: "Data owners", By: &action.Approvers{People: []string{"bea@example.com", "cem@example.com", "ada@example.com"}, All: true}}
		r := w.started("ada", `{"service":"cart"}`)
		for _, by := range []string{"bea", "cem"} {
			if r.State != run.Waiting {
				t.Fatalf("before %s: %s", by, r.State)
			}
			if err := w.decide(r.ID, by, true); err != nil {
				t.Fatal(err)
			}
			r = w.still(r.ID)
		}
		if r.State != run.Succeeded {
			t.Errorf("run: %s %s", r.State, r.Error)
		}
	})
}

func TestDelegation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(`{"name":"Two","match":{},"groups":[{"need":2,"people":["dan@example.com","eva@example.com"]}]}`)
		r := w.started("ada", toProduction)
		if err := w.decide(r.ID, "bea", true); !fault.Is(err, fault.Forbidden) {
			t.Fatalf("bea before: %v", err)
		}
		for _, to := range []string{"bea", "ada"} { // ada asked for the run
			_, err := w.Delegate(t.Context(), w.users["dan"], approval.DelegationBody{To: to + "@example.com", Until: w.now().Add(48 * time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.decide(r.ID, "ada", true); !fault.Is(err, fault.Forbidden) {
			t.Errorf("the requester decided for who is away: %v", err)
		}
		if err := w.decide(r.ID, "bea", true); err != nil {
			t.Fatal(err)
		}
		if err := w.decide(r.ID, "dan", true); !fault.Is(err, fault.Conflict) {
			t.Errorf("dan and who decided for dan: %v", err)
		}
		if r = w.still(r.ID); r.State != run.Waiting {
			t.Fatalf("run: %s", r.State)
		}
		if err := w.decide(r.ID, "eva", true); err != nil {
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Succeeded {
			t.Errorf("run: %s %s", r.State, r.Error)
		}
		r = w.started("ada", toProduction)
		w.pass(49 * time.Hour)
		if err := w.decide(r.ID, "bea", true); !fault.Is(err, fault.Forbidden) {
			t.Errorf("after the end of the delegation: %v", err)
		}
	})
}

func TestRemindersEscalationAndExpiry(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(`{"name":"Slow","match":{},"groups":[{"roles":["infrastructure"]}],"dueMinutes":30,"remindMinutes":60,"escalateMinutes":120,"escalateTo":{"people":["gil@example.com"]},"expireMinutes":600}`)
		r := w.started("ada", toProduction)
		notices := func(kind string) string { return w.one("SELECT COUNT(*) FROM notices WHERE kind = $1", kind) }
		if notices("approval.requested") != "1" || notices("approval.reminder") != "0" {
			t.Fatal("at the start")
		}
		if err := w.decide(r.ID, "gil", true); !fault.Is(err, fault.Forbidden) {
			t.Errorf("before the escalation: %v", err)
		}
		w.pass(61 * time.Minute)
		w.until(r.ID, func(run.Run) bool { return notices("approval.reminder") == "1" })
		w.pass(60 * time.Minute)
		w.until(r.ID, func(run.Run) bool { return notices("approval.reminder") == "2" && notices("approval.escalated") == "1" })
		w.still(r.ID)
		other := w.started("ada", toProduction)
		if err := w.decide(r.ID, "gil", true); err != nil { // it was escalated
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Succeeded {
			t.Fatalf("run: %s %s", r.State, r.Error)
		}
		w.pass(600 * time.Minute)
		other = w.until(other.ID, func(r run.Run) bool { return r.State == run.Failed })
		if !strings.Contains(other.Error, "expired") || w.effects.Load() != 2 {
			t.Errorf("expired: %s, effects %d", other.Error, w.effects.Load())
		}
		if err := w.decide(other.ID, "dan", true); !fault.Is(err, fault.Conflict) {
			t.Errorf("decide on what expired: %v", err)
		}
		times, err := w.Times(t.Context(), 30)
		if err != nil || times.Decided != 1 || times.MedianMillis < (2*time.Hour).Milliseconds() {
			t.Errorf("waiting times: %+v %v", times, err)
		}
	})
}

func TestInboxListsWhatOneMayDecide(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(twoOfInfrastructure)
		r := w.started("dan", toProduction)
		for name, want := range map[string]int{"dan": 0, "eva": 1, "fay": 1, "ada": 0} {
			list, _, err := w.List(t.Context(), w.users[name], approval.ForMe, "", 50)
			if err != nil || len(list) != want {
				t.Errorf("%s sees %d, want %d (%v)", name, len(list), want, err)
			}
		}
		if err := w.decide(r.ID, "eva", true); err != nil {
			t.Fatal(err)
		}
		if list, _, _ := w.List(t.Context(), w.users["eva"], approval.ForMe, "", 50); len(list) != 0 {
			t.Errorf("eva has decided and still sees it")
		}
		mine, _, err := w.List(t.Context(), w.users["dan"], approval.Mine, "", 50)
		if err != nil || len(mine) != 1 || mine[0].Asks[0].Groups[0].Have != 1 || mine[0].Risk.Level != action.HighRisk {
			t.Errorf("mine: %+v %v", mine, err)
		}
		if _, err := w.engine.Cancel(t.Context(), w.actor("dan"), r.ID); err != nil {
			t.Fatal(err)
		}
		w.until(r.ID, func(r run.Run) bool { return r.State == run.Cancelled })
		if list, _, _ := w.List(t.Context(), w.users["fay"], approval.ForMe, "", 50); len(list) != 0 {
			t.Errorf("a cancelled run still asks")
		}
	})
}

func TestWhoAskedIsToldWhenTheRunFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rule(twoOfInfrastructure)
		w.breaks.Store(true)
		// It fails by itself: who asked learns of it, once for each time.
		r := w.started("ada", `{"service":"cart","environment":"dev"}`)
		told := func(id string) string {
			return w.one("SELECT COUNT(*) FROM notices WHERE kind = 'run.failed' AND url = $1 AND CAST(recipients AS TEXT) LIKE $2", "/runs/"+id, "%"+w.users["ada"].ID+"%")
		}
		if r.State != run.Failed || told(r.ID) != "1" {
			t.Fatalf("run %s, told %s times", r.State, told(r.ID))
		}
		if text := w.one("SELECT body FROM notices WHERE kind = 'run.failed'"); !strings.Contains(text, "it broke") {
			t.Errorf("the notice says %q", text)
		}
		w.pass(time.Second)
		if _, err := w.engine.Retry(t.Context(), w.actor("ada"), r.ID); err != nil {
			t.Fatal(err)
		}
		w.until(r.ID, func(r run.Run) bool { return r.State == run.Failed && told(r.ID) == "2" })
		// A decline is told by itself, and not as a failure besides.
		r = w.started("ada", toProduction)
		if err := w.decide(r.ID, "dan", false); err != nil {
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Failed || told(r.ID) != "0" || w.one("SELECT COUNT(*) FROM notices WHERE kind = 'approval.decided'") != "1" {
			t.Errorf("declined: %s, told %s times of a failure", r.State, told(r.ID))
		}
	})
}

func TestARuleChangedBetweenPlanAndStartIsNotPassedBy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.plan("ada", toProduction)
		w.rule(twoOfInfrastructure)
		if _, err := w.engine.Apply(t.Context(), w.actor("ada"), p.ID); !fault.Is(err, fault.PlanChanged) {
			t.Errorf("apply by a plan of before the rule: %v", err)
		}
	})
}

func TestRequestsOfEarlierVersionsAreStillDecided(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var r run.Run
		err := w.db.Tx(t.Context(), func(tx *store.Tx) (err error) {
			r, err = w.engine.Start(t.Context(), tx, run.NewRun{Action: "old", Actor: w.actor("ada"), Steps: []action.Step{
				{Name: "approve", Title: "Approve", Type: run.ApprovalType, Args: []byte(`{"roles":["infrastructure"],"reason":"Production."}`)},
				{Name: "go", Title: "Go", Type: "test.effect", Args: []byte(`"x"`)},
			}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r = w.still(r.ID)
		if !strings.HasPrefix(r.Waiting.Reason, "Production. Still needed: 1 of role infrastructure") {
			t.Errorf("reason: %s", r.Waiting.Reason)
		}
		if err := w.decide(r.ID, "bea", true); !fault.Is(err, fault.Forbidden) {
			t.Errorf("without the role: %v", err)
		}
		if err := w.decide(r.ID, "dan", true); err != nil {
			t.Fatal(err)
		}
		if r = w.still(r.ID); r.State != run.Succeeded {
			t.Errorf("run: %s", r.State)
		}
	})
}
