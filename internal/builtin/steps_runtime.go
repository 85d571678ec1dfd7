package builtin

import (
	"context"
	"fmt"
	"time"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/runtime"
)

// versionFrom says which commit a step is about: a fixed one, or the one an
// earlier step of the run pushed.
type versionFrom struct {
	SHA string `json:"sha,omitempty"`
	// Step is the step whose result has the commit.
	Step string `json:"step,omitempty"`
}

func (v versionFrom) resolve(x *action.Exec) (string, error) {
	if v.SHA != "" {
		return v.SHA, nil
	}
	pushed, err := action.Result[pushResult](x, v.Step)
	return pushed.SHA, err
}

type buildArgs struct {
	Service    string      `json:"service"`
	Repository string      `json:"repository"`
	Version    versionFrom `json:"version"`
}

type buildResult struct {
	Version string `json:"version"`
}

// buildStep builds a commit; an artifact that is there already is reused.
func buildStep(d Deps) action.StepKind[buildArgs, buildResult] {
	return action.NewStepType("runtime.build", action.ByName,
		func(ctx context.Context, x *action.Exec, in buildArgs) (buildResult, error) {
			sha, err := in.Version.resolve(x)
			if err != nil {
				return buildResult{}, err
			}
			files, err := d.Forge.Archive(ctx, in.Repository, sha)
			if err != nil {
				return buildResult{}, permanentIfFault(fmt.Errorf("read %s at %s: %w", in.Repository, short(sha), err))
			}
			language := languageOf(files)
			if language == "" {
				return buildResult{}, action.Permanent(errUnbuildable)
			}
			artifact, err := d.Runtime.Build(ctx, runtime.BuildRequest{Service: in.Service, Language: language, Version: sha, Files: files}, x.Output)
			if err != nil {
				return buildResult{}, permanentIfFault(fmt.Errorf("build %s at %s: %w", in.Service, short(sha), err))
			}
			if artifact.Reused {
				x.Logf("version %s was built before", short(sha))
			}
			return buildResult{Version: sha}, nil
		}).WithLimits(10*time.Minute, 3)
}

// languageOf tells from the root of a repository what it is written in.
func languageOf(files []forge.File) string {
	for _, f := range files {
		switch f.Path {
		case "go.mod":
			return "go"
		case "package.json":
			return "node"
		}
	}
	return ""
}

type deployArgs struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
	BuildStep   string `json:"buildStep"`
	// Before is the version that ran before; undo goes back to it. Empty when
	// there was none.
	Before string `json:"before,omitempty"`
}

type deployResult struct {
	Version string `json:"version"`
}

// deployStep makes the built version the wanted one; the same run finds its
// own deployment again.
func deployStep(d Deps) action.StepKind[deployArgs, deployResult] {
	return action.NewStepType("runtime.deploy", action.ByKey,
		func(ctx context.Context, x *action.Exec, in deployArgs) (deployResult, error) {
			built, err := action.Result[buildResult](x, in.BuildStep)
			if err != nil {
				return deployResult{}, err
			}
			if _, err := d.Runtime.Deploy(ctx, runtime.DeployRequest{
				Service: in.Service, Environment: in.Environment, Version: built.Version, RunID: x.RunID, By: x.Actor.ID,
			}); err != nil {
				return deployResult{}, permanentIfFault(fmt.Errorf("deploy %s: %w", in.Service, err))
			}
			x.Logf("%s %s is to run in %s", in.Service, short(built.Version), in.Environment)
			x.Changed(action.Change{Kind: "process", Verb: "started", Title: in.Service + " " + short(built.Version) + " in " + in.Environment, URL: runPath(in.Environment, in.Service)})
			return deployResult(built), nil
		}).
		WithUndo(func(ctx context.Context, x *action.Exec, in deployArgs, _ deployResult) error {
			if in.Before == "" {
				if err := ignoreMissing(d.Runtime.Stop(ctx, in.Service, in.Environment)); err != nil {
					return fmt.Errorf("stop %s in %s: %w", in.Service, in.Environment, err)
				}
				if err := d.noteVersion(ctx, x, in.Service, nil); err != nil {
					return err
				}
				x.Logf("stopped %s in %s", in.Service, in.Environment)
				x.Changed(action.Change{Kind: "process", Verb: "stopped", Title: in.Service + " in " + in.Environment})
				return nil
			}
			return backTo(ctx, d, x, in)
		})
}

