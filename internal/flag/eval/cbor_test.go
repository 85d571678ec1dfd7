package eval

import (
	"encoding/hex"
	"testing"
)

// TestDeterministicCBOR has the examples of RFC 8949, appendix A; whole numbers
// are integers here, as generation 3 wants them.
func TestDeterministicCBOR(t *testing.T) {
	for text, want := range map[string]string{
		`0`: "00", `-0`: "00", `10`: "0a", `23`: "17", `24`: "1818", `100`: "1864", `1000`: "1903e8", `1000000`: "1a000f4240", `1000000000000`: "1b000000e8d4a51000",
		`-1`: "20", `-10`: "29", `-100`: "3863", `-1000`: "3903e7", `1.1`: "fb3ff199999999999a", `1.5`: "f93e00", `65504.0`: "19ffe0", `100000.0`: "1a000186a0",
		`3.4028234663852886e+38`: "fa7f7fffff", `1.0e+300`: "fb7e37e43c8800759c", `5.960464477539063e-8`: "f90001", `0.00006103515625`: "f90400", `-4.1`: "fbc010666666666666",
		`true`: "f5", `false`: "f4", `""`: "60", `"a"`: "6161", `"IETF"`: "6449455446", `"ü"`: "62c3bc", `["f","u"]`: "8261666175",
	} {
		v, err := read(text, 8, 100)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := appendCBOR(nil, v)
		if hex.EncodeToString(got) != want || !ok {
			t.Errorf("%s: %x, not %s", text, got, want)
		}
	}
	if _, ok := appendCBOR(nil, value{}); ok {
		t.Error("null has a place in a bucket")
	}
}

func TestMurmur3(t *testing.T) {
	for text, want := range map[string]uint32{"": 0, "hello": 0x248bfa47, "hello, world": 0x149bbb7f, "The quick brown fox jumps over the lazy dog": 0x2e4ff723} {
		if got := murmur3([]byte(text)); got != want {
			t.Errorf("%q: %08x, not %08x", text, got, want)
		}
	}
}
