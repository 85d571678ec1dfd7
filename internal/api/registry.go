package api

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/change"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/hook"
	"sphera/internal/integration"
	"sphera/internal/oidc"
	"sphera/internal/policy"
	"sphera/internal/run"
	"sphera/internal/runtime"
	"sphera/internal/scim"

	"github.com/danielgtaylor/huma/v2"
)

const schemaPrefix = "#/components/schemas/"

// registry names the schemas of the OpenAPI document. It differs from huma's
// own in three ways: lists are never null (the encoder writes [] for them),
// named string types with a closed set of values become enums, and two types of
// the same name in different packages get different names.
type registry struct {
	schemas map[string]*huma.Schema
	types   map[string]reflect.Type
	names   map[reflect.Type]string
	enums   map[reflect.Type][]any
}

func newRegistry() *registry {
	r := &registry{
		schemas: map[string]*huma.Schema{},
		types:   map[string]reflect.Type{},
		names: map[reflect.Type]string{
			reflect.TypeFor[action.PullRequest]():   "PlannedPullRequest",
			reflect.TypeFor[runtime.LogLine]():      "InstanceLogLine",
			reflect.TypeFor[forge.File]():           "RepositoryFile",
			reflect.TypeFor[catalog.Rule]():         "SearchRule",
			reflect.TypeFor[forge.Status]():         "CommitStatus",
			reflect.TypeFor[auth.Session]():         "PersonSession",
			reflect.TypeFor[scim.Client]():          "Directory",
			reflect.TypeFor[oidc.Provider]():        "SignInProvider",
			reflect.TypeFor[oidc.Condition]():       "TrustCondition",
			reflect.TypeFor[oidc.Trust]():           "TrustRule",
			reflect.TypeFor[Person]():               "PersonAccount",
			reflect.TypeFor[run.WaitingFor]():       "WaitingFor",
			reflect.TypeFor[forge.Mergeability]():   "Mergeability",
			reflect.TypeFor[catalog.ImportItem]():   "ImportItem",
			reflect.TypeFor[catalog.Page]():         "EntityPage",
			reflect.TypeFor[catalog.Property]():     "BlueprintProperty",
			reflect.TypeFor[catalog.Relation]():     "BlueprintRelation",
			reflect.TypeFor[action.CatalogChange](): "CatalogChange",
			reflect.TypeFor[catalog.Grant]():        "PermissionBlock",
			reflect.TypeFor[hook.Event]():           "WebhookEvent",
			reflect.TypeFor[hook.Result]():          "WebhookResult",
			reflect.TypeFor[hook.Change]():          "WebhookChange",
			reflect.TypeFor[hook.Problem]():         "WebhookProblem",
			reflect.TypeFor[hook.Refusal]():         "WebhookRefusal",
			reflect.TypeFor[change.Delivery]():      "ChangeDelivery",
			reflect.TypeFor[integration.Metric]():   "IntegrationMetric",
			reflect.TypeFor[flag.Settings]():        "FlagSettings",
			reflect.TypeFor[flag.Variation]():       "FlagVariation",
			reflect.TypeFor[flag.Weight]():          "FlagWeight",
			reflect.TypeFor[flag.RampStep]():        "FlagRampStep",
			reflect.TypeFor[flag.Ramp]():            "FlagRamp",
			reflect.TypeFor[flag.Serve]():           "FlagServe",
			reflect.TypeFor[flag.Condition]():       "FlagCondition",
			reflect.TypeFor[flag.Rule]():            "FlagRule",
			reflect.TypeFor[flag.Target]():          "FlagTarget",
			reflect.TypeFor[flag.Prerequisite]():    "FlagPrerequisite",
			reflect.TypeFor[flag.Scheduled]():       "FlagScheduled",
			reflect.TypeFor[flag.Setting]():         "FlagSetting",
			reflect.TypeFor[flag.Environment]():     "FlagEnvironment",
			reflect.TypeFor[flag.Segment]():         "FlagSegment",
			reflect.TypeFor[flag.Change]():          "FlagChange",
			reflect.TypeFor[flag.Count]():           "FlagCount",
			reflect.TypeFor[flag.Sample]():          "FlagSample",
			reflect.TypeFor[flag.SampleChange]():    "FlagSampleChange",
			reflect.TypeFor[flag.Population]():      "FlagPopulation",
			reflect.TypeFor[flag.Preview]():         "FlagPreview",
			reflect.TypeFor[flag.Proposal]():        "FlagProposal",
			reflect.TypeFor[flag.ScheduleEntry]():   "FlagScheduleEntry",
			reflect.TypeFor[flag.Reference]():       "FlagReference",
			reflect.TypeFor[flag.Evidence]():        "FlagEvidence",
			reflect.TypeFor[flag.Evaluated]():       "FlagEvaluated",
			reflect.TypeFor[flag.Project]():         "FlagProject",
			reflect.TypeFor[flag.ProjectSettings](): "FlagProjectSettings",
			reflect.TypeFor[flag.Outcome]():         "FlagOutcome",
			reflect.TypeFor[flag.PathStep]():        "FlagPathStep",
			reflect.TypeFor[flag.ImportReport]():    "FlagImportReport",
			reflect.TypeFor[flag.Evaluation]():      "FlagEvaluation",
			reflect.TypeFor[flag.Edit]():            "FlagEdit",
			reflect.TypeFor[flag.Promotion]():       "FlagPromotion",
			reflect.TypeFor[integration.Example]():  "KindExample",
			reflect.TypeFor[policy.Change]():        "PolicyChange",
			reflect.TypeFor[policy.Report]():        "PolicyReport",
			reflect.TypeFor[policy.Problem]():       "PolicyProblem",
			reflect.TypeFor[policy.Failure]():       "PolicyFailure",
			reflect.TypeFor[policy.Info]():          "PolicyInfo",
			reflect.TypeFor[policy.Set]():           "PolicySet",
			reflect.TypeFor[policy.Impact]():        "PolicyImpact",
			reflect.TypeFor[policy.Difference]():    "PolicyDifference",
			reflect.TypeFor[policy.Verb]():          "AccessVerb",
			reflect.TypeFor[policy.ContextField]():  "AccessContextField",
			reflect.TypeFor[right]():                "AccessRight",
			reflect.TypeFor[mayPerson]():            "AccessPerson",
		},
		enums: map[reflect.Type][]any{
			reflect.TypeFor[run.State]():              {"pending", "running", "waiting", "succeeded", "failed", "cancelled", "undone"},
			reflect.TypeFor[action.Safety]():          {"idempotent-key", "find-by-name", "compensatable", "manual"},
			reflect.TypeFor[action.WaitKind]():        {"approval", "timer", "external"},
			reflect.TypeFor[forge.PullRequestState](): {"open", "merged", "closed"},
			reflect.TypeFor[forge.Verdict]():          {"approve", "request_changes"},
			reflect.TypeFor[forge.MergeMethod]():      {"squash", "merge"},
		},
	}
	maps.Copy(r.names, approvalNames())
	maps.Copy(r.names, noticeNames())
	return r
}

