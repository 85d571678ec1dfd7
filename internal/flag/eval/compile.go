package eval

import (
	"fmt"
	"strings"
)

const (
	targetingKey = "targetingKey"
	flagdKey     = "$flagd"
	// maxText and maxItems bound what one evaluation may build.
	maxText  = 64 << 10
	maxItems = 10_000
)

// env is one evaluation.
type env struct {
	c   *Context
	key string
	now int64
	// local is what var reads inside map, filter and the like; nil outside.
	local *value
	steps int
	// failed says what went wrong; what is evaluated after it does not count.
	failed string
	trace  *tracer
}

func (e *env) fail(why string) value {
	if e.failed == "" {
		e.failed = why
	}
	return value{}
}

// spend takes n steps, false when none are left.
func (e *env) spend(n int) bool {
	if e.steps -= n; e.steps < 0 {
		e.fail("needs too many steps")
	}
	return e.failed == ""
}

// expr is a compiled expression.
type expr func(e *env) value

// compiler turns the rules of one flag into closures.
type compiler struct {
	o          Options
	shared     *shared
	evaluators value
	// nodes and depth are what is left of the limits.
	nodes, depth int
	// clock is set when something reads the time.
	clock bool
	// size counts the nodes of the expression that is being compiled.
	size    int
	problem func(path, problem, expected string)
	path    []string
	broken  bool
	tracing bool
	level   int
	// inRef is true inside an evaluator, which names no other.
	inRef bool
}

// wrong notes what keeps the rule from being evaluated.
func (c *compiler) wrong(problem, expected string) expr {
	c.broken = true
	c.problem(strings.Join(c.path, "."), problem, expected)
	return func(e *env) value { return e.fail("the rule cannot be read") }
}

func constant(v value) expr { return func(*env) value { return v } }

func (c *compiler) at(part string, f func() expr) expr {
	c.path = append(c.path, part)
	x := f()
	c.path = c.path[:len(c.path)-1]
	return x
}

// compile makes a closure of any JSON value of a rule.
func (c *compiler) compile(v value) expr {
	c.size++
	if c.nodes--; c.nodes < 0 {
		return c.wrong("has too many parts", fmt.Sprintf("at most %d", c.o.MaxNodes))
	}
	switch v.kind {
	case text:
		return c.shared.text(v)
	case null:
		return c.shared.nothing
	}
	if v.kind != list && v.kind != object {
		return constant(v)
	}
	if c.depth--; c.depth < 0 {
		return c.wrong("is nested too deep", fmt.Sprintf("at most %d levels", c.o.MaxDepth))
	}
	defer func() { c.depth++ }()
	if v.kind == list {
		return c.literalList(v)
	}
	switch len(v.box.keys) {
	case 0:
		return constant(v)
	case 1:
		return c.operator(v.box.keys[0], v.box.items[0], v)
	default:
		return c.wrong("is an object with several keys", "one operator")
	}
}

// literalList is a list whose items are expressions.
func (c *compiler) literalList(v value) expr {
	if isConstant(v) {
		c.size += len(v.box.items)
		return constant(v)
	}
	items := c.all(v)
	return func(e *env) value {
		out := make([]value, len(items))
		for i, x := range items {
			out[i] = x(e)
		}
		if !e.spend(len(items)) {
			return value{}
		}
		return listOf(out)
	}
}

// isConstant tells that no operator is inside.
func isConstant(v value) bool {
	if v.kind == object {
		return len(v.box.keys) == 0
	}
	for _, item := range v.items() {
		if !isConstant(item) {
			return false
		}
	}
	return true
}

// all compiles the arguments of an operator: a list, or one by itself.
func (c *compiler) all(v value) []expr {
	items := arguments(v)
	out := make([]expr, 0, len(items))
	for i, item := range items {
		out = append(out, c.at(fmt.Sprint(i), func() expr { return c.compile(item) }))
	}
	return out
}

func arguments(v value) []value {
	if v.kind == list {
		return v.box.items
	}
	return []value{v}
}

