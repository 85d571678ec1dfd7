package catalog

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"sphera/internal/fault"
)

// cursor is where a page ended. Check binds it to the query it came from: a
// cursor of another query, or a changed one, would give a wrong page. It is no
// secret: what a cursor says only ever becomes parameters of the same query.
type cursor struct {
	Value any   `json:"v"`
	ID    int64 `json:"i"`
	// Total is what the first page said, and AtLeast that there may be more.
	Total   int    `json:"t,omitempty"`
	AtLeast bool   `json:"m,omitempty"`
	Check   string `json:"c"`
}

func (c cursor) sum(q Query) (string, error) {
	q.From, q.Limit = "", 0
	raw, err := json.Marshal([]any{q, c.Value, c.ID, c.Total, c.AtLeast})
	if err != nil {
		return "", fmt.Errorf("encode a cursor: %w", err)
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:12]), nil
}

func (c cursor) encode(q Query) (string, error) {
	var err error
	if c.Check, err = c.sum(q); err != nil {
		return "", err
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

func readCursor(q Query) (*cursor, error) {
	if q.From == "" {
		return nil, nil //nolint:nilnil // the first page has no cursor
	}
	bad := fault.New(fault.Invalid, "\"from\" is not a cursor of this query. Start again without it.").
		With("from", "is not a cursor of this query", "the \"next\" of the page before, with the same query")
	if len(q.From) > 16<<10 {
		return nil, bad
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.From)
	if err != nil {
		return nil, bad.Wrap(err)
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, bad.Wrap(err)
	}
	sum, err := c.sum(q)
	if err != nil || sum != c.Check {
		return nil, bad.Wrap(err)
	}
	return &c, nil
}
