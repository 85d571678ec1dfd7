package catalog

import (
	"encoding/json"
	"time"
)

// wireTime is how times are written in answers: with milliseconds, in UTC.
const wireTime = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes an unset icon as null, and lists and maps that are empty
// as such: an answer always has every field.
func (e Entity) MarshalJSON() ([]byte, error) {
	type plain Entity
	out := struct {
		plain
		Icon      *string `json:"icon"`
		CreatedAt string  `json:"createdAt"`
		UpdatedAt string  `json:"updatedAt"`
	}{plain: plain(e), CreatedAt: wireStamp(e.CreatedAt), UpdatedAt: wireStamp(e.UpdatedAt)}
	if e.Icon != "" {
		out.Icon = &e.Icon
	}
	if e.Team == nil {
		out.Team = []string{}
	}
	for _, m := range []*map[string]any{&out.Properties, &out.Relations, &out.Scorecards} {
		if *m == nil {
			*m = map[string]any{}
		}
	}
	return json.Marshal(out)
}

func wireStamp(t time.Time) string { return t.UTC().Format(wireTime) }
