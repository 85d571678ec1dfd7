package outgoing

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"sphera/internal/fault"
)

func TestS24_OutgoingAddresses(t *testing.T) {
	for address, public := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:4700:4700::1111": true, "2a00:1450::1": true,
		"127.0.0.1": false, "127.8.9.1": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "169.254.169.254": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.0.0.1": false, "192.0.2.1": false, "192.168.1.1": false, "198.18.0.1": false, "198.51.100.1": false,
		"203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false,
		"2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "fc00::1": false, "fd12::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false,
		"100::1": false, "3fff::1": false, "5f00::1": false, "::ffff:8.8.8.8": true,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != public {
			t.Errorf("%s public is %v, want %v", address, got, public)
		}
	}
}

func TestS24_OutgoingClient(t *testing.T) {
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		reached++
		http.Redirect(w, req, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	}))
	defer server.Close()
	t.Setenv("HTTP_PROXY", server.URL)
	t.Setenv("http_proxy", server.URL)
	strict := New(false)
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), strings.Replace(server.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), "http://169.254.169.254/"} {
		if err := strict.Post(t.Context(), url, http.Header{}, strings.NewReader("{}")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if reached > 0 {
		t.Fatal("a private address was reached")
	}
	err := New(true).Post(t.Context(), server.URL, http.Header{}, strings.NewReader("{}"))
	if !fault.Is(err, fault.Unavailable) || reached != 1 || errors.Is(err, ErrPrivate) {
		t.Fatalf("a redirect: reached %d times, %v", reached, err)
	}
}

func TestCheckURL(t *testing.T) {
	for _, bad := range []string{"", "x", "ftp://h/", "http:///p", "https://user:pass@h/", "http:opaque", "https://h/#part", "https://h/" + strings.Repeat("x", 2000)} {
		if err := CheckURL("/url", bad); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
	if err := CheckURL("/url", "https://example.com:8443/a?b=c"); err != nil {
		t.Error(err)
	}
}
