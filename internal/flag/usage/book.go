// Package usage counts how flags are used. Evaluations are counted in memory
// (Book), and written in batches of one row per project, environment, client
// and minute (Store); nothing is ever written per evaluation.
package usage

import (
	"maps"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept in memory between two flushes. What comes on top is
// counted as dropped.
const (
	maxRows     = 20_000
	maxFlags    = 2_000
	maxOutcomes = 100
	maxUnknown  = 2_000
	maxFlagName = 200
	maxClient   = 100
	// seenEvery is how precise "last evaluated" is kept.
	seenEvery = 5 * time.Minute
)

// Outcome is a variation and the reason for it. Variation is empty when the
// answer was the default in the code.
type Outcome struct {
	Variation string
	Reason    string
}

func (o Outcome) String() string { return o.Variation + "|" + o.Reason }

// ParseOutcome is the inverse of String.
func ParseOutcome(text string) Outcome {
	at := strings.LastIndexByte(text, '|')
	if at < 0 {
		return Outcome{Variation: text}
	}
	return Outcome{Variation: text[:at], Reason: text[at+1:]}
}

// Place is what is counted apart: one client in one environment of a project.
type Place struct {
	Project     string
	Environment string
	Client      string
}

// Row are the counts of one place in one minute: flag to outcome to number.
type Row struct {
	Place
	Minute int64 // unix seconds of its beginning
	Counts map[string]map[string]int64
}

// Unknown is a flag that a client asked for and that does not exist.
type Unknown struct {
	Project     string    `json:"project"`
	Environment string    `json:"environment"`
	Flag        string    `json:"flag"`
	Client      string    `json:"client"`
	FirstAt     time.Time `json:"firstAt"`
	LastAt      time.Time `json:"lastAt"`
	Asked       int64     `json:"asked"`
}

type rowKey struct {
	Place
	minute int64
}

type unknownKey struct {
	Place
	flag string
}

type seenKey struct{ project, environment, flag string }

// Book collects counts between flushes. Its methods can be called at once.
type Book struct {
	// deltas makes every row be taken once, for a reader that adds.
	deltas  bool
	mu      sync.Mutex
	rows    map[rowKey]*Row
	changed map[rowKey]bool
	unknown map[unknownKey]*Unknown
	seen    map[seenKey]time.Time // as last taken
	fresh   map[seenKey]time.Time // to be taken
	dropped int64
}

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{rows: map[rowKey]*Row{}, changed: map[rowKey]bool{}, unknown: map[unknownKey]*Unknown{}, seen: map[seenKey]time.Time{}, fresh: map[seenKey]time.Time{}}
}

// NewDeltas returns an empty book whose rows hold only what was counted since
// the last Take, for a reader that adds them up.
func NewDeltas() *Book {
	b := NewBook()
	b.deltas = true
	return b
}

// Add counts n evaluations of flag.
func (b *Book) Add(p Place, flag string, o Outcome, n int64, at time.Time) {
	if n <= 0 {
		return
	}
	p.Client = clip(p.Client, maxClient)
	b.mu.Lock()
	defer b.mu.Unlock()
	key := rowKey{p, at.Unix() / 60 * 60}
	row := b.rows[key]
	if row == nil {
		if len(b.rows) >= maxRows {
			b.dropped += n
			return
		}
		row = &Row{Place: p, Minute: key.minute, Counts: map[string]map[string]int64{}}
		b.rows[key] = row
	}
	counts := row.Counts[flag]
	if counts == nil {
		if len(row.Counts) >= maxFlags {
			b.dropped += n
			return
		}
		counts = map[string]int64{}
		row.Counts[flag] = counts
	}
	name := o.String()
	if _, known := counts[name]; !known && len(counts) >= maxOutcomes {
		b.dropped += n
		return
	}
	counts[name] += n
	b.changed[key] = true
	b.touch(p.Project, p.Environment, flag, at)
}

// Touch remembers that a flag is in use though it was not evaluated: a client
// was told that its answers still hold.
func (b *Book) Touch(project, environment, flag string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.touch(project, environment, flag, at)
}

