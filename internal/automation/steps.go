package automation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sphera/action"
	"sphera/internal/access"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// stepSet are the step types of all runs of actions that are data. What is
// called on the way out may have happened when a process dies in the middle of
// it, and nobody can tell: such a run stops and a person decides. All else is
// found again by the run's id.
type stepSet struct {
	record  action.StepKind[record, done]
	invoke  action.StepKind[stepArgs, done] // calls another system
	inside  action.StepKind[stepArgs, done] // hands over to an agent, writes the catalog
	outcome action.StepKind[stepArgs, done]
}

type stepArgs struct {
	Method string `json:"method"`
	// Digest is of the record that decides what is called: approvals are for
	// exactly that.
	Digest string `json:"digest,omitempty"`
}

// digest identifies what is called, with which inputs.
func (r *record) digest() string {
	raw, err := json.Marshal([]any{r.Action, r.Doc, r.Properties, r.Context, r.Event})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// asked refuses a record that is not the one that was asked for.
func (a stepArgs) asked(r *record) error {
	if a.Digest != "" && a.Digest != r.digest() {
		return action.Permanent(errors.New("what is kept of this run was changed after it was asked for, so nothing is called"))
	}
	return nil
}

type done struct {
	Status string `json:"status,omitempty"`
	Note   string `json:"note,omitempty"`
}

func (s *Service) newSteps() stepSet {
	return stepSet{
		record:  action.NewStepType("automation.record", action.ByName, s.recordRun),
		invoke:  action.NewStepType("automation.call", action.Manual, s.invokeOutside).WithLimits(time.Minute, 1),
		inside:  action.NewStepType("automation.hand-over", action.ByName, s.invokeInside),
		outcome: action.NewStepType("automation.outcome", action.ByName, s.awaitOutcome),
	}
}

// stepsOf lists the steps of a run.
func (s *Service) stepsOf(p *prepared) ([]action.Step, error) {
	var out []action.Step
	add := func(step action.Step, err error) error {
		out = append(out, step)
		return err
	}
	args := stepArgs{p.Method, p.digest()}
	err := add(s.steps.record.Step("record", "Record what was asked for", p.record))
	out[0].Note = true // it has no effect: approvals come after it
	if err == nil {
		switch {
		case p.Agent:
			err = add(s.steps.inside.Step("hand-over", "Hand over to "+agentName(p.Installation), args))
		case p.Method == Upsert:
			err = add(s.steps.inside.Step("hand-over", "Write the entity", args))
		default:
			err = add(s.steps.invoke.Step("call", callTitle(p.Method), args))
		}
	}
	if err == nil && p.waits() {
		err = add(s.steps.outcome.Step("outcome", "Wait for how it ends", args))
	}
	return out, err
}

// waits: somebody else reports how the run ends.
func (r *record) waits() bool {
	return r.Agent || r.Method == GitHub || r.Method == GitLab || r.Method == Webhook && !r.Synchronized
}

func agentName(installation string) string {
	if installation == pollingAgent {
		return "the agent"
	}
	return installation
}

func callTitle(method string) string {
	switch method {
	case GitHub:
		return "Start the GitHub workflow"
	case GitLab:
		return "Start the GitLab pipeline"
	}
	return "Call the webhook"
}

// recordRun keeps what Port shows of a run, unless that was done when the run
// was asked for.
func (s *Service) recordRun(ctx context.Context, x *action.Exec, r record) (done, error) {
	r.ID = x.RunID
	return done{}, s.DB.Tx(ctx, func(tx *store.Tx) error { return s.insert(ctx, tx, &r) })
}

// invokeInside does what needs no other system.
func (s *Service) invokeInside(ctx context.Context, x *action.Exec, args stepArgs) (done, error) {
	row, err := s.row(ctx, s.DB.Read(), x.RunID)
	if err != nil {
		return done{}, err
	}
	if err := args.asked(&row.record); err != nil {
		return done{}, err
	}
	if args.Method == Upsert {
		return s.upsert(ctx, x, row)
	}
	payload, err := s.payload(ctx, row, false)
	if err != nil {
		return done{}, action.Permanent(err)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return done{}, action.Permanent(err)
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE automation_runs SET payload = $1, pending = 1, updated_at = $2 WHERE id = $3 AND payload = '' AND status = ''",
			string(raw), store.Millis(s.Now()), x.RunID)
		if err != nil {
			return fmt.Errorf("hand run %s over: %w", x.RunID, err)
		}
		tx.Notify(Topic, x.RunID)
		return nil
	})
	x.Logf("Waiting until %s fetches the run.", agentName(row.Installation))
	return done{}, err
}

