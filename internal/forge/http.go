package forge

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"sphera/internal/fault"
)

// Limits of git over HTTP.
const (
	maxPush         = 256 << 20
	maxFetchRequest = 16 << 20
	maxTransfers    = 8
	transferTimeout = 15 * time.Minute
	transferWait    = 20 * time.Second
)

var protocolVersion = regexp.MustCompile(`^version=[12]$`)

// gitRequest is one request of a git client.
type gitRequest struct {
	repo    repository
	service string
	by      Person
	// advertise is the first request, which lists what there is.
	advertise bool
}

// gitHandler serves clone, fetch and push.
type gitHandler struct {
	b            *Builtin
	authenticate Authenticate
	may          func(ctx context.Context, p Person, repo, verb string) error
}

// Authenticate tells who asks, by basic authentication, and returns the context
// in which that person acts.
type Authenticate func(r *http.Request) (context.Context, Person, bool, error)

// GitHandler serves git's smart HTTP protocol under /git/NAME.git/.
// may refuses with an error for people. Its verbs are forge.read and
// forge.write.
func (b *Builtin) GitHandler(authenticate Authenticate, may func(ctx context.Context, p Person, repo, verb string) error) http.Handler {
	return &gitHandler{b: b, authenticate: authenticate, may: may}
}

