package portapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// OrganizationAnswer is the organisation. Its name and settings are what
// clients set; feature flags are none: every flag of Port changes what clients
// expect of the server.
type OrganizationAnswer struct {
	Organization struct {
		ID           string         `json:"id"`
		Name         string         `json:"name"`
		FeatureFlags []string       `json:"featureFlags"`
		Settings     map[string]any `json:"settings"`
		IsOnboarded  bool           `json:"isOnboarded"`
		Announcement any            `json:"announcement,omitempty"`
	} `json:"organization" nameHint:"Organization"`
}

func (s *Service) organizationRoutes() []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: "/v1/organization", ID: "getOrganization", Verb: SignedIn, Audit: None,
			Out: OrganizationAnswer{}, Handle: s.organization,
		},
		{
			Method: http.MethodPut, Path: "/v1/organization", ID: "putOrganization", Verb: "user.write", Limit: Small, Audit: Domain,
			Handle: s.changeOrganization,
		},
		{
			Method: http.MethodPatch, Path: "/v1/organization", ID: "patchOrganization", Verb: "user.write", Limit: Small, Audit: Domain,
			Handle: s.changeOrganization,
		},
	}
}

func (s *Service) organization(ctx context.Context, _ *Request) (int, any, error) {
	var id string
	var raw []byte
	if err := s.DB.Read().QueryRowContext(ctx, "SELECT id, doc FROM organization WHERE one = 1").Scan(&id, &raw); err != nil {
		return 0, nil, fmt.Errorf("read the organisation: %w", err)
	}
	var out OrganizationAnswer
	if err := json.Unmarshal(raw, &out.Organization); err != nil {
		return 0, nil, fmt.Errorf("stored organisation: %w", err)
	}
	o := &out.Organization
	if o.ID, o.FeatureFlags = id, []string{}; o.Name == "" {
		o.Name = "Sphera"
	}
	return 0, out, nil
}

// changeOrganization merges: agents send settings without the name, and of the
// settings only their own.
func (s *Service) changeOrganization(ctx context.Context, r *Request) (int, any, error) {
	var sent map[string]any
	if err := r.Decode(&sent); err != nil {
		return 0, nil, err
	}
	if err := checkOrganization(sent); err != nil {
		return 0, nil, err
	}
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		var raw []byte
		if err := tx.QueryRowContext(ctx, "SELECT doc FROM organization WHERE one = 1"+tx.ForUpdate()).Scan(&raw); err != nil {
			return fmt.Errorf("read the organisation: %w", err)
		}
		doc := map[string]any{}
		if err := json.Unmarshal(raw, &doc); err != nil {
			return fmt.Errorf("stored organisation: %w", err)
		}
		settings, _ := doc["settings"].(map[string]any)
		changed, _ := sent["settings"].(map[string]any)
		for _, key := range []string{"name", "isOnboarded", "announcement"} {
			if v, ok := sent[key]; ok {
				doc[key] = v
			}
		}
		if changed != nil {
			if settings == nil {
				settings = map[string]any{}
			}
			maps.Copy(settings, changed)
			doc["settings"] = settings
		}
		text, err := json.Marshal(doc)
		if err != nil {
			return fmt.Errorf("encode the organisation: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE organization SET doc = $1, updated_at = $2 WHERE one = 1", string(text), store.Millis(s.Now())); err != nil {
			return fmt.Errorf("change the organisation: %w", err)
		}
		return s.Audit.Append(ctx, tx, audit.Event{
			Actor: r.Caller.ID, ActorName: r.Caller.Name, Verb: "organization.update", Object: "organization", Outcome: audit.Success,
			Detail: audit.Detail("fields", slices.Sorted(maps.Keys(sent))),
		})
	})
	return 0, nil, err
}

func checkOrganization(sent map[string]any) error {
	f := fault.New(fault.Unprocessable, "The organisation was not changed.")
	for key, v := range sent {
		var ok bool
		var expected string
		switch key {
		case "name":
			name, is := v.(string)
			ok, expected = is && name != "" && utf8.RuneCountInString(name) <= 100, "1 to 100 characters"
		case "settings":
			var settings map[string]any
			if settings, ok = v.(map[string]any); !ok {
				expected = "an object"
				break
			}
			if title, sent := settings["portalTitle"]; sent && title != nil {
				text, is := title.(string)
				if !is || utf8.RuneCountInString(text) > 30 {
					f.With("/settings/portalTitle", "is not a title", "at most 30 characters")
				}
			}
		case "isOnboarded":
			_, ok = v.(bool)
			expected = "true or false"
		case "announcement":
			_, ok = v.(map[string]any)
			ok = ok || v == nil
			expected = "an object"
		default:
			ok, expected = false, "name, settings, isOnboarded, announcement"
		}
		if !ok {
			f.With("/"+key, "is not valid", expected)
		}
	}
	if len(f.Details) == 0 {
		return nil
	}
	slices.SortFunc(f.Details, func(a, b fault.Detail) int { return len(a.Field) - len(b.Field) })
	return f
}
