package api

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

const exportPage = 500

// exportQuery is the search that an export writes out.
func (a *API) exportQuery(r *http.Request) (catalog.Query, error) {
	asked := r.URL.Query()
	q := catalog.Query{
		Blueprint: r.PathValue("bp"), Text: asked.Get("q"), Sort: asked.Get("sort"), Desc: asked.Get("desc") == "true",
		Limit: exportPage,
	}
	if rules := asked.Get("rules"); rules != "" {
		if err := json.Unmarshal([]byte(rules), &q.Rules); err != nil {
			return q, fault.New(fault.Invalid, "The request cannot be read.").With("rules", "is not valid", "a JSON list of {property, operator, value}")
		}
	}
	if raw := asked.Get("query"); raw != "" {
		if err := a.searchQuery(r.Context(), &q, json.RawMessage(raw)); err != nil {
			return q, err
		}
	}
	return q, nil
}

// exportPages hands every page of a search to write, so that memory does not grow
// with the result. Once the answer has begun a failure breaks it off.
func (a *API) exportPages(r *http.Request, q catalog.Query, begin func(), write func(entities []catalog.Entity) error) error {
	page, err := a.catalog.Search(r.Context(), q)
	if err != nil {
		return err
	}
	e := audit.Event{Verb: "catalog.export", Object: "blueprint/" + q.Blueprint, Detail: audit.Detail("format", strings.TrimPrefix(path.Ext(r.URL.Path), "."))}
	if err := a.tellExport(r.Context(), takeNote, e); err != nil {
		return err
	}
	begin()
	for {
		if write(page.Entities) != nil || page.Next == "" {
			return nil //nolint:nilerr // the client went away
		}
		q.From = page.Next
		if page, err = a.catalog.Search(r.Context(), q); err != nil {
			panic(err) // the answer has begun: break it off
		}
	}
}

func attach(w http.ResponseWriter, contentType, name, extension string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+safeName(name)+extension+`"`)
}

// entitiesJSON writes the entities that the same search lists, as one document.
func (a *API) entitiesJSON(w http.ResponseWriter, r *http.Request) error {
	q, err := a.exportQuery(r)
	if err != nil {
		return err
	}
	before := `{"ok":true,"entities":[`
	begin := func() { attach(w, "application/json", q.Blueprint, ".json") }
	err = a.exportPages(r, q, begin, func(entities []catalog.Entity) error {
		for _, e := range entities {
			raw, err := json.Marshal(e)
			if err != nil {
				panic(err) // the answer has begun: break it off
			}
			if _, err := io.WriteString(w, before+"\n"+string(raw)); err != nil {
				return err
			}
			before = ","
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, strings.TrimPrefix(before, ",")+"\n]}\n")
	a.ignore(r, err)
	return nil
}

// entitiesCSV writes exactly the rows that the same search lists.
func (a *API) entitiesCSV(w http.ResponseWriter, r *http.Request) error {
	q, err := a.exportQuery(r)
	if err != nil {
		return err
	}
	b, err := a.catalog.Blueprint(r.Context(), q.Blueprint)
	if err != nil {
		return err
	}
	columns := sortedKeys(b.Schema.Properties)
	if chosen := r.URL.Query().Get("columns"); chosen != "" {
		columns = strings.Split(chosen, ",")
	} else {
		columns = append([]string{"$identifier", "$title", "$team"}, append(columns, sortedKeys(b.Relations)...)...)
	}
	out := csv.NewWriter(w)
	begin := func() {
		attach(w, "text/csv; charset=utf-8", q.Blueprint, ".csv")
		a.ignore(r, out.Write(plainCells(headings(columns))))
	}
	return a.exportPages(r, q, begin, func(entities []catalog.Entity) error {
		for _, e := range entities {
			row := make([]string, 0, len(columns))
			for _, column := range columns {
				row = append(row, cell(e, column))
			}
			a.ignore(r, out.Write(plainCells(row))) // kept by out for Error
		}
		out.Flush()
		return out.Error()
	})
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

// plainCells makes cells that a spreadsheet would take for a formula plain text.
func plainCells(row []string) []string {
	for i, text := range row {
		if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
			row[i] = "'" + text
		}
	}
	return row
}
