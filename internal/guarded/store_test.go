package guarded_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"sphera/internal/approval"
	"sphera/internal/auth"
	"sphera/internal/automation"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/flag/usage"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/guarded"
	"sphera/internal/resource"
	"sphera/internal/run"
	"sphera/internal/runtime"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
	"sphera/internal/view"
)

// pair is a store, what guards it, and which of its methods no request reaches,
// with the reason.
type pair struct {
	store, guard reflect.Type
	inside       map[string]string
	// named are methods that have another name there.
	named map[string]string
}

func pairs() []pair {
	const (
		wiring = "what wires and registers it"
		worker = "a worker of the portal"
		engine = "called in a transaction by what runs steps"
		paths  = "steps of golden paths do it, after the action was permitted"
		server = "the flag server, which has keys of its own"
	)
	return []pair{
		{reflect.TypeFor[*run.Engine](), guardOf("Runs"), map[string]string{
			"Register": wiring, "RegisterSteps": wiring, "Further": wiring, "Guard": wiring, "StepTypes": wiring, "Work": worker, "Approve": engine, "Lock": engine, "Signal": engine, "Start": engine,
			"Some": "finds what is decided about",
		}, nil},
		{reflect.TypeFor[*forge.Builtin](), guardOf("Forge"), map[string]string{
			"Close": wiring, "Maintain": worker, "Deliveries": engine, "DeliverWebhook": worker, "CreateRepository": paths, "ArchiveRepository": paths, "DeleteBranch": paths, "SetRules": paths,
		}, nil},
		{reflect.TypeFor[*approval.Service](), guardOf("Approvals"), map[string]string{
			"Admit": engine, "Waiting": "tells Port's clients who may decide, behind Automation.Approvers", "Rule": "one of Rules", "RunOf": "finds what is decided about",
			"Stand": "called by the decision on a flag or on policies", "Asked": engine, "Closed": engine, "Remind": worker, "Work": worker,
		}, nil},
		{reflect.TypeFor[*automation.Service](), guardOf("Automation"), map[string]string{
			"Work": worker, "Tick": worker, "About": "finds what is decided about",
		}, nil},
		{reflect.TypeFor[*flag.Flags](), guardOf("Flags"), map[string]string{
			"Work": worker, "Fold": worker, "Load": worker, "Current": server, "Snapshots": server, "Watch": server, "Keys": worker, "Scanned": worker, "SetReferences": worker, "ForgetRepository": worker,
			"Owner": "finds what is decided about", "Proposal": "one of Proposals", "ProposalByID": "finds what is decided about", "ProposalsOf": "the inbox of Approvals", "Deciders": "the inbox of Approvals",
		}, nil},
		{reflect.TypeFor[*flag.Projects](), guardOf("Flags"), map[string]string{"Remove": paths}, map[string]string{"Get": "Project", "List": "ProjectList", "Ensure": "CreateProject"}},
		{reflect.TypeFor[*key.Keys](), guardOf("FlagKeys"), map[string]string{
			"Live": server, "Used": server, "Prune": worker, "ProjectOf": paths, "Holds": server,
		}, nil},
		{reflect.TypeFor[*usage.Store](), guardOf("FlagUsage"), map[string]string{"Write": server, "Seen": worker, "Tidy": worker}, nil},
		{reflect.TypeFor[*secret.Vault](), guardOf("Vault"), map[string]string{
			"Open": "opens values for the portal's own work; nothing answers them", "Resolve": "as Open", "Signing": "as Open",
		}, nil},
		{reflect.TypeFor[*view.Views](), guardOf("Views"), nil, nil},
		{reflect.TypeFor[runtime.Runtime](), guardOf("Services"), map[string]string{
			"Build": paths, "Deploy": paths, "WaitReady": paths, "Stop": paths, "Restart": paths, "Absent": "says nothing of any service",
		}, nil},
		{reflect.TypeFor[*golden.Contracts](), guardOf("Services"), map[string]string{"CheckAbsent": "says nothing of any service", "Missing": paths}, nil},
	}
}

func guardOf(name string) reflect.Type {
	method, _ := reflect.TypeFor[*guarded.Guard]().MethodByName(name)
	return method.Type.Out(0)
}

// TestS3_EveryMethodOfTheStoresAsks finds the methods of the stores by
// reflection: each is either guarded, or on the list of those that no request
// reaches.
func TestS3_EveryMethodOfTheStoresAsks(t *testing.T) {
	for _, p := range pairs() {
		t.Run(p.guard.Elem().Name()+" "+p.store.String(), func(t *testing.T) {
			for method := range p.store.Methods() {
				name := method.Name
				if name == "FollowRename" {
					continue // in the transaction of a rename, which was permitted
				}
				there := name
				if other := p.named[name]; other != "" {
					there = other
				}
				_, asks := p.guard.MethodByName(there)
				if _, listed := p.inside[name]; listed == asks {
					t.Errorf("%s: guarded %v, on the list of those that no request reaches %v", name, asks, listed)
				}
			}
		})
	}
}

