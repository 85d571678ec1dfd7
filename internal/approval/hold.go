package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// maxHolds bounds how many holds stand at once.
const maxHolds = 200

// holdKey is what held runs wait for.
const holdKey = "approval-hold"

// Hold keeps steps from starting: of one action, in one environment, about one
// entity, one blueprint or what one team owns, or of every run. A run goes on by itself when it ends.
type Hold struct {
	ID string `json:"id"`
	HoldBody
	CreatedBy string    `json:"createdBy"`
	CreatedAt time.Time `json:"createdAt"`
}

// HoldBody is a hold as it is sent. Everything that is set has to fit.
type HoldBody struct {
	Action      string    `json:"action,omitempty" maxLength:"500" doc:"The identifier of an action"`
	Environment string    `json:"environment,omitempty" maxLength:"200" doc:"The identifier of an environment that the inputs name"`
	Entity      string    `json:"entity,omitempty" maxLength:"700" doc:"Blueprint/identifier"`
	Blueprint   string    `json:"blueprint,omitempty" maxLength:"200" doc:"Every entity of this blueprint, instead of one"`
	Team        string    `json:"team,omitempty" maxLength:"200" doc:"Every entity that this team owns, instead of one"`
	Reason      string    `json:"reason" minLength:"1" maxLength:"500"`
	Until       time.Time `json:"until,omitzero" doc:"When it ends by itself; never when absent"`
}

// The three are kept in one column: an entity as it is, a blueprint as
// "Blueprint/*" and a team as "*/@team"; "*" and "@" begin no identifier.
const (
	everyEntity = "/*"
	ofTeam      = "*/@"
)

// about is the column of what a hold is about.
func (h *HoldBody) about() (string, error) {
	set := 0
	for _, one := range []string{h.Entity, h.Blueprint, h.Team} {
		if one != "" {
			set++
		}
	}
	blueprint, id, ok := strings.Cut(h.Entity, "/")
	switch {
	case set > 1:
		return "", fault.Field("entity", "is there besides a blueprint or a team", "one of entity, blueprint and team")
	case h.Entity != "" && (!ok || blueprint == "" || blueprint == "*" || id == "" || id == "*"):
		return "", fault.Field("entity", "names no entity", "Blueprint/identifier")
	case strings.ContainsAny(h.Blueprint, "/*"):
		return "", fault.Field("blueprint", "is not an identifier", "the identifier of a blueprint")
	case h.Blueprint != "":
		return h.Blueprint + everyEntity, nil
	case h.Team != "":
		return ofTeam + h.Team, nil
	}
	return h.Entity, nil
}

func (h *HoldBody) setAbout(column string) {
	if team, ok := strings.CutPrefix(column, ofTeam); ok {
		h.Team = team
	} else if blueprint, ok := strings.CutSuffix(column, everyEntity); ok {
		h.Blueprint = blueprint
	} else {
		h.Entity = column
	}
}

// Holds lists what stands.
func (s *Service) Holds(ctx context.Context) ([]Hold, error) {
	return s.standingHolds(ctx, s.DB.Read())
}

func (s *Service) standingHolds(ctx context.Context, q store.Querier) ([]Hold, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, action, environment, entity, reason, created_by, created_at, until_at FROM approval_holds WHERE until_at = 0 OR until_at > $1 ORDER BY created_at, id LIMIT $2",
		store.Millis(s.Now()), maxHolds)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (h Hold, err error) {
		var created, until int64
		var about string
		err = row.Scan(&h.ID, &h.Action, &h.Environment, &about, &h.Reason, &h.CreatedBy, &created, &until)
		h.setAbout(about)
		h.CreatedAt, h.Until = store.Time(created), store.Time(until)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the holds: %w", err)
	}
	return list, nil
}

