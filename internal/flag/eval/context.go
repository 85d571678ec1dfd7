package eval

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"time"
)

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
type Context struct {
	fields []member
	// first holds the fields of most contexts without a further allocation.
	first [8]member
}

type member struct {
	key string
	val value
}

// NewContext makes a context of values as encoding/json decodes them, and of
// Go's numbers, texts, times, lists and maps with text keys.
func NewContext(values map[string]any) *Context {
	c := &Context{}
	c.fields = c.first[:0]
	for key, v := range values {
		c.fields = append(c.fields, member{key, fromGo(v, 0)})
	}
	return c
}

// ParseContext reads a JSON object. It copies raw.
func ParseContext(raw []byte, l Limits) (*Context, error) {
	l = l.filled()
	if len(raw) > l.MaxBytes {
		return nil, ErrContext
	}
	c := &Context{}
	c.fields = c.first[:0]
	r := &reader{src: string(raw), depth: l.MaxDepth, nodes: l.MaxNodes}
	if err := r.context(c); err != nil {
		return nil, ErrContext
	}
	return c, nil
}

// context reads the members of an object into c, and nothing after it.
func (r *reader) context(c *Context) error {
	r.space()
	if r.pos >= len(r.src) || r.src[r.pos] != '{' {
		return errSyntax
	}
	r.pos++
	r.depth--
	for first := true; ; first = false {
		more, err := r.next('}', first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		key, _, v, err := r.member()
		if err != nil {
			return err
		}
		c.set(key, v)
	}
	r.space()
	if r.pos != len(r.src) {
		return errSyntax
	}
	return nil
}

// set sets a field; the last of the same name counts.
func (c *Context) set(key string, v value) {
	if len(c.fields) < maxLooked {
		for i := range c.fields {
			if c.fields[i].key == key {
				c.fields[i].val = v
				return
			}
		}
	}
	c.fields = append(c.fields, member{key, v})
}

// maxLooked is up to how many fields a repeated one is looked for; of further
// ones the first counts.
const maxLooked = 64

func (l Limits) filled() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 64 << 10
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = 16
	}
	if l.MaxNodes <= 0 {
		l.MaxNodes = 2000
	}
	return l
}

func (c *Context) field(name string) (value, bool) {
	if c == nil {
		return value{}, false
	}
	for i := range c.fields {
		if c.fields[i].key == name {
			return c.fields[i].val, true
		}
	}
	return value{}, false
}

// TargetingKey is the key of whom the flag is evaluated for, if there is one.
func (c *Context) TargetingKey() (string, bool) {
	v, ok := c.field(targetingKey)
	return v.text, ok && v.kind == text && v.text != ""
}

// Values is the context as encoding/json has it.
func (c *Context) Values() map[string]any {
	out := map[string]any{}
	if c != nil {
		for _, f := range c.fields {
			out[f.key] = f.val.plain()
		}
	}
	return out
}

// With returns a context that has the fields of more too; those win.
func (c *Context) With(more map[string]any) *Context {
	out := NewContext(more)
	if c == nil {
		return out
	}
	for _, f := range c.fields {
		if _, has := more[f.key]; !has {
			out.fields = append(out.fields, f)
		}
	}
	return out
}

// Hash is the same for contexts with the same content, in whatever order it
// was written, in every process: for ETags.
func (c *Context) Hash() uint64 {
	h := hasher{offset}
	if c == nil {
		return h.sum
	}
	h.members(len(c.fields), func(i int) (string, value) { return c.fields[i].key, c.fields[i].val })
	return h.sum
}

// hasher is FNV-1a.
type hasher struct{ sum uint64 }

const (
	offset = 14695981039346656037
	prime  = 1099511628211
)

func (h *hasher) byte(b byte) { h.sum = (h.sum ^ uint64(b)) * prime }

func (h *hasher) text(s string) {
	for i := range len(s) {
		h.byte(s[i])
	}
	h.byte(0xff)
}

func (h *hasher) number(bits uint64) {
	for range 8 {
		h.byte(byte(bits))
		bits >>= 8
	}
}

func (h *hasher) members(n int, at func(int) (string, value)) {
	var few [16]int
	order := few[:0]
	for i := range n {
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int {
		x, _ := at(a)
		y, _ := at(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		default:
			return 0
		}
	})
	for _, i := range order {
		key, v := at(i)
		h.text(key)
		h.value(v)
	}
	h.byte(0xfe)
}

func (h *hasher) value(v value) {
	h.byte(byte(v.kind))
	switch v.kind {
	case boolean, number:
		n := v.num
		if n == 0 {
			n = 0 // -0 is 0
		}
		h.number(math.Float64bits(n))
	case text:
		h.text(v.text)
	case list:
		for _, item := range v.box.items {
			h.value(item)
		}
		h.byte(0xfd)
	case object:
		h.members(len(v.box.keys), func(i int) (string, value) { return v.box.keys[i], v.box.items[i] })
	}
}

// fromGo makes a value of one of Go's; what JSON has no form for is null.
func fromGo(v any, depth int) value {
	if depth > 64 {
		return value{}
	}
	switch x := v.(type) {
	case nil:
		return value{}
	case string:
		return textOf(x)
	case bool:
		return boolOf(x)
	case float64:
		return numberOf(x)
	case int:
		return numberOf(float64(x))
	case int64:
		return numberOf(float64(x))
	case json.Number:
		n, err := x.Float64()
		if err != nil {
			return value{}
		}
		return numberOf(n)
	case time.Time:
		return textOf(x.UTC().Format(time.RFC3339Nano))
	case []any:
		items := make([]value, 0, len(x))
		for _, item := range x {
			items = append(items, fromGo(item, depth+1))
		}
		return listOf(items)
	case map[string]any:
		b := &box{keys: make([]string, 0, len(x)), items: make([]value, 0, len(x))}
		for key, item := range x {
			b.keys, b.items = append(b.keys, key), append(b.items, fromGo(item, depth+1))
		}
		return value{kind: object, box: b}
	default:
		return fromOther(reflect.ValueOf(v), depth)
	}
}

// fromOther makes a value of the less usual types.
func fromOther(v reflect.Value, depth int) value {
	switch v.Kind() {
	case reflect.Bool:
		return boolOf(v.Bool())
	case reflect.String:
		return textOf(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return numberOf(float64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return numberOf(float64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		return numberOf(v.Float())
	case reflect.Slice, reflect.Array:
		items := make([]value, 0, v.Len())
		for i := range v.Len() {
			items = append(items, fromGo(v.Index(i).Interface(), depth+1))
		}
		return listOf(items)
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return value{}
		}
		b := &box{keys: []string{}}
		for _, key := range v.MapKeys() {
			b.keys, b.items = append(b.keys, key.String()), append(b.items, fromGo(v.MapIndex(key).Interface(), depth+1))
		}
		return value{kind: object, box: b}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return value{}
		}
		return fromGo(v.Elem().Interface(), depth+1)
	default:
		return value{}
	}
}
