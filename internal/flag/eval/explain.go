package eval

import "strings"

// tracer collects what was looked at.
type tracer struct{ steps []ExplanationStep }

const maxTrace = 500

func (t *tracer) add(s ExplanationStep) {
	if t != nil && len(t.steps) < maxTrace {
		t.steps = append(t.steps, s)
	}
}

// Explain evaluates and tells the path. It reads the rule again, which costs
// more than an evaluation.
func (s *Set) Explain(key string, c *Context, now int64) Explanation {
	f := s.flags[key]
	out := Explanation{Result: s.Evaluate(key, c, now)}
	if f == nil || f.rule == nil || f.disabled {
		return out
	}
	doc, err := read(source(s.Definition()), s.o.MaxDepth+16, 1<<62)
	if err != nil {
		return out
	}
	l := &loader{o: s.o, shared: newShared()}
	l.evaluators, _ = doc.field("$evaluators")
	flags, _ := doc.field("flags")
	flag, _ := flags.field(key)
	rule, _ := flag.field("targeting")
	compiler := l.compiler(func(string, string, string) {})
	compiler.tracing = true
	x := compiler.compile(rule)
	e := env{c: c, key: key, now: now, steps: s.o.MaxSteps, trace: &tracer{}}
	x(&e)
	out.Steps = e.trace.steps
	return out
}

// traced tells what an operator gave, after what is inside it.
func traced(name string, whole value, level int, x expr) expr {
	if name == "var" || name == "cat" || name == "fractional" || name == "if" || name == "?:" || name == "$ref" {
		return x
	}
	said := describe(whole)
	return func(e *env) value {
		before := len(e.trace.steps)
		v := x(e)
		if len(e.trace.steps) > before && (name == "and" || name == "or" || name == "!") {
			for i := before; i < len(e.trace.steps); i++ {
				e.trace.steps[i].Depth++
			}
		}
		e.trace.add(ExplanationStep{Text: said + seen(whole, e), Depth: level, Outcome: write(v)})
		return v
	}
}

// seen tells the values of the attributes that a condition reads.
func seen(v value, e *env) string {
	var out []string
	var look func(v value)
	look = func(v value) {
		if path, ok := plainPath(v); ok {
			got, has := e.find(path)
			said := "is absent"
			if has {
				said = "is " + write(got)
			}
			out = append(out, strings.Join(path, ".")+" "+said)
			return
		}
		if v.kind >= list {
			for _, item := range v.box.items {
				look(item)
			}
		}
	}
	if v.kind == object && len(v.box.keys) == 1 && (v.box.keys[0] == "and" || v.box.keys[0] == "or") {
		return ""
	}
	look(v)
	if len(out) == 0 || len(out) > 4 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}

// write is a value in a sentence.
func write(v value) string {
	switch v.kind {
	case null:
		return "nothing"
	case text:
		return `"` + short(v.text) + `"`
	case list:
		return "a list of " + string(appendNumber(nil, float64(len(v.box.items))))
	case object:
		return "an object"
	default:
		return string(appendText(nil, v))
	}
}

// describe says in words what an operator asks.
func describe(v value) string {
	if path, ok := plainPath(v); ok {
		return strings.Join(path, ".")
	}
	if v.kind == list {
		return describeList(v.box.items, ", ")
	}
	if v.kind != object || len(v.box.keys) != 1 {
		return write(v)
	}
	name, args := v.box.keys[0], arguments(v.box.items[0])
	between := map[string]string{
		"==": " is ", "===": " is ", "!=": " is not ", "!==": " is not ", "<": " is less than ", "<=": " is at most ", ">": " is greater than ", ">=": " is at least ",
		"and": " and ", "or": " or ", "in": " is one of ", "starts_with": " starts with ", "ends_with": " ends with ", "+": " + ", "-": " - ", "*": " * ", "/": " / ", "%": " % ", "sem_ver": " ",
	}
	if word, ok := between[name]; ok && len(args) > 1 {
		if name == "in" && args[1].kind != list {
			return describe(args[0]) + " is in " + describe(args[1])
		}
		return describeList(args, word)
	}
	switch name {
	case "!":
		return "not " + describeList(args, ", ")
	case "!!":
		return describeList(args, ", ") + " is there"
	default:
		return name + " of " + describeList(args, ", ")
	}
}

func describeList(items []value, between string) string {
	parts := make([]string, 0, len(items))
	for i, item := range items {
		if i == 6 && len(items) > 7 {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, describe(item))
	}
	return strings.Join(parts, between)
}

// tracedPick is pick with a sentence.
func (r *rollout) tracedPick(level int) expr {
	return func(e *env) value {
		v, at, all := r.pick(e)
		step := ExplanationStep{Depth: level, Outcome: write(v), Bucket: at, Of: all, Text: "rollout by the targeting key"}
		if r.by != nil {
			step.Text = "rollout by " + write(r.by(e))
		}
		if all == 0 {
			step.Text += ": no bucket, because there is nothing to divide by"
		}
		e.trace.add(step)
		return v
	}
}
