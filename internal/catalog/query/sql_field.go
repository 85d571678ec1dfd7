package query

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"sphera/internal/store"
)

// slotRunes is how much of a text a slot keeps.
const slotRunes = 200

// doc is the document that a field's value is in.
func doc(f Field) string {
	if f.Kind == Own {
		return "e.properties"
	}
	return "e.derived"
}

// What of a document an expression is about. Each is NULL where the value is
// of another type: comparing types with each other would fail on PostgreSQL
// and give anything on SQLite.

func (c *compiler) docSet(f Field) string {
	if c.d == store.SQLite {
		return "json_type(" + doc(f) + `, '$."` + f.Name + `"')`
	}
	return "(" + doc(f) + " ->> '" + f.Name + "')"
}

func (c *compiler) docText(f Field) string {
	if c.d == store.SQLite {
		return "CASE json_type(" + doc(f) + `, '$."` + f.Name + `"') WHEN 'text' THEN ` + doc(f) + ` ->> '$."` + f.Name + `"' END`
	}
	return "(CASE WHEN jsonb_typeof(" + doc(f) + " -> '" + f.Name + "') = 'string' THEN " + doc(f) + " ->> '" + f.Name + `' END COLLATE "C")`
}

func (c *compiler) docNumber(f Field) string {
	if c.d == store.SQLite {
		return "CASE WHEN json_type(" + doc(f) + `, '$."` + f.Name + `"') IN ('integer', 'real') THEN CAST(` + doc(f) + ` ->> '$."` + f.Name + `"' AS DOUBLE PRECISION) END`
	}
	return "CASE WHEN jsonb_typeof(" + doc(f) + " -> '" + f.Name + "') = 'number' THEN CAST(" + doc(f) + " ->> '" + f.Name + "' AS DOUBLE PRECISION) END"
}

// docTruth is 'true' or 'false'.
func (c *compiler) docTruth(f Field) string {
	if c.d == store.SQLite {
		return "json_type(" + doc(f) + `, '$."` + f.Name + `"')`
	}
	return "CASE WHEN jsonb_typeof(" + doc(f) + " -> '" + f.Name + "') = 'boolean' THEN " + doc(f) + " ->> '" + f.Name + "' END"
}

// docMillis is a date-time as milliseconds since 1970. Each engine is asked
// only about texts that it will not trip over.
func (c *compiler) docMillis(f Field) string {
	text := c.docText(f)
	if c.d == store.SQLite {
		return "CASE WHEN " + text + " GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*' THEN ROUND((julianday(" + text + ") - 2440587.5) * 86400000.0) END"
	}
	return `CASE WHEN ` + text + ` ~ '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-](0\d|1[0-4]):[0-5]\d)$' ` +
		// From the first of the month, because the 31st of February is an error.
		`THEN ROUND(EXTRACT(EPOCH FROM CAST(SUBSTR(` + text + `, 1, 8) || '01' || SUBSTR(` + text + `, 11) AS TIMESTAMPTZ)) * 1000 + (CAST(SUBSTR(` + text + `, 9, 2) AS INTEGER) - 1) * 86400000.0) END`
}

// slot is the column of a field. On SQLite only the index of the slot that was
// chosen may be used: a plus in front hides the others.
func (c *compiler) slot(f Field) string {
	if c.d == store.SQLite && c.f.Drive != "" && c.f.Drive != f.Slot {
		return "+e." + f.Slot
	}
	return "e." + f.Slot
}

func (c *compiler) field(f Field, operator string, o operand) string {
	slotted := f.Slot != ""
	if operator == "isEmpty" || operator == "=" && asksNull(o) {
		if slotted && f.Type != "" {
			return "(" + c.slot(f) + " IS NULL)"
		}
		return "(" + c.docSet(f) + " IS NULL)"
	}
	switch f.Type {
	case "number":
		return c.number(f, operator, o)
	case "boolean":
		return c.boolean(f, operator, o)
	case "array":
		return c.array(f, operator, o)
	case "string":
		if f.date() {
			return c.date(f, operator, o)
		}
		col := column{text: c.docText(f)}
		if slotted {
			col.slot = c.slot(f)
		}
		return c.text(col, operator, o)
	case "":
		return c.anything(f, operator, o)
	}
	return c.none("/operator", "cannot be used with type "+f.Type, "isEmpty, isNotEmpty")
}

