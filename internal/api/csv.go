package api

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

const csvPage = 500

// entitiesCSV writes exactly the rows that the same search lists, in pages, so
// that memory does not grow with them.
func (a *API) entitiesCSV(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	q := catalog.Query{
		Blueprint: r.PathValue("bp"), Text: query.Get("q"), Sort: query.Get("sort"), Desc: query.Get("desc") == "true", Limit: csvPage,
	}
	if rules := query.Get("rules"); rules != "" {
		if err := json.Unmarshal([]byte(rules), &q.Rules); err != nil {
			return fault.New(fault.Invalid, "The request cannot be read.").With("rules", "is not valid", "a JSON list of {property, operator, value}")
		}
	}
	b, err := a.catalog.Blueprint(r.Context(), q.Blueprint)
	if err != nil {
		return err
	}
	columns := sortedKeys(b.Schema.Properties)
	if chosen := query.Get("columns"); chosen != "" {
		columns = strings.Split(chosen, ",")
	} else {
		columns = append([]string{"$identifier", "$title", "$team"}, append(columns, sortedKeys(b.Relations)...)...)
	}
	page, err := a.catalog.Search(r.Context(), q)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+safeName(q.Blueprint)+`.csv"`)
	out := csv.NewWriter(w)
	a.ignore(r, out.Write(guarded(headings(columns))))
	for {
		for _, e := range page.Entities {
			row := make([]string, 0, len(columns))
			for _, column := range columns {
				row = append(row, cell(e, column))
			}
			a.ignore(r, out.Write(guarded(row))) // kept by out for Error
		}
		out.Flush()
		if out.Error() != nil || page.Next == "" {
			return nil //nolint:nilerr // the client went away
		}
		q.From = page.Next
		if page, err = a.catalog.Search(r.Context(), q); err != nil {
			panic(err) // the answer has begun: break it off
		}
	}
}

func headings(columns []string) []string {
	out := make([]string, 0, len(columns))
	for _, c := range columns {
		out = append(out, strings.TrimPrefix(c, "$"))
	}
	return out
}

// cell is one value as text.
func cell(e catalog.Entity, column string) string {
	switch column {
	case "$identifier", "identifier":
		return e.Identifier
	case "$title", "title":
		return e.Title
	case "$team", "team":
		return strings.Join(e.Team, ", ")
	case "$blueprint":
		return e.Blueprint
	case "$createdAt":
		return e.CreatedAt.Format("2006-01-02T15:04:05.000Z07:00")
	case "$updatedAt":
		return e.UpdatedAt.Format("2006-01-02T15:04:05.000Z07:00")
	case "$createdBy":
		return e.CreatedBy
	case "$updatedBy":
		return e.UpdatedBy
	}
	v, ok := e.Properties[column]
	if !ok {
		v = e.Relations[column]
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// guarded makes cells that a spreadsheet would take for a formula plain text.
func guarded(row []string) []string {
	for i, text := range row {
		if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
			row[i] = "'" + text
		}
	}
	return row
}
