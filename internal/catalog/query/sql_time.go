package query

// moments is an expression of date-times, in unit per millisecond.
type moments struct {
	expression string
	unit       float64
	// cast is set where parameters must be told their type.
	cast bool
}

func (c *compiler) date(f Field, operator string, o operand) string {
	switch operator {
	case "contains", "beginsWith", "endsWith":
		return c.text(column{text: c.docText(f)}, operator, o)
	}
	m := moments{expression: c.docMillis(f), unit: 1, cast: true}
	if f.Slot != "" {
		m = moments{expression: c.slot(f), unit: 1000, cast: true}
	}
	return c.moment(m, operator, o)
}

func (c *compiler) instant(m moments, ms int64) string {
	if m.cast {
		return "CAST(" + c.arg(float64(ms)/m.unit) + " AS DOUBLE PRECISION)"
	}
	return c.arg(ms)
}

func (c *compiler) moment(m moments, operator string, o operand) string {
	switch operator {
	case "isEmpty":
		return "(" + m.expression + " IS NULL)"
	case "isExpired":
		return "(" + m.expression + " < " + c.instant(m, millis(c.env.Now)) + ")"
	case "in", "containsAny", matchAny:
		operator = "="
	case "between", "=", ">", ">=", "<", "<=":
	default:
		return c.none("/operator", "cannot be used with a date and time", "=, !=, >, >=, <, <=, in, notIn, between, notBetween, isEmpty, isNotEmpty, isExpired, isNotExpired")
	}
	if o.span != nil {
		from, to := o.span.span(c.env.Now)
		return "(" + m.expression + " >= " + c.instant(m, from) + " AND " + m.expression + " <= " + c.instant(m, to) + ")"
	}
	if asksNull(o) && operator == "=" {
		return "(" + m.expression + " IS NULL)"
	}
	var parts []string
	for i, v := range o.values {
		s, _ := v.(string)
		at, ok := askedTime(s)
		if !ok {
			c.none(c.place(o, i), "is not a date and time", "e.g. 2026-01-02T15:04:05Z")
			continue
		}
		parts = append(parts, "("+m.expression+" "+operator+" "+c.instant(m, millis(at))+")")
	}
	return any1(parts)
}
