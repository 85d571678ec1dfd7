package scim

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sphera/internal/store"
)

// span is a part of the rows that fit a condition.
type span struct {
	rows         condition
	limit, start int
	// brief leaves out what costs a query for each: the members of groups.
	brief bool
}

// list answers a list with a filter and pages (RFC 7644, 3.4.2.4). read returns
// how many rows fit and those of the span.
func list(r *http.Request, known columns, read func(q span) (int, []map[string]any, error)) (int, any, error) {
	asked := r.URL.Query()
	start, count := max(number(asked.Get("startIndex"), 1), 1), min(max(number(asked.Get("count"), maxPage), 0), maxPage)
	excluded := strings.Split(asked.Get("excludedAttributes"), ",")
	for i, name := range excluded {
		excluded[i] = canonicalPath(strings.TrimSpace(name))
	}
	q := span{rows: condition{exact: true}, limit: count, start: start - 1}
	var f filter
	if text := asked.Get("filter"); text != "" {
		var err error
		if f, err = parseFilter(text, known); err != nil {
			return 0, nil, err
		}
		q.rows = f.rows
	}
	if !q.rows.exact {
		q.limit, q.start = maxMatching, 0
	}
	for _, name := range excluded {
		q.brief = q.brief || name == "members" && q.rows.exact
	}
	total, found, err := read(q)
	if err != nil {
		return 0, nil, err
	}
	if !q.rows.exact {
		kept := found[:0]
		for _, one := range found {
			if f.match(one) {
				kept = append(kept, one)
			}
		}
		total = len(kept)
		found = kept[min(start-1, total):]
		found = found[:min(count, len(found))]
	}
	for _, one := range found {
		for _, name := range excluded {
			if name != "id" && name != "schemas" {
				delete(one, name)
			}
		}
	}
	return http.StatusOK, map[string]any{
		"schemas": []string{schemaList}, "totalResults": total, "startIndex": start, "itemsPerPage": len(found), "Resources": found,
	}, nil
}

func number(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return otherwise
	}
	return n
}

// rowsOf reads a span of a table's rows, and how many there are in all.
func rowsOf[T any](ctx context.Context, s *Service, table, columns, order string, c Client, q span, scan func(row interface{ Scan(...any) error }) (T, error)) (int, []T, error) {
	where := " FROM " + table + " AND " + q.rows.after(1)
	args := append([]any{c.ID}, q.rows.args...)
	var total int
	if err := s.d.DB.Read().QueryRowContext(ctx, "SELECT COUNT(*)"+where, args...).Scan(&total); err != nil {
		return 0, nil, fmt.Errorf("count what a directory told of: %w", err)
	}
	n := len(args)
	rows, err := s.d.DB.Read().QueryContext(ctx, fmt.Sprintf("SELECT %s%s ORDER BY %s LIMIT $%d OFFSET $%d", columns, where, order, n+1, n+2), append(args, q.limit, q.start)...)
	found, err := store.All(rows, err, scan)
	if err != nil {
		return 0, nil, fmt.Errorf("list what a directory told of: %w", err)
	}
	return total, found, nil
}

// users reads people of a directory.
func (s *Service) users(ctx context.Context, c Client, q span) (int, []map[string]any, error) {
	total, found, err := rowsOf(ctx, s, "scim_users WHERE client_id = $1 AND CAST(doc AS TEXT) <> 'null'", recordColumns, "user_name_key, user_id", c, q, scanRecord)
	out := make([]map[string]any, 0, len(found))
	for _, one := range found {
		out = append(out, s.resource(one))
	}
	return total, out, err
}

// groups reads groups of a directory.
func (s *Service) groups(ctx context.Context, c Client, q span) (int, []map[string]any, error) {
	total, found, err := rowsOf(ctx, s, "scim_groups WHERE client_id = $1", groupColumns, "display_key, id", c, q, scanGroup)
	if err != nil {
		return 0, nil, err
	}
	out := make([]map[string]any, 0, len(found))
	for _, one := range found {
		if !q.brief {
			if one.Members, err = s.members(ctx, s.d.DB.Read(), c, one.Team); err != nil {
				return 0, nil, err
			}
		}
		out = append(out, s.groupResource(one))
	}
	return total, out, nil
}