// operator compiles one operator with its arguments.
func (c *compiler) operator(name string, v, whole value) expr {
	x := c.at(name, func() expr { return c.dispatch(name, v) })
	if c.tracing && !c.broken {
		return traced(name, whole, c.level, x)
	}
	return x
}

func (c *compiler) dispatch(name string, v value) expr {
	switch name {
	case "var":
		return c.variable(v)
	case "missing", "missing_some":
		return c.missing(name, v)
	case "if", "?:":
		return c.conditional(v)
	case "and", "or":
		return c.logical(name == "and", v)
	case "!", "!!":
		return c.not(name == "!", v)
	case "==", "===", "!=", "!==":
		return c.equality(name, v)
	case "<", "<=", ">", ">=":
		return c.order(name, v)
	case "in":
		return c.in(v)
	case "+", "-", "*", "/", "%", "min", "max":
		return c.arithmetic(name, v)
	case "cat":
		return c.cat(v)
	case "substr":
		return c.substr(v)
	case "merge":
		return c.merge(v)
	case "map", "filter", "all", "some", "none", "reduce":
		return c.iterate(name, v)
	case "fractional":
		return c.fractional(v)
	case "sem_ver":
		return c.semVer(v)
	case "starts_with", "ends_with":
		return c.affix(name == "starts_with", v)
	case "$ref":
		return c.reference(v)
	default:
		return c.wrong("is not an operator", "an operator of JSONLogic or flagd")
	}
}

// reference puts an evaluator in its place; evaluators name no others.
func (c *compiler) reference(v value) expr {
	if v.kind != text || c.inRef {
		return c.wrong("is not a reference", "the name of an evaluator; evaluators have no references inside")
	}
	target, ok := c.evaluators.field(v.text)
	if !ok {
		return c.wrong("names an evaluator that is not there", "a name of $evaluators")
	}
	c.inRef = true
	x := c.compile(target)
	c.inRef = false
	return x
}

func (c *compiler) conditional(v value) expr {
	if v.kind != list {
		return c.wrong("has no list", "a list of condition, result, ..., otherwise")
	}
	x := c.all(v)
	switch len(x) {
	case 0:
		return constant(value{})
	case 1:
		return x[0]
	case 2:
		check, yes := x[0], x[1]
		return func(e *env) value {
			if check(e).truthy() {
				return yes(e)
			}
			return value{}
		}
	case 3:
		check, yes, no := x[0], x[1], x[2]
		return func(e *env) value {
			if check(e).truthy() {
				return yes(e)
			}
			return no(e)
		}
	}
	return func(e *env) value {
		i := 0
		for ; i+1 < len(x); i += 2 {
			if x[i](e).truthy() {
				return x[i+1](e)
			}
		}
		if i < len(x) {
			return x[i](e)
		}
		return value{}
	}
}

// logical is and, or: the first value that decides, or the last.
func (c *compiler) logical(and bool, v value) expr {
	if v.kind != list {
		return c.wrong("has no list", "a list of conditions")
	}
	x := c.all(v)
	if len(x) == 2 {
		a, b := x[0], x[1]
		return func(e *env) value {
			if first := a(e); first.truthy() != and {
				return first
			}
			return b(e)
		}
	}
	return func(e *env) value {
		var last value
		for _, item := range x {
			if last = item(e); last.truthy() != and {
				return last
			}
		}
		return last
	}
}

func (c *compiler) not(negate bool, v value) expr {
	items := arguments(v)
	if len(items) == 0 {
		return constant(boolOf(negate))
	}
	if path, ok := plainPath(items[0]); ok && len(path) == 1 && path[0] != flagdKey && !c.tracing {
		name := path[0] // the guard of a rollout
		c.size += 2
		return func(e *env) value { return boolOf(e.lookup(name).truthy() != negate) }
	}
	x := c.at("0", func() expr { return c.compile(items[0]) })
	return func(e *env) value { return boolOf(x(e).truthy() != negate) }
}
