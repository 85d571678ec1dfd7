package store

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// channel is the one PostgreSQL notification channel; topics share it, so that
// a subscription costs no statement.
const channel = "sphera"

type note struct{ topic, payload string }

// Notify tells subscribers of topic, in this process and on PostgreSQL in
// every replica, that the transaction was committed. A note is a hint to look
// at the database, never the data itself; it can be lost and can come twice.
// topic must not contain a space; payload is a short id.
func (tx *Tx) Notify(topic, payload string) {
	for _, n := range tx.notes {
		if n.topic == topic && n.payload == payload {
			return
		}
	}
	tx.notes = append(tx.notes, note{topic, payload})
}

// Subscribe returns a channel that receives the payloads of topic, and a
// function that ends the subscription. A slow reader loses notes, never blocks
// writers. After the link to PostgreSQL was interrupted every subscriber gets
// an empty payload: look again.
func (db *DB) Subscribe(topic string) (<-chan string, func()) { return db.feed.subscribe(topic) }

type feed struct {
	mu     sync.Mutex
	subs   map[string]map[chan string]struct{}
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}
	sender *sender // nil on SQLite, which has no other replicas
}

func newFeed(log *slog.Logger) *feed {
	return &feed{subs: map[string]map[chan string]struct{}{}, log: log, cancel: func() {}}
}

func (f *feed) subscribe(topic string) (<-chan string, func()) {
	ch := make(chan string, 64)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subs[topic] == nil {
		f.subs[topic] = map[chan string]struct{}{}
	}
	f.subs[topic][ch] = struct{}{}
	return ch, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs[topic], ch)
		if len(f.subs[topic]) == 0 {
			delete(f.subs, topic)
		}
	}
}

func (f *feed) deliver(notes []note) {
	if len(notes) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range notes {
		for ch := range f.subs[n.topic] {
			select {
			case ch <- n.payload:
			default:
			}
		}
	}
}

func (f *feed) everybodyLooks() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, subs := range f.subs {
		for ch := range subs {
			select {
			case ch <- "":
			default:
			}
		}
	}
}

// committed tells subscribers here at once and other replicas soon.
func (f *feed) committed(notes []note) {
	f.deliver(notes)
	if f.sender != nil {
		f.sender.send(notes)
	}
}

func (f *feed) startListening(url string) {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel, f.done = cancel, make(chan struct{})
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			if err := f.listen(ctx, url); err != nil && ctx.Err() == nil {
				f.log.WarnContext(ctx, "feed from PostgreSQL interrupted, reconnecting", "error", err)
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
		}
	}()
}

func (f *feed) listen(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := conn.Close(closing); err != nil {
			f.log.DebugContext(ctx, "close the feed's connection", "error", err)
		}
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	f.everybodyLooks()
	for {
		n, err := wait(ctx, conn)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		f.receive(f.sender.self, n.Payload)
	}
}

// wait returns the next note, or nil after a quiet time in which the link was
// found to stand: a peer that vanished without a word is noticed too.
func wait(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	quiet, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	n, err := conn.WaitForNotification(quiet)
	if err == nil || ctx.Err() != nil || quiet.Err() == nil {
		return n, err
	}
	ping, cancelPing := context.WithTimeout(ctx, 5*time.Second)
	defer cancelPing()
	return nil, conn.Ping(ping)
}

func (f *feed) stop() {
	if f.sender != nil {
		f.sender.stop()
	}
	f.cancel()
	if f.done != nil {
		<-f.done
	}
}
