package rules

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestS53_CertificatesAreAlwaysVerified: nothing switches the check of
// certificates off, and nothing speaks TLS older than 1.2.
func TestS53_CertificatesAreAlwaysVerified(t *testing.T) {
	bad := regexp.MustCompile(`InsecureSkipVerify\s*[:=]|VersionTLS1[01]\b|VersionSSL30|rejectUnauthorized\s*[:=]|NODE_TLS_REJECT|--insecure\b|http\.sslVerify`)
	files(t, func(path string) {
		switch filepath.Ext(path) {
		case ".go", ".ts", ".tsx", ".mjs", ".js", ".sh":
		default:
			return
		}
		if path == "internal/rules/supply_test.go" {
			return
		}
		if found := bad.Find(read(t, path)); found != nil {
			t.Errorf("%s has %q: certificates are verified, always", path, found)
		}
	})
}

// moduleBudget is how many modules the server may be linked from.
const moduleBudget = 60

// TestS54_FewDependencies counts the modules that are linked into the server,
// and wants every one of them fixed by a checksum.
func TestS54_FewDependencies(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/sphera")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("list what the server is made of: %v", err)
	}
	sums := string(read(t, "go.sum"))
	modules := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			modules[line] = true
		}
	}
	if len(modules) < 5 || len(modules) > moduleBudget {
		t.Errorf("the server is linked from %d modules; at most %d are allowed", len(modules), moduleBudget)
	}
	for m := range modules {
		if !strings.Contains(sums, m+" h1:") {
			t.Errorf("%s has no checksum in go.sum", m)
		}
	}
	t.Logf("%d modules", len(modules))
}
