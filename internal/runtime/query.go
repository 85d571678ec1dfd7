package runtime

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// row is an instance as stored.
type row struct {
	place
	desired, wishID, activeID string
	restartSeq                int64
	owner                     string
	leaseUntil                int64
	state, version            string
	port, pid, restarts       int
	lastError                 string
	startedAt, readyAt        int64
	// From the deployments wished for and serving.
	wishVersion   string
	firstAnswerAt int64
}

const selectRow = `SELECT i.service, i.environment, i.desired, i.wish_id, i.active_id, i.restart_seq, i.owner, i.lease_until, i.state, i.version,
	i.port, i.pid, i.restarts, i.last_error, i.started_at, i.ready_at, COALESCE(w.version, ''), COALESCE(a.first_answer_at, w.first_answer_at, 0)
	FROM runtime_instances i LEFT JOIN runtime_deployments w ON w.id = i.wish_id LEFT JOIN runtime_deployments a ON a.id = i.active_id`

func scanRow(s interface{ Scan(...any) error }) (row, error) {
	var r row
	err := s.Scan(&r.service, &r.environment, &r.desired, &r.wishID, &r.activeID, &r.restartSeq, &r.owner, &r.leaseUntil, &r.state, &r.version,
		&r.port, &r.pid, &r.restarts, &r.lastError, &r.startedAt, &r.readyAt, &r.wishVersion, &r.firstAnswerAt)
	return r, err
}

func (p *Process) row(ctx context.Context, q store.Querier, k place) (row, error) {
	r, err := scanRow(q.QueryRowContext(ctx, selectRow+` WHERE i.service = $1 AND i.environment = $2`, k.service, k.environment))
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, notRunning(k)
	}
	if err != nil {
		return row{}, fmt.Errorf("read the instance of %s in %s: %w", k.service, k.environment, err)
	}
	return r, nil
}

// alive reports whether the supervisor of r can be believed to be there.
func (p *Process) alive(r row) bool {
	return r.owner != "" && r.leaseUntil > store.Millis(p.o.Now()) && !p.ownerIsDead(r.owner)
}

// instance is what people see. While nobody supervises, nothing runs: the
// processes died with their supervisor.
func (p *Process) instance(r row) Instance {
	i := Instance{
		Service: r.service, Environment: r.environment, Version: r.version, Desired: r.wishVersion, State: r.state,
		Address: Address(r.service, r.environment), Port: r.port, PID: r.pid, Restarts: r.restarts, LastError: r.lastError,
		StartedAt: store.Time(r.startedAt), ReadyAt: store.Time(r.readyAt), FirstAnswerAt: store.Time(r.firstAnswerAt),
	}
	if i.Version == "" {
		i.Version = i.Desired
	}
	if r.desired == Stopped && r.state == Stopped {
		i.Port, i.PID = 0, 0
	} else if r.state != Stopped && !p.alive(r) {
		i.State, i.Port, i.PID = Starting, 0, 0
	}
	return i
}

// Instance returns one instance.
func (p *Process) Instance(ctx context.Context, service, environment string) (Instance, error) {
	if err := checkPlace(service, environment); err != nil {
		return Instance{}, err
	}
	r, err := p.row(ctx, p.db.Read(), place{service, environment})
	if err != nil {
		return Instance{}, err
	}
	return p.instance(r), nil
}

// maxInstances bounds the instances of one service.
const maxInstances = 200

// Instances returns the instances of a service, by environment; of all
// services when it is empty.
func (p *Process) Instances(ctx context.Context, service string) ([]Instance, error) {
	rows, err := p.db.Read().QueryContext(ctx, selectRow+` WHERE CAST($1 AS TEXT) = '' OR i.service = $1 ORDER BY i.service, i.environment LIMIT $2`, service, maxInstances)
	out, err := store.All(rows, err, func(s interface{ Scan(...any) error }) (Instance, error) {
		r, err := scanRow(s)
		return p.instance(r), err
	})
	if err != nil {
		return nil, fmt.Errorf("list the instances of %s: %w", service, err)
	}
	return out, nil
}

// Deployments returns the latest deployments of a service, newest first.
func (p *Process) Deployments(ctx context.Context, service string, limit int) ([]Deployment, error) {
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	rows, err := p.db.Read().QueryContext(ctx, `SELECT id, service, environment, version, state, error, run_id, created_by, created_at, first_answer_at FROM runtime_deployments
		WHERE service = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, service, limit)
	out, err := store.All(rows, err, func(s interface{ Scan(...any) error }) (Deployment, error) {
		var d Deployment
		var at, answer int64
		err := s.Scan(&d.ID, &d.Service, &d.Environment, &d.Version, &d.State, &d.Error, &d.RunID, &d.By, &at, &answer)
		d.At, d.FirstAnswerAt = store.Time(at), store.Time(answer)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the deployments of %s: %w", service, err)
	}
	return out, nil
}

// Logs returns lines of the instance's log; see Runtime.
func (p *Process) Logs(ctx context.Context, service, environment string, after int64, limit int) ([]LogLine, error) {
	if limit <= 0 || limit > MaxLogLines {
		limit = MaxLogLines
	}
	query := `SELECT seq, at, stream, text FROM runtime_logs WHERE service = $1 AND environment = $2 AND seq > $3 ORDER BY seq LIMIT $4`
	if after <= 0 {
		query = `SELECT seq, at, stream, text FROM runtime_logs WHERE service = $1 AND environment = $2 AND seq > $3 ORDER BY seq DESC LIMIT $4`
	}
	rows, err := p.db.Read().QueryContext(ctx, query, service, environment, max(after, 0), limit)
	out, err := store.All(rows, err, func(s interface{ Scan(...any) error }) (LogLine, error) {
		var l LogLine
		var at int64
		err := s.Scan(&l.Seq, &at, &l.Stream, &l.Text)
		l.At = store.Time(at)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the log of %s in %s: %w", service, environment, err)
	}
	if after <= 0 {
		slices.Reverse(out)
	}
	return out, nil
}

// Follow tells when new log lines may be there.
func (p *Process) Follow(service, environment string) (<-chan string, func()) {
	return p.db.Subscribe(topicLog(place{service, environment}))
}

func topicLog(k place) string { return "instance-log:" + k.String() }

// spec is a deployment as the supervisor needs it.
type spec struct {
	id, version, language string
	env                   map[string]string
	logFrom               int64
	state, err            string
}

func (p *Process) spec(ctx context.Context, id string) (spec, error) {
	s := spec{id: id}
	var env string
	err := p.db.Read().QueryRowContext(ctx, `SELECT version, language, env, log_from, state, error FROM runtime_deployments WHERE id = $1`, id).
		Scan(&s.version, &s.language, &env, &s.logFrom, &s.state, &s.err)
	if errors.Is(err, sql.ErrNoRows) {
		return s, fault.New(fault.NotFound, "There is no deployment %s.", id)
	}
	if err != nil {
		return s, fmt.Errorf("read deployment %s: %w", id, err)
	}
	if err := json.Unmarshal([]byte(env), &s.env); err != nil {
		return s, fmt.Errorf("read the variables of deployment %s: %w", id, err)
	}
	return s, nil
}
