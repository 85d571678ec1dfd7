package policy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sphera/internal/store"
)

// Change returns one change with the text it is compared with.
func (p *Policies) Change(ctx context.Context, id string) (Change, error) {
	c, err := oneChange(ctx, p.DB.Read(), id, "")
	if err != nil || c.Base == 0 {
		return c, err
	}
	err = p.DB.Read().QueryRowContext(ctx, "SELECT policies FROM policy_changes WHERE version = $1", c.Base).Scan(&c.Before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("read what a change replaces: %w", err)
	}
	return c, nil
}

const maxChanges = 50

// Changes lists changes, newest first, without their texts. from is the cursor
// that the call before returned; open asks for those that wait.
func (p *Policies) Changes(ctx context.Context, open bool, from string) (list []Change, next string, err error) {
	state := ""
	if open {
		state = Waiting
	}
	if from == "" {
		from = "g" // after every hexadecimal digit
	}
	rows, err := p.DB.Read().QueryContext(ctx, "SELECT "+changeColumns+" FROM policy_changes WHERE id < $1 AND ($2 = '' OR state = $2) ORDER BY id DESC LIMIT $3",
		from, state, maxChanges+1)
	list, err = store.All(rows, err, scanChange)
	if err != nil {
		return nil, "", fmt.Errorf("list changes of policies: %w", err)
	}
	if len(list) > maxChanges {
		list = list[:maxChanges]
		next = list[maxChanges-1].ID
	}
	for i := range list {
		list[i].Policies, list[i].Cases, list[i].Impact.Changes = "", "", []Difference{}
	}
	return list, next, nil
}

// ChangeFilter says which changes are wanted.
type ChangeFilter struct {
	// Open lists those that wait, oldest first, Closed those that were decided;
	// else both, newest first.
	Open, Closed bool
	Author       string
	// From is the id of the last one of the page before.
	From  string
	Limit int
}

// ChangesOf lists changes without what they would have decided otherwise.
// Those that a single administrator made waited for nobody.
func (p *Policies) ChangesOf(ctx context.Context, f ChangeFilter) ([]Change, error) {
	where, order := "($1 = '' OR id < $1)", "DESC"
	switch {
	case f.Open:
		where, order = "($1 = '' OR id > $1) AND state = 'open'", "ASC"
	case f.Closed:
		where += " AND state <> 'open'"
	}
	rows, err := p.DB.Read().QueryContext(ctx, "SELECT "+changeColumns+" FROM policy_changes WHERE "+where+" AND ($2 = '' OR author = $2) AND alone = 0 ORDER BY id "+order+" LIMIT $3",
		f.From, f.Author, f.Limit)
	list, err := store.All(rows, err, scanChange)
	if err != nil {
		return nil, fmt.Errorf("list changes of policies: %w", err)
	}
	return list, nil
}
