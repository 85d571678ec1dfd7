package golden

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/runtime"
	"sphera/internal/secret"

	"go.yaml.in/yaml/v3"
)

// Entities is what the contract reads of the catalog.
type Entities interface {
	Entity(ctx context.Context, blueprint, identifier string) (catalog.Entity, error)
}

// Deps is what the service contract looks at.
type Deps struct {
	Forge   forge.Forge
	Catalog Entities
	Runtime runtime.Runtime
	Flags   *flag.Projects
	Secrets *secret.Slots
	// Environments lists the organisation's environments, in the order a
	// version travels.
	Environments func(ctx context.Context) ([]Environment, error)
	// CIRepository and GitOpsRepository are "ci-config" and "gitops" when empty.
	CIRepository     string
	GitOpsRepository string
}

// Contracts checks services against the service contract.
type Contracts struct{ deps Deps }

// Contract returns the service contract over deps.
func Contract(d Deps) *Contracts {
	if d.CIRepository == "" {
		d.CIRepository = "ci-config"
	}
	if d.GitOpsRepository == "" {
		d.GitOpsRepository = "gitops"
	}
	return &Contracts{deps: d}
}

// The actions that mend what a check found.
const (
	fixService    = "fix_service"
	deployService = "deploy_service"
)

// Check runs all checks on a service, also on one that was not made by the
// golden path.
func (c *Contracts) Check(ctx context.Context, service string) ([]action.Check, error) {
	f, err := c.facts(ctx, service)
	if err != nil {
		return nil, err
	}
	return f.checks(), nil
}

// CheckAbsent is the checks on a service that is nowhere: of which nothing may
// be said.
func (c *Contracts) CheckAbsent(ctx context.Context, service string) ([]action.Check, error) {
	f := &facts{name: service, deps: c.deps, overlays: map[string]string{}}
	var err error
	if f.environments, err = c.deps.Environments(ctx); err != nil {
		return nil, fmt.Errorf("look at the environments: %w", err)
	}
	return f.checks(), nil
}

func (f *facts) checks() []action.Check {
	out := make([]action.Check, 0, 20)
	for _, r := range rules() {
		if r.service && f.isLibrary() {
			continue
		}
		ok, found := r.look(f)
		check := action.Check{Identifier: r.id, Title: r.title, OK: ok, Found: found, Expected: r.expected}
		if r.url != nil {
			check.URL = r.url(f)
		}
		if !ok && (r.needs == nil || r.needs(f)) {
			check.Fix = r.fix
		}
		out = append(out, check)
	}
	return out
}

// rule is one line of the service contract.
type rule struct {
	id, title, expected string
	look                func(f *facts) (ok bool, found string)
	// service is true for what does not concern libraries.
	service bool
	// fix is the action that mends it, as long as needs holds.
	fix   string
	needs func(f *facts) bool
	url   func(f *facts) string
}

func hasRepository(f *facts) bool { return f.repository != nil }

// hasLanguage holds when a template can give the file that is missing.
func hasLanguage(f *facts) bool { return f.repository != nil && f.language() != "" }

func isRegistered(f *facts) bool { return f.component != nil }

// isOwned holds when the catalog knows who to write into the files.
func isOwned(f *facts) bool { return f.owner() != "" }

// rules is the service contract.
func rules() []rule {
	return []rule{
		{id: "catalog-entity", title: "Registered in the catalog", expected: "an entity of blueprint Component", look: lookEntity, url: entityURL},
		{id: "owner", title: "Has an owner", expected: "a team that owns the component", look: lookOwner, url: entityURL},
		{id: "system", title: "Belongs to a system", expected: "the relation system is set", look: lookRelation("system"), url: entityURL},
		{id: "api", service: true, title: "Provides an API", expected: "an entity of blueprint API, related by providesApi", look: lookRelation("providesApi"), fix: fixService, needs: isRegistered, url: entityURL},
		{id: "environments", service: true, title: "Related to every environment", expected: "the relation environments names each environment", look: lookEnvironments, fix: fixService, needs: isRegistered, url: entityURL},
		{id: "repository", title: "Has a repository", expected: "a repository in the forge", look: lookRepository, url: repositoryURL("")},
		{id: "routes", service: true, title: "Health, readiness and metrics routes", expected: "/healthz, /readyz and /metrics in the code", look: lookRoutes, url: repositoryURL("")},
		{id: "openapi", service: true, title: "API described", expected: "openapi.yaml with OpenAPI 3", look: lookOpenAPI, fix: fixService, needs: hasRepository, url: repositoryURL("openapi.yaml")},
		{id: "dockerfile", service: true, title: "Builds as an image", expected: "a Dockerfile", look: lookFile("Dockerfile"), fix: fixService, needs: hasLanguage, url: repositoryURL("Dockerfile")},
		{id: "ci-workflow", title: "Has a CI workflow", expected: "a workflow in .github/workflows", look: lookWorkflow, fix: fixService, needs: hasLanguage, url: repositoryURL(".github/workflows")},
		{id: "codeowners", title: "Reviewers are the owner", expected: "CODEOWNERS names the team the catalog names", look: lookCodeowners, fix: fixService, needs: func(f *facts) bool { return hasRepository(f) && isOwned(f) }, url: repositoryURL("CODEOWNERS")},
		{id: "ci-config", title: "Entry in the CI configuration", expected: "services/NAME.yaml with the right owner", look: lookCI, fix: fixService, needs: isOwned, url: platformURL(func(f *facts) (string, string) { return f.deps.CIRepository, CIConfigPath(f.name) })},
		{id: "manifests", service: true, title: "Manifests for every environment", expected: "a Kustomize overlay for each environment", look: lookManifests, fix: fixService, needs: isOwned, url: platformURL(func(f *facts) (string, string) { return f.deps.GitOpsRepository, ManifestFolder(f.name) })},
		{id: "production", service: true, title: "Production is held or released", expected: "held with no replicas, or released with some", look: lookProduction, url: platformURL(func(f *facts) (string, string) { return f.deps.GitOpsRepository, ManifestFolder(f.name) + "/overlays" })},
		{id: "secrets", service: true, title: "Secret slots in every environment", expected: "a slot for each secret in each environment", look: lookSecrets, fix: fixService},
		{id: "flags", service: true, title: "Has a flag project", expected: "a flag project of the service", look: lookFlags, fix: fixService},
		{id: "runs-in-dev", service: true, title: "Runs in dev", expected: "an instance that is ready", look: lookInstance, fix: deployService, needs: hasLanguage, url: runURL},
		{id: "answers", service: true, title: "Answers", expected: "200 on its address", look: lookAnswer, url: runURL},
	}
}

