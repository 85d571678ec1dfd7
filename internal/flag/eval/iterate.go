package eval

import "math"

// iterate compiles map, filter, all, some, none and reduce. Inside, var reads
// the item; the context outside is not seen.
func (c *compiler) iterate(name string, v value) expr {
	items := v.items()
	if len(items) < 2 {
		return c.wrong("has fewer than two arguments", "a list, and what to do with each item")
	}
	over := c.at("0", func() expr { return c.compile(items[0]) })
	before, tracing := c.size, c.tracing
	c.tracing = false // an item is no context that people know
	body := c.at("1", func() expr { return c.compile(items[1]) })
	c.tracing = tracing
	cost := c.size - before + 1
	if name == "reduce" {
		start := constant(value{})
		if len(items) > 2 {
			start = c.at("2", func() expr { return c.compile(items[2]) })
		}
		return reduce(over, body, start, cost)
	}
	return func(e *env) value {
		all := over(e)
		if all.kind != list && all.kind != null {
			return e.fail(name + " has something else than a list")
		}
		return e.each(name, all.items(), body, cost)
	}
}

// inside evaluates body about one item.
func (e *env) inside(item *value, body expr) value {
	outer := e.local
	e.local = item
	v := body(e)
	e.local = outer
	return v
}

func (e *env) each(name string, items []value, body expr, cost int) value {
	var out []value
	for i := range items {
		if !e.spend(cost) {
			return value{}
		}
		got := e.inside(&items[i], body)
		switch yes := got.truthy(); name {
		case "map":
			out = append(out, got)
		case "filter":
			if yes {
				out = append(out, items[i])
			}
		case "all":
			if !yes {
				return boolOf(false)
			}
		default:
			if yes {
				return boolOf(name == "some")
			}
		}
	}
	switch name {
	case "map", "filter":
		return listOf(out)
	case "all":
		return boolOf(len(items) > 0)
	default:
		return boolOf(name == "none")
	}
}

func reduce(over, body, start expr, cost int) expr {
	return func(e *env) value {
		all, total := over(e), start(e)
		if all.kind != list && all.kind != null {
			return e.fail("reduce has something else than a list")
		}
		for _, item := range all.items() {
			if !e.spend(cost) {
				return value{}
			}
			both := value{kind: object, box: &box{keys: []string{"accumulator", "current"}, items: []value{total, item}}}
			total = e.inside(&both, body)
			if total.kind == number && (math.IsNaN(total.num) || math.IsInf(total.num, 0)) {
				return e.fail("gives no number")
			}
		}
		return total
	}
}
