package portal

import (
	"context"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/flag/serve"
	flagusage "sphera/internal/flag/usage"
)

const (
	// flagsEvery is how often all flags and keys are compared with memory,
	// besides the notes that tell of changes.
	flagsEvery = 30 * time.Second
	// keyUseEvery is how often the use of keys is written down.
	keyUseEvery = time.Minute
)

// newFlagServer makes the server that answers flags from memory.
func (p *parts) newFlagServer(c *config) error {
	proxies, err := c.proxies()
	if err != nil {
		return err
	}
	p.catchUp = make(chan struct{}, 1)
	p.flagServer = serve.New(serve.Options{
		Now: p.now, Log: p.log, Metrics: p.metrics, Dir: flagDir(c), Secure: isHTTPS(c.publicURL), Address: sender(proxies), SyncContext: c.flagContext,
		CatchUp: func(string, string) {
			select {
			case p.catchUp <- struct{}{}:
			default:
			}
		},
	})
	return nil
}

func flagDir(c *config) string { return filepath.Join(c.dataDir, "flags") }

// sender tells where a request came from: the last address in X-Forwarded-For
// that is no proxy of ours, when the connection is one's.
func sender(proxies []netip.Prefix) func(*http.Request) string {
	trusted := func(text string) bool {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return false
		}
		for _, p := range proxies {
			if p.Contains(addr.Unmap()) {
				return true
			}
		}
		return false
	}
	return func(r *http.Request) string {
		from := r.RemoteAddr
		if addr, err := netip.ParseAddrPort(from); err == nil {
			from = addr.Addr().Unmap().String()
		}
		if len(proxies) == 0 || !trusted(from) {
			return from
		}
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			hop := strings.TrimSpace(hop)
			if _, err := netip.ParseAddr(hop); err != nil {
				return from
			}
			if from = hop; !trusted(hop) {
				return from
			}
		}
		return from
	}
}

// feedFlags keeps the flag server in step with the database until ctx ends.
// While the database is away it serves what it has.
func (p *parts) feedFlags(ctx context.Context) error {
	news, stop := p.flags.Watch()
	defer stop()
	tick := time.NewTicker(flagsEvery)
	defer tick.Stop()
	p.reloadFlags(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case sn := <-news:
			if current, ok := p.flags.Current(sn.Project, sn.Environment); ok {
				p.flagServer.Put(current)
			} else {
				p.flagServer.Remove(sn.Project, sn.Environment)
			}
		case <-p.catchUp:
			p.reloadFlags(ctx)
		case <-tick.C:
			if p.flagServer.Ready() && p.flagsLoaded {
				p.flagServer.Replace(p.flags.Snapshots())
			} else {
				p.reloadFlags(ctx)
			}
		}
	}
}

func (p *parts) reloadFlags(ctx context.Context) {
	if err := p.flags.Load(ctx); err != nil {
		if ctx.Err() == nil {
			p.log.WarnContext(ctx, "the flags could not be read; what is known is served on", "error", err)
		}
		return
	}
	p.flagsLoaded = true
	p.flagServer.Replace(p.flags.Snapshots())
}

// feedKeys keeps the keys in step, and writes down their use, until ctx ends.
func (p *parts) feedKeys(ctx context.Context) error {
	changed, stop := p.db.Subscribe(key.Topic)
	defer stop()
	sets, stopSets := p.db.Subscribe(flag.Topic) // a project that is removed takes its keys along
	defer stopSets()
	tick, used := time.NewTicker(flagsEvery), time.NewTicker(keyUseEvery)
	defer tick.Stop()
	defer used.Stop()
	p.reloadKeys(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-used.C:
			if err := p.flagKeys.Used(ctx, p.flagServer.Used()); err != nil && ctx.Err() == nil {
				p.log.WarnContext(ctx, "write down the use of flag keys", "error", err)
			}
			continue
		case <-changed:
		case <-sets:
		case <-tick.C:
		}
		p.reloadKeys(ctx)
	}
}

func (p *parts) reloadKeys(ctx context.Context) {
	list, err := p.flagKeys.Live(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.log.WarnContext(ctx, "the flag keys could not be read; those that are known hold on", "error", err)
		}
		return
	}
	keys := make([]serve.Key, 0, len(list))
	for _, k := range list {
		one := serve.Key{ID: k.ID, Hash: k.Hash, Kind: k.Kind, Project: k.Project, Environment: k.Environment, Name: k.Name, Origins: k.Origins}
		if !k.ExpiresAt.IsZero() {
			one.Expires = k.ExpiresAt.UnixMilli()
		}
		keys = append(keys, one)
	}
	p.flagServer.SetKeys(keys)
}

// writeFlagUsage writes counts to the database. What is written twice is the
// same, so a batch goes back whole.
func (p *parts) writeFlagUsage(ctx context.Context, b flagusage.Batch) (flagusage.Batch, error) {
	return b, p.flagUsage.Write(ctx, b)
}

// flagsEvaluated tells flags when they were last evaluated, by flag and
// environment.
func (p *parts) flagsEvaluated(ctx context.Context, project string) (map[string]map[string]time.Time, error) {
	seen, err := p.flagUsage.Seen(ctx, project)
	out := map[string]map[string]time.Time{}
	for environment, flags := range seen {
		for flag, at := range flags {
			if out[flag] == nil {
				out[flag] = map[string]time.Time{}
			}
			out[flag][environment] = at
		}
	}
	return out, err
}

// tidyFlags forgets old counts and ended keys.
func (p *parts) tidyFlags(ctx context.Context) {
	for _, tidy := range []func(context.Context) error{p.flagUsage.Tidy, p.flagKeys.Prune} {
		if err := tidy(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "forgetting old counts and keys of flags failed; trying again in an hour", "error", err)
		}
	}
}
