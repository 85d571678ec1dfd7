package automation

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/catalog/jq"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/notify"
	"sphera/internal/run"
	"sphera/internal/store"
)

// Sources of runs.
const (
	FromUI         = "UI"
	FromAPI        = "API"
	FromAutomation = "AUTOMATION"
)

// Ask is the wish to run an action.
type Ask struct {
	Action     string
	Entity     string
	Properties map[string]any
	By         action.Actor
	Source     string
	// ImpersonatedBy asked for somebody else (run_as).
	ImpersonatedBy string
	// event is what an automation saw; depth how many automations led to it.
	event map[string]any
	depth int
}

// record is what is kept of a run from the moment it was asked for.
type record struct {
	ID         string          `json:"id"`
	Action     string          `json:"action"`
	Doc        json.RawMessage `json:"doc"`
	Blueprint  string          `json:"blueprint"`
	Entity     string          `json:"entity"`
	Source     string          `json:"source"`
	Properties map[string]any  `json:"properties"`
	Event      map[string]any  `json:"event,omitempty"`
	// Context is what templates see besides the secrets.
	Context      map[string]any `json:"context"`
	Depth        int            `json:"depth,omitempty"`
	Method       string         `json:"method"`
	Agent        bool           `json:"agent,omitempty"`
	Synchronized bool           `json:"synchronized,omitempty"`
	Installation string         `json:"installation,omitempty"`
	By           string         `json:"by"`
	Email        string         `json:"email"`
	Impersonator string         `json:"impersonator,omitempty"`
}

// prepared is a run that may be started.
type prepared struct {
	record
	def *Definition
	// approval is what the action itself asks for; nil for nothing.
	approval *action.Approval
	// steps and version are set when it was worked out who has to approve.
	steps   []action.Step
	version string
}

// prepare checks everything that can refuse a run and works out its context.
func (s *Service) prepare(ctx context.Context, q store.Querier, a Action, ask Ask, runID string) (*prepared, error) {
	d := &a.Definition
	if err := d.runnable(ask); err != nil {
		return nil, err
	}
	p := &prepared{def: d, record: record{
		ID: runID, Action: d.Identifier, Blueprint: d.Blueprint(), Entity: ask.Entity, Source: ask.Source, Properties: ask.Properties,
		Event: ask.event, Depth: ask.depth, Method: d.Method(), By: ask.By.ID, Email: ask.By.Email, Impersonator: ask.ImpersonatedBy,
	}}
	if p.Properties == nil {
		p.Properties = map[string]any{}
	}
	var err error
	if p.Doc, err = json.Marshal(a.Doc); err != nil {
		return nil, fmt.Errorf("encode action %s: %w", d.Identifier, err)
	}
	entity, err := s.subject(ctx, d, ask)
	if err != nil {
		return nil, err
	}
	user := userContext(ask.By)
	if d.Trigger.Type == SelfService {
		if err := d.checkInputs(ctx, &form{inputs: p.Properties, entity: entity, user: user}); err != nil {
			return nil, err
		}
	}
	if err := s.encrypt(ctx, d, p.Properties); err != nil {
		return nil, err
	}
	if p.Context, err = s.context(ctx, p, ask, entity, user); err != nil {
		return nil, err
	}
	if err := s.permit(ctx, q, p, ask); err != nil {
		return nil, err
	}
	return p, s.resolve(ctx, p)
}

// runnable refuses what cannot run at all.
func (d *Definition) runnable(ask Ask) error {
	switch {
	case d.Trigger.Type == Automation && ask.event == nil:
		return fault.New(fault.Unprocessable, "%q is an automation: it runs by itself when its event happens.", d.Name())
	case !d.Published():
		return fault.New(fault.Conflict, "The action %q is not published.", d.Name())
	case d.Method() == Kafka:
		return fault.New(fault.Unprocessable, "The action %q sends its runs to Kafka, which this server has no connection to. Use WEBHOOK with an agent that polls, which needs no broker.", d.Name())
	case d.Method() == AzureDevOps:
		return fault.New(fault.Unprocessable, "The action %q starts an Azure DevOps pipeline, which is stored but cannot be run here yet. Use WEBHOOK with the address of the pipeline's incoming webhook.", d.Name())
	case d.onEntity() && ask.Entity == "":
		return fault.Field("/entity", "is missing", "the identifier of a "+d.Trigger.BlueprintIdentifier)
	}
	return nil
}

// subject is the entity the run is about, as it is answered; nil for none.
func (s *Service) subject(ctx context.Context, d *Definition, ask Ask) (map[string]any, error) {
	if ask.Entity == "" || d.Blueprint() == "" || ask.event != nil {
		return nil, nil
	}
	e, err := s.Catalog.Entity(ctx, d.Blueprint(), ask.Entity)
	if err != nil {
		return nil, err
	}
	v, err := asJSON(e)
	if err != nil {
		return nil, err
	}
	entity, _ := v.(map[string]any)
	return entity, s.offered(ctx, d, entity)
}

