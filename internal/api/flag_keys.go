package api

import (
	"context"
	"net/http"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag/key"
	"sphera/internal/flag/usage"
)

// flagKeysObject is the flag project of a request, with the teams that own its
// service.
func (a *API) flagKeysObject(r *http.Request) (auth.Object, error) {
	return a.flags.Object(r.Context(), r.PathValue("project"), "", "")
}

// FlagProjectPath is the path of a flag project.
type FlagProjectPath struct {
	Project string `path:"project" maxLength:"100"`
}

type flagKeyPath struct {
	Project string `path:"project" maxLength:"100"`
	ID      string `path:"id" maxLength:"100"`
}

type flagKeysAnswer struct {
	Answer
	Keys []key.Key `json:"keys"`
}

type newFlagKeyInput struct {
	Project string `path:"project" maxLength:"100"`
	Body    key.NewKey
}

type newFlagKeyAnswer struct {
	Answer
	Key key.Key `json:"key"`
	// Secret is shown only here.
	Secret string `json:"secret" doc:"The key itself. It is not kept and not shown again"`
}

type rotateFlagKeyInput struct {
	Project string `path:"project" maxLength:"100"`
	ID      string `path:"id" maxLength:"100"`
	Body    struct {
		OverlapMinutes int64 `json:"overlapMinutes" minimum:"0" maximum:"43200" doc:"How long the old key lives on; 0 ends it at once"`
	}
}

func (a *API) listFlagKeys(ctx context.Context, in *FlagProjectPath) (*flagKeysAnswer, error) {
	if _, err := a.flagKeys.Service(ctx, in.Project); err != nil {
		return nil, err
	}
	list, err := a.flagKeys.List(ctx, in.Project)
	return &flagKeysAnswer{Keys: list}, err
}

func (a *API) createFlagKey(ctx context.Context, in *newFlagKeyInput) (*newFlagKeyAnswer, error) {
	if err := noTokenMakesKeys(ctx); err != nil {
		return nil, err
	}
	secret, made, err := a.flagKeys.Create(ctx, in.Project, in.Body, who(ctx).ID)
	return &newFlagKeyAnswer{Key: made, Secret: secret}, err
}

func (a *API) rotateFlagKey(ctx context.Context, in *rotateFlagKeyInput) (*newFlagKeyAnswer, error) {
	if err := noTokenMakesKeys(ctx); err != nil {
		return nil, err
	}
	secret, made, err := a.flagKeys.Rotate(ctx, in.Project, in.ID, time.Duration(in.Body.OverlapMinutes)*time.Minute, who(ctx).ID)
	return &newFlagKeyAnswer{Key: made, Secret: secret}, err
}

func (a *API) revokeFlagKey(ctx context.Context, in *flagKeyPath) (*Done, error) {
	return &Done{}, a.flagKeys.Revoke(ctx, in.Project, in.ID, who(ctx).ID)
}

// noTokenMakesKeys keeps the token of an app from making keys that outlive it.
func noTokenMakesKeys(ctx context.Context) error {
	if who(ctx).Via == auth.ViaApp {
		return fault.Refuse("token-makes-no-token", "An app cannot make flag keys: a leaked credential would never end.",
			"Sign in and make the key there.", "the team that owns the service")
	}
	return nil
}

// Keys of relays belong to no project.

type flagRelayPath struct {
	ID string `path:"id" maxLength:"100"`
}

type newFlagRelayInput struct {
	Body struct {
		Name        string     `json:"name" maxLength:"100" doc:"Where the relay runs, e.g. the cluster"`
		Environment string     `json:"environment,omitempty" maxLength:"100" doc:"The one environment it serves; empty for all"`
		ExpiresAt   *time.Time `json:"expiresAt,omitempty" doc:"Never when absent"`
	}
}

func (a *API) listFlagRelays(ctx context.Context, _ *struct{}) (*flagKeysAnswer, error) {
	list, err := a.flagKeys.List(ctx, "")
	return &flagKeysAnswer{Keys: list}, err
}

func (a *API) createFlagRelay(ctx context.Context, in *newFlagRelayInput) (*newFlagKeyAnswer, error) {
	if err := noTokenMakesKeys(ctx); err != nil {
		return nil, err
	}
	secret, made, err := a.flagKeys.Create(ctx, "", key.NewKey{Kind: key.Relay, Name: in.Body.Name, Environment: in.Body.Environment, ExpiresAt: in.Body.ExpiresAt}, who(ctx).ID)
	return &newFlagKeyAnswer{Key: made, Secret: secret}, err
}

func (a *API) revokeFlagRelay(ctx context.Context, in *flagRelayPath) (*Done, error) {
	return &Done{}, a.flagKeys.Revoke(ctx, "", in.ID, who(ctx).ID)
}

// How flags are used.

type flagUsageInput struct {
	Project     string `path:"project" maxLength:"100"`
	Key         string `path:"key" maxLength:"100"`
	Environment string `query:"environment" required:"true" maxLength:"100"`
	Hours       int    `query:"hours" default:"24" minimum:"1" maximum:"2160" doc:"By minute up to 6 hours, by hour beyond"`
}

type flagUsageAnswer struct {
	Answer
	Usage usage.Usage `json:"usage"`
}

type flagTotalsInput struct {
	Project     string `path:"project" maxLength:"100"`
	Environment string `query:"environment" maxLength:"100" doc:"All when absent"`
}

type flagTotalsAnswer struct {
	Answer
	Flags []usage.FlagTotal `json:"flags"`
}

type unknownFlagsInput struct {
	Project string `query:"project" maxLength:"100" doc:"All when absent"`
	Limit   int    `query:"limit" default:"100" minimum:"1" maximum:"500"`
}

type unknownFlagsAnswer struct {
	Answer
	Unknown []usage.Unknown `json:"unknown"`
}

func (a *API) flagUsage(ctx context.Context, in *flagUsageInput) (*flagUsageAnswer, error) {
	u, err := a.flagUses.Flag(ctx, in.Project, in.Environment, in.Key, in.Hours)
	return &flagUsageAnswer{Usage: u}, err
}

func (a *API) flagTotals(ctx context.Context, in *flagTotalsInput) (*flagTotalsAnswer, error) {
	list, err := a.flagUses.Totals(ctx, in.Project, in.Environment)
	return &flagTotalsAnswer{Flags: list}, err
}

func (a *API) unknownFlags(ctx context.Context, in *unknownFlagsInput) (*unknownFlagsAnswer, error) {
	list, err := a.flagUses.Unknown(ctx, in.Project, in.Limit)
	return &unknownFlagsAnswer{Unknown: list}, err
}
