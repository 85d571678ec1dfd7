package portal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sphera/demo"
	"sphera/internal/api"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/importer"

	"github.com/spf13/cobra"
)

const (
	demoDir  = ".data/demo"
	demoFile = "demo.json"
	// demoVersion grows when the demo gets something that older data folders
	// lack; seeding adds what is missing.
	demoVersion = 3
	systemActor = "system"
)

func (a *app) demoCommand() *cobra.Command {
	c := &config{}
	var seed bool
	command := &cobra.Command{
		Use: "demo", Short: "Run a portal with a demo organisation in it", Args: cobra.NoArgs,
		Long: `Runs a portal with a demo organisation: its catalog, teams, people and the
repositories that services need. Everything is kept in ./.data/demo, also what
you do in it; remove the folder to begin anew. Passwords are made when the demo
is first started and printed at each start.`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := a.demoDefaults(command, c); err != nil {
				return err
			}
			return a.serve(command.Context(), c, func(ctx context.Context, p *parts) (prepared, error) {
				return a.prepareDemo(ctx, c, p, seed)
			})
		},
	}
	c.flags(command.Flags())
	command.Flags().BoolVar(&seed, "seed", true, "add what the demo organisation lacks; without it an empty portal is started")
	for name, value := range map[string]string{"data-dir": "./" + demoDir, "log-level": "warn", "stop-delay": "0s", "listen": "127.0.0.1:8080, or a free port"} {
		command.Flags().Lookup(name).DefValue = value
	}
	return command
}

// demoDefaults differ from the server's: everything below the current folder,
// a free port when 8080 is taken, webhooks to this machine, few log lines.
func (a *app) demoDefaults(command *cobra.Command, c *config) error {
	given := func(name string) bool { return command.Flags().Changed(name) || a.env(variable(name)) != "" }
	for name, value := range map[string]string{"data-dir": demoDir, "log-level": "warn", "stop-delay": "0s", "allow-private-webhooks": "true"} {
		if given(name) {
			continue
		}
		if err := command.Flags().Set(name, value); err != nil {
			return fmt.Errorf("set --%s: %w", name, err)
		}
	}
	chosen := given("listen")
	if err := c.load(command, a.env); err != nil {
		return err
	}
	if !chosen && taken(command.Context(), c.listen) {
		c.listen = "127.0.0.1:0"
	}
	return nil
}

func taken(ctx context.Context, address string) bool {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return true
	}
	return l.Close() != nil
}

// demoState is what the demo remembers in its data folder, readable by its
// owner only: the people, whose passwords exist nowhere else in clear.
type demoState struct {
	Version int        `json:"version"`
	People  []demoUser `json:"people"`
	// Warm is true when the build cache is filled.
	Warm bool `json:"warm"`
}

type demoUser struct {
	api.DemoUser
	Teams    []string `json:"teams"`
	Password string   `json:"password"`
}

// prepareDemo seeds what is missing. When the file says that all is there, it
// does nothing, so that a restart is fast.
func (a *app) prepareDemo(ctx context.Context, c *config, p *parts, seed bool) (prepared, error) {
	path := filepath.Join(c.dataDir, demoFile)
	state, err := readDemo(path)
	if err != nil {
		return prepared{}, err
	}
	if seed && state.Version < demoVersion {
		if state, err = seedDemo(ctx, p, state, path); err != nil {
			return prepared{}, fmt.Errorf("set up the demo organisation: %w", err)
		}
	}
	users := make([]api.DemoUser, 0, len(state.People))
	for _, u := range state.People {
		users = append(users, u.DemoUser)
	}
	out := prepared{users: users, banner: a.banner(ctx, p)}
	if !state.Warm {
		out.later = func(ctx context.Context) { warmUp(ctx, p, state, path) }
	}
	if len(state.People) == 0 {
		return out, nil
	}
	out.banner = func(address string) {
		fmt.Fprintf(a.stdout, "\n  Sphera is at %s\n\n  Sign in as one of these people (passwords of this demo only):\n\n", address)
		for _, u := range state.People {
			fmt.Fprintf(a.stdout, "    %-34s  %-14s  %s\n", u.Email, u.Password, strings.Join(u.Roles, ", ")+teamsText(u.Teams))
		}
		fmt.Fprintf(a.stdout, "\n  Data is in %s. Ctrl-C stops.\n\n", c.dataDir)
	}
	return out, nil
}

