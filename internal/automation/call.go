package automation

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/store"
)

// invokeOutside calls the other system.
func (s *Service) invokeOutside(ctx context.Context, x *action.Exec, args stepArgs) (done, error) {
	row, err := s.row(ctx, s.DB.Read(), x.RunID)
	if err != nil {
		return done{}, err
	}
	if err := args.asked(&row.record); err != nil {
		return done{}, err
	}
	var out done
	switch args.Method {
	case Webhook:
		out, err = s.callWebhook(ctx, x, row)
	case GitHub:
		err = s.dispatchGitHub(ctx, x, row)
	case GitLab:
		err = s.startGitLab(ctx, x, row)
	default:
		err = fmt.Errorf("%s cannot be run here", args.Method)
	}
	if f, ok := fault.As(err); ok {
		err = explain(f)
	}
	if err != nil {
		err = errors.Join(err, s.finish(ctx, x.RunID, outcome{Status: Failure, Summary: err.Error(), By: "system"}))
	}
	return out, action.Permanent(err)
}

// payload is what is called, with its templates filled.
func (s *Service) payload(ctx context.Context, row *runRow, withSecrets bool) (map[string]any, error) {
	def, err := row.definition()
	if err != nil {
		return nil, err
	}
	parts := map[string]any{}
	for key, value := range def.Invocation {
		if !slices.Contains([]string{"type", "agent", "synchronized", "installationId", "integrationActionType"}, key) {
			parts[key] = value
		}
	}
	filled, err := s.render(ctx, &row.record, parts, withSecrets)
	if err != nil {
		return nil, err
	}
	out, _ := filled.(map[string]any)
	out["type"] = row.Method
	switch row.Method {
	case Webhook:
		out["agent"], out["synchronized"] = row.Agent, row.Synchronized
		if out["method"] == nil {
			out["method"] = http.MethodPost
		}
		if out["headers"] == nil {
			out["headers"] = map[string]any{}
		}
		if out["body"] == nil {
			out["body"] = map[string]any{}
		}
	case Integration:
		out["installationId"] = row.Installation
		if kind := def.Invocation["integrationActionType"]; kind != nil {
			out["integrationActionType"] = kind
		}
	}
	return out, nil
}

func (s *Service) renderText(ctx context.Context, row *runRow, v any) (string, error) {
	out, err := s.render(ctx, &row.record, v, true)
	if err != nil {
		return "", err
	}
	text, ok := out.(string)
	if !ok {
		return "", fmt.Errorf("a part of the invocation is not a text: %v", out)
	}
	return text, nil
}

// headers that the caller sets itself.
func reservedHeaders() []string {
	return []string{"Host", "Content-Length", "Connection", "Transfer-Encoding", "Upgrade", "Te", "Trailer"}
}

func (s *Service) callWebhook(ctx context.Context, x *action.Exec, row *runRow) (done, error) {
	payload, err := s.payload(ctx, row, true)
	if err != nil {
		return done{}, err
	}
	shown, err := s.payload(ctx, row, false)
	if err != nil {
		return done{}, err
	}
	address, _ := payload["url"].(string)
	method, _ := payload["method"].(string)
	method = strings.ToUpper(method)
	if !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method) {
		return done{}, fmt.Errorf("the method %q is none of POST, PUT, PATCH, DELETE", method)
	}
	body, err := compact(payload["body"])
	if err != nil {
		return done{}, err
	}
	header, err := s.signed(ctx, body)
	if err != nil {
		return done{}, err
	}
	given, _ := payload["headers"].(map[string]any)
	for name, value := range given {
		if !slices.Contains(reservedHeaders(), http.CanonicalHeaderKey(name)) {
			header.Set(name, fmt.Sprint(value))
		}
	}
	shownAddress, _ := shown["url"].(string)
	x.Logf("%s %s", method, withoutQuery(shownAddress))
	answer, err := s.Outgoing.Do(ctx, method, address, header, bytes.NewReader(body))
	if err != nil {
		return done{}, err
	}
	x.Logf("The answer is %d.", answer.Status)
	report := outcome{Payload: shown, Response: answerBody(answer), By: "system"}
	switch {
	case !answer.OK():
		report.Status, report.Summary = Failure, fmt.Sprintf("The webhook answered %d.", answer.Status)
	case row.Synchronized:
		report.Status = Success
	}
	if err := s.finish(ctx, x.RunID, report); err != nil {
		return done{}, err
	}
	if report.Status == Failure {
		return done{}, errors.New(report.Summary)
	}
	return done{Status: report.Status}, nil
}

