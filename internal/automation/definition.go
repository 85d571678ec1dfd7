package automation

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/resource"
)

// Definition is what of an action's document is looked at.
type Definition struct {
	Identifier           string          `json:"identifier"`
	Title                string          `json:"title"`
	Icon                 string          `json:"icon"`
	Description          string          `json:"description"`
	Trigger              Trigger         `json:"trigger"`
	Invocation           map[string]any  `json:"invocationMethod"`
	RequiredApproval     json.RawMessage `json:"requiredApproval"`
	ApprovalNotification json.RawMessage `json:"approvalNotification"`
	Publish              *bool           `json:"publish"`
}

// Kinds of triggers, operations and events.
const (
	SelfService = "self-service"
	Automation  = "automation"

	opCreate = "CREATE"
	opDay2   = "DAY-2"
	opDelete = "DELETE"

	entityCreated = "ENTITY_CREATED"
	entityUpdated = "ENTITY_UPDATED"
	entityDeleted = "ENTITY_DELETED"
	entityChange  = "ANY_ENTITY_CHANGE"
	timerExpired  = "TIMER_PROPERTY_EXPIRED"
	runCreated    = "RUN_CREATED"
	runUpdated    = "RUN_UPDATED"
	runChange     = "ANY_RUN_CHANGE"
)

// Ways to invoke.
const (
	Webhook     = "WEBHOOK"
	GitHub      = "GITHUB"
	GitLab      = "GITLAB"
	Upsert      = "UPSERT_ENTITY"
	Integration = "INTEGRATION_ACTION"
	Kafka       = "KAFKA"
	AzureDevOps = "AZURE_DEVOPS"
)

// Trigger is what makes the action run.
type Trigger struct {
	Type                string          `json:"type"`
	Operation           string          `json:"operation"`
	BlueprintIdentifier string          `json:"blueprintIdentifier"`
	UserInputs          UserInputs      `json:"userInputs"`
	Condition           json.RawMessage `json:"condition"`
	Event               Event           `json:"event"`
}

// Event is what an automation waits for.
type Event struct {
	Type                string `json:"type"`
	BlueprintIdentifier string `json:"blueprintIdentifier"`
	PropertyIdentifier  string `json:"propertyIdentifier"`
	ActionIdentifier    string `json:"actionIdentifier"`
}

// UserInputs is the form.
type UserInputs struct {
	Properties map[string]map[string]any `json:"properties"`
	Required   json.RawMessage           `json:"required"`
	Order      []string                  `json:"order"`
	Steps      []struct {
		Title string   `json:"title"`
		Order []string `json:"order"`
	} `json:"steps"`
}

// Blueprint is what the action is about; "" for none.
func (d *Definition) Blueprint() string {
	if d.Trigger.Type == Automation {
		return d.Trigger.Event.BlueprintIdentifier
	}
	return d.Trigger.BlueprintIdentifier
}

// Published: an action that does not say is.
func (d *Definition) Published() bool { return d.Publish == nil || *d.Publish }

// Name is what people see: the title, or the identifier.
func (d *Definition) Name() string {
	if d.Title != "" {
		return d.Title
	}
	return d.Identifier
}

// onEntity reports whether a run needs an entity.
func (d *Definition) onEntity() bool {
	return d.Trigger.Type == SelfService && (d.Trigger.Operation == opDay2 || d.Trigger.Operation == opDelete)
}

// Method is how it is invoked, e.g. WEBHOOK.
func (d *Definition) Method() string {
	kind, _ := d.Invocation["type"].(string)
	return kind
}

const approvalAll = "ALL"

// approval: "" none, else ANY or ALL.
func (d *Definition) approval() string {
	var plain bool
	if json.Unmarshal(d.RequiredApproval, &plain) == nil && plain {
		return "ANY"
	}
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(d.RequiredApproval, &kind) == nil {
		return kind.Type
	}
	return ""
}

var actionIdentifier = regexp.MustCompile(`^[\p{L}0-9@_.+:=-]+$`)

const maxIdentifier = 500

