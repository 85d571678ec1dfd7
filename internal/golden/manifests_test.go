package golden_test

import (
	"bytes"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"sphera/internal/golden"

	"go.yaml.in/yaml/v3"
)

type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Namespace  string
	Resources  []string
	Spec       struct {
		Template struct {
			Spec struct {
				AutomountServiceAccountToken *bool          `yaml:"automountServiceAccountToken"`
				SecurityContext              map[string]any `yaml:"securityContext"`
				Containers                   []struct {
					ReadinessProbe, LivenessProbe, StartupProbe map[string]any
					SecurityContext                             map[string]any `yaml:"securityContext"`
					Resources                                   map[string]map[string]string
				}
			}
		}
	}
	CommonAnnotations map[string]string `yaml:"commonAnnotations"`
	Replicas          []struct {
		Name  string
		Count int
	}
}

func TestManifests(t *testing.T) {
	for _, s := range []golden.Service{service("go-http", "x"), {Name: "CartService", Team: "a/b", Environments: environments()}, {Name: "yes", Team: "1e3", System: `"'{}`, Environments: environments()}} {
		files, objects := golden.Manifests(s)
		names := map[string]bool{}
		for _, f := range files {
			names[f.Path] = true
			var o object
			d := yaml.NewDecoder(bytes.NewReader(f.Content))
			if err := d.Decode(&o); err != nil {
				t.Fatalf("%s: %v\n%s", f.Path, err, f.Content)
			}
			if o.APIVersion == "" || o.Kind == "" {
				t.Errorf("%s is no object:\n%s", f.Path, f.Content)
			}
			if o.Kind != "Kustomization" && o.Metadata.Name != golden.ObjectName(s.Name) {
				t.Errorf("%s is called %q", f.Path, o.Metadata.Name)
			}
			if o.Kind == "Deployment" {
				restricted(t, o)
			}
		}
		for _, f := range files {
			if path.Base(f.Path) != "kustomization.yaml" {
				continue
			}
			var k object
			if err := yaml.Unmarshal(f.Content, &k); err != nil {
				t.Fatal(err)
			}
			for _, r := range k.Resources {
				to := path.Join(path.Dir(f.Path), r)
				if !names[to] && !names[to+"/kustomization.yaml"] {
					t.Errorf("%s names %s, which is not there", f.Path, to)
				}
			}
		}
		for _, e := range s.Environments {
			checkOverlay(t, s, e)
		}
		if len(objects) != 6*len(s.Environments) {
			t.Errorf("%d objects", len(objects))
		}
		for _, o := range objects {
			if o.Held != strings.HasPrefix(o.Environment, "production") {
				t.Errorf("%s in %s: held %t", o.Kind, o.Environment, o.Held)
			}
		}
		gone := golden.RemoveManifests(s)
		if len(gone) != len(files) || !slices.Contains(gone, "apps/"+s.Name+"/base/deployment.yaml") {
			t.Errorf("removal: %v", gone)
		}
	}
}

// restricted asserts the Pod Security Standard of that name, and probes.
func restricted(t *testing.T, o object) {
	t.Helper()
	spec := o.Spec.Template.Spec
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken || spec.SecurityContext["runAsNonRoot"] != true {
		t.Errorf("pod: %+v", spec)
	}
	if p, _ := spec.SecurityContext["seccompProfile"].(map[string]any); p["type"] != "RuntimeDefault" {
		t.Errorf("seccomp: %v", spec.SecurityContext)
	}
	c := spec.Containers[0]
	if c.SecurityContext["allowPrivilegeEscalation"] != false || c.SecurityContext["readOnlyRootFilesystem"] != true {
		t.Errorf("container: %v", c.SecurityContext)
	}
	if c.Resources["requests"]["cpu"] == "" || c.Resources["limits"]["memory"] == "" {
		t.Errorf("resources: %v", c.Resources)
	}
}

func checkOverlay(t *testing.T, s golden.Service, e golden.Environment) {
	t.Helper()
	var k object
	if err := yaml.Unmarshal(golden.Overlay(s, e)[0].Content, &k); err != nil {
		t.Fatal(err)
	}
	_, held := k.CommonAnnotations[golden.HoldAnnotation]
	if production := e.Kind == golden.Production; held != production || (k.Replicas[0].Count == 0) != production {
		t.Errorf("%s: held %t, replicas %d", e.ID, held, k.Replicas[0].Count)
	}
}

func TestCIConfig(t *testing.T) {
	s := service("node-http", "x")
	files := golden.CIConfig(s)
	var entry struct {
		Name, Owner string
		Pipeline    struct{ Checks []string }
		Deploy      []struct{ Environment, Mode string }
	}
	if err := yaml.Unmarshal(files[0].Content, &entry); err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0].Path != "services/checkout.yaml" || entry.Name != "checkout" || entry.Owner != "payments" || len(entry.Pipeline.Checks) == 0 || len(entry.Deploy) != 4 || entry.Deploy[3].Mode != "held" {
		t.Errorf("%s: %+v", files[0].Path, entry)
	}
	if gone := golden.RemoveCIConfig(s); len(gone) != 1 || gone[0] != "services/checkout.yaml" {
		t.Errorf("removal: %v", gone)
	}
}

// With kustomize at hand the overlays are built for real.
func TestKustomizeBuilds(t *testing.T) {
	tool, err := exec.LookPath("kustomize")
	if err != nil {
		t.Skip("kustomize is not installed; the structure is checked by TestManifests")
	}
	dir := t.TempDir()
	files, _ := golden.Manifests(service("go-http", "x"))
	write(t, dir, files)
	for _, e := range environments() {
		out, err := exec.Command(tool, "build", dir+"/apps/checkout/overlays/"+e.ID).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", e.ID, err, out)
		}
	}
}
