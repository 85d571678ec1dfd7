package serve_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"sphera/internal/flag/serve"
)

// TestL18_ClientsThatNeverReadAreCut: they are cut soon after their buffers are
// full, and the others hear of every newest state.
func TestL18_ClientsThatNeverReadAreCut(t *testing.T) {
	const readers, deaf = 40, 3
	f := start(t, func(o *serve.Options) { o.Now, o.WriteTimeout = time.Now, 300*time.Millisecond })
	address := f.http.Listener.Addr().String()
	for range deaf {
		conn := openStream(t, address)
		defer conn.Close()
		if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
	}
	var newest [readers]atomic.Int64
	for i := range readers {
		conn := openStream(t, address)
		defer conn.Close()
		go readVersions(conn, func(v int64) { newest[i].Store(v) })
	}
	eventually(t, "all are there", func() bool { return f.s.Subscribers("checkout", "dev") == readers+deaf })
	version := int64(1)
	eventually(t, "who never reads is cut", func() bool {
		for range 200 {
			version++
			f.s.Put(snapshot(t, version, `{"flags":{}}`))
		}
		return f.s.Subscribers("checkout", "dev") == readers
	})
	for i := range newest {
		eventually(t, "a reader has the newest", func() bool { return newest[i].Load() == version })
	}
}

func openStream(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /flags/dev/ofrep/v1/sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", serverKey); err != nil {
		t.Fatal(err)
	}
	return conn
}

// readVersions reads the ids of events until the stream ends.
func readVersions(r io.Reader, saw func(v int64)) {
	lines := bufio.NewReaderSize(r, 512)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			if v, err := strconv.ParseInt(string(bytes.TrimSpace(id)), 10, 64); err == nil {
				saw(v)
			}
		}
	}
}
