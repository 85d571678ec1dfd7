// Package builtin has the actions that ship with Sphera, one file each, and the
// step types they share. An action says what it would do (plan), does it as
// durable steps, checks it afterwards and can be undone.
package builtin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/insight"
	"sphera/internal/runtime"
	"sphera/internal/secret"
)

// The blueprints the golden path writes to.
const (
	componentBlueprint   = "Component"
	apiBlueprint         = "API"
	systemBlueprint      = "System"
	repositoryBlueprint  = "Repository"
	environmentBlueprint = "Environment"
)

// processLimits says, in plans, what the process runtime allows a service.
const processLimits = "2 GiB of memory, 4,096 open files, files of at most 256 MiB, confined to its own folder; restarted when it crashes"

// Deps is what the built-in actions work on.
type Deps struct {
	Forge   forge.Forge
	Catalog *catalog.Catalog
	Runtime runtime.Runtime
	Flags   *flag.Projects
	// FlagStore has the flags themselves.
	FlagStore *flag.Flags
	Secrets   *secret.Slots
	Contracts *golden.Contracts
	Insights  *insight.Insights
	// Environments lists the organisation's environments in the order a version
	// travels.
	Environments func(ctx context.Context) ([]golden.Environment, error)
	Now          func() time.Time
	// PublicURL is where people reach the portal, without a slash at the end.
	PublicURL func() string
	// Teams lists the names of all teams.
	Teams func(ctx context.Context) ([]string, error)
	// CIRepository and GitOpsRepository are where every service has its entry.
	CIRepository     string
	GitOpsRepository string
}

// All returns the built-in actions.
func All(d Deps) ([]*action.Action, error) {
	steps := newSteps(d)
	var all []*action.Action
	for _, define := range []func(Deps, *stepSet) (*action.Action, error){createService, deployService, revertService, fixService, cleanUpFlag} {
		a, err := define(d, steps)
		if err != nil {
			return nil, fmt.Errorf("define the built-in actions: %w", err)
		}
		all = append(all, a)
	}
	return all, nil
}

// portal is who commits and merges when a run does, with the person who asked
// for it as author.
func portal() forge.Person {
	return forge.Person{ID: "sphera", Name: "Sphera", Email: "sphera@localhost"}
}

func person(a action.Actor) forge.Person {
	return forge.Person{ID: a.ID, Name: a.Name, Email: a.Email, Roles: a.Roles, Teams: a.Teams}
}

// devEnvironment picks the environment a service is started in: the one asked
// for, or the first of kind dev.
func devEnvironment(all []golden.Environment, asked string) (golden.Environment, error) {
	for _, e := range all {
		if asked == "" && e.Kind == "dev" {
			return e, nil
		}
		if e.ID != asked {
			continue
		}
		if e.Kind != "dev" {
			return golden.Environment{}, action.Invalid("environment",
				fmt.Sprintf("%s is a %s environment, which the process runtime does not serve", asked, e.Kind),
				"an environment of kind dev; staging and production get their manifests in the GitOps repository")
		}
		return e, nil
	}
	if asked == "" {
		return golden.Environment{}, action.Invalid("environment", "the organisation has no environment of kind dev", "add an entity of blueprint Environment with kind dev")
	}
	return golden.Environment{}, action.Invalid("environment", asked+" does not exist", "one of "+environmentNames(all))
}

func environmentNames(all []golden.Environment) string {
	names := make([]string, 0, len(all))
	for _, e := range all {
		names = append(names, e.ID)
	}
	return strings.Join(names, ", ")
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func runPath(environment, service string) string { return "/run/" + environment + "/" + service + "/" }

func lock(service string) string { return "service:" + service }

func short(sha string) string {
	if len(sha) > 10 {
		return sha[:10]
	}
	return sha
}
