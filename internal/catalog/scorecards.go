package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog/scorecard"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxScorecards bounds how many a blueprint has: all are evaluated on a write.
const maxScorecards = 100

// Scorecard is a scorecard as it is kept: the document as it was sent, with
// its levels.
type Scorecard struct {
	Blueprint            string
	Identifier           string
	Doc                  map[string]json.RawMessage
	CreatedAt, UpdatedAt time.Time
	CreatedBy, UpdatedBy string
}

// MarshalJSON writes the document and what the catalog adds.
func (s Scorecard) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(s.Doc)+6)
	for key, value := range s.Doc {
		out[key] = value
	}
	out["identifier"], out["blueprint"] = s.Identifier, s.Blueprint
	out["createdAt"], out["updatedAt"] = isoMillis(s.CreatedAt), isoMillis(s.UpdatedAt)
	out["createdBy"], out["updatedBy"] = s.CreatedBy, s.UpdatedBy
	return json.Marshal(out)
}

// UnmarshalJSON keeps the document; clients of the API read it so.
func (s *Scorecard) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &s.Doc); err != nil {
		return err
	}
	for key, to := range map[string]any{
		"identifier": &s.Identifier, "blueprint": &s.Blueprint, "createdAt": &s.CreatedAt, "updatedAt": &s.UpdatedAt, "createdBy": &s.CreatedBy, "updatedBy": &s.UpdatedBy,
	} {
		if value, ok := s.Doc[key]; ok {
			if err := json.Unmarshal(value, to); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if key != "identifier" {
				delete(s.Doc, key)
			}
		}
	}
	return nil
}

func isoMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

const scorecardColumns = "blueprint, identifier, doc, created_at, updated_at, created_by, updated_by"

func scanScorecard(row interface{ Scan(...any) error }) (Scorecard, error) {
	var s Scorecard
	var doc string
	var created, updated int64
	if err := row.Scan(&s.Blueprint, &s.Identifier, &doc, &created, &updated, &s.CreatedBy, &s.UpdatedBy); err != nil {
		return s, err
	}
	s.CreatedAt, s.UpdatedAt = store.Time(created), store.Time(updated)
	if err := json.Unmarshal([]byte(doc), &s.Doc); err != nil {
		return s, fmt.Errorf("stored scorecard %s of %s: %w", s.Identifier, s.Blueprint, err)
	}
	return s, nil
}

// Scorecards lists the scorecards of a blueprint, or of all when it is empty,
// in their order.
func (c *Catalog) Scorecards(ctx context.Context, blueprint string) ([]Scorecard, error) {
	if err := c.may(ctx, VerbRead, blueprint); err != nil {
		return nil, err
	}
	if blueprint != "" {
		if _, err := readBlueprint(ctx, c.db.Read(), blueprint, ""); err != nil {
			return nil, err
		}
	}
	return readScorecards(ctx, c.db.Read(), blueprint)
}

func readScorecards(ctx context.Context, q store.Querier, blueprint string) ([]Scorecard, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+scorecardColumns+" FROM scorecards WHERE $1 = '' OR blueprint = $1 ORDER BY blueprint, position, identifier", blueprint)
	list, err := store.All(rows, err, scanScorecard)
	if err != nil {
		return nil, fmt.Errorf("list scorecards: %w", err)
	}
	return list, nil
}

// Scorecard returns one scorecard.
func (c *Catalog) Scorecard(ctx context.Context, blueprint, id string) (Scorecard, error) {
	if err := c.may(ctx, VerbRead, blueprint); err != nil {
		return Scorecard{}, err
	}
	return readScorecard(ctx, c.db.Read(), blueprint, id)
}

func readScorecard(ctx context.Context, q store.Querier, blueprint, id string) (Scorecard, error) {
	s, err := scanScorecard(q.QueryRowContext(ctx, "SELECT "+scorecardColumns+" FROM scorecards WHERE blueprint = $1 AND identifier = $2", blueprint, id))
	if errors.Is(err, sql.ErrNoRows) {
		return s, fault.New(fault.NotFound, "Blueprint %q has no scorecard %q.", blueprint, id)
	}
	if err != nil {
		return s, fmt.Errorf("read scorecard %s of %s: %w", id, blueprint, err)
	}
	return s, nil
}