// upsert writes the entity of the mapping.
func (s *Service) upsert(ctx context.Context, x *action.Exec, row *runRow) (done, error) {
	def, err := row.definition()
	if err != nil {
		return done{}, action.Permanent(err)
	}
	blueprint, err := s.renderText(ctx, row, def.Invocation["blueprintIdentifier"])
	if err != nil {
		return done{}, action.Permanent(err)
	}
	mapping, err := s.render(ctx, &row.record, def.Invocation["mapping"], true)
	if err != nil {
		return done{}, action.Permanent(err)
	}
	raw, err := json.Marshal(mapping)
	if err != nil {
		return done{}, action.Permanent(err)
	}
	var entity catalog.NewEntity
	if err := json.Unmarshal(raw, &entity); err != nil {
		return done{}, action.Permanent(fmt.Errorf("the mapping does not give an entity: %w", err))
	}
	if ctx, err = s.actingFor(ctx, row); err != nil {
		return done{}, action.Permanent(err)
	}
	saved, created, err := s.Catalog.PutEntity(ctx, blueprint, entity, catalog.Write{Upsert: true, Merge: true, RunID: x.RunID, By: row.By, Datasource: "sphera/actions"})
	if err != nil {
		if f, ok := fault.As(err); ok && f.Code != fault.Unavailable {
			return done{}, action.Permanent(explain(f))
		}
		return done{}, err
	}
	verb := "updated"
	if created {
		verb = "created"
	}
	x.Changed(action.Change{Kind: "entity", Verb: verb, Title: saved.Blueprint + " " + saved.Title, URL: "/catalog/" + saved.Blueprint + "/" + saved.Identifier})
	x.Logf("The entity %s of %s was %s.", saved.Identifier, saved.Blueprint, verb)
	return done{Status: Success}, s.finish(ctx, x.RunID, outcome{Status: Success, By: "system"})
}

// actingFor is a context in which whoever started the run writes what the
// mapping of the action says.
func (s *Service) actingFor(ctx context.Context, row *runRow) (context.Context, error) {
	if s.Acting == nil {
		return ctx, nil
	}
	p, err := s.Acting(ctx, row.By)
	if err != nil {
		return nil, err
	}
	return access.Mapped(auth.WithPrincipal(ctx, p)), nil
}

// explain adds the first detail to a fault's message, which is what a run
// shows.
func explain(f *fault.Error) error {
	if len(f.Details) == 0 {
		return errors.New(f.Message)
	}
	d := f.Details[0]
	return fmt.Errorf("%s (%s %s; expected: %s)", f.Message, d.Field, d.Problem, d.Expected)
}

// pollEvery is how often another system is asked how its workflow goes.
const pollEvery = 15 * time.Second

// awaitOutcome waits until somebody reported how the run ended.
func (s *Service) awaitOutcome(ctx context.Context, x *action.Exec, args stepArgs) (done, error) {
	row, err := s.row(ctx, s.DB.Read(), x.RunID)
	if err != nil {
		return done{}, err
	}
	wait := &action.Wait{Kind: action.WaitExternal, Key: waitKey(x.RunID), Reason: "Waiting until it is reported how the run ended.", URL: row.firstLink()}
	if row.Status == "" && (args.Method == GitHub || args.Method == GitLab) {
		follow, err := s.follow(ctx, x, row)
		if err != nil {
			x.Logf("Asking for the state of the workflow failed: %s", err)
		}
		if follow {
			wait.Until = s.Now().Add(pollEvery)
		}
		if row, err = s.row(ctx, s.DB.Read(), x.RunID); err != nil {
			return done{}, err
		}
		wait.URL = row.firstLink()
	}
	if row.Status == "" {
		return done{}, wait
	}
	if err := s.copyLogs(ctx, x); err != nil {
		return done{}, err
	}
	if row.Status == Success {
		return done{Status: Success, Note: row.Summary}, nil
	}
	text := "It was reported as failed."
	if row.Summary != "" {
		text = "It was reported as failed: " + row.Summary
	}
	return done{}, action.Permanent(errors.New(text))
}

// waitKey is what runs wait for.
func waitKey(id string) string { return "automation:" + id }

// copyLogs puts what was logged from outside into the log of the run.
func (s *Service) copyLogs(ctx context.Context, x *action.Exec) error {
	for offset := 0; ; offset += maxLogPage {
		logs, err := s.logs(ctx, x.RunID, maxLogPage, offset)
		if err != nil {
			return err
		}
		for _, l := range logs {
			x.Logf("%s", l.Message)
		}
		if len(logs) < maxLogPage {
			return nil
		}
	}
}
