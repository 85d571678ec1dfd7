package catalog

import (
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"math/bits"
	"slices"
)

const (
	// chunkIDs is how many ids one chunk of a set covers.
	chunkIDs = 1 << 14
	// chunkList is how many ids a chunk lists before it becomes a bitmap.
	chunkList = chunkIDs / 16
)

// chunk is a bitmap of the ids from one multiple of chunkIDs to the next.
type chunk [chunkIDs / 64]uint64

// idSet is a set of ids of entities.
type idSet map[int64]*chunk

func (s idSet) add(id int64) {
	c := s[id/chunkIDs]
	if c == nil {
		c = &chunk{}
		s[id/chunkIDs] = c
	}
	at := id % chunkIDs
	c[at/64] |= 1 << (at % 64)
}

func (s idSet) remove(id int64) {
	if c := s[id/chunkIDs]; c != nil {
		at := id % chunkIDs
		c[at/64] &^= 1 << (at % 64)
	}
}

func (s idSet) has(id int64) bool {
	c := s[id/chunkIDs]
	at := id % chunkIDs
	return c != nil && c[at/64]&(1<<(at%64)) != 0
}

func (c *chunk) count() int {
	n := 0
	for _, word := range c {
		n += bits.OnesCount64(word)
	}
	return n
}

func (s idSet) count() int {
	n := 0
	for _, c := range s {
		n += c.count()
	}
	return n
}

// common is how many ids are in both.
func (s idSet) common(o idSet) int {
	n := 0
	for key, a := range s {
		if b := o[key]; b != nil {
			for i := range a {
				n += bits.OnesCount64(a[i] & b[i])
			}
		}
	}
	return n
}

// and, or and without make new sets.
func (s idSet) and(o idSet) idSet {
	out := idSet{}
	for key, a := range s {
		if b := o[key]; b != nil {
			c := &chunk{}
			for i := range a {
				c[i] = a[i] & b[i]
			}
			out[key] = c
		}
	}
	return out
}

func (s idSet) or(o idSet) idSet {
	out := idSet{}
	for key, a := range s {
		c := *a
		out[key] = &c
	}
	for key, b := range o {
		c := out[key]
		if c == nil {
			c = &chunk{}
			out[key] = c
		}
		for i := range b {
			c[i] |= b[i]
		}
	}
	return out
}

func (s idSet) without(o idSet) idSet {
	out := idSet{}
	for key, a := range s {
		c := *a
		if b := o[key]; b != nil {
			for i := range b {
				c[i] &^= b[i]
			}
		}
		out[key] = &c
	}
	return out
}

// all are the ids in ascending, or else descending order.
func (s idSet) all(desc bool) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		keys := slices.Sorted(maps.Keys(s))
		if desc {
			slices.Reverse(keys)
		}
		for _, key := range keys {
			if !s[key].each(key*chunkIDs, desc, yield) {
				return
			}
		}
	}
}

func (c *chunk) each(base int64, desc bool, yield func(int64) bool) bool {
	for i := range c {
		at := i
		if desc {
			at = len(c) - 1 - i
		}
		for word := c[at]; word != 0; {
			bit := bits.TrailingZeros64(word)
			if desc {
				bit = 63 - bits.LeadingZeros64(word)
			}
			word &^= 1 << bit
			if !yield(base + int64(at*64+bit)) {
				return false
			}
		}
	}
	return true
}

// encode writes a chunk: 'l' and sorted numbers, or 'b' and the bitmap.
func (c *chunk) encode() (raw []byte, n int) {
	n = c.count()
	if n <= chunkList {
		raw = append(make([]byte, 0, 1+2*n), 'l')
		c.each(0, false, func(id int64) bool {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(id))
			return true
		})
		return raw, n
	}
	raw = append(make([]byte, 0, 1+chunkIDs/8), 'b')
	for _, word := range c {
		raw = binary.LittleEndian.AppendUint64(raw, word)
	}
	return raw, n
}

var errChunk = errors.New("a set of entities is damaged")

// merge adds what encode wrote.
func (c *chunk) merge(raw []byte) error {
	switch {
	case len(raw) == 1+chunkIDs/8 && raw[0] == 'b':
		for i := range c {
			c[i] |= binary.LittleEndian.Uint64(raw[1+8*i:])
		}
	case len(raw)%2 == 1 && raw[0] == 'l':
		for i := 1; i < len(raw); i += 2 {
			at := binary.LittleEndian.Uint16(raw[i:])
			if at >= chunkIDs {
				return errChunk
			}
			c[at/64] |= 1 << (at % 64)
		}
	default:
		return errChunk
	}
	return nil
}
