// Package catalog keeps blueprints and entities, their relations and their
// history. Shapes follow Port's v1 API; see docs/catalog.md.
package catalog

import (
	"encoding/json"
	"time"

	"sphera/internal/catalog/property"
	"sphera/internal/catalog/query"
)

// Blueprint is the schema of one kind of thing.
type Blueprint struct {
	Identifier            string                 `json:"identifier"`
	Title                 string                 `json:"title"`
	Description           string                 `json:"description,omitempty"`
	Icon                  string                 `json:"icon,omitempty"`
	Schema                BlueprintSchema        `json:"schema"`
	Relations             map[string]Relation    `json:"relations"`
	MirrorProperties      map[string]Mirror      `json:"mirrorProperties"`
	CalculationProperties map[string]Calculation `json:"calculationProperties"`
	AggregationProperties map[string]Aggregation `json:"aggregationProperties"`
	Ownership             *Ownership             `json:"ownership,omitempty"`
	TeamInheritance       *TeamInheritance       `json:"teamInheritance,omitempty"`
	ChangelogDestination  *ChangelogDestination  `json:"changelogDestination,omitempty"`
	CreatedAt             time.Time              `json:"createdAt"`
	UpdatedAt             time.Time              `json:"updatedAt"`
	CreatedBy             string                 `json:"createdBy"`
	UpdatedBy             string                 `json:"updatedBy"`
	// EntityCount is filled by lists.
	EntityCount int `json:"entityCount"`
	// Extra keeps keys that are not known here, and empty values as sent.
	Extra property.Extra `json:"-"`
	// Rights are the permissions that were set, for those who decide.
	Rights Rights `json:"-"`
}

// BlueprintSchema holds the typed properties.
type BlueprintSchema struct {
	Properties map[string]Property `json:"properties"`
	Required   []string            `json:"required"`
	Extra      property.Extra      `json:"-"`
}

// Property is one typed property of a blueprint; see package property.
type Property = property.Property

// Relation points from a blueprint to a target blueprint.
type Relation struct {
	Title       string         `json:"title,omitempty"`
	Description string         `json:"description,omitempty"`
	Target      string         `json:"target"`
	Required    bool           `json:"required"`
	Many        bool           `json:"many"`
	Extra       property.Extra `json:"-"`
}

// Entity is one thing. In answers every property of the blueprint is present
// (null when unset), and every relation (null, or [] for many).
type Entity struct {
	Identifier string         `json:"identifier"`
	Title      string         `json:"title"`
	Icon       string         `json:"icon,omitempty"`
	Blueprint  string         `json:"blueprint"`
	Team       []string       `json:"team"`
	Properties map[string]any `json:"properties"`
	Relations  map[string]any `json:"relations"`
	// Scorecards are the results by scorecard.
	Scorecards map[string]any `json:"scorecards"`
	CreatedAt  time.Time      `json:"createdAt"`
	UpdatedAt  time.Time      `json:"updatedAt"`
	CreatedBy  string         `json:"createdBy"`
	UpdatedBy  string         `json:"updatedBy"`
	// Datasource is the User-Agent of the last writer; not part of answers.
	Datasource string `json:"-"`
}

// Write says how an entity is written; see port-api 2.5.1.
type Write struct {
	Upsert bool
	// Merge keeps what is not sent; without it an upsert replaces.
	Merge bool
	// ValidationOnly checks and saves nothing.
	ValidationOnly bool
	// CreateMissing makes entities that relations point at and that do not
	// exist, with nothing but their identifier.
	CreateMissing bool
	// RunID ties the change to a run.
	RunID string
	// By is the id of the user or program that writes.
	By string
	// Datasource is the writer's User-Agent; see port-api 2.5.9.
	Datasource string
	// Source is whom the provenance of changed fields names; "" is Datasource,
	// else By.
	Source string
	// Cause is what made it happen, where it was something else.
	Cause string
	// Pending is the number of an import whose entities nobody sees before
	// FinishPending.
	Pending int64
	// NoFanOut leaves the derived values of other entities to the queue.
	NoFanOut bool
	// Answer asks the writes of many for the entities as they are then.
	Answer bool

	// rehearsal is never saved; see Rehearse.
	rehearsal bool
	// hold collects what a staged import leaves for its end; see Stage.
	hold *held
	// back is set where a deleted entity comes back; see Restore.
	back *comeback
}

// Item is what a write of many did with one of them.
type Item struct {
	// Identifier is "unknown" where a query did not lead to one.
	Identifier string
	Blueprint  string
	Index      int
	Created    bool
	Changed    bool
	Entity     *Entity
	// Err is a fault; nil where the entity is as it was sent.
	Err error
}

// DeleteOptions says how entities are deleted.
type DeleteOptions struct {
	// Dependents deletes what points at them, too.
	Dependents bool
	By         string
	RunID      string
	Datasource string
	Cause      string
	// emptying is a blueprint all of whose entities go, so that they do not
	// hold each other.
	emptying string
}

