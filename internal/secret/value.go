package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"
)

const redacted = "[redacted]"

// Value is a secret. However it is printed, logged or encoded, what comes out
// is "[redacted]"; only Use gives the bytes. They are held by a function,
// because package fmt looks into unexported fields without asking.
type Value struct{ get func() []byte }

// NewValue makes a secret of text.
func NewValue(text string) Value { return valueOf([]byte(text)) }

func valueOf(plain []byte) Value { return Value{func() []byte { return plain }} }

func (v Value) plain() []byte {
	if v.get == nil {
		return nil
	}
	return v.get()
}

// Use hands the bytes to f, which must not keep them.
func (v Value) Use(f func(plain []byte) error) error { return f(v.plain()) }

// Len is the length in bytes; 0 for none.
func (v Value) Len() int { return len(v.plain()) }

// Equal compares in a time that does not depend on where the two differ.
func (v Value) Equal(other []byte) bool { return hmac.Equal(v.plain(), other) }

// Format implements fmt.Formatter, for every verb.
func (v Value) Format(f fmt.State, _ rune) {
	io.WriteString(f, redacted) //nolint:errcheck // fmt has nowhere to report it
}

// String implements fmt.Stringer.
func (Value) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Value) GoString() string { return redacted }

// MarshalJSON implements json.Marshaler.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Value) UnmarshalText(text []byte) error {
	*v = NewValue(string(text))
	return nil
}

// UnmarshalJSON reads a secret from a request.
func (v *Value) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	*v = NewValue(text)
	return nil
}

// Sign is how Port signs what it sends: the value of X-Port-Signature for the
// body and the time in X-Port-Timestamp.
func Sign(key Value, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key.plain())
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return timestamp, "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
