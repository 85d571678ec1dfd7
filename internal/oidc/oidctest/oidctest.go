// Package oidctest starts a real OpenID provider for tests: the program of
// tools/oidc, built once into the user's cache. The first build takes about
// 10 seconds of a processor.
package oidctest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the provider's one client is called.
const (
	ClientID     = "sphera"
	ClientSecret = "secret"
	Password     = "correct horse"
)

// Provider is a running provider.
type Provider struct {
	Issuer string
	t      testing.TB
}

// Start runs a provider that sends browsers back to redirect, until the test
// ends.
func Start(t testing.TB, redirect string) *Provider {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), Tool(t, "oidc"), "-client", ClientID+":"+ClientSecret, "-redirect", redirect)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start the provider: %v", err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("stop the provider: %v", err)
		}
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the provider does not say where it is: %v", err)
	}
	return &Provider{Issuer: strings.TrimSpace(line), t: t}
}

// Tool builds the program of tools/NAME, unless the same one was built before,
// and returns its path.
func Tool(t testing.TB, name string) string {
	t.Helper()
	source := source(t, name)
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		raw, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(raw)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	path := filepath.Join(cache, "sphera-tests", name+"-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Logf("building tools/%s (once, about 10 s)", name)
	temp := path + "." + filepath.Base(t.TempDir())
	build := exec.CommandContext(context.Background(), "go", "build", "-o", temp, ".")
	build.Dir = source
	if text, err := build.CombinedOutput(); err != nil {
		t.Skipf("tools/%s cannot be built here (%v): %s", name, err, text)
	}
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// source is the folder of tools/NAME, above the folder in which a test runs.
func source(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if found := filepath.Join(dir, "tools", name); exists(filepath.Join(found, "go.mod")) {
			return found
		}
	}
	t.Fatalf("tools/%s is not there", name)
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Browser is a client that keeps cookies and follows no redirect by itself.
func Browser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

var authRequest = regexp.MustCompile(`name="id" value="([^"]+)"`)

// SignIn goes through the provider's own pages from the address that a login
// begins with, and returns the address that it sends the browser back to.
func (p *Provider) SignIn(browser *http.Client, begin, user string) string {
	p.t.Helper()
	at := begin
	for range 10 {
		res, body := p.get(browser, at) //nolint:bodyclose // get closed it
		if match := authRequest.FindSubmatch(body); match != nil {
			res = p.post(browser, p.Issuer+"/login/username", url.Values{"id": {string(match[1])}, "username": {user}, "password": {Password}}) //nolint:bodyclose // post closed it
		}
		next, err := res.Location()
		if err != nil {
			p.t.Fatalf("the provider does not go on from %s: %d %s", at, res.StatusCode, body)
		}
		if !strings.HasPrefix(next.String(), p.Issuer) {
			return next.String()
		}
		at = next.String()
	}
	p.t.Fatal("the provider sends in circles")
	return ""
}

func (p *Provider) get(browser *http.Client, address string) (*http.Response, []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := browser.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res, body
}

func (p *Provider) post(browser *http.Client, address string, form url.Values) *http.Response {
	p.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := browser.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	return res
}

// Groups are the groups of a user from now on.
func (p *Provider) Groups(user string, groups ...string) {
	p.t.Helper()
	p.post(http.DefaultClient, p.Issuer+"/test/groups", url.Values{"user": {user}, "groups": {strings.Join(groups, ",")}}) //nolint:bodyclose // post closed it
}

// Rotate makes the provider sign with another key.
func (p *Provider) Rotate() {
	p.t.Helper()
	p.post(http.DefaultClient, p.Issuer+"/test/rotate", nil) //nolint:bodyclose // post closed it
}

// Forget makes the provider refuse every refresh token.
func (p *Provider) Forget() {
	p.t.Helper()
	p.post(http.DefaultClient, p.Issuer+"/test/forget", nil) //nolint:bodyclose // post closed it
}

// Sign has the provider sign claims with its key.
func (p *Provider) Sign(claims map[string]any) string {
	p.t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.Issuer+"/test/sign", strings.NewReader(string(raw)))
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	token, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("sign: %d %s %v", res.StatusCode, token, err)
	}
	return string(token)
}
