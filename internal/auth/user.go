package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// NewUser is an account to create. Without a password nobody can sign in to it
// with one.
type NewUser struct {
	Email    string
	Name     string
	Password string
	Roles    []string
	Teams    []string
	// Contractor says whether the person is from outside.
	Contractor bool
}

// UserChange is what to change of an account; nil fields stay.
type UserChange struct {
	Name     *string
	Password *string
	Status   *string
	Roles    *[]string
	Teams    *[]string
	// Contractor says whether the person is from outside.
	Contractor *bool
}

const (
	maxEmail     = 254
	maxName      = 100
	defaultUsers = 50
	maxUsers     = 200
	userColumns  = "id, email, name, roles, status, created_at, contractor"
)

// CreateUser makes an account. by is who does it.
func (s *Service) CreateUser(ctx context.Context, n NewUser, by string) (User, error) {
	user, phc, err := s.prepare(ctx, n)
	if err != nil {
		return User{}, err
	}
	err = s.db.Tx(ctx, func(tx *store.Tx) error { return s.insertUser(ctx, tx, user, phc, by) })
	return user, err
}

// CreateUserIn is CreateUser in the caller's transaction, for an account without
// a password.
func (s *Service) CreateUserIn(ctx context.Context, tx *store.Tx, n NewUser, by string) (User, error) {
	n.Password = ""
	user, _, err := s.prepare(ctx, n)
	if err != nil {
		return User{}, err
	}
	return user, s.insertUser(ctx, tx, user, "", by)
}

// prepare checks n and does the slow hashing outside of any transaction.
func (s *Service) prepare(ctx context.Context, n NewUser) (User, string, error) {
	user := User{
		ID: uuid.Must(uuid.NewV7()).String(), Email: strings.TrimSpace(n.Email), Name: strings.TrimSpace(n.Name),
		Roles: sorted(n.Roles), Teams: sorted(n.Teams), Status: Active, CreatedAt: store.Time(store.Millis(s.now())),
		Contractor: n.Contractor,
	}
	if err := checkUser(user); err != nil {
		return User{}, "", err
	}
	if n.Password == "" {
		return user, "", nil
	}
	if err := checkNewPassword(n.Password, user.Email); err != nil {
		return User{}, "", err
	}
	phc, err := s.hasher.hash(ctx, n.Password)
	return user, phc, err
}

func checkUser(u User) error {
	if a, err := mail.ParseAddress(u.Email); err != nil || a.Address != u.Email || len(u.Email) > maxEmail {
		return fault.Field("email", "is not an e-mail address", "an address such as ada@example.com")
	}
	if u.Name == "" || clip(u.Name, maxName) != u.Name {
		return fault.Field("name", "is empty, too long or has control characters", "a name of up to 100 characters")
	}
	for _, role := range u.Roles {
		if !slices.Contains(Roles(), role) {
			return fault.Field("roles", "has the unknown role "+strconv.Quote(clip(role, 40)), "any of "+strings.Join(Roles(), ", "))
		}
	}
	return nil
}

func (s *Service) insertUser(ctx context.Context, tx *store.Tx, u User, phc, by string) error {
	roles, err := json.Marshal(u.Roles)
	if err != nil {
		return fmt.Errorf("encode roles: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO auth_users (id, email, email_key, name, password, roles, status, created_at, contractor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		u.ID, u.Email, emailKey(u.Email), u.Name, phc, string(roles), u.Status, store.Millis(u.CreatedAt), flag(u.Contractor))
	if store.IsUnique(err) {
		return fault.New(fault.Taken, "There is already an account with the address %s.", u.Email)
	}
	if err != nil {
		return fmt.Errorf("create a user: %w", err)
	}
	if err := setTeams(ctx, tx, u.ID, u.Teams); err != nil {
		return err
	}
	return s.event(ctx, tx, by, "user.create", "user/"+u.ID, "email", u.Email, "roles", u.Roles, "teams", u.Teams)
}

func setTeams(ctx context.Context, tx *store.Tx, userID string, teams []string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM auth_members WHERE user_id = $1", userID); err != nil {
		return fmt.Errorf("change teams: %w", err)
	}
	for _, team := range teams {
		result, err := tx.ExecContext(ctx, "INSERT INTO auth_members (user_id, team) SELECT $1, name FROM auth_teams WHERE name = $2", userID, team)
		if err != nil {
			return fmt.Errorf("join team %s: %w", team, err)
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.Field("teams", "has the unknown team "+strconv.Quote(clip(team, 64)), "names of existing teams")
		}
	}
	return nil
}

// UpdateUser changes an account. Suspending it, or a new password, ends its
// sessions at once; a suspended user's tokens stop working too.
func (s *Service) UpdateUser(ctx context.Context, id string, c UserChange, by string) (User, error) {
	var phc string
	before, err := s.User(ctx, id)
	if err != nil {
		return User{}, err
	}
	if c.Password != nil {
		if err := checkNewPassword(*c.Password, before.Email); err != nil {
			return User{}, err
		}
		if phc, err = s.hasher.hash(ctx, *c.Password); err != nil {
			return User{}, err
		}
	}
	var after User
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		if after, err = s.changed(ctx, tx, id, c); err != nil {
			return err
		}
		if c.Teams != nil {
			if err := byHand(ctx, tx, id, before.Teams, after.Teams); err != nil {
				return err
			}
		}
		return s.saveUser(ctx, tx, after, phc, by, c)
	})
	return after, err
}

