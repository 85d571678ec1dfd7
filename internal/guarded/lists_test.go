package guarded_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/policy"
	"sphera/internal/run"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// thing is one thing that was made, as the policies know it.
type thing struct {
	id, team, environment, author string
	number                        int    // of a pull request
	run                           string // of a request
}

type made struct {
	runs, requests, repositories, pulls, projects, flags, secrets []thing
}

func teams() []string { return []string{"", "checkout", "payments", "search"} }

// fill makes things of several teams, of none, in environments, by several
// people.
func (w *world) fill() {
	w.t.Helper()
	rng := rand.New(rand.NewPCG(3, 5))
	step := w.register()
	ctx := w.portal()
	for i, team := range teams() {
		w.entity("Component", fmt.Sprintf("c%d", i), team, nil)
	}
	for i := range 40 {
		team := rng.IntN(4)
		r := thing{team: teams()[team], environment: []string{"", "dev", "production"}[rng.IntN(3)], author: []string{"u-developer", "u-other"}[rng.IntN(2)]}
		input, err := json.Marshal(map[string]string{"environment": r.environment})
		must(w.t, err)
		must(w.t, w.db.Tx(ctx, func(tx *store.Tx) error {
			one, err := w.raw.runs.Start(ctx, tx, run.NewRun{
				Action: "nothing", Title: fmt.Sprint("Run ", i), Actor: action.Actor{ID: r.author}, Input: input, Steps: []action.Step{step}, Entities: []string{fmt.Sprintf("Component/c%d", team)},
			})
			r.id = one.ID
			return err
		}))
		w.made.runs = append(w.made.runs, r)
		if i%2 > 0 {
			continue
		}
		q := r
		q.id, q.run = fmt.Sprintf("q%03d", i), r.id
		must(w.t, w.db.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO approval_requests (id, run_id, idx, current, state, digest, requester, action, created_at) VALUES ($1, $2, 0, 1, 'approved', 'd', $3, 'nothing', 1)`, q.id, r.id, r.author)
			return err
		}))
		w.made.requests = append(w.made.requests, q)
	}
	w.fillForge()
	for i := range 6 {
		team := rng.IntN(4)
		p := thing{id: fmt.Sprintf("p%d", i), team: teams()[team]}
		_, err := w.raw.flags.Projects.Ensure(ctx, p.id, fmt.Sprintf("c%d", team), "system", "")
		must(w.t, err)
		w.made.projects = append(w.made.projects, p)
		for n := range 4 {
			f := thing{id: p.id + "/" + fmt.Sprintf("f%d", n), team: p.team}
			settings := flag.Settings{Owner: teams()[rng.IntN(4)]}
			_, err := w.raw.flags.Create(ctx, p.id, flag.NewFlag{Key: fmt.Sprintf("f%d", n), Settings: settings}, flag.Who{ID: "system"})
			must(w.t, err)
			f.author = settings.Owner // its own team, for object
			w.made.flags = append(w.made.flags, f)
		}
	}
	for i := range 8 {
		name := fmt.Sprintf("SECRET_%d", i)
		_, err := w.raw.vault.Create(ctx, name, "", secret.NewValue("x"), secret.Actor{ID: "system"})
		must(w.t, err)
		w.made.secrets = append(w.made.secrets, thing{id: name})
	}
}

func (w *world) fillForge() {
	ctx := w.portal()
	for i := range 9 {
		r := thing{id: fmt.Sprintf("group/r%d", i), team: teams()[i%4]}
		_, err := w.raw.forge.CreateRepository(ctx, forge.NewRepository{Name: r.id, Owner: r.team, Key: r.id})
		must(w.t, err)
		w.made.repositories = append(w.made.repositories, r)
		if i > 3 {
			continue
		}
		for n, author := range []string{"u-developer", "u-other"} {
			by := forge.Person{ID: author, Name: author, Email: author + "@example.com"}
			for _, c := range []forge.NewCommit{{Branch: "main", Bypass: true, Key: "1"}, {Branch: fmt.Sprint("b", n), Base: "main", Key: fmt.Sprint("k", n)}} {
				c.Message, c.Author, c.Time, c.Files = "Change", by, time.Now(), []forge.File{{Path: "a.txt", Content: []byte(c.Key)}}
				_, err := w.raw.forge.Commit(ctx, r.id, c)
				must(w.t, err)
			}
			pr, err := w.raw.forge.OpenPullRequest(ctx, r.id, forge.NewPullRequest{Title: "Change", Head: fmt.Sprint("b", n), Base: "main", Author: by})
			must(w.t, err)
			w.made.pulls = append(w.made.pulls, thing{id: r.id, team: r.team, author: author, number: pr.Number})
		}
	}
}

func of(names ...string) (out []string) {
	for _, n := range names {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// object says once more, by hand, what each thing is for a policy.
func object(kind string, x thing) policy.Resource {
	r := policy.Resource{Type: kind, ID: x.id, Teams: of(x.team), Environment: x.environment, EnvironmentKind: x.environment, Author: x.author}
	switch kind {
	case policy.TypePullRequest:
		r.ID += fmt.Sprintf("/%d", x.number)
	case policy.TypeFlag:
		r.Teams, r.Author = of(x.team, x.author), ""
	}
	return r
}

// randomPolicies are some of what administrators may write. The first goes
// through all kinds of conditions with the rounds.
func (w *world) randomPolicies(rng *rand.Rand, round int) string {
	verbs := []string{"run.read", "forge.read", "flag.read", "secret.read"}
	named := [][]thing{w.made.runs, w.made.repositories, w.made.flags, w.made.secrets}
	var out []string
	for i := range 1 + rng.IntN(3) {
		n, which := rng.IntN(len(verbs)), rng.IntN(7)
		if i == 0 {
			n, which = round%4, round/4%7
		}
		verb, one := verbs[n], named[n][rng.IntN(len(named[n]))]
		when := []string{
			fmt.Sprintf(`resource.teams.contains(Team::"%s")`, teams()[1+rng.IntN(3)]),
			`resource has environment && resource.environment == "production"`,
			`resource has environmentKind && resource.environmentKind == "dev" && !(principal in resource.teams)`,
			`resource has author && resource.author != principal`,
			fmt.Sprintf(`resource has id && resource.id == "%s"`, one.id),
			`resource is PullRequest`,
			`!(principal in resource.teams)`,
		}[which]
		kind := "forbid"
		if i > 0 && rng.IntN(3) == 0 {
			kind = "permit"
		}
		out = append(out, fmt.Sprintf(`@id("own-%d") @reason("So.") @advice("Ask.") @who("role administrator") %s (principal, action == Action::"%s", resource) when { %s };`, i, kind, verb, when))
	}
	return strings.Join(out, "\n")
}

// TestListsAreWhatCanBeSeen tries random policies: each way of listing has
// exactly the things that can be read one by one, and those are exactly what
// the policies decide about what the test knows of them.
func TestListsAreWhatCanBeSeen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db)
		w.fill()
		rng := rand.New(rand.NewPCG(11, 13))
		contractor := person(auth.Developer, "checkout")
		contractor.Contractor = true
		onlyDev := person(auth.Developer, "payments")
		onlyDev.Limits = []string{"environment:dev"}
		hidden, shown := 0, 0
		for round := range 28 {
			text := ""
			if round > 0 {
				text = w.randomPolicies(rng, round)
			}
			w.policies(text)
			for name, p := range map[string]auth.Principal{
				"viewer": person(auth.Viewer), "developer": person(auth.Developer, "checkout"), "contractor": contractor, "limited to dev": onlyDev, "without a role": person("", "search"),
				"administrator": person(auth.Administrator),
			} {
				h, s := w.compare(t, fmt.Sprintf("%s, round %d, %s", name, round, text), p)
				hidden, shown = hidden+h, shown+s
			}
		}
		if hidden < 1000 || shown < 1000 {
			t.Errorf("only %d were hidden and %d shown", hidden, shown)
		}
	})
}

// compare looks at all kinds as one person.
func (w *world) compare(t *testing.T, what string, p auth.Principal) (hidden, shown int) {
	t.Helper()
	ctx := w.as(p)
	each := func(kind, verb string, all []thing, one func(x thing) error, list func() (map[string]bool, error), alsoIn func(x thing) bool) {
		t.Helper()
		want := map[string]bool{}
		for _, x := range all {
			asked := x
			if kind == policy.TypeRun && x.run != "" {
				asked.id = x.run
			}
			may := w.auth.Policies().Filter(ctx, p.Subject(), verb, []policy.Resource{object(kind, asked)})[0] && (alsoIn == nil || alsoIn(x))
			err := one(x)
			if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Forbidden) {
				t.Fatalf("%s: %s %s: %v", what, kind, x.id, err)
			}
			if seen := err == nil; seen != may {
				t.Fatalf("%s: %s %s %d: seen %v, may be seen %v", what, kind, x.id, x.number, seen, may)
			}
			if may {
				want[object(kind, x).ID] = true
			}
		}
		got, err := list()
		if err != nil && !fault.Is(err, fault.Forbidden) {
			t.Fatalf("%s: list of %s: %v", what, kind, err)
		}
		if !maps.Equal(got, want) && len(got)+len(want) > 0 {
			t.Fatalf("%s: %s: listed %v, want %v", what, kind, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		hidden, shown = hidden+len(all)-len(want), shown+len(want)
	}
	repository := map[string]bool{}
	project := map[string]bool{}
	for _, x := range w.made.repositories {
		repository[x.id] = w.auth.Policies().Filter(ctx, p.Subject(), "forge.read", []policy.Resource{object(policy.TypeRepository, x)})[0]
	}
	for _, x := range w.made.projects {
		project[x.id] = w.auth.Policies().Filter(ctx, p.Subject(), "flag.read", []policy.Resource{object(policy.TypeFlag, x)})[0]
	}
	each(policy.TypeRun, "run.read", w.made.runs, func(x thing) error { _, err := w.runs.Get(ctx, x.id); return err }, w.listRuns(ctx), nil)
	each(policy.TypeRun, "run.read", w.made.requests, func(x thing) error { _, err := w.approvals.Get(ctx, p.User, x.id); return err }, w.listRequests(ctx, p), nil)
	each(policy.TypeRepository, "forge.read", w.made.repositories, func(x thing) error { _, err := w.forge.Repository(ctx, x.id); return err }, w.listRepositories(ctx), nil)
	each(policy.TypePullRequest, "forge.read", w.made.pulls, func(x thing) error { _, err := w.forge.PullRequest(ctx, x.id, x.number); return err }, w.listPulls(ctx), func(x thing) bool { return repository[x.id] })
	each(policy.TypeFlag, "flag.read", w.made.projects, func(x thing) error { _, err := w.flags.Project(ctx, x.id); return err }, w.listProjects(ctx), nil)
	each(policy.TypeFlag, "flag.read", w.made.flags, func(x thing) error {
		project, key, _ := strings.Cut(x.id, "/")
		_, err := w.flags.Get(ctx, project, key)
		return err
	}, w.listFlags(ctx), func(x thing) bool {
		name, _, _ := strings.Cut(x.id, "/")
		return project[name]
	})
	each(policy.TypeSecret, "secret.read", w.made.secrets, func(x thing) error { _, err := w.vault.Secret(ctx, x.id); return err }, func() (map[string]bool, error) {
		list, err := w.vault.Secrets(ctx)
		return ids(list, func(s secret.Secret) string { return s.Name }), err
	}, nil)
	if strings.Contains(what, "round 4,") || strings.Contains(what, "round 9,") {
		w.events(t, what, ctx)
	}
	return hidden, shown
}

// events compares what the audit log leaves with what can be read.
func (w *world) events(t *testing.T, what string, ctx context.Context) {
	t.Helper()
	list, _, err := audit.New(time.Now).List(w.portal(), w.db, audit.Filter{Limit: 500})
	must(t, err)
	left, err := w.things.Events(ctx, list)
	must(t, err)
	got := map[string]bool{}
	for _, e := range left {
		got[e.Object] = true
	}
	for _, x := range w.made.runs {
		_, hidden := w.catalog.Entity(ctx, "Component", fmt.Sprintf("c%d", slices.Index(teams(), x.team)))
		if _, err := w.runs.Get(ctx, x.id); (err == nil && hidden == nil) != got["run/"+x.id] {
			t.Fatalf("%s: the audit of run %s is shown %v, it: %v", what, x.id, got["run/"+x.id], err)
		}
	}
	for _, x := range w.made.repositories {
		if _, err := w.forge.Repository(ctx, x.id); (err == nil) != got["repository/"+x.id] {
			t.Fatalf("%s: the audit of repository %s is shown %v, it: %v", what, x.id, got["repository/"+x.id], err)
		}
	}
}

func ids[T any](list []T, id func(T) string) map[string]bool {
	out := map[string]bool{}
	for _, one := range list {
		if out[id(one)] {
			panic("listed twice: " + id(one))
		}
		out[id(one)] = true
	}
	return out
}

// walk reads all pages.
func walk[T any](read func(from string) ([]T, string, error), id func(T) string) func() (map[string]bool, error) {
	return func() (map[string]bool, error) {
		var all []T
		for from := ""; ; {
			list, next, err := read(from)
			all = append(all, list...)
			if err != nil || next == "" {
				return ids(all, id), err
			}
			from = next
		}
	}
}

func (w *world) listRuns(ctx context.Context) func() (map[string]bool, error) {
	return walk(func(from string) ([]run.Run, string, error) {
		return w.runs.List(ctx, run.Filter{Limit: 7, From: from})
	}, func(r run.Run) string { return r.ID })
}

func (w *world) listRepositories(ctx context.Context) func() (map[string]bool, error) {
	return walk(func(from string) ([]forge.Repository, string, error) {
		list, next, err := w.forge.Repositories(ctx, forge.RepositoryQuery{Limit: 2, From: from})
		for _, r := range list {
			pulls, _, err := w.forge.PullRequests(ctx, forge.PullRequestQuery{Repository: r.Name, State: forge.Open})
			if err != nil || len(pulls) != r.OpenPullRequests {
				return nil, "", fmt.Errorf("%s counts %d and has %d: %w", r.Name, r.OpenPullRequests, len(pulls), err)
			}
		}
		return list, next, err
	}, func(r forge.Repository) string { return r.Name })
}

func (w *world) listPulls(ctx context.Context) func() (map[string]bool, error) {
	return walk(func(from string) ([]forge.PullRequest, string, error) {
		return w.forge.PullRequests(ctx, forge.PullRequestQuery{Limit: 3, From: from})
	}, func(p forge.PullRequest) string { return fmt.Sprintf("%s/%d", p.Repository, p.Number) })
}

func (w *world) listFlags(ctx context.Context) func() (map[string]bool, error) {
	return walk(func(from string) ([]flag.Flag, string, error) {
		return w.flags.List(ctx, flag.Filter{Limit: 5, From: from})
	}, func(f flag.Flag) string { return f.Project + "/" + f.Key })
}

func (w *world) listProjects(ctx context.Context) func() (map[string]bool, error) {
	return walk(func(string) ([]flag.Project, string, error) {
		list, err := w.flags.ProjectList(ctx, "", 200, "")
		return list, "", err
	}, func(p flag.Project) string { return p.Key })
}

func (w *world) listRequests(ctx context.Context, p auth.Principal) func() (map[string]bool, error) {
	return walk(func(from string) ([]approval.Request, string, error) {
		return w.approvals.List(ctx, p.User, approval.Done, from, 4)
	}, func(r approval.Request) string { return r.ID })
}
