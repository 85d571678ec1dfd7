package approval

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/notify"
	"sphera/internal/store"
)

// Kinds of what people decide on.
const (
	KindRun    = "run"
	KindFlag   = "flag"
	KindPolicy = "policy"
)

// Matter is something besides a run that a second person decides on, as its
// source keeps it. Who may is decided by the same rules as for runs.
type Matter struct {
	ID, Kind, Action, Title string
	// State is one of those of requests.
	State     string
	Requester Person
	Created   time.Time
	Decided   time.Time
	Decider   Person
	Comment   string
	// Ask is the one group of which one person decides.
	Ask Ask
	// Verb and Object are what policies are asked about who decides.
	Verb   string
	Object auth.Object
	// Tell are those who are told that it waits, Higher those who are told when
	// nobody decides.
	Tell, Higher Group
	Times        Times
	Risk         *action.Risk
	// Link leads to what is to be changed, Reason is why the requester wants it.
	Link, Reason string
	// Path of the API to decide at, and what else the page needs to know.
	Project string
	// Changes are there for one matter, not in lists.
	Changes []Change
}

// Change is one thing that would change, in words and as text.
type Change struct {
	Name   string   `json:"name"`
	Words  []string `json:"words"`
	Before string   `json:"before"`
	After  string   `json:"after"`
}

// MatterFilter says which matters are wanted: open ones oldest first, others
// newest first.
type MatterFilter struct {
	Open   bool
	Closed bool
	// Author is who proposed it; empty for everybody.
	Author string
	// From is the id behind which the list begins.
	From  string
	Limit int
}

// Source is where matters of one kind are kept.
type Source interface {
	// Matters are those that who acts in ctx may see.
	Matters(ctx context.Context, f MatterFilter) ([]Matter, error)
	// Matter is one; a fault NotFound when it is not there, or not to be seen.
	Matter(ctx context.Context, id string) (Matter, error)
}

// request is a matter as the rules know requests.
func (s *Service) asRequest(ctx context.Context, q store.Querier, m *Matter) (*request, error) {
	at := m.Created
	r := &request{
		id: m.ID, state: m.State, requester: m.Requester.ID, action: m.Action, created: at, decided: m.Decided,
		decider: m.Decider.ID, deciderName: m.Decider.Name, comment: m.Comment, due: minutes(at, m.Times.Due), expires: minutes(at, m.Times.Expire),
		args: Args{Asks: []Ask{m.Ask}, Risk: m.Risk, Times: m.Times},
	}
	r.escalated = m.State == Open && passed(s.Now(), minutes(at, m.Times.Escalate))
	if s.Owners == nil {
		return r, nil
	}
	owners, err := s.Owners(ctx, q, m.Requester.ID)
	for _, id := range owners {
		r.args.Excluded = append(r.args.Excluded, Exclusion{id, behindMachine})
	}
	return r, err
}

func passed(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }

// Stand refuses who may not decide on a matter: who asked, who is behind the
// machine that asked, who has the right from who asked since a day, machines,
// and those whom no policy lets. Nobody decides for somebody who is away:
// everybody who could is asked anyway.
func (s *Service) Stand(ctx context.Context, q store.Querier, m Matter, id string) error {
	r, err := s.asRequest(ctx, q, &m)
	if err != nil {
		return err
	}
	st, err := s.standing(ctx, q, r, nil, id, id)
	if err != nil {
		return err
	}
	p, ok := auth.From(ctx)
	if !ok || p.ID != id {
		p = auth.Principal{User: st.user}
	}
	return s.Auth.Could(ctx, p, m.Verb, m.Object)
}

// Asked tells those who may decide that a matter waits, in its transaction.
func (s *Service) Asked(ctx context.Context, tx *store.Tx, m Matter) error {
	n := m.notice(notify.ApprovalRequested, "Approve: "+m.Title, fmt.Sprintf("%s asked for it. %s", nameOfPerson(m.Requester), m.text()))
	n.Key = "approval/" + m.ID
	tx.Notify(Topic, m.ID)
	return s.Notices.Send(ctx, tx, n)
}

// Closed tells who asked what was decided.
func (s *Service) Closed(ctx context.Context, tx *store.Tx, m Matter) error {
	tx.Notify(Topic, m.ID)
	word := map[string]string{Approved: "Approved: ", Declined: "Declined: ", Void: "Outdated: "}[m.State]
	if word == "" || m.Requester.ID == m.Decider.ID {
		return nil
	}
	text := nameOfPerson(m.Decider)
	if m.Comment != "" {
		text += ": " + m.Comment
	}
	return s.Notices.Send(ctx, tx, notify.Notice{
		Kind: notify.ApprovalDecided, To: []string{m.Requester.ID}, Title: word + m.Title, Text: text, URL: "/approvals/" + m.ID, Key: "approval/" + m.ID + "/" + m.State,
	})
}

