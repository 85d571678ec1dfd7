package portapi

import (
	"context"
	"encoding/json"
	"net/http"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

// ScorecardAnswer is one scorecard, with every key that was sent.
type ScorecardAnswer struct {
	Scorecard Scorecard `json:"scorecard"`
}

// ScorecardsAnswer is scorecards in their order.
type ScorecardsAnswer struct {
	Scorecards []Scorecard `json:"scorecards"`
}

// Scorecard documents what a scorecard has; it keeps keys it does not know.
type Scorecard struct {
	Identifier string           `json:"identifier"`
	Title      string           `json:"title"`
	Blueprint  string           `json:"blueprint"`
	Filter     map[string]any   `json:"filter,omitempty"`
	Levels     []ScorecardLevel `json:"levels"`
	Rules      []ScorecardRule  `json:"rules"`
	CreatedAt  string           `json:"createdAt"`
	UpdatedAt  string           `json:"updatedAt"`
	CreatedBy  string           `json:"createdBy"`
	UpdatedBy  string           `json:"updatedBy"`
	Extra      map[string]any   `json:"-"`
}

// ScorecardLevel is a level, the lowest first.
type ScorecardLevel struct {
	Title string         `json:"title"`
	Color string         `json:"color"`
	Extra map[string]any `json:"-"`
}

// ScorecardRule is what a level asks for.
type ScorecardRule struct {
	Identifier  string         `json:"identifier"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	Level       string         `json:"level"`
	Query       map[string]any `json:"query"`
	Extra       map[string]any `json:"-"`
}

func (s *Service) scorecardRoutes() []Route {
	const all, one, shape = "/v1/blueprints/{bp}/scorecards", "/v1/blueprints/{bp}/scorecards/{id}", "blueprint.write"
	return []Route{
		{Method: http.MethodGet, Path: "/v1/scorecards", ID: "listScorecards", Verb: "catalog.read", Audit: None, Out: ScorecardsAnswer{}, Handle: s.scorecards},
		{Method: http.MethodGet, Path: all, ID: "listBlueprintScorecards", Verb: "catalog.read", Audit: None, Out: ScorecardsAnswer{}, Handle: s.scorecards},
		{
			Method: http.MethodPost, Path: all, ID: "createScorecard", Verb: shape, Limit: Normal, Audit: Domain,
			Out: ScorecardAnswer{}, Handle: s.createScorecard,
		},
		{Method: http.MethodPut, Path: all, ID: "putScorecards", Verb: shape, Limit: Normal, Audit: Domain, Out: ScorecardsAnswer{}, Handle: s.putScorecards},
		{Method: http.MethodGet, Path: one, ID: "getScorecard", Verb: "catalog.read", Audit: None, Out: ScorecardAnswer{}, Handle: s.scorecard},
		{Method: http.MethodPut, Path: one, ID: "putScorecard", Verb: shape, Limit: Normal, Audit: Domain, Out: ScorecardAnswer{}, Handle: s.putScorecard},
		{Method: http.MethodDelete, Path: one, ID: "deleteScorecard", Verb: shape, Audit: Domain, Handle: s.deleteScorecard},
	}
}

func scorecardAnswer(c catalog.Scorecard, err error) (int, any, error) {
	return 0, map[string]any{"scorecard": c}, err
}

func scorecardsAnswer(list []catalog.Scorecard, err error) (int, any, error) {
	if list == nil {
		list = []catalog.Scorecard{}
	}
	return 0, map[string]any{"scorecards": list}, err
}

// scorecards lists those of a blueprint, or all.
func (s *Service) scorecards(ctx context.Context, r *Request) (int, any, error) {
	if id := r.Path["bp"]; id != "" {
		if _, err := s.Catalog.Blueprint(ctx, id); err != nil {
			return 0, nil, err
		}
	}
	return scorecardsAnswer(s.Catalog.Scorecards(ctx, r.Path["bp"]))
}

func (s *Service) scorecard(ctx context.Context, r *Request) (int, any, error) {
	return scorecardAnswer(s.Catalog.Scorecard(ctx, r.Path["bp"], r.Path["id"]))
}

func (s *Service) createScorecard(ctx context.Context, r *Request) (int, any, error) {
	return scorecardAnswer(s.Catalog.CreateScorecard(ctx, r.Path["bp"], r.Body, r.Caller.ID))
}

func (s *Service) putScorecard(ctx context.Context, r *Request) (int, any, error) {
	return scorecardAnswer(s.Catalog.PutScorecard(ctx, r.Path["bp"], r.Path["id"], r.Body, r.Caller.ID))
}

// putScorecards replaces all scorecards of a blueprint. The list comes bare or
// under "scorecards".
func (s *Service) putScorecards(ctx context.Context, r *Request) (int, any, error) {
	var list []json.RawMessage
	if json.Unmarshal(r.Body, &list) != nil {
		var in struct {
			Scorecards *[]json.RawMessage `json:"scorecards"`
		}
		if err := r.Decode(&in); err != nil {
			return 0, nil, err
		}
		if in.Scorecards == nil {
			return 0, nil, fault.Field("/scorecards", "is missing", "the list of scorecards")
		}
		list = *in.Scorecards
	}
	return scorecardsAnswer(s.Catalog.ReplaceScorecards(ctx, r.Path["bp"], list, r.Caller.ID))
}

func (s *Service) deleteScorecard(ctx context.Context, r *Request) (int, any, error) {
	return 0, nil, s.Catalog.DeleteScorecard(ctx, r.Path["bp"], r.Path["id"], r.Caller.ID)
}