// backTo brings the former version back and waits until it answers.
func backTo(ctx context.Context, d Deps, x *action.Exec, in deployArgs) error {
	if _, err := d.Runtime.Deploy(ctx, runtime.DeployRequest{
		Service: in.Service, Environment: in.Environment, Version: in.Before, RunID: x.RunID + "/undo", By: x.Actor.ID,
	}); err != nil {
		return permanentIfFault(fmt.Errorf("go back to %s: %w", short(in.Before), err))
	}
	if _, err := d.Runtime.WaitReady(ctx, in.Service, in.Environment, in.Before, x.Output); err != nil {
		return fmt.Errorf("wait for %s: %w", short(in.Before), err)
	}
	if err := d.noteVersion(ctx, x, in.Service, in.Before); err != nil {
		return err
	}
	x.Logf("%s is back at %s in %s", in.Service, short(in.Before), in.Environment)
	x.Changed(action.Change{Kind: "process", Verb: "reverted", Title: in.Service + " to " + short(in.Before), URL: runPath(in.Environment, in.Service)})
	return nil
}

type readyArgs struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
	DeployStep  string `json:"deployStep"`
	// Measure is the name under which the time from the request of the run to
	// the first answer is kept; empty for none.
	Measure string `json:"measure,omitempty"`
}

// ReadyResult is what the last step of a deployment records; the portal shows
// it as the result of the run.
type ReadyResult struct {
	Address string `json:"address"`
	Version string `json:"version"`
	// FirstAnswerMillis is the time from the request of the run to the first
	// answer with 200.
	FirstAnswerMillis int64 `json:"firstAnswerMillis"`
}

// readyStep waits for the first answer with 200 at the address in the portal.
func readyStep(d Deps) action.StepKind[readyArgs, ReadyResult] {
	return action.NewStepType("runtime.ready", action.ByName,
		func(ctx context.Context, x *action.Exec, in readyArgs) (ReadyResult, error) {
			deployed, err := action.Result[deployResult](x, in.DeployStep)
			if err != nil {
				return ReadyResult{}, err
			}
			instance, err := d.Runtime.WaitReady(ctx, in.Service, in.Environment, deployed.Version, x.Output)
			if err != nil {
				return ReadyResult{}, permanentIfFault(fmt.Errorf("wait for %s in %s: %w", in.Service, in.Environment, err))
			}
			if err := d.noteVersion(ctx, x, in.Service, deployed.Version); err != nil {
				return ReadyResult{}, err
			}
			took := max(instance.FirstAnswerAt.Sub(x.RunStarted), 0)
			x.Logf("%s answers at %s, %.1f s after the request", in.Service, instance.Address, took.Seconds())
			if in.Measure != "" {
				if err := d.Insights.Record(ctx, in.Measure, in.Service, x.RunID, took, x.Took()); err != nil {
					return ReadyResult{}, fmt.Errorf("record the time to the first answer: %w", err)
				}
			}
			return ReadyResult{Address: instance.Address, Version: deployed.Version, FirstAnswerMillis: took.Milliseconds()}, nil
		}).WithLimits(2*time.Minute, 2)
}

// noteVersion writes the version that runs in dev to the catalog, where the
// organisation's blueprint has a place for it.
func (d Deps) noteVersion(ctx context.Context, x *action.Exec, service string, version any) error {
	bp, err := d.Catalog.Blueprint(ctx, componentBlueprint)
	if err != nil {
		return ignoreMissing(err)
	}
	if _, ok := bp.Schema.Properties["version"]; !ok {
		return nil
	}
	if _, err := d.Catalog.Entity(ctx, componentBlueprint, service); err != nil {
		return ignoreMissing(err)
	}
	_, _, err = d.Catalog.PutEntity(ctx, componentBlueprint, catalog.NewEntity{Identifier: service, Properties: map[string]any{"version": version}},
		catalog.Write{Upsert: true, Merge: true, RunID: x.RunID, By: x.Actor.ID})
	if err != nil {
		return permanentIfFault(fmt.Errorf("write the version of %s to the catalog: %w", service, err))
	}
	return nil
}

// running is the version that runs now, empty when none does.
func (d Deps) running(ctx context.Context, service, environment string) (string, error) {
	instance, err := d.Runtime.Instance(ctx, service, environment)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look at %s in %s: %w", service, environment, err)
	}
	if instance.State == "stopped" {
		return "", nil
	}
	return instance.Version, nil
}
