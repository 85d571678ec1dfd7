package guarded

import (
	"context"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/view"
)

// Vault is the secrets of the organisation. No method gives a value.
type Vault struct {
	g     *Guard
	vault *secret.Vault
}

// Vault guards secrets.
func (g *Guard) Vault(v *secret.Vault) *Vault { return &Vault{g: g, vault: v} }

func secretObject(name string) auth.Object { return auth.Object{Kind: "secret", ID: name} }

func noSecret(name string) error { return fault.New(fault.NotFound, "There is no secret %q.", name) }

// Secrets is secret.Vault.Secrets without what may not be read.
func (s *Vault) Secrets(ctx context.Context) ([]secret.Secret, error) {
	look, err := s.g.sight(ctx, "secret.read", "secret")
	if err != nil {
		return nil, err
	}
	list, err := s.vault.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	return keep(ctx, look, list, func(_ context.Context, list []secret.Secret) ([]auth.Object, error) {
		out := make([]auth.Object, len(list))
		for i, one := range list {
			out[i] = secretObject(one.Name)
		}
		return out, nil
	})
}

// Secret is secret.Vault.Secret.
func (s *Vault) Secret(ctx context.Context, name string) (secret.Secret, error) {
	look, err := s.g.sight(ctx, "secret.read", "secret")
	if err == nil {
		err = look.one(ctx, secretObject(name), noSecret(name))
	}
	if err != nil {
		return secret.Secret{}, err
	}
	return s.vault.Secret(ctx, name)
}

// Create is secret.Vault.Create.
func (s *Vault) Create(ctx context.Context, name, description string, value secret.Value, by secret.Actor) (secret.Secret, error) {
	if err := s.g.may(ctx, "secret.write", secretObject(name)); err != nil {
		return secret.Secret{}, err
	}
	return s.vault.Create(ctx, name, description, value, by)
}

func (s *Vault) change(ctx context.Context, name string) error {
	return s.g.change(ctx, "secret.write", "secret.read", secretObject(name), noSecret(name))
}

// Change is secret.Vault.Change.
func (s *Vault) Change(ctx context.Context, name string, description *string, value *secret.Value, by secret.Actor) (secret.Secret, error) {
	if err := s.change(ctx, name); err != nil {
		return secret.Secret{}, err
	}
	return s.vault.Change(ctx, name, description, value, by)
}

// Delete is secret.Vault.Delete.
func (s *Vault) Delete(ctx context.Context, name string, by secret.Actor) error {
	if err := s.change(ctx, name); err != nil {
		return err
	}
	return s.vault.Delete(ctx, name, by)
}

// NewSigning is secret.Vault.NewSigning.
func (s *Vault) NewSigning(ctx context.Context, by secret.Actor) (secret.Value, error) {
	if err := s.g.may(ctx, "secret.write", auth.Object{Kind: "secret"}); err != nil {
		return secret.Value{}, err
	}
	return s.vault.NewSigning(ctx, by)
}

// Put is secret.Vault.Put, for the secrets of webhooks.
func (s *Vault) Put(ctx context.Context, tx *store.Tx, scope, name string, value secret.Value, by string) error {
	if err := s.g.may(ctx, "integration.write", auth.Object{Kind: "integration", ID: name}); err != nil {
		return err
	}
	return s.vault.Put(ctx, tx, scope, name, value, by)
}

// Remove is secret.Vault.Remove, for the secrets of webhooks.
func (s *Vault) Remove(ctx context.Context, tx *store.Tx, scope, name string) error {
	if err := s.g.may(ctx, "integration.write", auth.Object{Kind: "integration", ID: name}); err != nil {
		return err
	}
	return s.vault.Remove(ctx, tx, scope, name)
}

// Views are saved views: one's own, and those that are shared.
type Views struct {
	g     *Guard
	views *view.Views
}

// Views guards saved views.
func (g *Guard) Views(v *view.Views) *Views { return &Views{g: g, views: v} }

func (s *Views) may(ctx context.Context, by view.Person) error {
	if err := own(ctx, by.ID); err != nil {
		return err
	}
	return s.g.may(ctx, "catalog.read", auth.Object{})
}

// List is view.Views.List.
func (s *Views) List(ctx context.Context, of view.Of, by view.Person) ([]view.View, error) {
	if err := s.may(ctx, by); err != nil {
		return nil, err
	}
	return s.views.List(ctx, of, by)
}

// Create is view.Views.Create.
func (s *Views) Create(ctx context.Context, in view.NewView, by view.Person) (view.View, error) {
	if err := s.may(ctx, by); err != nil {
		return view.View{}, err
	}
	return s.views.Create(ctx, in, by)
}

// Update is view.Views.Update.
func (s *Views) Update(ctx context.Context, id string, in view.NewView, by view.Person) (view.View, error) {
	if err := s.may(ctx, by); err != nil {
		return view.View{}, err
	}
	return s.views.Update(ctx, id, in, by)
}

// Delete is view.Views.Delete.
func (s *Views) Delete(ctx context.Context, id string, by view.Person) error {
	if err := s.may(ctx, by); err != nil {
		return err
	}
	return s.views.Delete(ctx, id, by)
}