// offered checks the condition of the trigger: which entities offer the action.
func (s *Service) offered(_ context.Context, d *Definition, entity map[string]any) error {
	var condition map[string]any
	if len(d.Trigger.Condition) == 0 || json.Unmarshal(d.Trigger.Condition, &condition) != nil || condition == nil {
		return nil //nolint:nilerr // no condition: every entity offers it
	}
	delete(condition, "type")
	q, problems := query.ParseValue(condition)
	if len(problems) > 0 {
		return fault.New(fault.Unprocessable, "The action %q has a condition that cannot be read: %s %s.", d.Name(), problems[0].Path, problems[0].Problem)
	}
	fits, err := q.Match(entity, query.Env{Now: s.Now()})
	if err != nil {
		return fmt.Errorf("check the condition of %s: %w", d.Identifier, err)
	}
	if !fits {
		return fault.New(fault.Unprocessable, "The action %q is not offered for this entity: it does not meet the action's condition.", d.Name())
	}
	return nil
}

func userContext(by action.Actor) map[string]any {
	roles, teams, names := []any{}, []any{}, []any{}
	for _, r := range portRoles(by.Roles) {
		roles = append(roles, map[string]any{"name": r})
	}
	for _, t := range by.Teams {
		teams = append(teams, map[string]any{"name": t, "provider": "sphera"})
		names = append(names, t)
	}
	main := "Member"
	if len(roles) > 0 {
		main = portRoles(by.Roles)[0]
	}
	first, last, _ := strings.Cut(by.Name, " ")
	return map[string]any{
		"userId": by.ID, "email": by.Email, "name": by.Name, "firstName": first, "lastName": last, "picture": nil,
		"mainRole": main, "roles": roles, "teams": teams, "teamsIdentifiers": names,
	}
}

// portRoles are the roles in Port's words, Admin first.
func portRoles(roles []string) []string {
	if slices.Contains(roles, auth.Administrator) || slices.Contains(roles, "infrastructure") {
		return []string{"Admin", "Member"}
	}
	return []string{"Member"}
}

// context is what templates look at.
func (s *Service) context(ctx context.Context, p *prepared, ask Ask, entity, user map[string]any) (map[string]any, error) {
	org, err := s.Organization(ctx)
	if err != nil {
		return nil, err
	}
	d, all := p.def, []any{}
	encrypted, _ := d.encrypted()
	for _, name := range encrypted {
		all = append(all, name)
	}
	at := stamp(s.Now())
	origin := ask.Source
	out := map[string]any{
		"inputs": p.Properties, "entity": nil, "event": nil, "blueprint": d.Blueprint(), "run": map[string]any{"id": PortID(p.ID)},
		"user": user,
		"action": map[string]any{
			"identifier": d.Identifier, "title": d.Title, "blueprint": d.Blueprint(), "invocationMethod": d.Invocation, "encryptedProperties": all,
		},
		"trigger": map[string]any{
			"by": map[string]any{"orgId": org, "userId": ask.By.ID, "user": user}, "user": user, "origin": origin, "at": at, "operation": d.Trigger.Operation,
		},
	}
	if entity != nil {
		out["entity"] = entity
	}
	if ask.event != nil {
		out["event"] = ask.event
	}
	return asObject(out)
}

func asObject(v any) (map[string]any, error) {
	out, err := asJSON(v)
	m, _ := out.(map[string]any)
	return m, err
}

// permit asks the action's policies. What users, roles and teams say beyond
// them is asked where the right to run actions is.
func (s *Service) permit(ctx context.Context, q store.Querier, p *prepared, ask Ask) error {
	rights, err := s.rights(ctx, q, p.Action)
	if err != nil {
		return err
	}
	var execute, approve rightsBlock
	if err := errors.Join(json.Unmarshal(rights["execute"], &execute), json.Unmarshal(rights["approve"], &approve)); err != nil {
		return fmt.Errorf("stored permissions of %s: %w", p.Action, err)
	}
	if execute.Policy != nil && ask.event == nil && !s.allows(ctx, execute.Policy, p.Context) {
		return fault.Refuse("action.policy", fmt.Sprintf("The policy of the action %q does not let you run it with these inputs.", p.def.Name()),
			"Ask who looks after the action what its policy asks for.", "role administrator")
	}
	if p.def.approval() == "" {
		return nil
	}
	by := &action.Approvers{All: p.def.approval() == approvalAll}
	if approve.Policy != nil {
		by.People = s.approvers(ctx, approve.Policy, p.Context)
	} else {
		by.People, by.Teams, by.Roles = approve.Users, approve.Teams, approvingRoles(approve.Roles)
	}
	p.approval = &action.Approval{Title: "Approvers of the action", By: by, Tell: p.def.tell()}
	return nil
}