// TestS3_WithoutAnybodyNothingIsDone calls every guarded method with nobody
// acting, over stores that do not exist: whatever touches a store before it has
// asked breaks. Then with somebody who is suspended, over real ones.
func TestS3_WithoutAnybodyNothingIsDone(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	w := open(t, db)
	real := *w
	w.guards(stores{}) // whoever touches one of these panics
	suspended := person(auth.Administrator)
	suspended.Status = auth.Suspended
	free := []string{"Actions", "Action", "Runnable", "Follow", "GitHandler"} // say nothing of anybody's, or ask later
	asked := 0
	for _, one := range []struct{ without, with any }{
		{w.runs, real.runs}, {w.forge, real.forge}, {w.flags, real.flags}, {w.flagKeys, real.flagKeys}, {w.flagUsage, real.flagUsage}, {w.vault, real.vault}, {w.views, real.views},
		{w.approvals, real.approvals}, {w.automation, real.automation}, {w.services, real.services}, {w.things, real.things},
	} {
		kind := reflect.TypeOf(one.without)
		for i := range kind.NumMethod() {
			name := kind.Method(i).Name
			if slices.Contains(free, name) {
				continue
			}
			asked++
			if err := callWithNothing(t, t.Context(), one.without, i); !fault.Is(err, fault.Unauthorized) {
				t.Errorf("%s.%s with nobody: %v", kind, name, err)
			}
			err := callWithNothing(t, w.as(suspended), one.with, i)
			if name == "All" || name == "Seen" || name == "Hidden" || name == "Events" {
				continue // answer that nothing may be read
			}
			if !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Unprocessable) {
				t.Errorf("%s.%s by somebody who is suspended: %v", kind, name, err)
			}
		}
	}
	if asked < 90 {
		t.Errorf("only %d methods were called", asked)
	}
}

// callWithNothing calls a method with a context and zero values.
func callWithNothing(t *testing.T, ctx context.Context, of any, i int) (err error) {
	t.Helper()
	method := reflect.ValueOf(of).Method(i)
	args := make([]reflect.Value, method.Type().NumIn())
	for n := range args {
		kind := method.Type().In(n)
		if args[n] = reflect.Zero(kind); kind == reflect.TypeFor[context.Context]() {
			args[n] = reflect.ValueOf(ctx)
		}
	}
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s touched its store before it asked: %v", reflect.TypeOf(of).Method(i).Name, r)
		}
	}()
	out := method.Call(args)
	err, _ = reflect.TypeAssert[error](out[len(out)-1])
	return err
}

// TestS3_WhoMayOnlyReadChangesNothing calls what changes things as a viewer.
func TestS3_WhoMayOnlyReadChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db)
		w.fill()
		ctx := w.as(person(auth.Viewer))
		who, by := person(auth.Viewer).Actor(), flag.Who{ID: "u-viewer"}
		runID, repo := w.made.runs[0].id, w.made.repositories[0].id
		for name, f := range map[string]func() error{
			"cancel a run": func() error { _, err := w.runs.Cancel(ctx, who, runID); return err },
			"retry a run":  func() error { _, err := w.runs.Retry(ctx, who, runID); return err },
			"undo a run":   func() error { _, err := w.runs.Undo(ctx, who, runID, ""); return err },
			"plan":         func() error { _, err := w.runs.Plan(ctx, who, "nothing", "", nil); return err },
			"report":       func() error { _, err := w.automation.Update(ctx, runID, automation.Report{}, who.ID); return err },
			"write code": func() error {
				_, err := w.forge.Commit(ctx, repo, forge.NewCommit{Branch: "main", Message: "x", Bypass: true})
				return err
			},
			"set a webhook": func() error { return w.forge.SetWebhook(ctx, repo, forge.Webhook{URL: "https://example.com"}) },
			"make a rule": func() error {
				_, err := w.approvals.AddRule(ctx, approval.RuleBody{}, auth.User{ID: who.ID})
				return err
			},
			"hold runs": func() error {
				_, err := w.approvals.SetHold(ctx, approval.HoldBody{}, auth.User{ID: who.ID})
				return err
			},
			"delegate another": func() error {
				_, err := w.approvals.Delegate(ctx, auth.User{ID: "somebody"}, approval.DelegationBody{})
				return err
			},
			"turn a flag on": func() error { _, err := w.flags.Edit(ctx, "p0", "f0", "production", flag.Edit{}, by); return err },
			"delete a flag":  func() error { return w.flags.Delete(ctx, "p0", "f0", by) },
			"make a key":     func() error { _, _, err := w.flagKeys.Create(ctx, "p0", key.NewKey{}, who.ID); return err },
			"make a relay":   func() error { _, _, err := w.flagKeys.Create(ctx, "", key.NewKey{}, who.ID); return err },
			"set a secret": func() error {
				_, err := w.vault.Create(ctx, "NEW", "", secret.NewValue("x"), secret.Actor{ID: "u-viewer"})
				return err
			},
			"delete a secret": func() error { return w.vault.Delete(ctx, "SECRET_0", secret.Actor{ID: "u-viewer"}) },
			"another's view":  func() error { return w.views.Delete(ctx, "x", view.Person{ID: "somebody"}) },
			"write an action": func() error { return w.automation.Delete(ctx, "x", resource.Actor{}) },
		} {
			if err := f(); !fault.Is(err, fault.Forbidden) && (name != "delete a secret" || !fault.Is(err, fault.NotFound)) {
				t.Errorf("%s as a viewer: %v", name, err)
			}
		}
	})
}
