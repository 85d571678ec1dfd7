package query

import (
	"slices"
	"strings"
	"time"
)

// days are the presets that look back so many days from now.
func days(preset string) (int, bool) {
	switch preset {
	case "Day":
		return 1, true
	case "Week":
		return 7, true
	case "2Weeks":
		return 14, true
	case "Month":
		return 30, true
	case "3Months":
		return 90, true
	case "6Months":
		return 180, true
	case "12Months":
		return 365, true
	case "2Years":
		return 730, true
	case "3Years":
		return 1095, true
	}
	return 0, false
}

// Presets are the names of spans of time.
func Presets() []string {
	out := []string{"today", "tomorrow", "yesterday"}
	for _, way := range []string{"last", "next"} {
		for _, span := range []string{"Day", "Week", "2Weeks", "Month", "3Months", "6Months", "12Months", "2Years", "3Years"} {
			out = append(out, way+span)
		}
	}
	return out
}

func validPreset(name string) bool { return slices.Contains(Presets(), name) }

// Preset is the span a preset means at now; days are UTC's.
func Preset(name string, now time.Time) (from, to time.Time, ok bool) {
	now = now.UTC()
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	switch name {
	case "today":
		return today, today.AddDate(0, 0, 1).Add(-time.Millisecond), true
	case "tomorrow":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, 2).Add(-time.Millisecond), true
	case "yesterday":
		return today.AddDate(0, 0, -1), today.Add(-time.Millisecond), true
	}
	if span, found := strings.CutPrefix(name, "last"); found {
		n, ok := days(span)
		return now.Add(-time.Duration(n) * 24 * time.Hour), now, ok
	}
	if span, found := strings.CutPrefix(name, "next"); found {
		n, ok := days(span)
		return now, now.Add(time.Duration(n) * 24 * time.Hour), ok
	}
	return time.Time{}, time.Time{}, false
}

// span is the range in milliseconds since 1970.
func (r Range) span(now time.Time) (from, to int64) {
	if r.Preset != "" {
		a, b, ok := Preset(r.Preset, now)
		if !ok {
			return 1, 0
		}
		return millis(a), millis(b)
	}
	from, to = earliest, latest
	if !r.From.IsZero() {
		from = millis(r.From)
	}
	if !r.To.IsZero() {
		to = millis(r.To)
	}
	return from, to
}

// The years 1 to 9999, beyond which the engines differ.
const (
	earliest = -62135596800000
	latest   = 253402300799999
)

func millis(at time.Time) int64 { return at.Round(time.Millisecond).UnixMilli() }

// stored reads a date-time as properties keep it.
func storedTime(s string) (int64, bool) {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, false
	}
	ms := millis(at)
	return ms, ms >= earliest && ms <= latest
}

// askedTime reads a date-time of a query: also a day, or one without a zone,
// which is UTC then.
func askedTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02"} {
		at, err := time.Parse(layout, s)
		if err == nil {
			ms := millis(at)
			return at, ms >= earliest && ms <= latest
		}
	}
	return time.Time{}, false
}
