package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/secret"
	"sphera/internal/store"

	"github.com/google/uuid"
)

const (
	lease     = "notices"
	leaseTime = 30 * time.Second
	lookEvery = 10 * time.Second
	// sendTime is for how long a delivery that is under way is left alone.
	sendTime = 2 * time.Minute
	batch    = 50
	// giveUp is after how many attempts a delivery has failed.
	giveUp      = 12
	firstWait   = 10 * time.Second
	longestWait = time.Hour
	maxPeople   = 5000
	// kept is for how long notices are kept.
	kept = 90 * 24 * time.Hour
)

// States of deliveries.
const (
	Waiting = "waiting"
	Sent    = "sent"
	Failed  = "failed"
)

const mailChannel = "mail"

// Deps is what a courier works with.
type Deps struct {
	DB       *store.DB
	Audit    *audit.Log
	Vault    *secret.Vault
	Outgoing *outgoing.Client
	Mail     Mail
	// PublicURL is where people reach the portal.
	PublicURL func() string
	Now       func() time.Time
	Log       *slog.Logger
	// Instance tells replicas apart.
	Instance string
}

// Courier hands notices to people and to channels.
type Courier struct{ Deps }

// NewCourier returns the courier; it works while Work is running.
func NewCourier(d Deps) *Courier { return &Courier{d} }

// Work hands over what is due until ctx ends. What is written down survives a
// restart; a delivery that was cut off is tried again with the same id.
func (c *Courier) Work(ctx context.Context) error {
	notes, stop := c.DB.Subscribe(Topic)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	forgotten := c.Now()
	for {
		select {
		case <-ctx.Done():
			releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return c.DB.Release(releasing, lease, c.Instance)
		case note := <-notes:
			if note != "" {
				continue // somebody's inbox
			}
		case <-timer.C:
		}
		next, err := c.Round(ctx)
		if err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "handing notices over failed; trying again", "error", err)
			next = lookEvery
		}
		if now := c.Now(); now.Sub(forgotten) > time.Hour {
			forgotten = now
			if err := c.forget(ctx); err != nil && ctx.Err() == nil {
				c.Log.WarnContext(ctx, "forgetting old notices failed", "error", err)
			}
		}
		timer.Reset(next)
	}
}

// Round does what is due and returns when to look again.
func (c *Courier) Round(ctx context.Context) (time.Duration, error) {
	mine, err := c.DB.Lease(ctx, lease, c.Instance, c.Now(), leaseTime)
	if err != nil || !mine {
		return lookEvery, err
	}
	for ctx.Err() == nil {
		fresh, err := c.handOver(ctx)
		if err != nil {
			return lookEvery, err
		}
		sent, err := c.deliver(ctx)
		if err != nil {
			return lookEvery, err
		}
		if fresh+sent == 0 {
			break
		}
	}
	return c.next(ctx)
}

func (c *Courier) next(ctx context.Context) (time.Duration, error) {
	var at *int64
	if err := c.DB.Read().QueryRowContext(ctx, "SELECT MIN(next_at) FROM notice_deliveries WHERE state = 'waiting'").Scan(&at); err != nil {
		return lookEvery, fmt.Errorf("look for the next delivery: %w", err)
	}
	if at == nil {
		return lookEvery, nil
	}
	return max(50*time.Millisecond, min(lookEvery, store.Time(*at).Sub(c.Now()))), nil
}

// notice is a row of notices.
type notice struct {
	message
	urgent bool
	to     recipients
}

func scanNotice(row interface{ Scan(...any) error }) (notice, error) {
	var n notice
	var urgent, at int64
	var to string
	if err := row.Scan(&n.ID, &n.Kind, &n.Title, &n.Text, &n.URL, &n.Key, &urgent, &to, &at); err != nil {
		return n, err
	}
	n.urgent, n.At = urgent != 0, store.Time(at)
	return n, json.Unmarshal([]byte(to), &n.to)
}

const noticeColumns = "n.id, n.kind, n.title, n.body, n.url, n.key, n.urgent, n.recipients, n.created_at"

// handOver puts new notices into inboxes and plans their deliveries: all of one
// notice in one transaction, so that none is handed over by halves.
func (c *Courier) handOver(ctx context.Context) (int, error) {
	rows, err := c.DB.Read().QueryContext(ctx, "SELECT "+noticeColumns+" FROM notices n WHERE n.handed_at = 0 ORDER BY n.id LIMIT $1", batch)
	list, err := store.All(rows, err, scanNotice)
	if err != nil {
		return 0, fmt.Errorf("read new notices: %w", err)
	}
	channels, err := c.Channels(ctx)
	if err != nil {
		return 0, err
	}
	for i := range list {
		err := c.DB.Tx(ctx, func(tx *store.Tx) error { return c.plan(ctx, tx, &list[i], channels) })
		if err != nil {
			return 0, fmt.Errorf("hand over notice %s: %w", list[i].ID, err)
		}
	}
	return len(list), nil
}

