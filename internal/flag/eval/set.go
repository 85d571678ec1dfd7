package eval

// Set is one compiled set of flags. It does not change.
type Set struct{}

// Compile reads a definition. Problems that are not fatal leave the flag they
// are about answering with an error, as flagd does.
func Compile(definition []byte, o Options) (*Set, []Problem) { return &Set{}, nil }

// Evaluate answers for one flag; now is in unix seconds.
func (s *Set) Evaluate(key string, c *Context, now int64) Result {
	return Result{Key: key, Reason: Error, ErrorCode: FlagNotFound}
}

// Explain evaluates and tells the path.
func (s *Set) Explain(key string, c *Context, now int64) Explanation {
	return Explanation{Result: s.Evaluate(key, c, now)}
}

// Keys lists the flags in order.
func (s *Set) Keys() []string { return nil }

// Has tells whether the set has the flag.
func (s *Set) Has(key string) bool { return false }

// ReadsClock tells whether any flag's answer changes with time alone, and
// ReadsClockOf whether one's does.
func (s *Set) ReadsClock() bool { return false }

// ReadsClockOf is ReadsClock of one flag.
func (s *Set) ReadsClockOf(key string) bool { return false }

// Metadata is that of the set, nil when there is none.
func (s *Set) Metadata() *Metadata { return nil }