func entityURL(f *facts) string { return "/e/Component/" + url.PathEscape(f.name) }

func repositoryURL(file string) func(*facts) string {
	return func(f *facts) string {
		if f.repository == nil {
			return ""
		}
		to := "/forge/" + url.PathEscape(f.repository.Name)
		if _, ok := f.files[file]; ok {
			to += "?path=" + url.QueryEscape(file)
		}
		return to
	}
}

func platformURL(where func(*facts) (repo, file string)) func(*facts) string {
	return func(f *facts) string {
		repo, file := where(f)
		return "/forge/" + url.PathEscape(repo) + "?path=" + url.QueryEscape(file)
	}
}

func runURL(f *facts) string {
	if i := f.running(); i != nil {
		return i.Address
	}
	return ""
}

func lookEntity(f *facts) (bool, string) {
	if f.component == nil {
		return false, "no entity Component " + f.name
	}
	return true, "Component " + f.name
}

func lookOwner(f *facts) (bool, string) {
	if f.owner() == "" {
		return false, "no team"
	}
	return true, strings.Join(f.component.Team, ", ")
}

func lookRelation(name string) func(*facts) (bool, string) {
	return func(f *facts) (bool, string) {
		if target := f.relation(name); target != "" {
			return true, target
		}
		return false, "the relation " + name + " is empty"
	}
}

func lookEnvironments(f *facts) (bool, string) {
	if missing := f.unrelatedEnvironments(); len(missing) > 0 {
		return false, "not related to " + strings.Join(missing, ", ")
	}
	return len(f.environments) > 0, fmt.Sprintf("%d environments", len(f.environments))
}

func lookRepository(f *facts) (bool, string) {
	switch {
	case f.repository == nil:
		return false, "no repository " + f.repositoryName() + "; import it, or relate the component to the one it has"
	case f.repository.Archived:
		return false, f.repository.Name + " is archived"
	}
	return true, f.repository.Name
}

func lookRoutes(f *facts) (bool, string) {
	if f.repository == nil {
		return false, "no repository to look into"
	}
	if f.partial {
		return false, "the repository cannot be looked through as a whole, so nobody knows"
	}
	if missing := f.missingRoutes(); len(missing) > 0 {
		return false, "no source file mentions " + strings.Join(missing, ", ")
	}
	return true, "/healthz, /readyz, /metrics"
}

func lookFile(name string) func(*facts) (bool, string) {
	return func(f *facts) (bool, string) {
		if _, ok := f.files[name]; ok {
			return true, name
		}
		return false, "no file " + name
	}
}

func lookOpenAPI(f *facts) (bool, string) {
	for _, name := range []string{"openapi.yaml", "openapi.yml", "openapi.json"} {
		text, ok := f.files[name]
		if !ok {
			continue
		}
		var doc struct {
			OpenAPI string `yaml:"openapi"`
		}
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			return false, name + " cannot be read"
		}
		if !strings.HasPrefix(doc.OpenAPI, "3.") {
			return false, name + " is not OpenAPI 3"
		}
		return true, name + ", OpenAPI " + doc.OpenAPI
	}
	return false, "no file openapi.yaml"
}

func lookWorkflow(f *facts) (bool, string) {
	for name := range f.files {
		if strings.HasPrefix(name, ".github/workflows/") && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")) {
			return true, name
		}
	}
	return false, "no workflow"
}

