package automation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/automation"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/notify"
	"sphera/internal/outgoing"
	"sphera/internal/resource"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const patience = 20 * time.Second

var (
	ada   = action.Actor{ID: "ada", Name: "Ada L", Email: "ada@example.com", Roles: []string{"developer"}, Teams: []string{"shop"}}
	boss  = action.Actor{ID: "boss", Name: "Boss", Email: "boss@example.com", Roles: []string{"administrator"}}
	admin = resource.Actor{ID: "boss", Name: "Boss"}
)

const signingKey = "0123456789abcdef0123456789abcdef-and-more"

// world is the service over a real database and engine, with a server that
// plays all the others.
type world struct {
	*automation.Service
	t       *testing.T
	db      *store.DB
	catalog *catalog.Catalog
	engine  *run.Engine
	server  *httptest.Server

	mu    sync.Mutex
	calls []call
	reply func(r *http.Request, body string) (int, string)
	now   func() time.Time
	skip  time.Duration
}

type call struct {
	method, path string
	header       http.Header
	body         string
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db, true)) })
}

func newWorld(t *testing.T, db *store.DB, allowPrivate bool) *world {
	t.Helper()
	w := &world{t: t, db: db, reply: func(*http.Request, string) (int, string) { return 200, `{"fine":true}` }}
	w.now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.Now().Add(w.skip)
	}
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	log := audit.New(w.now)
	quiet := slog.New(slog.DiscardHandler)
	w.catalog = catalog.New(db, log, w.now).Guard(catalogtest.Anybody())
	w.engine = run.New(db, log, quiet, run.Options{Now: w.now, Backoff: time.Millisecond})
	accounts := auth.New(db, log, w.now)
	w.account(ada, "shop")
	w.account(boss)
	w.account(action.Actor{ID: "eve", Name: "Eve", Email: "eve@example.com", Roles: []string{"developer"}})
	approvals, err := approval.New(approval.Deps{DB: db, Audit: log, Auth: accounts, Catalog: w.catalog, Runs: w.engine, Notices: notify.New(db, w.now), Now: w.now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	w.Service, err = automation.New(automation.Deps{
		DB: db, Audit: log, Catalog: w.catalog, Runs: w.engine, Approvals: approvals, Outgoing: outgoing.New(allowPrivate), Now: w.now, Log: quiet,
		Secrets: func(context.Context, func(string) bool) (map[string]string, error) {
			return map[string]string{"API_KEY": "s3cret", "GITHUB_TOKEN": "gh-token", "GITLAB_TOKEN": "gl-token"}, nil
		},
		SigningKey:   func(context.Context) (string, error) { return signingKey, nil },
		Organization: func(context.Context) (string, error) { return "org_1", nil },
		Find: func(ctx context.Context, q *query.Query, env query.Env, limit int) ([]catalog.Entity, error) {
			page, err := w.catalog.Search(ctx, catalog.Query{Blueprint: "svc", Limit: limit})
			return page.Entities, err
		},
		GitHub: w.server.URL + "/github", GitLab: w.server.URL + "/gitlab",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.background(w.engine.Work)
	for _, doc := range []string{
		`{"identifier":"svc","title":"Service","schema":{"properties":{"lang":{"type":"string"},"ttl":{"type":"string","format":"timer"},"restarts":{"type":"number"}},"required":[]}}`,
	} {
		var b catalog.Blueprint
		if err := json.Unmarshal([]byte(doc), &b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.catalog.PutBlueprint(context.Background(), b, "boss"); err != nil {
			t.Fatal(err)
		}
	}
	w.entity(`{"identifier":"cart","title":"Cart","team":["shop"],"properties":{"lang":"go"}}`)
	return w
}

// account makes a user with the id that the tests know.
func (w *world) account(a action.Actor, teams ...string) {
	w.t.Helper()
	err := w.db.Tx(context.Background(), func(tx *store.Tx) error {
		roles, err := json.Marshal(a.Roles)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(context.Background(), "INSERT INTO auth_users (id, email, email_key, name, password, roles, status, created_at) VALUES ($1, $2, $2, $3, '', $4, 'active', 1)",
			a.ID, a.Email, a.Name, string(roles))
		for _, team := range teams {
			if err == nil {
				_, err = tx.ExecContext(context.Background(), "INSERT INTO auth_teams (name, title, description, created_at) VALUES ($1, $1, '', 1)", team)
			}
			if err == nil {
				_, err = tx.ExecContext(context.Background(), "INSERT INTO auth_members (user_id, team) VALUES ($1, $2)", a.ID, team)
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) background(work func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("work: %v", err)
		}
	})
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.calls = append(w.calls, call{r.Method, r.URL.RequestURI(), r.Header.Clone(), string(body)})
	reply := w.reply
	w.mu.Unlock()
	status, text := reply(r, string(body))
	rw.WriteHeader(status)
	io.WriteString(rw, text)
}

func (w *world) called() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]call(nil), w.calls...)
}

func (w *world) entity(doc string) {
	w.t.Helper()
	var n catalog.NewEntity
	if err := json.Unmarshal([]byte(doc), &n); err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := w.catalog.PutEntity(context.Background(), "svc", n, catalog.Write{Upsert: true, Merge: true, By: "ada"}); err != nil {
		w.t.Fatal(err)
	}
}

// action creates an action; URL stands for the server's address.
func (w *world) action(doc string) automation.Action {
	w.t.Helper()
	a, err := w.Create(context.Background(), json.RawMessage(strings.ReplaceAll(doc, "URL", w.server.URL)), admin)
	if err != nil {
		w.t.Fatalf("create %s: %v", doc, err)
	}
	return a
}

func (w *world) start(id string, ask automation.Ask) automation.Run {
	w.t.Helper()
	ask.Action, ask.Source = id, automation.FromAPI
	if ask.By.ID == "" {
		ask.By = ada
	}
	r, err := w.Start(context.Background(), ask)
	if err != nil {
		w.t.Fatalf("start %s: %v %+v", id, err, details(err))
	}
	return r
}

func details(err error) []fault.Detail {
	if f, ok := fault.As(err); ok {
		return f.Details
	}
	return nil
}

// await returns the run once it has one of the states.
func (w *world) await(id any, states ...string) automation.Run {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		r, err := w.Run(context.Background(), fmt.Sprint(id))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, state := range states {
			if r["status"] == state {
				return r
			}
		}
		if time.Now().After(deadline) {
			raw, _ := json.Marshal(r)
			w.t.Fatalf("the run does not come to %v: %s", states, raw)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func selfService(id, more, invocation string) string {
	if more != "" {
		more = "," + more
	}
	return `{"identifier":"` + id + `","trigger":{"type":"self-service","operation":"CREATE","userInputs":{"properties":{},"required":[]}` + more + `},"invocationMethod":` + invocation + `}`
}
