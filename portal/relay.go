package portal

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"sphera/internal/flag/serve"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// relay is how a relay is set up: options of the server that it shares, and
// where its flags come from.
type relay struct {
	config
	upstream string
	key      string
	keyFile  string
}

func (a *app) relayCommand() *cobra.Command {
	c := &relay{}
	command := &cobra.Command{
		Use: "relay", Short: "Serve flags near the services, fed by a portal", Args: cobra.NoArgs,
		Long: `Runs the evaluation of flags alone, for a region or a cluster. It is fed by the
portal at --upstream, keeps a copy in its data folder, and serves on when the
portal is gone. The key is made with POST /v1/flag-relays.

Every option can also be an environment variable (--upstream is
SPHERA_UPSTREAM).`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := c.load(command, a.env); err != nil {
				return err
			}
			if err := c.check(); err != nil {
				return err
			}
			return a.relay(command.Context(), c)
		},
	}
	f := command.Flags()
	f.String(configFlag, "", "YAML or JSON file with options by the names of the flags")
	f.StringVar(&c.upstream, "upstream", "", "address of the portal, e.g. https://sphera.example.com")
	f.StringVar(&c.key, "key", "", "the relay's key (spr_...)")
	f.StringVar(&c.keyFile, "key-file", "", "file that holds the key, so that it stands in no command line")
	f.StringVar(&c.listen, "listen", "127.0.0.1:8080", "address to listen on")
	f.StringVar(&c.publicURL, "public-url", "", "address clients reach the relay at; https:// makes browsers stay with it")
	f.StringVar(&c.dataDir, "data-dir", "", "folder for the copy of the flags (default $XDG_DATA_HOME/sphera-relay)")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringSliceVar(&c.trustedProxies, "trusted-proxy", nil, "address or network of a proxy whose X-Forwarded-For counts (repeatable)")
	f.DurationVar(&c.stopAfter, "stop-delay", 5*time.Second, "how long to answer that the relay is not ready before it stops listening")
	c.flagFlags(f)
	c.workers, c.lease, c.folder = 1, time.Second, "sphera-relay"
	return command
}

func (c *relay) check() error {
	if c.keyFile != "" {
		if c.key != "" {
			return usage("--key and --key-file exclude each other")
		}
		raw, err := os.ReadFile(c.keyFile)
		if err != nil {
			return usage("read the key: %v", err)
		}
		c.key = string(raw)
	}
	if c.key = strings.TrimSpace(c.key); !strings.HasPrefix(c.key, "spr_") {
		return usage("--key or --key-file must give a relay's key, which begins with spr_")
	}
	u, err := url.Parse(c.upstream)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usage("--upstream is %q; it looks like https://sphera.example.com", c.upstream)
	}
	return nil
}

// relay runs a relay until it is told to stop.
func (a *app) relay(ctx context.Context, c *relay) error {
	log, err := a.logger(&c.config)
	if err != nil {
		return err
	}
	dir, err := openDataDir(c.dataDir, true)
	if err != nil {
		return err
	}
	defer dir.close()
	proxies, err := c.proxies()
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	flags := serve.New(serve.Options{
		Now: a.now, Log: log, Metrics: registry, Dir: flagDir(&c.config), Secure: isHTTPS(c.publicURL), Address: sender(proxies), SyncContext: c.flagContext, Relay: true,
	})
	stopping := make(chan struct{})
	front, err := a.openDoor(ctx, &c.config, log, flags.Front(signs(flags, registry, stopping)))
	if err != nil {
		return err
	}
	sync, err := openSync(ctx, &c.config, log, flags)
	if err != nil {
		return errors.Join(err, front.close())
	}
	log.InfoContext(ctx, "the relay listens", "address", front.listener.Addr().String(), "upstream", c.upstream)
	return a.runRelay(ctx, c, log, flags, front, sync, stopping)
}

func (a *app) runRelay(ctx context.Context, c *relay, log *slog.Logger, flags *serve.Server, front, sync *door, stopping chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	working, stopWorking := context.WithCancel(ctx)
	defer stopWorking()
	upstream := serve.Upstream{URL: c.upstream, Key: c.key, Client: serve.NewClient()}
	group.Go(func() error { return flags.Work(working) })
	group.Go(func() error { return flags.Flush(working, upstream.Send) })
	group.Go(func() error { return upstream.Follow(working, flags) })
	group.Go(front.wait)
	if sync != nil {
		group.Go(sync.wait)
	}
	begun := make(chan struct{})
	group.Go(func() error {
		defer cancel()
		return a.stop(ctx, &c.config, front.server, func() { close(begun) }, func() { close(stopping) }, func() {
			flags.Stop()
			if err := sync.close(); err != nil {
				log.WarnContext(ctx, "close flagd's sync", "error", err)
			}
			stopWorking()
		})
	})
	return a.wait(begun, group)
}

// signs answers what those who look after a relay ask.
func signs(flags *serve.Server, registry *prometheus.Registry, stopping <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, ok bool) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		status := http.StatusOK
		if !ok {
			status = http.StatusServiceUnavailable
		}
		reply(w, status, map[string]any{"ok": ok})
	}
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, true) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-stopping:
			answer(w, false)
		default:
			answer(w, flags.Ready())
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	return mux
}
