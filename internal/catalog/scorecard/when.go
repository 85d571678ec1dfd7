package scorecard

import (
	"time"
)

// window is the span a preset means, seen from now: for rolling ones how far
// back and ahead, for calendar days which of them. Days are those of UTC.
type window struct {
	back, ahead time.Duration
	day         bool
	offset      int // of the day, from today
}

const day = 24 * time.Hour

// Presets are the names of spans of time.
func Presets() []string {
	return []string{
		"today", "tomorrow", "yesterday",
		"lastDay", "lastWeek", "last2Weeks", "lastMonth", "last3Months", "last6Months", "last12Months", "last2Years", "last3Years",
		"nextDay", "nextWeek", "next2Weeks", "nextMonth", "next3Months", "next6Months", "next12Months", "next2Years", "next3Years",
	}
}

func presetWindow(name string) (window, bool) {
	switch name {
	case "today":
		return window{day: true}, true
	case "tomorrow":
		return window{day: true, offset: 1}, true
	case "yesterday":
		return window{day: true, offset: -1}, true
	}
	if len(name) < 5 {
		return window{}, false
	}
	days := map[string]int{
		"Day": 1, "Week": 7, "2Weeks": 14, "Month": 30, "3Months": 90, "6Months": 180, "12Months": 365, "2Years": 730, "3Years": 1095,
	}[name[4:]]
	switch {
	case days > 0 && name[:4] == "last":
		return window{back: time.Duration(days) * day}, true
	case days > 0 && name[:4] == "next":
		return window{ahead: time.Duration(days) * day}, true
	}
	return window{}, false
}

// holds says whether at is in the window as it is now.
func (w window) holds(at, now time.Time) bool {
	if w.day {
		start := startOfDay(now).AddDate(0, 0, w.offset)
		return !at.Before(start) && at.Before(start.Add(day))
	}
	return !at.Before(now.Add(-w.back)) && !at.After(now.Add(w.ahead))
}

// changes are the moments at which at comes into the window and leaves it.
func (w window) changes(at time.Time) []time.Time {
	if w.day {
		in := startOfDay(at).AddDate(0, 0, -w.offset)
		return []time.Time{in, in.Add(day)}
	}
	return []time.Time{at.Add(-w.ahead), at.Add(w.back).Add(time.Millisecond)}
}

func startOfDay(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// within says whether a date-time is in the range of the condition.
func (c *Condition) within(v any, now time.Time) bool {
	at, ok := timeOf(v)
	m, isMap := c.Value.(map[string]any)
	if !ok || !isMap {
		return false
	}
	if preset, ok := m["preset"].(string); ok {
		w, ok := presetWindow(preset)
		return ok && w.holds(at, now)
	}
	if from, ok := timeOf(m["from"]); ok && at.Before(from) {
		return false
	}
	to, ok := timeOf(m["to"])
	return !ok || !at.After(to)
}

// changes are the moments at which the condition may turn by itself.
func (c *Condition) changes(entity map[string]any) []time.Time {
	switch c.Operator {
	case "isExpired", "isNotExpired":
		if at, ok := timeOf(c.lookup(entity)); ok {
			return []time.Time{at}
		}
	case "=", "!=", "between", "notBetween":
		m, _ := c.Value.(map[string]any)
		preset, _ := m["preset"].(string)
		w, ok := presetWindow(preset)
		if !ok {
			return nil
		}
		if at, ok := timeOf(c.lookup(entity)); ok {
			return w.changes(at)
		}
	}
	return nil
}

// NextChange is when the verdict on the entity may change by itself, because
// time goes on; zero when it will not.
func (s *Scorecard) NextChange(entity map[string]any, now time.Time) time.Time {
	var next time.Time
	consider := func(list []Condition) {
		for i := range list {
			for _, at := range list[i].changes(entity) {
				if at.After(now) && (next.IsZero() || at.Before(next)) {
					next = at
				}
			}
		}
	}
	if s.Filter != nil {
		consider(s.Filter.List)
	}
	for i := range s.Rules {
		consider(s.Rules[i].Query.List)
	}
	return next
}

func timeOf(v any) (time.Time, bool) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	return parseTime(s)
}

// parseTime reads a date-time; without a zone it is UTC, without a time
// midnight.
func parseTime(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02") || len(s) > 40 || s[4] != '-' {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}
