package portal

import (
	"context"
	"encoding/json"
	"fmt"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/run"
	"sphera/internal/store"
)

// onForgeEvent runs in the transaction of each change in the built-in forge: it
// wakes the runs that wait for a pull request and starts the deliveries of
// webhooks, so that neither can be lost.
func (p *parts) onForgeEvent(ctx context.Context, tx *store.Tx, e forge.Event) error {
	if e.PullRequest != nil {
		if err := p.runs.Signal(ctx, tx, pullRequestKey(e.Repository, e.PullRequest.Number)); err != nil {
			return err
		}
	}
	if e.Kind == "status" {
		tx.AfterCommit(func() { p.signalStatus(context.WithoutCancel(ctx), e) })
	}
	deliveries, err := p.forge.Deliveries(ctx, tx, e)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		if err := p.startDelivery(ctx, tx, e, d); err != nil {
			return err
		}
	}
	return nil
}

func pullRequestKey(repo string, number int) string {
	return fmt.Sprintf("pull-request:%s/%d", repo, number)
}

// signalStatus wakes what waits for the pull requests of a commit. Such steps
// also look by themselves from time to time, so a lost signal only delays.
func (p *parts) signalStatus(ctx context.Context, e forge.Event) {
	open, _, err := p.forge.PullRequests(ctx, forge.PullRequestQuery{Repository: e.Repository, State: forge.Open, Limit: 100})
	if err != nil {
		p.log.WarnContext(ctx, "find the pull requests of a commit", "error", err)
		return
	}
	for _, pr := range open {
		if pr.HeadSHA != e.SHA {
			continue
		}
		err := p.db.Tx(ctx, func(tx *store.Tx) error {
			return p.runs.Signal(ctx, tx, pullRequestKey(e.Repository, pr.Number))
		})
		if err != nil {
			p.log.WarnContext(ctx, "wake what waits for a pull request", "error", err)
		}
	}
}

// delivery are the arguments of the step type webhook.deliver.
type delivery struct {
	Repository string          `json:"repository"`
	Hook       string          `json:"hook"`
	Payload    json.RawMessage `json:"payload"`
}

// webhookStep delivers one event to one webhook. The receiver knows repeats by
// the delivery id, which is the step's key.
func (p *parts) webhookStep() action.StepKind[delivery, struct{}] {
	return action.NewStepType("webhook.deliver", action.ByKey, func(ctx context.Context, x *action.Exec, d delivery) (struct{}, error) {
		err := p.forge.DeliverWebhook(ctx, d.Repository, d.Hook, d.Payload, x.Key)
		if fault.Is(err, fault.NotFound) {
			x.Logf("The webhook was deleted meanwhile; nothing to do.")
			return struct{}{}, nil
		}
		return struct{}{}, err
	})
}

func (p *parts) startDelivery(ctx context.Context, tx *store.Tx, e forge.Event, d forge.Delivery) error {
	step, err := p.webhookStep().Step("deliver", "Tell the webhook "+d.HookID, delivery{Repository: e.Repository, Hook: d.HookID, Payload: d.Payload})
	if err != nil {
		return err
	}
	_, err = p.runs.Start(ctx, tx, run.NewRun{
		Action: "deliver_webhook", Title: fmt.Sprintf("Deliver %s of %s to a webhook", e.Kind, e.Repository),
		Actor: action.Actor{ID: "system", Name: "Sphera", Roles: []string{}, Teams: []string{}}, Steps: []action.Step{step},
	})
	return err
}