func (h *gitHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	ctx, person, ok, err := h.authenticate(r)
	if err != nil && !fault.Is(err, fault.Unauthorized) {
		h.fail(w, r, err)
		return
	}
	if !ok || err != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="Sphera", charset="UTF-8"`)
		plain(w, http.StatusUnauthorized, "Sign in with your e-mail address and your password or an API token.")
		return
	}
	r = r.WithContext(ctx)
	req, err := h.route(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	req.by = person
	verb := "forge.read"
	if req.service == "receive-pack" {
		verb = "forge.write"
	}
	if err := h.may(ctx, person, req.repo.name, verb); err != nil {
		h.fail(w, r, err)
		return
	}
	if verb == "forge.write" && req.repo.archived {
		h.fail(w, r, fault.New(fault.Forbidden, "The repository %s is archived and can only be read.", req.repo.name))
		return
	}
	if err := h.serve(w, r, req); err != nil {
		h.fail(w, r, err)
	}
}

// route reads the path: /git/NAME.git/info/refs?service=git-X, or a POST to
// /git/NAME.git/git-X.
func (h *gitHandler) route(r *http.Request) (gitRequest, error) {
	notFound := fault.New(fault.NotFound, "There is nothing here. The address of a repository is %s/git/NAME.git.", h.b.publicURL())
	path, found := strings.CutPrefix(r.URL.Path, "/git/")
	if !found {
		return gitRequest{}, notFound
	}
	name, rest, found := strings.Cut(path, ".git/")
	if !found {
		return gitRequest{}, notFound
	}
	var req gitRequest
	switch {
	case r.Method == http.MethodGet && rest == "info/refs":
		req.service, req.advertise = strings.TrimPrefix(r.URL.Query().Get("service"), "git-"), true
	case r.Method == http.MethodPost:
		req.service = strings.TrimPrefix(rest, "git-")
		if r.Header.Get("Content-Type") != "application/x-git-"+req.service+"-request" {
			return gitRequest{}, notFound
		}
	}
	if req.service != "upload-pack" && req.service != "receive-pack" {
		return gitRequest{}, notFound
	}
	repo, err := h.b.byName(r.Context(), h.b.db.Read(), name)
	if fault.Is(err, fault.Unprocessable) {
		return gitRequest{}, notFound
	}
	req.repo = repo
	return req, err
}

func (h *gitHandler) serve(w http.ResponseWriter, r *http.Request, req gitRequest) error {
	ctx, cancel := context.WithTimeout(r.Context(), transferTimeout)
	defer cancel()
	release, err := h.b.transfer(ctx)
	if err != nil {
		return err
	}
	defer release()
	kind := "result"
	if req.advertise {
		kind = "advertisement"
	}
	w.Header().Set("Content-Type", fmt.Sprintf("application/x-git-%s-%s", req.service, kind))
	switch {
	case req.advertise:
		return h.advertise(ctx, w, r, req)
	case req.service == "upload-pack":
		return h.fetch(ctx, w, r, req)
	default:
		return h.push(ctx, w, r, req)
	}
}

// transfer waits for one of the few places for git clients.
func (b *Builtin) transfer(ctx context.Context) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, transferWait)
	defer cancel()
	select {
	case b.uploads <- struct{}{}:
		return func() { <-b.uploads }, nil
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "Too many git clients are being served. Try again in a moment.").Wrap(ctx.Err())
	}
}

// protocol passes on the version of the protocol a client speaks.
func protocol(r *http.Request) []string {
	if v := r.Header.Get("Git-Protocol"); protocolVersion.MatchString(v) {
		return []string{"GIT_PROTOCOL=" + v}
	}
	return nil
}

func (h *gitHandler) advertise(ctx context.Context, w http.ResponseWriter, r *http.Request, req gitRequest) error {
	dir := h.b.path(req.repo.id)
	out, err := h.b.git.run(ctx, call{dir: dir, args: []string{req.service, "--stateless-rpc", "--advertise-refs", dir}, env: protocol(r)})
	if err != nil {
		return fmt.Errorf("list refs for a git client: %w", err)
	}
	// Protocol 2 has no header line; git itself does the same.
	if req.service == "receive-pack" || len(protocol(r)) == 0 || !strings.HasSuffix(protocol(r)[0], "2") {
		out = append(append(pkt("# service=git-"+req.service+"\n"), "0000"...), out...)
	}
	_, err = w.Write(out)
	return broken(err)
}

// fetch streams: a clone can be larger than memory.
func (h *gitHandler) fetch(ctx context.Context, w http.ResponseWriter, r *http.Request, req gitRequest) error {
	body, err := bodyOf(r, maxFetchRequest)
	if err != nil {
		return err
	}
	out := &countingWriter{w: w, flush: http.NewResponseController(w).Flush}
	dir := h.b.path(req.repo.id)
	_, err = h.b.git.run(ctx, call{
		dir: dir, args: []string{"upload-pack", "--stateless-rpc", "--strict", dir}, stdin: body, env: protocol(r),
		stdout: out, limit: 1 << 40, timeout: transferTimeout,
	})
	if err == nil || out.n > 0 && exitCode(err) > 0 {
		// A client that hangs up, or asks for something it may not have, was
		// told so in git's own way.
		return nil
	}
	if out.n > 0 {
		return broken(err)
	}
	return fmt.Errorf("serve a fetch: %w", err)
}

type countingWriter struct {
	w     io.Writer
	n     int64
	flush func() error
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if err == nil {
		err = c.flush()
	}
	return n, err
}

var errBroken = errors.New("the answer broke off")

// broken marks an error after the answer has begun: nothing more can be said.
func broken(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

var errTooLarge = errors.New("more than allowed was sent")

// bodyOf is the body, unzipped, with a limit on both sides of unzipping.
func bodyOf(r *http.Request, limit int64) (io.Reader, error) {
	body := io.Reader(r.Body)
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip", "x-gzip":
		zipped, err := gzip.NewReader(io.LimitReader(body, limit+1))
		if err != nil {
			return nil, fault.New(fault.Invalid, "The request says it is gzip and is not.").Wrap(err)
		}
		body = zipped
	default:
		return nil, fault.New(fault.Invalid, "The request has an encoding that is not known here.")
	}
	return &limitReader{r: body, left: limit}, nil
}

// limitReader ends with an error past the limit instead of pretending an end.
type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// fail answers in plain text, which git shows as "remote: ...".
func (h *gitHandler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errBroken) || r.Context().Err() != nil {
		h.b.logger.DebugContext(r.Context(), "a git client went away", "error", err)
		return
	}
	e, ok := fault.As(err)
	if !ok {
		h.b.logger.ErrorContext(r.Context(), "git over HTTP failed", "path", r.URL.Path, "error", err)
		plain(w, http.StatusInternalServerError, "Something went wrong inside Sphera. The log of the server has the details.")
		return
	}
	text := e.Message
	if e.Alternative != "" {
		text += "\n" + e.Alternative
	}
	if e.Contact != "" {
		text += "\nWho can help: " + e.Contact
	}
	plain(w, fault.Status(e.Code), text)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// The client may be gone; there is nobody else to tell.
	_, _ = io.WriteString(w, text+"\n") // plain text by its header, and nosniff
}

// pullURL is where people go on after a push.
func (b *Builtin) pullURL(repo, branch string) string {
	return b.publicURL() + "/forge/" + url.PathEscape(repo) + "/pulls/new?head=" + url.QueryEscape(branch)
}
