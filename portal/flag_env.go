package portal

import (
	"context"
	"net/url"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/flag/key"
	"sphera/internal/secret"
	"sphera/internal/store"
)

const (
	// serviceKeys is where the vault keeps the flag keys of services.
	serviceKeys = "flag-key"
	// flagTimeout is how long services wait for a flag, in milliseconds.
	flagTimeout = "500"
	envTimeout  = 5 * time.Second
)

// serviceEnv is what a service finds in its environment: where flags are, and
// a key for them, in the variables that OpenFeature's SDKs read.
func (p *parts) serviceEnv(service, environment string) map[string]string {
	ctx, cancel := context.WithTimeout(context.Background(), envTimeout)
	defer cancel()
	env := map[string]string{"OFREP_ENDPOINT": p.address() + "/flags/" + url.PathEscape(environment), "OFREP_TIMEOUT_MS": flagTimeout}
	plain, err := p.serviceKey(ctx, service, environment)
	switch {
	case err == nil:
		env["OFREP_HEADERS"] = "Authorization=" + url.PathEscape("Bearer "+plain)
	case fault.Is(err, fault.NotFound): // it has no flags
	default:
		p.log.WarnContext(ctx, "a service starts without a key for its flags; it uses the defaults in its code", "service", service, "environment", environment, "error", err)
	}
	return env
}

// serviceKey is the flag key of a service, made when there is none that holds:
// at the first start, and at the next one after the key was revoked.
func (p *parts) serviceKey(ctx context.Context, service, environment string) (string, error) {
	project, err := p.flagKeys.ProjectOf(ctx, service)
	if err != nil {
		return "", err
	}
	name := service + "/" + environment
	kept, err := p.vault.Open(ctx, p.db.Read(), serviceKeys, name)
	if err == nil {
		var plain string
		if err := kept.Use(func(b []byte) error {
			plain = string(b)
			return nil
		}); err != nil {
			return "", err
		}
		if holds, err := p.flagKeys.Holds(ctx, plain); err != nil || holds {
			return plain, err
		}
	} else if !fault.Is(err, fault.NotFound) {
		return "", err
	}
	plain, made, err := p.flagKeys.Create(ctx, project, key.NewKey{Kind: key.Server, Environment: environment, Name: service}, audit.System)
	if err != nil {
		return "", err
	}
	err = p.db.Tx(ctx, func(tx *store.Tx) error {
		return p.vault.Put(ctx, tx, serviceKeys, name, secret.NewValue(plain), audit.System)
	})
	if err != nil {
		p.warn(ctx, "revoke a flag key that could not be kept", p.flagKeys.Revoke(ctx, project, made.ID, audit.System))
		return "", err
	}
	return plain, nil
}
