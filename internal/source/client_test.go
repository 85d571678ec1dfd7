package source_test

import (
	"testing"

	"sphera/internal/source"
)

func TestClientsAreKnownByTheirUserAgent(t *testing.T) {
	for _, test := range []struct{ agent, kind, id, prefix, suffix string }{
		{"port-k8s-exporter/0.5.1 (statekey/prod)", source.Exporter, "port-k8s-exporter/prod", "port-k8s-exporter", "(statekey/prod)"},
		{"port-k8s-exporter/0.6.0 (statekey/prod)", source.Exporter, "port-k8s-exporter/prod", "port-k8s-exporter", "(statekey/prod)"},
		{"port-k8s-exporter/0.6.0", source.Exporter, "port-k8s-exporter", "port-k8s-exporter", ""},
		{"port-ocean/github/1.2.3/my-org/exporter", source.Ocean, "port-ocean/github/my-org", "port-ocean/github/", "/my-org/exporter"},
		{"port-ocean/github/1.2.4/my-org/exporter", source.Ocean, "port-ocean/github/my-org", "port-ocean/github/", "/my-org/exporter"},
		{"port-ocean/github/my-org/exporter", source.Ocean, "port-ocean/github/my-org", "port-ocean/github/", "/my-org/exporter"},
		{"port-webhook/alerts", source.Webhook, "webhook/alerts", "port-webhook/alerts", "port-webhook/alerts"},
		{"port-ocean", source.Person, "u1", "", ""},
		{"terraform-provider-port-labs/2.0.0", source.Terraform, "terraform", "", ""},
		{"Mozilla/5.0 (X11; Linux)", source.Person, "u1", "", ""},
		{"", source.Person, "u1", "", ""},
	} {
		c := source.Of(test.agent, "u1")
		if c.Kind != test.kind || c.ID != test.id || c.Prefix != test.prefix || c.Suffix != test.suffix {
			t.Errorf("%s: %+v", test.agent, c)
		}
		if braked := test.kind == source.Exporter || test.kind == source.Ocean || test.kind == source.Webhook; c.Braked() != braked {
			t.Errorf("%s: braked %v", test.agent, c.Braked())
		}
	}
}
