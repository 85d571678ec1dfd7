package eval

import (
	"strings"
)

// splitPath splits "a.b" at dots; "\." is a dot inside a name.
func splitPath(path string) []string {
	if !strings.Contains(path, `\`) {
		return strings.Split(path, ".")
	}
	var parts []string
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path) && strings.IndexByte(`.\/`, path[i+1]) >= 0:
			i++
			b.WriteByte(path[i])
		case c == '.':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(parts, b.String())
}

// plainPath is the path of {"var":"a.b"} without a default.
func plainPath(v value) ([]string, bool) {
	if v.kind != object || len(v.box.keys) != 1 || v.box.keys[0] != "var" {
		return nil, false
	}
	arg := v.box.items[0]
	if arg.kind == list && len(arg.box.items) == 1 {
		arg = arg.box.items[0]
	}
	if arg.kind != text || arg.text == "" {
		return nil, false
	}
	return splitPath(arg.text), true
}

// lookup is a field of what var reads.
func (e *env) lookup(name string) value {
	if e.local != nil {
		v, _ := e.local.at(name)
		return v
	}
	v, _ := e.c.field(name)
	return v
}

// find follows a path in what var reads; false when it ends before.
func (e *env) find(path []string) (value, bool) {
	var v value
	var ok bool
	switch {
	case e.local != nil:
		v, ok = e.local.at(path[0])
	case path[0] == flagdKey:
		v, ok = e.flagd(), true
	default:
		v, ok = e.c.field(path[0])
	}
	for _, part := range path[1:] {
		if !ok {
			return value{}, false
		}
		v, ok = v.at(part)
	}
	return v, ok
}

// flagd is what the evaluator itself adds to every context.
func (e *env) flagd() value {
	return value{kind: object, box: &box{
		keys: []string{"flagKey", "timestamp"}, items: []value{textOf(e.key), numberOf(float64(e.now))},
	}}
}

// everything is the whole of what var reads.
func (e *env) everything() value {
	if e.local != nil {
		return *e.local
	}
	b := &box{keys: []string{flagdKey}, items: []value{e.flagd()}}
	if e.c != nil {
		for _, f := range e.c.fields {
			if f.key != flagdKey {
				b.keys, b.items = append(b.keys, f.key), append(b.items, f.val)
			}
		}
	}
	return value{kind: object, box: b}
}

func (c *compiler) variable(v value) expr {
	items := arguments(v)
	otherwise := constant(value{})
	if len(items) > 1 {
		otherwise = c.at("1", func() expr { return c.compile(items[1]) })
	}
	if len(items) == 0 || items[0].kind == null || items[0].kind == text && items[0].text == "" {
		c.clock = true // the time is inside
		return (*env).everything
	}
	switch items[0].kind {
	case text, number:
		return c.fixedVariable(splitPath(string(appendText(nil, items[0]))), len(items) > 1, otherwise)
	case boolean:
		return otherwise
	}
	c.clock = true // it may turn out to be the time
	path := c.at("0", func() expr { return c.compile(items[0]) })
	return func(e *env) value {
		p := path(e)
		if p.kind != text && p.kind != number {
			return e.fail("var has a path that is no text")
		}
		if p.kind == text && p.text == "" {
			return e.everything()
		}
		if got, ok := e.find(splitPath(string(appendText(nil, p)))); ok && got.kind != null {
			return got
		}
		return otherwise(e)
	}
}

// fixedVariable is a variable whose path is known.
func (c *compiler) fixedVariable(path []string, defaults bool, otherwise expr) expr {
	if path[0] == flagdKey {
		return c.flagdVariable(path, otherwise)
	}
	if len(path) == 1 && !defaults {
		return c.shared.variable(path[0])
	}
	return func(e *env) value {
		if v, ok := e.find(path); ok && v.kind != null {
			return v
		}
		return otherwise(e)
	}
}

func (c *compiler) flagdVariable(path []string, otherwise expr) expr {
	name := ""
	if len(path) > 1 {
		name = path[1]
	}
	if name != "flagKey" {
		c.clock = true
	}
	return func(e *env) value {
		if e.local == nil && len(path) == 2 {
			switch name {
			case "timestamp":
				return numberOf(float64(e.now))
			case "flagKey":
				return textOf(e.key)
			}
		}
		if v, ok := e.find(path); ok && v.kind != null {
			return v
		}
		return otherwise(e)
	}
}

// missing lists which of some paths are not there; missing_some lists them
// only when fewer than asked for are there.
func (c *compiler) missing(name string, v value) expr {
	x := c.all(v)
	if name == "missing" {
		return func(e *env) value { return e.missing(x) }
	}
	if len(x) != 2 {
		return c.wrong("has not two arguments", "how many are needed, and a list of names")
	}
	need, names := x[0], x[1]
	return func(e *env) value {
		n, listed := need(e), names(e)
		if n.kind != number || listed.kind != list {
			return e.fail("missing_some has other arguments than a number and a list")
		}
		gone := e.missingOf(nil, listed)
		if float64(len(listed.box.items)-len(gone)) >= n.num {
			return listOf(nil)
		}
		return listOf(gone)
	}
}

func (e *env) missing(x []expr) value {
	var gone []value
	for _, item := range x {
		gone = e.missingOf(gone, item(e))
	}
	return listOf(gone)
}

func (e *env) missingOf(gone []value, v value) []value {
	if !e.spend(1) {
		return gone
	}
	if v.kind == list {
		for _, item := range v.box.items {
			gone = e.missingOf(gone, item)
		}
		return gone
	}
	if got, ok := e.find(splitPath(string(appendText(nil, v)))); !ok || got.kind == null || got.kind == text && got.text == "" {
		gone = append(gone, v)
	}
	return gone
}
