package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// sandbox gives a service's pages an origin of their own: they are served
// under the portal's address and must not be able to act as the portal.
const sandbox = "sandbox allow-scripts allow-forms"

func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       30 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		DisableCompression:    true,
	}
}

// Proxy passes requests below Address(service, environment) on to the
// instance, wherever on this machine it is supervised.
//
// A service is a stranger to the portal: it gets no cookie and no credential
// of the visitor, cannot set a cookie for the portal's address, and its pages
// are put into a sandbox.
func (p *Process) Proxy(service, environment string) http.Handler {
	return p.proxy(service, environment, p.Instance)
}

// Absent answers as Proxy does where nothing was deployed.
func (p *Process) Absent(service, environment string) http.Handler {
	return p.proxy(service, environment, func(context.Context, string, string) (Instance, error) {
		return Instance{}, notRunning(place{service, environment})
	})
}

func (p *Process) proxy(service, environment string, find func(ctx context.Context, service, environment string) (Instance, error)) http.Handler {
	k := place{service, environment}
	prefix := strings.TrimSuffix(Address(service, environment), "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if usedAsCode(r) {
			p.sorry(w, r, http.StatusForbidden, Instance{}, "The portal's own pages may not load code from a service.")
			return
		}
		if r.URL.Path == prefix {
			http.Redirect(w, r, prefix+"/", http.StatusPermanentRedirect)
			return
		}
		// The portal's policy is for its own pages; a service's get the sandbox.
		w.Header().Del("Content-Security-Policy")
		i, err := find(r.Context(), service, environment)
		switch {
		case fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable):
			p.sorry(w, r, http.StatusNotFound, i, fmt.Sprintf("Nothing runs here: %s was not deployed to %s.", service, environment))
			return
		case err != nil:
			p.logger.ErrorContext(r.Context(), "could not look an instance up for the proxy", "instance", k.String(), "error", err)
			p.sorry(w, r, http.StatusServiceUnavailable, i, "The portal cannot tell at the moment where the service runs. Try again in a moment.")
			return
		case i.State == Stopped:
			p.sorry(w, r, http.StatusNotFound, i, fmt.Sprintf("%s is stopped in %s. Deploy a version to start it.", service, environment))
			return
		case i.Port == 0 || i.State == Crashed || i.State == Starting:
			p.sorry(w, r, http.StatusBadGateway, i, fmt.Sprintf("%s does not answer in %s at the moment: it is %s.", service, environment, i.State))
			return
		}
		p.reverse(k, i, prefix).ServeHTTP(w, r)
	})
}

// usedAsCode reports whether a page of the portal itself wants to run the
// answer. A service's own pages are sandboxed, so for the browser they are
// another site.
func usedAsCode(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "script", "worker", "sharedworker", "serviceworker", "style", "embed", "object", "manifest", "audioworklet", "paintworklet", "xslt":
		return true
	}
	return false
}

func (p *Process) reverse(k place, i Instance, prefix string) *httputil.ReverseProxy {
	target := &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(i.Port)}
	return &httputil.ReverseProxy{
		Transport: p.transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = stripPrefix(r.In.URL.Path, prefix)
			r.Out.URL.RawPath = ""
			if r.In.URL.RawPath != "" {
				r.Out.URL.RawPath = stripEscaped(r.In.URL.RawPath)
			}
			r.SetURL(target)
			r.SetXForwarded()
			r.Out.Header.Set("X-Forwarded-Prefix", prefix)
			for _, name := range []string{"Cookie", "Authorization", "Proxy-Authorization", "X-Csrf-Token"} {
				r.Out.Header.Del(name)
			}
		},
		ModifyResponse: func(res *http.Response) error {
			p.guard(res.Header, prefix)
			if res.StatusCode == http.StatusOK && i.FirstAnswerAt.IsZero() && res.Request.URL.Path == "/" {
				p.noteAnswer(res.Request.Context(), k, i.PID)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.Canceled) {
				return
			}
			p.logger.InfoContext(r.Context(), "a service did not answer the proxy", "instance", k.String(), "error", err)
			p.sorry(w, r, http.StatusBadGateway, i, fmt.Sprintf("%s did not answer in %s. Its log may say why.", k.service, k.environment))
		},
	}
}

