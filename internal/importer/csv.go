package importer

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/catalog"
)

const (
	maxColumns = 500
	// separator is between the values of a cell that holds several.
	separator = ";"
)

// CSV reads tables with a header, one entity per row (RFC 4180; commas,
// semicolons or tabs, whichever the header uses). The columns identifier,
// title, icon, team and blueprint are the entity's own; all others are the
// identifiers or titles of properties and relations. Without a column
// blueprint the name of the file says it (Component.csv), unless blueprint
// does. An empty cell says nothing, the cell null clears, and several values in
// a cell are separated by ";" or written as a JSON list.
func CSV(files []catalog.ImportFile, blueprint string, known map[string]catalog.Blueprint) Reading {
	var r Reading
	for _, f := range files {
		t := &table{Reading: &r, file: f.Name, blueprint: blueprint, known: known}
		if t.blueprint == "" {
			t.blueprint = strings.TrimSuffix(path.Base(f.Name), path.Ext(f.Name))
		}
		t.read(f.Content)
	}
	return r
}

// table is one file.
type table struct {
	*Reading
	file      string
	blueprint string
	known     map[string]catalog.Blueprint
	header    []string
	// named is set when a column says the blueprint.
	named bool
}

func (t *table) read(content []byte) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	rows := csv.NewReader(bytes.NewReader(content))
	rows.Comma = comma(content)
	rows.TrimLeadingSpace = true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		t.refuse(t.file, 1, 1, "", "is empty", "The first row names the columns.")
		return
	}
	if err != nil {
		t.broken(err)
		return
	}
	if !t.columns(header, rows) {
		return
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.broken(err)
			if errors.Is(err, csv.ErrFieldCount) {
				continue
			}
			return
		}
		t.row(row, rows)
	}
}