// SetHold holds runs from the moment on that it returns: no step of theirs
// starts afterwards.
func (s *Service) SetHold(ctx context.Context, body HoldBody, by auth.User) (Hold, error) {
	body.Reason = clean(strings.TrimSpace(body.Reason))
	now := s.Now()
	switch {
	case body.Reason == "":
		return Hold{}, fault.Field("reason", "is missing", "why runs are held, for those who wait")
	case !body.Until.IsZero() && !body.Until.After(now):
		return Hold{}, fault.Field("until", "has passed", "a time to come")
	}
	about, err := body.about()
	if err != nil {
		return Hold{}, err
	}
	h := Hold{ID: uuid.NewString(), HoldBody: body, CreatedBy: by.ID, CreatedAt: store.Time(store.Millis(now))}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := closeGate(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM approval_holds WHERE until_at > 0 AND until_at <= $1", store.Millis(now)); err != nil {
			return fmt.Errorf("forget ended holds: %w", err)
		}
		list, err := s.standingHolds(ctx, tx)
		if err != nil {
			return err
		}
		if len(list) >= maxHolds {
			return fault.New(fault.Conflict, "There are already %d holds, the most that can stand at once.", maxHolds)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO approval_holds (id, action, environment, entity, reason, created_by, created_at, until_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			h.ID, h.Action, h.Environment, about, h.Reason, h.CreatedBy, store.Millis(now), store.Millis(h.Until))
		if err != nil {
			return fmt.Errorf("set a hold: %w", err)
		}
		tx.Notify(Topic, h.ID)
		return s.event(ctx, tx, by, "hold.create", "hold/"+h.ID, "", h.detail())
	})
	return h, err
}

func (h *Hold) detail() json.RawMessage {
	return audit.Detail("action", h.Action, "environment", h.Environment, "entity", h.Entity, "blueprint", h.Blueprint, "team", h.Team, "reason", h.Reason, "until", h.Until)
}

// LiftHold lets the held runs go on.
func (s *Service) LiftHold(ctx context.Context, id string, by auth.User) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM approval_holds WHERE id = $1", id)
		if err != nil {
			return fmt.Errorf("lift a hold: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.New(fault.NotFound, "There is no such hold.")
		}
		if err := s.event(ctx, tx, by, "hold.delete", "hold/"+id, "", audit.Detail()); err != nil {
			return err
		}
		tx.Notify(Topic, id)
		return s.Runs.Signal(ctx, tx, holdKey)
	})
}

// held parks a run that a hold is about.
func (s *Service) held(ctx context.Context, tx *store.Tx, id string) (*action.Wait, error) {
	list, err := s.standingHolds(ctx, tx)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var act, raw, about, entity string
	if err := tx.QueryRowContext(ctx, "SELECT action, input, entities, entity FROM runs WHERE id = $1", id).Scan(&act, &raw, &about, &entity); err != nil {
		return nil, fmt.Errorf("read run %s: %w", id, err)
	}
	var entities []string
	if err := json.Unmarshal([]byte(about), &entities); err != nil {
		return nil, fmt.Errorf("read run %s: %w", id, err)
	}
	var input map[string]any
	if json.Unmarshal([]byte(raw), &input) != nil {
		input = nil
	}
	environments := append(texts(input["environment"]), texts(input["environments"])...)
	for _, h := range list {
		fits := (h.Action == "" || glob(h.Action, act)) &&
			(h.Environment == "" || slices.Contains(environments, h.Environment) || slices.Contains(entities, "Environment/"+h.Environment))
		if !fits {
			continue
		}
		if fits, err := s.isAbout(ctx, &h, entities); err != nil || !fits {
			if err != nil {
				return nil, err
			}
			continue
		}
		until := s.Now().Add(holdLooks)
		if !h.Until.IsZero() && h.Until.Before(until) {
			until = h.Until
		}
		return &action.Wait{Kind: action.WaitExternal, Key: holdKey, Until: until, Reason: "Held: " + h.Reason, URL: "/approvals/holds"}, nil
	}
	return nil, nil
}

// isAbout says whether one of the entities is what a hold is about.
func (s *Service) isAbout(ctx context.Context, h *Hold, entities []string) (bool, error) {
	switch {
	case h.Entity != "":
		return slices.Contains(entities, h.Entity), nil
	case h.Blueprint != "":
		return slices.ContainsFunc(entities, func(e string) bool { return strings.HasPrefix(e, h.Blueprint+"/") }), nil
	case h.Team == "":
		return true, nil
	}
	ctx = auth.WithPrincipal(ctx, auth.System("approval"))
	for _, ref := range entities {
		blueprint, id, _ := strings.Cut(ref, "/")
		e, err := s.Catalog.Entity(ctx, blueprint, id)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
			continue // it is not there yet, so nobody owns it
		}
		if err != nil {
			return false, fmt.Errorf("look who owns %s: %w", ref, err)
		}
		if slices.Contains(e.Team, h.Team) {
			return true, nil
		}
	}
	return false, nil
}
