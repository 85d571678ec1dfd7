package golden

import (
	"path"

	"sphera/action"
	"sphera/internal/forge"
)

// HoldAnnotation marks what is present in production and not to run yet; its
// value says why. Releasing removes it and sets the replicas.
const HoldAnnotation = "sphera.dev/hold"

const held = "present, and held until the service is released to production"

// CIConfig makes the service's entry in the ci-config repository.
func CIConfig(s Service) []forge.File {
	s = s.filled()
	checks := map[string][]string{
		"go":   {"go vet ./...", "go test -race ./..."},
		"node": {"npm ci --ignore-scripts", "npm test"},
	}[s.language()]
	deploy := []m{}
	for _, e := range s.Environments {
		mode := "automatic"
		if e.Kind == Production {
			mode = "held"
		}
		deploy = append(deploy, m{{"environment", e.ID}, {"kind", e.Kind}, {"mode", mode}})
	}
	entry := m{
		{"apiVersion", "ci.sphera.dev/v1"},
		{"kind", "Service"},
		{"name", s.Name},
		{"repository", s.Name},
		{"owner", s.Team},
		{"template", s.Template},
		{"pipeline", m{
			{"branch", "main"},
			{"checks", checks},
			{"image", m{{"name", ObjectName(s.Name)}, {"context", "."}, {"dockerfile", "Dockerfile"}}},
		}},
		{"manifests", m{{"repository", "gitops"}, {"path", "apps/" + s.Name}}},
		{"deploy", deploy},
	}
	return []forge.File{file(CIConfigPath(s.Name), document("How CI builds, checks and deploys "+s.Name+".", entry))}
}

// CIConfigPath is where a service's entry is in the ci-config repository.
func CIConfigPath(service string) string { return "services/" + service + ".yaml" }

// ManifestFolder is where a service's manifests are in the gitops repository.
func ManifestFolder(service string) string { return "apps/" + service }

// OverlayFolder is where the manifests of one environment are.
func OverlayFolder(service, environment string) string {
	return path.Join(ManifestFolder(service), "overlays", environment)
}

// Manifests makes the service's Kubernetes manifests in the gitops repository,
// as a Kustomize base with one overlay for each environment, and lists the
// objects they come to. Production is present and held: no replicas.
func Manifests(s Service) ([]forge.File, []action.ObjectChange) {
	s = s.filled()
	files := Base(s)
	objects := []action.ObjectChange{}
	for _, e := range s.Environments {
		files = append(files, Overlay(s, e)...)
		for _, kind := range []string{"ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"} {
			objects = append(objects, action.ObjectChange{Verb: "create", Kind: kind, Name: ObjectName(s.Name), Environment: e.ID, Held: e.Kind == Production})
		}
	}
	return files, objects
}

// RemoveCIConfig and RemoveManifests list the files whose removal undoes
// CIConfig and Manifests.
func RemoveCIConfig(s Service) []string { return paths(CIConfig(s)) }

// RemoveManifests is described at RemoveCIConfig.
func RemoveManifests(s Service) []string {
	files, _ := Manifests(s)
	return paths(files)
}

func paths(files []forge.File) []string {
	out := make([]string, 0, len(files))
	for _, f := range files {
		out = append(out, f.Path)
	}
	return out
}

func file(name string, content []byte) forge.File {
	return forge.File{Path: name, Content: content, Size: int64(len(content))}
}

