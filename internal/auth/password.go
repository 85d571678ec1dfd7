package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"sphera/internal/fault"

	"golang.org/x/crypto/argon2"
)

// argonParams are what OWASP recommends for argon2id: 19 MiB, two passes, one
// lane.
type argonParams struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

func recommended() argonParams { return argonParams{memory: 19 << 10, passes: 2, lanes: 1} }

const (
	saltBytes   = 16
	keyBytes    = 32
	minPassword = 8
	maxPassword = 256
	// hashWait is how long a login waits for its turn before it is told to
	// come back.
	hashWait = 5 * time.Second
)

// hasher bounds how many passwords are hashed at once: each takes 19 MiB, and
// a flood of logins must not take the portal's memory or all of its time.
type hasher struct {
	slots chan struct{}
}

func newHasher() *hasher {
	return &hasher{slots: make(chan struct{}, min(4, max(1, runtime.GOMAXPROCS(0)-1)))}
}

func (h *hasher) turn(ctx context.Context) (release func(), err error) {
	wait, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-wait.Done():
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait to check a password: %w", ctx.Err())
		}
		return nil, fault.New(fault.Unavailable, "Too many people sign in at this moment. Try again in a few seconds.")
	}
}

// hash returns the PHC string of password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	release, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails: the program stops instead
	p := recommended()
	key := argon2.IDKey([]byte(password), salt, p.passes, p.memory, p.lanes, keyBytes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.lanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// check reports whether password belongs to the PHC string. With an empty one
// it does the same work and answers no, so that an account that does not exist
// takes as long as one that does.
func (h *hasher) check(ctx context.Context, phc, password string) (bool, error) {
	release, err := h.turn(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if phc == "" {
		p := recommended()
		argon2.IDKey([]byte(password), make([]byte, saltBytes), p.passes, p.memory, p.lanes, keyBytes)
		return false, nil
	}
	p, salt, key, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password), salt, p.passes, p.memory, p.lanes, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}

var errPHC = errors.New("stored password is not an argon2id PHC string")

func parsePHC(phc string) (argonParams, []byte, []byte, error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return argonParams{}, nil, nil, errPHC
	}
	var p argonParams
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil {
		return argonParams{}, nil, nil, errors.Join(errPHC, err)
	}
	if p.memory == 0 || p.memory > 1<<20 || p.passes == 0 || p.passes > 16 || p.lanes == 0 {
		return argonParams{}, nil, nil, errPHC
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return argonParams{}, nil, nil, errors.Join(errPHC, err)
	}
	key, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(key) < 16 || len(key) > 64 {
		return argonParams{}, nil, nil, errors.Join(errPHC, err)
	}
	return p, salt, key, nil
}

// checkNewPassword says what is wrong with a password somebody chose.
func checkNewPassword(password, email string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return fault.Field("password", "is not text", "at least 8 characters")
	case n < minPassword:
		return fault.Field("password", "is too short", "at least 8 characters")
	case len(password) > maxPassword:
		return fault.Field("password", "is too long", "at most 256 bytes")
	case strings.EqualFold(password, email):
		return fault.Field("password", "is your address", "something that only you know")
	}
	return nil
}
