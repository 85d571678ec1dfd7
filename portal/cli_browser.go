package portal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"time"
)

const (
	// allowFor is how long somebody may take to allow it in the browser.
	allowFor  = 10 * time.Minute
	carryFor  = 10 * time.Second
	secretLen = 32
)

// browserLogin has the person allow this command line in the browser: it is
// waiting on a port of this machine, to which the portal's page sends the browser
// back with a code. The code is worth something only with a secret that never
// leaves this process.
func (c *cli) browserLogin(ctx context.Context, server string) (value, id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, allowFor)
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", fmt.Errorf("wait for the browser: %w", err)
	}
	verifier, state := randomText(), randomText()
	codes := make(chan string, 1)
	door := &http.Server{Handler: comeback(server, state, codes), ReadHeaderTimeout: carryFor, MaxHeaderBytes: 16 << 10}
	go func() { _ = door.Serve(listener) }() // it ends with Close below
	defer door.Close()                       //nolint:errcheck // nobody asks it any more
	sum := sha256.Sum256([]byte(verifier))
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return "", "", fmt.Errorf("wait for the browser: %w", err)
	}
	page := server + "/cli?" + url.Values{
		"port": {port}, "state": {state}, "challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "name": {hostName()},
	}.Encode()
	fmt.Fprintf(c.err, "Allow it in the browser. If none opens, go to\n  %s\n", page)
	c.openBrowser(ctx, page)
	select {
	case <-ctx.Done():
		return "", "", fmt.Errorf("nobody allowed it in the browser: %w", ctx.Err())
	case code := <-codes:
		if code == "" {
			return "", "", &remoteError{status: http.StatusForbidden, Code: "forbidden", Message: "It was not allowed in the browser."}
		}
		var made struct {
			Value string              `json:"value"`
			Token struct{ ID string } `json:"token"`
		}
		err := newRemote(server, "").post(ctx, apiPath("v1", "auth", "cli", "token"), map[string]string{"code": code, "verifier": verifier}, &made)
		return made.Value, made.Token.ID, err
	}
}

// comeback is where the browser comes back to. Who does not know the state is
// nobody whom this process has sent.
func comeback(server, state string, codes chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/" || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.NotFound(w, r)
			return
		}
		done := "allowed"
		if q.Get("code") == "" {
			done = "refused"
		}
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Connection", "close")
		http.Redirect(w, r, server+"/cli?done="+done, http.StatusSeeOther)
		select {
		case codes <- q.Get("code"):
		default: // it came already
		}
	})
}

// openBrowser opens a page in the person's browser, as well as it can: the
// address is printed, too.
func (c *cli) openBrowser(ctx context.Context, page string) {
	name, args := "xdg-open", []string{page}
	switch {
	case c.env("BROWSER") != "":
		name = c.env("BROWSER")
	case runtime.GOOS == "darwin":
		name = "open"
	case runtime.GOOS == "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", page}
	}
	opener := exec.CommandContext(context.WithoutCancel(ctx), name, args...) // the person's own browser, with an address that was made here
	if err := opener.Start(); err != nil {
		return
	}
	go func() { _ = opener.Wait() }() // what it said is the browser's
}

func randomText() string {
	b := make([]byte, secretLen)
	rand.Read(b) // never fails: the program stops instead
	return base64.RawURLEncoding.EncodeToString(b)
}
