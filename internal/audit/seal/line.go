package seal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxLine bounds one line of a file that is verified.
const maxLine = 1 << 20

// Line is what a file of exported events has on each line.
type Line struct {
	Type string `json:"type"` // event or checkpoint
	*Entry
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
}

// EventLine encodes an entry as one line of JSON that no terminal and no log
// reader takes for anything else.
func EventLine(e *Entry) ([]byte, error) { return SafeLine(Line{Type: "event", Entry: e}) }

// CheckpointLine encodes a checkpoint as EventLine does an entry.
func CheckpointLine(c *Checkpoint) ([]byte, error) {
	return SafeLine(Line{Type: "checkpoint", Checkpoint: c})
}

// SafeLine encodes v as one line of JSON in which everything that a terminal
// could act on or that turns text around is escaped.
func SafeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode a line: %w", err)
	}
	raw := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	out := make([]byte, 0, len(raw)+1)
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if hidden(r) { // outside of strings JSON is ASCII
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, raw[i:i+size]...)
		}
		i += size
	}
	return append(out, '\n'), nil
}

// hidden are characters beyond the ASCII controls, which JSON escapes itself,
// that steer terminals or the direction of text, or are not seen.
func hidden(r rune) bool {
	switch {
	case r >= 0x7f && r <= 0x9f, r == 0x00ad, r == 0x061c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
		return true
	}
	return false
}

// VerifyFile verifies lines as EventLine and CheckpointLine write them: from
// any position on, with entries that come twice where a writer began again.
// What the file says of its first entry's predecessor is believed.
func VerifyFile(in io.Reader, o Options) (*Report, error) {
	v := fileCheck{r: &Report{Problems: []Problem{}}, o: o, hashes: map[int64]Hash{}}
	for i := range o.Checkpoints {
		v.wanted(o.Checkpoints[i].Position)
	}
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; scanner.Scan(); n++ {
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		if err := v.line(scanner.Bytes()); err != nil {
			v.r.add(Problem{Changed, v.r.To + 1, 0, fmt.Sprintf("line %d cannot be read: %v", n, err)})
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	v.r.checkpointsAgree(append(v.own, o.Checkpoints...), o.Keys, func(position int64) (Hash, bool) {
		hash, ok := v.hashes[position]
		return hash, ok
	})
	return v.r, nil
}

type fileCheck struct {
	r   *Report
	o   Options
	own []Checkpoint
	// hashes are those at positions that a checkpoint may ask for.
	hashes map[int64]Hash
	want   map[int64]bool
	recent []Entry
	buf    []byte
}

func (v *fileCheck) wanted(position int64) {
	if v.want == nil {
		v.want = map[int64]bool{}
	}
	v.want[position] = true
}

func (v *fileCheck) line(raw []byte) error {
	var l Line
	if err := json.Unmarshal(raw, &l); err != nil {
		return errors.New("it is not a line of an export")
	}
	switch {
	case l.Type == "checkpoint" && l.Checkpoint != nil:
		v.checkpoint(*l.Checkpoint)
	case l.Type == "event" && l.Entry != nil:
		v.entry(l.Entry)
	default:
		return fmt.Errorf("it is neither an event nor a checkpoint")
	}
	return nil
}

// checkpoint keeps one; those whose entry has passed are compared with it.
func (v *fileCheck) checkpoint(c Checkpoint) {
	if v.r.Log == "" {
		v.r.Log = c.Log
	}
	for _, e := range v.recent {
		if e.Position == c.Position {
			v.hashes[c.Position] = e.Hash
		}
	}
	v.own = append(v.own, c)
}

// keptRecent is how far behind its entry a checkpoint may stand in a file.
const keptRecent = 4096

func (v *fileCheck) entry(e *Entry) {
	r := v.r
	switch {
	case r.Entries == 0:
		r.From = e.Position
		if e.Position == 1 && r.Log != "" && e.Previous != first(r.Log) {
			r.add(Problem{Changed, 1, e.Event.Seq, "the first entry is not the first of this log"})
		}
	case e.Position <= r.To: // written again after a restart
		for _, before := range v.recent {
			if before.Position == e.Position && before.Hash == e.Hash {
				v.sound(e)
				return
			}
		}
		r.add(Problem{Inserted, e.Position, e.Event.Seq, fmt.Sprintf("the entry at %d comes again and is another one", e.Position)})
		return
	case e.Position != r.To+1:
		r.add(gone(r.To+1, e.Position-1))
	case e.Previous != r.Hash:
		r.add(Problem{Changed, e.Position, e.Event.Seq, fmt.Sprintf("the entry at %d does not follow the one before it", e.Position)})
	}
	v.sound(e)
	r.Entries++
	r.To, r.Hash = e.Position, e.Hash
	if v.want[e.Position] {
		v.hashes[e.Position] = e.Hash
	}
	if len(v.recent) == 2*keptRecent {
		v.recent = append(v.recent[:0], v.recent[keptRecent:]...)
	}
	v.recent = append(v.recent, Entry{Position: e.Position, Hash: e.Hash})
}

// sound checks an entry against its own hash.
func (v *fileCheck) sound(e *Entry) {
	var want Hash
	if want, v.buf = link(e.Previous, &e.Event, v.buf); want != e.Hash {
		v.r.add(Problem{Changed, e.Position, e.Event.Seq, fmt.Sprintf("event %d is not what was sealed", e.Event.Seq)})
	}
}