func withoutQuery(address string) string {
	before, _, _ := strings.Cut(address, "?")
	return before
}

func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the body: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// signed are the headers of a request with this body: the time and the
// signature over both.
func (s *Service) signed(ctx context.Context, body []byte) (http.Header, error) {
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Sphera"}}
	key, err := s.SigningKey(ctx)
	if err != nil || key == "" {
		return header, err
	}
	at := strconv.FormatInt(s.Now().Unix(), 10)
	header.Set("X-Port-Timestamp", at)
	header.Set("X-Port-Signature", Sign(key, at, body))
	return header, nil
}

// Sign is the signature of a body that is sent at a time.
func Sign(key, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// maxResponse is how much of an answer is kept.
const maxResponse = 64 << 10

func answerBody(a outgoing.Answer) any {
	body := a.Body
	if len(body) > maxResponse {
		body = body[:maxResponse]
	}
	var v any
	if json.Unmarshal(body, &v) == nil {
		return map[string]any{"status": a.Status, "body": v}
	}
	return map[string]any{"status": a.Status, "body": strings.ToValidUTF8(string(body), "?")}
}

// secret is an organisation's secret that a way of invoking needs.
func (s *Service) secret(ctx context.Context, name string) (string, error) {
	all, err := s.Secrets(ctx, func(one string) bool { return one == name })
	if err != nil {
		return "", err
	}
	if all[name] == "" {
		return "", fmt.Errorf("the organisation has no secret %s, which is needed to start it", name)
	}
	return all[name], nil
}

// api calls a JSON API of another system.
func (s *Service) api(ctx context.Context, method, address string, header http.Header, body, answer any) (int, error) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = compact(body); err != nil {
			return 0, err
		}
		header.Set("Content-Type", "application/json")
	}
	got, err := s.Outgoing.Do(ctx, method, address, header, bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	if !got.OK() {
		text := strings.ToValidUTF8(string(got.Body[:min(len(got.Body), 300)]), "?")
		return got.Status, fmt.Errorf("%s answered %d: %s", hostOf(address), got.Status, text)
	}
	if answer != nil {
		if err := json.Unmarshal(got.Body, answer); err != nil {
			return got.Status, fmt.Errorf("%s answered something that cannot be read: %w", hostOf(address), err)
		}
	}
	return got.Status, nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the other system"
	}
	return u.Host
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// setExternal keeps what the run is called in the other system.
func (s *Service) setExternal(ctx context.Context, id, external, link string, payload map[string]any) error {
	raw, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	links := ""
	if link != "" {
		encoded, err := json.Marshal(link)
		if err != nil {
			return err
		}
		links = string(encoded)
	}
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE automation_runs SET external_run_id = CASE WHEN $1 = '' THEN external_run_id ELSE $1 END,
			link = CASE WHEN $2 = '' THEN link ELSE $2 END, payload = CASE WHEN payload = '' THEN $3 ELSE payload END, updated_at = $4 WHERE id = $5`,
			external, links, string(raw), store.Millis(s.Now()), id)
		if err != nil {
			return fmt.Errorf("keep what run %s is called elsewhere: %w", id, err)
		}
		tx.Notify(Topic, id)
		return nil
	})
}

// skew is how far the clocks of two systems may be apart.
const skew = 30 * time.Second
