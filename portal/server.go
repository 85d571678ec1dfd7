package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"sphera/internal/access"
	"sphera/internal/api"
	"sphera/internal/auth"
	"sphera/internal/flag/code"
	"sphera/internal/store"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

const (
	stopRequests = 20 * time.Second
	stopHard     = 30 * time.Second
)

func (a *app) serverCommand() *cobra.Command {
	c := &config{}
	command := &cobra.Command{
		Use: "server", Short: "Run the portal", Args: cobra.NoArgs,
		Long: `Runs the portal. Without options it listens on 127.0.0.1:8080 and keeps
everything in one folder, with SQLite as the database. Several servers can work
together on one PostgreSQL (--database-url).

Every option can also be an environment variable (--data-dir is SPHERA_DATA_DIR)
or an entry of the file named by --config (data-dir). Flags come before
variables, variables before the file.`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := c.load(command, a.env); err != nil {
				return err
			}
			return a.serve(command.Context(), c, nil)
		},
	}
	c.flags(command.Flags())
	return command
}

func (a *app) migrateCommand() *cobra.Command {
	c := &config{}
	command := &cobra.Command{
		Use: "migrate", Short: "Bring the database's schema up to date and stop", Args: cobra.NoArgs,
		Long: "The server does the same when it starts; this is for those who want it as a step of its own.",
		RunE: func(command *cobra.Command, _ []string) error {
			if err := c.load(command, a.env); err != nil {
				return err
			}
			dir, err := openDataDir(c.dataDir, c.databaseURL == "")
			if err != nil {
				return err
			}
			defer dir.close()
			log, err := a.logger(c)
			if err != nil {
				return err
			}
			db, err := store.Open(command.Context(), c.database(), log)
			if err != nil {
				return err
			}
			return errors.Join(db.Migrate(command.Context()), db.Close())
		},
	}
	c.flags(command.Flags())
	return command
}

func (a *app) logger(c *config) (*slog.Logger, error) {
	level := new(slog.LevelVar)
	if err := c.level(level); err != nil {
		return nil, err
	}
	return slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: level})), nil
}

// as is a context in which the portal itself does some work. A store that is
// asked without anybody acting refuses.
func as(ctx context.Context, work string) context.Context {
	return auth.WithPrincipal(ctx, auth.System(work))
}

// prepared is what a prelude adds to a portal.
type prepared struct {
	// users are the people of the demo; nil outside of it.
	users []api.DemoUser
	// banner is printed when the portal listens.
	banner func(address string)
	// later runs beside the portal after it has started; nil for nothing.
	later func(ctx context.Context)
}

// prelude prepares a portal before it listens.
type prelude func(ctx context.Context, p *parts) (prepared, error)

