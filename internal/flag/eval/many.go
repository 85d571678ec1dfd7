package eval

// Evaluator evaluates several flags for one context, with one allocation for
// all of them. It is for one goroutine.
type Evaluator struct {
	set *Set
	env env
}

// For returns an evaluator for a context; now is in unix seconds.
func (s *Set) For(c *Context, now int64) *Evaluator {
	return &Evaluator{set: s, env: env{c: c, now: now}}
}

// Evaluate answers as Set.Evaluate does.
func (e *Evaluator) Evaluate(key string) Result {
	f := e.set.flags[key]
	if f == nil || f.rule == nil || f.disabled {
		return e.set.Evaluate(key, e.env.c, e.env.now)
	}
	e.env = env{c: e.env.c, key: key, now: e.env.now, steps: e.set.o.MaxSteps}
	return f.answer(key, f.rule(&e.env), &e.env)
}