// UpdateUserIn is what a directory changes of an account, in its transaction.
func (s *Service) UpdateUserIn(ctx context.Context, tx *store.Tx, id string, c UserChange, by string) error {
	c.Password = nil
	after, err := s.changed(ctx, tx, id, c)
	if err != nil {
		return err
	}
	return s.saveUser(ctx, tx, after, "", by, c)
}

// changed is the account as it will be, checked.
func (s *Service) changed(ctx context.Context, tx *store.Tx, id string, c UserChange) (User, error) {
	// Locking every administrator keeps two of them from demoting each other.
	if _, err := tx.ExecContext(ctx, "UPDATE auth_users SET status = status WHERE id = $1 OR CAST(roles AS TEXT) LIKE '%\"administrator\"%'", id); err != nil {
		return User{}, fmt.Errorf("lock a user: %w", err)
	}
	u, err := s.oneUser(ctx, tx, "id = $1", id)
	if err != nil {
		return User{}, err
	}
	wasAdmin := u.Status == Active && slices.Contains(u.Roles, Administrator)
	if c.Name != nil {
		u.Name = strings.TrimSpace(*c.Name)
	}
	if c.Roles != nil {
		u.Roles = sorted(*c.Roles)
	}
	if c.Teams != nil {
		u.Teams = sorted(*c.Teams)
	}
	if c.Status != nil {
		u.Status = *c.Status
	}
	if c.Contractor != nil {
		u.Contractor = *c.Contractor
	}
	if u.Status != Active && u.Status != Suspended {
		return User{}, fault.Field("status", "is unknown", "active or suspended")
	}
	if err := checkUser(u); err != nil {
		return User{}, err
	}
	if wasAdmin && (u.Status != Active || !slices.Contains(u.Roles, Administrator)) {
		var others int
		err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_users WHERE id <> $1 AND status = 'active' AND CAST(roles AS TEXT) LIKE '%\"administrator\"%'", id).Scan(&others)
		if err != nil {
			return User{}, fmt.Errorf("count administrators: %w", err)
		}
		if others == 0 {
			return User{}, fault.New(fault.Conflict, "%s is the last active administrator. Make somebody else administrator first.", u.Name)
		}
	}
	return u, nil
}

func (s *Service) saveUser(ctx context.Context, tx *store.Tx, u User, phc, by string, c UserChange) error {
	roles, err := json.Marshal(u.Roles)
	if err != nil {
		return fmt.Errorf("encode roles: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE auth_users SET name = $1, roles = $2, status = $3, contractor = $4 WHERE id = $5",
		u.Name, string(roles), u.Status, flag(u.Contractor), u.ID); err != nil {
		return fmt.Errorf("change a user: %w", err)
	}
	if c.Teams != nil {
		if err := setTeams(ctx, tx, u.ID, u.Teams); err != nil {
			return err
		}
	}
	if phc != "" {
		if _, err := tx.ExecContext(ctx, "UPDATE auth_users SET password = $1 WHERE id = $2", phc, u.ID); err != nil {
			return fmt.Errorf("change a password: %w", err)
		}
	}
	if c.Roles != nil || c.Teams != nil {
		if err := rightsChanged(ctx, tx, u.ID); err != nil {
			return err
		}
	}
	if phc != "" || u.Status == Suspended {
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_sessions WHERE user_id = $1", u.ID); err != nil {
			return fmt.Errorf("end the sessions of a user: %w", err)
		}
	}
	tx.Notify(Topic, u.ID)
	return s.event(ctx, tx, by, "user.update", "user/"+u.ID,
		"status", u.Status, "roles", u.Roles, "teams", u.Teams, "contractor", u.Contractor, "newPassword", phc != "")
}