// approvingRoles are ours for those that Port's documents name.
func approvingRoles(names []string) []string {
	var out []string
	for _, name := range names {
		switch name {
		case "Admin":
			out = append(out, auth.Infrastructure, auth.Administrator)
		case "Member":
			out = append(out, auth.Roles()[1:]...)
		default:
			if slices.Contains(auth.Roles(), name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// tell are the addresses besides people's own that learn of a request.
func (d *Definition) tell() []action.Receiver {
	var n struct {
		Type   string `json:"type"`
		Format string `json:"format"`
		URL    string `json:"url"`
	}
	if json.Unmarshal(d.ApprovalNotification, &n) != nil || n.Type != "webhook" || n.URL == "" {
		return nil
	}
	format := notify.FormatWebhook
	if n.Format == "slack" {
		format = notify.FormatSlack
	}
	return []action.Receiver{{URL: n.URL, Format: format}}
}

// approve has the gate look at a run that is started without a plan.
func (s *Service) approve(ctx context.Context, a Action, p *prepared, ask Ask) error {
	plan, err := s.plan(p)
	if err != nil {
		return err
	}
	steps, err := s.stepsOf(p)
	if err != nil {
		return err
	}
	input, err := json.Marshal(p.Properties)
	if err != nil {
		return fmt.Errorf("encode the inputs: %w", err)
	}
	wish := run.Wish{Action: s.Runnable(a), Actor: ask.By, Entity: p.Entity, Input: input, Plan: plan, Unkept: true}
	if ask.ImpersonatedBy != "" {
		wish.Requesters = []string{ask.ImpersonatedBy}
	}
	if ask.event != nil { // nobody asked but whoever wrote the automation
		wish.Requesters = []string{a.CreatedBy, a.UpdatedBy}
	}
	p.steps, p.version, err = s.Runs.Approve(ctx, wish, steps)
	return err
}

// resolve works out what decides about the way of the run: whether an agent
// does it, and whether the answer is waited for.
func (s *Service) resolve(ctx context.Context, p *prepared) error {
	var err error
	switch p.Method {
	case Webhook:
		if p.Agent, err = s.flag(ctx, p, "agent"); err != nil {
			return err
		}
		if p.Agent {
			p.Installation = pollingAgent
		}
		p.Synchronized, err = s.flag(ctx, p, "synchronized")
	case Integration:
		p.Agent = true
		p.Installation, _ = p.def.Invocation["installationId"].(string)
	}
	return err
}

// flag is a truth value that may be written as an expression.
func (s *Service) flag(ctx context.Context, p *prepared, key string) (bool, error) {
	text, ok := p.def.Invocation[key].(string)
	if !ok {
		b, _ := p.def.Invocation[key].(bool)
		return b, nil
	}
	if !strings.Contains(text, "{{") {
		text = "{{ " + text + " }}"
	}
	template, err := jq.CompileTemplate(text)
	if err != nil {
		return false, templateError("/invocationMethod/"+key, err)
	}
	v, err := template.Render(ctx, p.Context, jq.Limits{})
	if err != nil {
		return false, templateError("/invocationMethod/"+key, err)
	}
	return v == true || v == "true", nil
}

func templateError(at string, err error) error {
	if e, ok := errors.AsType[*jq.Error](err); ok {
		return fault.Field(at+e.Pointer, "has an expression that fails: "+e.Message, "jq that works on this run")
	}
	return err
}

// encrypt seals the inputs that the server passes on encrypted: base64 of a
// nonce of 16 bytes, the text and the tag of 16, under the first 32 bytes of
// the signing key.
func (s *Service) encrypt(ctx context.Context, d *Definition, inputs map[string]any) error {
	_, names := d.encrypted()
	for _, name := range names {
		v, ok := inputs[name]
		if !ok || v == nil {
			continue
		}
		key, err := s.SigningKey(ctx)
		if err != nil {
			return err
		}
		if len(key) < 32 {
			return fault.New(fault.Unprocessable, "The input %q is to be encrypted, but the organisation has no secret to do it with.", name)
		}
		text, ok := v.(string)
		if !ok {
			raw, err := json.Marshal(v)
			if err != nil {
				return err
			}
			text = string(raw)
		}
		sealed, err := seal([]byte(key)[:32], []byte(text))
		if err != nil {
			return fmt.Errorf("encrypt the input %s: %w", name, err)
		}
		inputs[name] = sealed
	}
	return nil
}

func seal(key, text []byte) (string, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	const nonceSize = 16 // what receivers of this form expect
	aead, err := cipher.NewGCMWithNonceSize(block, nonceSize)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, text, nil)), nil
}

// render fills a part of the invocation with the run's context and secrets.
// Without secrets their names stand in their places, for what is shown.
func (s *Service) render(ctx context.Context, r *record, v any, withSecrets bool) (any, error) {
	template, err := jq.CompileTemplate(v)
	if err != nil {
		return nil, templateError("/invocationMethod", err)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	// Only what is named where it is used: no input can choose a secret.
	secrets, err := s.Secrets(ctx, func(name string) bool { return strings.Contains(string(raw), name) })
	if err != nil {
		return nil, err
	}
	values := make(map[string]any, len(secrets))
	for name, value := range secrets {
		values[name] = value
		if !withSecrets {
			values[name] = "[secret " + name + "]"
		}
	}
	input := make(map[string]any, len(r.Context)+1)
	maps.Copy(input, r.Context)
	input["secrets"] = values
	out, err := template.Render(ctx, input, jq.Limits{Time: 200e6})
	if err != nil {
		return nil, templateError("/invocationMethod", err)
	}
	return out, nil
}
