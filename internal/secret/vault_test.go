package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const canary = "SPHERA-CANARY-value"

func TestS40_ValueCannotBePrinted(t *testing.T) {
	v := secret.NewValue(canary)
	holder := struct {
		V secret.Value
		P *secret.Value
		u secret.Value
	}{v, &v, v}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, "h", holder, "p", &v)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v, "h", holder)
	raw, err := json.Marshal(map[string]any{"v": v, "h": holder})
	if err != nil {
		t.Fatal(err)
	}
	out := log.String() + string(raw) + fmt.Sprint(v, &v, holder) + fmt.Errorf("%w: %v", os.ErrClosed, v).Error()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T%[1]v", "%p", "%10.3s"} {
		out += fmt.Sprintf(verb, v) + fmt.Sprintf(verb, holder)
	}
	if strings.Contains(out, "CANARY") || strings.Contains(out, fmt.Sprintf("%x", "CANARY")) || strings.Contains(out, "83 80 72") {
		t.Fatalf("a value came out: %s", out)
	}
	if err := v.Use(func(plain []byte) error {
		if string(plain) != canary {
			t.Errorf("used as %q", plain)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func newSealer(t *testing.T) *secret.Sealer {
	t.Helper()
	s, err := secret.OpenSealer(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestS42_SealIsBoundAndTamperEvident(t *testing.T) {
	s := newSealer(t)
	sealed := s.Seal(secret.NewValue(canary), "organization/A")
	if v, err := s.Open(sealed, "organization/A"); err != nil || !v.Equal([]byte(canary)) {
		t.Fatalf("opened %v, %v", v.Len(), err)
	}
	if sealed == s.Seal(secret.NewValue(canary), "organization/A") {
		t.Error("the same value looks the same twice")
	}
	if _, err := s.Open(sealed, "organization/B"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("in another place: %v", err)
	}
	if _, err := newSealer(t).Open(sealed, "organization/A"); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("with another key: %v", err)
	}
	for i := range sealed {
		broken := []byte(sealed)
		broken[i] ^= 1
		if _, err := s.Open(string(broken), "organization/A"); err == nil {
			t.Errorf("byte %d changed, and it opens", i)
		}
		if _, err := s.Open(sealed[:i], "organization/A"); err == nil {
			t.Errorf("cut at %d, and it opens", i)
		}
	}
}

func TestS51_KeyFile(t *testing.T) {
	dir := t.TempDir()
	a, err := secret.OpenSealer(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, secret.KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	sealed := a.Seal(secret.NewValue("x"), "p")
	b, err := secret.OpenSealer(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(sealed, "p"); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, secret.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	c, err := secret.OpenSealer("/nowhere", string(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(sealed, "p"); err != nil {
		t.Errorf("the key as text: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, secret.KeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.OpenSealer(dir, ""); err == nil {
		t.Error("a key that others can read was taken")
	}
	for _, bad := range []string{"x", "c2hvcnQ="} {
		if _, err := secret.OpenSealer(dir, bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

func TestVault(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		log := audit.New(func() time.Time { return now })
		v := secret.NewVault(db, log, func() time.Time { return now }, newSealer(t))
		by := secret.Actor{ID: "ada", Name: "Ada"}
		if _, err := v.Create(ctx, "a-B_1", "first", secret.NewValue(canary), by); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Create(ctx, "a-B_1", "", secret.NewValue("x"), by); !fault.Is(err, fault.Taken) {
			t.Errorf("twice: %v", err)
		}
		for _, bad := range []string{"", "a b", "a/b", strings.Repeat("x", 101)} {
			if _, err := v.Create(ctx, bad, "", secret.NewValue("x"), by); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		now = now.Add(time.Minute)
		empty, next := "", secret.NewValue("second")
		got, err := v.Change(ctx, "a-B_1", &empty, nil, by)
		if err != nil || got.Description != "" || !got.UpdatedAt.Equal(now) {
			t.Errorf("%+v, %v", got, err)
		}
		if value, err := v.Resolve(ctx, "a-B_1"); err != nil || !value.Equal([]byte(canary)) {
			t.Errorf("resolved: %v", err)
		}
		if _, err := v.Change(ctx, "a-B_1", nil, &next, by); err != nil {
			t.Fatal(err)
		}
		if value, err := v.Resolve(ctx, "a-B_1"); err != nil || !value.Equal([]byte("second")) {
			t.Errorf("resolved: %v", err)
		}
		signing, err := v.Signing(ctx)
		if err != nil || signing.Len() < 32 {
			t.Fatalf("signing key: %d bytes, %v", signing.Len(), err)
		}
		list, err := v.Secrets(ctx)
		if err != nil || len(list) != 1 {
			t.Errorf("listed %v, %v", list, err)
		}
		var kept string
		if err := db.Read().QueryRowContext(ctx, "SELECT sealed FROM secrets WHERE name = 'a-B_1'").Scan(&kept); err != nil || strings.Contains(kept, "second") {
			t.Errorf("kept as %q, %v", kept, err)
		}
		events, _, err := log.List(ctx, db, audit.Filter{Verb: "secret"})
		if err != nil || len(events) != 4 || strings.Contains(fmt.Sprint(events), "CANARY") {
			t.Errorf("events %v, %v", events, err)
		}
		if err := v.Delete(ctx, "a-B_1", by); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Resolve(ctx, "a-B_1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func TestSignAsPortDoes(t *testing.T) {
	at, signature := secret.Sign(secret.NewValue("key"), time.Unix(1700000000, 5), []byte(`{"a":1}`))
	// printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key -binary | base64
	if at != "1700000000" || signature != "v1,pDjjmL+vxX5Dlrt/wjBEIvD3aOll0HPKMTy1LiLmrQM=" {
		t.Errorf("%s %s", at, signature)
	}
}
