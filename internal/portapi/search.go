package portapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
)

// maxSearched bounds the search over all blueprints, which has no pages at
// Port.
const maxSearched = 20_000

// SweepInput selects entities by the User-Agent of their last writer.
type SweepInput struct {
	Prefix string `json:"datasource_prefix"`
	Suffix string `json:"datasource_suffix"`
}

// SweepAnswer is the entities of a datasource.
type SweepAnswer struct {
	Entities []catalog.Name `json:"entities"`
}

// SearchAllAnswer is what a query finds in all blueprints.
type SearchAllAnswer struct {
	MatchingBlueprints []string         `json:"matchingBlueprints"`
	FailedBlueprints   []string         `json:"failedBlueprints"`
	Entities           []catalog.Entity `json:"entities"`
	Next               string           `json:"next,omitempty" doc:"Set where there are more than the answer holds; send it as from in the query of the address"`
}

// AggregateInput says what to work out over the entities a query finds.
type AggregateInput struct {
	Func          string          `json:"func"`
	Property      string          `json:"property,omitempty"`
	Relation      string          `json:"relation,omitempty"`
	Scorecard     string          `json:"scorecard,omitempty"`
	ScorecardRule string          `json:"scorecardRule,omitempty"`
	Rule          string          `json:"rule,omitempty"`
	CalculationBy string          `json:"calculationBy,omitempty"`
	AverageOf     string          `json:"averageOf,omitempty"`
	MeasureTimeBy string          `json:"measureTimeBy,omitempty"`
	Query         json.RawMessage `json:"query,omitempty"`
}

// AggregateAnswer is one number, or the count of each value.
type AggregateAnswer struct {
	Result  *float64             `json:"result" nullable:"true"`
	Values  []catalog.FacetValue `json:"values"`
	Partial bool                 `json:"partial" doc:"There are more entities than were looked at"`
}

// TimeRange is a span of time by name.
type TimeRange struct {
	Preset   string `json:"preset"`
	TimeZone string `json:"timeZone,omitempty"`
}

// OverTimeInput says what a chart over time shows.
type OverTimeInput struct {
	Blueprint         string          `json:"blueprint"`
	TimeRange         TimeRange       `json:"timeRange"`
	TimeInterval      string          `json:"timeInterval"`
	Query             json.RawMessage `json:"query,omitempty"`
	MeasureTimeBy     string          `json:"measureTimeBy,omitempty"`
	AggregationType   string          `json:"aggregationType"`
	Func              string          `json:"func"`
	Properties        []string        `json:"properties,omitempty"`
	BreakdownProperty string          `json:"breakdownProperty,omitempty"`
}

// HistoryInput says what to tell of the past of an entity.
type HistoryInput struct {
	Entity        string    `json:"entityIdentifier"`
	Blueprint     string    `json:"blueprintIdentifier"`
	PropertyNames []string  `json:"propertyNames"`
	TimeInterval  string    `json:"timeInterval"`
	TimeRange     TimeRange `json:"timeRange"`
}

// SeriesAnswer is values by interval.
type SeriesAnswer struct {
	Result catalog.Series `json:"result"`
}

func (s *Service) searchRoutes() []Route {
	const read, post = "catalog.read", http.MethodPost
	return []Route{
		{
			Method: post, Path: "/v1/blueprints/entities/datasource-entities", ID: "listDatasourceEntities", Verb: read, Limit: Small, Audit: Asks,
			In: SweepInput{}, Out: SweepAnswer{}, Handle: s.datasourceEntities,
		},
		{
			Method: post, Path: "/v1/entities/search", ID: "searchAllEntities", Verb: read, Limit: Normal, Audit: Asks, Out: SearchAllAnswer{},
			Params: append(viewParams(), Param{Name: "from", Doc: "The next of the answer before"}), Handle: s.searchAll,
		},
		{Method: post, Path: "/v1/entities/aggregate", ID: "aggregateEntities", Verb: read, Limit: Normal, Audit: Asks, In: AggregateInput{}, Out: AggregateAnswer{}, Handle: s.aggregate},
		{Method: post, Path: "/v1/entities/aggregate-over-time", ID: "aggregateOverTime", Verb: read, Limit: Normal, Audit: Asks, In: OverTimeInput{}, Out: SeriesAnswer{}, Handle: s.overTime},
		{Method: post, Path: "/v1/entities/properties-history", ID: "listPropertiesHistory", Verb: read, Limit: Small, Audit: Asks, In: HistoryInput{}, Out: SeriesAnswer{}, Handle: s.propertiesHistory},
	}
}

