package runtime

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// The states of a deployment.
const (
	deploymentStarting = "starting"
	deploymentActive   = "active"
	deploymentReplaced = "replaced"
	deploymentFailed   = "failed"
	deploymentRemoved  = "removed"
)

const topicInstance = "instance"

// Deploy records the wish for a version; the supervisor does the rest. The
// same run asking for the same version again finds its first deployment, and
// tries it anew only when it had failed or was removed.
func (p *Process) Deploy(ctx context.Context, in DeployRequest) (Instance, error) {
	if err := p.checkDeploy(ctx, &in); err != nil {
		return Instance{}, err
	}
	env, err := json.Marshal(in.Env)
	if err != nil {
		return Instance{}, fmt.Errorf("write the environment variables: %w", err)
	}
	k := place{in.Service, in.Environment}
	err = p.db.Tx(ctx, func(tx *store.Tx) error {
		id, state, err := findDeployment(ctx, tx, in)
		if err != nil {
			return err
		}
		switch {
		case id == "":
			if id, err = p.insertDeployment(ctx, tx, in, string(env)); err != nil {
				return err
			}
		case state == deploymentFailed || state == deploymentRemoved:
			if _, err := tx.ExecContext(ctx, `UPDATE runtime_deployments SET state = $1, error = '', log_from = `+lastLog+`, env = $4 WHERE id = $5`,
				deploymentStarting, in.Service, in.Environment, string(env), id); err != nil {
				return err
			}
		default:
			return nil // under way, serving, or replaced by a later one
		}
		if err := p.wish(ctx, tx, k, id); err != nil {
			return err
		}
		tx.Notify(topicInstance, k.String())
		return p.audit.Append(ctx, tx, audit.Event{
			Actor: orSystem(in.By), Verb: "service.deploy", Object: "Component/" + in.Service, RunID: in.RunID,
			Detail: audit.Detail("environment", in.Environment, "version", in.Version, "deployment", id),
		})
	})
	if err != nil {
		return Instance{}, fmt.Errorf("deploy %s to %s: %w", in.Service, in.Environment, err)
	}
	return p.Instance(ctx, in.Service, in.Environment)
}

func (p *Process) checkDeploy(ctx context.Context, in *DeployRequest) error {
	if err := checkPlace(in.Service, in.Environment); err != nil {
		return err
	}
	if err := checkVersion(in.Service, in.Version); err != nil {
		return err
	}
	if p.o.Environments != nil {
		known, err := p.o.Environments(ctx)
		if err != nil {
			return fmt.Errorf("list environments: %w", err)
		}
		if !slices.Contains(known, in.Environment) {
			return fault.Field("environment", "is not known", "one of "+strings.Join(known, ", "))
		}
	}
	for name, value := range in.Env {
		if !variablePattern.MatchString(name) || strings.ContainsRune(value, 0) {
			return fault.Field("env", "has a variable that cannot be set: "+name, "letters, digits and underscores, no NUL in the value")
		}
	}
	meta, err := readMeta(p.artifactDir(in.Service, in.Version))
	if errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.NotFound, "The version %s of %s was not built on this machine. Build it first.", short(in.Version), in.Service)
	}
	if err != nil {
		return err
	}
	in.Language = meta.Language
	return nil
}

