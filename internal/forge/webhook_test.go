package forge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
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

func TestS24_OutgoingAddresses(t *testing.T) {
	for address, public := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:4700:4700::1111": true, "2a00:1450::1": true,
		"127.0.0.1": false, "127.8.9.1": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "169.254.169.254": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.0.0.1": false, "192.0.2.1": false, "192.168.1.1": false, "198.18.0.1": false, "198.51.100.1": false,
		"203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false,
		"2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "fc00::1": false, "fd12::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false,
		"100::1": false, "3fff::1": false, "5f00::1": false, "::ffff:8.8.8.8": true,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != public {
			t.Errorf("%s public is %v, want %v", address, got, public)
		}
	}
}

func TestS24_OutgoingClient(t *testing.T) {
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		reached++
		http.Redirect(w, req, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	}))
	defer server.Close()
	t.Setenv("HTTP_PROXY", server.URL)
	t.Setenv("http_proxy", server.URL)
	strict := newOutgoing(false)
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), strings.Replace(server.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), "http://169.254.169.254/"} {
		if err := strict.post(t.Context(), url, strings.NewReader("{}"), http.Header{}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if reached > 0 {
		t.Fatal("a private address was reached")
	}
	err := newOutgoing(true).post(t.Context(), server.URL, strings.NewReader("{}"), http.Header{})
	if !fault.Is(err, fault.Unavailable) || reached != 1 || errors.Is(err, errPrivateAddress) {
		t.Fatalf("a redirect: reached %d times, %v", reached, err)
	}
}
