// Package notify tells people what concerns them: in the portal's inbox, by
// mail, and in the channels that administrators set up. A notice is written in
// the transaction of its cause, so it is neither lost nor sent for something
// that did not happen; it is handed over later, once for each key, person and
// channel.
package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Topic is notified with a user's id when the inbox of that person changed, and
// with nothing when there is something to hand over.
const Topic = "notice"

// Kinds of notices. Others may be sent as well; people set them as "other".
const (
	ApprovalRequested = "approval.requested"
	ApprovalReminder  = "approval.reminder"
	ApprovalEscalated = "approval.escalated"
	ApprovalDecided   = "approval.decided"
	RunFailed         = "run.failed"
	SweepHeld         = "sweep.held"
	FlagChanged       = "flag.changed"
)

// Bounds of a notice.
const (
	maxTitle      = 200
	maxText       = 4000
	maxURL        = 1000
	maxKey        = 300
	maxRecipients = 200
)

// Notice is something to tell. Who gets it twice, as a person and in a team,
// is told once.
type Notice struct {
	Kind string
	// To are ids of users, Teams and Roles are told as a whole.
	To    []string
	Teams []string
	Roles []string
	// Except are ids of users who are not told, although they are among them.
	Except []string
	// Hooks are further addresses that are told.
	Hooks []Hook
	// Title is one line, Text a few; both are plain text. URL is a path of the
	// portal, e.g. "/runs/ID".
	Title, Text, URL string
	// Key makes a notice one of its kind: a second one with the same key is not
	// sent. Empty: no key.
	Key string
	// Urgent passes quiet hours and digests.
	Urgent bool
}

// recipients is who a notice is for, as it is kept.
type recipients struct {
	To     []string `json:"to,omitempty"`
	Teams  []string `json:"teams,omitempty"`
	Roles  []string `json:"roles,omitempty"`
	Except []string `json:"except,omitempty"`
	Hooks  []Hook   `json:"hooks,omitempty"`
}

// Formats of messages.
const (
	FormatSlack   = "slack"
	FormatWebhook = "webhook"
)

// Hook is an address that is told of one notice.
type Hook struct {
	URL    string `json:"url"`
	Format string `json:"format"`
}

// Service sends notices.
type Service struct {
	db  *store.DB
	now func() time.Time
}

// New returns the service.
func New(db *store.DB, now func() time.Time) *Service { return &Service{db: db, now: now} }

// Send writes a notice down in the transaction of its cause.
func (s *Service) Send(ctx context.Context, tx *store.Tx, n Notice) error {
	if err := n.check(); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	to, err := json.Marshal(recipients{n.To, n.Teams, n.Roles, n.Except, n.Hooks})
	if err != nil {
		return fmt.Errorf("write the recipients: %w", err)
	}
	urgent := 0
	if n.Urgent {
		urgent = 1
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO notices (id, kind, title, body, url, key, urgent, recipients, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT DO NOTHING`, id.String(), n.Kind, clip(oneLine(n.Title), maxTitle), clip(n.Text, maxText), n.URL, n.Key, urgent, string(to), store.Millis(s.now()))
	if err != nil {
		return fmt.Errorf("write a notice: %w", err)
	}
	tx.Notify(Topic, "")
	return nil
}

// check refuses what the code of the portal must not send: links lead into the
// portal and nowhere else.
func (n *Notice) check() error {
	switch {
	case n.Kind == "" || n.Title == "":
		return fmt.Errorf("a notice needs a kind and a title")
	case len(n.To)+len(n.Teams)+len(n.Roles) > maxRecipients:
		return fmt.Errorf("notice %s: more than %d recipients", n.Kind, maxRecipients)
	case len(n.Key) > maxKey:
		return fmt.Errorf("notice %s: the key is longer than %d bytes", n.Kind, maxKey)
	}
	return checkPath(n.URL)
}

// checkPath accepts a path of the portal.
func checkPath(path string) error {
	const expected = "a path of the portal, e.g. /runs/ID"
	if path == "" {
		return nil
	}
	u, err := url.Parse(path)
	bad := err != nil || len(path) > maxURL || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t ")
	if bad || u.Scheme != "" || u.Host != "" || u.User != nil {
		return fault.Field("url", "is not inside the portal", expected)
	}
	return nil
}

// oneLine takes control characters out: titles go into the headers of mails.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 }), " ")
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
