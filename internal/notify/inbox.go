package notify

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Item is a notice in somebody's inbox.
type Item struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind"`
	Title  string    `json:"title"`
	Text   string    `json:"text"`
	URL    string    `json:"url,omitempty"`
	Urgent bool      `json:"urgent"`
	At     time.Time `json:"at"`
	Read   bool      `json:"read"`
}

// Inbox lists a person's notices, newest first, with how many are unread.
func (s *Service) Inbox(ctx context.Context, user string, unread bool, from string, limit int) (items []Item, count int, next string, err error) {
	limit = max(1, min(limit, 200))
	where := "i.user_id = $1 AND ($2 = '' OR i.notice_id < $2)"
	if unread {
		where += " AND i.read_at = 0"
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT n.id, n.kind, n.title, n.body, n.url, n.urgent, n.created_at, i.read_at FROM notice_inbox i JOIN notices n ON n.id = i.notice_id
		WHERE `+where+" ORDER BY i.notice_id DESC LIMIT $3", user, from, limit+1)
	items, err = store.All(rows, err, func(row interface{ Scan(...any) error }) (one Item, err error) {
		var urgent, at, read int64
		err = row.Scan(&one.ID, &one.Kind, &one.Title, &one.Text, &one.URL, &urgent, &at, &read)
		one.Urgent, one.At, one.Read = urgent != 0, store.Time(at), read > 0
		return one, err
	})
	if err != nil {
		return nil, 0, "", fmt.Errorf("read an inbox: %w", err)
	}
	if len(items) > limit {
		items, next = items[:limit], items[limit-1].ID
	}
	count, err = s.Unread(ctx, user)
	return items, count, next, err
}

// Unread counts what somebody has not read.
func (s *Service) Unread(ctx context.Context, user string) (int, error) {
	var n int
	if err := s.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM notice_inbox WHERE user_id = $1 AND read_at = 0", user).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what is unread: %w", err)
	}
	return n, nil
}

// maxMark bounds how many notices are marked one by one.
const maxMark = 200

// MarkRead marks some notices, or all when there are no ids, as read.
func (s *Service) MarkRead(ctx context.Context, user string, ids []string) error {
	if len(ids) > maxMark {
		return fault.Field("ids", "are too many", fmt.Sprintf("at most %d, or none for all", maxMark))
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		query, args := "UPDATE notice_inbox SET read_at = $1 WHERE user_id = $2 AND read_at = 0", []any{store.Millis(s.now()), user}
		if len(ids) > 0 {
			places := make([]string, len(ids))
			for i, id := range ids {
				args = append(args, id)
				places[i] = fmt.Sprintf("$%d", len(args))
			}
			query += " AND notice_id IN (" + strings.Join(places, ", ") + ")"
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return fmt.Errorf("mark notices as read: %w", err)
		}
		tx.Notify(Topic, user)
		return nil
	})
}

// Ways to get a kind of notices by mail.
const (
	Now    = "now"
	Digest = "digest"
	Off    = "off"
)

// Preferences are how somebody wants to be told. Kinds that are not named have
// their defaults.
type Preferences struct {
	// Inbox: off keeps a kind out of the portal's inbox.
	Inbox map[string]string `json:"inbox,omitempty"`
	// Mail: now, digest or off.
	Mail map[string]string `json:"mail,omitempty"`
	// Every is how often a digest comes: hourly, or daily at Hour.
	Every string `json:"every,omitempty" enum:"hourly,daily"`
	Hour  int    `json:"hour" minimum:"0" maximum:"23"`
	// QuietFrom and QuietTo, as 22:00, are when no mail comes that is not
	// urgent; empty for none.
	QuietFrom string `json:"quietFrom,omitempty" maxLength:"5"`
	QuietTo   string `json:"quietTo,omitempty" maxLength:"5"`
	// TimeZone is for Hour and quiet hours, e.g. Europe/Zurich; UTC when empty.
	TimeZone string `json:"timeZone,omitempty" maxLength:"64"`
}

// Kind is a kind of notices with its usual way.
type Kind struct {
	Kind string `json:"kind"`
	Mail string `json:"mail"`
}

// Kinds lists the kinds that can be set; other is for all others.
func Kinds() []Kind {
	return []Kind{
		{ApprovalRequested, Now}, {ApprovalReminder, Now}, {ApprovalEscalated, Now}, {ApprovalDecided, Now},
		{RunFailed, Now}, {SweepHeld, Now}, {FlagChanged, Digest}, {"other", Digest},
	}
}

func known(kind string) bool {
	return slices.ContainsFunc(Kinds(), func(k Kind) bool { return k.Kind == kind })
}

var clockPattern = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

func (p *Preferences) check() error {
	for at, one := range map[string]map[string]string{"inbox": p.Inbox, "mail": p.Mail} {
		for kind, way := range one {
			if !known(kind) {
				return fault.Field(at, "has a kind that does not exist", "one of the kinds that are listed")
			}
			if way != Off && way != Now && (way != Digest || at == "inbox") {
				return fault.Field(at, "has a way that does not exist", "now, digest (mail only) or off")
			}
		}
	}
	switch {
	case p.Every != "" && p.Every != "hourly" && p.Every != "daily":
		return fault.Field("every", "is not known", "hourly or daily")
	case p.Hour < 0 || p.Hour > 23:
		return fault.Field("hour", "is not an hour", "0 to 23")
	case (p.QuietFrom == "") != (p.QuietTo == "") || p.QuietFrom != "" && (!clockPattern.MatchString(p.QuietFrom) || !clockPattern.MatchString(p.QuietTo)):
		return fault.Field("quietFrom", "or quietTo is not a time", "both as 22:00, or none")
	}
	if _, err := time.LoadLocation(p.TimeZone); err != nil {
		return fault.Field("timeZone", "is not known", "a name such as Europe/Zurich")
	}
	return nil
}

func (p *Preferences) zone() *time.Location {
	if zone, err := time.LoadLocation(p.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

func (p *Preferences) inbox(kind string) bool {
	if !known(kind) {
		kind = "other"
	}
	return p.Inbox[kind] != Off
}

func (p *Preferences) mail(kind string) string {
	if !known(kind) {
		kind = "other"
	}
	if way := p.Mail[kind]; way != "" {
		return way
	}
	for _, k := range Kinds() {
		if k.Kind == kind {
			return k.Mail
		}
	}
	return Digest
}

// due is when a mail may go out, and whether it goes with a digest.
func (p *Preferences) due(kind string, urgent bool, now time.Time) (at time.Time, digest bool) {
	if urgent {
		return now, false
	}
	if p.mail(kind) == Digest {
		return p.quiet(p.nextDigest(now)), true
	}
	return p.quiet(now), false
}

func (p *Preferences) nextDigest(now time.Time) time.Time {
	local := now.In(p.zone())
	if p.Every == "hourly" {
		return local.Truncate(time.Hour).Add(time.Hour)
	}
	hour := p.Hour
	at := time.Date(local.Year(), local.Month(), local.Day(), hour, 0, 0, 0, local.Location())
	if !at.After(local) {
		at = time.Date(local.Year(), local.Month(), local.Day()+1, hour, 0, 0, 0, local.Location())
	}
	return at
}

// quiet moves a time to the end of the quiet hours it falls into.
func (p *Preferences) quiet(at time.Time) time.Time {
	if p.QuietFrom == "" || p.QuietFrom == p.QuietTo {
		return at
	}
	local := at.In(p.zone())
	clock := local.Format("15:04")
	inside := clock >= p.QuietFrom && clock < p.QuietTo
	overnight := p.QuietFrom > p.QuietTo
	if overnight {
		inside = clock >= p.QuietFrom || clock < p.QuietTo
	}
	if !inside {
		return at
	}
	end, err := time.Parse("15:04", p.QuietTo)
	if err != nil {
		return at
	}
	day := local.Day()
	if overnight && clock >= p.QuietFrom {
		day++
	}
	return time.Date(local.Year(), local.Month(), day, end.Hour(), end.Minute(), 0, 0, local.Location())
}

// Preferences returns how somebody wants to be told.
func (s *Service) Preferences(ctx context.Context, user string) (Preferences, error) {
	return preferences(ctx, s.db.Read(), user)
}

func preferences(ctx context.Context, q store.Querier, user string) (Preferences, error) {
	p := Preferences{Every: "daily", Hour: 9}
	var doc string
	err := q.QueryRowContext(ctx, "SELECT doc FROM notice_preferences WHERE user_id = $1", user).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("read preferences: %w", err)
	}
	return p, json.Unmarshal([]byte(doc), &p)
}

// SetPreferences keeps how somebody wants to be told.
func (s *Service) SetPreferences(ctx context.Context, user string, p Preferences) error {
	if err := p.check(); err != nil {
		return err
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write preferences: %w", err)
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO notice_preferences (user_id, doc, updated_at) VALUES ($1, $2, $3)
			ON CONFLICT (user_id) DO UPDATE SET doc = excluded.doc, updated_at = excluded.updated_at`, user, string(raw), store.Millis(s.now()))
		if err != nil {
			return fmt.Errorf("keep preferences: %w", err)
		}
		return nil
	})
}