// Base makes the part that is the same in every environment.
func Base(s Service) []forge.File {
	s = s.filled()
	name, dir := ObjectName(s.Name), path.Join(ManifestFolder(s.Name), "base")
	selector := m{{"app.kubernetes.io/name", name}}
	meta := m{{"name", name}}
	kustomization := m{
		{"apiVersion", "kustomize.config.k8s.io/v1beta1"},
		{"kind", "Kustomization"},
		{"labels", []m{{{"pairs", m{
			{"app.kubernetes.io/name", name},
			{"app.kubernetes.io/component", "service"},
			{"app.kubernetes.io/part-of", ObjectName(orName(s.System, s.Name))},
			{"app.kubernetes.io/managed-by", "sphera"},
			{"sphera.dev/owner", labelValue(s.Team)},
		}}, {"includeTemplates", true}}}},
		{"resources", []string{"serviceaccount.yaml", "deployment.yaml", "service.yaml", "poddisruptionbudget.yaml", "networkpolicy.yaml"}},
	}
	account := m{{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", meta}, {"automountServiceAccountToken", false}}
	service := m{{"apiVersion", "v1"}, {"kind", "Service"}, {"metadata", meta}, {"spec", m{
		{"selector", selector},
		{"ports", []m{{{"name", "http"}, {"port", 80}, {"targetPort", "http"}}}},
	}}}
	budget := m{{"apiVersion", "policy/v1"}, {"kind", "PodDisruptionBudget"}, {"metadata", meta}, {"spec", m{
		{"maxUnavailable", 1}, {"selector", m{{"matchLabels", selector}}},
	}}}
	policy := m{{"apiVersion", "networking.k8s.io/v1"}, {"kind", "NetworkPolicy"}, {"metadata", meta}, {"spec", m{
		{"podSelector", m{{"matchLabels", selector}}},
		{"policyTypes", []string{"Ingress"}},
		{"ingress", []m{{{"ports", []m{{{"protocol", "TCP"}, {"port", "http"}}}}}}},
	}}}
	return []forge.File{
		file(dir+"/deployment.yaml", document("", deployment(name, meta, selector))),
		file(dir+"/kustomization.yaml", document("What is the same for "+s.Name+" in every environment.", kustomization)),
		file(dir+"/networkpolicy.yaml", document("", policy)),
		file(dir+"/poddisruptionbudget.yaml", document("", budget)),
		file(dir+"/service.yaml", document("", service)),
		file(dir+"/serviceaccount.yaml", document("", account)),
	}
}

func deployment(name string, meta, selector m) m {
	probe := func(route string, more ...kv) m {
		return append(m{{"httpGet", m{{"path", route}, {"port", "http"}}}}, more...)
	}
	container := m{
		{"name", "service"},
		{"image", name},
		{"ports", []m{{{"name", "http"}, {"containerPort", 8080}}}},
		{"env", []m{{{"name", "PORT"}, {"value", "8080"}}}},
		{"envFrom", []m{
			{{"configMapRef", m{{"name", name}}}},
			{{"secretRef", m{{"name", name}, {"optional", true}}}},
		}},
		{"startupProbe", probe("/healthz", kv{"periodSeconds", 1}, kv{"failureThreshold", 60})},
		{"livenessProbe", probe("/healthz", kv{"periodSeconds", 10}, kv{"timeoutSeconds", 2})},
		{"readinessProbe", probe("/readyz", kv{"periodSeconds", 5}, kv{"timeoutSeconds", 2})},
		{"lifecycle", m{{"preStop", m{{"sleep", m{{"seconds", 5}}}}}}},
		{"resources", m{
			{"requests", m{{"cpu", "50m"}, {"memory", "64Mi"}}},
			{"limits", m{{"memory", "256Mi"}}},
		}},
		{"securityContext", m{
			{"allowPrivilegeEscalation", false}, {"readOnlyRootFilesystem", true},
			{"capabilities", m{{"drop", []string{"ALL"}}}},
		}},
	}
	return m{{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"metadata", meta}, {"spec", m{
		{"replicas", 1},
		{"selector", m{{"matchLabels", selector}}},
		{"strategy", m{{"rollingUpdate", m{{"maxUnavailable", 0}, {"maxSurge", 1}}}}},
		{"template", m{
			{"metadata", m{
				{"labels", selector},
				{"annotations", m{{"prometheus.io/scrape", "true"}, {"prometheus.io/port", "8080"}, {"prometheus.io/path", "/metrics"}}},
			}},
			{"spec", m{
				{"serviceAccountName", name},
				{"automountServiceAccountToken", false},
				{"terminationGracePeriodSeconds", 20},
				{"securityContext", m{
					{"runAsNonRoot", true}, {"runAsUser", 65532}, {"runAsGroup", 65532},
					{"seccompProfile", m{{"type", "RuntimeDefault"}}},
				}},
				{"containers", []m{container}},
			}},
		}},
	}}}
}

// Overlay makes the part of one environment.
func Overlay(s Service, e Environment) []forge.File {
	name := ObjectName(s.Name)
	replicas := map[string]int{Dev: 1, Staging: 2}[e.Kind]
	labels := m{{"sphera.dev/environment", labelValue(e.ID)}}
	if e.Region != "" {
		labels = append(labels, kv{"sphera.dev/region", labelValue(e.Region)})
	}
	k := m{
		{"apiVersion", "kustomize.config.k8s.io/v1beta1"},
		{"kind", "Kustomization"},
		{"namespace", name},
		{"labels", []m{{{"pairs", labels}, {"includeTemplates", true}}}},
	}
	comment := s.Name + " in " + e.ID
	annotations := m{}
	if e.Cluster != "" {
		annotations = append(annotations, kv{"sphera.dev/cluster", e.Cluster})
	}
	if e.Kind == Production {
		annotations = append(annotations, kv{HoldAnnotation, held})
		comment += ": " + held
	}
	if len(annotations) > 0 {
		k = append(k, kv{"commonAnnotations", annotations})
	}
	k = append(k,
		kv{"resources", []string{"../../base"}},
		kv{"replicas", []m{{{"name", name}, {"count", replicas}}}},
		kv{"images", []m{{{"name", name}, {"newTag", "main"}}}},
		kv{"configMapGenerator", []m{{{"name", name}, {"literals", []string{
			"SERVICE_NAME=" + s.Name, "SPHERA_ENVIRONMENT=" + e.ID, "OFREP_ENDPOINT=http://sphera.sphera.svc/flags/" + e.ID,
		}}}}},
	)
	return []forge.File{file(OverlayFolder(s.Name, e.ID)+"/kustomization.yaml", document(comment+".", k))}
}

func orName(s, otherwise string) string {
	if ObjectName(s) == "" {
		return otherwise
	}
	return s
}

// labelValue fits text to what a label may have: 63 characters of letters,
// digits, dot, dash and underscore, with a letter or digit at both ends.
func labelValue(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			out = append(out, r)
		default:
			out = append(out, '-')
		}
	}
	if len(out) > 63 {
		out = out[:63]
	}
	edge := func(r rune) bool { return r == '.' || r == '-' || r == '_' }
	for len(out) > 0 && edge(out[0]) {
		out = out[1:]
	}
	for len(out) > 0 && edge(out[len(out)-1]) {
		out = out[:len(out)-1]
	}
	return string(out)
}
