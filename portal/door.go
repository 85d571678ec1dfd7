package portal

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"sphera/internal/flag/serve"
	"sphera/internal/store"
)

// door is the listener of the portal. It can be open before there is a portal
// behind it, so that flags are answered while the database is away.
type door struct {
	listener net.Listener
	server   *http.Server
	inside   atomic.Pointer[http.Handler]
	done     chan error
}

func (a *app) openDoor(ctx context.Context, c *config, log *slog.Logger, inside http.Handler) (*door, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return nil, usage("cannot listen on %s: %v", c.listen, err)
	}
	d := &door{listener: listener, done: make(chan error, 1)}
	d.inside.Store(&inside)
	d.server = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*d.inside.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ConnContext: serve.ConnContext,
	}
	go func() { d.done <- d.server.Serve(listener) }()
	return d, nil
}

// wait returns when the door is closed.
func (d *door) wait() error {
	if err := <-d.done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

const (
	firstRetry = time.Second
	lastRetry  = 15 * time.Second
)

// begin wires the portal. When the database cannot be reached it opens the
// door at once, answers flags as they were kept on disk, and waits: a portal
// that comes back before its database needs nobody to start it again.
func (a *app) begin(ctx context.Context, c *config, log *slog.Logger) (*parts, *door, error) {
	p, err := wire(ctx, c, log, a.now, a.own...)
	if !errors.Is(err, store.ErrUnreachable) {
		return p, nil, err
	}
	proxies, bad := c.proxies()
	if bad != nil {
		return nil, nil, bad
	}
	flags := serve.New(serve.Options{Now: a.now, Log: log, Dir: flagDir(c), Secure: isHTTPS(c.publicURL), Address: sender(proxies), SyncContext: c.flagContext})
	defer flags.Stop()
	d, bad := a.openDoor(ctx, c, log, flags.Front(http.HandlerFunc(notYet)))
	if bad != nil {
		return nil, nil, errors.Join(err, bad)
	}
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		log.WarnContext(ctx, "the database cannot be reached; flags are served from disk until it can", "error", err, "again", pause.String())
		select {
		case <-ctx.Done():
		case <-a.interrupt:
			return nil, nil, errors.Join(err, d.server.Close())
		case <-time.After(pause):
		}
		if ctx.Err() != nil {
			return nil, nil, errors.Join(err, d.server.Close())
		}
		p, err = wire(ctx, c, log, a.now, a.own...)
		switch {
		case err == nil:
			return p, d, nil
		case !errors.Is(err, store.ErrUnreachable):
			return nil, nil, errors.Join(err, d.server.Close())
		}
	}
}

// notYet is all there is of a portal whose database is away.
func notYet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == "/livez" {
		reply(w, http.StatusOK, map[string]any{"ok": true})
		return
	}
	w.Header().Set("Retry-After", "5")
	reply(w, http.StatusServiceUnavailable, map[string]any{"ok": false, "error": "unavailable", "message": "The portal waits for its database. Flags are answered meanwhile."})
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // nobody is left to tell
}

// openSync opens the listener of flagd's gRPC sync; nil when there is none.
func openSync(ctx context.Context, c *config, log *slog.Logger, flags *serve.Server) (*door, error) {
	if c.flagSyncListen == "" {
		return nil, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.flagSyncListen)
	if err != nil {
		return nil, usage("cannot listen on %s: %v", c.flagSyncListen, err)
	}
	server := serve.SyncServer(flags.Sync())
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	d := &door{listener: listener, server: server, done: make(chan error, 1)}
	if c.flagSyncCert != "" {
		certificate, err := tls.LoadX509KeyPair(c.flagSyncCert, c.flagSyncKey)
		if err != nil {
			return nil, errors.Join(usage("read the certificate of flagd's sync: %v", err), listener.Close())
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		go func() { d.done <- server.ServeTLS(listener, "", "") }()
	} else {
		go func() { d.done <- server.Serve(listener) }()
	}
	log.InfoContext(ctx, "flagd's sync is open", "address", listener.Addr().String())
	return d, nil
}

// close ends what is open at once: streams come back elsewhere.
func (d *door) close() error {
	if d == nil {
		return nil
	}
	return d.server.Close()
}
