// Package seal makes the audit log tamper evident: a sealer numbers committed
// events and chains them by SHA-256, signs checkpoints of where the chain
// ended, and Verify finds what was edited, deleted, inserted, swapped or cut
// off since.
//
// Writers of events know nothing of it: they do not wait for each other, and
// an event is sealed within a second after its commit.
package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"sphera/internal/audit"
	"sphera/internal/store"
)

// Hash is a link of the chain.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("a hash has %d hexadecimal digits", hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Entry is an event in its place in the chain.
type Entry struct {
	// Position counts from 1 without gaps, in the order of sealing.
	Position int64 `json:"position"`
	// Previous is the hash of the entry before, Hash that over Previous and
	// the event.
	Previous Hash        `json:"previous"`
	Hash     Hash        `json:"hash"`
	Event    audit.Event `json:"event"`
}

// first is what the first entry of a log follows.
func first(logID string) Hash { return sha256.Sum256([]byte("sphera audit log " + logID)) }

// link is the hash of e after previous. buf is used for the bytes and
// returned, so that it can be used again.
func link(previous Hash, e *audit.Event, buf []byte) (Hash, []byte) {
	buf = canonical(append(buf[:0], previous[:]...), e)
	return sha256.Sum256(buf), buf
}

// canonical appends e as bytes that depend on nothing but what it says: every
// field has its length before it, so that no two events have the same bytes,
// and the detail is brought to one form of JSON.
func canonical(b []byte, e *audit.Event) []byte {
	b = append(b, "sphera audit event 1"...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Seq))              // only the bits count
	b = binary.BigEndian.AppendUint64(b, uint64(store.Millis(e.At))) // only the bits count
	for _, field := range [...]string{
		e.Actor, e.ActorName, e.Verb, e.Object, e.Outcome, e.Entity, e.RunID, e.RequestID, e.Via, e.OnBehalfOf, e.Address, e.Rule,
	} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return plain(b, e.Detail)
}