// User returns one account.
func (s *Service) User(ctx context.Context, id string) (User, error) {
	return s.oneUser(ctx, s.db.Read(), "id = $1", id)
}

// UserIn is User in the caller's transaction.
func (s *Service) UserIn(ctx context.Context, q store.Querier, id string) (User, error) {
	return s.oneUser(ctx, q, "id = $1", id)
}

// oneUser reads the account that condition, a literal, selects.
func (s *Service) oneUser(ctx context.Context, q store.Querier, condition, value string) (User, error) {
	u, err := scanUser(q.QueryRowContext(ctx, "SELECT "+userColumns+" FROM auth_users WHERE "+condition, value))
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, fault.New(fault.NotFound, "There is no such user.")
	}
	if err != nil {
		return User{}, fmt.Errorf("read a user: %w", err)
	}
	rows, err := q.QueryContext(ctx, "SELECT team FROM auth_members WHERE user_id = $1 ORDER BY team", u.ID)
	u.Teams, err = store.All(rows, err, func(row interface{ Scan(...any) error }) (team string, err error) {
		return team, row.Scan(&team)
	})
	if err != nil {
		return User{}, fmt.Errorf("read the teams of a user: %w", err)
	}
	return u, nil
}

func scanUser(row interface{ Scan(...any) error }) (User, error) {
	var u User
	var roles string
	var created, contractor int64
	if err := row.Scan(&u.ID, &u.Email, &u.Name, &roles, &u.Status, &created, &contractor); err != nil {
		return User{}, err
	}
	u.CreatedAt, u.Teams, u.Contractor = store.Time(created), []string{}, contractor != 0
	if err := json.Unmarshal([]byte(roles), &u.Roles); err != nil {
		return User{}, fmt.Errorf("decode roles: %w", err)
	}
	return u, nil
}

// Users lists accounts by address, those whose name or address contains text.
// It returns the cursor of the next page, empty on the last one.
func (s *Service) Users(ctx context.Context, text string, limit int, from string) ([]User, string, error) {
	if limit <= 0 {
		limit = defaultUsers
	}
	limit = min(limit, maxUsers)
	pattern := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(clip(text, maxName))) + "%"
	rows, err := s.db.Read().QueryContext(ctx, "SELECT "+userColumns+` FROM auth_users
		WHERE email_key > $1 AND (email_key LIKE $2 ESCAPE '\' OR lower(name) LIKE $2 ESCAPE '\') ORDER BY email_key LIMIT $3`, from, pattern, limit+1)
	users, err := store.All(rows, err, scanUser)
	if err != nil {
		return nil, "", fmt.Errorf("list users: %w", err)
	}
	next := ""
	if len(users) > limit {
		users = users[:limit]
		next = emailKey(users[limit-1].Email)
	}
	return users, next, s.addTeams(ctx, users)
}

func (s *Service) addTeams(ctx context.Context, users []User) error {
	if len(users) == 0 {
		return nil
	}
	index := make(map[string]*User, len(users))
	marks, ids := make([]string, len(users)), make([]any, len(users))
	for i := range users {
		index[users[i].ID] = &users[i]
		marks[i], ids[i] = "$"+strconv.Itoa(i+1), users[i].ID
	}
	type member struct{ user, team string }
	rows, err := s.db.Read().QueryContext(ctx, "SELECT user_id, team FROM auth_members WHERE user_id IN ("+strings.Join(marks, ", ")+") ORDER BY team", ids...)
	members, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (m member, err error) {
		return m, row.Scan(&m.user, &m.team)
	})
	if err != nil {
		return fmt.Errorf("read teams of users: %w", err)
	}
	for _, m := range members {
		index[m.user].Teams = append(index[m.user].Teams, m.team)
	}
	return nil
}

// flag is how a yes or no is kept.
func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func emailKey(email string) string { return strings.ToLower(clip(strings.TrimSpace(email), maxEmail)) }

// sorted is a copy without doubles, never nil.
func sorted(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return slices.Compact(out)
}
