package portapi

import (
	"context"
	"net/http"

	"sphera/internal/fault"
	"sphera/internal/secret"
)

// OrganizationSecret is what may be known of a secret.
type OrganizationSecret struct {
	SecretName  string `json:"secretName"`
	Description string `json:"description,omitempty"`
	CreatedAt   string `json:"createdAt"`
	UpdatedAt   string `json:"updatedAt"`
	CreatedBy   string `json:"createdBy"`
	UpdatedBy   string `json:"updatedBy"`
}

// SecretAnswer is one secret without its value.
type SecretAnswer struct {
	Secret OrganizationSecret `json:"secret"`
}

// SecretsAnswer is all secrets without their values.
type SecretsAnswer struct {
	Secrets []OrganizationSecret `json:"secrets"`
}

// NewSecret is a secret as it is sent.
type NewSecret struct {
	SecretName  string       `json:"secretName" doc:"1 to 100 letters, digits, - and _"`
	SecretValue secret.Value `json:"secretValue" doc:"Never answered"`
	Description *string      `json:"description,omitempty"`
}

// SecretChange changes what is sent; an empty description clears it.
type SecretChange struct {
	SecretName  string        `json:"secretName,omitempty" doc:"May repeat the name of the path"`
	SecretValue *secret.Value `json:"secretValue,omitempty" doc:"Never answered"`
	Description *string       `json:"description,omitempty"`
}

// SigningKeyAnswer shows a new signing key, this once.
type SigningKeyAnswer struct {
	SigningKey string `json:"signingKey" doc:"Check X-Port-Signature with it. It is not shown again."`
}

func (s *Service) secretRoutes() []Route {
	const all, one = "/v1/organization/secrets", "/v1/organization/secrets/{name}"
	return []Route{
		{Method: http.MethodGet, Path: all, ID: "listSecrets", Verb: "secret.read", Audit: None, Out: SecretsAnswer{}, Handle: s.secrets},
		{Method: http.MethodPost, Path: all, ID: "createSecret", Verb: "secret.write", Limit: Small, Audit: Domain, In: NewSecret{}, Out: SecretAnswer{}, Handle: s.createSecret},
		{Method: http.MethodGet, Path: one, ID: "getSecret", Verb: "secret.read", Audit: None, Out: SecretAnswer{}, Handle: s.secret},
		{Method: http.MethodPatch, Path: one, ID: "patchSecret", Verb: "secret.write", Limit: Small, Audit: Domain, In: SecretChange{}, Out: SecretAnswer{}, Handle: s.changeSecret},
		{Method: http.MethodDelete, Path: one, ID: "deleteSecret", Verb: "secret.write", Audit: Domain, Handle: s.deleteSecret},
		{Method: http.MethodPost, Path: "/v1/organization/signing-key", ID: "rotateSigningKey", Verb: "secret.write", Audit: Domain, Out: SigningKeyAnswer{}, Handle: s.rotateSigningKey},
	}
}

func secretOf(s secret.Secret) OrganizationSecret {
	return OrganizationSecret{
		SecretName: s.Name, Description: s.Description, CreatedAt: timeText(s.CreatedAt), UpdatedAt: timeText(s.UpdatedAt),
		CreatedBy: s.CreatedBy, UpdatedBy: s.UpdatedBy,
	}
}

func by(r *Request) secret.Actor { return secret.Actor{ID: r.Caller.ID, Name: r.Caller.Name} }

func (s *Service) secrets(ctx context.Context, _ *Request) (int, any, error) {
	list, err := s.Vault.Secrets(ctx)
	out := make([]OrganizationSecret, len(list))
	for i := range list {
		out[i] = secretOf(list[i])
	}
	return 0, SecretsAnswer{out}, err
}

func (s *Service) secret(ctx context.Context, r *Request) (int, any, error) {
	got, err := s.Vault.Secret(ctx, r.Path["name"])
	return 0, SecretAnswer{secretOf(got)}, err
}

func (s *Service) createSecret(ctx context.Context, r *Request) (int, any, error) {
	var in NewSecret
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	description := ""
	if in.Description != nil {
		description = *in.Description
	}
	got, err := s.Vault.Create(ctx, in.SecretName, description, in.SecretValue, by(r))
	return 0, SecretAnswer{secretOf(got)}, err
}

func (s *Service) changeSecret(ctx context.Context, r *Request) (int, any, error) {
	var in SecretChange
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if in.SecretName != "" && in.SecretName != r.Path["name"] {
		return 0, nil, fault.Field("/secretName", "is not the name of the path", "the same name; a secret cannot be renamed")
	}
	got, err := s.Vault.Change(ctx, r.Path["name"], in.Description, in.SecretValue, by(r))
	return 0, SecretAnswer{secretOf(got)}, err
}

func (s *Service) deleteSecret(ctx context.Context, r *Request) (int, any, error) {
	return 0, nil, s.Vault.Delete(ctx, r.Path["name"], by(r))
}

func (s *Service) rotateSigningKey(ctx context.Context, r *Request) (int, any, error) {
	key, err := s.Vault.NewSigning(ctx, by(r))
	if err != nil {
		return 0, nil, err
	}
	var out SigningKeyAnswer
	err = key.Use(func(plain []byte) error { out.SigningKey = string(plain); return nil })
	return 0, out, err
}
