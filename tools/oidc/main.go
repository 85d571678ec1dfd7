// Command oidc is an OpenID provider for tests: the example server of
// github.com/zitadel/oidc with users, groups and keys that a test may change.
// It prints its issuer as the first line.
//
//	oidc -client ID:SECRET -redirect URL [-redirect URL...] [-listen 127.0.0.1:0]
//
// A test may ask it, besides what OpenID Connect knows:
//
//	POST /test/groups?user=ID&groups=a,b   the groups of a user from now on
//	POST /test/sign                        sign the claims in the body
//	POST /test/rotate                      sign with a new key; the old one is gone
//	POST /test/forget                      forget every refresh token
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	var redirects []string
	listen := flag.String("listen", "127.0.0.1:0", "where to listen")
	name := flag.String("client", "sphera:secret", "id and secret of the one client")
	flag.Func("redirect", "where the client may be sent back to (repeatable)", func(s string) error {
		redirects = append(redirects, s)
		return nil
	})
	flag.Parse()
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return err
	}
	issuer := "http://localhost:" + port
	id, secret, _ := strings.Cut(*name, ":")
	storage.RegisterClients(storage.WebClient(id, secret, redirects...))
	var after []string
	for _, to := range redirects {
		if u, err := url.Parse(to); err == nil {
			after = append(after, u.Scheme+"://"+u.Host+"/login")
		}
	}
	p := &provider{after: after, Storage: storage.NewStorage(people()), groups: map[string][]string{"ada": {"engineering", "payments-developers"}}}
	if err := p.rotate(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /test/groups", p.setGroups)
	mux.HandleFunc("POST /test/sign", p.sign)
	mux.HandleFunc("POST /test/rotate", func(w http.ResponseWriter, _ *http.Request) {
		if err := p.rotate(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /test/forget", func(http.ResponseWriter, *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.forgotten = true
	})
	mux.Handle("/", exampleop.SetupServer(issuer, p, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), false))
	fmt.Println(issuer)
	return http.Serve(ln, mux) //nolint:gosec // for tests
}

// users are the people who can sign in.
type users map[string]*storage.User

func people() users {
	out := users{}
	for _, u := range []storage.User{
		{ID: "ada", Username: "ada", FirstName: "Ada", LastName: "Byron", Email: "ada@example.com", EmailVerified: true},
		{ID: "linus", Username: "linus", FirstName: "Linus", LastName: "Berg", Email: "linus@example.com", EmailVerified: true},
		{ID: "mallory", Username: "mallory", FirstName: "Mallory", LastName: "Fox", Email: "grace@example.com", EmailVerified: false},
	} {
		u.Password, u.PreferredLanguage = "correct horse", language.English
		out[u.ID] = &u
	}
	return out
}

func (u users) GetUserByID(id string) *storage.User         { return u[id] }
func (u users) GetUserByUsername(name string) *storage.User { return u[name] }
func (u users) ExampleClientID() string                     { return "service" }

// provider adds groups and keys to the example's storage.
type provider struct {
	*storage.Storage
	mu        sync.Mutex
	groups    map[string][]string
	key       *rsa.PrivateKey
	kid       string
	forgotten bool
	// after are the pages to go to after signing out.
	after []string
}

// client is the one client, which says where to go after signing out.
type client struct {
	op.Client
	after []string
}

func (c client) PostLogoutRedirectURIs() []string { return c.after }

func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, p.after}, nil
}

func (p *provider) rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, uuid.NewString()
	return nil
}

func (p *provider) setGroups(_ http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups[r.FormValue("user")] = strings.FieldsFunc(r.FormValue("groups"), func(c rune) bool { return c == ',' })
}

func (p *provider) sign(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: p.kid}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err == nil {
		var signed *jose.JSONWebSignature
		if signed, err = signer.Sign(body); err == nil {
			var text string
			if text, err = signed.CompactSerialize(); err == nil {
				_, err = io.WriteString(w, text)
			}
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (p *provider) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	err := p.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
	p.addGroups(info, subject)
	return err
}

func (p *provider) addGroups(info *oidc.UserInfo, subject string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if groups, ok := p.groups[subject]; ok {
		info.AppendClaims("groups", groups)
	}
}

func (p *provider) TokenRequestByRefreshToken(ctx context.Context, token string) (op.RefreshTokenRequest, error) {
	p.mu.Lock()
	forgotten := p.forgotten
	p.mu.Unlock()
	if forgotten {
		return nil, errors.New("invalid refresh token")
	}
	return p.Storage.TokenRequestByRefreshToken(ctx, token)
}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.key }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

type publicKey struct{ signingKey }

func (k publicKey) Key() any                           { return &k.key.PublicKey }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }

func (p *provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return signingKey{p.kid, p.key}, nil
}

func (p *provider) KeySet(context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []op.Key{publicKey{signingKey{p.kid, p.key}}}, nil
}