// datasourceEntities is asked by a program that is about to delete, one by one,
// what it did not just write.
func (s *Service) datasourceEntities(ctx context.Context, r *Request) (int, any, error) {
	var in SweepInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if in.Prefix == "" && in.Suffix == "" {
		return 0, nil, fault.Field("/datasource_prefix", "is empty, and so is datasource_suffix", "the beginning or the end of a User-Agent")
	}
	list, err := s.Catalog.OfDatasource(ctx, in.Prefix, in.Suffix)
	if err != nil {
		return 0, nil, err
	}
	if err := s.Sources.Listed(ctx, r.client()); err != nil {
		return 0, nil, err
	}
	return 0, SweepAnswer{Entities: list}, nil
}

// searchQuery reads a query, and what its rules about the caller are compared
// with. at is the pointer of the query in the body.
func (s *Service) searchQuery(ctx context.Context, r *Request, at string, raw json.RawMessage) (*query.Query, query.Env, error) {
	where, problems := query.Parse(raw)
	if len(problems) > 0 {
		return nil, query.Env{}, catalog.RuleFault(at, problems)
	}
	email := r.Caller.Email
	if r.Caller.Via == auth.ViaApp {
		email = "" // a machine is nobody's colleague
	}
	if bytes.Contains(raw, []byte(`"context"`)) {
		env, err := s.Catalog.SearchEnv(ctx, email, r.Caller.Teams)
		return where, env, err
	}
	return where, query.Env{Now: s.Now(), User: email, UserTeams: r.Caller.Teams}, nil
}

// searchAll is the older search: the body is the query itself.
func (s *Service) searchAll(ctx context.Context, r *Request) (int, any, error) {
	where, env, err := s.searchQuery(ctx, r, "/", r.Body)
	if err != nil {
		return 0, nil, err
	}
	page, err := s.Catalog.SearchAll(ctx, where, env, maxSearched, r.Query.Get("from"))
	if err != nil {
		return 0, nil, err
	}
	if bytes.Contains(r.Body, []byte(`"$datasource"`)) { // some programs ask here what is theirs before they delete
		if err := s.Sources.Listed(ctx, r.client()); err != nil {
			return 0, nil, err
		}
	}
	list, err := s.entities(ctx, page.Entities, viewOf(r))
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{"matchingBlueprints": page.Blueprints, "failedBlueprints": []string{}, "entities": list}
	if page.Next != "" {
		answer["next"] = page.Next
	}
	return 0, answer, nil
}

func (s *Service) aggregate(ctx context.Context, r *Request) (int, any, error) {
	var in AggregateInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	where, env, err := s.searchQuery(ctx, r, "/query/", in.Query)
	if err != nil {
		return 0, nil, err
	}
	if in.ScorecardRule == "" {
		in.ScorecardRule = in.Rule
	}
	a, err := s.Catalog.Aggregate(ctx, catalog.AggregateSpec{
		Func: in.Func, Property: in.Property, Relation: in.Relation, Scorecard: in.Scorecard, ScorecardRule: in.ScorecardRule,
		AverageOf: in.AverageOf, MeasureTimeBy: in.MeasureTimeBy, Where: where, Env: env,
	})
	return 0, AggregateAnswer{Result: a.Value, Values: a.Values, Partial: a.Partial}, err
}

func (s *Service) overTime(ctx context.Context, r *Request) (int, any, error) {
	var in OverTimeInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	where, env, err := s.searchQuery(ctx, r, "/query/", in.Query)
	if err != nil {
		return 0, nil, err
	}
	properties := in.Properties
	switch in.AggregationType {
	case "aggregatePropertiesValues":
		if len(properties) == 0 {
			return 0, nil, fault.Field("/properties", "are missing", "the numbers to aggregate")
		}
	case "countEntities":
		properties = nil
	default:
		return 0, nil, fault.Field("/aggregationType", "is not one", "aggregatePropertiesValues or countEntities")
	}
	series, err := s.Catalog.OverTime(ctx, catalog.OverTimeSpec{
		Blueprint: in.Blueprint, Time: timeSpec(in.TimeRange, in.TimeInterval), Where: where, Env: env, MeasureTimeBy: in.MeasureTimeBy, Func: in.Func,
		Properties: properties, Breakdown: in.BreakdownProperty,
	})
	return 0, SeriesAnswer{Result: series}, err
}

func timeSpec(r TimeRange, interval string) catalog.TimeSpec {
	return catalog.TimeSpec{Preset: r.Preset, Zone: r.TimeZone, Interval: interval}
}

func (s *Service) propertiesHistory(ctx context.Context, r *Request) (int, any, error) {
	var in HistoryInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	series, err := s.Catalog.PropertyHistory(ctx, in.Blueprint, in.Entity, in.PropertyNames, timeSpec(in.TimeRange, in.TimeInterval))
	return 0, SeriesAnswer{Result: series}, err
}