func (m *Matter) notice(kind, title, text string) notify.Notice {
	return notify.Notice{
		Kind: kind, Title: title, Text: text, URL: "/approvals/" + m.ID, To: m.Tell.People, Teams: m.Tell.Teams, Roles: m.Tell.Roles, Except: []string{m.Requester.ID},
	}
}

func (m *Matter) text() string {
	var parts []string
	if m.Reason != "" {
		parts = append(parts, m.Reason)
	}
	for _, c := range m.Changes {
		parts = append(parts, c.Words...)
	}
	return strings.Join(parts, "\n")
}

func nameOfPerson(p Person) string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}

// maxMatters bounds how many open matters of a source are looked through.
const maxMatters = 500

// matters lists those of all sources.
func (s *Service) matters(ctx context.Context, f MatterFilter) ([]Matter, error) {
	var out []Matter
	for _, source := range s.Sources {
		list, err := source.Matters(ctx, f)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// listMatters are the matters of a view, as requests, at most limit.
func (s *Service) listMatters(ctx context.Context, p auth.User, view, from string, limit int) ([]Request, error) {
	f := MatterFilter{From: from, Limit: limit}
	switch view {
	case ForMe:
		f.Open, f.Limit = true, maxMatters
	case Mine:
		f.Author = p.ID
	case Done:
		f.Closed = true
	}
	list, err := s.matters(ctx, f)
	if err != nil {
		return nil, err
	}
	out := []Request{}
	for i := range list {
		if view == ForMe {
			err := s.Stand(ctx, s.DB.Read(), list[i], p.ID)
			if _, refused := fault.As(err); refused {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		shown, err := s.showMatter(ctx, &list[i])
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

func (s *Service) showMatter(ctx context.Context, m *Matter) (Request, error) {
	r, err := s.asRequest(ctx, s.DB.Read(), m)
	if err != nil {
		return Request{}, err
	}
	out := Request{
		ID: m.ID, Kind: m.Kind, Action: m.Action, Title: m.Title, State: m.State, Requester: m.Requester, CreatedAt: m.Created, DecidedAt: m.Decided,
		Decider: m.Decider.Name, DueAt: r.due, ExpiresAt: r.expires, Escalated: r.escalated, Risk: m.Risk, Asks: []AskState{}, Decisions: []Said{}, Link: m.Link,
	}
	have := 0
	if m.State == Approved || m.State == Declined {
		out.Decisions = append(out.Decisions, Said{By: m.Decider, Approve: m.State == Approved, Comment: m.Comment, At: m.Decided})
		if m.State == Approved {
			have = 1
		}
	}
	ask := AskState{Rule: m.Ask.Rule, Why: m.Ask.Why, Groups: []GroupState{}}
	for i := range m.Ask.Groups {
		who, err := s.who(ctx, &m.Ask.Groups[i])
		if err != nil {
			return out, err
		}
		ask.Groups = append(ask.Groups, GroupState{Name: m.Ask.Groups[i].Name, Need: 1, Have: have, Who: who})
	}
	out.Asks = append(out.Asks, ask)
	return out, nil
}

// getMatter is one matter as p sees it; false when no source has it.
func (s *Service) getMatter(ctx context.Context, p auth.User, id string) (Detail, bool, error) {
	for _, source := range s.Sources {
		m, err := source.Matter(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return Detail{}, false, err
		}
		out := Detail{Input: []byte("{}"), Changes: m.Changes, Project: m.Project, Why: m.Reason, Earlier: []Request{}}
		if out.Request, err = s.showMatter(ctx, &m); err != nil || m.State != Open {
			return out, true, err
		}
		err = s.Stand(ctx, s.DB.Read(), m, p.ID)
		out.CanDecide = err == nil
		out.CanWithdraw = m.Requester.ID == p.ID
		if f, refused := fault.As(err); refused {
			out.Reason, err = reasonOf(f), nil
		}
		return out, true, err
	}
	return Detail{}, false, nil
}

func reasonOf(f *fault.Error) string {
	if f.Reason != "" {
		return f.Reason
	}
	return f.Message
}

// merge puts requests of runs and matters in one order; ids grow with time.
func merge(a, b []Request, ascending bool) []Request {
	out := slices.Concat(a, b)
	slices.SortStableFunc(out, func(x, y Request) int {
		if ascending {
			return strings.Compare(x.ID, y.ID)
		}
		return strings.Compare(y.ID, x.ID)
	})
	return out
}
