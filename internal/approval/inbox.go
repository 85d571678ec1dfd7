package approval

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Views of the inbox.
const (
	// ForMe are open requests that one may decide.
	ForMe = "waiting"
	// Mine are requests for runs that one asked for.
	Mine = "mine"
	// Done are those that are not open any more.
	Done = "decided"
)

// maxOpen bounds how many open requests are looked through for one person.
const maxOpen = 2000

// Request is a request as people see it.
type Request struct {
	ID string `json:"id"`
	// Kind is what is decided on: a run, or a change of a flag or of policies.
	Kind string `json:"kind" enum:"run,flag,policy"`
	// RunID is empty for what is not a run.
	RunID     string       `json:"runId,omitempty"`
	Action    string       `json:"action"`
	Title     string       `json:"title"`
	State     string       `json:"state" enum:"open,approved,declined,expired,cancelled,void"`
	Requester Person       `json:"requester"`
	CreatedAt time.Time    `json:"createdAt"`
	DecidedAt time.Time    `json:"decidedAt,omitzero"`
	Decider   string       `json:"decider,omitempty"`
	DueAt     time.Time    `json:"dueAt,omitzero"`
	ExpiresAt time.Time    `json:"expiresAt,omitzero"`
	Escalated bool         `json:"escalated"`
	Asks      []AskState   `json:"asks"`
	Risk      *action.Risk `json:"risk,omitempty"`
	Cost      *action.Cost `json:"cost,omitempty"`
	Decisions []Said       `json:"decisions"`
	// Link is the page of what is decided on.
	Link string `json:"link"`
}

// AskState is what one rule asks for, and how far it is.
type AskState struct {
	Rule   string       `json:"rule"`
	Why    string       `json:"why,omitempty"`
	Groups []GroupState `json:"groups"`
}

// GroupState is how far a group is.
type GroupState struct {
	Name string `json:"name,omitempty"`
	Need int    `json:"need"`
	Have int    `json:"have"`
	// Who may approve, in words.
	Who []string `json:"who"`
}

// Said is one decision.
type Said struct {
	By      Person    `json:"by"`
	For     *Person   `json:"for,omitempty"`
	Approve bool      `json:"approve"`
	Comment string    `json:"comment,omitempty"`
	At      time.Time `json:"at"`
}

// Detail is one request with all that is needed to decide.
type Detail struct {
	Request
	// Digest identifies exactly what runs; a decision that names it counts for
	// nothing else.
	Digest string          `json:"digest"`
	Input  json.RawMessage `json:"input"`
	Plan   *action.Plan    `json:"plan,omitempty"`
	// CanDecide says whether you may; Reason why not; For for whom you decide.
	CanDecide bool   `json:"canDecide"`
	Reason    string `json:"reason,omitempty"`
	For       string `json:"for,omitempty"`
	// CanWithdraw says that it is yours, and not a run.
	CanWithdraw bool `json:"canWithdraw"`
	// Why is what the requester said; Changes and Project are of what is not a run.
	Why     string   `json:"why,omitempty"`
	Changes []Change `json:"changes"`
	Project string   `json:"project,omitempty"`
	// Earlier are the rounds before this one.
	Earlier []Request `json:"earlier"`
}

type row struct {
	*request
	title string
	actor action.Actor
}

const inboxColumns = requestColumns + ", r.title, r.actor"

func scanRow(one interface{ Scan(...any) error }) (*row, error) {
	out := &row{}
	var actor string
	var err error
	out.request, err = scanRequest(scanMore{one, []any{&out.title, &actor}})
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal([]byte(actor), &out.actor)
}

// scanMore reads further columns behind those that scanRequest knows.
type scanMore struct {
	row  interface{ Scan(...any) error }
	more []any
}

func (s scanMore) Scan(dest ...any) error { return s.row.Scan(append(dest, s.more...)...) }

