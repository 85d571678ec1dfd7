package openfeature_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	sphera "sphera/client/openfeature"
)

func client(t *testing.T, o sphera.Options) *openfeature.Client {
	t.Helper()
	p, err := sphera.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := openfeature.SetNamedProviderAndWait(t.Name(), p); err != nil {
		t.Fatal(err)
	}
	return openfeature.NewClient(t.Name())
}

// Whatever the server does, the default comes back.
func TestTheDefaultComesBack(t *testing.T) {
	asked := 0
	status, body := http.StatusInternalServerError, `{"errorDetails":"x"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "60")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	c := client(t, sphera.Options{Endpoint: server.URL, Timeout: 5 * time.Second})
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"an error": {500, `{"errorDetails":"x"}`}, "no JSON": {200, "hello"}, "an empty body": {200, ""}, "a page": {404, "<html>"},
		"a moved server": {302, ""}, "a failure": {400, `{"key":"a","errorCode":"GENERAL"}`},
	} {
		status, body = answer.status, answer.body
		if v, err := c.StringValue(t.Context(), "a", "default", openfeature.EvaluationContext{}); err == nil || v != "default" {
			t.Errorf("%s: %q %v", name, v, err)
		}
	}
	status = http.StatusTooManyRequests
	for range 3 {
		_, _ = c.StringValue(t.Context(), "a", "default", openfeature.EvaluationContext{})
	}
	before := asked
	_, _ = c.StringValue(t.Context(), "a", "default", openfeature.EvaluationContext{})
	if asked != before {
		t.Error("the server was asked again although it asked to wait")
	}
	if _, err := sphera.New(sphera.Options{Endpoint: "portal"}); err == nil {
		t.Error("an endpoint without a scheme is taken")
	}
}

func TestFromEnvironment(t *testing.T) {
	o := sphera.FromEnvironment(func(name string) string {
		return map[string]string{"OFREP_ENDPOINT": "http://x/flags/dev", "OFREP_HEADERS": "Authorization=Bearer%20spf_x,X-Team=a%2Cb", "OFREP_TIMEOUT_MS": "250"}[name]
	})
	if o.Endpoint != "http://x/flags/dev" || o.Headers.Get("Authorization") != "Bearer spf_x" || o.Headers.Get("X-Team") != "a,b" || o.Timeout != 250*time.Millisecond {
		t.Errorf("%+v", o)
	}
}
