package portal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sphera/internal/auth"
	"sphera/internal/oidc"
	"sphera/internal/outgoing"
	"sphera/internal/scim"
	"sphera/internal/secret"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// signinConfig is how people sign in. One provider can be given by options,
// several by a file.
type signinConfig struct {
	one        providerConfig
	mapping    []string
	file       string
	noPassword bool
	breakGlass bool
	fresh      time.Duration
}

// providerConfig is a provider as it stands in the file.
type providerConfig struct {
	ID               string          `yaml:"id"`
	Title            string          `yaml:"title"`
	Issuer           string          `yaml:"issuer"`
	ClientID         string          `yaml:"client-id"`
	ClientSecretFile string          `yaml:"client-secret-file"`
	Scopes           []string        `yaml:"scopes"`
	GroupsClaim      string          `yaml:"groups-claim"`
	Map              []mappingConfig `yaml:"map"`
	TrustEmail       bool            `yaml:"trust-email"`
	OnlyKnown        bool            `yaml:"only-known"`
	DirectoryClaim   string          `yaml:"directory-claim"`
	// secret is for SPHERA_OIDC_CLIENT_SECRET and --oidc-client-secret.
	secret string
}

type mappingConfig struct {
	Group string `yaml:"group"`
	Role  string `yaml:"role"`
	Team  string `yaml:"team"`
}

func (c *signinConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&c.one.Issuer, "oidc-issuer", "", "OpenID provider where people sign in, e.g. https://id.example.com")
	f.StringVar(&c.one.ID, "oidc-id", "company", "name of the provider in addresses")
	f.StringVar(&c.one.Title, "oidc-title", "your company's account", "name of the provider on the sign-in page")
	f.StringVar(&c.one.ClientID, "oidc-client-id", "", "client id of this portal at the provider")
	f.StringVar(&c.one.secret, "oidc-client-secret", "", "client secret of this portal at the provider")
	f.StringVar(&c.one.ClientSecretFile, "oidc-client-secret-file", "", "file that holds the client secret, so that it stands in no command line")
	f.StringSliceVar(&c.one.Scopes, "oidc-scope", []string{"profile", "email"}, "what to ask the provider for besides openid; offline_access lets sessions be renewed silently (repeatable)")
	f.StringVar(&c.one.GroupsClaim, "oidc-groups-claim", "", "claim with the groups of a person")
	f.StringSliceVar(&c.mapping, "oidc-map", nil, "role or team of a group, e.g. platform-admins=role:administrator or payments=team:payments (repeatable)")
	f.BoolVar(&c.one.TrustEmail, "oidc-trust-email", false, "take addresses that the provider does not say it has verified")
	f.BoolVar(&c.one.OnlyKnown, "oidc-only-known", false, "sign in only people who have an account")
	f.StringVar(&c.one.DirectoryClaim, "oidc-directory-claim", "sub", "claim that SCIM knows as externalId or userName")
	f.StringVar(&c.file, "oidc-file", "", "YAML file with several providers")
	f.BoolVar(&c.noPassword, "no-passwords", false, "let people sign in at the provider only")
	f.BoolVar(&c.breakGlass, "break-glass", false, "let administrators sign in by password although --no-passwords is set; each use is an error in the log and an audit event")
	f.DurationVar(&c.fresh, "fresh-sign-in", 12*time.Hour, "how long ago somebody may have signed in to change roles, policies and the like")
}

// providers are what the options and the file say.
func (c *signinConfig) providers() ([]oidc.Config, error) {
	var list []providerConfig
	if c.one.Issuer != "" {
		one := c.one
		for _, text := range c.mapping {
			m, err := parseMapping(text)
			if err != nil {
				return nil, err
			}
			one.Map = append(one.Map, m)
		}
		list = append(list, one)
	}
	if c.file != "" {
		more, err := readProviders(c.file)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	if len(list) == 0 && c.noPassword {
		return nil, usage("--no-passwords needs a provider: say --oidc-issuer or --oidc-file")
	}
	out := make([]oidc.Config, 0, len(list))
	for _, p := range list {
		one, err := p.config()
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func parseMapping(text string) (mappingConfig, error) {
	at := strings.LastIndex(text, "=") // groups may be names with =
	if at < 1 {
		return mappingConfig{}, usage("--oidc-map %q; it looks like GROUP=role:ROLE or GROUP=team:TEAM", text)
	}
	kind, name, ok := strings.Cut(text[at+1:], ":")
	m := mappingConfig{Group: text[:at]}
	switch {
	case ok && kind == "role" && name != "":
		m.Role = name
	case ok && kind == "team" && name != "":
		m.Team = name
	default:
		return mappingConfig{}, usage("--oidc-map %q; it looks like GROUP=role:ROLE or GROUP=team:TEAM", text)
	}
	return m, nil
}

func readProviders(path string) ([]providerConfig, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("read the providers: %v", err)
	}
	var doc struct {
		Providers []providerConfig `yaml:"providers"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, usage("%s: %v", path, err)
	}
	for i, p := range doc.Providers {
		if p.ClientSecretFile != "" && !filepath.IsAbs(p.ClientSecretFile) {
			doc.Providers[i].ClientSecretFile = filepath.Join(filepath.Dir(path), p.ClientSecretFile)
		}
	}
	return doc.Providers, nil
}

func (p providerConfig) config() (oidc.Config, error) {
	if p.ClientSecretFile != "" {
		if p.secret != "" {
			return oidc.Config{}, usage("--oidc-client-secret and --oidc-client-secret-file exclude each other")
		}
		raw, err := os.ReadFile(p.ClientSecretFile)
		if err != nil {
			return oidc.Config{}, usage("read the client secret: %v", err)
		}
		p.secret = strings.TrimSpace(string(raw))
	}
	out := oidc.Config{
		ID: p.ID, Title: p.Title, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: secret.NewValue(p.secret), Scopes: p.Scopes,
		GroupsClaim: p.GroupsClaim, TrustEmail: p.TrustEmail, OnlyKnown: p.OnlyKnown, DirectoryClaim: p.DirectoryClaim,
	}
	for _, m := range p.Map {
		out.Map = append(out.Map, oidc.Mapping{Group: m.Group, Role: m.Role, Team: m.Team})
	}
	return out, nil
}

// newSignIn puts together what signs people in.
func (p *parts) newSignIn(c *config, sealer *secret.Sealer) (*oidc.Service, error) {
	configs, err := c.signin.providers()
	if err != nil {
		return nil, err
	}
	p.auth.Configure(auth.Options{NoPasswords: c.signin.noPassword, BreakGlass: c.signin.breakGlass, Fresh: c.signin.fresh, Log: p.log})
	p.directories = scim.New(scim.Deps{DB: p.db, Auth: p.auth, Audit: p.audit, PublicURL: p.address, Log: p.log, Now: p.now})
	s, err := oidc.New(oidc.Deps{
		DB: p.db, Auth: p.auth, Audit: p.audit, Sealer: sealer,
		// The operator names the providers, which may be inside; administrators
		// name the issuers of trust rules.
		Client: outgoing.New(true).HTTP(), Guarded: outgoing.New(c.allowPrivate).HTTP(),
		Directory: p.directories.Find, PublicURL: p.address, Log: p.log, Now: p.now,
	}, configs...)
	if err != nil {
		return nil, usage("%v", err)
	}
	return s, nil
}
