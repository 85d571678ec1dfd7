package seal

import (
	"encoding/json"
	"unicode/utf8"
)

// plain appends JSON without the freedom that JSON leaves to those who write
// it: no blanks between tokens, and strings escaped in one way. The order of
// keys and the digits of numbers are as they are stored. PostgreSQL writes
// `{"a": "b"}` where SQLite keeps `{"a":"b"}`, and a file of exported events
// escapes what a terminal would act on: all three are the same event.
func plain(b []byte, raw json.RawMessage) []byte {
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case ' ', '\t', '\n', '\r':
			i++
		case '"':
			end, simple := stringEnd(raw, i)
			if simple {
				b = append(b, raw[i:end]...)
			} else {
				b = appendString(b, raw[i:end])
			}
			i = end
		default:
			b = append(b, c)
			i++
		}
	}
	return b
}

// stringEnd finds the end of the string that begins at i, and tells whether it
// is written the plain way already.
func stringEnd(raw []byte, i int) (end int, simple bool) {
	simple = true
	for j := i + 1; j < len(raw); j++ {
		switch c := raw[j]; {
		case c == '\\':
			simple = false
			j++
		case c == '"':
			return j + 1, simple
		case c < ' ' || c >= utf8.RuneSelf:
			simple = false
		}
	}
	return len(raw), false
}

func appendString(b, quoted []byte) []byte {
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return append(b, quoted...) // no JSON: it cannot be what was sealed
	}
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			const digits = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