// findDeployment returns the deployment the same run made before, if any.
func findDeployment(ctx context.Context, tx *store.Tx, in DeployRequest) (id, state string, err error) {
	if in.RunID == "" {
		return "", "", nil
	}
	err = tx.QueryRowContext(ctx, `SELECT id, state FROM runtime_deployments WHERE run_id = $1 AND service = $2 AND environment = $3 AND version = $4`,
		in.RunID, in.Service, in.Environment, in.Version).Scan(&id, &state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	return id, state, err
}

// lastLog is the number of the newest log line of place $2, $3.
const lastLog = `COALESCE((SELECT MAX(seq) FROM runtime_logs WHERE service = $2 AND environment = $3), 0)`

func (p *Process) insertDeployment(ctx context.Context, tx *store.Tx, in DeployRequest, env string) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO runtime_deployments (id, service, environment, version, language, env, state, error, run_id, created_by, created_at, log_from, first_answer_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $9, $10, `+lastLog+`, 0)`,
		id.String(), in.Service, in.Environment, in.Version, in.Language, env, deploymentStarting, in.RunID, orSystem(in.By), store.Millis(p.o.Now()))
	return id.String(), err
}

// wish makes the deployment the one that should serve. One that was still
// starting is replaced before it ever served.
func (p *Process) wish(ctx context.Context, tx *store.Tx, k place, id string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE runtime_deployments SET state = $1 WHERE service = $2 AND environment = $3 AND state = $4 AND id <> $5`,
		deploymentReplaced, k.service, k.environment, deploymentStarting, id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO runtime_instances (service, environment, desired, wish_id, active_id, restart_seq, owner, lease_until, state, version, port, pid, restarts, last_error, started_at, ready_at)
		VALUES ($1, $2, 'running', $3, '', 0, '', 0, 'starting', '', 0, 0, 0, '', 0, 0)
		ON CONFLICT (service, environment) DO UPDATE SET
			wish_id = excluded.wish_id, desired = 'running',
			state = CASE WHEN runtime_instances.state = 'stopped' THEN 'starting' ELSE runtime_instances.state END,
			version = CASE WHEN runtime_instances.state = 'stopped' THEN '' ELSE runtime_instances.version END,
			active_id = CASE WHEN runtime_instances.desired = 'stopped' THEN '' ELSE runtime_instances.active_id END,
			restarts = CASE WHEN runtime_instances.desired = 'stopped' THEN 0 ELSE runtime_instances.restarts END,
			last_error = CASE WHEN runtime_instances.desired = 'stopped' THEN '' ELSE runtime_instances.last_error END`,
		k.service, k.environment, id)
	return err
}

// Stop ends an instance and waits until it has ended.
func (p *Process) Stop(ctx context.Context, service, environment string) error {
	if err := checkPlace(service, environment); err != nil {
		return err
	}
	k := place{service, environment}
	hints, end := p.db.Subscribe(topicInstance)
	defer end()
	if err := p.wishStopped(ctx, k); err != nil {
		return fmt.Errorf("stop %s in %s: %w", service, environment, err)
	}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := p.row(ctx, p.db.Read(), k)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("stop %s in %s: %w", service, environment, err)
		}
		if r.state == Stopped || r.desired != Stopped {
			return nil
		}
		if !p.alive(r) {
			if err := p.markStopped(ctx, k, r.owner); err != nil {
				return fmt.Errorf("stop %s in %s: %w", service, environment, err)
			}
			continue
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s has stopped in %s: %w", service, environment, ctx.Err())
		case <-hints:
		case <-tick.C:
		}
	}
}

func (p *Process) wishStopped(ctx context.Context, k place) error {
	return p.db.Tx(ctx, func(tx *store.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET desired = 'stopped' WHERE service = $1 AND environment = $2 AND desired <> 'stopped'`, k.service, k.environment)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runtime_deployments SET state = $1 WHERE service = $2 AND environment = $3 AND state IN ('active', 'starting')`,
			deploymentRemoved, k.service, k.environment); err != nil {
			return err
		}
		tx.Notify(topicInstance, k.String())
		return p.audit.Append(ctx, tx, audit.Event{Actor: "system", Verb: "service.stop", Object: "Component/" + k.service, Detail: audit.Detail("environment", k.environment)})
	})
}

// markStopped records that nothing runs any more.
func (p *Process) markStopped(ctx context.Context, k place, owner string) error {
	return p.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET state = 'stopped', owner = '', lease_until = 0, port = 0, pid = 0, active_id = ''
			WHERE service = $1 AND environment = $2 AND owner = $3 AND desired = 'stopped'`, k.service, k.environment, owner)
		tx.Notify(topicInstance, k.String())
		return err
	})
}

// Restart starts the serving version anew beside itself, and then stops the
// old process.
func (p *Process) Restart(ctx context.Context, service, environment string) error {
	if err := checkPlace(service, environment); err != nil {
		return err
	}
	k := place{service, environment}
	err := p.db.Tx(ctx, func(tx *store.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET restart_seq = restart_seq + 1 WHERE service = $1 AND environment = $2 AND desired = 'running'`, service, environment)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return notRunning(k)
		}
		tx.Notify(topicInstance, k.String())
		return p.audit.Append(ctx, tx, audit.Event{Actor: "system", Verb: "service.restart", Object: "Component/" + service, Detail: audit.Detail("environment", environment)})
	})
	if err != nil {
		return fmt.Errorf("restart %s in %s: %w", service, environment, err)
	}
	return nil
}

func notRunning(k place) error {
	return fault.New(fault.NotFound, "%s does not run in %s. Deploy a version first.", k.service, k.environment)
}

func orSystem(by string) string {
	if by == "" {
		return "system"
	}
	return by
}

// short is a version as people read it.
func short(version string) string {
	if len(version) > 12 {
		return version[:12]
	}
	return version
}
