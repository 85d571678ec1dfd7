package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// contractStep is one request of a file in testdata/documents, and what must
// come back.
type contractStep struct {
	// Do is "POST /v1/pages"; ${name} stands for something saved before.
	Do string `json:"do"`
	// As is the role; administrator when absent, "nobody" without a token.
	As      string            `json:"as"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	Status  int               `json:"status"`
	// Answer must be in the answer: of objects the named keys, lists as a whole.
	// "$any" is anything but null, "$absent" must not be there.
	Answer json.RawMessage `json:"answer"`
	// Save keeps values of the answer: {"key": "integration.webhookKey"}.
	Save map[string]string `json:"save"`
	Why  string            `json:"why"`
}

var savedName = regexp.MustCompile(`\$\{(\w+)\}`)

// TestDocumentsContract plays what the clients of Port do with pages, folders,
// webhooks, integrations, workflows and secrets.
func TestDocumentsContract(t *testing.T) {
	files, err := filepath.Glob("testdata/documents/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	each(t, func(t *testing.T, h *harness) {
		h.must("administrator", "POST", "/v1/blueprints", map[string]any{
			"identifier": "svc", "title": "Service", "schema": map[string]any{"properties": map[string]any{
				"language": map[string]any{"type": "string"}, "count": map[string]any{"type": "number"},
			}, "required": []string{}}, "relations": map[string]any{},
		})
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var steps []contractStep
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&steps); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			saved := map[string]string{}
			for i, step := range steps {
				h.play(fmt.Sprintf("%s, step %d (%s %s)", filepath.Base(file), i+1, step.Do, step.Why), step, saved)
			}
		}
	})
}

func (h *harness) play(name string, step contractStep, saved map[string]string) {
	h.t.Helper()
	fill := func(s string) string {
		return savedName.ReplaceAllStringFunc(s, func(m string) string { return saved[m[2:len(m)-1]] })
	}
	method, path, _ := strings.Cut(fill(step.Do), " ")
	role := step.As
	switch role {
	case "":
		role = "administrator"
	case "nobody":
		role = ""
	}
	var body any
	if step.Body != nil {
		body = fill(string(step.Body))
	}
	var headers []string
	for key, value := range step.Headers {
		headers = append(headers, key, value)
	}
	got := h.call(role, method, path, body, headers...)
	want := step.Status
	if want == 0 {
		want = 200
	}
	if got.status != want {
		h.t.Errorf("%s: status %d, want %d: %s", name, got.status, want, got.text)
		return
	}
	if ok, is := got.json["ok"].(bool); !is || ok != (want < 300) {
		h.t.Errorf("%s: ok is %v: every answer needs it: %s", name, got.json["ok"], got.text)
	}
	if !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		h.t.Errorf("%s: Content-Type %q", name, got.header.Get("Content-Type"))
	}
	if step.Answer != nil {
		var wanted any
		if err := json.Unmarshal([]byte(fill(string(step.Answer))), &wanted); err != nil {
			h.t.Fatalf("%s: %v", name, err)
		}
		if problem := contains(got.json, wanted, ""); problem != "" {
			h.t.Errorf("%s: %s in %s", name, problem, got.text)
		}
	}
	for key, at := range step.Save {
		saved[key] = fmt.Sprint(got.field(at))
	}
}

// contains reports what of want is missing in got.
func contains(got, want any, at string) string {
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, want an object", at, got)
		}
		for key, value := range want {
			have, there := m[key]
			if value == "$absent" {
				if there {
					return fmt.Sprintf("%s.%s is there", at, key)
				}
				continue
			}
			if !there {
				return fmt.Sprintf("%s.%s is not there", at, key)
			}
			if problem := contains(have, value, at+"."+key); problem != "" {
				return problem
			}
		}
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(want) {
			return fmt.Sprintf("%s is %v, want a list of %d", at, got, len(want))
		}
		for i := range want {
			if problem := contains(l[i], want[i], fmt.Sprintf("%s[%d]", at, i)); problem != "" {
				return problem
			}
		}
	default:
		if want == "$any" && got != nil && got != "" {
			return ""
		}
		if got != want {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
	}
	return ""
}
