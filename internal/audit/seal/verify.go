package seal

import (
	"fmt"
	"slices"

	"sphera/internal/audit"
)

// Kinds of problems.
const (
	Changed   = "changed"    // the event, or its link, is not what was sealed
	Deleted   = "deleted"    // an entry is missing
	Inserted  = "inserted"   // an event that was never sealed stands among sealed ones
	Truncated = "truncated"  // the log ends before what a checkpoint has seen
	Forked    = "forked"     // the log was sealed anew: a checkpoint saw another one
	Signature = "checkpoint" // a checkpoint itself is not right
)

// Problem is something that is not as it was sealed.
type Problem struct {
	Kind string `json:"kind"`
	// Position is where in the chain, Seq which event.
	Position int64  `json:"position,omitempty"`
	Seq      int64  `json:"seq,omitempty"`
	Text     string `json:"text"`
}

// maxProblems bounds a report; the first is what counts.
const maxProblems = 100

// Report is what a verification came to.
type Report struct {
	// Log is the id of the log, Entries how many were looked at, and From and
	// To which.
	Log     string `json:"log"`
	Entries int64  `json:"entries"`
	From    int64  `json:"from"`
	To      int64  `json:"to"`
	Hash    Hash   `json:"hash"`
	// Checkpoints is how many were found right, Checkpoint the last of them:
	// nothing up to its position was touched since it was signed.
	Checkpoints int         `json:"checkpoints"`
	Checkpoint  *Checkpoint `json:"checkpoint,omitempty"`
	// Waiting is how many events were not sealed yet.
	Waiting  int64     `json:"waiting"`
	Problems []Problem `json:"problems"`
}

// OK reports that nothing was found.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

func (r *Report) add(p ...Problem) {
	r.Problems = append(r.Problems, p...)
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return int(min(1, max(-1, a.Position-b.Position))) })
	if len(r.Problems) > maxProblems {
		r.Problems = r.Problems[:maxProblems]
	}
}

// row is an entry as it is stored: the link, and the event if there is one.
type row struct {
	Entry
	missing bool
	// family is stored beside the verb, for filters.
	family string
}

// checkLinks verifies rows that follow the entry at position with hash
// previous. Each link depends on the stored one before it only, so parts of a
// chain are verified on their own and a change is found at its own position.
func checkLinks(previous Hash, position int64, rows []row, buf []byte) ([]Problem, []byte) {
	var out []Problem
	var want Hash
	for i := range rows {
		r := &rows[i]
		broken := false
		if r.Position != position+1 {
			out = append(out, gone(position+1, r.Position-1))
			broken = true // what it follows is not known
		}
		position = r.Position
		switch {
		case r.missing:
			out = append(out, Problem{Deleted, r.Position, r.Event.Seq, fmt.Sprintf("event %d was sealed and is not there any more", r.Event.Seq)})
		case !broken:
			if want, buf = link(previous, &r.Event, buf); want != r.Hash || r.family != audit.Family(r.Event.Verb) {
				out = append(out, Problem{Changed, r.Position, r.Event.Seq, fmt.Sprintf("event %d is not what was sealed: it was edited, or exchanged with another", r.Event.Seq)})
			}
		}
		previous = r.Hash
		if len(out) >= maxProblems {
			break
		}
	}
	return out, buf
}

func gone(from, to int64) Problem {
	text := fmt.Sprintf("the entry at %d is missing", from)
	if to > from {
		text = fmt.Sprintf("the entries from %d to %d are missing", from, to)
	}
	return Problem{Kind: Deleted, Position: from, Text: text}
}

// checkpointsAgree compares checkpoints with what the log says at their
// positions; at returns the hash there, and false where the log has none.
func (r *Report) checkpointsAgree(list []Checkpoint, keys []string, at func(position int64) (Hash, bool)) {
	for i := range list {
		c := &list[i]
		if err := c.Check(keys); err != nil {
			r.add(Problem{Signature, c.Position, 0, fmt.Sprintf("the checkpoint at %d is not right: %v", c.Position, err)})
			continue
		}
		hash, ok := at(c.Position)
		switch {
		case r.Log != "" && c.Log != r.Log:
			r.add(Problem{Signature, c.Position, 0, fmt.Sprintf("the checkpoint at %d is of another log (%s)", c.Position, c.Log)})
		case c.Position > r.To:
			r.add(Problem{Truncated, r.To + 1, 0, fmt.Sprintf("the log ends at %d, and a checkpoint of %s has seen %d", r.To, c.At.Format("2006-01-02 15:04:05 MST"), c.Position)})
		case !ok:
			if c.Position >= r.From {
				r.add(Problem{Deleted, c.Position, 0, fmt.Sprintf("the entry at %d, which a checkpoint has seen, is missing", c.Position)})
			}
		case hash != c.Hash:
			r.add(Problem{Forked, c.Position, 0, fmt.Sprintf("the chain was written anew: the checkpoint of %s has seen another entry at %d", c.At.Format("2006-01-02 15:04:05 MST"), c.Position)})
		default:
			r.Checkpoints++
			if r.Checkpoint == nil || c.Position > r.Checkpoint.Position {
				r.Checkpoint = c
			}
		}
	}
}
