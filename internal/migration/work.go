package migration

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// lookEvery is how often a worker looks for migrations that another process
// began and did not end.
const lookEvery = 10 * time.Second

// Work carries out migrations until ctx ends.
func (m *Migrations) Work(ctx context.Context) error {
	news, stop := m.db.Subscribe(Topic)
	defer stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		worked, err := m.one(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			m.log.WarnContext(ctx, "a migration failed for now; trying again", "error", err)
		}
		if worked && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-news:
		}
	}
}

// one claims a migration and works on it to its end, or until it is somebody
// else's.
func (m *Migrations) one(ctx context.Context) (bool, error) {
	found, err := m.claim(ctx)
	if err != nil || found == nil {
		return false, err
	}
	for {
		ended, err := m.step(ctx, found)
		if err != nil || ended {
			return true, err
		}
		if err := m.save(ctx, found); err != nil {
			return true, err
		}
		if found.Status == PendingCancellation {
			found.Status = Cancelled
			return true, m.save(ctx, found)
		}
	}
}

func (m *Migrations) claim(ctx context.Context) (*Migration, error) {
	var found *Migration
	err := m.db.Tx(ctx, func(tx *store.Tx) error {
		found = nil
		now := m.now()
		one, err := scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM catalog_migrations WHERE status IN "+open+" AND claimed_until < $1 ORDER BY created_at, id LIMIT 1"+tx.SkipLocked(), store.Millis(now)))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("claim a migration: %w", err)
		}
		if one.Status != PendingCancellation {
			one.Status = Running
		}
		if _, err := tx.ExecContext(ctx, "UPDATE catalog_migrations SET status = $1, claimed_until = $2, updated_at = $3 WHERE id = $4",
			one.Status, store.Millis(now.Add(claim)), store.Millis(now), one.ID); err != nil {
			return fmt.Errorf("claim a migration: %w", err)
		}
		tx.Notify(Topic, one.ID)
		found = &one
		return nil
	})
	return found, err
}

// save writes how far it has come and learns whether it is to be cancelled.
func (m *Migrations) save(ctx context.Context, one *Migration) error {
	failures, err := json.Marshal(one.Failures)
	if err != nil {
		return fmt.Errorf("encode failures: %w", err)
	}
	return m.db.Tx(ctx, func(tx *store.Tx) error {
		var status string
		if err := tx.QueryRowContext(ctx, "SELECT status FROM catalog_migrations WHERE id = $1"+tx.ForUpdate(), one.ID).Scan(&status); err != nil {
			return fmt.Errorf("save a migration: %w", err)
		}
		if one.Status == Running {
			one.Status = status
		}
		now := m.now()
		until := store.Millis(now.Add(claim))
		if _, err := tx.ExecContext(ctx, `UPDATE catalog_migrations SET status = $1, after_id = $2, success_count = $3, failure_count = $4, failures = $5, message = $6,
			claimed_until = $7, updated_at = $8 WHERE id = $9`,
			one.Status, one.after, one.SuccessCount, one.FailureCount, string(failures), one.Message, until, store.Millis(now), one.ID); err != nil {
			return fmt.Errorf("save a migration: %w", err)
		}
		tx.Notify(Topic, one.ID)
		return nil
	})
}

// step does one batch. It reports the end, which it has saved then.
func (m *Migrations) step(ctx context.Context, one *Migration) (bool, error) {
	if one.Status == PendingCancellation {
		return false, nil
	}
	list, last, err := m.catalog.After(ctx, one.SourceBlueprint, one.after, batch)
	if err != nil {
		return true, m.ended(ctx, one, err)
	}
	if len(list) == 0 {
		return m.finish(ctx, one)
	}
	if string(one.Mapping) != "null" && !one.removing {
		err = m.convert(ctx, one, list)
	} else {
		m.remove(ctx, one, list)
	}
	if err != nil {
		return true, m.ended(ctx, one, err)
	}
	one.after = last
	return false, nil
}

// ended makes a fault the end of the migration; other errors are tried again.
func (m *Migrations) ended(ctx context.Context, one *Migration, err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code == fault.Unavailable || f.Code == fault.StorageFull {
		return err
	}
	one.Status, one.Message = Failure, f.Message
	return m.save(ctx, one)
}

func (m *Migrations) remove(ctx context.Context, one *Migration, list []catalog.Entity) {
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = e.Identifier
	}
	o := catalog.DeleteOptions{By: one.Actor, RunID: one.runID, Datasource: one.userAgent}
	if deleted, err := m.catalog.DeleteMany(ctx, one.SourceBlueprint, ids, o); err == nil {
		one.SuccessCount += len(deleted)
		one.progress = one.progress || len(deleted) > 0
		return
	}
	for _, id := range ids { // one of them is needed: the others still go
		deleted, err := m.catalog.DeleteMany(ctx, one.SourceBlueprint, []string{id}, o)
		if err != nil {
			one.fail(id, err)
			continue
		}
		one.SuccessCount += len(deleted)
		one.progress = one.progress || len(deleted) > 0
	}
}

func (one *Migration) fail(id string, err error) {
	one.FailureCount++
	if len(one.Failures) >= maxFailures {
		return
	}
	text := "Something went wrong inside the portal."
	if f, ok := fault.As(err); ok {
		text = f.Message
	}
	one.Failures = append(one.Failures, Failed{Identifier: id, Message: text})
}

// finish ends a migration: entities that failed keep the blueprint from being
// deleted.
func (m *Migrations) finish(ctx context.Context, one *Migration) (bool, error) {
	if !one.removing && string(one.Mapping) != "null" && one.DeleteEntities && one.FailureCount == 0 {
		one.removing, one.after = true, 0 // now the sources, which were all converted
		return false, m.save(ctx, one)
	}
	if one.DeleteEntities && one.FailureCount > 0 && one.progress {
		// What failed may have been needed by what is gone now.
		one.after, one.FailureCount, one.Failures, one.progress = 0, 0, []Failed{}, false
		return false, m.save(ctx, one)
	}
	one.Status = Completed
	if one.FailureCount > 0 {
		one.Status, one.Message = Failure, fmt.Sprintf("%d entities failed.", one.FailureCount)
	} else if one.DeleteBlueprint {
		if err := m.catalog.DeleteBlueprint(ctx, one.SourceBlueprint, one.Actor); err != nil && !fault.Is(err, fault.NotFound) {
			return true, m.ended(ctx, one, err)
		}
		if m.deleted != nil {
			if err := m.deleted(ctx, one.SourceBlueprint, one.Actor); err != nil {
				return true, err
			}
		}
	}
	return true, m.save(ctx, one)
}
