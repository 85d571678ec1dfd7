package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sphera/internal/automation"
	"sphera/internal/catalog"
	"sphera/internal/catalog/query"
	"sphera/internal/outgoing"
	"sphera/internal/secret"
)

// newAutomation puts together the actions that are data.
func (p *parts) newAutomation(c *config) (*automation.Service, error) {
	return automation.New(automation.Deps{
		DB: p.db, Audit: p.audit, Catalog: p.catalog, Runs: p.runs, Approvals: p.approvals, Outgoing: outgoing.New(c.allowPrivate), Now: p.now, Log: p.log,
		Secrets: p.wantedSecrets, SigningKey: p.signingKey, Organization: p.organizationID, Find: p.findEntities, Acting: p.auth.Acting,
	})
}

func (p *parts) wantedSecrets(ctx context.Context, wanted func(name string) bool) (map[string]string, error) {
	list, err := p.vault.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, one := range list {
		if !wanted(one.Name) {
			continue
		}
		value, err := p.vault.Resolve(ctx, one.Name)
		if err != nil {
			return nil, err
		}
		if out[one.Name], err = plainText(value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *parts) signingKey(ctx context.Context) (string, error) {
	value, err := p.vault.Signing(ctx)
	if err != nil {
		return "", err
	}
	return plainText(value)
}

// plainText is the text of a secret that goes into a request.
func plainText(value secret.Value) (text string, err error) {
	err = value.Use(func(plain []byte) error {
		text = string(plain)
		return nil
	})
	return text, err
}

func (p *parts) organizationID(ctx context.Context) (string, error) {
	var id string
	if err := p.db.Read().QueryRowContext(ctx, "SELECT id FROM organization WHERE one = 1").Scan(&id); err != nil {
		return "", fmt.Errorf("read the organisation: %w", err)
	}
	return id, nil
}

// findEntities looks for the entities of a policy's query. It names its
// blueprint; the rest is matched on what that has.
func (p *parts) findEntities(ctx context.Context, q *query.Query, env query.Env, limit int) ([]catalog.Entity, error) {
	blueprint, ok := q.Only("$blueprint")
	if !ok {
		return nil, fmt.Errorf("the query does not say of which blueprint: it needs a rule on $blueprint")
	}
	var out []catalog.Entity
	page := catalog.Query{Blueprint: blueprint, Limit: 1000}
	for {
		found, err := p.catalog.Search(as(ctx, "policy"), page)
		if err != nil {
			return nil, err
		}
		for _, e := range found.Entities {
			subject, err := subjectOf(e)
			if err != nil {
				return nil, err
			}
			fits, err := q.Match(subject, env)
			if err != nil {
				return nil, err
			}
			if fits {
				out = append(out, e)
			}
			if len(out) == limit {
				return out, nil
			}
		}
		if found.Next == "" {
			return out, nil
		}
		page.From = found.Next
	}
}

// verdictIdle is how long the due verdicts of scorecards are not looked at when
// nothing says that one may be due.
const verdictIdle = 10 * time.Minute

// followVerdicts has scorecards looked at again when time alone may have
// changed them, until ctx ends.
func (p *parts) followVerdicts(ctx context.Context) error {
	notes, stop := p.db.Subscribe(catalog.VerdictTopic)
	defer stop()
	for ctx.Err() == nil {
		const budget = 500
		done, next, err := p.catalog.DueVerdicts(ctx, budget)
		pause := verdictIdle
		switch {
		case err != nil && ctx.Err() == nil:
			p.log.WarnContext(ctx, "looking for due verdicts failed; trying again", "error", err)
			pause = 10 * time.Second
		case done == budget:
			pause = 0
		case !next.IsZero():
			pause = max(0, min(pause, next.Sub(p.now())))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-notes:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// scorecardIdle is how old the counts on the entities of scorecards may get.
const scorecardIdle = 10 * time.Minute

// followScorecards keeps the entities of scorecards and rules in step: soon
// after a blueprint or scorecard changed, and now and then for the counts.
func (p *parts) followScorecards(ctx context.Context) error {
	notes, stop := p.db.Subscribe(catalog.BlueprintTopic)
	defer stop()
	for ctx.Err() == nil {
		if err := p.catalog.SyncScorecards(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "bringing the entities of scorecards into step failed; trying again", "error", err)
		}
		timer := time.NewTimer(scorecardIdle)
		select {
		case <-ctx.Done():
		case <-notes:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// subjectOf is the entity as it is answered.
func subjectOf(e catalog.Entity) (map[string]any, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(raw, &out)
}
