package api

import "context"

type allowInput struct {
	Body struct {
		Challenge string `json:"challenge" maxLength:"43" doc:"SHA-256 of the secret that only the command line knows, in base64url"`
		Name      string `json:"name" maxLength:"100" doc:"What the token is called"`
	} `nameHint:"AllowCommandLine"`
}

type allowAnswer struct {
	Answer
	Code string `json:"code" doc:"Good for two minutes, once, together with the secret"`
}

func (a *API) allowCommandLine(ctx context.Context, in *allowInput) (*allowAnswer, error) {
	code, err := a.signin.Allow(ctx, who(ctx), in.Body.Challenge, in.Body.Name)
	return &allowAnswer{Code: code}, err
}

type redeemInput struct {
	Body struct {
		Code     string `json:"code" maxLength:"4096"`
		Verifier string `json:"verifier" maxLength:"128" doc:"The secret"`
	} `nameHint:"RedeemCommandLine"`
}

func (a *API) redeemCommandLine(ctx context.Context, in *redeemInput) (*newTokenAnswer, error) {
	value, token, err := a.signin.Redeem(ctx, in.Body.Code, in.Body.Verifier, a.clientIP(requestOf(ctx)))
	return &newTokenAnswer{Token: token, Value: value}, err
}