// NewEntity is an entity as sent: absent and null differ. In a merge an empty
// Title or Icon stays as it is; sent as null in JSON it is cleared.
type NewEntity struct {
	Identifier string          `json:"identifier,omitempty"`
	Title      string          `json:"title,omitempty"`
	Icon       string          `json:"icon,omitempty"`
	Blueprint  string          `json:"blueprint,omitempty"`
	Team       json.RawMessage `json:"team,omitempty"`
	Properties map[string]any  `json:"properties,omitempty"`
	Relations  map[string]any  `json:"relations,omitempty"`
	// IdentifierQuery is set where identifier was sent as a query, which must
	// find exactly one entity.
	IdentifierQuery json.RawMessage `json:"-"`
	// clear names the fields that were sent as null.
	clear map[string]bool
	// other is a blueprint that was sent and is not the one of the address.
	other string
}

// Query selects entities of one blueprint.
type Query struct {
	Blueprint string
	// Text is looked for in identifier, title and string properties.
	Text  string
	Rules []Rule
	// Where must hold, too; Env is what it depends on.
	Where *query.Query `json:",omitempty"`
	Env   query.Env    `json:"-"`
	// Lenient takes properties that Where names and the blueprint does not have
	// as unset, and values of the wrong type as different.
	Lenient bool `json:"-"`
	// Facets are properties whose values are counted over the result.
	Facets []string `json:"-"`
	// Sort is a property, or $identifier, $title, $updatedAt, $createdAt.
	Sort  string
	Desc  bool
	Limit int
	From  string
}

// Rule is one condition; all rules of a Query must hold.
type Rule struct {
	// Property is a property, a relation, or $identifier, $title, $team.
	Property string `json:"property"`
	// Operator is one of Operators().
	Operator string `json:"operator"`
	Value    any    `json:"value,omitempty"`
}

// Page is one page of entities with the total of all pages.
type Page struct {
	Entities []Entity `json:"entities"`
	Next     string   `json:"next,omitempty"`
	Total    int      `json:"total"`
	// TotalIsAtLeast is set where there may be more than Total.
	TotalIsAtLeast bool `json:"totalIsAtLeast,omitempty"`
	// Facets are the counts of values by property.
	Facets map[string][]FacetValue `json:"facets,omitempty"`
}

// FacetValue is how many entities of a result have a value; null is unset.
type FacetValue struct {
	Value any `json:"value"`
	Count int `json:"count"`
}

// Graph is the bounded neighbourhood of one entity.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
	// More counts the relations that are not shown, by node id; Hidden says which.
	More   map[string]int `json:"more"`
	Hidden []Hidden       `json:"hidden"`
	// Next is where to go on with an expansion; empty at its end.
	Next string `json:"next,omitempty"`
}

// Hidden counts relations of a node that are not shown: "+970 more".
type Hidden struct {
	Node string `json:"node"`
	// Relation is empty where it is more than one.
	Relation string `json:"relation,omitempty"`
	// In is true for relations of others that point at the node.
	In    bool `json:"in"`
	Count int  `json:"count"`
	// AtLeast is true where there are more than were counted.
	AtLeast bool `json:"atLeast,omitempty"`
}

// Node is an entity in a graph; ID is "Blueprint/identifier".
type Node struct {
	ID         string `json:"id"`
	Blueprint  string `json:"blueprint"`
	Identifier string `json:"identifier"`
	Title      string `json:"title"`
	Icon       string `json:"icon,omitempty"`
	Depth      int    `json:"depth"`
}

// Edge is a relation between two nodes.
type Edge struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Relation string `json:"relation"`
	// Required is set in an impact: the relation must not be empty.
	Required bool `json:"required,omitempty"`
}

// Hit is one result of a search over all blueprints.
type Hit struct {
	Blueprint  string `json:"blueprint"`
	Identifier string `json:"identifier"`
	Title      string `json:"title"`
	Icon       string `json:"icon,omitempty"`
	// Relation is set on dependents: the relation that points here.
	Relation string `json:"relation,omitempty"`
	// Required is true where that relation must not be empty.
	Required bool `json:"required,omitempty"`
}

// Report says what an import did, or would do.
type Report struct {
	Blueprints []ImportItem `json:"blueprints"`
	Scorecards []ImportItem `json:"scorecards"`
	Entities   []ImportItem `json:"entities"`
	Repairs    []Finding    `json:"repairs"`
	Refusals   []Finding    `json:"refusals"`
	DryRun     bool         `json:"dryRun"`
	// Applied is true when the import was saved. It is all or nothing: with one
	// refusal nothing is.
	Applied bool `json:"applied"`
	// Summary says in one sentence what happened, or would happen.
	Summary string `json:"summary"`
	// Omitted counts the findings beyond the first thousand.
	Omitted int `json:"omitted,omitempty"`
}

// ImportItem is one blueprint or entity of an import.
type ImportItem struct {
	File       string `json:"file"`
	Blueprint  string `json:"blueprint,omitempty"`
	Identifier string `json:"identifier"`
	// Verb is create, update, unchanged or refused.
	Verb string `json:"verb"`
}

// Finding is a repair or a refusal, with where it is.
type Finding struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	// Path is the JSON pointer, where there is one.
	Path    string `json:"path,omitempty"`
	Problem string `json:"problem"`
	// Done says what was done about it, or what to do.
	Done string `json:"done"`
}

// ImportFile is one file of an import or export; Name is its path with "/".
type ImportFile struct {
	Name    string `json:"name"`
	Content []byte `json:"content"`
}

// ImportOptions says how to import.
type ImportOptions struct {
	// DryRun reports and saves nothing.
	DryRun bool
	// By is the id of the user or program that imports.
	By    string
	RunID string
}