// comma is the separator that the first line has most of.
func comma(content []byte) rune {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	best, most := ',', bytes.Count(line, []byte(","))
	for _, c := range []rune{';', '\t'} {
		if n := bytes.Count(line, []byte(string(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

func (t *table) broken(err error) {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		t.refuse(t.file, 1, 1, "", "cannot be read: "+err.Error(), "Save it as CSV in UTF-8.")
		return
	}
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		t.refuse(t.file, parse.StartLine, 1, "", fmt.Sprintf("has not %d cells as the header has", len(t.header)), "Give the row as many cells as there are columns.")
	case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
		t.refuse(t.file, parse.Line, parse.Column, "", "has a quote where none can be", `Put the cell in quotes and double the quotes in it: "so ""called"" cell".`)
	default:
		t.refuse(t.file, parse.Line, parse.Column, "", parse.Err.Error(), "Save it as CSV in UTF-8.")
	}
}

func (t *table) columns(header []string, rows *csv.Reader) bool {
	if len(header) > maxColumns {
		t.refuse(t.file, 1, 1, "", fmt.Sprintf("has %d columns", len(header)), fmt.Sprintf("At most %d are read.", maxColumns))
		return false
	}
	seen := map[string]bool{}
	ok := true
	for i, name := range header {
		name = strings.TrimSpace(name)
		line, column := rows.FieldPos(i)
		switch {
		case name == "":
			t.refuse(t.file, line, column, "", "is a column without a name", "Name it, or leave it out.")
			ok = false
		case seen[strings.ToLower(name)]:
			t.refuse(t.file, line, column, "", fmt.Sprintf("is the second column %q", name), "Keep one of them.")
			ok = false
		}
		seen[strings.ToLower(name)] = true
		t.header = append(t.header, name)
		t.named = t.named || strings.EqualFold(name, "blueprint")
	}
	if !seen["identifier"] {
		t.refuse(t.file, 1, 1, "", "has no column \"identifier\"", "Add it: it says which entity a row is.")
		ok = false
	}
	if ok && !t.named {
		b, there := t.known[t.blueprint]
		if !there {
			t.refuse(t.file, 1, 1, "", fmt.Sprintf("is for blueprint %q, which there is not", t.blueprint),
				"Name the file after its blueprint, give the blueprint, or add a column \"blueprint\". There are: "+strings.Join(slices.Sorted(maps.Keys(t.known)), ", ")+".")
			return false
		}
		ok = t.matches(b, rows)
	}
	return ok
}

// matches checks the header against the one blueprint of the file, so that a
// wrong column is said once and not for every row.
func (t *table) matches(b catalog.Blueprint, rows *csv.Reader) bool {
	ok := true
	for i, name := range t.header {
		if own(name) {
			continue
		}
		if _, _, found := lookUp(b, name); !found {
			line, column := rows.FieldPos(i)
			t.refuse(t.file, line, column, "/"+name, fmt.Sprintf("is a column %q, and %s has no such property or relation", name, b.Identifier),
				"Leave it out, or add the property first. There are: "+strings.Join(columnsOf(b), ", ")+".")
			ok = false
		}
	}
	return ok
}

func own(column string) bool {
	switch strings.ToLower(column) {
	case "identifier", "title", "icon", "team", "blueprint":
		return true
	default:
		return false
	}
}

func columnsOf(b catalog.Blueprint) []string {
	out := slices.Concat(slices.Collect(maps.Keys(b.Schema.Properties)), slices.Collect(maps.Keys(b.Relations)))
	slices.Sort(out)
	return out
}

// lookUp finds the property or relation of a column, by identifier, or by title in
// any case.
func lookUp(b catalog.Blueprint, column string) (name string, relation, found bool) {
	if _, ok := b.Schema.Properties[column]; ok {
		return column, false, true
	}
	if _, ok := b.Relations[column]; ok {
		return column, true, true
	}
	for _, name := range columnsOf(b) {
		p, isProperty := b.Schema.Properties[name]
		title := p.Title
		if !isProperty {
			title = b.Relations[name].Title
		}
		if strings.EqualFold(name, column) || strings.EqualFold(title, column) {
			return name, !isProperty, true
		}
	}
	return "", false, false
}

func (t *table) row(row []string, rows *csv.Reader) {
	line, _ := rows.FieldPos(0)
	places := map[string]int{}
	e := catalog.NewEntity{Blueprint: t.blueprint, Properties: map[string]any{}, Relations: map[string]any{}}
	for i, name := range t.header {
		if strings.EqualFold(name, "blueprint") && row[i] != "" {
			e.Blueprint = row[i]
		}
	}
	b, there := t.known[e.Blueprint]
	if !there {
		t.refuse(t.file, line, 1, "/blueprint", fmt.Sprintf("there is no blueprint %q", e.Blueprint), "Name one of: "+strings.Join(slices.Sorted(maps.Keys(t.known)), ", ")+".")
		return
	}
	good := true
	for i, cell := range row {
		if cell == "" {
			continue
		}
		_, column := rows.FieldPos(i)
		pointer, problem, advice := fill(&e, b, t.header[i], cell)
		places[pointer] = column
		if problem != "" {
			t.refuse(t.file, line, column, pointer, problem, advice)
			good = false
		}
	}
	if e.Identifier == "" {
		t.refuse(t.file, line, 1, "/identifier", "has no identifier", "Fill in the column identifier.")
		good = false
	}
	if !good && e.Identifier != "" {
		t.Broken = append(t.Broken, catalog.Ref(e.Blueprint, e.Identifier))
	}
	if good {
		t.Things = append(t.Things, Thing{File: t.file, Entity: e, place: func(pointer string) (int, int) { return line, columnAt(places, pointer) }})
	}
}

func columnAt(places map[string]int, pointer string) int {
	for pointer != "" {
		if column, ok := places[pointer]; ok {
			return column
		}
		pointer = pointer[:strings.LastIndexByte(pointer, '/')]
	}
	return 1
}

// fill puts one cell into the entity.
func fill(e *catalog.NewEntity, b catalog.Blueprint, column, cell string) (pointer, problem, advice string) {
	switch strings.ToLower(column) {
	case "identifier":
		e.Identifier = cell
		return "/identifier", "", ""
	case "title":
		e.Title = cell
		return "/title", "", ""
	case "icon":
		e.Icon = cell
		return "/icon", "", ""
	case "blueprint":
		return "/blueprint", "", ""
	case "team":
		e.Team = names(several(cell)...)
		return "/team", "", ""
	}
	name, relation, found := lookUp(b, column)
	if !found {
		return "/" + column, fmt.Sprintf("fills the column %q, and %s has no such property or relation", column, b.Identifier), "Leave the cell empty."
	}
	if relation {
		e.Relations[name] = relationCell(b.Relations[name].Many, cell)
		return "/relations/" + name, "", ""
	}
	value, problem, advice := propertyCell(b.Schema.Properties[name], cell)
	e.Properties[name] = value
	return "/properties/" + name, problem, advice
}

func relationCell(many bool, cell string) any {
	switch {
	case cell == "null" && many:
		return []any{}
	case cell == "null":
		return nil
	case !many:
		return cell
	}
	list := several(cell)
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// several splits a cell with several values.
func several(cell string) []string {
	var list []string
	if strings.HasPrefix(cell, "[") && json.Unmarshal([]byte(cell), &list) == nil {
		return list
	}
	for part := range strings.SplitSeq(cell, separator) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func propertyCell(p catalog.Property, cell string) (value any, problem, advice string) {
	if cell == "null" {
		return nil, "", ""
	}
	switch p.Type {
	case "number":
		n, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
		if err != nil || n-n != 0 {
			return nil, "is text, which is not a number", "Write digits, with a point before the fraction."
		}
		return n, "", ""
	case "boolean":
		switch strings.ToLower(strings.TrimSpace(cell)) {
		case "true", "yes", "1":
			return true, "", ""
		case "false", "no", "0":
			return false, "", ""
		}
		return nil, "is text, which is neither true nor false", "Write true or false."
	case "object":
		var v map[string]any
		if err := json.Unmarshal([]byte(cell), &v); err != nil {
			return nil, "is not a JSON object", `Write {"name": "value"}.`
		}
		return v, "", ""
	case "array":
		return arrayCell(p, cell)
	default:
		return cell, "", ""
	}
}

func arrayCell(p catalog.Property, cell string) (value any, problem, advice string) {
	var raw []any
	if strings.HasPrefix(cell, "[") && json.Unmarshal([]byte(cell), &raw) == nil {
		return raw, "", ""
	}
	out := []any{}
	for _, part := range several(cell) {
		item := catalog.Property{Type: "string"}
		if kind, ok := p.Items["type"].(string); ok {
			item.Type = kind
		}
		v, problem, advice := propertyCell(item, part)
		if problem != "" {
			return nil, problem, advice
		}
		out = append(out, v)
	}
	return out, "", ""
}

func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:37]) + "..."
	}
	return s
}