// column is something that is text, or NULL.
type column struct {
	text string
	// folded is the same without differences of case, in any script.
	folded string
	// slot holds the first slotRunes of it.
	slot string
	// exact minds the case.
	exact bool
}

func (c *compiler) text(col column, operator string, o operand) string {
	if operator == "isEmpty" || operator == "=" && asksNull(o) {
		if col.slot != "" {
			return "(" + col.slot + " IS NULL)"
		}
		return "(" + col.text + " IS NULL)"
	}
	if o.span != nil || operator == "isExpired" {
		return c.none("/operator", "needs a date and time", "another operator, or a property with the format date-time")
	}
	var parts, equal []string
	for i, v := range o.values {
		s, ok := v.(string)
		if !ok {
			if v != nil {
				c.none(c.place(o, i), "is not text", "text")
			}
			continue
		}
		switch operator {
		case "=", "in", "containsAny", matchAny:
			if col.slot == "" || utf8.RuneCountInString(s) < slotRunes {
				equal = append(equal, c.arg(s))
			} else {
				parts = append(parts, "("+col.slot+" = "+c.arg(slotText(s))+" AND "+col.text+" = "+c.arg(s)+")")
			}
		case ">", ">=", "<", "<=":
			left := col.text
			if col.slot != "" && utf8.RuneCountInString(s) < slotRunes {
				left = col.slot
			}
			parts = append(parts, "("+left+" "+operator+" "+c.arg(s)+")")
		case "contains", "beginsWith", "endsWith":
			parts = append(parts, c.part(col, operator, s))
		}
	}
	if len(equal) > 0 {
		left := col.text
		if col.slot != "" {
			left = col.slot
		}
		if len(equal) == 1 {
			parts = append(parts, "("+left+" = "+equal[0]+")")
		} else {
			parts = append(parts, "("+left+" IN ("+strings.Join(equal, ", ")+"))")
		}
	}
	return any1(parts)
}

func slotText(s string) string { return string([]rune(s)[:slotRunes]) }

// part looks for the beginning, end or a part of a text.
func (c *compiler) part(col column, operator, s string) string {
	if col.exact {
		return c.exactPart(col.text, operator, s)
	}
	pattern := like(lower(s))
	if col.folded != "" {
		pattern = like(strings.ToLower(s))
	}
	switch operator {
	case "contains":
		pattern = "%" + pattern + "%"
	case "beginsWith":
		pattern += "%"
	case "endsWith":
		pattern = "%" + pattern
	}
	mark := c.arg(pattern)
	is := func(expression string) string { return "LOWER(" + expression + ") LIKE " + mark + " ESCAPE '!'" }
	switch {
	case col.folded != "":
		return "(" + col.folded + " LIKE " + mark + " ESCAPE '!')"
	case col.slot == "":
		return "(" + is(col.text) + ")"
	case operator == "beginsWith" && utf8.RuneCountInString(s) < slotRunes:
		return "(" + is(col.slot) + ")"
	}
	return "(CASE WHEN LENGTH(" + col.slot + ") < 200 THEN " + is(col.slot) + " ELSE " + is(col.text) + " END)"
}

// exactPart is for SQLite, too, whose LIKE does not mind the case.
func (c *compiler) exactPart(expression, operator, s string) string {
	n := c.arg(utf8.RuneCountInString(s))
	mark := c.arg(s)
	switch {
	case operator == "beginsWith":
		return "(SUBSTR(" + expression + ", 1, CAST(" + n + " AS INTEGER)) = " + mark + ")"
	case operator == "endsWith":
		return "(SUBSTR(" + expression + ", LENGTH(" + expression + ") - CAST(" + n + " AS INTEGER) + 1) = " + mark + " AND LENGTH(" + expression + ") >= CAST(" + n + " AS INTEGER))"
	case c.d == store.SQLite:
		return "(CAST(" + n + " AS INTEGER) >= 0 AND INSTR(" + expression + ", " + mark + ") > 0)"
	}
	return "(CAST(" + n + " AS INTEGER) >= 0 AND STRPOS(" + expression + ", " + mark + ") > 0)"
}