// Schema implements huma.Registry.
func (r *registry) Schema(t reflect.Type, allowRef bool, hint string) *huma.Schema {
	for t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Pointer {
		t = t.Elem()
	}
	base := t
	if base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	if base == reflect.TypeFor[action.Schema]() {
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "A JSON Schema (2020-12) whose properties are in the order of the form (x-order)."}
	}
	if !isObject(base) {
		s := huma.SchemaFromType(r, t)
		if s == nil {
			return nil
		}
		if values, ok := r.enums[base]; ok {
			s.Enum = values
			s.PrecomputeMessages()
		}
		if s.Type == huma.TypeArray {
			s.Nullable = false
		}
		return s
	}
	name := r.name(base, hint)
	if known, ok := r.types[name]; ok && known != base {
		panic(fmt.Sprintf("two types are called %s in the API: %s and %s; name one of them in newRegistry", name, known, base))
	}
	if _, ok := r.types[name]; !ok {
		r.types[name] = base
		r.schemas[name] = &huma.Schema{} // for types that contain themselves
		*r.schemas[name] = *huma.SchemaFromType(r, base)
		if isOpen(base) {
			r.schemas[name].AdditionalProperties = true
		}
		if base == reflect.TypeFor[catalog.Blueprint]() {
			writableBlueprint(r.schemas[name])
		}
		if base == reflect.TypeFor[catalog.Entity]() {
			r.schemas[name].Properties["icon"].Nullable = true // null where there is none
		}
		if base == reflect.TypeFor[catalog.NewEntity]() {
			r.schemas[name].Properties["title"].Nullable = true // null clears
			r.schemas[name].Properties["icon"].Nullable = true
		}
		r.schemas[name].PrecomputeMessages()
	}
	if allowRef {
		return &huma.Schema{Ref: schemaPrefix + name}
	}
	return r.schemas[name]
}

func isObject(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return false
	}
	return !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// isOpen reports whether the type keeps keys it does not know, as blueprints
// do, so that what was written is read back.
func isOpen(t reflect.Type) bool {
	_, ok := t.FieldByName("Extra")
	return ok
}

// writableBlueprint marks what the server sets. Clients that write back a
// blueprint they have read send these fields; they are ignored.
func writableBlueprint(s *huma.Schema) {
	s.Required = []string{"identifier", "title", "schema"}
	for _, name := range []string{"createdAt", "updatedAt", "createdBy", "updatedBy", "entityCount"} {
		s.Properties[name].ReadOnly = true
		s.Required = append(s.Required, name)
	}
}

func (r *registry) name(t reflect.Type, hint string) string {
	if name, ok := r.names[t]; ok {
		return name
	}
	name := t.Name()
	if name == "" {
		name = hint
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// SchemaFromRef implements huma.Registry.
func (r *registry) SchemaFromRef(ref string) *huma.Schema {
	return r.schemas[strings.TrimPrefix(ref, schemaPrefix)]
}

// TypeFromRef implements huma.Registry.
func (r *registry) TypeFromRef(ref string) reflect.Type {
	return r.types[strings.TrimPrefix(ref, schemaPrefix)]
}

// Map implements huma.Registry.
func (r *registry) Map() map[string]*huma.Schema { return r.schemas }

// RegisterTypeAlias implements huma.Registry; the API has no aliases.
func (r *registry) RegisterTypeAlias(_, _ reflect.Type) {}

// MarshalJSON implements huma.Registry.
func (r *registry) MarshalJSON() ([]byte, error) { return json.Marshal(r.schemas) }

// MarshalYAML implements huma.Registry.
func (r *registry) MarshalYAML() (any, error) { return r.schemas, nil }

var _ huma.Registry = (*registry)(nil)
