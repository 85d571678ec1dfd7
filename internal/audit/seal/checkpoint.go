package seal

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"sphera/internal/keyfile"
	"sphera/internal/store"
)

// KeyFile is the name of the signing key in the data folder.
const KeyFile = "audit.key"

// Key signs checkpoints.
type Key struct{ private ed25519.PrivateKey }

// OpenKey uses the key given as text (base64 of 32 bytes), or the one in the
// folder, which is made when it is not there.
func OpenKey(dir, text string) (*Key, error) {
	seed, err := keyfile.Open(dir, KeyFile, "the audit key", text)
	if err != nil {
		return nil, err
	}
	return &Key{private: ed25519.NewKeyFromSeed(seed)}, nil
}

// Public is what checkpoints are verified with, as base64.
func (k *Key) Public() string {
	public, _ := k.private.Public().(ed25519.PublicKey)
	return base64.StdEncoding.EncodeToString(public)
}

// Checkpoint says where the chain of a log ended at some time. Kept outside of
// the database it is what shows that nothing before it was touched.
type Checkpoint struct {
	// Log is the id of the log, made with its first entry.
	Log      string    `json:"log"`
	Position int64     `json:"position"`
	Hash     Hash      `json:"hash"`
	At       time.Time `json:"at"`
	// PublicKey and Signature are base64, Ed25519.
	PublicKey string `json:"publicKey"`
	Signature string `json:"signature"`
}

// text is what is signed: a line for each field, so that anybody can check it
// with common tools.
func (c *Checkpoint) text() []byte {
	return fmt.Appendf(nil, "sphera audit checkpoint 1\nlog %s\nposition %d\nhash %s\nat %d\n", c.Log, c.Position, c.Hash, store.Millis(c.At))
}

func (k *Key) sign(c *Checkpoint) {
	c.PublicKey = k.Public()
	c.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, c.text()))
}

// Check reports whether the signature is right, by one of the keys; without
// keys it only has to be by the key that the checkpoint names, which shows
// damage and no forgery.
func (c *Checkpoint) Check(keys []string) error {
	if len(keys) > 0 {
		known := false
		for _, key := range keys {
			known = known || strings.TrimSpace(key) == c.PublicKey
		}
		if !known {
			return errors.New("it was signed with another key")
		}
	}
	public, err := base64.StdEncoding.DecodeString(c.PublicKey)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return errors.New("its key is no Ed25519 key")
	}
	signature, err := base64.StdEncoding.DecodeString(c.Signature)
	if err != nil || !ed25519.Verify(public, c.text(), signature) {
		return errors.New("its signature is wrong")
	}
	return nil
}

// KeyID is a short name of a public key, for people.
func KeyID(public string) string {
	sum := sha256.Sum256([]byte(public))
	return hex.EncodeToString(sum[:4])
}

// Checkpoint signs the end of the chain when that is due, and tells whether it
// did.
func (s *Sealer) Checkpoint(ctx context.Context) (bool, error) {
	if !s.checkpointed.known {
		last, err := lastCheckpoint(ctx, s.db.Read())
		if err != nil {
			return false, err
		}
		s.checkpointed.known, s.checkpointed.position, s.checkpointed.at = true, last.Position, last.At
		if last.Position == 0 {
			s.checkpointed.at = s.now().Add(-CheckpointEvery)
		}
	}
	c, err := end(ctx, s.db.Read())
	if err != nil || c.Position <= s.checkpointed.position {
		return false, err
	}
	now := s.now()
	if c.Position-s.checkpointed.position < CheckpointAfter && now.Sub(s.checkpointed.at) < CheckpointEvery {
		return false, nil
	}
	c.At = now.UTC().Truncate(time.Millisecond)
	s.key.sign(&c)
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO audit_checkpoints (position, at, hash, public_key, signature) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (position) DO NOTHING`,
			c.Position, store.Millis(c.At), c.Hash.String(), c.PublicKey, c.Signature)
		tx.Notify(Topic, "checkpoint")
		return err
	})
	if err != nil {
		return false, fmt.Errorf("write a checkpoint: %w", err)
	}
	s.checkpointed.position, s.checkpointed.at = c.Position, c.At
	return true, nil
}

// end is where the chain ends, as a checkpoint that nobody has signed.
func end(ctx context.Context, q store.Querier) (Checkpoint, error) {
	var c Checkpoint
	var hash string
	err := q.QueryRowContext(ctx, "SELECT log_id, position, hash FROM audit_chain_head WHERE one = 1").Scan(&c.Log, &c.Position, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read the end of the chain: %w", err)
	}
	return c, c.Hash.UnmarshalText([]byte(hash))
}

func lastCheckpoint(ctx context.Context, q store.Querier) (Checkpoint, error) {
	list, err := checkpoints(ctx, q, "ORDER BY position DESC LIMIT 1")
	if err != nil || len(list) == 0 {
		return Checkpoint{}, err
	}
	return list[0], nil
}

// checkpoints reads those that the end of the statement, a literal, selects.
func checkpoints(ctx context.Context, q store.Querier, rest string, args ...any) ([]Checkpoint, error) {
	e, err := end(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, "SELECT position, at, hash, public_key, signature FROM audit_checkpoints "+rest, args...)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Checkpoint, error) {
		c := Checkpoint{Log: e.Log}
		var at int64
		var hash string
		if err := row.Scan(&c.Position, &at, &hash, &c.PublicKey, &c.Signature); err != nil {
			return c, err
		}
		c.At = store.Time(at)
		return c, c.Hash.UnmarshalText([]byte(hash))
	})
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	return list, nil
}

// Sign signs what is sent to sinks, as base64.
func (k *Key) Sign(text []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, text))
}

// Digest is a short name of some bytes.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
