package forge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const hookSecret = "a secret of 24 characters"

func TestWebhookIsDeliveredSigned(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		seeded(t, r.Builtin, "svc")
		var got http.Header
		var body []byte
		status := http.StatusNoContent
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			got = req.Header
			var err error
			if body, err = io.ReadAll(req.Body); err != nil {
				t.Error(err)
			}
			if status == http.StatusFound {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(status)
		}))
		defer server.Close()
		if err := r.SetWebhook(t.Context(), "svc", Webhook{ID: "h", URL: server.URL + "/hook", Secret: hookSecret, Events: []string{"push"}}); err != nil {
			t.Fatal(err)
		}
		var list []Delivery
		if err := db.Tx(t.Context(), func(tx *store.Tx) error {
			var err error
			if list, err = r.Deliveries(t.Context(), tx, Event{Kind: "review", Repository: "svc"}); err != nil || len(list) != 0 {
				t.Errorf("deliveries of another kind: %v, %v", list, err)
			}
			list, err = r.Deliveries(t.Context(), tx, Event{Kind: "push", Repository: "svc", Branch: "main"})
			return err
		}); err != nil || len(list) != 1 {
			t.Fatalf("deliveries: %v, %v", list, err)
		}
		if err := r.DeliverWebhook(t.Context(), "svc", list[0].HookID, list[0].Payload, "d-1"); err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, []byte(hookSecret))
		mac.Write(body)
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); got.Get("X-Sphera-Signature-256") != want || got.Get("X-Sphera-Delivery") != "d-1" || got.Get("X-Sphera-Event") != "push" {
			t.Fatalf("headers %v, want signature %s", got, want)
		}
		var e Event
		if err := json.Unmarshal(body, &e); err != nil || e.Branch != "main" {
			t.Fatalf("payload %s, %v", body, err)
		}
		for _, status = range []int{500, 404, http.StatusFound} {
			if err := r.DeliverWebhook(t.Context(), "svc", "h", body, "d-2"); !fault.Is(err, fault.Unavailable) {
				t.Errorf("status %d: %v", status, err)
			}
		}
		if err := r.DeliverWebhook(t.Context(), "svc", "other", body, "d"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a webhook that is gone: %v", err)
		}

		var kept string
		if err := db.Read().QueryRowContext(t.Context(), "SELECT secret FROM forge_webhooks WHERE id = 'h'").Scan(&kept); err != nil || strings.Contains(kept, "secret") {
			t.Fatalf("kept as %q, %v", kept, err)
		}
		if _, err := r.seal.open(kept, "another/h"); err == nil {
			t.Fatal("the secret opens in another place")
		}
	})
}
