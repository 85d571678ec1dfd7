package api

import (
	"context"
	"net/http"
	"strconv"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/insight"
	"sphera/internal/runtime"
)

type servicePath struct {
	Name string `path:"name" maxLength:"200"`
}

type instancesAnswer struct {
	Answer
	Instances []runtime.Instance `json:"instances"`
}

func (a *API) instances(ctx context.Context, in *servicePath) (*instancesAnswer, error) {
	all, err := a.services.Instances(ctx, in.Name)
	return &instancesAnswer{Instances: all}, err
}

type deploymentsInput struct {
	Name  string `path:"name" maxLength:"200"`
	Limit int    `query:"limit" default:"50" minimum:"1" maximum:"200"`
}

type deploymentsAnswer struct {
	Answer
	Deployments []runtime.Deployment `json:"deployments"`
}

func (a *API) deployments(ctx context.Context, in *deploymentsInput) (*deploymentsAnswer, error) {
	all, err := a.services.Deployments(ctx, in.Name, in.Limit)
	name := a.names(ctx)
	for i := range all {
		all[i].By = name(all[i].By)
	}
	return &deploymentsAnswer{Deployments: all}, err
}

func (a *API) serviceChecks(ctx context.Context, in *servicePath) (*checksAnswer, error) {
	checks, err := a.services.Check(ctx, in.Name)
	return &checksAnswer{Checks: checks}, err
}

type instanceLogsInput struct {
	Name  string `path:"name" maxLength:"200"`
	Env   string `path:"env" maxLength:"100"`
	After int64  `query:"after" minimum:"0"`
	Limit int    `query:"limit" default:"1000" minimum:"1" maximum:"5000"`
}

type instanceLogsAnswer struct {
	Answer
	Lines []runtime.LogLine `json:"lines"`
	Next  int64             `json:"next,omitempty" doc:"Pass as after for the next page; absent on the last"`
}

func (a *API) instanceLogs(ctx context.Context, in *instanceLogsInput) (*instanceLogsAnswer, error) {
	lines, err := a.services.Logs(ctx, in.Name, in.Env, in.After, in.Limit)
	out := &instanceLogsAnswer{Lines: lines}
	if len(lines) == in.Limit {
		out.Next = lines[len(lines)-1].Seq
	}
	return out, err
}

// instanceEvents streams an instance: "instance" on each change of its state,
// "log" with the line's seq as id.
func (a *API) instanceEvents(w http.ResponseWriter, r *http.Request) error {
	name, env := r.PathValue("name"), r.PathValue("env")
	after, err := lastEventID(r)
	if err != nil {
		return err
	}
	states, stopStates := a.db.Subscribe("instance")
	defer stopStates()
	logs, stopLogs := a.services.Follow(name, env)
	defer stopLogs()
	if _, err := a.services.Instance(r.Context(), name, env); err != nil {
		return err
	}
	s := a.openStream(w, r)
	shown, key := "", name+"/"+env
	return s.follow(func(note string) bool { return note == key || note == "" }, []<-chan string{states, logs}, func() (bool, error) {
		one, err := a.services.Instance(r.Context(), name, env)
		if fault.Is(err, fault.NotFound) {
			return true, s.send("end", "", `{}`)
		}
		if err != nil {
			return true, err
		}
		if err := s.sendChanged("instance", one, &shown); err != nil {
			return true, err
		}
		for {
			lines, err := a.services.Logs(r.Context(), name, env, after, logPage)
			if err != nil {
				return true, err
			}
			for _, l := range lines {
				if err := s.sendJSON("log", strconv.FormatInt(l.Seq, 10), l); err != nil {
					return true, err
				}
				after = l.Seq
			}
			if len(lines) < logPage {
				return false, nil
			}
		}
	})
}

// proxy passes a request on to a running service. Its pages are in a sandbox,
// see runtime.Proxy; whoever is signed in may open them.
func (a *API) proxy(w http.ResponseWriter, r *http.Request) {
	p, err := a.principal(r)
	if err != nil {
		a.proxySignIn(w, r, err)
		return
	}
	a.identify(r.Context(), p, a.authenticates(r))
	r = r.WithContext(auth.WithPrincipal(r.Context(), p))
	service, err := a.services.Proxy(r.Context(), r.PathValue("service"), r.PathValue("env"))
	if err != nil {
		a.writeFailure(w, r, err)
		return
	}
	service.ServeHTTP(w, r)
}

// proxySignIn sends people to the sign-in page and programs an error.
func (a *API) proxySignIn(w http.ResponseWriter, r *http.Request, err error) {
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && fault.Is(err, fault.Unauthorized) {
		to := "/login?returnTo=" + queryEscape(r.URL.EscapedPath())
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // the path is one parameter of an address of ours
		return
	}
	a.writeFailure(w, r, err)
}

type summaryAnswer struct {
	Answer
	Summary insight.Summary `json:"summary"`
}

func (a *API) firstAnswer(ctx context.Context, _ *struct{}) (*summaryAnswer, error) {
	s, err := a.insights.Summary(ctx, "first-answer")
	return &summaryAnswer{Summary: s}, err
}

// nameActors gives events that know only the id of who acted the name too.
func (a *API) nameActors(ctx context.Context, events []audit.Event) {
	name := a.names(ctx)
	for i := range events {
		if events[i].ActorName == events[i].Actor {
			events[i].ActorName = name(events[i].Actor)
		}
	}
}

// names returns a function from ids of users to their names, which asks for
// each once; an id that is nobody's stays as it is.
func (a *API) names(ctx context.Context) func(id string) string {
	known := map[string]string{"": "", "system": "Sphera"}
	return func(id string) string {
		if name, ok := known[id]; ok {
			return name
		}
		known[id] = id
		if u, err := a.auth.User(ctx, id); err == nil {
			known[id] = u.Name
		}
		return known[id]
	}
}
