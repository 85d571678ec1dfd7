package eval

import "errors"

// Limits bound a context that is read from JSON; zero values are the defaults.
type Limits struct {
	// MaxBytes is 64 KiB, MaxDepth 16, MaxNodes 2,000.
	MaxBytes, MaxDepth, MaxNodes int
}

// ErrContext tells that the text is no context: not JSON, no object, or beyond
// a limit. Its text names no values.
var ErrContext = errors.New("the context is not a JSON object within the limits")

// Context is whom a flag is evaluated for. Reading it is safe for any number
// of goroutines.
type Context struct{}

// NewContext makes a context of values as encoding/json decodes them, and of
// Go's numbers.
func NewContext(values map[string]any) *Context { return &Context{} }

// ParseContext reads a JSON object. raw must not change afterwards: texts of
// the context point into it.
func ParseContext(raw []byte, l Limits) (*Context, error) { return &Context{}, nil }

// TargetingKey is the key of whom the flag is evaluated for, if there is one.
func (c *Context) TargetingKey() (string, bool) { return "", false }

// Hash is the same for contexts with the same content, in whatever order it
// was written, in every process: for ETags.
func (c *Context) Hash() uint64 { return 0 }
