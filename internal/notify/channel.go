package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/secret"
	"sphera/internal/store"

	"github.com/google/uuid"
)

const (
	scope       = "notice"
	maxChannels = 100
)

// Channel is where notices of some kinds go besides people: a Slack-compatible
// webhook, or one of our own form that is signed. Its address is sealed: who
// has that of a Slack channel can write there.
type Channel struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type" enum:"slack,webhook"`
	// Host is of the address; the rest of it is not shown.
	Host string `json:"host"`
	// Kinds that go there; all when empty. Teams: only notices for one of them.
	Kinds     []string  `json:"kinds"`
	Teams     []string  `json:"teams"`
	Enabled   bool      `json:"enabled"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// ChannelBody is a channel as it is sent.
type ChannelBody struct {
	Name    string   `json:"name" minLength:"1" maxLength:"100"`
	Type    string   `json:"type" enum:"slack,webhook"`
	URL     string   `json:"url,omitempty" maxLength:"2000" doc:"Kept sealed; the one there is stays when absent"`
	Key     string   `json:"key,omitempty" maxLength:"200" doc:"What messages of type webhook are signed with; the one there is stays when absent"`
	Kinds   []string `json:"kinds,omitempty" maxItems:"20"`
	Teams   []string `json:"teams,omitempty" maxItems:"50"`
	Enabled bool     `json:"enabled"`
}

func (b *ChannelBody) check(fresh bool) error {
	b.Name = strings.TrimSpace(b.Name)
	switch {
	case b.Name == "":
		return fault.Field("name", "is missing", "a name")
	case b.Type != FormatSlack && b.Type != FormatWebhook:
		return fault.Field("type", "is not known", "slack or webhook")
	case fresh && b.URL == "":
		return fault.Field("url", "is missing", "https://host/path")
	case b.Type == FormatWebhook && (fresh || b.Key != "") && len(b.Key) < 16:
		return fault.Field("key", "is too short", "at least 16 characters")
	}
	for _, kind := range b.Kinds {
		if !known(kind) {
			return fault.Field("kinds", "has a kind that does not exist", "kinds that are listed")
		}
	}
	if b.URL != "" {
		return outgoing.CheckURL("url", b.URL)
	}
	return nil
}

func (c *Channel) wants(n *notice) bool {
	kind := n.Kind
	if !known(kind) {
		kind = "other"
	}
	return c.Enabled && (len(c.Kinds) == 0 || slices.Contains(c.Kinds, kind)) &&
		(len(c.Teams) == 0 || slices.ContainsFunc(c.Teams, func(t string) bool { return slices.Contains(n.to.Teams, t) }))
}

// Channels lists the channels by name.
func (c *Courier) Channels(ctx context.Context) ([]Channel, error) {
	rows, err := c.DB.Read().QueryContext(ctx, "SELECT id, name, type, host, kinds, teams, enabled, created_at, updated_at FROM notice_channels ORDER BY name LIMIT $1", maxChannels)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (ch Channel, err error) {
		var kinds, teams string
		var enabled, created, updated int64
		if err = row.Scan(&ch.ID, &ch.Name, &ch.Type, &ch.Host, &kinds, &teams, &enabled, &created, &updated); err != nil {
			return ch, err
		}
		ch.Enabled, ch.CreatedAt, ch.UpdatedAt = enabled != 0, store.Time(created), store.Time(updated)
		if err := json.Unmarshal([]byte(kinds), &ch.Kinds); err != nil {
			return ch, err
		}
		return ch, json.Unmarshal([]byte(teams), &ch.Teams)
	})
	if err != nil {
		return nil, fmt.Errorf("read the channels of notices: %w", err)
	}
	return list, nil
}

// PutChannel keeps a channel; id is empty for a new one.
func (c *Courier) PutChannel(ctx context.Context, id string, b ChannelBody, by auth.User) (Channel, error) {
	fresh := id == ""
	if err := b.check(fresh); err != nil {
		return Channel{}, err
	}
	kinds, err := json.Marshal(append([]string{}, b.Kinds...))
	if err != nil {
		return Channel{}, fmt.Errorf("write a channel: %w", err)
	}
	teams, err := json.Marshal(append([]string{}, b.Teams...))
	if err != nil {
		return Channel{}, fmt.Errorf("write a channel: %w", err)
	}
	host := ""
	if u, err := url.Parse(b.URL); err == nil {
		host = u.Host
	}
	enabled, now := 0, store.Millis(c.Now())
	if b.Enabled {
		enabled = 1
	}
	err = c.DB.Tx(ctx, func(tx *store.Tx) error {
		verb := "notice_channel.update"
		if fresh {
			verb, id = "notice_channel.create", uuid.NewString()
			var n int
			if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM notice_channels").Scan(&n); err != nil {
				return fmt.Errorf("count channels: %w", err)
			}
			if n >= maxChannels {
				return fault.New(fault.Conflict, "There are already %d channels, the most that one portal holds.", maxChannels)
			}
			_, err = tx.ExecContext(ctx, "INSERT INTO notice_channels (id, name, type, host, kinds, teams, enabled, created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
				id, b.Name, b.Type, host, string(kinds), string(teams), enabled, by.ID, now)
		} else {
			res, failed := tx.ExecContext(ctx, "UPDATE notice_channels SET name = $1, type = $2, host = CASE WHEN $3 = '' THEN host ELSE $3 END, kinds = $4, teams = $5, enabled = $6, updated_at = $7 WHERE id = $8",
				b.Name, b.Type, host, string(kinds), string(teams), enabled, now, id)
			if err = failed; err == nil {
				if n, err := res.RowsAffected(); err != nil {
					return err
				} else if n == 0 {
					return fault.New(fault.NotFound, "There is no such channel.")
				}
			}
		}
		if store.IsUnique(err) {
			return fault.New(fault.Taken, "There is already a channel with this name.")
		}
		if err != nil {
			return fmt.Errorf("keep a channel: %w", err)
		}
		for name, value := range map[string]string{id + "/url": b.URL, id + "/key": b.Key} {
			if value == "" {
				continue
			}
			if err := c.Vault.Put(ctx, tx, scope, name, secret.NewValue(value), by.ID); err != nil {
				return err
			}
		}
		return c.event(ctx, tx, by, verb, id, "name", b.Name, "type", b.Type, "kinds", b.Kinds, "teams", b.Teams, "enabled", b.Enabled)
	})
	if err != nil {
		return Channel{}, err
	}
	list, err := c.Channels(ctx)
	for _, ch := range list {
		if ch.ID == id {
			return ch, err
		}
	}
	return Channel{}, err
}

// DeleteChannel forgets a channel with its address.
func (c *Courier) DeleteChannel(ctx context.Context, id string, by auth.User) error {
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM notice_channels WHERE id = $1", id)
		if err != nil {
			return fmt.Errorf("delete a channel: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.New(fault.NotFound, "There is no such channel.")
		}
		for _, name := range []string{id + "/url", id + "/key"} {
			if err := c.Vault.Remove(ctx, tx, scope, name); err != nil {
				return err
			}
		}
		return c.event(ctx, tx, by, "notice_channel.delete", id)
	})
}

func (c *Courier) event(ctx context.Context, tx *store.Tx, by auth.User, verb, id string, pairs ...any) error {
	return c.Audit.Append(ctx, tx, audit.Event{Actor: by.ID, ActorName: by.Name, Verb: verb, Object: "notice-channel/" + id, Outcome: audit.Success, Detail: audit.Detail(pairs...)})
}

// open returns where a channel's messages go.
func (c *Courier) open(ctx context.Context, id string) (address string, key secret.Value, format string, err error) {
	list, err := c.Channels(ctx)
	if err != nil {
		return "", key, "", err
	}
	at := slices.IndexFunc(list, func(ch Channel) bool { return ch.ID == id })
	if at < 0 {
		return "", key, "", errRefused{fmt.Errorf("there is no channel %s", id)}
	}
	sealed, err := c.Vault.Open(ctx, c.DB.Read(), scope, id+"/url")
	if err == nil {
		err = sealed.Use(func(plain []byte) error {
			address = string(plain)
			return nil
		})
	}
	if err == nil && list[at].Type == FormatWebhook {
		key, err = c.Vault.Open(ctx, c.DB.Read(), scope, id+"/key")
	}
	return address, key, list[at].Type, err
}

// Test sends a message to a channel at once and says what came of it.
func (c *Courier) Test(ctx context.Context, id string) (string, error) {
	address, key, format, err := c.open(ctx, id)
	if _, gone := err.(errRefused); gone { //nolint:errorlint // it is never wrapped
		return "", fault.New(fault.NotFound, "There is no such channel.")
	}
	if err != nil {
		return "", err
	}
	m := &message{ID: uuid.NewString(), Kind: "test", Title: "A test from Sphera", Text: "Notices of the chosen kinds come here.", URL: strings.TrimRight(c.PublicURL(), "/") + "/notices", At: c.Now()}
	status, err := c.post(ctx, format, address, key, m.ID, m)
	if err != nil {
		return "", fault.New(fault.Unavailable, "The channel did not take it: %s.", status)
	}
	return status, nil
}

// Delivery is an entry of the delivery log.
type Delivery struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Title    string    `json:"title"`
	Channel  string    `json:"channel"`
	To       string    `json:"to"`
	State    string    `json:"state" enum:"waiting,sent,failed"`
	Attempts int       `json:"attempts"`
	Status   string    `json:"status"`
	At       time.Time `json:"at"`
	NextAt   time.Time `json:"nextAt,omitzero"`
	EndedAt  time.Time `json:"endedAt,omitzero"`
}

// Deliveries lists the delivery log, newest first.
func (c *Courier) Deliveries(ctx context.Context, state, from string, limit int) ([]Delivery, string, error) {
	limit = max(1, min(limit, 200))
	rows, err := c.DB.Read().QueryContext(ctx, `SELECT d.id, n.id, n.kind, n.title, COALESCE(ch.name, d.channel), COALESCE(u.email, ''), d.state, d.attempts, d.status, d.created_at, d.next_at, d.ended_at
		FROM notice_deliveries d JOIN notices n ON n.id = d.notice_id LEFT JOIN auth_users u ON u.id = d.user_id LEFT JOIN notice_channels ch ON ch.id = d.channel
		WHERE ($1 = '' OR d.state = $1) AND ($2 = '' OR d.notice_id || '/' || d.id < $2) ORDER BY d.notice_id DESC, d.id DESC LIMIT $3`, state, from, limit+1)
	var cursors []string
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (d Delivery, err error) {
		var notice string
		var at, next, ended int64
		err = row.Scan(&d.ID, &notice, &d.Kind, &d.Title, &d.Channel, &d.To, &d.State, &d.Attempts, &d.Status, &at, &next, &ended)
		d.At, d.EndedAt = store.Time(at), store.Time(ended)
		if d.State == Waiting {
			d.NextAt = store.Time(next)
		}
		cursors = append(cursors, notice+"/"+d.ID)
		return d, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read the delivery log: %w", err)
	}
	if len(list) > limit {
		return list[:limit], cursors[limit-1], nil
	}
	return list, "", nil
}

// Retry makes a failed delivery due again.
func (c *Courier) Retry(ctx context.Context, id string) error {
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE notice_deliveries SET state = 'waiting', attempts = 0, next_at = $1, ended_at = 0 WHERE id = $2 AND state = 'failed'", store.Millis(c.Now()), id)
		if err != nil {
			return fmt.Errorf("try a delivery again: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.New(fault.Conflict, "Only a delivery that failed is tried again.")
		}
		tx.Notify(Topic, "")
		return nil
	})
}
