package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/policy"
)

// Thing is what a question about rights is about: an entity, a run, an action,
// or the portal as a whole.
type Thing struct {
	Type      string `query:"type" enum:"entity,run,action,repository,portal" doc:"entity where a blueprint is given, else portal"`
	Blueprint string `query:"blueprint" maxLength:"200"`
	ID        string `query:"id" maxLength:"1000"`
	Changed   string `query:"changed" maxLength:"1000" doc:"Comma-separated properties that a change is about"`
}

// thing finds the thing. What the caller may not see is not there.
func (a *API) thing(ctx context.Context, t Thing) (auth.Object, error) {
	var o auth.Object
	var err error
	read := "catalog.read"
	switch {
	case t.Type == "run":
		read = "run.read"
		o, err = a.runObject(withPath(ctx, "id", t.ID))
	case t.Type == "repository":
		read = "forge.read"
		o, err = a.repositoryObject(withPath(ctx, "repo", t.ID))
	case t.Type == "action":
		if _, err = a.runs.Find(ctx, t.ID); err == nil {
			return auth.Object{Kind: "action", ID: t.ID}, nil
		}
	case t.Blueprint != "":
		if o, err = a.owned(ctx, t.Blueprint, t.ID); err == nil && t.ID != "" {
			_, err = a.catalog.Entity(ctx, t.Blueprint, t.ID)
		}
	default:
		return auth.Object{}, nil
	}
	if err != nil {
		return o, err
	}
	if a.auth.Could(ctx, who(ctx), read, o) != nil {
		return o, fault.New(fault.NotFound, "There is no such thing, or you may not see it.")
	}
	if t.Changed != "" {
		o.Context = map[string]any{"changed": strings.Split(t.Changed, ",")}
	}
	return o, nil
}

// withPath is a request with one value in its path, for the loaders of routes.
func withPath(ctx context.Context, name, value string) *http.Request {
	r := (&http.Request{}).WithContext(ctx)
	r.SetPathValue(name, value)
	return r
}

// right is whether something may be done, and why not.
type right struct {
	Verb        string `json:"verb"`
	Words       string `json:"words"`
	Allowed     bool   `json:"allowed"`
	Rule        string `json:"rule"`
	Reason      string `json:"reason,omitempty"`
	Alternative string `json:"alternative,omitempty"`
	Who         string `json:"who,omitempty"`
	// Clause is the part of the policy that does not hold, in Cedar.
	Clause string `json:"clause,omitempty"`
}

func (a *API) right(ctx context.Context, p auth.Principal, v policy.Verb, o auth.Object) right {
	d := a.auth.Policies().Decide(ctx, a.auth.Question(p, v.ID, o))
	return right{
		Verb: v.ID, Words: v.Words, Allowed: d.Allowed, Rule: d.Rule, Reason: d.Reason, Alternative: d.Alternative, Who: d.Who, Clause: d.Clause,
	}
}

func verbNamed(id string) (policy.Verb, error) {
	for _, v := range policy.Verbs() {
		if v.ID == id {
			return v, nil
		}
	}
	return policy.Verb{}, fault.Field("verb", "is not known", "one of GET /v1/access/verbs")
}

type whatInput struct{ Thing }

type whatAnswer struct {
	Answer
	Rights []right `json:"rights"`
}

// whatCanIDo answers for every verb that there is for the thing.
func (a *API) whatCanIDo(ctx context.Context, in *whatInput) (*whatAnswer, error) {
	o, err := a.thing(ctx, in.Thing)
	if err != nil {
		return nil, err
	}
	out := &whatAnswer{Rights: []right{}}
	for _, v := range policy.Verbs() {
		if slices.Contains(v.Types, o.Resource().Type) {
			out.Rights = append(out.Rights, a.right(ctx, who(ctx), v, o))
		}
	}
	return out, nil
}

type whyInput struct {
	Thing
	Verb string `query:"verb" required:"true" maxLength:"100"`
	User string `query:"user" maxLength:"100" doc:"Another user's id"`
}

type whyAnswer struct {
	Answer
	Right right `json:"right"`
	// Text is the policy that decided, in Cedar.
	Policy string `json:"policy,omitempty"`
}