// List lists requests: those that wait for p oldest first, all others newest
// first. It returns where the next page starts.
func (s *Service) List(ctx context.Context, p auth.User, view, from string, limit int) ([]Request, string, error) {
	limit = max(1, min(limit, 200))
	runs, err := s.listRuns(ctx, p, view, from, limit+1)
	if err != nil {
		return nil, "", err
	}
	matters, err := s.listMatters(ctx, p, view, from, limit+1)
	if err != nil {
		return nil, "", err
	}
	out := merge(runs, matters, view == ForMe)
	if len(out) > limit {
		return out[:limit], out[limit-1].ID, nil
	}
	return out, "", nil
}

// listRuns are the requests of runs, at most limit.
func (s *Service) listRuns(ctx context.Context, p auth.User, view, from string, limit int) ([]Request, error) {
	var where string
	order, args := "DESC", []any{from}
	switch view {
	case ForMe:
		where, order = "q.state = 'open' AND ($1 = '' OR q.id > $1)", "ASC"
	case Mine:
		where = "q.requester = $2 AND ($1 = '' OR q.id < $1)"
		args = append(args, p.ID)
	case Done:
		where = "q.state <> 'open' AND ($1 = '' OR q.id < $1)"
	default:
		return nil, fault.Field("view", "is not known", "waiting, mine or decided")
	}
	count := limit
	if view == ForMe {
		count = maxOpen
	}
	args = append(args, count)
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+inboxColumns+requestTables+" JOIN runs r ON r.id = q.run_id WHERE "+where+
		fmt.Sprintf(" ORDER BY q.id %s LIMIT $%d", order, len(args)), args...)
	list, err := store.All(rows, err, scanRow)
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	out := []Request{}
	for _, one := range list {
		said, err := decisions(ctx, s.DB.Read(), one.id)
		if err != nil {
			return nil, err
		}
		if view == ForMe {
			if _, err := s.standing(ctx, s.DB.Read(), one.request, said, p.ID, ""); err != nil {
				if _, refused := fault.As(err); refused {
					continue
				}
				return nil, err
			}
		}
		shown, err := s.show(ctx, one, said)
		if err != nil {
			return nil, err
		}
		if out = append(out, shown); len(out) == limit {
			break
		}
	}
	return out, nil
}

func (s *Service) show(ctx context.Context, one *row, said []decision) (Request, error) {
	out := Request{
		ID: one.id, Kind: KindRun, Link: "/runs/" + one.runID, RunID: one.runID, Action: one.action, Title: one.title, State: one.state, Requester: Person{one.actor.ID, one.actor.Name, one.actor.Email},
		CreatedAt: one.created, DecidedAt: one.decided, Decider: one.deciderName, DueAt: one.due, ExpiresAt: one.expires, Escalated: one.escalated,
		Risk: one.args.Risk, Cost: one.args.Cost, Asks: []AskState{}, Decisions: []Said{},
	}
	have := tally(&one.args, said)
	for i, ask := range one.args.Asks {
		a := AskState{Rule: ask.Rule, Why: ask.Why, Groups: []GroupState{}}
		for j := range ask.Groups {
			g := &ask.Groups[j]
			who, err := s.who(ctx, g)
			if err != nil {
				return out, err
			}
			a.Groups = append(a.Groups, GroupState{Name: g.Name, Need: g.Need, Have: have[i][j], Who: who})
		}
		out.Asks = append(out.Asks, a)
	}
	for _, d := range said {
		one := Said{By: Person{ID: d.actor, Name: d.name}, Approve: d.approve, Comment: d.comment, At: d.at}
		if d.behalf != "" {
			one.For = &Person{ID: d.behalf, Name: d.behalfName}
		}
		out.Decisions = append(out.Decisions, one)
	}
	return out, nil
}

// who is a group in words.
func (s *Service) who(ctx context.Context, g *Group) ([]string, error) {
	out := []string{}
	for _, r := range g.Roles {
		out = append(out, "role "+r)
	}
	for _, t := range g.Teams {
		out = append(out, "team "+t)
	}
	for _, id := range g.People[:min(len(g.People), 20)] {
		u, err := s.Auth.User(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, nameOf(u))
	}
	if len(g.People) == 0 {
		out = append(out, g.Named...)
	}
	return out, nil
}

