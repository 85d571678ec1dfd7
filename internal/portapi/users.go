package portapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/fault"
)

// Account is an account in Port's words. Its roles there are Admin and Member;
// portalRoles are the roles that decide here.
type Account struct {
	ID          string     `json:"id"`
	Email       string     `json:"email"`
	Name        string     `json:"name"`
	FirstName   string     `json:"firstName"`
	LastName    string     `json:"lastName"`
	Picture     *string    `json:"picture" nullable:"true"`
	Status      string     `json:"status"`
	Type        string     `json:"type"`
	Providers   []string   `json:"providers"`
	Teams       []string   `json:"teams"`
	Roles       []UserRole `json:"roles"`
	PortalRoles []string   `json:"portalRoles"`
	CreatedAt   string     `json:"createdAt"`
	UpdatedAt   string     `json:"updatedAt"`
}

// UserRole is a role by Port's name.
type UserRole struct {
	Name string `json:"name"`
}

// AccountAnswer is one user.
type AccountAnswer struct {
	User Account `json:"user"`
}

// AccountsAnswer is users by address.
type AccountsAnswer struct {
	Users []Account `json:"users"`
	Next  string    `json:"next,omitempty" doc:"Set where limit was given and there are more"`
}

// InviteInput is whom to invite.
type InviteInput struct {
	Invitee struct {
		Email string   `json:"email"`
		Name  string   `json:"name,omitempty"`
		Roles []string `json:"roles,omitempty"`
		Teams []string `json:"teams,omitempty"`
	} `json:"invitee" nameHint:"Invitee"`
}

// UserInput is what may be set of a user.
type UserInput struct {
	Roles *[]string `json:"roles,omitempty" doc:"Admin, Member, or the portal's own"`
	Teams *[]string `json:"teams,omitempty"`
}

func (s *Service) userRoutes() []Route {
	const one, manage = "/v1/users/{email}", "user.write"
	return []Route{
		{
			Method: http.MethodGet, Path: "/v1/users", ID: "listUsers", Verb: SignedIn, Audit: None, Out: AccountsAnswer{}, Handle: s.users,
			Params: []Param{
				{Name: "q", Doc: "Text in the name or the address"}, {Name: "limit", Type: "integer", Doc: "Users per page; all when absent"},
				{Name: "from", Doc: "The next of the page before"}, {Name: "fields", Type: "array", Doc: "Has no effect: answers are complete"},
			},
		},
		{
			Method: http.MethodPost, Path: "/v1/users/invite", ID: "inviteUser", Verb: manage, Limit: Small, Audit: Domain, In: InviteInput{}, Out: AccountAnswer{},
			Params: []Param{{Name: "notify", Type: "boolean", Doc: "Has no effect: the portal sends no mail"}}, Handle: s.inviteUser,
		},
		{Method: http.MethodGet, Path: one, ID: "getUser", Verb: SignedIn, Audit: None, Out: AccountAnswer{}, Handle: s.user},
		{Method: http.MethodPatch, Path: one, ID: "patchUser", Verb: manage, Limit: Small, Audit: Domain, In: UserInput{}, Out: AccountAnswer{}, Handle: s.patchUser},
		{Method: http.MethodDelete, Path: one, ID: "deleteUser", Verb: manage, Audit: Domain, Handle: s.deleteUser},
		{Method: http.MethodPost, Path: "/v1/rotate-credentials/{email}", ID: "rotateCredentials", Verb: manage, Audit: Domain, Handle: s.rotateCredentials},
	}
}

func (s *Service) users(ctx context.Context, r *Request) (int, any, error) {
	out := AccountsAnswer{Users: []Account{}}
	limit, err := strconv.Atoi(r.Query.Get("limit"))
	paged := err == nil && limit > 0
	from := r.Query.Get("from")
	for {
		list, next, err := s.Auth.Users(ctx, r.Query.Get("q"), max(limit, 0), from)
		if err != nil {
			return 0, nil, err
		}
		for _, u := range list {
			out.Users = append(out.Users, userOf(u))
		}
		from = next
		if paged || next == "" || len(out.Users) >= maxListed {
			out.Next = next
			return 0, out, nil
		}
	}
}

func (s *Service) inviteUser(ctx context.Context, r *Request) (int, any, error) {
	var in InviteInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	name := in.Invitee.Name
	if name == "" {
		name, _, _ = strings.Cut(in.Invitee.Email, "@")
	}
	u, err := s.Auth.CreateUser(ctx, auth.NewUser{Email: in.Invitee.Email, Name: name, Roles: rolesOf(in.Invitee.Roles), Teams: in.Invitee.Teams}, r.Caller.ID)
	return 0, AccountAnswer{User: userOf(u)}, err
}

// findUser looks for the address of the path, then for its id.
func (s *Service) findUser(ctx context.Context, r *Request) (auth.User, error) {
	u, err := s.Auth.UserByEmail(ctx, r.Path["email"])
	if fault.Is(err, fault.NotFound) {
		return s.Auth.User(ctx, r.Path["email"])
	}
	return u, err
}

func (s *Service) user(ctx context.Context, r *Request) (int, any, error) {
	u, err := s.findUser(ctx, r)
	return 0, AccountAnswer{User: userOf(u)}, err
}

func (s *Service) patchUser(ctx context.Context, r *Request) (int, any, error) {
	var in UserInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	u, err := s.findUser(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	change := auth.UserChange{Teams: in.Teams}
	if in.Roles != nil {
		roles := rolesOf(*in.Roles)
		change.Roles = &roles
	}
	u, err = s.Auth.UpdateUser(ctx, u.ID, change, r.Caller.ID)
	return 0, AccountAnswer{User: userOf(u)}, err
}

func (s *Service) deleteUser(ctx context.Context, r *Request) (int, any, error) {
	u, err := s.findUser(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return 0, nil, s.Auth.DeleteUser(ctx, u.ID, r.Caller.ID)
}

// rotateCredentials ends what the user holds. New credentials people make
// themselves, after they have signed in.
func (s *Service) rotateCredentials(ctx context.Context, r *Request) (int, any, error) {
	u, err := s.findUser(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return 0, nil, s.Auth.EndCredentials(ctx, u.ID, r.Caller.ID)
}

// rolesOf reads Port's names of roles, and ours.
func rolesOf(sent []string) []string {
	if len(sent) == 0 {
		return []string{auth.Developer}
	}
	out := make([]string, 0, len(sent))
	for _, role := range sent {
		switch {
		case strings.EqualFold(role, "Admin"):
			role = auth.Administrator
		case strings.EqualFold(role, "Member"):
			role = auth.Developer
		}
		out = append(out, role)
	}
	return out
}

func userOf(u auth.User) Account {
	first, last := names(u.Name)
	role := "Member"
	for _, r := range u.Roles {
		if r == auth.Administrator {
			role = "Admin"
		}
	}
	return Account{
		ID: u.ID, Email: u.Email, Name: u.Name, FirstName: first, LastName: last, Status: statusOf(u), Type: "Standard", Providers: []string{},
		Teams: u.Teams, Roles: []UserRole{{Name: role}}, PortalRoles: u.Roles, CreatedAt: stamp(u.CreatedAt), UpdatedAt: stamp(u.CreatedAt),
	}
}

func statusOf(u auth.User) string {
	if u.Status == auth.Suspended {
		return "Disabled"
	}
	return "Active"
}

// names cuts a name into the two that Port has.
func names(name string) (first, last string) {
	first, last, _ = strings.Cut(name, " ")
	return first, last
}

func rawJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil // a list of texts always encodes
	}
	return raw
}