// parseScorecard checks a scorecard; the paths of problems start with at.
func parseScorecard(raw json.RawMessage, at string) (*scorecard.Scorecard, *fault.Error) {
	s, problems := scorecard.Parse(raw)
	if len(problems) == 0 {
		return s, nil
	}
	err := fault.New(fault.Unprocessable, "The scorecard was not saved: %s %s.", at+problems[0].Path, problems[0].Problem)
	for _, p := range problems[:min(len(problems), 50)] {
		err.With(at+p.Path, p.Problem, p.Want)
	}
	return nil, err
}

// CreateScorecard keeps a new scorecard; one that exists is Taken.
func (c *Catalog) CreateScorecard(ctx context.Context, blueprint string, raw json.RawMessage, by string) (Scorecard, error) {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return Scorecard{}, err
	}
	s, problem := parseScorecard(raw, "")
	if problem != nil {
		return Scorecard{}, problem
	}
	return c.changeScorecards(ctx, blueprint, s.Identifier, func(tx *store.Tx) error {
		return c.insertScorecard(ctx, tx, blueprint, s, atTheEnd, by)
	})
}

// PutScorecard replaces a scorecard; another identifier in the body is a
// rename.
func (c *Catalog) PutScorecard(ctx context.Context, blueprint, id string, raw json.RawMessage, by string) (Scorecard, error) {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return Scorecard{}, err
	}
	s, problem := parseScorecard(raw, "")
	if problem != nil {
		return Scorecard{}, problem
	}
	return c.changeScorecards(ctx, blueprint, s.Identifier, func(tx *store.Tx) error {
		old, err := readScorecard(ctx, tx, blueprint, id)
		if err != nil {
			return err
		}
		return c.updateScorecard(ctx, tx, old, s, atTheEnd, by)
	})
}

