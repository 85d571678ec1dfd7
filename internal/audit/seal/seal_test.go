package seal

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestS57_EveryCommittedEventIsSealedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newClock()
		log := audit.New(c.now)
		s := newSealer(t, db, c, "a")
		if r := verified(t, db, Options{}); !r.OK() || r.Entries != 0 {
			t.Fatalf("an empty log: %+v", r)
		}
		fill(t, db, log, 1200)
		if n := sealAll(t, s); n != 1200 {
			t.Fatalf("sealed %d", n)
		}
		fill(t, db, log, 30)
		again := newSealer(t, db, c, "b") // after a restart
		if n := sealAll(t, again); n != 30 {
			t.Fatalf("sealed %d after a restart", n)
		}
		if n := sealAll(t, s); n != 0 {
			t.Fatalf("sealed %d twice", n)
		}
		if r := verified(t, db, Options{part: 100}); !r.OK() || r.Entries != 1230 || r.To != 1230 || r.Waiting != 0 {
			t.Fatalf("%+v", r)
		}
	})
}

// TestS57_LateCommits: on PostgreSQL a number that was taken first can be
// committed last, or never.
func TestS57_LateCommits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if db.Dialect != store.Postgres {
			t.Skip("SQLite has one writer")
		}
		c := newClock()
		log := audit.New(c.now)
		s := newSealer(t, db, c, "a")
		begin := func() (commit func(error)) {
			taken, release, ended := make(chan struct{}), make(chan error), make(chan struct{})
			go func() {
				defer close(ended)
				err := db.Tx(context.Background(), func(tx *store.Tx) error {
					if err := log.Append(context.Background(), tx, event(1)); err != nil {
						t.Error(err)
					}
					close(taken)
					return <-release
				})
				if err != nil && !errors.Is(err, errRollback) {
					t.Error(err)
				}
			}()
			<-taken
			return func(err error) {
				release <- err
				<-ended
			}
		}
		late, never := begin(), begin()
		fill(t, db, log, 3)
		if n := sealAll(t, s); n != 3 {
			t.Fatalf("sealed %d while two transactions ran", n)
		}
		if h, err := readHead(t.Context(), db.Read()); err != nil || h.low != 0 || h.seq != 5 {
			t.Fatalf("%+v %v", h, err)
		}
		c.move(2 * grace)
		sealAll(t, s)
		c.move(2 * grace)
		sealAll(t, s)
		if h, _ := readHead(t.Context(), db.Read()); h.low != 0 {
			t.Fatalf("a number was given up while its transaction ran: %+v", h)
		}
		other := newSealer(t, db, c, "b") // another leader finds the same gaps
		late(nil)
		if n := sealAll(t, other); n != 1 {
			t.Fatalf("sealed %d late events", n)
		}
		never(errRollback)
		var h head
		for begin := time.Now(); h.low != 5 && time.Since(begin) < 5*time.Minute; { // transactions of other databases on the server count, too, those of tests that freeze a process among them
			c.move(2 * grace)
			sealAll(t, other)
			h, _ = readHead(t.Context(), db.Read())
		}
		if h.low != 5 || h.position != 4 {
			t.Fatalf("a number that never comes is still waited for: %+v", h)
		}
		if r := verified(t, db, Options{}); !r.OK() || r.Entries != 4 || r.Waiting != 0 {
			t.Fatalf("%+v", r)
		}
	})
}

var errRollback = errors.New("rolled back")

// TestS57_SealersAndWritersAtOnce: two sealers that both believe to lead, and
// writers of which some roll back.
func TestS57_SealersAndWritersAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newClock()
		log := audit.New(c.now)
		var writers, sealers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := range 50 {
					err := db.Tx(t.Context(), func(tx *store.Tx) error {
						if err := log.Append(t.Context(), tx, event(w*100+i)); err != nil {
							return err
						}
						if i%5 == 4 {
							return errRollback
						}
						return nil
					})
					if err != nil && !errors.Is(err, errRollback) {
						t.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		a, b := newSealer(t, db, c, "a"), newSealer(t, db, c, "b")
		for _, s := range []*Sealer{a, b} {
			sealers.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						if _, err := s.Seal(t.Context()); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		writers.Wait()
		close(done)
		sealers.Wait()
		sealAll(t, a)
		if r := verified(t, db, Options{part: 7}); !r.OK() || r.Entries != 160 || r.Waiting != 0 {
			t.Fatalf("%+v", r)
		}
	})
}