// serve runs the portal until it is told to stop.
func (a *app) serve(ctx context.Context, c *config, before prelude) error {
	debug.SetGCPercent(60) // a portal is idle most of the time: rather small than fast
	log, err := a.logger(c)
	if err != nil {
		return err
	}
	dir, err := openDataDir(c.dataDir, c.databaseURL == "")
	if err != nil {
		return err
	}
	defer dir.close()
	p, front, err := a.begin(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { p.warn(ctx, "close the door", front.close()) }()
	with := prepared{banner: a.banner(ctx, p)}
	if before != nil {
		with, err = before(as(ctx, "demo"), p)
	}
	if err == nil {
		err = a.listen(ctx, c, p, front, with)
	}
	if errors.Is(err, errHardStop) {
		return err // what still works is not waited for
	}
	return errors.Join(err, p.close())
}

// banner prints where the portal is, and on a new one the link to set it up.
func (a *app) banner(ctx context.Context, p *parts) func(string) {
	return func(address string) {
		fmt.Fprintf(a.stdout, "Sphera is at %s\n", address)
		token, needed, err := p.auth.Bootstrap(ctx)
		switch {
		case err != nil:
			p.log.ErrorContext(ctx, "make the setup link", "error", err)
		case needed:
			fmt.Fprintf(a.stdout, "Nobody has an account yet. Within 15 minutes make the first one at\n  %s/setup?token=%s\n", address, token)
		}
	}
}

var errHardStop = errors.New("stopped before all work was given back; it is taken up again at the next start")

func (a *app) listen(ctx context.Context, c *config, p *parts, front *door, with prepared) error {
	proxies, err := c.proxies()
	if err != nil {
		return err
	}
	handler, err := p.serve(c, proxies, with.users)
	if err != nil {
		return err
	}
	inside := p.flagServer.Front(handler)
	if front == nil {
		if front, err = a.openDoor(ctx, c, p.log, inside); err != nil {
			return err
		}
	}
	front.inside.Store(&inside)
	sync, err := openSync(ctx, c, p.log, p.flagServer)
	if err != nil {
		return errors.Join(err, front.close())
	}
	p.publicURL.Store(c.address(front.listener.Addr()))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	working, stopWorking := context.WithCancel(ctx)
	defer stopWorking()
	working = as(working, "work")
	group.Go(func() error { return notCanceled(p.runs.Work(working)) })
	group.Go(func() error { return notCanceled(p.runtime.Supervise(working)) })
	group.Go(func() error { return handler.Watch(working) })
	group.Go(func() error { return p.tidy(working) })
	group.Go(func() error { return p.derive(working) })
	group.Go(func() error { return p.migrations.Work(working) })
	group.Go(func() error { return p.sources.Work(working, p.log) })
	group.Go(func() error { return p.people.Work(working, p.log) })
	group.Go(func() error { return p.forget(working) })
	group.Go(func() error { return p.policies.Run(working) })
	group.Go(func() error { return p.hooks.Work(as(working, access.Ingest)) })
	group.Go(func() error { return p.changes.Work(working) })
	group.Go(func() error { return p.courier.Work(working) })
	group.Go(func() error { return p.sealer.Work(working) })
	group.Go(func() error { return p.sinks.Work(working) })
	group.Go(func() error { return p.flags.Work(working) })
	group.Go(func() error { return (&code.Scanner{Forge: p.forge, Flags: p.flags, Log: p.log}).Work(working) })
	group.Go(func() error { return p.automation.Work(working) })
	group.Go(func() error { return p.approvals.Work(working) })
	group.Go(func() error { return p.signin.Run(working) })
	group.Go(func() error { return p.followVerdicts(working) })
	group.Go(func() error { return p.followScorecards(working) })
	group.Go(func() error { return p.flagServer.Work(working) })
	group.Go(func() error { return p.flagServer.Flush(working, p.writeFlagUsage) })
	group.Go(func() error { return p.feedFlags(working) })
	group.Go(func() error { return p.feedKeys(working) })
	group.Go(front.wait)
	if sync != nil {
		group.Go(sync.wait)
	}
	p.started.Store(true)
	with.banner(p.address())
	if with.later != nil {
		group.Go(func() error {
			with.later(working)
			return nil
		})
	}
	stopping := make(chan struct{})
	group.Go(func() error {
		defer cancel()
		return a.stop(ctx, c, front.server, func() { close(stopping) }, handler.Drain, func() {
			handler.StopStreams()
			p.flagServer.Stop()
			p.warn(ctx, "close flagd's sync", sync.close())
			stopWorking()
		})
	})
	return a.wait(stopping, group)
}

// warn logs what went wrong at something that ends anyway.
func (p *parts) warn(ctx context.Context, what string, err error) {
	if err != nil {
		p.log.WarnContext(ctx, what, "error", err)
	}
}

// notCanceled takes the end that was asked for as no error.
func notCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// stop waits for the signal and then stops in the order that loses least: say
// not ready, take no more connections, end streams, finish requests, give the
// leases back.
func (a *app) stop(ctx context.Context, c *config, server *http.Server, begun, drain, end func()) error {
	select {
	case <-ctx.Done():
		begun()
	case <-a.interrupt:
		begun()
		drain()
		timer := time.NewTimer(c.stopAfter)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	end()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopRequests)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		return errors.Join(server.Close(), fmt.Errorf("requests did not end in time: %w", err))
	}
	return nil
}

// wait returns when everything has ended. A second signal, or 30 seconds after
// the first, ends the program at once, which is as safe as a power cut.
func (a *app) wait(stopping <-chan struct{}, group *errgroup.Group) error {
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	select {
	case err := <-done:
		return err
	case <-stopping:
	}
	timer := time.NewTimer(stopHard)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-a.interrupt:
	case <-timer.C:
	}
	return errHardStop
}

func isHTTPS(address string) bool { return strings.HasPrefix(address, "https://") }
