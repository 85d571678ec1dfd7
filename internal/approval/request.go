package approval

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// States of a request.
const (
	Open      = "open"
	Approved  = "approved"
	Declined  = "declined"
	Expired   = "expired"
	Cancelled = "cancelled"
	// Void was approved, and then what would run was changed.
	Void = "void"
)

// request is a row of approval_requests with the arguments of its step.
type request struct {
	id, runID, state, digest, requester, action string
	idx                                         int
	created, decided                            time.Time
	decider, deciderName, comment               string
	due, remind, escalate, expires              time.Time
	reminders                                   int
	escalated                                   bool
	args                                        Args
	// stepState is where the step stands.
	stepState string
}

const requestColumns = `q.id, q.run_id, q.idx, q.state, q.digest, q.requester, q.action, q.created_at, q.decided_at, q.decider, q.decider_name, q.comment,
	q.due_at, q.remind_at, q.reminders, q.escalate_at, q.escalated, q.expires_at, s.args, s.state`

const requestTables = ` FROM approval_requests q JOIN run_steps s ON s.run_id = q.run_id AND s.idx = q.idx`

func scanRequest(row interface{ Scan(...any) error }) (*request, error) {
	r := &request{}
	var created, decided, due, remind, escalate, escalated, expires int64
	var args string
	err := row.Scan(&r.id, &r.runID, &r.idx, &r.state, &r.digest, &r.requester, &r.action, &created, &decided, &r.decider, &r.deciderName, &r.comment,
		&due, &remind, &r.reminders, &escalate, &escalated, &expires, &args, &r.stepState)
	if err != nil {
		return nil, err
	}
	r.created, r.decided, r.due, r.remind = store.Time(created), store.Time(decided), store.Time(due), store.Time(remind)
	r.escalate, r.escalated, r.expires = store.Time(escalate), escalated != 0, store.Time(expires)
	r.args, err = readArgs([]byte(args))
	return r, err
}

// readArgs reads the arguments of a step, also those of earlier versions.
func readArgs(raw []byte) (Args, error) {
	var a Args
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, fmt.Errorf("read what has to be approved: %w", err)
	}
	if len(a.Asks) > 0 {
		return a, nil
	}
	g := Group{Need: 1, Roles: a.Roles, Named: a.People}
	if len(g.Roles) == 0 && !a.Only && len(a.People) == 0 {
		g.Roles = auth.Roles()
	}
	if a.Only || len(a.People) > 0 {
		g.Roles = nil
	}
	a.Asks = []Ask{{Rule: "The action", Groups: []Group{g}}}
	return a, nil
}

// currentRequest is the last request of a step; errNone when there is none.
func currentRequest(ctx context.Context, tx *store.Tx, runID string, idx int) (*request, error) {
	r, err := scanRequest(tx.QueryRowContext(ctx, "SELECT "+requestColumns+requestTables+" WHERE q.run_id = $1 AND q.idx = $2 AND q.current = 1"+forUpdate(tx), runID, idx))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNone
	}
	if err != nil {
		return nil, fmt.Errorf("read the request of run %s: %w", runID, err)
	}
	return r, nil
}

func forUpdate(tx *store.Tx) string {
	if tx.Dialect == store.Postgres {
		return " FOR UPDATE OF q"
	}
	return ""
}

var errNone = errors.New("there is no request")

// decision is one person's word.
type decision struct {
	actor, name, behalf, behalfName string
	approve                         bool
	counts                          [][2]int
	comment, digest                 string
	at                              time.Time
}

func decisions(ctx context.Context, q store.Querier, requestID string) ([]decision, error) {
	rows, err := q.QueryContext(ctx, `SELECT actor_id, actor_name, behalf, behalf_name, approve, counts, comment, digest, at FROM approval_decisions
		WHERE request_id = $1 ORDER BY at, actor_id LIMIT 1000`, requestID)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (decision, error) {
		var d decision
		var approve, at int64
		var counts string
		if err := row.Scan(&d.actor, &d.name, &d.behalf, &d.behalfName, &approve, &counts, &d.comment, &d.digest, &at); err != nil {
			return d, err
		}
		d.approve, d.at = approve != 0, store.Time(at)
		return d, json.Unmarshal([]byte(counts), &d.counts)
	})
	if err != nil {
		return nil, fmt.Errorf("read the decisions: %w", err)
	}
	return list, nil
}

// tally says how many approvals each group has: nobody counts for two groups of
// one ask, and who decided for somebody else counts once with that person.
func tally(a *Args, list []decision) [][]int {
	out := make([][]int, len(a.Asks))
	for i := range a.Asks {
		out[i] = assign(&a.Asks[i], i, list)
	}
	return out
}

// assign gives as many places of an ask's groups as possible to different
// people (augmenting paths: groups and people are few).
func assign(ask *Ask, at int, list []decision) []int {
	type seat struct{ group int }
	var seats []seat
	for g := range ask.Groups {
		for range ask.Groups[g].Need {
			seats = append(seats, seat{g})
		}
	}
	var people [][]int // the groups in which each person counts
	seen := map[string]bool{}
	for _, d := range list {
		if !d.approve || seen[d.actor] || d.behalf != "" && seen[d.behalf] {
			continue
		}
		seen[d.actor] = true
		if d.behalf != "" {
			seen[d.behalf] = true
		}
		var groups []int
		for _, c := range d.counts {
			if c[0] == at {
				groups = append(groups, c[1])
			}
		}
		people = append(people, groups)
	}
	holder := make([]int, len(seats))
	for i := range holder {
		holder[i] = -1
	}
	var place func(person int, tried []bool) bool
	place = func(person int, tried []bool) bool {
		for i, s := range seats {
			if tried[i] || !slices.Contains(people[person], s.group) {
				continue
			}
			tried[i] = true
			if holder[i] < 0 || place(holder[i], tried) {
				holder[i] = person
				return true
			}
		}
		return false
	}
	for p := range people {
		place(p, make([]bool, len(seats)))
	}
	have := make([]int, len(ask.Groups))
	for i, s := range seats {
		if holder[i] >= 0 {
			have[s.group]++
		}
	}
	return have
}

// complete says whether everything that was asked for is there.
func complete(a *Args, list []decision) bool {
	have := tally(a, list)
	for i := range a.Asks {
		if len(a.Asks[i].Groups) == 0 {
			return false
		}
		for g := range a.Asks[i].Groups {
			if have[i][g] < max(1, a.Asks[i].Groups[g].Need) {
				return false
			}
		}
	}
	return len(a.Asks) > 0
}

// missing is what is still to be done, in words.
func missing(a *Args, list []decision) string {
	have := tally(a, list)
	var parts []string
	for i := range a.Asks {
		for j, g := range a.Asks[i].Groups {
			if left := g.Need - have[i][j]; left > 0 {
				parts = append(parts, fmt.Sprintf("%d of %s", left, g.words()))
			}
		}
	}
	return strings.Join(parts, "; ")
}

func (g *Group) words() string {
	var parts []string
	for _, r := range g.Roles {
		parts = append(parts, "role "+r)
	}
	for _, t := range g.Teams {
		parts = append(parts, "team "+t)
	}
	parts = append(parts, g.Named...)
	if len(parts) == 0 && len(g.People) > 0 {
		parts = append(parts, fmt.Sprintf("%d people", len(g.People)))
	}
	if len(parts) == 0 {
		return "nobody"
	}
	out := strings.Join(parts, " or ")
	if g.Name != "" {
		out = g.Name + " (" + out + ")"
	}
	return out
}

func conflict(text string, a ...any) error { return fault.New(fault.Conflict, text, a...) }
