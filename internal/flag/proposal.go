package flag

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// States of a proposal.
const (
	Waiting  = "open"
	Approved = "approved"
	Declined = "declined"
	Outdated = "outdated"
	// Withdrawn is what the author takes back.
	Withdrawn = "withdrawn"
)

// digest binds an approval to what was looked at.
func digest(p Proposal, setting string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d\n%s", p.Project, p.Flag, p.Environment, p.BaseVersion, setting))
	return hex.EncodeToString(sum[:])
}

// propose writes a change down that waits for a second person. An older one of
// the same flag and environment gives way.
func (f *Flags) propose(ctx context.Context, tx *store.Tx, p *whole, s *stored, e edit, after Setting, words []string, why string) (*Proposal, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	out := Proposal{
		ID: id.String(), Project: s.Project, Flag: s.Key, Environment: e.environment.ID, BaseVersion: e.version, Reason: e.reason, Diff: words, Why: why,
		Author: e.by.ID, AuthorName: e.by.Name, CreatedAt: f.d.Now(), State: Waiting,
	}
	setting, err := encode(after)
	if err != nil {
		return nil, err
	}
	diff, err := encode(words)
	if err != nil {
		return nil, err
	}
	if err := f.outdate(ctx, tx, s.Project, s.Key, e.environment.ID); err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO flag_proposals (id, project, flag, environment, base_version, setting, digest, verb, reason, diff, why, author, author_name, created_at, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		out.ID, out.Project, out.Flag, out.Environment, out.BaseVersion, setting, digest(out, setting), e.verb, out.Reason, diff, why, out.Author, out.AuthorName, store.Millis(out.CreatedAt), out.State)
	if err != nil {
		return nil, fmt.Errorf("write the proposal: %w", err)
	}
	if err := f.tell(ctx, tx, "flag.propose", s, out.Environment, out.Reason, words, e.by); err != nil {
		return nil, err
	}
	return &out, f.proposed(ctx, tx, out, p.deciders)
}

func (f *Flags) proposed(ctx context.Context, tx *store.Tx, p Proposal, by Deciders) error {
	if f.d.Proposed == nil {
		return nil
	}
	return f.d.Proposed(ctx, tx, p, by)
}

// outdate closes the proposals of a flag; environment is empty for all.
func (f *Flags) outdate(ctx context.Context, tx *store.Tx, project, flag, environment string) error {
	_, err := tx.ExecContext(ctx, `UPDATE flag_proposals SET state = $1, decided_at = $2 WHERE project = $3 AND flag = $4 AND (CAST($5 AS TEXT) = '' OR environment = $5) AND state = $6`,
		Outdated, store.Millis(f.d.Now()), project, flag, environment, Waiting)
	if err != nil {
		return fmt.Errorf("close older proposals: %w", err)
	}
	return nil
}

// Deciders is who may let a change pass, and where it would be.
type Deciders struct {
	// Teams own the flag or its service.
	Teams []string
	// Kind is of the environment.
	Kind string
}

// Deciders looks up who may decide on a proposal.
func (f *Flags) Deciders(ctx context.Context, p Proposal) (Deciders, error) {
	return f.deciders(ctx, p.Project, p.Flag, p.Environment)
}

func (f *Flags) deciders(ctx context.Context, project, key, environment string) (Deciders, error) {
	kind, err := f.EnvironmentKind(ctx, environment)
	out := Deciders{Kind: kind}
	if err != nil || f.d.Teams == nil {
		return out, err
	}
	p, err := f.Projects.Get(ctx, project)
	if err != nil {
		return out, err
	}
	if out.Teams, err = f.d.Teams(ctx, p.Service, ""); err != nil {
		return out, err
	}
	owner, err := f.Owner(ctx, project, key)
	if owner != "" && !slices.Contains(out.Teams, owner) {
		out.Teams = append(slices.Clone(out.Teams), owner)
	}
	return out, err
}

const proposalColumns = `SELECT id, project, flag, environment, base_version, reason, diff, why, author, author_name, created_at, state, decided_by, decided_by_name, decided_at, comment FROM flag_proposals`

func scanProposal(r interface{ Scan(...any) error }) (Proposal, error) {
	var p Proposal
	var words string
	var created, decided int64
	if err := r.Scan(&p.ID, &p.Project, &p.Flag, &p.Environment, &p.BaseVersion, &p.Reason, &words, &p.Why, &p.Author, &p.AuthorName, &created, &p.State, &p.DecidedBy, &p.DecidedByName, &decided, &p.Comment); err != nil {
		return p, err
	}
	p.CreatedAt = store.Time(created)
	if decided > 0 {
		at := store.Time(decided)
		p.DecidedAt = &at
	}
	return p, decode(words, &p.Diff)
}