// Get returns one request as p sees it.
func (s *Service) Get(ctx context.Context, p auth.User, id string) (Detail, error) {
	q := s.DB.Read()
	one, err := scanRow(q.QueryRowContext(ctx, "SELECT "+inboxColumns+requestTables+" JOIN runs r ON r.id = q.run_id WHERE q.id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		out, found, err := s.getMatter(ctx, p, id)
		if err == nil && !found {
			err = fault.New(fault.NotFound, "There is no such request.")
		}
		return out, err
	}
	if err != nil {
		return Detail{}, fmt.Errorf("read a request: %w", err)
	}
	said, err := decisions(ctx, q, id)
	if err != nil {
		return Detail{}, err
	}
	out := Detail{Digest: one.digest, Plan: one.args.Plan, Changes: []Change{}, Earlier: []Request{}}
	if out.Request, err = s.show(ctx, one, said); err != nil {
		return out, err
	}
	r, err := s.Runs.Get(ctx, one.runID)
	if err != nil {
		return out, err
	}
	out.Input = r.Input
	if out.Plan == nil && r.PlanID != "" {
		saved, err := s.Runs.SavedPlan(ctx, r.PlanID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return out, err
		}
		out.Plan = saved.Plan
	}
	if err := s.may(ctx, &out, one.request, said, p); err != nil {
		return out, err
	}
	return out, s.earlier(ctx, &out, one)
}

// may says whether p can decide.
func (s *Service) may(ctx context.Context, out *Detail, r *request, said []decision, p auth.User) error {
	if r.state != Open {
		return nil
	}
	st, err := s.standing(ctx, s.DB.Read(), r, said, p.ID, "")
	f, refused := fault.As(err)
	switch {
	case err == nil:
		out.CanDecide = true
		if st.behalf.ID != "" {
			out.For = nameOf(st.behalf)
		}
	case refused:
		out.Reason = reasonOf(f)
	default:
		return err
	}
	return nil
}

func (s *Service) earlier(ctx context.Context, out *Detail, one *row) error {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT "+inboxColumns+requestTables+" JOIN runs r ON r.id = q.run_id WHERE q.run_id = $1 AND q.id < $2 ORDER BY q.id DESC LIMIT 20", one.runID, one.id)
	list, err := store.All(rows, err, scanRow)
	if err != nil {
		return fmt.Errorf("read earlier requests: %w", err)
	}
	for _, before := range list {
		said, err := decisions(ctx, s.DB.Read(), before.id)
		if err != nil {
			return err
		}
		shown, err := s.show(ctx, before, said)
		if err != nil {
			return err
		}
		out.Earlier = append(out.Earlier, shown)
	}
	return nil
}

// Of returns the id of the request that a run waits for; "" for none.
func (s *Service) Of(ctx context.Context, runID string) (string, error) {
	var id string
	err := s.DB.Read().QueryRowContext(ctx, "SELECT id FROM approval_requests WHERE run_id = $1 ORDER BY current DESC, id DESC LIMIT 1", runID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for the request of run %s: %w", runID, err)
	}
	return id, nil
}

// RunOf returns the run that a request is about; "" for none.
func (s *Service) RunOf(ctx context.Context, id string) (string, error) {
	var runID string
	err := s.DB.Read().QueryRowContext(ctx, "SELECT run_id FROM approval_requests WHERE id = $1", id).Scan(&runID)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for the run of request %s: %w", id, err)
	}
	return runID, nil
}

// Waiting are the addresses of those who may still decide on a run.
func (s *Service) Waiting(ctx context.Context, runID string) ([]string, error) {
	q := s.DB.Read()
	r, err := scanRequest(q.QueryRowContext(ctx, "SELECT "+requestColumns+requestTables+" WHERE q.run_id = $1 AND q.state = 'open'", runID))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the request of run %s: %w", runID, err)
	}
	said, err := decisions(ctx, q, r.id)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, ask := range r.args.Asks {
		for i := range ask.Groups {
			ids, err := members(ctx, q, &ask.Groups[i], maxAll)
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				u, err := s.Auth.User(ctx, id)
				if err == nil && s.barred(ctx, q, r, u, said) == nil && !slices.Contains(out, u.Email) {
					out = append(out, u.Email)
				}
			}
		}
	}
	return out, nil
}