// warmUp builds a service once after the first start, so that the first one
// somebody creates does not wait for the compiler to build its own libraries.
func warmUp(ctx context.Context, p *parts, state demoState, path string) {
	files, err := golden.Render(golden.Service{
		Name: "warm-up", Title: "Warm-up", Team: "platform", System: "warm-up", Template: "go-http", Description: "Fills the build cache.",
	})
	if err == nil {
		err = p.runtime.Warm(ctx, files)
	}
	if err == nil {
		state.Warm = true
		err = writeDemo(path, state)
	}
	if err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "the first build will be slow", "error", err)
	}
}

func teamsText(teams []string) string {
	if len(teams) == 0 {
		return ""
	}
	return " (" + strings.Join(teams, ", ") + ")"
}

func readDemo(path string) (demoState, error) {
	var state demoState
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("read the demo's people: %w", err)
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		return state, fmt.Errorf("read %s: %w; remove it to make new passwords", path, err)
	}
	return state, nil
}

func writeDemo(path string, state demoState) error {
	raw, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("write the demo's people: %w", err)
	}
	part := path + ".part"
	if err := os.WriteFile(part, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the demo's people: %w", err)
	}
	return os.Rename(part, path)
}

func seedDemo(ctx context.Context, p *parts, state demoState, path string) (demoState, error) {
	org, err := demo.Organisation()
	if err != nil {
		return state, err
	}
	if state, err = seedPeople(ctx, p, org, state, path); err != nil {
		return state, err
	}
	if err := seedCatalog(ctx, p); err != nil {
		return state, err
	}
	if err := seedRepositories(ctx, p); err != nil {
		return state, err
	}
	if err := seedAccounts(ctx, p); err != nil {
		return state, err
	}
	if err := seedFlags(ctx, p, state.People); err != nil {
		return state, err
	}
	state.Version = demoVersion
	return state, writeDemo(path, state)
}

// seedPeople writes the passwords down before it makes the accounts: a crash
// in between must not leave accounts nobody can enter.
func seedPeople(ctx context.Context, p *parts, org demo.Org, state demoState, path string) (demoState, error) {
	for _, t := range org.Teams {
		_, err := p.auth.CreateTeam(ctx, auth.Team{Name: t.Name, Title: t.Title, Description: t.Description}, systemActor)
		if err != nil && !fault.Is(err, fault.Taken) {
			return state, fmt.Errorf("make team %s: %w", t.Name, err)
		}
	}
	for _, who := range org.People {
		if slices.ContainsFunc(state.People, func(u demoUser) bool { return u.Email == who.Email }) {
			continue
		}
		state.People = append(state.People, demoUser{
			DemoUser: api.DemoUser{Email: who.Email, Name: who.Name, Roles: who.Roles}, Teams: who.Teams, Password: newPassword(),
		})
	}
	if err := writeDemo(path, state); err != nil {
		return state, err
	}
	for _, u := range state.People {
		if err := seedPerson(ctx, p, u); err != nil {
			return state, fmt.Errorf("make the account of %s: %w", u.Email, err)
		}
	}
	return state, nil
}

func seedPerson(ctx context.Context, p *parts, u demoUser) error {
	_, err := p.auth.CreateUser(ctx, auth.NewUser{Email: u.Email, Name: u.Name, Password: u.Password, Roles: u.Roles, Teams: u.Teams}, systemActor)
	if !fault.Is(err, fault.Taken) {
		return err
	}
	found, _, err := p.auth.Users(ctx, u.Email, 10, "")
	if err != nil {
		return err
	}
	for _, known := range found {
		if known.Email == u.Email {
			_, err = p.auth.UpdateUser(ctx, known.ID, auth.UserChange{Password: &u.Password}, systemActor)
		}
	}
	return err
}

