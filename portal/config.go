package portal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sphera/internal/audit/sink"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// config is how the server is set up: flags, then SPHERA_* variables, then one
// file. Every option is a flag; the names of the others follow from it:
// --data-dir, SPHERA_DATA_DIR, data-dir in the file.
type config struct {
	listen          string
	publicURL       string
	dataDir         string
	databaseURL     string
	databaseURLFile string
	secretKey       string
	secretKeyFile   string
	auditKey        string
	auditKeyFile    string
	auditSinks      []string
	logLevel        string
	workers         int
	lease           time.Duration
	trustedProxies  []string
	trustedOrigins  []string
	allowPrivate    bool
	stopAfter       time.Duration
	mail            mailConfig
	signin          signinConfig
	flagSyncListen  string
	flagSyncCert    string
	flagSyncKey     string
	flagContext     map[string]string
	// folder is the name of the data folder; sphera when empty.
	folder string
}

const configFlag = "config"

func (c *config) flags(f *pflag.FlagSet) {
	c.signin.flags(f)
	f.String(configFlag, "", "YAML or JSON file with options by the names of the flags")
	f.StringVar(&c.listen, "listen", "127.0.0.1:8080", "address to listen on")
	f.StringVar(&c.publicURL, "public-url", "", "address people reach the portal at (default http://LISTEN)")
	f.StringVar(&c.dataDir, "data-dir", "", "folder for the database, the repositories and what services run from (default $XDG_DATA_HOME/sphera)")
	f.StringVar(&c.databaseURL, "database-url", "", "postgres://... (default: a SQLite file in the data folder)")
	f.StringVar(&c.databaseURLFile, "database-url-file", "", "file that holds the database URL, so that its password stands in no command line")
	f.StringVar(&c.secretKey, "secret-key", "", "key that stored secrets are sealed with, base64 of 32 bytes (default: secret.key in the data folder, made at the first start)")
	f.StringVar(&c.secretKeyFile, "secret-key-file", "", "file that holds the key, so that it stands in no command line")
	f.StringVar(&c.auditKey, "audit-key", "", "key that signs checkpoints of the audit log, base64 of 32 bytes (default: audit.key in the data folder, made at the first start)")
	f.StringVar(&c.auditKeyFile, "audit-key-file", "", "file that holds the key, so that it stands in no command line")
	f.StringArrayVar(&c.auditSinks, "audit-sink", nil, "where the audit log goes, too: file:/path, syslog:/dev/log, syslog+tcp://host:port, syslog+udp://host:port or https://host/path; ?format=ocsf, ?required=true, ?token-file=/path (repeatable)")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.IntVar(&c.workers, "workers", 16, "runs worked on at the same time")
	f.DurationVar(&c.lease, "lease", 6*time.Second, "how long a replica may be silent before others take over its runs and services")
	f.StringSliceVar(&c.trustedProxies, "trusted-proxy", nil, "address or network of a proxy whose X-Forwarded-For counts (repeatable)")
	f.StringSliceVar(&c.trustedOrigins, "trusted-origin", nil, "further origin whose pages may send changes, e.g. https://portal.example.com (repeatable)")
	c.mail.flags(f)
	f.BoolVar(&c.allowPrivate, "allow-private-webhooks", false, "let webhooks reach private and loopback addresses")
	f.DurationVar(&c.stopAfter, "stop-delay", 5*time.Second, "how long to answer that the server is not ready before it stops listening")
	c.flagFlags(f)
}

// flagFlags are the options of the flag server; a relay has them, too.
func (c *config) flagFlags(f *pflag.FlagSet) {
	f.StringVar(&c.flagSyncListen, "flag-sync-listen", "", "address for flagd's gRPC sync, e.g. 127.0.0.1:8015 (default: none)")
	f.StringVar(&c.flagSyncCert, "flag-sync-cert", "", "file with the certificate chain for that address (default: no TLS)")
	f.StringVar(&c.flagSyncKey, "flag-sync-key", "", "file with the key of the certificate")
	f.StringToStringVar(&c.flagContext, "flag-context", nil, "name=value that in-process clients add to their context, e.g. region=eu-west-1")
}

// load fills in what no flag said from the environment and the file.
func (c *config) load(command *cobra.Command, env func(string) string) error {
	flags := command.Flags()
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		value := env(variable(f.Name))
		if value == "" || f.Changed {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, usage("%s: %v", variable(f.Name), err))
		}
	})
	path, err := flags.GetString(configFlag)
	if err != nil {
		return fmt.Errorf("read --%s: %w", configFlag, err)
	}
	if path != "" {
		errs = append(errs, fromFile(flags, path))
	}
	return errors.Join(errors.Join(errs...), c.complete(env))
}

