package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go/types"
)

// The Cedar types besides those of resources.
const (
	userType      = "User"
	roleType      = "Role"
	teamType      = "Team"
	actionType    = "Action"
	blueprintType = "Blueprint"
	// catalogSpace is the namespace of the types of blueprints.
	catalogSpace = "Catalog"
)

// world is what one decision knows: who asks, what about, and the actions. It
// implements types.EntityGetter.
type world struct {
	principal, resource types.Entity
	actions             map[types.EntityUID]types.Entity
}

func (w *world) Get(uid types.EntityUID) (types.Entity, bool) {
	switch {
	case uid == w.principal.UID:
		return w.principal, true
	case uid == w.resource.UID:
		return w.resource, true
	case uid.Type == actionType:
		e, ok := w.actions[uid]
		return e, ok
	default:
		return types.Entity{}, false
	}
}

func uid(kind, id string) types.EntityUID {
	return types.NewEntityUID(types.EntityType(kind), types.String(id))
}

func uids(kind string, ids []string) []types.EntityUID {
	out := make([]types.EntityUID, 0, len(ids))
	for _, id := range ids {
		out = append(out, uid(kind, id))
	}
	return out
}

func entitySet(kind string, ids []string) types.Set {
	values := make([]types.Value, 0, len(ids))
	for _, id := range ids {
		values = append(values, uid(kind, id))
	}
	return types.NewSet(values...)
}

func stringSet(list []string) types.Set {
	values := make([]types.Value, 0, len(list))
	for _, s := range list {
		values = append(values, types.String(s))
	}
	return types.NewSet(values...)
}

func principalEntity(s Subject) types.Entity {
	kind := s.Kind
	if kind == "" {
		kind = User
	}
	attributes := types.RecordMap{
		"name":       types.String(s.Name),
		"kind":       types.String(kind),
		"teams":      entitySet(teamType, s.Teams),
		"status":     types.String(s.Status),
		"contractor": types.Boolean(s.Contractor),
		"via":        types.String(s.Via),
		"readOnly":   types.Boolean(s.ReadOnly),
		"machine":    types.Boolean(s.Machine || kind != User),
	}
	if s.Scopes != nil {
		attributes["scopes"] = stringSet(s.Scopes)
	}
	if s.Blueprints != nil {
		attributes["blueprints"] = stringSet(s.Blueprints)
	}
	if s.Environments != nil {
		attributes["environments"] = stringSet(s.Environments)
	}
	if s.OnBehalfOf != "" {
		attributes["onBehalfOf"] = uid(userType, s.OnBehalfOf)
	}
	parents := append(uids(roleType, s.Roles), uids(teamType, s.Teams)...)
	return types.Entity{
		UID: uid(userType, s.ID), Parents: types.NewEntityUIDSet(parents...), Attributes: types.NewRecord(attributes),
	}
}

// needs says which costly parts of a resource any of the policies looks at.
type needs struct{ properties, tags bool }

func resourceEntity(r Resource, need needs) (types.Entity, error) {
	e := types.Entity{UID: r.uid()}
	attributes := types.RecordMap{"teams": entitySet(teamType, r.Teams)}
	optional := func(name, value string) {
		if value != "" {
			attributes[types.String(name)] = types.String(value)
		}
	}
	optional("id", r.ID)
	optional("environment", r.Environment)
	optional("environmentKind", r.EnvironmentKind)
	if r.Author != "" {
		attributes["author"] = uid(userType, r.Author)
	}
	if r.isEntity() {
		e.Parents = types.NewEntityUIDSet(uid(blueprintType, r.Blueprint))
		attributes["blueprint"] = types.String(r.Blueprint)
	}
	if need.properties {
		properties, err := record(r.Properties)
		if err != nil {
			return e, err
		}
		attributes["properties"] = properties
	}
	if need.tags {
		e.Tags = tagsOf(r.Properties)
	}
	e.Attributes = types.NewRecord(attributes)
	return e, nil
}

func (r Resource) isEntity() bool { return r.Type == TypeEntity || r.Type == "" && r.Blueprint != "" }

func (r Resource) uid() types.EntityUID {
	switch {
	case r.isEntity():
		return uid(TypeName(r.Blueprint), r.ID)
	case r.Type == "":
		return uid(TypePortal, r.ID)
	default:
		return uid(r.Type, r.ID)
	}
}

// TypeName is the Cedar type of a blueprint's entities. Characters that Cedar
// does not allow in a name are written as _xHEX_.
func TypeName(blueprint string) string {
	var b strings.Builder
	b.WriteString(catalogSpace + "::")
	for i, r := range blueprint {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		switch {
		case letter && (r != '_' || !strings.HasPrefix(blueprint[i+1:], "x")):
			b.WriteRune(r)
		case r >= '0' && r <= '9' && i > 0:
			b.WriteRune(r)
		default:
			b.WriteString("_x" + strconv.FormatInt(int64(r), 16) + "_")
		}
	}
	name := b.String()
	if blueprint == "" || slices.Contains(reserved(), blueprint) {
		name += "_x_"
	}
	return name
}

// reserved are the names that Cedar, or a type of ours, has.
func reserved() []string {
	return append([]string{
		"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar", "Bool", "Boolean", "String", "Long", "Set", "Record", "Entity",
		"Extension", "ipaddr", "decimal", "datetime", "duration", actionType, blueprintType, roleType, teamType, userType,
	}, Types()...)
}

func record(fields map[string]any) (types.Record, error) {
	out := make(types.RecordMap, len(fields))
	for name, v := range fields {
		value, err := valueOf(v)
		if err != nil {
			return types.Record{}, fmt.Errorf("%s: %w", name, err)
		}
		if value != nil {
			out[types.String(name)] = value
		}
	}
	return types.NewRecord(out), nil
}

// valueOf is v in Cedar; nil for null, which is absence.
func valueOf(v any) (types.Value, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return types.String(v), nil
	case bool:
		return types.Boolean(v), nil
	case int:
		return types.Long(v), nil
	case int64:
		return types.Long(v), nil
	case float64:
		return whole(v), nil
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return types.Long(i), nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("read a number: %w", err)
		}
		return whole(f), nil
	case time.Duration:
		return types.Long(v / time.Second), nil
	case time.Time:
		return types.NewDatetime(v), nil
	case []string:
		return stringSet(v), nil
	case []any:
		values := make([]types.Value, 0, len(v))
		for _, one := range v {
			value, err := valueOf(one)
			if err != nil {
				return nil, err
			}
			if value != nil {
				values = append(values, value)
			}
		}
		return types.NewSet(values...), nil
	case map[string]any:
		return record(v)
	case types.Value:
		return v, nil
	default:
		return nil, fmt.Errorf("a value of type %T cannot be used in a policy", v)
	}
}

// whole cuts the fraction off: numbers in policies are whole.
func whole(f float64) types.Long {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	default:
		return types.Long(f)
	}
}

// tagsOf are the scalar properties as text, for policies over all blueprints.
func tagsOf(properties map[string]any) types.Record {
	out := make(types.RecordMap, len(properties))
	for name, v := range properties {
		switch v := v.(type) {
		case string:
			out[types.String(name)] = types.String(v)
		case bool, int, int64, float64, json.Number:
			out[types.String(name)] = types.String(fmt.Sprint(v))
		}
	}
	return types.NewRecord(out)
}
