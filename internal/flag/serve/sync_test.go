package serve_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	syncv1 "buf.build/gen/go/open-feature/flagd/protocolbuffers/go/flagd/sync/v1"
	"sphera/internal/flag/serve"

	"buf.build/gen/go/open-feature/flagd/connectrpc/go/flagd/sync/v1/syncv1connect"
	"connectrpc.com/connect"
)

// openSync serves flagd's gRPC sync and returns its address.
func (f *fixture) openSync() string {
	f.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	server := serve.SyncServer(f.s.Sync())
	go func() { _ = server.Serve(listener) }()
	f.t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func syncClient(address string) syncv1connect.FlagSyncServiceClient {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return syncv1connect.NewFlagSyncServiceClient(&http.Client{Transport: &http.Transport{Protocols: protocols}}, "http://"+address, connect.WithGRPC())
}

func TestFlagdSync(t *testing.T) {
	f := start(t)
	client := syncClient(f.openSync())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ask := connect.NewRequest(&syncv1.SyncFlagsRequest{})
	ask.Header().Set("Authorization", "Bearer "+serverKey)
	stream, err := client.SyncFlags(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	if !stream.Receive() || stream.Msg().GetFlagConfiguration() != definition || stream.Msg().GetSyncContext().AsMap()["environment"] != "dev" {
		t.Fatalf("%v %v", stream.Msg(), stream.Err())
	}
	changed := strings.Replace(definition, "#f00", "#e00", 1)
	f.s.Put(snapshot(t, 2, changed))
	if !stream.Receive() || stream.Msg().GetFlagConfiguration() != changed {
		t.Fatalf("%v", stream.Err())
	}
	if n := f.s.Subscribers("checkout", "dev"); n != 1 {
		t.Errorf("%d subscribers", n)
	}
	f.s.SetKeys(keys()[1:])
	if stream.Receive() || connect.CodeOf(stream.Err()) != connect.CodeUnauthenticated {
		t.Errorf("the stream of a revoked key: %v", stream.Err())
	}
}

// Providers cut their streams with a deadline and come back.
func TestFlagdSyncDeadline(t *testing.T) {
	f := start(t)
	client := syncClient(f.openSync())
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		stream, err := client.SyncFlags(ctx, connect.NewRequest(&syncv1.SyncFlagsRequest{Selector: serverKey}))
		if err != nil {
			t.Fatal(err)
		}
		if !stream.Receive() {
			t.Fatal(stream.Err())
		}
		if stream.Receive() || connect.CodeOf(stream.Err()) != connect.CodeDeadlineExceeded && !errors.Is(stream.Err(), context.DeadlineExceeded) {
			t.Errorf("%v", stream.Err())
		}
		cancel()
	}
}

func TestFlagdSyncKeys(t *testing.T) {
	f := start(t)
	client := syncClient(f.openSync())
	for name, c := range map[string]struct {
		key, provider, selector string
		want                    connect.Code
	}{
		"in the header":          {key: serverKey},
		"as selector":            {selector: serverKey},
		"as source":              {selector: "source=" + serverKey},
		"as provider id":         {provider: serverKey},
		"with a set":             {key: serverKey, selector: "flagSetId=checkout"},
		"with its environment":   {key: wideKey, selector: "flagSetId=checkout/dev"},
		"without an environment": {key: wideKey, want: connect.CodeInvalidArgument},
		"of no such environment": {key: wideKey, selector: "flagSetId=checkout/nowhere", want: connect.CodeNotFound},
		"of another set":         {key: serverKey, selector: "flagSetId=cart", want: connect.CodeNotFound},
		"none":                   {want: connect.CodeUnauthenticated},
		"wrong":                  {key: "spf_wrong", want: connect.CodeUnauthenticated},
		"a client key":           {key: clientKey, want: connect.CodePermissionDenied},
		"a relay's key":          {key: relayKey, want: connect.CodePermissionDenied},
	} {
		req := connect.NewRequest(&syncv1.FetchAllFlagsRequest{ProviderId: c.provider, Selector: c.selector})
		if c.key != "" {
			req.Header().Set("Authorization", "Bearer "+c.key)
		}
		res, err := client.FetchAllFlags(t.Context(), req)
		switch {
		case c.want == 0 && (err != nil || res.Msg.GetFlagConfiguration() != definition):
			t.Errorf("%s: %v", name, err)
		case c.want != 0 && connect.CodeOf(err) != c.want:
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	req := connect.NewRequest(&syncv1.GetMetadataRequest{})
	req.Header().Set("X-Api-Key", serverKey)
	if res, err := client.GetMetadata(t.Context(), req); err != nil || res.Msg.GetMetadata().AsMap()["environment"] != "dev" { // older providers ask it
		t.Errorf("%v", err)
	}
}
