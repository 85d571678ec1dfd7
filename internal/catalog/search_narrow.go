package catalog

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/catalog/query"
)

// bounds are how much a list looks at beyond what it shows. Tests make them
// small.
type bounds struct {
	// listed is how many ids a rule may lead to and still be turned into a set:
	// one range of an index. faceted is the same where facets are counted.
	listed, faceted int
	// looked is the same for rules that must look at each entity.
	looked int
	// checked is how many entities are looked at for a total that is exact,
	// tried for one that is not.
	checked, tried int
}

func usualBounds() bounds {
	return bounds{listed: 10_000, faceted: 30_000, looked: 1500, checked: 1500, tried: 500}
}

// narrow turns what it can of the condition into a set of ids, and keeps the
// rest.
func (s *search) narrow(ctx context.Context) error {
	var open []query.Node
	for _, n := range flatten(s.where) {
		if r, ok := n.(query.Rule); ok && r.Never() {
			s.set = idSet{}
			return nil
		}
		if r, ok := n.(query.Rule); ok && r.OfProperty() && r.Property == "$blueprint" {
			if query.And(r).Excludes(s.q.Blueprint, s.env) {
				s.set = idSet{}
				return nil
			}
			continue
		}
		set, ok, err := s.asSet(ctx, n)
		if err != nil {
			return err
		}
		if ok {
			s.meet(set)
		} else {
			open = append(open, n)
		}
	}
	if err := s.narrowText(ctx); err != nil {
		return err
	}
	for _, n := range open {
		ok, err := s.list(ctx, n)
		if err != nil {
			return err
		}
		if !ok {
			s.rest = append(s.rest, n)
		}
	}
	return nil
}

// meet adds a condition to the set.
func (s *search) meet(set idSet) {
	if s.set == nil {
		s.set = set
		return
	}
	s.set = s.set.and(set)
}

// flatten lists what must all hold.
func flatten(q *query.Query) []query.Node {
	if q == nil {
		return nil
	}
	if q.Combinator == "or" && len(q.Rules) > 1 {
		return []query.Node{q}
	}
	var out []query.Node
	for _, n := range q.Rules {
		if group, ok := n.(*query.Query); ok {
			out = append(out, flatten(group)...)
		} else {
			out = append(out, n)
		}
	}
	return out
}

// asSet is a node as a set, where the facets tell all of it.
func (s *search) asSet(ctx context.Context, n query.Node) (idSet, bool, error) {
	if !s.l.filled() {
		return nil, false, nil
	}
	group, ok := n.(*query.Query)
	if !ok {
		return s.ruleSet(ctx, n.(query.Rule))
	}
	if len(group.Rules) == 0 {
		return nil, false, nil
	}
	var out idSet
	for i, child := range group.Rules {
		set, ok, err := s.asSet(ctx, child)
		if err != nil || !ok {
			return nil, false, err
		}
		switch {
		case i == 0:
			out = set
		case group.Combinator == "or":
			out = out.or(set)
		default:
			out = out.and(set)
		}
	}
	return out, true, nil
}

func (s *search) ruleSet(ctx context.Context, r query.Rule) (idSet, bool, error) {
	if !r.OfProperty() || !s.l.ready[r.Property] {
		return nil, false, nil
	}
	operator, deny := r.Positive()
	values, ok := r.Values(s.env)
	empty := operator == "isEmpty" || operator == "=" && len(values) == 1 && values[0] == nil
	if !ok && !empty {
		return nil, false, nil
	}
	var set idSet
	var err error
	switch {
	case empty:
		if set, err = s.readSet(ctx, r.Property, nil); err == nil {
			set, err = s.others(ctx, set)
		}
	case operator == "=", operator == "in", operator == "matchAny", operator == "containsAny", operator == "contains" && r.Property == facetTeam:
		keys := []string{}
		for _, v := range values {
			key, ok := s.key1(r.Property, v)
			if !ok {
				return nil, false, nil
			}
			keys = append(keys, key)
		}
		set, err = s.readSet(ctx, r.Property, keys)
	default:
		return nil, false, nil
	}
	if err == nil && deny {
		set, err = s.others(ctx, set)
	}
	return set, err == nil, err
}

// key1 is a value of a rule as the facet of that property counts it.
func (s *search) key1(property string, v any) (string, bool) {
	if text, ok := v.(string); ok && s.l.fields.ByName[property].Type == "boolean" && (text == "true" || text == "false") {
		return text, true
	}
	return facetKey(v)
}

