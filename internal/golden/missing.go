package golden

import (
	"context"
	"strings"

	"sphera/action"
	"sphera/internal/forge"
)

// Missing is what would make a service fulfil the contract, as far as a
// program can: files for three repositories, entities, slots and a project.
type Missing struct {
	// Service is what is known about it; Template is empty when its language
	// cannot be told.
	Service Service `json:"service"`
	// Repository is its repository; empty when there is none.
	Repository string `json:"repository"`
	// RepositoryFiles, CIConfig and Manifests are to be added or replaced.
	RepositoryFiles []forge.File          `json:"repositoryFiles"`
	CIConfig        []forge.File          `json:"ciConfig"`
	Manifests       []forge.File          `json:"manifests"`
	Objects         []action.ObjectChange `json:"objects"`
	Entities        []MissingEntity       `json:"entities"`
	Slots           []MissingSlot         `json:"slots"`
	// FlagProject is the key of the project to make; empty when there is one.
	FlagProject string `json:"flagProject"`
	// DeployTo is the dev environment it could be deployed to; empty when it
	// runs there or cannot.
	DeployTo string `json:"deployTo"`
	// Notes say what only a person can mend.
	Notes []string `json:"notes"`
}

// MissingEntity is an entity to make, or to complete by merging.
type MissingEntity struct {
	Blueprint  string         `json:"blueprint"`
	Identifier string         `json:"identifier"`
	Title      string         `json:"title"`
	Exists     bool           `json:"exists"`
	Properties map[string]any `json:"properties,omitempty"`
	Relations  map[string]any `json:"relations,omitempty"`
}

// MissingSlot is a secret slot to make.
type MissingSlot struct {
	Environment string `json:"environment"`
	Name        string `json:"name"`
}

// Nothing reports whether a program has nothing left to do.
func (m Missing) Nothing() bool {
	return len(m.RepositoryFiles)+len(m.CIConfig)+len(m.Manifests)+len(m.Entities)+len(m.Slots) == 0 && m.FlagProject == ""
}

// Missing looks at a service and returns what it lacks.
func (c *Contracts) Missing(ctx context.Context, service string) (Missing, error) {
	f, err := c.facts(ctx, service)
	if err != nil {
		return Missing{}, err
	}
	out := Missing{Service: f.service(), Notes: f.notes()}
	if f.repository != nil && !f.repository.Archived {
		out.Repository = f.repository.Name
		if out.RepositoryFiles, err = f.missingFiles(out.Service); err != nil {
			return Missing{}, err
		}
	}
	if f.owner() != "" {
		if ok, _ := lookCI(f); !ok {
			out.CIConfig = CIConfig(out.Service)
		}
	}
	if f.component != nil {
		out.Entities = f.missingEntities()
	}
	if f.isLibrary() {
		return out, nil
	}
	out.Slots = f.missingSlots()
	if f.owner() != "" {
		out.Manifests, out.Objects = f.missingManifests(out.Service)
	}
	if len(f.flags) == 0 {
		out.FlagProject = FlagProject(service)
	}
	if f.running() == nil && hasLanguage(f) {
		out.DeployTo = f.firstDev()
	}
	return out, nil
}

// service is what the catalog and the repository tell.
func (f *facts) service() Service {
	s := Service{Name: f.name, Title: f.name, Team: f.owner(), System: f.relation("system"), Environments: f.environments}
	if f.component != nil && f.component.Title != "" {
		s.Title = f.component.Title
	}
	if f.repository != nil {
		s.Description = f.repository.Description
	}
	for _, t := range Templates() {
		if t.Language == f.language() {
			s.Template = t.ID
		}
	}
	return s.filled()
}