// whyNot explains one decision, about the caller or about somebody else.
func (a *API) whyNot(ctx context.Context, in *whyInput) (*whyAnswer, error) {
	v, err := verbNamed(in.Verb)
	if err != nil {
		return nil, err
	}
	o, err := a.thing(ctx, in.Thing)
	if err != nil {
		return nil, err
	}
	p := who(ctx)
	if in.User != "" && in.User != p.ID {
		if err := a.auth.Could(ctx, p, "policy.read", auth.Object{Kind: "policy"}); err != nil {
			return nil, err
		}
		u, err := a.auth.User(ctx, in.User)
		if err != nil {
			return nil, err
		}
		p = auth.Principal{User: u, Kind: policy.User, Via: auth.ViaSession, AuthAt: a.now()}
	}
	out := &whyAnswer{Right: a.right(ctx, p, v, o)}
	list, err := a.auth.Policies().List()
	if err != nil {
		return nil, err
	}
	for _, one := range list {
		if one.ID == out.Right.Rule {
			out.Policy = one.Text
		}
	}
	return out, nil
}

type whoInput struct {
	Thing
	Verb string `query:"verb" required:"true" maxLength:"100"`
}

// mayPerson is somebody who may, and by which policy.
type mayPerson struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
	Teams []string `json:"teams"`
	Rule  string   `json:"rule"`
	// Kind is service for a service account, empty for a person.
	Kind string `json:"kind,omitempty"`
}

type whoAnswer struct {
	Answer
	People []mayPerson `json:"people"`
	// Total is how many may; of many only the first are listed. Asked is how
	// many accounts were looked at.
	Total int `json:"total"`
	Asked int `json:"asked"`
}

const (
	maxAsked = 2000
	maxNamed = 100
)

// whoCan asks about each active account.
func (a *API) whoCan(ctx context.Context, in *whoInput) (*whoAnswer, error) {
	v, err := verbNamed(in.Verb)
	if err != nil {
		return nil, err
	}
	o, err := a.thing(ctx, in.Thing)
	if err != nil {
		return nil, err
	}
	out := &whoAnswer{People: []mayPerson{}}
	for from := ""; out.Asked < maxAsked; {
		users, next, err := a.auth.Users(ctx, "", 200, from)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			out.Asked++
			p := auth.Principal{User: u, Kind: policy.User, Via: auth.ViaSession, AuthAt: a.now()}
			d := a.auth.Policies().Decide(ctx, a.auth.Question(p, v.ID, o))
			if !d.Allowed {
				continue
			}
			if out.Total++; len(out.People) < maxNamed {
				out.People = append(out.People, mayPerson{ID: u.ID, Name: u.Name, Roles: u.Roles, Teams: u.Teams, Rule: d.Rule})
			}
		}
		if from = next; next == "" {
			break
		}
	}
	return out, a.whatMachines(ctx, v.ID, o, out)
}

// whatMachines adds the service accounts that may, as they may now.
func (a *API) whatMachines(ctx context.Context, verb string, o auth.Object, out *whoAnswer) error {
	list, err := a.auth.ServicePrincipals(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		out.Asked++
		d := a.auth.Policies().Decide(ctx, a.auth.Question(p, verb, o))
		if !d.Allowed {
			continue
		}
		if out.Total++; len(out.People) < maxNamed {
			out.People = append(out.People, mayPerson{ID: p.ID, Name: p.Name, Roles: p.Roles, Teams: p.Teams, Rule: d.Rule, Kind: p.Kind})
		}
	}
	return nil
}

type verbsAnswer struct {
	Answer
	Verbs   []policy.Verb         `json:"verbs"`
	Types   []string              `json:"types"`
	Context []policy.ContextField `json:"context"`
	Scopes  []string              `json:"scopes"`
}

func (a *API) verbs(context.Context, *struct{}) (*verbsAnswer, error) {
	return &verbsAnswer{Verbs: policy.Verbs(), Types: policy.Types(), Context: policy.ContextFields(), Scopes: policy.Scopes()}, nil
}
