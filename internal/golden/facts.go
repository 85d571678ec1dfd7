package golden

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/runtime"
	"sphera/internal/secret"
)

// facts is everything the checks of one service look at. It is read once and
// whole: when something cannot be read there is no result, because a thing is
// only called missing after a successful look.
type facts struct {
	name         string
	component    *catalog.Entity
	repository   *forge.Repository
	files        map[string]string // of the repository
	partial      bool              // files has only those the checks know by name
	ci           *string
	base         bool
	overlays     map[string]string // kustomization by environment
	environments []Environment
	slots        []secret.Slot
	flags        []flag.Project
	instances    []runtime.Instance
	answer       int // status of GET / in the dev environment
	deps         Deps
}

func (c *Contracts) facts(ctx context.Context, service string) (*facts, error) {
	f := &facts{name: service, deps: c.deps, overlays: map[string]string{}}
	for _, read := range []func(context.Context, Deps) error{f.readCatalog, f.readRepository, f.readPlatform, f.readRest, f.readRuntime} {
		if err := read(ctx, c.deps); err != nil {
			return nil, fmt.Errorf("look at the service %s: %w", service, err)
		}
	}
	return f, nil
}

func (f *facts) readCatalog(ctx context.Context, d Deps) error {
	e, err := d.Catalog.Entity(ctx, "Component", f.name)
	if err == nil {
		f.component = &e
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	f.environments, err = d.Environments(ctx)
	return err
}

// repositoryName is the repository the catalog relates the service to, or else
// the one with its name.
func (f *facts) repositoryName() string {
	if name := f.relation("repository"); name != "" {
		return name
	}
	return f.name
}

// relation is the target of a single relation of the component.
func (f *facts) relation(name string) string {
	if f.component == nil {
		return ""
	}
	target, _ := f.component.Relations[name].(string)
	return target
}

// isLibrary is true for components that do not run.
func (f *facts) isLibrary() bool {
	return f.component != nil && f.component.Properties["type"] == "library"
}

// unrelatedEnvironments names the environments the component is not related to.
func (f *facts) unrelatedEnvironments() []string {
	related := map[string]bool{}
	if f.component != nil {
		switch list := f.component.Relations["environments"].(type) {
		case []any:
			for _, e := range list {
				id, _ := e.(string)
				related[id] = true
			}
		case []string:
			for _, id := range list {
				related[id] = true
			}
		}
	}
	var missing []string
	for _, e := range f.environments {
		if !related[e.ID] {
			missing = append(missing, e.ID)
		}
	}
	return missing
}

func (f *facts) owner() string {
	if f.component == nil || len(f.component.Team) == 0 {
		return ""
	}
	return f.component.Team[0]
}

func (f *facts) readRepository(ctx context.Context, d Deps) error {
	r, err := d.Forge.Repository(ctx, f.repositoryName())
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	f.repository = &r
	files, err := d.Forge.Archive(ctx, r.Name, r.DefaultBranch)
	switch {
	case fault.Is(err, fault.TooLarge) || fault.Is(err, fault.Unprocessable): // or holds names not safe to hand out
		return f.readKnownFiles(ctx, d)
	case fault.Is(err, fault.NotFound): // no commit yet
		files = nil
	case err != nil:
		return err
	}
	f.files = make(map[string]string, len(files))
	for _, file := range files {
		f.files[file.Path] = string(file.Content)
	}
	return nil
}

// readKnownFiles reads only what the checks know by name.
func (f *facts) readKnownFiles(ctx context.Context, d Deps) error {
	f.files, f.partial = map[string]string{}, true
	for _, name := range []string{"go.mod", "package.json", "openapi.yaml", "Dockerfile", "CODEOWNERS", ".github/CODEOWNERS", ".github/workflows/ci.yaml"} {
		content, err := readOptional(ctx, d.Forge, f.repository.Name, name)
		if err != nil {
			return err
		}
		if content != nil {
			f.files[name] = *content
		}
	}
	return nil
}

// readOptional returns nil for a file, branch or repository that is not there.
func readOptional(ctx context.Context, g forge.Forge, repo, name string) (*string, error) {
	file, err := g.File(ctx, repo, "main", name)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text := string(file.Content)
	return &text, nil
}

func (f *facts) readPlatform(ctx context.Context, d Deps) (err error) {
	if f.ci, err = readOptional(ctx, d.Forge, d.CIRepository, CIConfigPath(f.name)); err != nil {
		return err
	}
	base, err := readOptional(ctx, d.Forge, d.GitOpsRepository, path.Join(ManifestFolder(f.name), "base", "kustomization.yaml"))
	if err != nil {
		return err
	}
	f.base = base != nil
	for _, e := range f.environments {
		text, err := readOptional(ctx, d.Forge, d.GitOpsRepository, OverlayFolder(f.name, e.ID)+"/kustomization.yaml")
		if err != nil {
			return err
		}
		if text != nil {
			f.overlays[e.ID] = *text
		}
	}
	return nil
}

func (f *facts) readRest(ctx context.Context, d Deps) (err error) {
	if f.slots, err = d.Secrets.List(ctx, f.name); err != nil {
		return err
	}
	f.flags, err = d.Flags.List(ctx, f.name, 10, "")
	return err
}

func (f *facts) readRuntime(ctx context.Context, d Deps) (err error) {
	if f.instances, err = d.Runtime.Instances(ctx, f.name); err != nil {
		return err
	}
	if i := f.running(); i != nil {
		f.answer = visit(ctx, d.Runtime, i)
	}
	return nil
}

// running is the service's instance in an environment of kind dev.
func (f *facts) running() *runtime.Instance {
	for _, e := range f.environments {
		for i := range f.instances {
			if e.Kind == Dev && f.instances[i].Environment == e.ID && f.instances[i].State != runtime.Stopped {
				return &f.instances[i]
			}
		}
	}
	return nil
}

func (f *facts) firstDev() string {
	for _, e := range f.environments {
		if e.Kind == Dev {
			return e.ID
		}
	}
	return ""
}

// missingOverlays names the environments without manifests.
func (f *facts) missingOverlays() []string {
	var missing []string
	for _, e := range f.environments {
		if _, ok := f.overlays[e.ID]; !ok {
			missing = append(missing, e.ID)
		}
	}
	return missing
}

// missingSlots lists "ENVIRONMENT NAME" of the slots that are not there: every
// secret a service has anywhere it needs everywhere.
func (f *facts) missingSlots() []MissingSlot {
	names := SecretNames()
	have := map[MissingSlot]bool{}
	for _, s := range f.slots {
		have[MissingSlot{s.Environment, s.Name}] = true
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	var missing []MissingSlot
	for _, e := range f.environments {
		for _, name := range names {
			if slot := (MissingSlot{e.ID, name}); !have[slot] {
				missing = append(missing, slot)
			}
		}
	}
	return missing
}

// language is told by the files of the repository.
func (f *facts) language() string {
	if _, ok := f.files["go.mod"]; ok {
		return "go"
	}
	if _, ok := f.files["package.json"]; ok {
		return "node"
	}
	return ""
}

// missingRoutes lists the operational routes no source file mentions.
func (f *facts) missingRoutes() []string {
	var missing []string
	if f.partial {
		return nil
	}
	for _, route := range []string{"/healthz", "/readyz", "/metrics"} {
		found := false
		for name, text := range f.files {
			if isSource(name) && strings.Contains(text, route) {
				found = true
				break
			}
		}
		if !found {
			missing = append(missing, route)
		}
	}
	return missing
}

func isSource(name string) bool {
	switch path.Ext(name) {
	case ".go", ".js", ".mjs", ".cjs", ".ts", ".py", ".java", ".kt", ".rs", ".rb", ".cs", ".php":
		return !strings.Contains(name, "_test.") && !strings.Contains(name, ".test.") && !strings.HasPrefix(name, "test/")
	}
	return false
}

// codeowners returns the file and the owners of everything in it.
func (f *facts) codeowners() (name string, owners []string) {
	for _, name := range []string{"CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS"} {
		text, ok := f.files[name]
		if !ok {
			continue
		}
		for line := range strings.Lines(text) {
			if fields := strings.Fields(line); len(fields) > 0 && fields[0] == "*" {
				owners = nil
				for _, o := range fields[1:] {
					owners = append(owners, strings.TrimPrefix(o, "@"))
				}
			}
		}
		return name, owners
	}
	return "", nil
}