func (b *Book) touch(project, environment, flag string, at time.Time) {
	if s := (seenKey{project, environment, flag}); at.Sub(b.seen[s]) >= seenEvery {
		b.fresh[s] = at
	}
}

// Ask counts a question for a flag that does not exist.
func (b *Book) Ask(p Place, flag string, at time.Time) { b.AskMany(p, flag, 1, at) }

// AskMany counts n questions.
func (b *Book) AskMany(p Place, flag string, n int64, at time.Time) {
	p.Client = clip(p.Client, maxClient)
	key := unknownKey{p, clip(flag, maxFlagName)}
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.unknown[key]
	if u == nil {
		if len(b.unknown) >= maxUnknown {
			b.dropped++
			return
		}
		u = &Unknown{Project: p.Project, Environment: p.Environment, Client: p.Client, Flag: key.flag, FirstAt: at}
		b.unknown[key] = u
	}
	u.LastAt = at
	u.Asked += n
}

// Dropped is how many counts did not fit into the bounds.
func (b *Book) Dropped() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Seen is when a flag was last evaluated.
type Seen struct {
	Project, Environment, Flag string
	At                         time.Time
}

// Batch is what was counted and not yet written.
type Batch struct {
	Rows    []Row
	Unknown []Unknown
	Seen    []Seen
}

// Empty reports whether there is nothing to write.
func (b Batch) Empty() bool { return len(b.Rows) == 0 && len(b.Unknown) == 0 && len(b.Seen) == 0 }

// Take returns what has changed. Rows hold all counts of their minute, so that
// writing one replaces what was written of it before; when the batch could not
// be written, give it back with Return. Rows of minutes that are over leave
// the book.
func (b *Book) Take(now time.Time) Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out Batch
	for key := range b.changed {
		row := b.rows[key]
		out.Rows = append(out.Rows, Row{Place: row.Place, Minute: row.Minute, Counts: clone(row.Counts)})
	}
	b.changed = map[rowKey]bool{}
	over := now.Unix()/60*60 - 60 // clocks of callers may be a bit behind
	for key := range b.rows {
		if key.minute < over || b.deltas {
			delete(b.rows, key)
		}
	}
	for _, u := range b.unknown {
		out.Unknown = append(out.Unknown, *u)
	}
	b.unknown = map[unknownKey]*Unknown{}
	for key, at := range b.fresh {
		out.Seen = append(out.Seen, Seen{key.project, key.environment, key.flag, at})
		b.seen[key] = at
	}
	b.fresh = map[seenKey]time.Time{}
	for key, at := range b.seen {
		if now.Sub(at) > seenEvery {
			delete(b.seen, key)
		}
	}
	return out
}

// Return takes back a batch that could not be written.
func (b *Book) Return(batch Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range batch.Rows {
		key := rowKey{row.Place, row.Minute}
		switch here := b.rows[key]; {
		case here == nil && len(b.rows) >= maxRows:
			b.dropped++
			continue
		case here == nil:
			b.rows[key] = &row
		case b.deltas:
			merge(here.Counts, row.Counts)
		}
		b.changed[key] = true
	}
	for _, u := range batch.Unknown {
		key := unknownKey{Place{u.Project, u.Environment, u.Client}, u.Flag}
		if here := b.unknown[key]; here != nil {
			here.Asked, here.FirstAt = here.Asked+u.Asked, u.FirstAt
		} else if len(b.unknown) < maxUnknown {
			b.unknown[key] = &u
		}
	}
	for _, s := range batch.Seen {
		key := seenKey{s.Project, s.Environment, s.Flag}
		if b.fresh[key].Before(s.At) {
			b.fresh[key] = s.At
		}
	}
}

func merge(into, from map[string]map[string]int64) {
	for flag, list := range from {
		if into[flag] == nil {
			into[flag] = map[string]int64{}
		}
		for name, n := range list {
			into[flag][name] += n
		}
	}
}

func clone(counts map[string]map[string]int64) map[string]map[string]int64 {
	out := make(map[string]map[string]int64, len(counts))
	for flag, list := range counts {
		out[flag] = maps.Clone(list)
	}
	return out
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