func lookCodeowners(f *facts) (bool, string) {
	name, owners := f.codeowners()
	switch {
	case name == "":
		return false, "no file CODEOWNERS"
	case f.owner() == "":
		return false, name + " names " + orNobody(owners) + ", the catalog nobody"
	case !slices.Contains(owners, f.owner()):
		return false, name + " names " + orNobody(owners) + ", the catalog " + f.owner()
	}
	return true, name + " names " + f.owner()
}

func orNobody(owners []string) string {
	if len(owners) == 0 {
		return "nobody"
	}
	return strings.Join(owners, ", ")
}

func lookCI(f *facts) (bool, string) {
	name := CIConfigPath(f.name)
	if f.ci == nil {
		return false, "no file " + name + " in " + f.deps.CIRepository
	}
	var entry struct {
		Name  string `yaml:"name"`
		Owner string `yaml:"owner"`
	}
	switch err := yaml.Unmarshal([]byte(*f.ci), &entry); {
	case err != nil:
		return false, name + " cannot be read"
	case entry.Name != f.name:
		return false, name + " is about " + entry.Name
	case f.owner() != "" && entry.Owner != f.owner():
		return false, fmt.Sprintf("%s names the owner %s, the catalog %s", name, entry.Owner, f.owner())
	}
	return true, name
}

func lookManifests(f *facts) (bool, string) {
	if len(f.environments) == 0 {
		return false, "the organisation has no environments"
	}
	missing := f.missingOverlays()
	switch {
	case len(missing) == len(f.environments):
		return false, "no manifests in " + f.deps.GitOpsRepository + "/" + ManifestFolder(f.name)
	case len(missing) > 0:
		return false, "missing for " + strings.Join(missing, ", ")
	case !f.base:
		return false, "the base is missing"
	}
	return true, fmt.Sprintf("%d environments", len(f.environments))
}

// overlay is what the production check reads of a kustomization.
type overlay struct {
	CommonAnnotations map[string]string `yaml:"commonAnnotations"`
	Replicas          []struct {
		Count int `yaml:"count"`
	} `yaml:"replicas"`
}

func lookProduction(f *facts) (bool, string) {
	var found []string
	ok, any := true, false
	for _, e := range f.environments {
		text, there := f.overlays[e.ID]
		if e.Kind != Production || !there {
			continue
		}
		any = true
		var o overlay
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			ok, found = false, append(found, e.ID+" cannot be read")
			continue
		}
		_, isHeld := o.CommonAnnotations[HoldAnnotation]
		stopped := len(o.Replicas) > 0 && o.Replicas[0].Count == 0
		switch {
		case isHeld && stopped:
			found = append(found, e.ID+" held")
		case !isHeld && !stopped:
			found = append(found, e.ID+" released")
		case isHeld:
			ok, found = false, append(found, e.ID+" held but with replicas")
		default:
			ok, found = false, append(found, e.ID+" neither held nor with replicas")
		}
	}
	if !any {
		return false, "no manifests for production"
	}
	return ok, strings.Join(found, ", ")
}

func lookSecrets(f *facts) (bool, string) {
	missing := f.missingSlots()
	if len(missing) == 0 {
		return len(f.slots) > 0, fmt.Sprintf("%d slots", len(f.slots))
	}
	names := make([]string, 0, len(missing))
	for _, s := range missing {
		names = append(names, s.Name+" in "+s.Environment)
	}
	return false, "missing: " + strings.Join(names, ", ")
}

func lookFlags(f *facts) (bool, string) {
	if len(f.flags) == 0 {
		return false, "no flag project"
	}
	return true, f.flags[0].Key
}

func lookInstance(f *facts) (bool, string) {
	i := f.running()
	if i == nil {
		return false, "not deployed to dev"
	}
	return i.State == runtime.Ready, fmt.Sprintf("%s in %s, version %.10s", i.State, i.Environment, i.Version)
}

func lookAnswer(f *facts) (bool, string) {
	if f.running() == nil {
		return false, "nothing to ask"
	}
	return f.answer == http.StatusOK, fmt.Sprintf("%d %s", f.answer, http.StatusText(f.answer))
}

// visit asks the service as a person would and returns the status.
func visit(ctx context.Context, r runtime.Runtime, i *runtime.Instance) int {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.Address, nil)
	if err != nil {
		return 0
	}
	w := &visitor{header: http.Header{}}
	r.Proxy(i.Service, i.Environment).ServeHTTP(w, req)
	return w.status
}

// visitor keeps the status of an answer and drops the rest.
type visitor struct {
	header http.Header
	status int
}

func (v *visitor) Header() http.Header { return v.header }

func (v *visitor) WriteHeader(status int) {
	if v.status == 0 {
		v.status = status
	}
}

func (v *visitor) Write(b []byte) (int, error) {
	v.WriteHeader(http.StatusOK)
	return len(b), nil
}