func (c *Courier) plan(ctx context.Context, tx *store.Tx, n *notice, channels []Channel) error {
	now := c.Now()
	res, err := tx.ExecContext(ctx, "UPDATE notices SET handed_at = $1 WHERE id = $2 AND handed_at = 0", store.Millis(now), n.ID)
	if err != nil {
		return err
	}
	if rows, err := res.RowsAffected(); err != nil || rows == 0 {
		return err // another replica was faster
	}
	people, err := people(ctx, tx, &n.to)
	if err != nil {
		return err
	}
	for _, id := range people {
		if err := c.planPerson(ctx, tx, n, id, now); err != nil {
			return err
		}
	}
	for _, ch := range channels {
		if ch.wants(n) {
			if err := insertDelivery(ctx, tx, n.ID, "", ch.ID, now, now, false); err != nil {
				return err
			}
		}
	}
	for i := range n.to.Hooks {
		if err := insertDelivery(ctx, tx, n.ID, "", "hook:"+strconv.Itoa(i), now, now, false); err != nil {
			return err
		}
	}
	return nil
}

func (c *Courier) planPerson(ctx context.Context, tx *store.Tx, n *notice, id string, now time.Time) error {
	p, err := preferences(ctx, tx, id)
	if err != nil {
		return err
	}
	if p.inbox(n.Kind) {
		if _, err := tx.ExecContext(ctx, "INSERT INTO notice_inbox (user_id, notice_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", id, n.ID); err != nil {
			return fmt.Errorf("put a notice into an inbox: %w", err)
		}
		tx.Notify(Topic, id)
	}
	if c.Mail.Address == "" || p.mail(n.Kind) == Off {
		return nil
	}
	at, digest := p.due(n.Kind, n.urgent, now)
	return insertDelivery(ctx, tx, n.ID, id, mailChannel, now, at, digest)
}

