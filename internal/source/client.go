// Package source knows the programs that fill the catalog: which fields they
// wrote and when, what they report, sweep by sweep, and how many deletes of
// theirs are carried out before a person has to look; see docs/sources.md.
package source

import "strings"

// Kinds of sources.
const (
	// Exporter is Port's exporter for Kubernetes.
	Exporter = "exporter"
	// Ocean is an integration of Port's framework of that name.
	Ocean = "ocean"
	// Terraform is Port's provider. What it deletes somebody saw in a plan.
	Terraform = "terraform"
	// Report is a program that reports by the protocol of Sphera.
	Report = "report"
	// Webhook is a webhook whose mappings write entities.
	Webhook = "webhook"
	// Person is everybody else: the UI, the command line, scripts.
	Person = "person"
)

// Client is who calls, as far as the User-Agent tells.
type Client struct {
	// ID names the source in the provenance of fields. It stays the same when
	// the program is updated.
	ID   string
	Kind string
	// Prefix and Suffix select the datasources of the source's entities.
	Prefix, Suffix string
	// UserAgent is the datasource of what the call writes.
	UserAgent string
	// Caller is the id of the user whose credential the call came with.
	Caller string
}

// Of tells who calls.
func Of(userAgent, caller string) Client {
	c := Client{UserAgent: userAgent, Caller: caller}
	product, rest, _ := strings.Cut(userAgent, " ")
	parts := strings.Split(product, "/")
	switch {
	case parts[0] == exporterAgent:
		key := stateKey(rest)
		c.Kind, c.ID, c.Prefix, c.Suffix = Exporter, exporterAgent+"/"+key, exporterAgent, "(statekey/"+key+")"
		if key == "" {
			c.ID, c.Suffix = exporterAgent, ""
		}
	case parts[0] == oceanAgent && len(parts) >= 4:
		kind, rest := parts[1], parts[2:]
		if version(rest[0]) {
			rest = rest[1:]
		}
		c.Kind, c.ID = Ocean, oceanAgent+"/"+kind+"/"+rest[0]
		c.Prefix, c.Suffix = oceanAgent+"/"+kind+"/", "/"+strings.Join(rest, "/")
	case strings.HasPrefix(userAgent, terraformAgent):
		c.Kind, c.ID = Terraform, Terraform
	case strings.HasPrefix(userAgent, webhookAgent+"/"):
		c = OfWebhook(strings.TrimPrefix(userAgent, webhookAgent+"/"))
	case strings.HasPrefix(userAgent, reportAgent+"/"):
		c = reporter(strings.TrimPrefix(userAgent, reportAgent+"/"), caller)
	default:
		c.Kind, c.ID = Person, caller
	}
	return c
}

const (
	exporterAgent  = "port-k8s-exporter"
	oceanAgent     = "port-ocean"
	terraformAgent = "terraform-provider-port"
	reportAgent    = "sphera-source"
	webhookAgent   = "port-webhook"
	// stubAgent begins the datasource of entities that were made because a
	// relation named them.
	stubAgent = "port-auto-"
)

// version says whether part of a User-Agent is a version: Ocean sends
// port-ocean/TYPE/VERSION/IDENTIFIER/FEATURE, older ones leave out VERSION.
func version(part string) bool {
	return part != "" && strings.Trim(part[:1], "0123456789") == "" && strings.Contains(part, ".")
}

// stateKey reads KEY of "(statekey/KEY)".
func stateKey(comment string) string {
	_, key, _ := strings.Cut(comment, "(statekey/")
	key, _, _ = strings.Cut(key, ")")
	return key
}

// reporter is the client of a source that reports by the protocol of Sphera.
func reporter(id, caller string) Client {
	agent := reportAgent + "/" + id
	return Client{ID: id, Kind: Report, Prefix: agent, Suffix: agent, UserAgent: agent, Caller: caller}
}

// OfWebhook is the client that a webhook's mappings write and delete as.
func OfWebhook(identifier string) Client {
	agent, id := webhookAgent+"/"+identifier, Webhook+"/"+identifier
	return Client{ID: id, Kind: Webhook, Prefix: agent, Suffix: agent, UserAgent: agent, Caller: id}
}

// wrote says whether a field's source, as the provenance names it, is c: by its
// id, by a User-Agent of it, or as the writer of stubs of related entities.
func (c Client) wrote(source string) bool {
	if rest, stub := strings.CutPrefix(source, stubAgent); stub {
		source = "port-" + rest
	}
	return source == c.ID || source == c.UserAgent || Of(source, "").ID == c.ID
}

// Braked says whether deletes of the client are counted against its brake.
func (c Client) Braked() bool {
	return c.Kind == Exporter || c.Kind == Ocean || c.Kind == Report || c.Kind == Webhook
}
