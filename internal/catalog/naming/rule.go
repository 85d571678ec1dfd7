package naming

import "slices"

// rule is one rule of a query, or condition of a scorecard.
func (w *walker) rule(m map[string]any, p place) {
	property, plain := m["property"].(string)
	relation, _ := m["relation"].(string)
	end := "" // the blueprint whose identifiers the value has
	switch {
	case plain && property == "$blueprint":
		if w.Kind == Blueprint {
			m["value"] = w.renamedIn(m["value"])
		}
	case plain && property == "$identifier":
		end = p.of
		if p.of == "" && w.Kind == Entity && mentions(m["value"], w.Old) {
			w.leave(p.under("value"))
		}
	case plain && property == "$team":
		end = "_team"
	case plain && w.Kind == Property:
		w.part(m, "property", p)
	case !plain && m["property"] != nil:
		end = w.far(m["property"], p.under("property"))
	case relation != "":
		if m["targetProperty"] == nil || m["targetProperty"] == "$identifier" {
			end = w.target(p.of, relation)
		}
		if w.Kind == Relation {
			w.part(m, "relation", p)
		}
	case m["operator"] == "relatedTo":
		end, _ = m["blueprint"].(string)
	}
	if w.Kind == Blueprint && m["blueprint"] == w.Old {
		m["blueprint"], w.changed = w.New, true
	}
	if w.Kind == Entity && end == w.Blueprint {
		m["value"] = w.renamedIn(m["value"])
	}
	switch value := m["value"].(type) {
	case map[string]any:
		w.ofCaller(value, p.under("value"))
		m["value"] = w.value(value, p.under("value"))
	case string:
		if property != "$blueprint" {
			m["value"] = w.text(value, p.under("value"))
		}
	}
}

func mentions(v any, name string) bool {
	list, ok := v.([]any)
	if !ok {
		return v == name
	}
	return slices.Contains(list, any(name))
}

// part renames the property or relation that a rule is about.
func (w *walker) part(m map[string]any, key string, p place) {
	if m[key] != w.Old {
		return
	}
	mine, sure := w.mine(p.of)
	if mine {
		m[key], w.changed = w.New, true
	} else if !sure {
		w.leave(p.under(key))
	}
}

// far is a property that is reached over relations, or one of the caller; it
// gives the blueprint at the end.
func (w *walker) far(v any, p place) string {
	m, _ := v.(map[string]any)
	if m["context"] != nil {
		w.ofCaller(m, p)
		return ""
	}
	return w.path(m, p.under("path"))
}

// ofCaller is a property of whoever asks, or of their teams.
func (w *walker) ofCaller(m map[string]any, p place) {
	of := map[any]string{"user": "_user", "userTeams": "_team"}[m["context"]]
	if of != "" && w.Kind == Property {
		p.of = of
		w.part(m, "property", p)
	}
}

// path follows the list of relations that m has and gives where it ends. Paths
// begin at fromBlueprint, or at what the place is about.
func (w *walker) path(m map[string]any, p place) string {
	at := p.of
	if from, _ := m["fromBlueprint"].(string); from != "" {
		at = from
		if w.Kind == Blueprint && from == w.Old {
			m["fromBlueprint"], w.changed = w.New, true
		}
	}
	hops, ok := m["path"].([]any)
	if !ok {
		if text, is := m["path"].(string); is && w.Kind != Entity && w.word.MatchString(text) {
			w.leave(p)
		}
		return ""
	}
	for i, hop := range hops {
		name, plain := hop.(string)
		nested, _ := hop.(map[string]any)
		if !plain {
			name, _ = nested["relation"].(string)
		}
		if w.Kind == Relation && name == w.Old {
			mine, sure := w.mine(at)
			switch {
			case mine && plain:
				hops[i], w.changed = w.New, true
			case mine:
				nested["relation"], w.changed = w.New, true
			case !sure:
				w.leave(p.item(i))
			}
		}
		at = w.target(at, name)
	}
	return at
}
