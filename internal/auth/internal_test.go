package auth

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/fault"
)

func TestS19_TokenHasThePublishedForm(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token := newToken(userTokenPrefix)
		if len(token) != 40 || !wellFormed(token, userTokenPrefix) || seen[token] {
			t.Fatalf("made %q", token)
		}
		if wellFormed(token, "sps_") {
			t.Fatal("accepted as another kind")
		}
		seen[token] = true
	}
}

func TestS19_TenThousandMutationsAreRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		token := newToken(userTokenPrefix)
		b := []byte(token)
		switch random.IntN(4) {
		case 0:
			b = b[:random.IntN(len(b))]
		case 1:
			b = append(b, base62[random.IntN(62)])
		case 2:
			for range 1 + random.IntN(3) {
				b[random.IntN(len(b))] = base62[random.IntN(62)]
			}
		default:
			i, j := random.IntN(len(b)), random.IntN(len(b))
			b[i], b[j] = b[j], b[i]
		}
		if string(b) != token && wellFormed(string(b), userTokenPrefix) {
			t.Fatalf("%q from %q was accepted", b, token)
		}
	}
}

func FuzzToken(f *testing.F) {
	f.Add("")
	f.Add("spu_")
	f.Add(newToken(userTokenPrefix))
	f.Add(strings.Repeat("\xff", 40))
	f.Fuzz(func(t *testing.T, token string) {
		if !wellFormed(token, userTokenPrefix) {
			return
		}
		if body := token[:34]; len(token) != 40 || body+checksum(body) != token {
			t.Fatalf("%q is called well formed", token)
		}
	})
}

func TestS15_LimitedKeyCannotBePushedOut(t *testing.T) {
	l := newLimiter(5, time.Minute)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 5 {
		l.take("victim", now)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 1_000_000 {
		l.take(fmt.Sprintf("user%d@example.com", i), now.Add(time.Duration(i)*time.Microsecond))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if wait, _ := l.take("victim", now.Add(time.Second)); wait == 0 {
		t.Error("after a flood of other names the account is no longer limited")
	}
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 64<<20 {
		t.Errorf("the flood left %d MiB", used>>20)
	}
	if len(l.exact) > exactKeys {
		t.Errorf("%d keys are kept", len(l.exact))
	}
	later := now.Add(time.Hour)
	l.take("anybody", later)
	if len(l.exact) > 2 {
		t.Errorf("%d recovered keys were not swept", len(l.exact))
	}
}

func TestS15_LimiterRecoversOneByOne(t *testing.T) {
	l := newLimiter(5, time.Minute)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	allowed := 0
	for range 60 { // one attempt a second for a minute
		if wait, _ := l.take("k", now); wait == 0 {
			allowed++
		}
		now = now.Add(time.Second)
	}
	if allowed != 9 { // the burst of 5 and one every 12 seconds
		t.Fatalf("%d attempts in a minute", allowed)
	}
}

func TestS15_HashingIsBounded(t *testing.T) {
	h := newHasher()
	var releases []func()
	for range cap(h.slots) {
		release, err := h.turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.hash(ctx, "another password"); err == nil {
		t.Fatal("hashed beyond the bound")
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := h.hash(t.Context(), "another password"); err != nil && !fault.Is(err, fault.Unavailable) {
			t.Errorf("waiting: %v", err)
		}
	})
	for _, release := range releases {
		release()
	}
	wg.Wait()
}

func TestPasswordHash(t *testing.T) {
	h := newHasher()
	one, err := h.hash(t.Context(), "secret words")
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.hash(t.Context(), "secret words")
	if err != nil || one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%q, %q, %v", one, two, err)
	}
	for password, want := range map[string]bool{"secret words": true, "Secret words": false, "": false} {
		if ok, err := h.check(t.Context(), one, password); err != nil || ok != want {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
	for _, bad := range []string{"x", "$argon2id$v=19$m=19456,t=2,p=1$$", "$argon2i$v=19$m=1,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if ok, err := h.check(t.Context(), bad, "x"); err == nil || ok {
			t.Errorf("%q was accepted", bad)
		}
	}
}
