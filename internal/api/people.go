package api

import (
	"context"

	"sphera/internal/auth"
)

// Person is an account as administrators see it.
type Person struct {
	auth.User
	// HasPassword says whether it can sign in by password.
	HasPassword bool            `json:"hasPassword"`
	Identities  []auth.Identity `json:"identities,omitempty"`
	Sessions    []auth.Session  `json:"sessions,omitempty"`
}

type peopleInput struct {
	PageInput
	Text string `query:"q" maxLength:"200" doc:"Text in the name or the address"`
}

type peopleAnswer struct {
	Answer
	People []auth.User `json:"people"`
	Next   string      `json:"next,omitempty"`
}

func (a *API) people(ctx context.Context, in *peopleInput) (*peopleAnswer, error) {
	list, next, err := a.auth.Users(ctx, in.Text, in.limit(50, 200), in.From)
	return &peopleAnswer{People: list, Next: next}, err
}

type personAnswer struct {
	Answer
	Person Person `json:"person"`
}

func (a *API) person(ctx context.Context, in *idPath) (*personAnswer, error) {
	return a.onePerson(ctx, in.ID)
}

func (a *API) onePerson(ctx context.Context, id string) (*personAnswer, error) {
	u, err := a.auth.User(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &personAnswer{Person: Person{User: u}}
	if out.Person.HasPassword, err = a.auth.HasPassword(ctx, id); err != nil {
		return nil, err
	}
	if out.Person.Identities, err = a.auth.Identities(ctx, id); err != nil {
		return nil, err
	}
	out.Person.Sessions, err = a.auth.Sessions(ctx, id)
	return out, err
}

type newPersonInput struct {
	Body struct {
		Email      string   `json:"email" maxLength:"254"`
		Name       string   `json:"name" maxLength:"200"`
		Password   string   `json:"password,omitempty" maxLength:"1024" doc:"Absent for people who sign in at a provider"`
		Roles      []string `json:"roles" maxItems:"10"`
		Teams      []string `json:"teams,omitempty" maxItems:"200"`
		Contractor bool     `json:"contractor,omitempty"`
	} `nameHint:"NewPerson"`
}

func (a *API) createPerson(ctx context.Context, in *newPersonInput) (*personAnswer, error) {
	b := in.Body
	u, err := a.auth.CreateUser(ctx, auth.NewUser{Email: b.Email, Name: b.Name, Password: b.Password, Roles: b.Roles, Teams: b.Teams, Contractor: b.Contractor}, who(ctx).ID)
	if err != nil {
		return nil, err
	}
	return a.onePerson(ctx, u.ID)
}

type changePersonInput struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		Name       *string   `json:"name,omitempty" maxLength:"200"`
		Password   *string   `json:"password,omitempty" maxLength:"1024"`
		Status     *string   `json:"status,omitempty" enum:"active,suspended"`
		Roles      *[]string `json:"roles,omitempty" maxItems:"10"`
		Teams      *[]string `json:"teams,omitempty" maxItems:"200"`
		Contractor *bool     `json:"contractor,omitempty"`
	} `nameHint:"ChangePerson"`
}

func (a *API) changePerson(ctx context.Context, in *changePersonInput) (*personAnswer, error) {
	b := in.Body
	_, err := a.auth.UpdateUser(ctx, in.ID, auth.UserChange{
		Name: b.Name, Password: b.Password, Status: b.Status, Roles: b.Roles, Teams: b.Teams, Contractor: b.Contractor,
	}, who(ctx).ID)
	if err != nil {
		return nil, err
	}
	return a.onePerson(ctx, in.ID)
}

type personSessionPath struct {
	ID      string `path:"id" maxLength:"200"`
	Session string `path:"session" maxLength:"200"`
}

func (a *API) endPersonsSession(ctx context.Context, in *personSessionPath) (*Done, error) {
	return &Done{}, a.auth.RevokeSession(ctx, in.ID, in.Session, who(ctx).ID)
}

func (a *API) endPersonsSessions(ctx context.Context, in *idPath) (*Done, error) {
	return &Done{}, a.auth.EndSessions(ctx, in.ID, who(ctx).ID)
}

type linkInput struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		Issuer  string `json:"issuer" maxLength:"500"`
		Subject string `json:"subject" maxLength:"255"`
	} `nameHint:"LinkIdentity"`
}

func (a *API) linkIdentity(ctx context.Context, in *linkInput) (*personAnswer, error) {
	if err := a.auth.Link(ctx, in.ID, in.Body.Issuer, in.Body.Subject, who(ctx).ID); err != nil {
		return nil, err
	}
	return a.onePerson(ctx, in.ID)
}

type unlinkInput struct {
	ID     string `path:"id" maxLength:"200"`
	Issuer string `query:"issuer" maxLength:"500" required:"true"`
}

func (a *API) unlinkIdentity(ctx context.Context, in *unlinkInput) (*Done, error) {
	return &Done{}, a.auth.Unlink(ctx, in.ID, in.Issuer, who(ctx).ID)
}