// others are the entities of the blueprint that are not in set.
func (s *search) others(ctx context.Context, set idSet) (idSet, error) {
	all, err := s.readSet(ctx, "", []string{""})
	return all.without(set), err
}

// readSet reads which entities have one of these values; nil is any value.
func (s *search) readSet(ctx context.Context, property string, keys []string) (idSet, error) {
	b := s.builder()
	b.add("blueprint = " + b.arg(s.q.Blueprint))
	b.add("property = " + b.arg(property))
	set := idSet{}
	if keys != nil {
		if len(keys) == 0 {
			return set, nil
		}
		var list strings.Builder
		for i, key := range slices.Compact(slices.Sorted(slices.Values(keys))) {
			if i > 0 {
				list.WriteString(", ")
			}
			list.WriteString(b.arg(key))
		}
		b.add("value IN (" + list.String() + ")")
	}
	rows, err := s.c.db.Read().QueryContext(ctx, "SELECT chunk, ids FROM facet_sets WHERE "+b.where(), b.args...)
	if err != nil {
		return nil, fmt.Errorf("read sets of entities: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key int64
		var raw []byte
		if err := rows.Scan(&key, &raw); err != nil {
			return nil, fmt.Errorf("read sets of entities: %w", err)
		}
		if set[key] == nil {
			set[key] = &chunk{}
		}
		if err := set[key].merge(raw); err != nil {
			return nil, err
		}
	}
	return set, rows.Err()
}

// narrowText finds by text: as a set, or where much is found as a condition.
func (s *search) narrowText(ctx context.Context) error {
	if strings.TrimSpace(s.q.Text) == "" {
		return nil
	}
	found, err := s.c.text.Match(ctx, s.q.Text, s.q.Blueprint, s.c.bounds.looked+1)
	if err != nil {
		return fmt.Errorf("search by text: %w", err)
	}
	set := idSet{}
	for _, id := range found {
		set.add(id)
	}
	if len(found) <= s.c.bounds.looked {
		s.meet(set)
		return nil
	}
	s.sample = set
	s.words = func(b *builder) (string, error) { return s.c.text.Where(ctx, s.q.Text, s.q.Blueprint, b.arg) }
	return nil
}

// list turns a rule that an index answers into a set, if that is small.
func (s *search) list(ctx context.Context, n query.Node) (bool, error) {
	if s.set != nil && s.set.count() <= s.c.bounds.looked {
		return false, nil
	}
	statement, args, most, ok := s.listStatement(n)
	if !ok {
		return false, nil
	}
	set, found, err := s.ids(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	if found <= most {
		s.meet(set)
		return true, nil
	}
	if s.sample == nil {
		s.sample = set
	} else {
		s.sample = s.sample.and(set)
	}
	return false, nil
}

// listStatement lists the ids that a rule leads to, and one more than most; ok
// is false for rules that no index answers.
func (s *search) listStatement(n query.Node) (statement string, args []any, most int, ok bool) {
	r, isRule := n.(query.Rule)
	if !isRule {
		return "", nil, 0, false
	}
	operator, deny := r.Positive()
	if deny || operator == "isEmpty" || operator == "=" && r.Value == nil {
		return "", nil, 0, false
	}
	field := s.l.fields.ByName[r.Property]
	linked := r.OfProperty() && (field.Kind == query.Relation || r.Property == facetTeam || r.Property == "$identifier")
	slotted := r.OfProperty() && field.Slot != "" && !slices.Contains([]string{"contains", "beginsWith", "endsWith"}, operator)
	b := s.builder()
	hint, blueprint, drive := "", "e.blueprint", noSlot
	switch {
	case slotted:
		drive, most = field.Slot, s.c.bounds.listed
		if len(s.q.Facets) > 0 {
			most = s.c.bounds.faceted
		}
		b.add("e." + drive + " IS NOT NULL")
		hint = s.hint("entities_by_" + drive)
	case linked, r.Operator == "relatedTo", r.Path != nil, r.Relation != "":
		most = s.c.bounds.looked
		if r.Property != "$identifier" {
			blueprint = plain(b.dialect, blueprint) // from the ids the rule leads to
		}
	default:
		return "", nil, 0, false
	}
	b.add(blueprint + " = " + b.arg(s.q.Blueprint))
	b.add("e.pending = 0")
	b.nodes(s, drive, r)
	return "SELECT e.id FROM entities e" + hint + " WHERE " + b.where() + " LIMIT " + strconv.Itoa(most+1), b.args, most, true
}