// ReplaceScorecards replaces all scorecards of a blueprint by the list.
func (c *Catalog) ReplaceScorecards(ctx context.Context, blueprint string, list []json.RawMessage, by string) ([]Scorecard, error) {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return nil, err
	}
	if len(list) > maxScorecards {
		return nil, fault.New(fault.Unprocessable, "A blueprint has at most %d scorecards.", maxScorecards)
	}
	parsed := make([]*scorecard.Scorecard, len(list))
	seen := map[string]bool{}
	for i, raw := range list {
		at := fmt.Sprintf("/%d", i)
		s, problem := parseScorecard(raw, at)
		if problem != nil {
			return nil, problem
		}
		if seen[s.Identifier] {
			return nil, fault.Field(at+"/identifier", "is there twice", "different identifiers")
		}
		seen[s.Identifier], parsed[i] = true, s
	}
	_, err := c.changeScorecards(ctx, blueprint, "", func(tx *store.Tx) error {
		old, err := readScorecards(ctx, tx, blueprint)
		if err != nil {
			return err
		}
		known := make(map[string]Scorecard, len(old))
		for _, s := range old {
			known[s.Identifier] = s
			if !seen[s.Identifier] {
				if err := c.removeScorecard(ctx, tx, s, by); err != nil {
					return err
				}
			}
		}
		for i, s := range parsed {
			if before, ok := known[s.Identifier]; ok {
				err = c.updateScorecard(ctx, tx, before, s, i, by)
			} else {
				err = c.insertScorecard(ctx, tx, blueprint, s, i, by)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.Scorecards(ctx, blueprint)
}

// DeleteScorecard deletes a scorecard; for 30 days it can be restored.
func (c *Catalog) DeleteScorecard(ctx context.Context, blueprint, id, by string) error {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return err
	}
	_, err := c.changeScorecards(ctx, blueprint, "", func(tx *store.Tx) error {
		old, err := readScorecard(ctx, tx, blueprint, id)
		if err != nil {
			return err
		}
		return c.removeScorecard(ctx, tx, old, by)
	})
	return err
}

// changeScorecards runs f in a transaction that makes all processes read the
// model anew and works out the results on the blueprint's entities again.
func (c *Catalog) changeScorecards(ctx context.Context, blueprint, id string, f func(tx *store.Tx) error) (Scorecard, error) {
	var saved Scorecard
	err := c.write(ctx, func(tx *store.Tx) error {
		if err := lockCatalog(ctx, tx); err != nil {
			return err
		}
		if _, err := readBlueprint(ctx, tx, blueprint, ""); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		if err := c.scorecardsChanged(ctx, tx, blueprint); err != nil {
			return err
		}
		if id == "" {
			return nil
		}
		var err error
		saved, err = readScorecard(ctx, tx, blueprint, id)
		return err
	})
	return saved, err
}

// scorecardsChanged makes all processes read the model anew and queues the
// blueprint's entities.
func (c *Catalog) scorecardsChanged(ctx context.Context, tx *store.Tx, blueprint string) error {
	if err := touchModel(ctx, tx); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO derive_backfill (blueprint, after_id, cause, at) VALUES ($1, 0, $2, $3)
		ON CONFLICT (blueprint) DO UPDATE SET after_id = 0, cause = $2, at = $3`, blueprint, "scorecard", store.Millis(c.now()))
	if err != nil {
		return fmt.Errorf("queue the entities of %s: %w", blueprint, err)
	}
	tx.Notify(BlueprintTopic, blueprint)
	tx.Notify(QueueTopic, "")
	return nil
}

// atTheEnd is the position of a new scorecard, and leaves that of an old one.
const atTheEnd = -1

func (c *Catalog) insertScorecard(ctx context.Context, tx *store.Tx, blueprint string, s *scorecard.Scorecard, position int, by string) error {
	var n, last int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(MAX(position), -1) FROM scorecards WHERE blueprint = $1", blueprint).Scan(&n, &last); err != nil {
		return fmt.Errorf("count the scorecards of %s: %w", blueprint, err)
	}
	if n >= maxScorecards {
		return fault.New(fault.Unprocessable, "A blueprint has at most %d scorecards.", maxScorecards)
	}
	if position == atTheEnd {
		position = last + 1
	}
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode scorecard %s: %w", s.Identifier, err)
	}
	at := store.Millis(c.now())
	res, err := tx.ExecContext(ctx, `INSERT INTO scorecards (blueprint, identifier, position, doc, created_at, updated_at, created_by, updated_by)
		VALUES ($1, $2, $3, $4, $5, $5, $6, $6) ON CONFLICT DO NOTHING`, blueprint, s.Identifier, position, string(doc), at, by)
	if err != nil {
		return fmt.Errorf("create scorecard %s: %w", s.Identifier, err)
	}
	if changed, err := res.RowsAffected(); err != nil || changed == 0 {
		return errors.Join(err, fault.New(fault.Taken, "Blueprint %q has a scorecard %q already (identifier_taken).", blueprint, s.Identifier))
	}
	return c.recordScorecard(ctx, tx, "scorecard.create", blueprint, s.Identifier, by, nil, s.Document())
}

// updateScorecard replaces old.
func (c *Catalog) updateScorecard(ctx context.Context, tx *store.Tx, old Scorecard, s *scorecard.Scorecard, position int, by string) error {
	if s.Identifier != old.Identifier {
		if _, err := readScorecard(ctx, tx, old.Blueprint, s.Identifier); !fault.Is(err, fault.NotFound) {
			return errors.Join(err, fault.New(fault.Taken, "Blueprint %q has a scorecard %q already (identifier_taken).", old.Blueprint, s.Identifier))
		}
	}
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode scorecard %s: %w", s.Identifier, err)
	}
	_, err = tx.ExecContext(ctx, `UPDATE scorecards SET identifier = $1, doc = $2, updated_at = $3, updated_by = $4,
		position = CASE WHEN CAST($5 AS BIGINT) < 0 THEN position ELSE CAST($5 AS BIGINT) END WHERE blueprint = $6 AND identifier = $7`,
		s.Identifier, string(doc), store.Millis(c.now()), by, position, old.Blueprint, old.Identifier)
	if err != nil {
		return fmt.Errorf("update scorecard %s: %w", s.Identifier, err)
	}
	return c.recordScorecard(ctx, tx, "scorecard.update", old.Blueprint, s.Identifier, by, old.Doc, s.Document())
}

func (c *Catalog) removeScorecard(ctx context.Context, tx *store.Tx, old Scorecard, by string) error {
	doc, err := json.Marshal(old.Doc)
	if err != nil {
		return fmt.Errorf("encode scorecard %s: %w", old.Identifier, err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO scorecards_deleted (blueprint, identifier, doc, deleted_at, deleted_by) VALUES ($1, $2, $3, $4, $5)",
		old.Blueprint, old.Identifier, string(doc), store.Millis(c.now()), by)
	if err != nil {
		return fmt.Errorf("keep deleted scorecard %s: %w", old.Identifier, err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM scorecards WHERE blueprint = $1 AND identifier = $2", old.Blueprint, old.Identifier); err != nil {
		return fmt.Errorf("delete scorecard %s: %w", old.Identifier, err)
	}
	return c.recordScorecard(ctx, tx, "scorecard.delete", old.Blueprint, old.Identifier, by, old.Doc, nil)
}

func (c *Catalog) recordScorecard(ctx context.Context, tx *store.Tx, verb, blueprint, id, by string, before, after map[string]json.RawMessage) error {
	return c.record(ctx, tx, verb, "scorecard/"+blueprint+"/"+id, by, "", audit.Detail("before", before, "after", after))
}

// deletedLife is how long what was deleted can be restored.
const deletedLife = 30 * 24 * time.Hour

// DeletedScorecard is a scorecard that can be restored.
type DeletedScorecard struct {
	ID         int64           `json:"id"`
	Blueprint  string          `json:"blueprint"`
	Identifier string          `json:"identifier"`
	Doc        json.RawMessage `json:"scorecard"`
	DeletedAt  time.Time       `json:"deletedAt"`
	DeletedBy  string          `json:"deletedBy"`
}

// DeletedScorecards lists what was deleted in the last 30 days, newest first.
func (c *Catalog) DeletedScorecards(ctx context.Context, blueprint string) ([]DeletedScorecard, error) {
	if err := c.may(ctx, VerbRead, blueprint); err != nil {
		return nil, err
	}
	rows, err := c.db.Read().QueryContext(ctx, `SELECT id, blueprint, identifier, doc, deleted_at, deleted_by FROM scorecards_deleted
		WHERE ($1 = '' OR blueprint = $1) AND deleted_at > $2 ORDER BY id DESC LIMIT 200`, blueprint, store.Millis(c.now().Add(-deletedLife)))
	list, err := store.All(rows, err, scanDeletedScorecard)
	if err != nil {
		return nil, fmt.Errorf("list deleted scorecards: %w", err)
	}
	return list, nil
}

func scanDeletedScorecard(row interface{ Scan(...any) error }) (DeletedScorecard, error) {
	var d DeletedScorecard
	var at int64
	var doc string
	err := row.Scan(&d.ID, &d.Blueprint, &d.Identifier, &doc, &at, &d.DeletedBy)
	d.Doc, d.DeletedAt = json.RawMessage(doc), store.Time(at)
	return d, err
}

// RestoreScorecard brings a deleted scorecard back.
func (c *Catalog) RestoreScorecard(ctx context.Context, id int64, by string) (Scorecard, error) {
	if err := c.may(ctx, VerbShape, ""); err != nil {
		return Scorecard{}, err
	}
	d, err := scanDeletedScorecard(c.db.Read().QueryRowContext(ctx, "SELECT id, blueprint, identifier, doc, deleted_at, deleted_by FROM scorecards_deleted WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) || err == nil && c.now().Sub(d.DeletedAt) > deletedLife {
		return Scorecard{}, fault.New(fault.NotFound, "There is no such deleted scorecard; they are kept for 30 days.")
	}
	if err != nil {
		return Scorecard{}, fmt.Errorf("read deleted scorecard %d: %w", id, err)
	}
	s, problem := parseScorecard(d.Doc, "")
	if problem != nil {
		return Scorecard{}, problem
	}
	return c.changeScorecards(ctx, d.Blueprint, s.Identifier, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM scorecards_deleted WHERE id = $1", id); err != nil {
			return fmt.Errorf("take deleted scorecard %d: %w", id, err)
		}
		return c.insertScorecard(ctx, tx, d.Blueprint, s, atTheEnd, by)
	})
}

// pruneScorecards forgets what can no longer be restored.
func pruneScorecards(ctx context.Context, tx *store.Tx, now time.Time) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM scorecards_deleted WHERE deleted_at < $1", store.Millis(now.Add(-deletedLife))); err != nil {
		return fmt.Errorf("forget deleted scorecards: %w", err)
	}
	return nil
}