// newPassword is easy to copy by hand and has 65 bits.
func newPassword() string {
	text := strings.ToLower(rand.Text())
	return text[:4] + "-" + text[4:8] + "-" + text[8:13]
}

func seedCatalog(ctx context.Context, p *parts) error {
	for _, read := range []func() ([]demo.File, error){demo.Model, demo.Extensions, demo.Catalogue, demo.Scorecards} {
		files, err := read()
		if err != nil {
			return err
		}
		in := make([]catalog.ImportFile, 0, len(files))
		for _, f := range files {
			in = append(in, catalog.ImportFile{Name: f.Name, Content: f.Content})
		}
		report, err := importer.New(p.catalog).Import(ctx, in, importer.Options{By: systemActor})
		if err != nil {
			return fmt.Errorf("import the catalog: %w", err)
		}
		for _, r := range report.Refusals {
			p.log.WarnContext(ctx, "the demo's catalog has something that was refused", "file", r.File, "line", r.Line, "problem", r.Problem)
		}
	}
	return nil
}

// seedRepositories makes the two repositories every service gets an entry in,
// with the rules of who reviews what.
func seedRepositories(ctx context.Context, p *parts) error {
	for _, r := range demoRepositories() {
		if _, err := p.forge.CreateRepository(ctx, forge.NewRepository{Name: r.name, Description: r.description, Owner: "platform", Key: "demo"}); err != nil {
			return fmt.Errorf("make repository %s: %w", r.name, err)
		}
		_, err := p.forge.Commit(ctx, r.name, forge.NewCommit{
			Branch: "main", Message: "Begin", Author: forge.Portal(), Time: p.now(), Key: "demo-" + r.name, Bypass: true,
			Files: []forge.File{{Path: "README.md", Content: []byte(r.readme)}},
		})
		if err != nil {
			return fmt.Errorf("fill repository %s: %w", r.name, err)
		}
		if err := p.forge.SetRules(ctx, r.name, r.rules); err != nil {
			return fmt.Errorf("set the review rules of %s: %w", r.name, err)
		}
	}
	return nil
}

type demoRepository struct {
	name, description, readme string
	rules                     []forge.ReviewRule
}

func demoRepositories() []demoRepository {
	platform := []string{"platform"}
	return []demoRepository{
		{
			name: ciRepository, description: "Which services the build system knows, one file each.",
			readme: "# CI configuration\n\nOne file per service in `services/`. The portal adds the file of a new service by pull request.\n",
			rules: []forge.ReviewRule{
				{Name: "Platform reviews CI configuration", Paths: []string{"**"}, Reviewers: platform, Approvals: 1},
				{Name: "Entries of services made by the portal", Paths: []string{"services/*.yaml"}, Reviewers: platform, Auto: true},
			},
		},
		{
			name: gitopsRepository, description: "What runs in the clusters: one folder per service, an overlay per environment.",
			readme: "# GitOps\n\n`apps/NAME/base` and `apps/NAME/overlays/ENVIRONMENT`. Production overlays of a new service are present and held: no replicas until they are released.\n",
			rules: []forge.ReviewRule{
				{Name: "Platform reviews manifests", Paths: []string{"**"}, Reviewers: platform, Approvals: 1},
				{Name: "Manifests made by the portal", Paths: []string{"apps/*/base/**", "apps/*/overlays/dev-*/**", "apps/*/overlays/staging-*/**"}, Reviewers: platform, Auto: true},
				{Name: "Production manifests made by the portal, held", Paths: []string{"apps/*/overlays/production-*/**"}, Reviewers: platform, Auto: true},
			},
		},
	}
}
