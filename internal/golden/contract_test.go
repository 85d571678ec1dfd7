package golden_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/runtime"
	"sphera/internal/secret"
	"sphera/internal/store/storetest"
)

// The world is what the contract looks at, in memory.
type world struct {
	forge.Forge // calls that are not expected end the test by a panic
	repos       map[string]map[string]string
	down        error
	large       bool

	entities map[string]catalog.Entity

	runtime.Runtime
	instances []runtime.Instance
	status    int
}

func (w *world) Repository(_ context.Context, name string) (forge.Repository, error) {
	if _, ok := w.repos[name]; !ok {
		return forge.Repository{}, fault.New(fault.NotFound, "no repository %s", name)
	}
	return forge.Repository{Name: name, DefaultBranch: "main", Description: "About " + name}, w.down
}

func (w *world) Archive(_ context.Context, repo, _ string) ([]forge.File, error) {
	var files []forge.File
	if w.large {
		return nil, fault.New(fault.TooLarge, "too large")
	}
	for name, text := range w.repos[repo] {
		files = append(files, forge.File{Path: name, Content: []byte(text)})
	}
	return files, w.down
}

func (w *world) File(_ context.Context, repo, _, name string) (forge.File, error) {
	text, ok := w.repos[repo][name]
	if !ok {
		return forge.File{}, fault.New(fault.NotFound, "no file %s", name)
	}
	return forge.File{Path: name, Content: []byte(text)}, nil
}

func (w *world) Entity(_ context.Context, blueprint, id string) (catalog.Entity, error) {
	e, ok := w.entities[blueprint+"/"+id]
	if !ok {
		return catalog.Entity{}, fault.New(fault.NotFound, "no entity")
	}
	return e, nil
}

func (w *world) Instances(_ context.Context, service string) ([]runtime.Instance, error) {
	return w.instances, nil
}

func (w *world) Proxy(string, string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(w.status) })
}

func (w *world) put(t *testing.T, repo string, files []forge.File) {
	t.Helper()
	if w.repos[repo] == nil {
		w.repos[repo] = map[string]string{}
	}
	for _, f := range files {
		w.repos[repo][f.Path] = string(f.Content)
	}
}

type contractFixture struct {
	*world
	contracts *golden.Contracts
	flags     *flag.Projects
	slots     *secret.Slots
}

func newContract(t *testing.T) contractFixture {
	t.Helper()
	db, log := storetest.Open(t, storetest.SQLite(t)), audit.New(time.Now)
	w := &world{repos: map[string]map[string]string{"ci-config": {}, "gitops": {}}, entities: map[string]catalog.Entity{}}
	x := contractFixture{world: w, flags: flag.New(db, log, time.Now), slots: secret.New(db, log, time.Now)}
	x.contracts = golden.Contract(golden.Deps{
		Forge: w, Catalog: w, Runtime: w, Flags: x.flags, Secrets: x.slots,
		Environments: func(context.Context) ([]golden.Environment, error) { return environments(), nil },
	})
	return x
}

