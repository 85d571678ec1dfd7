package naming

import (
	"net/url"
	"strings"
)

// ViewState renames in the state of a saved view: the search part of the
// address of the list of a blueprint, with filter, order, columns and groups.
func (c Change) ViewState(state, of string) (out string, changed bool) {
	if c.Kind == Blueprint || c.Kind == Entity && !strings.Contains(state, "filter=") {
		return state, false
	}
	pairs := strings.Split(state, "&")
	for i, pair := range pairs {
		key, raw, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(raw)
		if err != nil {
			continue
		}
		now := value
		switch key {
		case "filter":
			if doc, did, _, err := c.JSON([]byte(value), of); err == nil && did {
				now = string(doc)
			}
		case "sort", "group", "cols", "w":
			if of == c.Blueprint && (c.Kind == Property || c.Kind == Relation) {
				now = c.listed(value)
			}
		}
		if now != value {
			pairs[i], changed = key+"="+url.QueryEscape(now), true
		}
	}
	return strings.Join(pairs, "&"), changed
}

// listed renames in names that commas part; an order has "-" before it, a width
// its number behind it.
func (c Change) listed(text string) string {
	list := strings.Split(text, ",")
	for i, one := range list {
		name, rest, _ := strings.Cut(strings.TrimPrefix(one, "-"), ":")
		if name != c.Old {
			continue
		}
		list[i] = strings.TrimSuffix(one, rest)
		list[i] = strings.Replace(list[i], c.Old, c.New, 1) + rest
	}
	return strings.Join(list, ",")
}