// TestS57_SealedWithinASecond: what is committed is sealed because it was
// committed, after the pause in which more may come, and not because a timer
// has come round: here there is none. So a second is far more than it takes,
// whatever else the machine does.
func TestS57_SealedWithinASecond(t *testing.T) {
	if gather > 200*time.Millisecond {
		t.Fatalf("the sealer waits %v for more", gather)
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(time.Now)
		notes, stop := db.Subscribe(Topic)
		defer stop()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		s := New(db, testKey(t), slog.New(slog.DiscardHandler), time.Now, "a")
		s.look = 24 * time.Hour
		fill(t, db, log, 1) // sealed when the work begins
		go func() { ended <- s.Work(ctx) }()
		never := time.After(2 * time.Minute)
		for _, position := range []string{"1", "2", "3"} {
			for sealed := false; !sealed; {
				select {
				case note := <-notes:
					sealed = strings.TrimSpace(note) == position
				case <-never:
					t.Fatalf("event %s is not sealed without a timer", position)
				}
			}
			fill(t, db, log, 1)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestS57_TextsWithTheSeparator: the texts of an event are read as one column,
// also when one of them has in it what stands between them.
func TestS57_TextsWithTheSeparator(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newClock()
		log := audit.New(c.now)
		for _, name := range []string{"plain", "with" + unit + "one", unit, unit + unit} {
			e := event(1)
			e.ActorName, e.Rule = name, name
			if err := db.Tx(t.Context(), func(tx *store.Tx) error { return log.Append(t.Context(), tx, e) }); err != nil {
				t.Fatal(err)
			}
		}
		sealAll(t, newSealer(t, db, c, "a"))
		if r := verified(t, db, Options{}); !r.OK() || r.Entries != 4 {
			t.Fatalf("%+v", r)
		}
		unlock(t, db) // a part of one text is moved to the next
		exec(t, db, "UPDATE audit_events SET actor_name = 'with', verb = $1 WHERE seq = 2", "one"+unit+"entity.update")
		if r := verified(t, db, Options{}); len(r.Problems) != 1 || r.Problems[0].Position != 2 {
			t.Fatalf("%+v", r)
		}
	})
}

func TestS57_Checkpoints(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newClock()
		log := audit.New(c.now)
		s := newSealer(t, db, c, "a")
		due := func(want bool, why string) {
			t.Helper()
			sealAll(t, s)
			if made, err := s.Checkpoint(t.Context()); err != nil || made != want {
				t.Fatalf("%s: %v %v", why, made, err)
			}
		}
		due(false, "an empty log")
		fill(t, db, log, 1)
		due(true, "the first event")
		fill(t, db, log, 1)
		due(false, "at once after one")
		c.move(CheckpointEvery)
		due(true, "a minute later")
		c.move(CheckpointEvery)
		due(false, "nothing new")
		fill(t, db, log, CheckpointAfter)
		due(true, "a thousand events")
		r := verified(t, db, Options{Keys: []string{s.key.Public()}})
		if !r.OK() || r.Checkpoints != 3 || r.Checkpoint.Position != 1002 {
			t.Fatalf("%+v", r)
		}
		if r := verified(t, db, Options{Keys: []string{testKey(t).Public()}}); r.OK() {
			t.Fatal("checkpoints by an unknown key were taken")
		}
		forged := *r.Checkpoint
		forged.Position--
		if r := verified(t, db, Options{Checkpoints: []Checkpoint{forged}}); r.OK() || r.Problems[0].Kind != Signature {
			t.Fatalf("a forged checkpoint: %+v", r)
		}
	})
}

// TestPlainFormIsOneForm: what differs only in how JSON is written is the same
// event.
func TestPlainFormIsOneForm(t *testing.T) {
	want := `{"a":"Gr` + "\u00f6" + `ße <b> ` + "\u2028" + `","n":[1,2.50,-1e3],"e":"\u001b[31m\u000d\u000a\\\""}`
	for _, text := range []string{
		want,
		`{ "a" : "Gr\u00f6ße <b> \u2028", "n" : [ 1, 2.50, -1e3 ],` + "\n\t" + `"e": "\u001B[31m\r\n\\\""}`,
		`{"a":"Größe \u003cb\u003e \u2028","n":[1,2.50,-1e3],"e":"\u001b[31m\u000D\u000A\u005c\u0022"}`,
	} {
		if got := string(plain(nil, []byte(text))); got != want {
			t.Errorf("%s\nis  %s\nnot %s", text, got, want)
		}
	}
	if string(plain(nil, []byte(`{"a":"b c"}`))) == string(plain(nil, []byte(`{"a":"bc"}`))) {
		t.Error("blanks within strings do not count")
	}
}
