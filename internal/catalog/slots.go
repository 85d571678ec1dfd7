package catalog

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Slots are columns s1..s10 (text) and n1..n8 (numbers, truth as 0 and 1,
// date-times as seconds) that hold the values of a blueprint's properties
// again, where an index can find and sort them; docs/adr/0012.
const (
	textSlots   = 10
	numberSlots = 8
	// slotRunes is how much of a text a slot keeps. Where that was not all, the
	// document decides.
	slotRunes = 200
	// filling marks a slot that is written already and not yet read, because
	// the rows from before have not got their values.
	filling = "+"
	// slotColumns are the columns in the order of slotRow.
	slotColumns = "s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, n1, n2, n3, n4, n5, n6, n7, n8"
)

// slotRow holds the values of the columns of slotColumns; nil is NULL.
type slotRow [textSlots + numberSlots]any

// slotField is a property that could have a slot.
type slotField struct {
	name, typ, format string
	enum, derived     bool
}

// slotFields lists the properties of a blueprint that a slot could hold.
// mirrored tells the type of what a path leads to.
func slotFields(b Blueprint, mirrored func(path string) (typ, format string)) []slotField {
	var out []slotField
	for name, p := range b.Schema.Properties {
		out = append(out, slotField{name: name, typ: p.Type, format: p.Format, enum: len(p.Enum) > 0})
	}
	for name, m := range b.MirrorProperties {
		f := slotField{name: name, derived: true}
		if mirrored != nil {
			f.typ, f.format = mirrored(m.Path)
		}
		out = append(out, f)
	}
	for name, p := range b.CalculationProperties {
		out = append(out, slotField{name: name, typ: p.Type, format: p.Format, derived: true})
	}
	for name := range b.AggregationProperties {
		out = append(out, slotField{name: name, typ: "number", derived: true})
	}
	slices.SortFunc(out, func(x, y slotField) int {
		if d := x.rank() - y.rank(); d != 0 {
			return d
		}
		return strings.Compare(x.name, y.name)
	})
	return out
}

// rank says who gets a slot first; what is 9 gets none.
func (f slotField) rank() int {
	rank := 9
	switch f.kind() {
	case 's':
		rank = 3
		if f.enum {
			rank = 0
		}
		if f.format == "url" {
			rank = 4
		}
	case 'n':
		rank = map[string]int{"boolean": 1, "number": 2, "string": 3}[f.typ]
		if f.enum {
			rank = 0
		}
	default:
		return rank
	}
	if f.derived {
		rank += 4
	}
	return rank
}

// kind is s or n, or 0 for what no slot can hold.
func (f slotField) kind() byte {
	switch f.typ {
	case "number", "boolean":
		return 'n'
	case "string":
		switch f.format {
		case "date-time", "timer":
			return 'n'
		case "markdown", "yaml", "proto", "multi-line":
			return 0
		}
		return 's'
	}
	return 0
}

// assignSlots gives slots to fields, which come in the order of their rank.
// Those that have one of the right kind keep it; new ones are marked as
// filling, for the caller to fill them, unless the blueprint is empty.
func assignSlots(known map[string]string, fields []slotField, empty bool) map[string]string {
	out := map[string]string{}
	taken := map[string]bool{}
	for _, f := range fields {
		slot := strings.TrimPrefix(known[f.name], filling)
		if slot != "" && slot[0] == f.kind() {
			out[f.name] = known[f.name]
			taken[slot] = true
		}
	}
	mark := filling
	if empty {
		mark = ""
	}
	for _, f := range fields {
		if out[f.name] != "" || f.kind() == 0 {
			continue
		}
		most := numberSlots
		if f.kind() == 's' {
			most = textSlots
		}
		for i := 1; i <= most; i++ {
			slot := string(f.kind()) + strconv.Itoa(i)
			if !taken[slot] {
				taken[slot] = true
				out[f.name] = mark + slot
				break
			}
		}
	}
	return out
}

// readySlots takes the marks away once all rows are filled.
func readySlots(slots map[string]string) map[string]string {
	out := make(map[string]string, len(slots))
	for name, slot := range slots {
		out[name] = strings.TrimPrefix(slot, filling)
	}
	return out
}

// slotsFilling tells whether some slots are not filled yet.
func slotsFilling(slots map[string]string) bool {
	for _, slot := range slots {
		if strings.HasPrefix(slot, filling) {
			return true
		}
	}
	return false
}

// slotValues are the columns of a row with these own and derived values.
func slotValues(slots map[string]string, properties, derived map[string]any) slotRow {
	var row slotRow
	for name, slot := range slots {
		v, ok := properties[name]
		if !ok {
			v = derived[name]
		}
		if v == nil {
			continue
		}
		slot = strings.TrimPrefix(slot, filling)
		n, err := strconv.Atoi(slot[1:])
		if err != nil {
			continue
		}
		switch {
		case slot[0] == 's' && n >= 1 && n <= textSlots:
			if s, ok := v.(string); ok {
				row[n-1] = slotText(s)
			}
		case slot[0] == 'n' && n >= 1 && n <= numberSlots:
			row[textSlots+n-1] = slotNumber(v) //nolint:gosec // n is a number of a slot
		}
	}
	return row
}

func slotText(s string) string {
	if len(s) <= slotRunes || utf8.RuneCountInString(s) <= slotRunes {
		return s
	}
	return string([]rune(s)[:slotRunes])
}

func slotNumber(v any) any {
	switch v := v.(type) {
	case float64:
		return v
	case int:
		return float64(v)
	case bool:
		if v {
			return 1.0
		}
		return 0.0
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil && at.Year() >= 1 && at.Year() <= 9999 {
			return float64(at.Round(time.Millisecond).UnixMilli()) / 1000
		}
	}
	return nil
}
