// Package eval evaluates feature flags of flagd's definition format. A
// definition is compiled once into closures; evaluating is pure, allocates next
// to nothing and is safe for any number of goroutines. What a rule says, how it
// is ordered and how contexts fall into buckets follows flagd, so that
// in-process providers of other languages give the same answers.
package eval

// Generations of bucketing. Changing the generation of a set moves everybody,
// so it is a property of the set and never changed silently.
const (
	// V1 was used by flagd until spring 2026; it is here for its vectors.
	V1 = 1
	// V2 is what flagd's evaluators use now, and the default.
	V2 = 2
	// V3 hashes typed values, by an accepted decision of flagd.
	V3 = 3
)

// Reasons of a result.
const (
	Static         = "STATIC"
	Default        = "DEFAULT"
	TargetingMatch = "TARGETING_MATCH"
	Disabled       = "DISABLED"
	Error          = "ERROR"
)

// Error codes of a result.
const (
	FlagNotFound = "FLAG_NOT_FOUND"
	ParseError   = "PARSE_ERROR"
	General      = "GENERAL"
)

// Options bound and steer the compilation; zero values are the defaults.
type Options struct {
	// Bucketing is V1, V2 or V3; V2 when 0.
	Bucketing int
	// MaxBytes bounds the definition (64 MiB), MaxDepth how deep expressions
	// nest (64), MaxNodes how many parts the expression of one flag has with
	// its $refs (20,000).
	MaxBytes, MaxDepth, MaxNodes int
	// MaxSteps bounds the work of one evaluation (100,000).
	MaxSteps int
}

// Problem is something wrong in a definition. With a fatal one there is no set.
type Problem struct {
	// Flag is empty for the definition as a whole.
	Flag    string `json:"flag,omitempty"`
	Path    string `json:"path,omitempty"`
	Problem string `json:"problem"`
	// Expected says what would be right.
	Expected string `json:"expected,omitempty"`
	Fatal    bool   `json:"fatal,omitempty"`
}

// Variant is one value of a flag; it is shared and must not be changed.
type Variant struct {
	Name string
	// Raw is the value as JSON.
	Raw []byte
	// Value is bool, string, float64 or map[string]any.
	Value any
}

// Metadata is what the set and the flag say about themselves.
type Metadata struct {
	// Raw is a JSON object; its values are booleans, strings and numbers.
	Raw []byte
}

// Values are those of Raw.
func (m *Metadata) Values() map[string]any {
	out := map[string]any{}
	if m == nil {
		return out
	}
	v, err := read(source(m.Raw), 4, 1<<20)
	if err != nil || v.kind != object {
		return out
	}
	for i, key := range v.box.keys {
		out[key] = v.box.items[i].plain()
	}
	return out
}

// Result is the answer of one evaluation. It points into the set.
type Result struct {
	Key string
	// Variant is nil when the caller's own default is to be used: see Missing.
	Variant *Variant
	Reason  string
	// ErrorCode is empty unless Reason is Error.
	ErrorCode, ErrorDetails string
	// Metadata is nil when there is none.
	Metadata *Metadata
}

// Missing tells that there is no value: the default in the code counts.
func (r Result) Missing() bool { return r.Variant == nil }

// Explanation is the path of one evaluation through the rules.
type Explanation struct {
	Result Result
	// Steps say in words, in order, what was looked at and what came out.
	Steps []ExplanationStep
}

// ExplanationStep is one part of a path.
type ExplanationStep struct {
	// Text is a sentence, e.g. `plan is "pro": "free" is not`.
	Text string `json:"text"`
	// Depth indents; Outcome is true, false, or a value as text.
	Depth   int    `json:"depth"`
	Outcome string `json:"outcome"`
	// Bucket and Of are set for a rollout: the bucket out of all.
	Bucket int64 `json:"bucket,omitempty"`
	Of     int64 `json:"of,omitempty"`
}
