package hook

import (
	"context"
	"encoding/json"
	"testing"
	"time"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(context.Background())
}

// FuzzMapping: whatever is sent as mappings and as an event, nothing panics,
// runs long or makes a change that is no entity.
func FuzzMapping(f *testing.F) {
	f.Add(`[{"blueprint":"b","filter":".body.x == 1","itemsToParse":".body.l","entity":{"identifier":".item.id","title":"'a'","properties":{"p":".item"},"relations":{"r":{"combinator":"and","rules":[{"property":"$identifier","operator":"=","value":".body.y"}]}}}}]`, `{"x":1,"l":[{"id":"q"}],"y":"z"}`)
	f.Add(`[{"blueprint":"b","operation":{"type":"delete","deleteDependents":false},"entity":{"identifier":{"combinator":"or","rules":[]}}}]`, `[]`)
	f.Add(`[{"entity":null}]`, `null`)
	f.Add(`[{"blueprint":"b","entity":{"identifier":".body|tostring","team":["'a'",[".x"]]}}]`, `{"a":1e400,"b":12345678901234567890}`)
	f.Fuzz(func(t *testing.T, mappings, body string) {
		if len(mappings) > 20_000 || len(body) > 20_000 {
			return
		}
		list, warnings, err := compile(json.RawMessage(mappings))
		if err != nil || checkBody([]byte(body)) != nil {
			return
		}
		if len(warnings) > 50 {
			t.Errorf("%d warnings", len(warnings))
		}
		in, err := input(map[string]string{"h": "v"}, map[string]string{}, []byte(body))
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		changes, result := render(ctx, list, in)
		if len(changes) != result.Mapped || len(result.Problems) > maxProblems {
			t.Errorf("%d changes, %+v", len(changes), result)
		}
		for _, c := range changes {
			if c.Entity["identifier"] == nil || c.Blueprint == "" {
				t.Errorf("%+v", c)
			}
			if _, err := json.Marshal(c); err != nil {
				t.Errorf("not JSON: %v", err)
			}
		}
	})
}
