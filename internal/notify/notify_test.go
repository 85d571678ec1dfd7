package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/notify"
	"sphera/internal/outgoing"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// mailServer speaks SMTP as far as a client needs it.
type mailServer struct {
	net.Listener
	mu    sync.Mutex
	mails []string
	// refuse is how often the next mails are refused, with which code.
	refuse int
	code   string
}

func startMail(t *testing.T) *mailServer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{Listener: l, code: "451 later"}
	t.Cleanup(func() { _ = l.Close() }) // it ends
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return s
}

func (s *mailServer) talk(conn net.Conn) {
	defer conn.Close() // it ends
	r := bufio.NewReader(conn)
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 test")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "EHLO":
			say("250-test\r\n250 8BITMIME")
		case "RCPT":
			s.mu.Lock()
			no := s.refuse > 0
			if no {
				s.refuse--
			}
			s.mu.Unlock()
			if no {
				say(s.code)
				continue
			}
			say("250 ok")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

type world struct {
	*notify.Service
	*notify.Courier
	t     *testing.T
	db    *store.DB
	auth  *auth.Service
	mail  *mailServer
	users map[string]auth.User
	deps  notify.Deps

	mu   sync.Mutex
	time time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, users: map[string]auth.User{}, time: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), mail: startMail(t)}
	log := audit.New(w.now)
	w.auth = auth.New(db, log, w.now)
	if _, err := w.auth.CreateTeam(t.Context(), auth.Team{Name: "shop"}, "system"); err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]string{"ada": auth.Developer, "bea": auth.Developer, "dan": auth.Infrastructure, "eva": auth.Infrastructure} {
		u, err := w.auth.CreateUser(t.Context(), auth.NewUser{Email: name + "@example.com", Name: name, Roles: []string{role}, Teams: map[string][]string{"ada": {"shop"}, "bea": {"shop"}}[name]}, "system")
		if err != nil {
			t.Fatal(err)
		}
		w.users[name] = u
	}
	sealer, err := secret.OpenSealer(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	w.Service = notify.New(db, w.now)
	w.deps = notify.Deps{
		DB: db, Audit: log, Vault: secret.NewVault(db, log, w.now, sealer), Outgoing: outgoing.New(true), PublicURL: func() string { return "https://portal.example" },
		Mail: notify.Mail{Address: w.mail.Addr().String(), From: "Sphera <portal@example.com>", TLS: "none"}, Now: w.now, Log: slog.New(slog.DiscardHandler), Instance: "a",
	}
	w.Courier = notify.NewCourier(w.deps)
	return w
}

func (w *world) send(n notify.Notice) {
	w.t.Helper()
	if n.Kind == "" {
		n.Kind = notify.RunFailed
	}
	if err := w.db.Tx(w.t.Context(), func(tx *store.Tx) error { return w.Send(w.t.Context(), tx, n) }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) round() {
	w.t.Helper()
	if _, err := w.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) inbox(name string) []notify.Item {
	w.t.Helper()
	list, _, _, err := w.Inbox(w.t.Context(), w.users[name].ID, false, "", 50)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func TestNoticesReachPeopleTeamsAndRolesOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := notify.Notice{To: []string{w.users["ada"].ID}, Teams: []string{"shop"}, Roles: []string{auth.Infrastructure}, Except: []string{w.users["eva"].ID}, Title: "Hello", URL: "/runs/1", Key: "k"}
		w.send(n)
		w.send(n) // the same key
		w.round()
		for name, want := range map[string]int{"ada": 1, "bea": 1, "dan": 1, "eva": 0} {
			if got := len(w.inbox(name)); got != want {
				t.Errorf("%s has %d, want %d", name, got, want)
			}
		}
		if got := len(w.mail.got()); got != 3 {
			t.Errorf("%d mails, want 3", got)
		}
		if n, err := w.Unread(t.Context(), w.users["ada"].ID); err != nil || n != 1 {
			t.Errorf("unread %d %v", n, err)
		}
		if err := w.MarkRead(t.Context(), w.users["ada"].ID, nil); err != nil {
			t.Fatal(err)
		}
		if n, err := w.Unread(t.Context(), w.users["ada"].ID); err != nil || n != 0 || !w.inbox("ada")[0].Read {
			t.Errorf("unread %d %v", n, err)
		}
	})
}