func variable(flag string) string {
	return "SPHERA_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromFile sets the options of a file; one that does not exist is a mistake
// and not ignored.
func fromFile(flags *pflag.FlagSet, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return usage("read the configuration: %v", err)
	}
	values := map[string]any{}
	dec := yaml.NewDecoder(bytes.NewReader(raw)) // JSON is YAML; keys that come twice are refused
	if err := dec.Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return usage("%s: %v", path, err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return usage("%s: there is more than one document", path)
	}
	var errs []error
	for name, value := range values {
		f := flags.Lookup(name)
		switch {
		case f == nil || name == configFlag || name == "help":
			errs = append(errs, usage("%s: there is no option %q; see --help", path, name))
			continue
		case f.Changed:
			continue
		}
		if list, ok := value.([]any); ok {
			parts := make([]string, 0, len(list))
			for _, v := range list {
				parts = append(parts, fmt.Sprint(v))
			}
			value = strings.Join(parts, ",")
		}
		if err := flags.Set(name, fmt.Sprint(value)); err != nil {
			errs = append(errs, usage("%s: %s: %v", path, name, err))
		}
	}
	return errors.Join(errs...)
}

func (c *config) complete(env func(string) string) error {
	if c.dataDir == "" {
		base := env("XDG_DATA_HOME")
		if !filepath.IsAbs(base) {
			home := env("HOME")
			if home == "" {
				return usage("neither XDG_DATA_HOME nor HOME is set: say where data goes with --data-dir")
			}
			base = filepath.Join(home, ".local", "share")
		}
		folder := c.folder
		if folder == "" {
			folder = "sphera"
		}
		c.dataDir = filepath.Join(base, folder)
	}
	dir, err := filepath.Abs(c.dataDir)
	if err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	c.dataDir = dir
	if err := c.mail.complete(); err != nil {
		return err
	}
	if c.secretKeyFile != "" {
		if c.secretKey != "" {
			return usage("--secret-key and --secret-key-file exclude each other")
		}
		raw, err := os.ReadFile(c.secretKeyFile)
		if err != nil {
			return usage("read the secret key: %v", err)
		}
		c.secretKey = string(raw)
	}
	if c.auditKeyFile != "" {
		if c.auditKey != "" {
			return usage("--audit-key and --audit-key-file exclude each other")
		}
		raw, err := os.ReadFile(c.auditKeyFile)
		if err != nil {
			return usage("read the audit key: %v", err)
		}
		c.auditKey = string(raw)
	}
	if c.databaseURLFile != "" {
		if c.databaseURL != "" {
			return usage("--database-url and --database-url-file exclude each other")
		}
		raw, err := os.ReadFile(c.databaseURLFile)
		if err != nil {
			return usage("read the database URL: %v", err)
		}
		c.databaseURL = strings.TrimSpace(string(raw))
	}
	if c.databaseURL != "" && !strings.HasPrefix(c.databaseURL, "postgres://") && !strings.HasPrefix(c.databaseURL, "postgresql://") {
		return usage("--database-url must begin with postgres://; without it a SQLite file in the data folder is used")
	}
	if c.publicURL != "" {
		u, err := url.Parse(c.publicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
			return usage("--public-url is %q; it looks like https://sphera.example.com", c.publicURL)
		}
		c.publicURL = u.Scheme + "://" + u.Host
	}
	if c.workers < 1 || c.lease < time.Second {
		return usage("--workers must be at least 1 and --lease at least 1s")
	}
	if (c.flagSyncCert == "") != (c.flagSyncKey == "") {
		return usage("--flag-sync-cert and --flag-sync-key need each other")
	}
	_, err = c.proxies()
	return errors.Join(err, c.level(new(slog.LevelVar)))
}

// database is what store.Open takes.
func (c *config) database() string {
	if c.databaseURL != "" {
		return c.databaseURL
	}
	return filepath.Join(c.dataDir, "sphera.db")
}

// sinks reads where the audit log goes.
func (c *config) sinks() ([]sink.Spec, error) {
	out := make([]sink.Spec, 0, len(c.auditSinks))
	for _, text := range c.auditSinks {
		s, err := sink.Parse(text)
		if err != nil {
			return nil, usage("--audit-sink: %v", err)
		}
		out = append(out, s)
	}
	return out, nil
}

func (c *config) proxies() ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(c.trustedProxies))
	for _, text := range c.trustedProxies {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, usage("--trusted-proxy %q is neither an address nor a network", text)
		}
		out = append(out, p)
	}
	return out, nil
}

func (c *config) level(v *slog.LevelVar) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.logLevel)); err != nil {
		return usage("--log-level is %q; it must be debug, info, warn or error", c.logLevel)
	}
	v.Set(l)
	return nil
}

// address is where people find a portal that listens on addr.
func (c *config) address(addr net.Addr) string {
	if c.publicURL != "" {
		return c.publicURL
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip, err := netip.ParseAddr(host); err == nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}