// like escapes what has a meaning in LIKE, for ESCAPE '!'.
func like(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

func (c *compiler) number(f Field, operator string, o operand) string {
	expression := c.docNumber(f)
	if f.Slot != "" {
		expression = c.slot(f)
	}
	if operator == "in" || operator == matchAny || operator == "containsAny" {
		operator = "="
	}
	if o.span != nil || !strings.Contains("= > >= < <=", operator) {
		return c.none("/operator", "cannot be used with type number", "=, !=, >, >=, <, <=, in, notIn, isEmpty, isNotEmpty")
	}
	var parts []string
	for i, v := range o.values {
		n, ok := v.(float64)
		if !ok {
			c.none(c.place(o, i), "is not a number", "a number")
			continue
		}
		parts = append(parts, "("+expression+" "+operator+" CAST("+c.arg(n)+" AS DOUBLE PRECISION))")
	}
	return any1(parts)
}

func (c *compiler) boolean(f Field, operator string, o operand) string {
	switch operator {
	case "=", "in", "containsAny", matchAny:
	default:
		return c.none("/operator", "cannot be used with type boolean", "=, !=, in, notIn, isEmpty, isNotEmpty")
	}
	if o.span != nil {
		return c.none("/value", "is not a boolean", "true or false")
	}
	var parts []string
	for i, v := range o.values {
		s := text(v)
		switch {
		case s != "true" && s != "false":
			c.none(c.place(o, i), "is not a boolean", "true or false")
		case f.Slot != "":
			parts = append(parts, "("+c.slot(f)+" = "+map[string]string{"true": "1", "false": "0"}[s]+")")
		default:
			parts = append(parts, "("+c.docTruth(f)+" = '"+s+"')")
		}
	}
	return any1(parts)
}

func (c *compiler) array(f Field, operator string, o operand) string {
	switch operator {
	case "=", "in", "contains", "containsAny", matchAny:
	default:
		return c.none("/operator", "cannot be used with type array", "contains, doesNotContains, containsAny, =, in, isEmpty, isNotEmpty")
	}
	if o.span != nil {
		return c.none("/value", "is not an element", "text, a number or a boolean")
	}
	return c.elements(f, o.values)
}

// elements: the value, or an element of a list, is one of values.
func (c *compiler) elements(f Field, values []any) string {
	var parts []string
	for _, v := range values {
		if v == nil {
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			continue
		}
		if c.d == store.Postgres {
			parts = append(parts, "COALESCE("+doc(f)+" -> '"+f.Name+"' @> CAST("+c.arg(string(raw))+" AS JSONB), FALSE)")
			continue
		}
		switch v := v.(type) {
		case string:
			parts = append(parts, "(j.type = 'text' AND j.value = "+c.arg(v)+")")
		case float64:
			parts = append(parts, "(j.type IN ('integer', 'real') AND j.value = "+c.arg(v)+")")
		case bool:
			parts = append(parts, "j.type = '"+text(v)+"'")
		}
	}
	if len(parts) == 0 || c.d == store.Postgres {
		return any1(parts)
	}
	return "(COALESCE(json_type(" + doc(f) + `, '$."` + f.Name + `"'), 'object') <> 'object' AND EXISTS (SELECT 1 FROM json_each(` + doc(f) + `, '$."` + f.Name + `"') j WHERE ` + any1(parts) + "))"
}

// anything compares a value whose type is not known: it must be that of what
// is asked.
func (c *compiler) anything(f Field, operator string, o operand) string {
	if o.span != nil || operator == "isExpired" {
		return no
	}
	var parts []string
	for _, v := range o.values {
		s, isText := v.(string)
		one := operand{values: []any{v}}
		switch operator {
		case "=", "in", "containsAny", matchAny:
			parts = append(parts, c.elements(f, one.values))
			if s == "true" || s == "false" {
				parts = append(parts, "("+c.docTruth(f)+" = '"+s+"')")
			}
		case "contains":
			parts = append(parts, c.list(f, one.values))
			if isText {
				parts = append(parts, c.text(column{text: c.docText(f)}, operator, one))
			}
		default:
			if isText {
				parts = append(parts, c.text(column{text: c.docText(f)}, operator, one))
			} else if _, isNumber := v.(float64); isNumber {
				parts = append(parts, c.number(Field{Name: f.Name, Kind: f.Kind}, operator, one))
			}
		}
	}
	return any1(parts)
}

// list is elements of lists only.
func (c *compiler) list(f Field, values []any) string {
	is := "jsonb_typeof(" + doc(f) + " -> '" + f.Name + "') = 'array'"
	if c.d == store.SQLite {
		is = "json_type(" + doc(f) + `, '$."` + f.Name + `"') = 'array'`
	}
	return "(COALESCE(" + is + ", FALSE) AND " + c.elements(f, values) + ")"
}
