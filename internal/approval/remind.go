package approval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sphera/internal/notify"
	"sphera/internal/store"
)

// remindEvery is how often matters are looked at; runs have timers of their own.
const remindEvery = time.Minute

// Work reminds of matters that wait until ctx ends. When and of what follows
// from their age, so any number of processes may do it: a notice with the same
// key is sent once.
func (s *Service) Work(ctx context.Context) error {
	tick := time.NewTicker(remindEvery)
	defer tick.Stop()
	told := map[string]bool{}
	for {
		if err := s.remind(ctx, told); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "reminding of what waits for a decision failed; trying again in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Remind looks once at what waits.
func (s *Service) Remind(ctx context.Context) error { return s.remind(ctx, map[string]bool{}) }

// remind sends what has become due; told is what this process sent before.
func (s *Service) remind(ctx context.Context, told map[string]bool) error {
	list, err := s.matters(ctx, MatterFilter{Open: true, Limit: maxMatters})
	if err != nil {
		return err
	}
	var problems []error
	due := map[string]bool{}
	for i := range list {
		for _, n := range list[i].reminders(s.Now()) {
			due[n.Key] = true
			if told[n.Key] {
				continue
			}
			err := s.DB.Tx(ctx, func(tx *store.Tx) error { return s.Notices.Send(ctx, tx, n) })
			if err != nil {
				problems = append(problems, fmt.Errorf("remind of %s: %w", list[i].ID, err))
				continue
			}
			told[n.Key] = true
		}
	}
	for key := range told { // decided, or a later one came
		if !due[key] {
			delete(told, key)
		}
	}
	return errors.Join(problems...)
}

// reminders are the notices that are due now. Those that were missed while
// nothing ran are not made up for.
func (m *Matter) reminders(now time.Time) []notify.Notice {
	var out []notify.Notice
	since := m.Created.Format(time.DateTime)
	if every := time.Duration(m.Times.Remind) * time.Minute; every > 0 && now.Sub(m.Created) >= every {
		n := m.notice(notify.ApprovalReminder, "Still waiting: "+m.Title, "It has waited since "+since+".")
		n.Key = fmt.Sprintf("approval/%s/reminder/%d", m.ID, now.Sub(m.Created)/every)
		out = append(out, n)
	}
	if m.Times.Escalate > 0 && passed(now, minutes(m.Created, m.Times.Escalate)) {
		n := m.notice(notify.ApprovalEscalated, "Escalated: "+m.Title, "Nobody has decided since "+since+".")
		n.To, n.Teams, n.Roles = union(n.To, m.Higher.People), union(n.Teams, m.Higher.Teams), union(n.Roles, m.Higher.Roles)
		n.Key, n.Urgent = "approval/"+m.ID+"/escalated", true
		out = append(out, n)
	}
	return out
}
