package catalog

import (
	"encoding/json"

	"sphera/internal/catalog/property"
)

// Mirror is a property that shows the value of a related entity. Path is
// relations joined by dots, then a property or meta-property of the last one.
type Mirror struct {
	Title string         `json:"title,omitempty"`
	Path  string         `json:"path"`
	Extra property.Extra `json:"-"`
}

// Calculation is a property worked out of the entity by jq.
type Calculation struct {
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Icon        string            `json:"icon,omitempty"`
	Calculation string            `json:"calculation"`
	Type        string            `json:"type"`
	Format      string            `json:"format,omitempty"`
	Spec        string            `json:"spec,omitempty"`
	DateFormat  string            `json:"dateFormat,omitempty"`
	Colorized   bool              `json:"colorized,omitempty"`
	Colors      map[string]string `json:"colors,omitempty"`
	Items       map[string]any    `json:"items,omitempty"`
	Extra       property.Extra    `json:"-"`
}

// Aggregation is a number worked out of related entities of Target.
type Aggregation struct {
	Title           string          `json:"title,omitempty"`
	Description     string          `json:"description,omitempty"`
	Icon            string          `json:"icon,omitempty"`
	Type            string          `json:"type,omitempty"`
	Target          string          `json:"target"`
	CalculationSpec AggregationSpec `json:"calculationSpec"`
	// Query are search rules on the target entities.
	Query map[string]any `json:"query,omitempty"`
	// PathFilter says over which relations entities are related; without it
	// all that only forward or only backward relations lead to are.
	PathFilter []PathFilter   `json:"pathFilter,omitempty"`
	Extra      property.Extra `json:"-"`
}

// AggregationSpec says what an aggregation works out.
type AggregationSpec struct {
	// CalculationBy is entities or property.
	CalculationBy string `json:"calculationBy"`
	// Func is count, sum, min, max, median or average.
	Func          string         `json:"func"`
	Property      string         `json:"property,omitempty"`
	AverageOf     string         `json:"averageOf,omitempty"`
	MeasureTimeBy string         `json:"measureTimeBy,omitempty"`
	Extra         property.Extra `json:"-"`
}

// PathFilter is a path of relations. It starts at the blueprint itself, or
// with FromBlueprint at the target and ends at the blueprint.
type PathFilter struct {
	FromBlueprint string         `json:"fromBlueprint,omitempty"`
	Path          []string       `json:"path"`
	Extra         property.Extra `json:"-"`
}

// The kinds of ownership.
const (
	OwnershipDirect    = "Direct"
	OwnershipInherited = "Inherited"
)

// Ownership says where an entity's team comes from: set on it, or taken from
// the entity at the end of Path.
type Ownership struct {
	Type  string         `json:"type"`
	Path  string         `json:"path,omitempty"`
	Title string         `json:"title,omitempty"`
	Extra property.Extra `json:"-"`
}

// TeamInheritance is the older spelling of inherited ownership.
type TeamInheritance struct {
	Path  string         `json:"path"`
	Extra property.Extra `json:"-"`
}

// ChangelogDestination is where changes of a blueprint's entities are sent.
type ChangelogDestination struct {
	// Type is WEBHOOK or KAFKA.
	Type  string         `json:"type"`
	URL   string         `json:"url,omitempty"`
	Agent bool           `json:"agent,omitempty"`
	Extra property.Extra `json:"-"`
}

// inherits is the path that owners are taken from, "" when they are set.
func (b *Blueprint) inherits() string {
	switch {
	case b.Ownership != nil && b.Ownership.Type == OwnershipInherited:
		return b.Ownership.Path
	case b.Ownership == nil && b.TeamInheritance != nil:
		return b.TeamInheritance.Path
	default:
		return ""
	}
}

// readFormulas takes calculations that were sent under their older name.
func (b *Blueprint) readFormulas() error {
	raw, sent := b.Extra["formulaProperties"]
	if !sent {
		return nil
	}
	var formulas map[string]json.RawMessage
	if err := json.Unmarshal(raw, &formulas); err != nil || len(formulas) == 0 {
		return err // kept as it is where it is empty
	}
	for name, raw := range formulas {
		if _, newer := b.CalculationProperties[name]; newer {
			continue
		}
		var c Calculation
		if err := json.Unmarshal(raw, &c); err != nil {
			return err
		}
		if formula, ok := c.Extra["formula"]; ok && c.Calculation == "" {
			if err := json.Unmarshal(formula, &c.Calculation); err != nil {
				return err
			}
			delete(c.Extra, "formula")
		}
		if c.Type == "" {
			c.Type = "string"
		}
		if b.CalculationProperties == nil {
			b.CalculationProperties = map[string]Calculation{}
		}
		b.CalculationProperties[name] = c
	}
	delete(b.Extra, "formulaProperties")
	return nil
}