// Proposals lists changes that wait for, or had, a second person, newest first;
// of all projects when project is empty.
func (f *Flags) Proposals(ctx context.Context, project, state string) ([]Proposal, error) {
	rows, err := f.d.DB.Read().QueryContext(ctx, proposalColumns+` WHERE (CAST($1 AS TEXT) = '' OR project = $1) AND (CAST($2 AS TEXT) = '' OR state = $2) ORDER BY created_at DESC, id DESC LIMIT 200`, project, state)
	list, err := store.All(rows, err, scanProposal)
	if err != nil {
		return nil, fmt.Errorf("list proposals: %w", err)
	}
	return list, nil
}

// ProposalFilter says which proposals are wanted.
type ProposalFilter struct {
	// Open lists those that wait, oldest first, Closed all others; else both,
	// newest first.
	Open, Closed bool
	Author       string
	// From is the id of the last one of the page before.
	From  string
	Limit int
}

// ProposalsOf lists proposals of all projects.
func (f *Flags) ProposalsOf(ctx context.Context, w ProposalFilter) ([]Proposal, error) {
	where, order := `(CAST($1 AS TEXT) = '' OR id < $1)`, "DESC"
	switch {
	case w.Open:
		where, order = `(CAST($1 AS TEXT) = '' OR id > $1) AND state = 'open'`, "ASC"
	case w.Closed:
		where += ` AND state <> 'open'`
	}
	rows, err := f.d.DB.Read().QueryContext(ctx, proposalColumns+` WHERE `+where+` AND (CAST($2 AS TEXT) = '' OR author = $2) ORDER BY id `+order+` LIMIT $3`, w.From, w.Author, w.Limit)
	list, err := store.All(rows, err, scanProposal)
	if err != nil {
		return nil, fmt.Errorf("list proposals: %w", err)
	}
	return list, nil
}

// Proposed is a proposal with what the setting is and what it would be.
type Proposed struct {
	Proposal
	Before, After json.RawMessage
}

