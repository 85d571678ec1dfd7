package key_test

import (
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		now := func() time.Time { return at }
		log := audit.New(now)
		if _, err := flag.New(db, log, now).Ensure(ctx, "checkout", "checkout", "ada", ""); err != nil {
			t.Fatal(err)
		}
		keys := key.New(db, log, now)
		notes, stop := db.Subscribe(key.Topic)
		defer stop()

		plain, made, err := keys.Create(ctx, "checkout", key.NewKey{Kind: key.Server, Environment: "production", Name: "checkout"}, "ada")
		if err != nil || !auth.TokenFormed(plain, "spf_") || made.Hash != key.Hash(plain) {
			t.Fatalf("%q %+v %v", plain, made, err)
		}
		<-notes
		if n := contains(t, db, plain); n != 0 {
			t.Errorf("the plain key is stored %d times", n)
		}
		public, _, err := keys.Create(ctx, "checkout", key.NewKey{Kind: key.Client, Environment: "production", Name: "shop", Origins: []string{"https://Shop.example.com/", "https://shop.example.com"}}, "ada")
		if err != nil || !strings.HasPrefix(public, "spc_") {
			t.Fatalf("%q %v", public, err)
		}
		list, err := keys.List(ctx, "checkout")
		if err != nil || len(list) != 2 || len(list[0].Origins)+len(list[1].Origins) != 1 {
			t.Fatalf("%+v %v", list, err)
		}

		next, renewed, err := keys.Rotate(ctx, "checkout", made.ID, time.Hour, "bob")
		if err != nil || next == plain || renewed.Name != made.Name || renewed.Environment != made.Environment {
			t.Fatalf("%+v %v", renewed, err)
		}
		live := func() map[string]bool {
			list, err := keys.Live(ctx)
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]bool{}
			for _, k := range list {
				out[k.Hash] = true
			}
			return out
		}
		if l := live(); !l[key.Hash(plain)] || !l[key.Hash(next)] {
			t.Error("both keys live during the overlap")
		}
		at = at.Add(time.Hour)
		if l := live(); l[key.Hash(plain)] || !l[key.Hash(next)] {
			t.Error("only the new key lives after the overlap")
		}
		if _, _, err := keys.Rotate(ctx, "checkout", made.ID, 0, "bob"); !fault.Is(err, fault.Conflict) {
			t.Errorf("an ended key was rotated: %v", err)
		}
		if err := keys.Revoke(ctx, "other", renewed.ID, "bob"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a key of another project was revoked: %v", err)
		}
		if err := keys.Revoke(ctx, "checkout", renewed.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		if live()[key.Hash(next)] {
			t.Error("a revoked key lives")
		}
		events, _, err := log.List(ctx, db, audit.Filter{Object: "flag_key/" + renewed.ID})
		if err != nil || len(events) != 2 || events[0].Verb != "flag_key.revoke" || events[1].Verb != "flag_key.rotate" {
			t.Errorf("%+v %v", events, err)
		}

		relay, _, err := keys.Create(ctx, "", key.NewKey{Kind: key.Relay, Name: "eu-west"}, "ada")
		if err != nil || !strings.HasPrefix(relay, "spr_") {
			t.Errorf("%q %v", relay, err)
		}
		if err := flag.New(db, log, now).Remove(ctx, "checkout", "ada", ""); err != nil {
			t.Fatal(err)
		}
		if l := live(); len(l) != 1 || !l[key.Hash(relay)] {
			t.Errorf("keys outlive their project: %v", l)
		}
	})
}

// contains counts the rows that hold the text anywhere.
func contains(t *testing.T, db *store.DB, text string) int {
	t.Helper()
	var n int
	err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM flag_keys, audit_events WHERE flag_keys.hash LIKE $1 OR flag_keys.hint LIKE $1 OR CAST(audit_events.detail AS TEXT) LIKE $1`, "%"+text+"%").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWrongKeysAreRefused(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	log := audit.New(time.Now)
	keys := key.New(db, log, time.Now)
	past := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		project string
		in      key.NewKey
		field   string
	}{
		"no kind":                {"checkout", key.NewKey{Name: "x"}, "kind"},
		"relay of a project":     {"checkout", key.NewKey{Kind: key.Relay, Name: "x"}, "kind"},
		"server without project": {"", key.NewKey{Kind: key.Server, Name: "x"}, "kind"},
		"no name":                {"checkout", key.NewKey{Kind: key.Server}, "name"},
		"line break":             {"checkout", key.NewKey{Kind: key.Server, Name: "a\nb"}, "name"},
		"client for everything":  {"checkout", key.NewKey{Kind: key.Client, Name: "x"}, "environment"},
		"path as environment":    {"checkout", key.NewKey{Kind: key.Server, Name: "x", Environment: "../x"}, "environment"},
		"server with origins":    {"checkout", key.NewKey{Kind: key.Server, Name: "x", Origins: []string{"*"}}, "origins"},
		"origin with a path":     {"checkout", key.NewKey{Kind: key.Client, Name: "x", Environment: "dev", Origins: []string{"https://a.example/x"}}, "origins[0]"},
		"origin without scheme":  {"checkout", key.NewKey{Kind: key.Client, Name: "x", Environment: "dev", Origins: []string{"a.example"}}, "origins[0]"},
		"has ended":              {"checkout", key.NewKey{Kind: key.Server, Name: "x", ExpiresAt: &past}, "expiresAt"},
	} {
		_, _, err := keys.Create(t.Context(), c.project, c.in, "ada")
		f, ok := fault.As(err)
		if !ok || len(f.Details) == 0 || f.Details[0].Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := keys.Create(t.Context(), "nowhere", key.NewKey{Kind: key.Server, Name: "x"}, "ada"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a project that does not exist: %v", err)
	}
}