func insertDelivery(ctx context.Context, tx *store.Tx, noticeID, user, channel string, now, at time.Time, digest bool) error {
	together := 0
	if digest {
		together = 1
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO notice_deliveries (id, notice_id, user_id, channel, state, digest, next_at, created_at) VALUES ($1, $2, $3, $4, 'waiting', $5, $6, $7)
		ON CONFLICT DO NOTHING`, uuid.NewString(), noticeID, user, channel, together, store.Millis(at), store.Millis(now))
	if err != nil {
		return fmt.Errorf("plan a delivery: %w", err)
	}
	return nil
}

// people are the active users among the recipients.
func people(ctx context.Context, q store.Querier, to *recipients) ([]string, error) {
	var terms []string
	var args []any
	add := func(condition string, value any) {
		args = append(args, value)
		terms = append(terms, fmt.Sprintf(condition, len(args)))
	}
	for _, id := range to.To {
		add("u.id = $%d", id)
	}
	for _, team := range to.Teams {
		add("EXISTS (SELECT 1 FROM auth_members m WHERE m.user_id = u.id AND m.team = $%d)", team)
	}
	for _, role := range to.Roles {
		add("CAST(u.roles AS TEXT) LIKE $%d", `%"`+role+`"%`)
	}
	if len(terms) == 0 {
		return nil, nil
	}
	args = append(args, maxPeople)
	rows, err := q.QueryContext(ctx, "SELECT u.id FROM auth_users u WHERE u.status = 'active' AND ("+strings.Join(terms, " OR ")+fmt.Sprintf(") ORDER BY u.id LIMIT $%d", len(args)), args...)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("find whom to tell: %w", err)
	}
	return slices.DeleteFunc(list, func(id string) bool { return slices.Contains(to.Except, id) }), nil
}

// delivery is one that is due.
type delivery struct {
	id, user, email, channel string
	attempts                 int
	digest                   bool
	notice                   notice
}

// deliver sends what is due; digests of one person go together.
func (c *Courier) deliver(ctx context.Context) (int, error) {
	rows, err := c.DB.Read().QueryContext(ctx, "SELECT d.id, d.user_id, COALESCE(u.email, ''), d.channel, d.attempts, d.digest, "+noticeColumns+`
		FROM notice_deliveries d JOIN notices n ON n.id = d.notice_id LEFT JOIN auth_users u ON u.id = d.user_id AND u.status = 'active'
		WHERE d.state = 'waiting' AND d.next_at <= $1 ORDER BY d.next_at, d.id LIMIT $2`, store.Millis(c.Now()), batch)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (delivery, error) {
		var d delivery
		var digest, urgent, at int64
		var to string
		n := &d.notice
		err := row.Scan(&d.id, &d.user, &d.email, &d.channel, &d.attempts, &digest, &n.ID, &n.Kind, &n.Title, &n.Text, &n.URL, &n.Key, &urgent, &to, &at)
		if err != nil {
			return d, err
		}
		d.digest, n.urgent, n.At = digest != 0, urgent != 0, store.Time(at)
		return d, json.Unmarshal([]byte(to), &n.to)
	})
	if err != nil {
		return 0, fmt.Errorf("read due deliveries: %w", err)
	}
	due := len(list)
	for len(list) > 0 {
		together := []delivery{list[0]}
		rest := list[1:]
		if list[0].digest {
			rest = nil
			for _, d := range list[1:] {
				if d.digest && d.user == list[0].user && d.channel == list[0].channel {
					together = append(together, d)
				} else {
					rest = append(rest, d)
				}
			}
		}
		if err := c.one(ctx, together); err != nil {
			return 0, err
		}
		list = rest
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return due, nil
}

// one takes deliveries that go together, sends them and writes down what came
// of it.
func (c *Courier) one(ctx context.Context, together []delivery) error {
	var mine []delivery
	err := c.DB.Tx(ctx, func(tx *store.Tx) error {
		mine = nil
		for _, d := range together {
			res, err := tx.ExecContext(ctx, "UPDATE notice_deliveries SET attempts = attempts + 1, next_at = $1 WHERE id = $2 AND state = 'waiting' AND attempts = $3",
				store.Millis(c.Now().Add(sendTime)), d.id, d.attempts)
			if err != nil {
				return fmt.Errorf("take a delivery: %w", err)
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				mine = append(mine, d)
			}
		}
		return nil
	})
	if err != nil || len(mine) == 0 {
		return err
	}
	status, failure := c.send(ctx, mine)
	if ctx.Err() != nil {
		return ctx.Err() // it is tried again
	}
	return c.note(ctx, mine, status, failure)
}

func (c *Courier) note(ctx context.Context, mine []delivery, status string, failure error) error {
	now := c.Now()
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		for _, d := range mine {
			state, next, ended := Sent, int64(0), store.Millis(now)
			var refused errRefused
			switch {
			case failure == nil:
			case errors.As(failure, &refused) || d.attempts+1 >= giveUp:
				state = Failed
			default:
				state, ended = Waiting, 0
				next = store.Millis(now.Add(min(longestWait, firstWait<<min(d.attempts, 20))))
			}
			if _, err := tx.ExecContext(ctx, "UPDATE notice_deliveries SET state = $1, next_at = $2, status = $3, ended_at = $4 WHERE id = $5 AND state = 'waiting'",
				state, next, clip(oneLine(status), 300), ended, d.id); err != nil {
				return fmt.Errorf("write down a delivery: %w", err)
			}
		}
		return nil
	})
}

// send sends deliveries that go together, and says how it went in words.
func (c *Courier) send(ctx context.Context, mine []delivery) (string, error) {
	d := mine[0]
	list := make([]message, len(mine))
	for i := range mine {
		list[i] = mine[i].notice.message
		if list[i].URL != "" {
			list[i].URL = strings.TrimRight(c.PublicURL(), "/") + list[i].URL
		}
	}
	switch {
	case d.channel == mailChannel:
		if d.email == "" {
			return "the account is gone or suspended", errRefused{errors.New("no account")}
		}
		if err := c.Mail.send(ctx, d.email, d.id, list); err != nil {
			return "not taken by the mail server", err
		}
		return "taken by the mail server", nil
	case strings.HasPrefix(d.channel, "hook:"):
		i, err := strconv.Atoi(strings.TrimPrefix(d.channel, "hook:"))
		if err != nil || i < 0 || i >= len(d.notice.to.Hooks) {
			return "the address is gone", errRefused{errors.New("no address")}
		}
		key, err := c.Vault.Signing(ctx)
		if err != nil {
			return "the signing key cannot be read", err
		}
		h := d.notice.to.Hooks[i]
		return c.post(ctx, h.Format, h.URL, key, d.id, &list[0])
	}
	address, key, format, err := c.open(ctx, d.channel)
	if err != nil {
		return "the channel is gone", err
	}
	return c.post(ctx, format, address, key, d.id, &list[0])
}

// post sends a message to an address; what it answers is not shown.
func (c *Courier) post(ctx context.Context, format, address string, key secret.Value, id string, m *message) (string, error) {
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Sphera"}, "X-Sphera-Delivery": {id}}
	body, err := m.webhook()
	if format == FormatSlack {
		body, err = m.slack()
	}
	if err != nil {
		return "it cannot be written", errRefused{err}
	}
	if format != FormatSlack {
		timestamp, signature := secret.Sign(key, c.Now(), body)
		header.Set("X-Sphera-Timestamp", timestamp)
		header.Set("X-Sphera-Signature", signature)
	}
	answer, err := c.Outgoing.Do(ctx, http.MethodPost, address, header, strings.NewReader(string(body)))
	switch {
	case fault.Is(err, fault.Forbidden):
		return "refused: the address is private, local or reserved", errRefused{err}
	case err != nil:
		return "no answer", err
	case answer.OK():
		return "answered " + strconv.Itoa(answer.Status), nil
	}
	text := "answered " + strconv.Itoa(answer.Status)
	err = errors.New(text)
	if answer.Status >= 400 && answer.Status < 500 && answer.Status != http.StatusRequestTimeout && answer.Status != http.StatusTooManyRequests {
		err = errRefused{err}
	}
	return text, err
}

// forget drops old notices with what belongs to them.
func (c *Courier) forget(ctx context.Context) error {
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE created_at < $1 ORDER BY created_at LIMIT 5000)", store.Millis(c.Now().Add(-kept)))
		if err != nil {
			return fmt.Errorf("forget old notices: %w", err)
		}
		return nil
	})
}