// created is the world after the golden path made the service.
func created(t *testing.T, template string) (contractFixture, golden.Service) {
	t.Helper()
	x, s := newContract(t), service(template, "It checks out.")
	x.put(t, s.Name, render(t, s))
	x.put(t, "ci-config", golden.CIConfig(s))
	manifests, _ := golden.Manifests(s)
	x.put(t, "gitops", manifests)
	ids := []any{}
	for _, e := range s.Environments {
		ids = append(ids, e.ID)
		for _, name := range golden.SecretNames() {
			if _, err := x.slots.Ensure(t.Context(), s.Name, e.ID, name, "ada", "run-1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	x.entities["Component/checkout"] = catalog.Entity{
		Identifier: "checkout", Title: "Checkout", Team: []string{"payments"}, Properties: map[string]any{"type": "service"},
		Relations: map[string]any{"system": "Cart", "providesApi": "checkout-api", "repository": "checkout", "environments": ids},
	}
	if _, err := x.flags.Ensure(t.Context(), golden.FlagProject(s.Name), s.Name, "ada", "run-1"); err != nil {
		t.Fatal(err)
	}
	x.instances = []runtime.Instance{{Service: s.Name, Environment: "dev-eu-west-1", State: runtime.Ready, Version: "abc", Address: "/run/dev-eu-west-1/checkout/"}}
	x.status = http.StatusOK
	return x, s
}

func failed(checks []action.Check) []string {
	var ids []string
	for _, c := range checks {
		if !c.OK {
			ids = append(ids, c.Identifier)
		}
	}
	return ids
}

func TestServiceOfTheGoldenPathFulfilsTheContract(t *testing.T) {
	for _, template := range golden.Templates() {
		x, s := created(t, template.ID)
		checks, err := x.contracts.Check(t.Context(), s.Name)
		if err != nil || len(checks) < 17 {
			t.Fatalf("%s: %d checks, %v", template.ID, len(checks), err)
		}
		for _, c := range checks {
			if !c.OK || c.Title == "" || c.Found == "" || c.Expected == "" {
				t.Errorf("%s: %+v", template.ID, c)
			}
		}
		missing, err := x.contracts.Missing(t.Context(), s.Name)
		if err != nil || !missing.Nothing() || missing.DeployTo != "" || len(missing.Notes) > 0 {
			t.Errorf("%s: missing %+v %v", template.ID, missing, err)
		}
	}
}

func TestContractNamesWhatIsMissing(t *testing.T) {
	overlay := "apps/checkout/overlays/production-us-east-1/kustomization.yaml"
	for name, c := range map[string]struct {
		edit  func(x contractFixture)
		check string
		found string
		fix   string
	}{
		"no entity":       {func(x contractFixture) { delete(x.entities, "Component/checkout") }, "catalog-entity", "no entity", ""},
		"no flag project": {func(x contractFixture) { _ = x.flags.Remove(t.Context(), "checkout", "ada", "") }, "flags", "no flag project", "fix_service"},
		"one overlay":     {func(x contractFixture) { delete(x.repos["gitops"], overlay) }, "manifests", "missing for production-us-east-1", "fix_service"},
		"all manifests":   {func(x contractFixture) { x.repos["gitops"] = map[string]string{} }, "manifests", "no manifests", "fix_service"},
		"base":            {func(x contractFixture) { delete(x.repos["gitops"], "apps/checkout/base/kustomization.yaml") }, "manifests", "base", "fix_service"},
		"ci entry":        {func(x contractFixture) { x.repos["ci-config"] = nil }, "ci-config", "no file services/checkout.yaml", "fix_service"},
		"ci owner": {func(x contractFixture) {
			x.repos["ci-config"]["services/checkout.yaml"] = strings.ReplaceAll(x.repos["ci-config"]["services/checkout.yaml"], "payments", "others")
		}, "ci-config", "names the owner others", "fix_service"},
		"slot": {func(x contractFixture) {
			_ = x.slots.Remove(t.Context(), "checkout", "dev-eu-west-1", "OFREP_HEADERS", "ada", "")
		}, "secrets", "OFREP_HEADERS in dev-eu-west-1", "fix_service"},
		"slot of one place": {func(x contractFixture) {
			_, _ = x.slots.Ensure(t.Context(), "checkout", "dev-eu-west-1", "TOKEN", "ada", "")
		}, "secrets", "TOKEN in staging-eu-west-1", "fix_service"},
		"codeowners": {func(x contractFixture) { x.repos["checkout"]["CODEOWNERS"] = "* @others\n" }, "codeowners", "names others, the catalog payments", "fix_service"},
		"dockerfile": {func(x contractFixture) { delete(x.repos["checkout"], "Dockerfile") }, "dockerfile", "no file Dockerfile", "fix_service"},
		"openapi":    {func(x contractFixture) { x.repos["checkout"]["openapi.yaml"] = "swagger: '2.0'" }, "openapi", "not OpenAPI 3", "fix_service"},
		"workflow":   {func(x contractFixture) { delete(x.repos["checkout"], ".github/workflows/ci.yaml") }, "ci-workflow", "no workflow", "fix_service"},
		"routes":     {func(x contractFixture) { x.repos["checkout"]["server.go"] = "package main" }, "routes", "/healthz, /readyz, /metrics", ""},
		"instance":   {func(x contractFixture) { x.instances = nil }, "runs-in-dev", "not deployed to dev", "deploy_service"},
		"crashed":    {func(x contractFixture) { x.instances[0].State = runtime.Crashed }, "runs-in-dev", "crashed", "deploy_service"},
		"answer":     {func(x contractFixture) { x.status = 503 }, "answers", "503", ""},
		"released": {func(x contractFixture) {
			x.repos["gitops"][overlay] = strings.ReplaceAll(x.repos["gitops"][overlay], golden.HoldAnnotation, "other")
		}, "production", "neither held nor with replicas", ""},
		"system": {func(x contractFixture) { x.entities["Component/checkout"].Relations["system"] = nil }, "system", "empty", ""},
		"api":    {func(x contractFixture) { x.entities["Component/checkout"].Relations["providesApi"] = nil }, "api", "empty", "fix_service"},
	} {
		t.Run(name, func(t *testing.T) {
			x, s := created(t, "go-http")
			c.edit(x)
			checks, err := x.contracts.Check(t.Context(), s.Name)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(checks, func(k action.Check) bool { return k.Identifier == c.check })
			if got := checks[i]; got.OK || !strings.Contains(got.Found, c.found) || got.Fix != c.fix {
				t.Errorf("%+v", got)
			}
			missing, err := x.contracts.Missing(t.Context(), s.Name)
			if err != nil {
				t.Fatal(err)
			}
			if c.fix == "fix_service" && name != "openapi" && missing.Nothing() {
				t.Error("the check names a fix that would do nothing")
			}
		})
	}
}

// What Missing lists is what makes the checks pass.
func TestMissingMendsAnOldService(t *testing.T) {
	x := newContract(t)
	x.entities["Component/CartService"] = catalog.Entity{
		Identifier: "CartService", Title: "Cart Service", Team: []string{"checkout"}, Properties: map[string]any{"type": "service"},
		Relations: map[string]any{"system": "Cart", "providesApi": nil, "repository": nil, "environments": []any{}},
	}
	checks, err := x.contracts.Check(t.Context(), "CartService")
	if err != nil {
		t.Fatal(err)
	}
	if got := failed(checks); len(got) != len(checks)-3 {
		t.Errorf("without anything: %v", got)
	}
	first, err := x.contracts.Missing(t.Context(), "CartService")
	if err != nil || first.Repository != "" || len(first.Notes) != 1 || !strings.Contains(first.Notes[0], "no repository CartService") {
		t.Fatalf("without a repository: %+v %v", first, err)
	}
	x.put(t, "CartService", []forge.File{
		{Path: "go.mod", Content: []byte("module cart\n")},
		{Path: "main.go", Content: []byte(`package main // /healthz /readyz /metrics`)},
	})
	m, err := x.contracts.Missing(t.Context(), "CartService")
	if err != nil {
		t.Fatal(err)
	}
	if m.DeployTo != "dev-eu-west-1" || m.Service.Template != "go-http" || len(m.Notes) != 0 {
		t.Errorf("%+v", m)
	}
	for _, f := range m.RepositoryFiles {
		if strings.HasSuffix(f.Path, ".go") || f.Path == "go.mod" || f.Path == "README.md" {
			t.Errorf("code of a repository that has its own would be written: %s", f.Path)
		}
	}
	x.put(t, "CartService", m.RepositoryFiles)
	x.put(t, "ci-config", m.CIConfig)
	x.put(t, "gitops", m.Manifests)
	for _, slot := range m.Slots {
		if _, err := x.slots.Ensure(t.Context(), "CartService", slot.Environment, slot.Name, "ada", ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.flags.Ensure(t.Context(), m.FlagProject, "CartService", "ada", ""); err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Entities {
		if e.Exists {
			maps.Copy(x.entities[e.Blueprint+"/"+e.Identifier].Relations, e.Relations)
		}
	}
	checks, err = x.contracts.Check(t.Context(), "CartService")
	if got := failed(checks); err != nil || !slices.Equal(got, []string{"runs-in-dev", "answers"}) {
		t.Errorf("after the fix: %v %v", got, err)
	}
	if again, err := x.contracts.Missing(t.Context(), "CartService"); err != nil || !again.Nothing() {
		t.Errorf("still missing: %+v %v", again, err)
	}
}

func TestLibrariesHaveAShorterContract(t *testing.T) {
	x := newContract(t)
	x.entities["Component/CoreKafkaLibrary"] = catalog.Entity{Identifier: "CoreKafkaLibrary", Team: []string{"platform"}, Properties: map[string]any{"type": "library"}, Relations: map[string]any{"system": "Cart"}}
	checks, err := x.contracts.Check(t.Context(), "CoreKafkaLibrary")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.Identifier == "manifests" || c.Identifier == "runs-in-dev" {
			t.Errorf("a library need not have %s", c.Identifier)
		}
	}
	m, err := x.contracts.Missing(t.Context(), "CoreKafkaLibrary")
	if err != nil || len(m.Manifests) > 0 || len(m.Slots) > 0 || m.FlagProject != "" {
		t.Errorf("%+v %v", m, err)
	}
}

// Absence is believed only after a successful look.
func TestContractDoesNotCallMissingWhatItCouldNotSee(t *testing.T) {
	x, s := created(t, "go-http")
	x.down = errors.New("the disk is away")
	if checks, err := x.contracts.Check(t.Context(), s.Name); err == nil {
		t.Errorf("%+v", checks)
	}
}