// guard takes out of an answer what would act on the portal's origin.
func (p *Process) guard(h http.Header, prefix string) {
	for _, name := range []string{
		"Set-Cookie", "Clear-Site-Data", "Strict-Transport-Security", "Service-Worker-Allowed", "Public-Key-Pins",
		"Nel", "Report-To", "Reporting-Endpoints", "Origin-Agent-Cluster", "Accept-Ch", "Alt-Svc", "Speculation-Rules", "Sourcemap", "X-Sourcemap", "Www-Authenticate",
	} {
		h.Del(name)
	}
	h.Add("Content-Security-Policy", sandbox)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if to := h.Get("Location"); strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && to != prefix && !strings.HasPrefix(to, prefix+"/") {
		h.Set("Location", prefix+to)
	}
}

func stripPrefix(path, prefix string) string {
	rest := strings.TrimPrefix(path, prefix)
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	return rest
}

// stripEscaped drops "/run/ENV/SERVICE" from an escaped path, however the
// names in it were escaped.
func stripEscaped(raw string) string {
	parts := strings.SplitN(raw, "/", 5)
	if len(parts) < 5 {
		return "/"
	}
	return "/" + parts[4]
}

// noteAnswer keeps when the version first answered 200 under /.
func (p *Process) noteAnswer(ctx context.Context, k place, pid int) {
	err := p.db.Tx(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runtime_deployments SET first_answer_at = $1 WHERE first_answer_at = 0
			AND id = (SELECT active_id FROM runtime_instances WHERE service = $2 AND environment = $3 AND pid = $4)`,
			store.Millis(p.o.Now()), k.service, k.environment, pid)
		tx.Notify(topicInstance, k.String())
		return err
	})
	if err != nil {
		p.logger.WarnContext(ctx, "the time of a first answer could not be kept", "instance", k.String(), "error", err)
	}
}

// firstAnswer visits the service once as a person would, through the proxy.
func (p *Process) firstAnswer(ctx context.Context, k place) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, Address(k.service, k.environment), nil)
	if err != nil {
		p.logger.WarnContext(ctx, "a first visit could not be made", "instance", k.String(), "error", err)
		return
	}
	r.Header.Set("User-Agent", "sphera-first-visit")
	w := &statusWriter{header: http.Header{}}
	p.Proxy(k.service, k.environment).ServeHTTP(w, r)
	if w.status != http.StatusOK {
		p.logger.InfoContext(ctx, "a service is ready and does not answer 200 under /", "instance", k.String(), "status", w.status)
	}
}

// statusWriter keeps the status of an answer and drops the rest.
type statusWriter struct {
	header http.Header
	status int
}

func (w *statusWriter) Header() http.Header { return w.header }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(b), nil
}

const sorryPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>{{if .Again}}<meta http-equiv="refresh" content="2">{{end}}<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:38rem;margin:15vh auto;padding:0 1.5rem;color:#1d2433;background:#f7f8fa}
h1{font-size:1.3rem}pre{white-space:pre-wrap;font:13px/1.45 ui-monospace,monospace;background:#fff;border:1px solid #d8dce4;border-radius:6px;padding:.8rem}
@media(prefers-color-scheme:dark){body{color:#e6e9f0;background:#14171e}pre{background:#1c212b;border-color:#333b4a}}
</style></head><body><h1>{{.Title}}</h1><p>{{.Message}}</p>{{if .Problem}}<pre>{{.Problem}}</pre>{{end}}
{{if .Again}}<p>This page looks again every two seconds.</p>{{end}}</body></html>
`

// sorry answers for a service that cannot: a page for people, the portal's
// error envelope for programs.
func (p *Process) sorry(w http.ResponseWriter, r *http.Request, status int, i Instance, text string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Content-Security-Policy", sandbox)
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		code := map[int]fault.Code{http.StatusNotFound: fault.NotFound, http.StatusForbidden: fault.Forbidden}[status]
		if code == "" {
			code = fault.Unavailable
		}
		h.Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": code, "message": text}); err != nil {
			p.logger.DebugContext(r.Context(), "an answer was not taken", "error", err)
		}
		return
	}
	page, err := template.New("sorry").Parse(sorryPage)
	if err != nil {
		p.logger.ErrorContext(r.Context(), "the proxy's error page is broken", "error", err)
		http.Error(w, text, status)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := page.Execute(w, map[string]any{
		"Title": strconv.Itoa(status) + " " + http.StatusText(status), "Message": text, "Problem": i.LastError, "Again": status == http.StatusBadGateway,
	}); err != nil {
		p.logger.DebugContext(r.Context(), "an answer was not taken", "error", err)
	}
}
