package guarded

import (
	"context"
	"net/http"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/golden"
	"sphera/internal/runtime"
)

const readCatalog = "catalog.read"

// Services are the services that run. Whoever may read the component may see
// it run, in the environments that may be read.
type Services struct {
	g         *Guard
	runtime   runtime.Runtime
	contracts *golden.Contracts
}

// Services guards a runtime and what is checked of its services.
func (g *Guard) Services(r runtime.Runtime, c *golden.Contracts) *Services {
	return &Services{g: g, runtime: r, contracts: c}
}

// object is a service in an environment as policies know it.
func (s *Services) object(ctx context.Context, service, environment string) (auth.Object, error) {
	o, err := s.g.entity(portal(ctx), "Component", service)
	if err != nil {
		return o, err
	}
	if len(o.Teams) == 0 {
		of, err := s.g.owners(ctx, []string{ref("Component", service)})
		if err != nil {
			return o, err
		}
		o.Teams = of[ref("Component", service)]
	}
	o.Environment = environment
	o.EnvironmentKind, err = s.g.environments().of(ctx, environment)
	return o, err
}

// hidden tells whether a service may not be read, in the environment if one is
// named.
func (s *Services) hidden(ctx context.Context, service, environment string) (bool, error) {
	if err := known(ctx); err != nil {
		return false, err
	}
	name := ref("Component", service)
	not, err := s.g.catalog.Hidden(ctx, []string{name})
	if err != nil || not[name] || environment == "" {
		return not[name], err
	}
	p, err := who(ctx)
	if err != nil || p.IsSystem() {
		return false, err
	}
	o, err := s.object(ctx, service, environment)
	if err != nil {
		return false, err
	}
	err = s.g.auth.Could(ctx, p, readCatalog, o)
	if fault.Is(err, fault.Forbidden) {
		return true, nil
	}
	return false, err
}

// Instances is runtime.Runtime.Instances without what may not be read.
func (s *Services) Instances(ctx context.Context, service string) ([]runtime.Instance, error) {
	if hidden, err := s.hidden(ctx, service, ""); err != nil || hidden {
		return nil, err
	}
	list, err := s.runtime.Instances(ctx, service)
	if err != nil {
		return nil, err
	}
	return inSight(ctx, s, list, func(i runtime.Instance) (string, string) { return i.Service, i.Environment })
}

// Instance is runtime.Runtime.Instance.
func (s *Services) Instance(ctx context.Context, service, environment string) (runtime.Instance, error) {
	hidden, err := s.hidden(ctx, service, environment)
	if err == nil && hidden {
		err = notRunning(service, environment)
	}
	if err != nil {
		return runtime.Instance{}, err
	}
	return s.runtime.Instance(ctx, service, environment)
}

func notRunning(service, environment string) error {
	return fault.New(fault.NotFound, "%s does not run in %s. Deploy a version first.", service, environment)
}

// Deployments is runtime.Runtime.Deployments without what may not be read.
func (s *Services) Deployments(ctx context.Context, service string, limit int) ([]runtime.Deployment, error) {
	if hidden, err := s.hidden(ctx, service, ""); err != nil || hidden {
		return nil, err
	}
	list, err := s.runtime.Deployments(ctx, service, limit)
	if err != nil {
		return nil, err
	}
	return inSight(ctx, s, list, func(d runtime.Deployment) (string, string) { return d.Service, d.Environment })
}

// inSight leaves of a service's rows those in environments that may be read.
func inSight[T any](ctx context.Context, s *Services, list []T, where func(T) (service, environment string)) ([]T, error) {
	known := map[string]bool{}
	out := make([]T, 0, len(list))
	for _, one := range list {
		service, environment := where(one)
		hidden, ok := known[environment]
		if !ok {
			var err error
			if hidden, err = s.hidden(ctx, service, environment); err != nil {
				return nil, err
			}
			known[environment] = hidden
		}
		if !hidden {
			out = append(out, one)
		}
	}
	return out, nil
}

// Logs is runtime.Runtime.Logs.
func (s *Services) Logs(ctx context.Context, service, environment string, after int64, limit int) ([]runtime.LogLine, error) {
	hidden, err := s.hidden(ctx, service, environment)
	if err != nil {
		return nil, err
	}
	if hidden {
		service, environment = "", "" // as one that never ran
	}
	return s.runtime.Logs(ctx, service, environment, after, limit)
}

// Follow is runtime.Runtime.Follow: the channel has no lines, it only tells to
// look again.
func (s *Services) Follow(service, environment string) (<-chan string, func()) {
	return s.runtime.Follow(service, environment)
}

// Check is golden.Contracts.Check.
func (s *Services) Check(ctx context.Context, service string) ([]action.Check, error) {
	hidden, err := s.hidden(ctx, service, "")
	if err != nil {
		return nil, err
	}
	if hidden {
		return s.contracts.CheckAbsent(ctx, service)
	}
	return s.contracts.Check(ctx, service)
}

// Proxy is runtime.Runtime.Proxy for who acts in the context; what may not be
// seen is as what does not run.
func (s *Services) Proxy(ctx context.Context, service, environment string) (http.Handler, error) {
	hidden, err := s.hidden(ctx, service, environment)
	if err != nil {
		return nil, err
	}
	if hidden {
		return s.runtime.Absent(service, environment), nil
	}
	return s.runtime.Proxy(service, environment), nil
}

// Seen tells which of the instances, named "service/environment", may be read.
func (s *Services) Seen(ctx context.Context, service, environment string) (bool, error) {
	hidden, err := s.hidden(ctx, service, environment)
	return !hidden, err
}
