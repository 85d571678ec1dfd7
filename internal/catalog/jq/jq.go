// Package jq runs the jq expressions that people store: calculations, mappings,
// templates, conditions. They come from outside, so each run is bounded: in the
// steps it takes, in the time, in the bytes it may build up and in what it may
// answer. Before an expression is compiled it is rewritten so that everything
// in it that can build a large value pays for it first (guard.go), and what
// reaches outside (input, env, modules) is refused.
package jq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/itchyny/gojq"
)

// MaxExpression is how long an expression may be, in bytes.
const MaxExpression = 10_000

// Limits of one run. Zero means the default: 50 ms, 1 MiB, 1,000 values.
type Limits struct {
	Time   time.Duration
	Output int // bytes
	Values int
}

const (
	defaultTime   = 50 * time.Millisecond
	defaultOutput = 1 << 20
	defaultValues = 1000
	// stepsPerMicrosecond bounds the steps by the time that was given, so that
	// what is refused does not depend on how busy the machine is.
	stepsPerMicrosecond = 20
	// memoryFactor is how many times the size of the output a run may build up.
	memoryFactor = 32
)

func (l Limits) withDefaults() Limits {
	if l.Time <= 0 {
		l.Time = defaultTime
	}
	if l.Output <= 0 {
		l.Output = defaultOutput
	}
	if l.Values <= 0 {
		l.Values = defaultValues
	}
	return l
}

// Kinds of Error.
const (
	KindCompile = "compile" // cannot be read, or uses what is not allowed
	KindTime    = "time"    // takes too many steps or too long
	KindSize    = "size"    // builds up or answers too much
	KindValue   = "value"   // fails on this input
)

// Error is what goes wrong with an expression.
type Error struct {
	Kind    string
	Message string
	// Pointer is where in a template the expression stands.
	Pointer string
}

func (e *Error) Error() string {
	if e.Pointer != "" {
		return e.Pointer + ": " + e.Message
	}
	return e.Message
}

func compileError(format string, args ...any) *Error {
	return &Error{Kind: KindCompile, Message: fmt.Sprintf(format, args...)}
}

// Program is a compiled expression. It may be used by many goroutines.
type Program struct {
	text  string
	query *gojq.Query
	reads Reads
	pool  sync.Pool // of *instance
}

// instance is one compiled copy with the meter that its guards charge; only one
// run uses it at a time.
type instance struct {
	code  *gojq.Code
	meter *meter
}

// Compile reads an expression. The error is an *Error of KindCompile.
func Compile(expr string) (*Program, error) {
	if len(expr) > MaxExpression {
		return nil, compileError("is %d bytes long; at most %d are read", len(expr), MaxExpression)
	}
	if strings.TrimSpace(expr) == "" {
		return nil, compileError("is empty")
	}
	text, failure := doubleQuoted(expr)
	if failure != nil {
		return nil, failure
	}
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, syntaxError(err, text)
	}
	reads := readsOf(query)
	if failure := guard(query); failure != nil {
		return nil, failure
	}
	p := &Program{text: expr, query: query, reads: reads}
	first, err := p.instance()
	if err != nil {
		return nil, err
	}
	p.pool.Put(first)
	return p, nil
}

func syntaxError(err error, text string) *Error {
	var parse *gojq.ParseError
	if !errors.As(err, &parse) {
		return compileError("cannot be read as jq: %s", err)
	}
	if parse.Token == "" {
		return compileError("cannot be read as jq: it ends too early")
	}
	at := strings.Count(text[:min(max(parse.Offset-len(parse.Token), 0), len(text))], "") // characters before, plus one
	return compileError("cannot be read as jq: %q at character %d is unexpected", parse.Token, at)
}

func (p *Program) instance() (*instance, error) {
	m := &meter{}
	code, err := gojq.Compile(p.query, m.functions()...)
	if err != nil {
		return nil, compileError("cannot be compiled: %s", strings.ReplaceAll(err.Error(), "__", ""))
	}
	return &instance{code: code, meter: m}, nil
}

// String is the expression as it was written.
func (p *Program) String() string { return p.text }

// First gives the first result, nil when there is none.
func (p *Program) First(ctx context.Context, input any, l Limits) (any, error) {
	l.Values = 1
	values, err := p.run(ctx, input, l, true)
	if err != nil || len(values) == 0 {
		return nil, err
	}
	return values[0], nil
}

// All gives all results.
func (p *Program) All(ctx context.Context, input any, l Limits) ([]any, error) {
	return p.run(ctx, input, l, false)
}

func (p *Program) run(ctx context.Context, input any, l Limits, firstOnly bool) (values []any, err error) {
	l = l.withDefaults()
	in, ok := p.pool.Get().(*instance)
	if !ok {
		if in, err = p.instance(); err != nil {
			return nil, err
		}
	}
	m := in.meter
	m.start(ctx, l)
	defer func() {
		if r := recover(); r != nil {
			// gojq panics on values that JSON does not have. The instance is
			// left to the collector: its state is unknown.
			values, err = nil, &Error{Kind: KindValue, Message: "the input has a value that jq does not know"}
			m.stop()
			return
		}
		m.stop()
		p.pool.Put(in)
	}()
	iter := in.code.RunWithContext(m, input)
	budget := l.Output
	for {
		v, ok := iter.Next()
		if m.failed != nil {
			return nil, m.failed
		}
		if !ok {
			return values, nil
		}
		if failure, is := v.(error); is {
			return nil, valueError(failure)
		}
		clean, failure := copyOut(v, &budget, 0)
		if failure != nil {
			return nil, failure
		}
		if len(values) == l.Values {
			return nil, &Error{Kind: KindSize, Message: fmt.Sprintf("gives more than %d results", l.Values)}
		}
		values = append(values, clean)
		if firstOnly {
			return values, nil
		}
	}
}

func valueError(err error) *Error {
	message := err.Error()
	if len(message) > 500 {
		message = message[:500] + "..."
	}
	return &Error{Kind: KindValue, Message: strings.ToValidUTF8(message, "?")}
}
