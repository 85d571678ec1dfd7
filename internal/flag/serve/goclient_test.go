package serve_test

import (
	"testing"
	"time"

	sphera "sphera/client/openfeature"
	"sphera/internal/flag/serve"

	"github.com/open-feature/go-sdk/openfeature"
)

func goClient(t *testing.T, o sphera.Options) *openfeature.Client {
	t.Helper()
	p, err := sphera.New(o)
	if err != nil {
		t.Fatal(err)
	}
	name := t.Name() + o.Key
	if err := openfeature.SetNamedProviderAndWait(name, p); err != nil {
		t.Fatal(err)
	}
	return openfeature.NewClient(name)
}

// TestGoClient: OpenFeature's Go SDK with the provider in client/openfeature.
func TestGoClient(t *testing.T) {
	f := start(t, func(o *serve.Options) { o.Now = time.Now })
	endpoint := f.http.URL + "/flags/dev"
	c := goClient(t, sphera.Options{Endpoint: endpoint, Key: serverKey, Timeout: 10 * time.Second})
	ctx := t.Context()
	pro := openfeature.NewEvaluationContext("u1", map[string]any{"plan": "pro"})
	anybody := openfeature.NewTargetlessEvaluationContext(nil)
	if d, err := c.BooleanValueDetails(ctx, "banner", false, pro); err != nil || !d.Value || d.Variant != "on" || d.Reason != openfeature.TargetingMatchReason || d.FlagMetadata["flagSetId"] != "checkout" {
		t.Errorf("%+v %v", d, err)
	}
	if d, err := c.BooleanValueDetails(ctx, "banner", true, anybody); err != nil || d.Value || d.Reason != openfeature.DefaultReason {
		t.Errorf("%+v %v", d, err)
	}
	if v, err := c.StringValue(ctx, "color", "x", anybody); err != nil || v != "#f00" {
		t.Errorf("%v %v", v, err)
	}
	if v, err := c.IntValue(ctx, "limit", 1, anybody); err != nil || v != 10 {
		t.Errorf("%v %v", v, err)
	}
	if v, err := c.FloatValue(ctx, "limit", 1, anybody); err != nil || v != 10 {
		t.Errorf("%v %v", v, err)
	}
	if v, err := c.ObjectValue(ctx, "layout", nil, anybody); err != nil || v.(map[string]any)["columns"] != 3.0 {
		t.Errorf("%v %v", v, err)
	}
	if d, err := c.BooleanValueDetails(ctx, "off", true, anybody); err != nil || !d.Value || d.Reason != openfeature.DisabledReason {
		t.Errorf("off: %+v %v", d, err)
	}
	if d, err := c.BooleanValueDetails(ctx, "nothing", true, anybody); err == nil || !d.Value || d.ErrorCode != openfeature.FlagNotFoundCode {
		t.Errorf("unknown: %+v %v", d, err)
	}
	if d, err := c.StringValueDetails(ctx, "banner", "x", anybody); err == nil || d.Value != "x" || d.ErrorCode != openfeature.TypeMismatchCode {
		t.Errorf("of another type: %+v %v", d, err)
	}
	wrong := goClient(t, sphera.Options{Endpoint: endpoint, Key: "spf_wrong"})
	if v, err := wrong.BooleanValue(ctx, "banner", true, anybody); err == nil || !v {
		t.Errorf("a wrong key: %v %v", v, err)
	}
}