// missingFiles takes what the repository lacks from the template. Code is
// never written into a repository that has its own.
func (f *facts) missingFiles(s Service) ([]forge.File, error) {
	wanted := map[string]bool{}
	for file, look := range map[string]func(*facts) (bool, string){
		"openapi.yaml": lookOpenAPI, "Dockerfile": lookFile("Dockerfile"), ".github/workflows/ci.yaml": lookWorkflow,
	} {
		ok, _ := look(f)
		_, there := f.files[file]
		needs := file == "openapi.yaml" || s.Template != ""
		concerns := file == ".github/workflows/ci.yaml" || !f.isLibrary()
		wanted[file] = !ok && !there && needs && concerns && f.files != nil
	}
	if ok, _ := lookCodeowners(f); !ok && s.Team != "" {
		name, _ := f.codeowners()
		wanted["CODEOWNERS"] = name == "" || name == "CODEOWNERS"
	}
	template := s.Template
	if template == "" {
		template = Templates()[0].ID // only for the files all templates share
	}
	data := map[string]any{"Name": ObjectName(s.Name), "Title": oneLine(s.Title), "Team": s.Team, "System": oneLine(s.System), "Description": s.Description}
	sources := map[string]string{}
	for _, dir := range []string{"templates/shared", "templates/" + template} {
		if err := readTemplates(templateFiles, dir, sources); err != nil {
			return nil, err
		}
	}
	for name := range sources {
		if !wanted[name] {
			delete(sources, name)
		}
	}
	return renderAll(sources, data, defaultLimits())
}

func (f *facts) missingManifests(s Service) ([]forge.File, []action.ObjectChange) {
	all, objects := Manifests(s)
	missing := map[string]bool{}
	for _, e := range f.missingOverlays() {
		missing[e] = true
	}
	files := []forge.File{}
	for _, file := range all {
		inBase := strings.HasPrefix(file.Path, ManifestFolder(s.Name)+"/base/")
		rest := strings.TrimPrefix(file.Path, ManifestFolder(s.Name)+"/overlays/")
		environment, _, _ := strings.Cut(rest, "/")
		if inBase && !f.base || !inBase && missing[environment] {
			files = append(files, file)
		}
	}
	changes := []action.ObjectChange{}
	for _, o := range objects {
		if missing[o.Environment] {
			changes = append(changes, o)
		}
	}
	return files, changes
}

// missingEntities lists the API and what ties it, and the repository when the
// component's blueprint has a place for it.
func (f *facts) missingEntities() []MissingEntity {
	out := []MissingEntity{}
	relations := map[string]any{}
	if !f.isLibrary() && len(f.unrelatedEnvironments()) > 0 {
		all := []string{}
		for _, e := range f.environments {
			all = append(all, e.ID)
		}
		relations["environments"] = all
	}
	if !f.isLibrary() && f.relation("providesApi") == "" {
		id := APIEntity(f.name)
		out = append(out, MissingEntity{
			Blueprint: "API", Identifier: id, Title: f.component.Title + " API",
			Properties: map[string]any{"type": "Open API"}, Relations: map[string]any{"provider": f.name},
		})
		relations["providesApi"] = id
	}
	if _, place := f.component.Relations["repository"]; place && f.relation("repository") == "" && f.repository != nil {
		out = append(out, MissingEntity{Blueprint: "Repository", Identifier: f.repository.Name, Title: f.repository.Name})
		relations["repository"] = f.repository.Name
	}
	if len(relations) > 0 {
		out = append(out, MissingEntity{Blueprint: "Component", Identifier: f.name, Title: f.component.Title, Exists: true, Relations: relations})
	}
	return out
}

func (f *facts) notes() []string {
	notes := []string{}
	if f.component == nil {
		return append(notes, "Register the service in the catalog first: there is no Component "+f.name+".")
	}
	if f.owner() == "" {
		notes = append(notes, "Set the owner of the component; its files cannot be written without one.")
	}
	if f.relation("system") == "" {
		notes = append(notes, "Say which system the component belongs to.")
	}
	switch {
	case f.repository == nil:
		notes = append(notes, "There is no repository "+f.repositoryName()+" in the forge: push the code there, or relate the component to the repository it has.")
	case f.language() == "":
		notes = append(notes, "The language of the repository cannot be told (no go.mod, no package.json): Dockerfile and CI workflow have to be written by hand.")
	}
	if f.repository != nil && !f.isLibrary() && len(f.missingRoutes()) > 0 {
		notes = append(notes, "Add the routes "+strings.Join(f.missingRoutes(), ", ")+" to the code; see docs/golden-path.md.")
	}
	return notes
}
