package automation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sphera/internal/catalog/jq"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
)

// rightsBlock is who may execute, or approve.
type rightsBlock struct {
	Users       []string `json:"users"`
	Roles       []string `json:"roles"`
	Teams       []string `json:"teams"`
	OwnedByTeam *bool    `json:"ownedByTeam"`
	Policy      *Policy  `json:"policy"`
}

// Policy decides by what is in the catalog. With a policy, users, roles and
// teams only say who sees the action.
type Policy struct {
	Queries    map[string]json.RawMessage `json:"queries"`
	Conditions []string                   `json:"conditions"`
}

// Bounds of a policy.
const (
	maxQueries        = 20
	maxConditions     = 20
	maxPolicyEntities = 1000
)

func (p *Policy) check(at string) error {
	switch {
	case len(p.Queries) > maxQueries:
		return fault.Field(at+"/queries", "has too many queries", fmt.Sprintf("at most %d", maxQueries))
	case len(p.Conditions) > maxConditions:
		return fault.Field(at+"/conditions", "has too many conditions", fmt.Sprintf("at most %d", maxConditions))
	}
	return nil
}

// Allows says whether the policy lets the run be executed: one condition that
// is true is enough. A policy whose conditions fail says no.
func (s *Service) allows(ctx context.Context, p *Policy, input map[string]any) bool {
	return slices.Contains(s.decide(ctx, p, input), any(true))
}

// approvers are the e-mail addresses of those who may approve.
func (s *Service) approvers(ctx context.Context, p *Policy, input map[string]any) []string {
	out := []string{}
	for _, v := range s.decide(ctx, p, input) {
		list, _ := v.([]any)
		for _, item := range list {
			if mail, ok := item.(string); ok && mail != "" && !slices.Contains(out, mail) {
				out = append(out, mail)
			}
		}
	}
	return out
}

// decide evaluates all conditions over what the queries find. A query that
// fails finds nothing, a condition that fails has no result.
func (s *Service) decide(ctx context.Context, p *Policy, input map[string]any) []any {
	results := map[string]any{}
	for name, raw := range p.Queries {
		entities, err := s.policyQuery(ctx, raw, input)
		if err != nil {
			s.Log.InfoContext(ctx, "a policy's query failed", "query", name, "error", err)
			continue
		}
		results[name] = map[string]any{"entities": entities}
	}
	subject := map[string]any{"results": results}
	maps.Copy(subject, input)
	var out []any
	for _, condition := range p.Conditions {
		program, err := jq.Compile(condition)
		if err == nil {
			var v any
			if v, err = program.First(ctx, subject, policyLimits()); err == nil {
				out = append(out, v)
				continue
			}
		}
		s.Log.InfoContext(ctx, "a policy's condition failed", "error", err)
	}
	return out
}

func (s *Service) policyQuery(ctx context.Context, raw json.RawMessage, input map[string]any) ([]any, error) {
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	template, err := jq.CompileTemplate(doc)
	if err != nil {
		return nil, err
	}
	filled, err := template.Render(ctx, input, jq.Limits{})
	if err != nil {
		return nil, err
	}
	q, problems := query.ParseValue(filled)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s %s", problems[0].Path, problems[0].Problem)
	}
	if s.Find == nil {
		return nil, fmt.Errorf("there is no search")
	}
	found, err := s.Find(ctx, q, query.Env{Now: s.Now()}, maxPolicyEntities)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(found))
	for i := range found {
		if out[i], err = asJSON(found[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func policyLimits() jq.Limits { return jq.Limits{Time: 200e6, Output: 4 << 20} }

// asJSON is a value as encoding/json would read it back.
func asJSON(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(raw, &out)
}
