package auth

import (
	"context"
	"fmt"

	"sphera/internal/fault"
	"sphera/internal/policy"
	"sphera/internal/store"
)

// ViewAs lets an administrator look at the portal as somebody else, in this
// session and until it ends or EndViewAs. Whoever views as somebody sees what
// that person sees, and can change nothing.
func (s *Service) ViewAs(ctx context.Context, p Principal, userID string) (User, error) {
	if p.Via != ViaSession {
		return User{}, fault.Refuse("view-as-in-a-session", `"View as" belongs to a session in the browser.`, "Sign in to the portal and do it there.", "yourself")
	}
	target, err := s.User(ctx, userID)
	if err != nil {
		return User{}, err
	}
	if target.ID == p.ID {
		return User{}, fault.Field("/user", "is you", "somebody else")
	}
	if target.Status != Active {
		return User{}, fault.New(fault.Conflict, "%s is suspended and sees nothing.", target.Name)
	}
	return target, s.setViewAs(ctx, p.SessionID, target.ID, p.ID, "access.view_as", target)
}

// EndViewAs lets the administrator be who it is again.
func (s *Service) EndViewAs(ctx context.Context, p Principal) error {
	if p.ViewAs == "" {
		return nil
	}
	return s.setViewAs(ctx, p.SessionID, "", p.ViewAs, "access.view_end", p.User)
}

func (s *Service) setViewAs(ctx context.Context, session, value, by, verb string, target User) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE auth_sessions SET view_as = $1 WHERE id = $2", value, session); err != nil {
			return fmt.Errorf("keep who is viewed as: %w", err)
		}
		tx.Notify(Topic, by)
		tx.Notify(Topic, target.ID)
		return s.event(ctx, tx, by, verb, "user/"+target.ID, "user", target.ID, "name", target.Name)
	})
}

// viewing is p as the user that its session views as. Who may not any more, or
// whose user is gone, is oneself again.
func (s *Service) viewing(ctx context.Context, p Principal, userID string) (Principal, error) {
	if userID == "" {
		return p, nil
	}
	target, err := s.User(ctx, userID)
	if fault.Is(err, fault.NotFound) || err == nil && target.Status != Active {
		return p, nil
	}
	if err != nil {
		return Principal{}, err
	}
	about := Object{Kind: "user", ID: target.ID}
	if !s.policies.Decide(ctx, s.Question(p, policy.ViewAsVerb, about)).Allowed {
		return p, nil
	}
	p.ViewAs, p.User = p.ID, target
	return p, nil
}
