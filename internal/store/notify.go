package store

import (
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	// notesAtOnce bounds one statement, notesWaiting what may pile up.
	notesAtOnce  = 500
	notesWaiting = 10_000
	// everything stands for notes that were dropped: look at all there is.
	everything = "*"
)

// sender tells other replicas what was committed here. It does so after the
// commit and many notes at a time: pg_notify inside each transaction takes a
// lock that lets only one transaction commit at a time.
type sender struct {
	pool  *sql.DB
	log   *slog.Logger
	self  string
	queue chan note
	quit  chan struct{}
	done  chan struct{}
	// dropped is true while the queue was full: one note then says "look".
	dropped chan struct{}
}

func newSender(pool *sql.DB, log *slog.Logger) *sender {
	s := &sender{pool: pool, log: log, self: uuid.NewString(), queue: make(chan note, notesWaiting), quit: make(chan struct{}), done: make(chan struct{}), dropped: make(chan struct{}, 1)}
	go s.run()
	return s
}

// send queues notes and never blocks.
func (s *sender) send(notes []note) {
	for _, n := range notes {
		select {
		case s.queue <- n:
		default:
			s.drop()
		}
	}
}

func (s *sender) drop() {
	select {
	case s.dropped <- struct{}{}:
	default:
	}
}

// stop sends what is queued and ends; what comes later stays unsent.
func (s *sender) stop() {
	close(s.quit)
	<-s.done
}

func (s *sender) run() {
	defer close(s.done)
	for {
		select {
		case n := <-s.queue:
			s.tell(s.batch(n))
		case <-s.quit:
			select {
			case n := <-s.queue:
				s.tell(s.batch(n))
			default:
			}
			return
		}
	}
}

// batch takes what else is queued.
func (s *sender) batch(first note) []string {
	batch := []string{s.text(first)}
	for len(batch) < notesAtOnce {
		select {
		case n := <-s.queue:
			batch = append(batch, s.text(n))
		case <-s.dropped:
			batch = append(batch, s.text(note{topic: everything}))
		default:
			return batch
		}
	}
	return batch
}

func (s *sender) tell(batch []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := s.pool.ExecContext(ctx, "SELECT pg_notify($1, n) FROM unnest($2::text[]) AS n", channel, batch); err != nil {
		s.log.WarnContext(ctx, "other replicas were not told of a change; they find it by themselves later", "error", err)
		s.drop()
	}
}

func (s *sender) text(n note) string { return s.self + " " + n.topic + " " + n.payload }

// receive delivers a note of another replica; the own ones were delivered at
// the commit.
func (f *feed) receive(self, text string) {
	from, rest, _ := strings.Cut(text, " ")
	topic, payload, _ := strings.Cut(rest, " ")
	switch {
	case from == self:
	case topic == everything:
		f.everybodyLooks()
	default:
		f.deliver([]note{{topic, payload}})
	}
}
