// Package outgoing sends requests to addresses that people configured:
// webhooks, actions, destinations of changes. The address is checked when it is
// dialled, after the name was resolved, so a name that changes its mind gains
// nothing; redirects are not followed, and no proxy comes from the environment.
package outgoing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"sphera/internal/fault"
)

// Limits of one request.
const (
	timeout   = 10 * time.Second
	maxAnswer = 1 << 20
)

// ErrPrivate is inside the error when an address leads into a private, local
// or reserved network.
var ErrPrivate = errors.New("the address is private, local or reserved")

// Client sends the requests.
type Client struct{ client *http.Client }

// New returns a client. allowPrivate lets it reach private and loopback
// addresses, for installations whose receivers are inside.
func New(allowPrivate bool) *Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(network, address string, _ syscall.RawConn) error {
		if network != "tcp4" && network != "tcp6" {
			return fmt.Errorf("%w: %s", ErrPrivate, network)
		}
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read the address: %w", err)
		}
		if !allowPrivate && !isPublic(at.Addr()) {
			return ErrPrivate
		}
		return nil
	}}
	return &Client{client: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// HTTP is the client itself, for packages that speak a protocol of their own.
// They bound what they read.
func (c *Client) HTTP() *http.Client { return c.client }

// notPublic lists what netip's own predicates leave out as well.
func notPublic() []string {
	return []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"::/96", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
		"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	}
}

func isPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range notPublic() {
		if netip.MustParsePrefix(p).Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

// CheckURL accepts http(s) addresses without a user part; field names the
// field that it came in.
func CheckURL(field, raw string) error {
	const expected = "https://host/path or http://host/path"
	u, err := url.Parse(raw)
	switch {
	case err != nil || len(raw) > 2000:
		return fault.Field(field, "cannot be read", expected)
	case u.Scheme != "https" && u.Scheme != "http":
		return fault.Field(field, "is not http or https", expected)
	case u.User != nil:
		return fault.Field(field, "has a user name in it", expected)
	case u.Hostname() == "" || u.Opaque != "" || u.Fragment != "":
		return fault.Field(field, "has no host, or more than a host, path and query", expected)
	}
	return nil
}

// Answer is what came back. Body is cut at 1 MiB.
type Answer struct {
	Status int
	Body   []byte
}

// OK reports a status of success.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status <= 299 }

// Do sends one request. An answer with any status is no error; what leads into
// a private network is Forbidden, no answer is Unavailable.
func (c *Client) Do(ctx context.Context, method, address string, header http.Header, body io.Reader) (Answer, error) {
	if err := CheckURL("url", address); err != nil {
		return Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return Answer{}, fault.Field("url", "cannot be read", "https://host/path").Wrap(err)
	}
	req.Header = header
	res, err := c.client.Do(req)
	if errors.Is(err, ErrPrivate) {
		return Answer{}, fault.Refuse("outgoing addresses", "The webhook's address leads into a private or reserved network.", "Use a public address.", "")
	}
	if err != nil {
		return Answer{}, fault.New(fault.Unavailable, "The webhook's address did not answer.").Wrap(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Answer{Status: res.StatusCode}, fault.New(fault.Unavailable, "The webhook's answer broke off.").Wrap(err)
	}
	return Answer{Status: res.StatusCode, Body: raw}, nil
}

// Post sends one request and takes every status but success as Unavailable.
// What the other side answers is never shown, only its status.
func (c *Client) Post(ctx context.Context, address string, header http.Header, body io.Reader) error {
	answer, err := c.Do(ctx, http.MethodPost, address, header, body)
	if err != nil {
		return err
	}
	if !answer.OK() {
		return fault.New(fault.Unavailable, "The webhook's address answered with status %d.", answer.Status)
	}
	return nil
}