// ProposalByID returns one of any project, with both settings.
func (f *Flags) ProposalByID(ctx context.Context, id string) (Proposed, error) {
	var out Proposed
	var setting string
	q := f.d.DB.Read()
	p, err := scanProposal(q.QueryRowContext(ctx, proposalColumns+` WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return out, fault.New(fault.NotFound, "There is no proposal %s.", id)
	}
	if err != nil {
		return out, fmt.Errorf("read the proposal: %w", err)
	}
	out.Proposal = p
	if err := q.QueryRowContext(ctx, `SELECT setting FROM flag_proposals WHERE id = $1`, id).Scan(&setting); err != nil {
		return out, fmt.Errorf("read the proposal: %w", err)
	}
	out.After = json.RawMessage(setting)
	out.Before, err = f.base(ctx, p)
	return out, err
}

// base is the setting that a proposal was made on.
func (f *Flags) base(ctx context.Context, p Proposal) (json.RawMessage, error) {
	var before string
	err := f.d.DB.Read().QueryRowContext(ctx, `SELECT after FROM flag_versions WHERE project = $1 AND flag = $2 AND environment = $3 AND version = $4`,
		p.Project, p.Flag, p.Environment, p.BaseVersion).Scan(&before)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil // it was never changed there
	}
	if err != nil {
		return nil, fmt.Errorf("read what a proposal was made on: %w", err)
	}
	return json.RawMessage(before), nil
}

// Proposal returns one.
func (f *Flags) Proposal(ctx context.Context, project, id string) (Proposal, error) {
	return f.proposal(ctx, f.d.DB.Read(), project, id)
}

func (f *Flags) proposal(ctx context.Context, q store.Querier, project, id string) (Proposal, error) {
	p, err := scanProposal(q.QueryRowContext(ctx, proposalColumns+` WHERE project = $1 AND id = $2`, project, id))
	if errors.Is(err, sql.ErrNoRows) {
		return p, fault.New(fault.NotFound, "There is no proposal %s.", id)
	}
	if err != nil {
		return p, fmt.Errorf("read the proposal: %w", err)
	}
	return p, nil
}

// Decide lets a proposal pass or declines it. What passes is exactly what was
// proposed, on the version that it was proposed on.
func (f *Flags) Decide(ctx context.Context, project, id string, approve bool, comment string, by Who) (Proposal, error) {
	shown, err := f.Proposal(ctx, project, id)
	if err != nil {
		return Proposal{}, err
	}
	if shown.Author == by.ID {
		return Proposal{}, fault.Refuse("another-person-approves-flags", "You proposed this yourself; another person has to decide.", "Ask somebody else of the owning team to approve it.", "the owners of the flag")
	}
	e, err := f.environment(ctx, shown.Environment)
	if err != nil {
		return Proposal{}, err
	}
	teams, err := f.teams(ctx, project, shown.Flag)
	if err != nil {
		return Proposal{}, err
	}
	deciders, err := f.deciders(ctx, project, shown.Flag, shown.Environment)
	if err != nil {
		return Proposal{}, err
	}
	var outdated error
	err = f.in(ctx, project, shown.Environment, func(tx *store.Tx, p *whole) error {
		outdated, p.teams, p.deciders = nil, teams, deciders
		return f.decideIn(ctx, tx, p, id, approve, comment, e, by, &outdated)
	})
	if err == nil {
		err = outdated
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("decide about a proposal: %w", err)
	}
	return f.Proposal(ctx, project, id)
}

func (f *Flags) decideIn(ctx context.Context, tx *store.Tx, p *whole, id string, approve bool, comment string, e EnvironmentInfo, by Who, outdated *error) error {
	proposal, err := f.proposal(ctx, tx, p.key, id)
	if err != nil {
		return err
	}
	if proposal.State != Waiting {
		return fault.New(fault.Conflict, "This proposal is %s already.", proposal.State)
	}
	if f.d.MayDecide != nil {
		if err := f.d.MayDecide(ctx, tx, proposal, p.deciders, by); err != nil {
			return err
		}
	}
	s, err := f.lockFlag(ctx, tx, p, proposal.Flag)
	if err != nil {
		return err
	}
	state, verb := Declined, "flag.decline"
	if approve {
		state, verb = Approved, "flag.approve"
		if s.versions[proposal.Environment] != proposal.BaseVersion || s.ArchivedAt != nil {
			state, verb = Outdated, "flag.decline"
			*outdated = fault.New(fault.Conflict, "The flag was changed after this was proposed, so it cannot pass any more. Propose it again.")
		}
	}
	if err := f.close(ctx, tx, s, &proposal, state, verb, comment, p.deciders, by); err != nil || state != Approved {
		return err
	}
	return f.applyProposal(ctx, tx, p, s, proposal, e, by)
}

// close writes down what became of a proposal.
func (f *Flags) close(ctx context.Context, tx *store.Tx, s *stored, p *Proposal, state, verb, comment string, deciders Deciders, by Who) error {
	now := store.Time(store.Millis(f.d.Now()))
	p.State, p.DecidedBy, p.DecidedByName, p.DecidedAt, p.Comment = state, by.ID, by.Name, &now, comment
	if _, err := tx.ExecContext(ctx, `UPDATE flag_proposals SET state = $1, decided_by = $2, decided_by_name = $3, decided_at = $4, comment = $5 WHERE id = $6`,
		state, by.ID, by.Name, store.Millis(now), comment, p.ID); err != nil {
		return fmt.Errorf("write the decision: %w", err)
	}
	if err := f.tell(ctx, tx, verb, s, p.Environment, p.Reason, p.Diff, by); err != nil {
		return err
	}
	return f.proposed(ctx, tx, *p, deciders)
}

// Withdraw takes a proposal back; only its author can.
func (f *Flags) Withdraw(ctx context.Context, project, id string, by Who) (Proposal, error) {
	err := f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		proposal, err := f.proposal(ctx, tx, project, id)
		switch {
		case err != nil:
			return err
		case proposal.Author != by.ID:
			return fault.Refuse("authors-withdraw", "Somebody else proposed this, so only they can withdraw it.", "Decline it instead.", proposal.AuthorName)
		case proposal.State != Waiting:
			return fault.New(fault.Conflict, "This proposal is %s already.", proposal.State)
		}
		s, err := f.lockFlag(ctx, tx, p, proposal.Flag)
		if err != nil {
			return err
		}
		return f.close(ctx, tx, s, &proposal, Withdrawn, "flag.decline", "", Deciders{}, by)
	})
	if err != nil {
		return Proposal{}, fmt.Errorf("withdraw a proposal: %w", err)
	}
	return f.Proposal(ctx, project, id)
}

func (f *Flags) applyProposal(ctx context.Context, tx *store.Tx, p *whole, s *stored, proposal Proposal, e EnvironmentInfo, by Who) error {
	var setting, sealed, verb string
	if err := tx.QueryRowContext(ctx, `SELECT setting, digest, verb FROM flag_proposals WHERE id = $1`, proposal.ID).Scan(&setting, &sealed, &verb); err != nil {
		return fmt.Errorf("read the proposal: %w", err)
	}
	if digest(proposal, setting) != sealed {
		return fault.New(fault.Conflict, "The proposal is not what was proposed. Propose it again.")
	}
	_, err := f.editIn(ctx, tx, p, s, edit{
		environment: e, version: proposal.BaseVersion, reason: proposal.Reason, verb: verb, by: Who{ID: proposal.Author, Name: proposal.AuthorName}, approver: by,
		after: func(*stored, Setting) (Setting, error) {
			var v Setting
			err := decode(setting, &v)
			return v.at(f.d.Now()), err
		},
	})
	return err
}
