package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Topic is notified with the version of policies that came into force, and with
// the id of a change that was proposed or decided.
const Topic = "policy"

// Policies keeps the policies of administrators: which are in force, which were
// proposed, and what they would change.
type Policies struct {
	Deps
	recorder *recorder
}

// Deps is what Policies needs.
type Deps struct {
	DB     *store.DB
	Audit  *audit.Log
	Engine *Engine
	Now    func() time.Time
	Log    *slog.Logger
	// Shapes are the blueprints as they are in q.
	Shapes func(ctx context.Context, q store.Querier) ([]Shape, error)
	// Administrators counts the people who could confirm a change.
	Administrators func(ctx context.Context, q store.Querier) (int, error)
	// MayConfirm refuses who may not decide on a change, in the transaction of
	// the decision; nil lets everybody but the author.
	MayConfirm func(ctx context.Context, tx *store.Tx, c Change, by Person) error
	// Proposed tells people that a change waits, or what became of it; nil for
	// nobody.
	Proposed func(ctx context.Context, tx *store.Tx, c Change) error
}

// Open returns the policies of d.DB. Load puts them into force.
func Open(d Deps) *Policies {
	p := &Policies{Deps: d, recorder: newRecorder(d.Now)}
	d.Engine.recorder.Store(p.recorder)
	return p
}

// Set is a version of the policies of administrators.
type Set struct {
	Version  int64  `json:"version"`
	Policies string `json:"policies"`
	Cases    string `json:"cases"`
}

// Current returns what is in force besides the built-in policies.
func (p *Policies) Current(ctx context.Context) (Set, error) {
	return current(ctx, p.DB.Read(), "")
}

func current(ctx context.Context, q store.Querier, lock string) (Set, error) {
	var s Set
	err := q.QueryRowContext(ctx, "SELECT version, policies, cases FROM policy_current WHERE id = 1"+lock).Scan(&s.Version, &s.Policies, &s.Cases)
	if err != nil {
		return Set{}, fmt.Errorf("read the policies: %w", err)
	}
	return s, nil
}

// Load puts what is stored into force. While that cannot be read, nothing is
// allowed.
func (p *Policies) Load(ctx context.Context) error {
	s, err := p.Current(ctx)
	if err != nil {
		p.Engine.current.Store(nil)
		return err
	}
	if now := p.Engine.current.Load(); now != nil && now.version == s.Version && s.Version != 0 {
		return nil
	}
	// A program that is newer than the policies may have a built-in policy of
	// the same name.
	rules, problems := parse("own", s.Policies, nil)
	if len(problems) > 0 {
		p.Engine.current.Store(nil)
		return fmt.Errorf("read version %d of the policies: %s", s.Version, problems[0])
	}
	for i := range rules {
		if p.Engine.has(rules[i].id) {
			rules[i].id = "own-" + rules[i].id
		}
	}
	next := newSet(p.Engine.builtin, rules)
	next.version = s.Version
	p.Engine.current.Store(next)
	return nil
}

func (e *Engine) has(id string) bool {
	for _, r := range e.builtin {
		if r.id == id {
			return true
		}
	}
	return false
}

// How often Run looks by itself: a notice may be lost.
const (
	lookEvery  = 15 * time.Second
	flushEvery = 5 * time.Second
)

// Run follows changes that other replicas make and keeps the questions that
// were decided, until ctx ends.
func (p *Policies) Run(ctx context.Context) error {
	changed, stop := p.DB.Subscribe(Topic)
	defer stop()
	look, flush := time.NewTicker(lookEvery), time.NewTicker(flushEvery)
	defer look.Stop()
	defer flush.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			err = p.Load(ctx)
		case <-look.C:
			err = p.Load(ctx)
		case <-flush.C:
			err = p.Flush(ctx)
		}
		if err != nil && ctx.Err() == nil {
			p.Log.WarnContext(ctx, "the policies could not be read or their questions not be kept; trying again", "error", err)
		}
	}
}

// GuardBlueprints refuses, in the transaction that changed blueprints, what the
// policies in force do not fit any more.
func (p *Policies) GuardBlueprints(ctx context.Context, tx *store.Tx) error {
	s, err := current(ctx, tx, tx.ForUpdate())
	if err != nil || s.Policies == "" {
		return err
	}
	rules, problems := parse("own", s.Policies, nil)
	if len(problems) > 0 {
		return fmt.Errorf("read version %d of the policies: %s", s.Version, problems[0])
	}
	depends := false
	for _, r := range rules {
		depends = depends || r.aboutBlueprints()
	}
	if !depends {
		return nil
	}
	schema, err := p.schema(ctx, tx)
	if err != nil {
		return err
	}
	if problems = schema.check(rules, s.Policies); len(problems) == 0 {
		return nil
	}
	f := fault.New(fault.Conflict, "The policy %s would no longer fit the blueprints: %s", problems[0].Policy, problems[0].Message)
	for _, one := range problems[:min(len(problems), 20)] {
		f = f.With("policy "+one.Policy, one.Message, "change the policy first, under Policies")
	}
	return f
}

func (p *Policies) schema(ctx context.Context, q store.Querier) (*Schema, error) {
	shapes, err := p.Shapes(ctx, q)
	if err != nil {
		return nil, err
	}
	s, err := NewSchema(shapes)
	if err != nil {
		return nil, fmt.Errorf("make the schema of the policies: %w", err)
	}
	return s, nil
}

// Schema is the types that policies may ask about, in Cedar.
func (p *Policies) Schema(ctx context.Context) (string, error) {
	s, err := p.schema(ctx, p.DB.Read())
	if err != nil {
		return "", err
	}
	return s.Text()
}

// Info is a policy, for people.
type Info struct {
	ID       string `json:"id"`
	BuiltIn  bool   `json:"builtIn"`
	Forbids  bool   `json:"forbids"`
	Advice   string `json:"advice"`
	Reason   string `json:"reason,omitempty"`
	Who      string `json:"who,omitempty"`
	Topic    string `json:"topic"`
	Text     string `json:"text"`
	Line     int    `json:"line"`
	Audited  bool   `json:"audited"`
	Position int    `json:"-"`
}

// List tells every policy in force, the built-in ones first.
func (e *Engine) List() ([]Info, error) {
	s := e.current.Load()
	if s == nil {
		return nil, errors.New("the policies could not be read")
	}
	return infos(s.rules), nil
}

func infos(rules []rule) []Info {
	out := make([]Info, 0, len(rules))
	for _, r := range rules {
		out = append(out, Info{
			ID: r.id, BuiltIn: r.builtin, Forbids: r.forbid, Advice: r.advice, Reason: r.reason, Who: r.who, Topic: topicOf(r),
			Text: string(r.policy.MarshalCedar()), Line: r.position.Line, Audited: r.audit,
		})
	}
	return out
}

func topicOf(r rule) string {
	if !r.builtin {
		return "own"
	}
	for i := range r.file {
		if r.file[i] == '.' {
			return r.file[:i]
		}
	}
	return r.file
}
