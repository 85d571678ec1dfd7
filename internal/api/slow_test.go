package api

import (
	"context"
	"net"
	"testing"
)

// slowClients begin requests and never end them.
func slowClients(ctx context.Context, t *testing.T, address string, n int) []net.Conn {
	t.Helper()
	var out []net.Conn
	t.Cleanup(func() {
		for _, c := range out {
			c.Close()
		}
	})
	for range n {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: a")); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}