func TestLinksLeadIntoThePortalOnly(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	for _, url := range []string{"https://evil.example/x", "//evil.example", "/\\evil.example", "javascript:alert(1)", "runs/1", "/a b", "/a\nb"} {
		err := w.db.Tx(t.Context(), func(tx *store.Tx) error {
			return w.Send(t.Context(), tx, notify.Notice{Kind: "x", Title: "x", URL: url})
		})
		if !fault.Is(err, fault.Unprocessable) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestMailsAreEscapedAndComplete(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	w.send(notify.Notice{To: []string{w.users["ada"].ID}, Title: "Failed\r\nBcc: evil@example.com <b>x</b>", Text: "a <script>alert(1)</script> & b\n.\nend", URL: "/runs/1"})
	w.round()
	mails := w.mail.got()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	head, body, _ := strings.Cut(mails[0], "\r\n\r\n")
	if strings.Contains(head, "\nBcc:") || !strings.Contains(head, "multipart/alternative") || !strings.Contains(head, "Auto-Submitted: auto-generated") {
		t.Errorf("head: %s", head)
	}
	plain := strings.ReplaceAll(strings.ReplaceAll(body, "=\r\n", ""), "=3D", "=")
	for _, want := range []string{"a <script>alert(1)</script> & b", "&lt;script&gt;alert(1)&lt;/script&gt; &amp; b", `href="https://portal.example/runs/1"`} {
		if !strings.Contains(plain, want) {
			t.Errorf("the mail has no %q:\n%s", want, plain)
		}
	}
}

func TestDeliveriesAreTriedAgainAfterARestartWithTheSameID(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mail.refuse = 2
		w.send(notify.Notice{To: []string{w.users["ada"].ID}, Title: "x"})
		w.round()
		if len(w.mail.got()) != 0 {
			t.Fatal("it was refused")
		}
		log, _, err := w.Deliveries(t.Context(), "", "", 10)
		if err != nil || len(log) != 1 || log[0].State != notify.Waiting || log[0].Attempts != 1 || !log[0].NextAt.After(w.now()) {
			t.Fatalf("log: %+v %v", log, err)
		}
		w.round() // too early
		w.pass(11 * time.Second)
		w.round() // refused once more
		w.Courier = notify.NewCourier(w.deps)
		w.pass(21 * time.Second)
		w.round()
		w.pass(time.Hour)
		w.round()
		mails := w.mail.got()
		if len(mails) != 1 || !strings.Contains(mails[0], "Message-ID: <"+log[0].ID+"@sphera>") {
			t.Errorf("%d mails: %q", len(mails), mails)
		}
		log, _, err = w.Deliveries(t.Context(), notify.Sent, "", 10)
		if err != nil || len(log) != 1 || log[0].Attempts != 3 {
			t.Errorf("log: %+v %v", log, err)
		}
	})
}

func TestAMailThatIsRefusedForGoodIsNotTriedAgain(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	w.mail.refuse, w.mail.code = 1, "550 no such user"
	w.send(notify.Notice{To: []string{w.users["ada"].ID}, Title: "x"})
	w.round()
	log, _, err := w.Deliveries(t.Context(), notify.Failed, "", 10)
	if err != nil || len(log) != 1 {
		t.Fatalf("log: %+v %v", log, err)
	}
	if err := w.Retry(t.Context(), log[0].ID); err != nil {
		t.Fatal(err)
	}
	w.round()
	if len(w.mail.got()) != 1 {
		t.Error("it was not sent when somebody asked for it")
	}
}

func TestTwoReplicasDeliverEachOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 30 {
			w.send(notify.Notice{To: []string{w.users["ada"].ID}, Title: fmt.Sprint("n", i), Key: fmt.Sprint("k", i%10)})
		}
		var all sync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			d := w.deps
			d.Instance = name
			all.Go(func() {
				for range 3 {
					if _, err := notify.NewCourier(d).Round(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got := len(w.mail.got()); got != 10 {
			t.Errorf("%d mails, want 10", got)
		}
	})
}

func TestDigestAndQuietHours(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ada := w.users["ada"].ID
		err := w.SetPreferences(t.Context(), ada, notify.Preferences{
			Mail: map[string]string{notify.RunFailed: notify.Digest, notify.ApprovalRequested: notify.Now, notify.SweepHeld: notify.Off}, Inbox: map[string]string{notify.SweepHeld: notify.Off},
			Every: "hourly", QuietFrom: "20:00", QuietTo: "07:00", TimeZone: "Europe/Zurich",
		})
		if err != nil {
			t.Fatal(err)
		}
		to := []string{ada}
		w.send(notify.Notice{To: to, Title: "one"})
		w.send(notify.Notice{To: to, Title: "two"})
		w.send(notify.Notice{Kind: notify.SweepHeld, To: to, Title: "nobody wants it"})
		w.round()
		if len(w.mail.got()) != 0 || len(w.inbox("ada")) != 2 {
			t.Fatalf("%d mails, %d in the inbox", len(w.mail.got()), len(w.inbox("ada")))
		}
		w.pass(time.Hour)
		w.round()
		mails := w.mail.got()
		if len(mails) != 1 || !strings.Contains(mails[0], "Subject: 2 notices of Sphera") || !strings.Contains(mails[0], "two") {
			t.Fatalf("digest: %q", mails)
		}
		w.pass(8 * time.Hour) // 21:00 UTC, 22:00 in Zurich
		w.send(notify.Notice{Kind: notify.ApprovalRequested, To: to, Title: "quiet"})
		w.send(notify.Notice{Kind: notify.ApprovalEscalated, To: to, Title: "urgent", Urgent: true})
		w.round()
		if mails = w.mail.got(); len(mails) != 2 || !strings.Contains(mails[1], "urgent") {
			t.Fatalf("in quiet hours: %d mails", len(mails))
		}
		w.pass(9*time.Hour - time.Minute) // 06:59 in Zurich
		w.round()
		if len(w.mail.got()) != 2 {
			t.Error("mail in quiet hours")
		}
		w.pass(time.Minute)
		w.round()
		if len(w.mail.got()) != 3 {
			t.Error("no mail after quiet hours")
		}
		for _, p := range []notify.Preferences{{TimeZone: "Mars/Base"}, {QuietFrom: "20:00"}, {QuietFrom: "25:00", QuietTo: "07:00"}, {Mail: map[string]string{"x": "now"}}, {Mail: map[string]string{"other": "x"}}, {Every: "x"}} {
			if err := w.SetPreferences(t.Context(), ada, p); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}

func TestChannels(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var mu sync.Mutex
		var got []*http.Request
		var bodies []string
		fail := true
		server := httptest.NewServer(http.HandlerFunc(func(res http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			raw, _ := io.ReadAll(r.Body)
			if fail {
				fail = false
				res.WriteHeader(http.StatusBadGateway)
				return
			}
			got, bodies = append(got, r), append(bodies, string(raw))
		}))
		defer server.Close()
		const key = "0123456789abcdef"
		slack, err := w.PutChannel(t.Context(), "", notify.ChannelBody{Name: "Ops", Type: "slack", URL: server.URL + "/secret-part", Kinds: []string{notify.SweepHeld}, Enabled: true}, w.users["dan"])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.PutChannel(t.Context(), "", notify.ChannelBody{Name: "Shop", Type: "webhook", URL: server.URL, Key: key, Teams: []string{"shop"}, Enabled: true}, w.users["dan"]); err != nil {
			t.Fatal(err)
		}
		w.send(notify.Notice{Kind: notify.SweepHeld, Roles: []string{auth.Infrastructure}, Title: "Held <!channel> *x*", Text: "<https://evil.example|click>", URL: "/sweeps/1"})
		w.round() // the first attempt fails
		w.pass(time.Minute)
		w.round()
		if len(bodies) != 1 {
			t.Fatalf("slack got %d", len(bodies))
		}
		var message struct {
			Text   string
			Blocks []struct {
				Text struct{ Type, Text string }
			}
		}
		if err := json.Unmarshal([]byte(bodies[0]), &message); err != nil || strings.Contains(message.Text, "<!channel>") || message.Blocks[1].Text.Type != "plain_text" || !strings.HasSuffix(message.Text, "<https://portal.example/sweeps/1|Open in Sphera>") {
			t.Errorf("slack: %s %v", bodies[0], err)
		}
		w.send(notify.Notice{Teams: []string{"shop"}, Title: "For shop"})
		w.round()
		if len(bodies) != 2 {
			t.Fatalf("webhook got %d", len(bodies)-1)
		}
		r := got[1]
		_, want := secret.Sign(secret.NewValue(key), w.now(), []byte(bodies[1]))
		if r.Header.Get("X-Sphera-Signature") != want || r.Header.Get("X-Sphera-Delivery") == "" {
			t.Errorf("signature: %v", r.Header)
		}
		list, err := w.Channels(t.Context())
		if err != nil || len(list) != 2 || strings.Contains(fmt.Sprintf("%+v", list), "secret-part") {
			t.Errorf("channels: %+v %v", list, err)
		}
		var kept string
		if err := w.db.Read().QueryRowContext(t.Context(), "SELECT sealed FROM secrets WHERE name = $1", slack.ID+"/url").Scan(&kept); err != nil || strings.Contains(kept, "secret-part") {
			t.Errorf("the address is kept as %q: %v", kept, err)
		}
		if _, err := w.Test(t.Context(), slack.ID); err != nil {
			t.Error(err)
		}
		if err := w.DeleteChannel(t.Context(), slack.ID, w.users["dan"]); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Test(t.Context(), slack.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("a channel that is gone: %v", err)
		}
	})
}

func TestS24_ChannelsDoNotReachPrivateNetworks(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	w.deps.Outgoing = outgoing.New(false)
	w.Courier = notify.NewCourier(w.deps)
	_, err := w.PutChannel(t.Context(), "", notify.ChannelBody{Name: "x", Type: "slack", URL: "http://127.0.0.1:1/", Enabled: true}, w.users["dan"])
	if err != nil {
		t.Fatal(err)
	}
	w.send(notify.Notice{To: []string{w.users["ada"].ID}, Title: "x"})
	w.round()
	log, _, err := w.Deliveries(t.Context(), notify.Failed, "", 10)
	if err != nil || len(log) != 1 || !strings.Contains(log[0].Status, "private") {
		t.Errorf("log: %+v %v", log, err)
	}
}
