package forge

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

// Limits of one outgoing request.
const (
	outgoingTimeout = 10 * time.Second
	outgoingAnswer  = 1 << 20
)

// outgoing posts to addresses that people configured. The address is checked
// when it is dialled, after the name was resolved, so a name that changes its
// mind gains nothing.
type outgoing struct{ client *http.Client }

var errPrivateAddress = errors.New("the address is private, local or reserved")

func newOutgoing(allowPrivate bool) *outgoing {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(network, address string, _ syscall.RawConn) error {
		if network != "tcp4" && network != "tcp6" {
			return fmt.Errorf("%w: %s", errPrivateAddress, network)
		}
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read the address: %w", err)
		}
		if !allowPrivate && !isPublic(at.Addr()) {
			return errPrivateAddress
		}
		return nil
	}}
	return &outgoing{client: &http.Client{
		Timeout: outgoingTimeout,
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

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

// checkURL accepts http(s) addresses without a user part.
func checkURL(raw string) error {
	const expected = "https://host/path or http://host/path"
	u, err := url.Parse(raw)
	switch {
	case err != nil || len(raw) > 2000:
		return fault.Field("url", "cannot be read", expected)
	case u.Scheme != "https" && u.Scheme != "http":
		return fault.Field("url", "is not http or https", expected)
	case u.User != nil:
		return fault.Field("url", "has a user name in it", expected)
	case u.Hostname() == "" || u.Opaque != "" || u.Fragment != "":
		return fault.Field("url", "has no host, or more than a host, path and query", expected)
	}
	return nil
}

// post sends one request. What the other side answers is never shown, only its
// status.
func (o *outgoing) post(ctx context.Context, address string, body io.Reader, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return fault.Field("url", "cannot be read", "https://host/path").Wrap(err)
	}
	req.Header = header
	res, err := o.client.Do(req)
	if errors.Is(err, errPrivateAddress) {
		return fault.Refuse("outgoing addresses", "The webhook's address leads into a private or reserved network.", "Use a public address.", "")
	}
	if err != nil {
		return fault.New(fault.Unavailable, "The webhook's address did not answer.").Wrap(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, outgoingAnswer)); err != nil {
		return fault.New(fault.Unavailable, "The webhook's answer broke off.").Wrap(err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fault.New(fault.Unavailable, "The webhook's address answered with status %d.", res.StatusCode)
	}
	return nil
}
