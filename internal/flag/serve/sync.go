package serve

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	syncv1 "buf.build/gen/go/open-feature/flagd/protocolbuffers/go/flagd/sync/v1"

	"buf.build/gen/go/open-feature/flagd/connectrpc/go/flagd/sync/v1/syncv1connect"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"
)

// syncer is flagd's gRPC sync: whole definitions for clients that evaluate in
// their own process. It takes server keys only.
type syncer struct{ s *Server }

// Sync is the handler of flagd's gRPC sync. It needs a server that speaks
// HTTP/2.
func (s *Server) Sync() http.Handler {
	path, handler := syncv1connect.NewFlagSyncServiceHandler(syncer{s}, connect.WithReadMaxBytes(maxBody))
	mux := http.NewServeMux()
	mux.Handle(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), controllerKey{}, http.NewResponseController(w))
		ctx = context.WithValue(ctx, addressKey{}, s.o.Address(r))
		handler.ServeHTTP(w, r.WithContext(ctx))
	}))
	return mux
}

type (
	controllerKey struct{}
	addressKey    struct{}
)

// SyncServer is the server for Sync with the limits it needs: pings of clients
// are answered, clients that are gone are noticed.
func SyncServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: handler, Protocols: protocols, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 16 << 10,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 250, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 15 * time.Second},
	}
}

// ask finds the set that a client asks for. Its key is in the header
// authorization or x-api-key; or, for providers that cannot send headers, the
// provider id or the selector.
func (y syncer) ask(ctx context.Context, header http.Header, provider, selector string) (asked, error) {
	s, now := y.s, y.s.o.Now()
	if sent := header.Get("Flagd-Selector"); sent != "" {
		selector = sent
	}
	plain := plainKey(header)
	if name, ok := keyIn(selector); ok {
		selector = ""
		if plain == "" {
			plain = name
		}
	}
	if plain == "" {
		plain, _ = keyIn(provider)
	}
	h, ok := s.find(plain, now)
	if !ok {
		address, _ := ctx.Value(addressKey{}).(string)
		if _, ok := s.limits.take("failure", address, s.o.FailureRate, now); !ok {
			return asked{}, connect.NewError(connect.CodeResourceExhausted, errors.New("too many wrong keys"))
		}
		if !s.Ready() {
			return asked{}, connect.NewError(connect.CodeUnavailable, errors.New("the flags are not loaded yet"))
		}
		return asked{}, connect.NewError(connect.CodeUnauthenticated, errors.New("the key is missing, wrong or ended"))
	}
	if h.Kind != KindServer {
		return asked{}, connect.NewError(connect.CodePermissionDenied, errors.New("only a server key may read whole definitions"))
	}
	environment := h.Environment
	if environment == "" {
		_, environment, _ = strings.Cut(strings.TrimPrefix(selector, "flagSetId="), "/")
	}
	if environment == "" {
		return asked{}, connect.NewError(connect.CodeInvalidArgument, errors.New("the key is for several environments: name one with the selector flagSetId=PROJECT/ENVIRONMENT"))
	}
	e, ok := s.entry(h.Project, environment)
	if !ok || e.current.Load() == nil {
		return asked{}, connect.NewError(connect.CodeNotFound, errors.New("there are no flags of this project in this environment"))
	}
	q := asked{key: h, entry: e, loaded: e.current.Load()}
	if selector != "" && !q.loaded.selected(selector) {
		return asked{}, connect.NewError(connect.CodeNotFound, errors.New("the key's set of flags is another one than the selector names"))
	}
	return q, nil
}

// keyIn finds a server key where a name is expected.
func keyIn(text string) (string, bool) {
	if key, value, found := strings.Cut(text, "="); found && (key == "source" || key == "key") {
		text = value
	}
	return text, strings.HasPrefix(text, "spf_")
}

func (y syncer) syncContext(environment string) (*structpb.Struct, error) {
	values := map[string]any{"environment": environment}
	for name, value := range y.s.o.SyncContext {
		values[name] = value
	}
	return structpb.NewStruct(values)
}

// SyncFlags sends the definition at once and after every change.
func (y syncer) SyncFlags(ctx context.Context, req *connect.Request[syncv1.SyncFlagsRequest], to *connect.ServerStream[syncv1.SyncFlagsResponse]) error {
	q, err := y.ask(ctx, req.Header(), req.Msg.GetProviderId(), req.Msg.GetSelector())
	if err != nil {
		return err
	}
	s := y.s
	if !s.openStream() {
		return connect.NewError(connect.CodeUnavailable, errors.New("there are too many streams"))
	}
	defer s.streams.Add(-1)
	about, err := y.syncContext(q.entry.key.environment)
	if err != nil {
		return connect.NewError(connect.CodeInternal, err)
	}
	rc, _ := ctx.Value(controllerKey{}).(*http.ResponseController)
	news := q.entry.hub.join()
	defer q.entry.hub.leave(news)
	check := time.NewTicker(s.o.Heartbeat)
	defer check.Stop()
	var sent *loaded
	for {
		l := q.entry.current.Load()
		if l == nil {
			return connect.NewError(connect.CodeNotFound, errors.New("the flags of this project were removed"))
		}
		if l != sent {
			if rc != nil {
				_ = rc.SetWriteDeadline(s.o.Now().Add(s.o.WriteTimeout)) // a test's recorder has none
			}
			if err := to.Send(&syncv1.SyncFlagsResponse{FlagConfiguration: string(l.sn.Set.Definition()), SyncContext: about}); err != nil {
				return err
			}
			sent = l
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopping:
			return connect.NewError(connect.CodeUnavailable, errors.New("the server stops"))
		case <-news.wake:
		case <-check.C:
		}
		if !s.alive(q.key, s.o.Now()) {
			return connect.NewError(connect.CodeUnauthenticated, errors.New("the key has ended"))
		}
	}
}

// FetchAllFlags sends the definition once.
func (y syncer) FetchAllFlags(ctx context.Context, req *connect.Request[syncv1.FetchAllFlagsRequest]) (*connect.Response[syncv1.FetchAllFlagsResponse], error) {
	q, err := y.ask(ctx, req.Header(), req.Msg.GetProviderId(), req.Msg.GetSelector())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&syncv1.FetchAllFlagsResponse{FlagConfiguration: string(q.loaded.sn.Set.Definition())}), nil
}

// GetMetadata is what older providers ask instead of reading the sync context.
func (y syncer) GetMetadata(ctx context.Context, req *connect.Request[syncv1.GetMetadataRequest]) (*connect.Response[syncv1.GetMetadataResponse], error) {
	q, err := y.ask(ctx, req.Header(), "", "")
	if err != nil {
		return nil, err
	}
	about, err := y.syncContext(q.entry.key.environment)
	if err != nil {
		return nil, connect.NewError(connect.CodeInternal, err)
	}
	return connect.NewResponse(&syncv1.GetMetadataResponse{Metadata: about}), nil
}
