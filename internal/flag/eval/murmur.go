package eval

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// murmur3 is MurmurHash3 x86 32-bit with seed 0.
func murmur3(b []byte) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	h, n := uint32(0), uint32(len(b))
	for len(b) >= 4 {
		k := binary.LittleEndian.Uint32(b) * c1
		k = bits.RotateLeft32(k, 15) * c2
		h = bits.RotateLeft32(h^k, 13)*5 + 0xe6546b64
		b = b[4:]
	}
	var k uint32
	switch len(b) {
	case 3:
		k ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		k ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		k ^= uint32(b[0])
		h ^= bits.RotateLeft32(k*c1, 15) * c2
	}
	h ^= n
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// appendCBOR appends a value in deterministic CBOR (RFC 8949, 4.2.1), as
// generation 3 hashes it: whole numbers are integers, -0 is 0. ok is false for
// what has no place in a bucket.
func appendCBOR(b []byte, v value) (out []byte, ok bool) {
	switch v.kind {
	case boolean:
		return append(b, 0xf4+byte(v.num)), true
	case number:
		return appendCBORNumber(b, v.num), true
	case text:
		return append(cborHead(b, 3, uint64(len(v.text))), v.text...), true
	case list:
		b = cborHead(b, 4, uint64(len(v.box.items)))
		for _, item := range v.box.items {
			if b, ok = appendCBOR(b, item); !ok {
				return b, false
			}
		}
		return b, true
	default:
		return b, false
	}
}

func cborHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, major|27), n)
	}
}

func appendCBORNumber(b []byte, n float64) []byte {
	if n == math.Trunc(n) && math.Abs(n) < 1<<63 {
		if n < 0 {
			return cborHead(b, 1, uint64(-(int64(n) + 1)))
		}
		return cborHead(b, 0, uint64(n))
	}
	if half, ok := float16(n); ok {
		return binary.BigEndian.AppendUint16(append(b, 0xf9), half)
	}
	if single := float32(n); float64(single) == n {
		return binary.BigEndian.AppendUint32(append(b, 0xfa), math.Float32bits(single))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xfb), math.Float64bits(n))
}

// float16 is the number in half precision, if it fits exactly.
func float16(n float64) (uint16, bool) {
	raw := math.Float64bits(n)
	sign := uint16(raw>>48) & 0x8000
	exp, frac := int(raw>>52&0x7ff)-1023, raw&(1<<52-1)
	switch {
	case exp == 1024: // infinite or not a number
		if frac != 0 {
			return 0x7e00, true
		}
		return sign | 0x7c00, true
	case exp >= -14 && exp <= 15:
		if frac&(1<<42-1) != 0 {
			return 0, false
		}
		return sign | uint16(exp+15)<<10 | uint16(frac>>42), true
	case exp >= -24 && exp < -14: // subnormal
		full, shift := frac|1<<52, uint(42+(-14-exp))
		if full&(1<<shift-1) != 0 {
			return 0, false
		}
		return sign | uint16(full>>shift), true
	default:
		return 0, false
	}
}