// parseDefinition checks what the server has to know. Expressions are not
// compiled here: Port takes them as they are, and a broken one fails its run.
func parseDefinition(doc resource.Doc) (*Definition, error) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode an action: %w", err)
	}
	d := &Definition{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fault.New(fault.Unprocessable, "The action cannot be read: a key has a value of the wrong type.").Wrap(err)
	}
	if !actionIdentifier.MatchString(d.Identifier) || len(d.Identifier) > maxIdentifier || d.Identifier == "." || d.Identifier == ".." {
		return nil, fault.Field("/identifier", "is missing or not an identifier", "letters, digits and @ _ . + : = -")
	}
	if err := d.Trigger.check(); err != nil {
		return nil, err
	}
	return d, d.checkInvocation()
}

func (t *Trigger) check() error {
	switch t.Type {
	case SelfService:
		if !slices.Contains([]string{opCreate, opDay2, opDelete}, t.Operation) {
			return fault.Field("/trigger/operation", "is missing or unknown", "CREATE, DAY-2 or DELETE")
		}
		if t.Operation != opCreate && t.BlueprintIdentifier == "" {
			return fault.Field("/trigger/blueprintIdentifier", "is missing", "the blueprint of the entities it is run on")
		}
		return t.checkInputs()
	case Automation:
		return t.Event.check()
	}
	return fault.Field("/trigger/type", "is missing or unknown", "self-service or automation")
}

const maxInputs = 200

func (t *Trigger) checkInputs() error {
	if len(t.UserInputs.Properties) > maxInputs {
		return fault.Field("/trigger/userInputs/properties", "has too many inputs", fmt.Sprintf("at most %d", maxInputs))
	}
	for name, p := range t.UserInputs.Properties {
		kind, _ := p["type"].(string)
		if !slices.Contains([]string{"string", "number", "boolean", "object", "array"}, kind) {
			return fault.Field("/trigger/userInputs/properties/"+name+"/type", "is missing or unknown", "string, number, boolean, object or array")
		}
	}
	return nil
}

func (e *Event) check() error {
	switch e.Type {
	case entityCreated, entityUpdated, entityDeleted, entityChange, timerExpired:
		if e.BlueprintIdentifier == "" {
			return fault.Field("/trigger/event/blueprintIdentifier", "is missing", "the blueprint whose entities are watched")
		}
		if e.Type == timerExpired && e.PropertyIdentifier == "" {
			return fault.Field("/trigger/event/propertyIdentifier", "is missing", "the timer property")
		}
		return nil
	case runCreated, runUpdated, runChange:
		if e.ActionIdentifier == "" {
			return fault.Field("/trigger/event/actionIdentifier", "is missing", "the action whose runs are watched")
		}
		return nil
	}
	return fault.Field("/trigger/event/type", "is missing or unknown", "ENTITY_CREATED, ENTITY_UPDATED, ENTITY_DELETED, ANY_ENTITY_CHANGE, TIMER_PROPERTY_EXPIRED, RUN_CREATED, RUN_UPDATED or ANY_RUN_CHANGE")
}

// needs are the keys without which a method cannot work.
func needs(method string) ([]string, bool) {
	switch method {
	case Webhook:
		return []string{"url"}, true
	case GitHub:
		return []string{"org", "repo", "workflow"}, true
	case GitLab:
		return []string{"projectName", "groupName"}, true
	case Upsert:
		return []string{"blueprintIdentifier", "mapping"}, true
	case Integration:
		return []string{"installationId"}, true
	case AzureDevOps:
		return []string{"org", "webhook"}, true
	case Kafka:
		return nil, true
	}
	return nil, false
}

func (d *Definition) checkInvocation() error {
	keys, known := needs(d.Method())
	if !known {
		return fault.Field("/invocationMethod/type", "is missing or unknown", strings.Join([]string{Webhook, GitHub, GitLab, Upsert, Integration, Kafka, AzureDevOps}, ", "))
	}
	for _, key := range keys {
		if v := d.Invocation[key]; v == nil || v == "" {
			return fault.Field("/invocationMethod/"+key, "is missing", "a value")
		}
	}
	return nil
}
