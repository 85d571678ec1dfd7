package approval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store"
)

// maxComment bounds the comment of a decision, in bytes.
const maxComment = 2000

// grantedWithin is for how long a right does not count for what its giver asks.
const grantedWithin = 24 * time.Hour

// Word is what somebody says about a request.
type Word struct {
	Approve bool
	Comment string
	// Digest is of what was shown; when it is set, the word counts for exactly
	// that.
	Digest string
	// For is the id of the user, who is away, for whom it is said; empty for
	// oneself, or for the one person it can be.
	For string
}

// Decide records what actor says about the request that a run waits for.
func (s *Service) Decide(ctx context.Context, actor action.Actor, runID string, w Word) (run.Run, error) {
	if len(w.Comment) > maxComment {
		return run.Run{}, fault.Field("comment", "is too long", fmt.Sprintf("at most %d bytes", maxComment))
	}
	w.Comment = clean(w.Comment)
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		one, idx, err := s.Runs.Lock(ctx, tx, runID)
		if err != nil {
			return err
		}
		r, err := s.decidable(ctx, tx, &one, idx)
		if err != nil {
			return err
		}
		return s.say(ctx, tx, &one, r, actor, w)
	})
	if err != nil {
		return run.Run{}, err
	}
	return s.Runs.Get(ctx, runID)
}

// decidable is the request a run waits for.
func (s *Service) decidable(ctx context.Context, tx *store.Tx, one *run.Run, idx int) (*request, error) {
	r, err := currentRequest(ctx, tx, one.ID, idx)
	switch {
	case errors.Is(err, errNone) || err == nil && r.state != Open || one.Undoing || finished(one.State):
		return nil, conflict("The run does not wait for a decision; it is %s.", one.State)
	case err != nil:
		return nil, err
	case !r.expires.IsZero() && !s.Now().Before(r.expires):
		return nil, conflict("The request expired at %s.", r.expires.Format(time.DateTime))
	}
	return r, nil
}

func finished(state run.State) bool {
	return state == run.Succeeded || state == run.Failed || state == run.Cancelled || state == run.Undone
}

func (s *Service) say(ctx context.Context, tx *store.Tx, one *run.Run, r *request, actor action.Actor, w Word) error {
	digest, err := run.Digest(ctx, tx, r.runID)
	if err != nil {
		return err
	}
	if digest != r.digest || w.Digest != "" && w.Digest != r.digest {
		return conflict("What would run is not what was asked for, so nobody can approve it. Cancel the run and ask again.")
	}
	list, err := decisions(ctx, tx, r.id)
	if err != nil {
		return err
	}
	st, err := s.standing(ctx, tx, r, list, actor.ID, w.For)
	if err != nil {
		return err
	}
	now := s.Now()
	d := decision{
		actor: st.user.ID, name: nameOf(st.user), behalf: st.behalf.ID, behalfName: nameOf(st.behalf), approve: w.Approve, counts: st.counts,
		comment: w.Comment, digest: digest, at: now,
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO approval_decisions (request_id, actor_id, actor_name, behalf, behalf_name, approve, counts, comment, digest, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, r.id, d.actor, d.name, d.behalf, d.behalfName, flag(d.approve), counts(d.counts), d.comment, d.digest, store.Millis(d.at))
	if err != nil {
		return fmt.Errorf("record the decision: %w", err)
	}
	verb := "run.approve"
	if !w.Approve {
		verb = "run.decline"
	}
	detail := audit.Detail("request", r.id, "step", r.idx, "comment", w.Comment, "digest", digest, "behalf", d.behalf)
	if err := s.event(ctx, tx, st.user, verb, "run/"+r.runID, r.runID, detail); err != nil {
		return err
	}
	if err := s.conclude(ctx, tx, one, r, append(list, d), d); err != nil {
		return err
	}
	tx.Notify(run.Topic, r.runID)
	tx.Notify(Topic, r.id)
	return s.Runs.Signal(ctx, tx, waitKey(r.runID, r.idx))
}

// conclude closes the request when it is decided.
func (s *Service) conclude(ctx context.Context, tx *store.Tx, one *run.Run, r *request, list []decision, last decision) error {
	switch {
	case !last.approve:
		r.state = Declined
	case complete(&r.args, list):
		r.state = Approved
	default:
		return nil
	}
	_, err := tx.ExecContext(ctx, "UPDATE approval_requests SET state = $1, decided_at = $2, decider = $3, decider_name = $4, comment = $5 WHERE id = $6",
		r.state, store.Millis(last.at), last.actor, last.name, last.comment, r.id)
	if err != nil {
		return fmt.Errorf("close the request: %w", err)
	}
	title := "Approved: " + one.Title
	if r.state == Declined {
		title = "Declined: " + one.Title
	}
	text := last.name
	if last.comment != "" {
		text += ": " + last.comment
	}
	return s.tellRequester(ctx, tx, one, r, title, text)
}

// standing is by what right somebody decides.
type standing struct {
	user   auth.User
	behalf auth.User // zero: for oneself
	counts [][2]int
}

// standing says in which groups somebody counts, or refuses. Nobody's role
// helps against having asked for it.
func (s *Service) standing(ctx context.Context, q store.Querier, r *request, list []decision, id, behalf string) (standing, error) {
	u, err := s.Auth.UserIn(ctx, q, id)
	if fault.Is(err, fault.NotFound) {
		return standing{}, fault.Refuse("run.approve.person", "Only people decide; this is a machine.", "Decide as a person.", "")
	}
	if err != nil {
		return standing{}, err
	}
	if err := s.barred(ctx, q, r, u, list); err != nil {
		return standing{}, err
	}
	st := standing{user: u}
	if behalf == "" || behalf == u.ID {
		if st.counts = r.groupsOf(u); len(st.counts) > 0 {
			return st, s.granted(ctx, q, r, u)
		}
		if behalf == u.ID {
			return standing{}, r.notAsked(list)
		}
	}
	givers, err := s.givers(ctx, q, u.ID)
	if err != nil {
		return standing{}, err
	}
	for _, giver := range givers {
		if behalf != "" && giver != behalf {
			continue
		}
		from, err := s.Auth.UserIn(ctx, q, giver)
		if err != nil || s.barred(ctx, q, r, from, list) != nil || s.granted(ctx, q, r, from) != nil {
			continue
		}
		if st.counts = r.groupsOf(from); len(st.counts) > 0 {
			st.behalf = from
			return st, s.granted(ctx, q, r, u)
		}
	}
	return standing{}, r.notAsked(list)
}

func (r *request) notAsked(list []decision) error {
	who := missing(&r.args, list)
	return fault.Refuse("run.approve.people", "You are not among those who were asked to decide.", "Ask one of them to decide, or to let you decide for them while they are away.", who)
}

// barred refuses those who may never decide on this request.
func (s *Service) barred(_ context.Context, _ store.Querier, r *request, u auth.User, list []decision) error {
	others := missing(&r.args, list)
	switch {
	case u.Status != auth.Active:
		return fault.Refuse("suspended", "The account is suspended.", "Ask an administrator why.", "role administrator")
	case u.ID == r.requester:
		return fault.Refuse("run.approve.requester", "You asked for this, so somebody else has to decide.", "Send the address of this page to someone who can.", others)
	}
	for _, e := range r.args.Excluded {
		if e.ID == u.ID {
			return fault.Refuse("run.approve.excluded", "You may not decide on this: whoever "+e.Why+" does not approve it.", "Send the address of this page to someone who can.", others)
		}
	}
	for _, d := range list {
		if d.actor == u.ID || d.behalf == u.ID {
			return conflict("%s has already decided.", nameOf(u))
		}
	}
	return nil
}

// granted refuses somebody whom the requester gave the right lately: with the
// account, a role or a team, or by naming them in the rule.
func (s *Service) granted(ctx context.Context, q store.Querier, r *request, u auth.User) error {
	refuse := func(how string) error {
		return fault.Refuse("run.approve.granted", "Who asked for this "+how+" within the last 24 hours, so you cannot approve it.",
			"Ask somebody who had the right before.", "role administrator")
	}
	since := store.Millis(s.Now().Add(-grantedWithin))
	var n int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM audit_events WHERE actor = $1 AND object = $2 AND outcome = 'success' AND at > $3
		AND family IN ('user', 'role', 'member', 'scim', 'permission') AND verb NOT IN ('user.rotate', 'user.delete')`, r.requester, "user/"+u.ID, since).Scan(&n)
	if err != nil {
		return fmt.Errorf("look who gave the right: %w", err)
	}
	if n > 0 {
		return refuse("changed your account, roles or teams")
	}
	for _, ask := range r.args.Asks {
		if ask.RuleID == "" || !slices.ContainsFunc(ask.Groups, func(g Group) bool { return g.names(u) }) {
			continue
		}
		err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM audit_events WHERE actor = $1 AND object = $2 AND outcome = 'success' AND at > $3`,
			r.requester, "approval-rule/"+ask.RuleID, since).Scan(&n)
		if err != nil {
			return fmt.Errorf("look who changed the rule: %w", err)
		}
		if n > 0 {
			return refuse("changed the rule that names you")
		}
	}
	return nil
}

// groupsOf are the groups that somebody belongs to.
func (r *request) groupsOf(u auth.User) [][2]int {
	var out [][2]int
	higher := r.escalated && r.args.Escalate != nil && r.args.Escalate.has(u)
	for i, ask := range r.args.Asks {
		for j := range ask.Groups {
			if higher || ask.Groups[j].has(u) {
				out = append(out, [2]int{i, j})
			}
		}
	}
	return out
}

func (g *Group) has(u auth.User) bool {
	return g.names(u) || slices.ContainsFunc(g.Roles, func(r string) bool { return slices.Contains(u.Roles, r) }) ||
		slices.ContainsFunc(g.Teams, func(t string) bool { return slices.Contains(u.Teams, t) })
}

func (g *Group) names(u auth.User) bool {
	return slices.Contains(g.People, u.ID) || slices.ContainsFunc(g.Named, func(n string) bool { return strings.EqualFold(n, u.Email) })
}

// clean takes out what cannot be shown.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}
