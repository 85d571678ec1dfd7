package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxAnswer = 1 << 20
	maxKeys   = 100
	maxToken  = 16 << 10
	// keysEvery is how long keys are used before they are fetched again.
	keysEvery = time.Hour
	// keysUntil is how long they are used while the issuer does not answer.
	keysUntil = 24 * time.Hour
	// keysPause is the shortest time between two fetches for a key that is not
	// known: a flood of invented key ids must not become one of requests.
	keysPause = 10 * time.Second
	minRSA    = 2048
)

var errSignature = errors.New("the signature is not good")

// algorithms lists what tokens may be signed with: by the issuer alone.
// Symmetric ones would make the client's secret a signing key.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// keys are the public keys of one issuer, fetched when they are needed.
type keys struct {
	client *http.Client
	now    func() time.Time
	url    string

	mu      sync.Mutex
	set     []jose.JSONWebKey
	fetched time.Time
	tried   time.Time
}

// VerifySignature implements the key set of go-oidc.
func (k *keys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	allowed := make([]jose.SignatureAlgorithm, 0, len(algorithms()))
	for _, a := range algorithms() {
		allowed = append(allowed, jose.SignatureAlgorithm(a))
	}
	if len(token) > maxToken {
		return nil, errSignature
	}
	signed, err := jose.ParseSignedCompact(token, allowed)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errors.Join(errSignature, err)
	}
	header := signed.Signatures[0].Protected
	key, err := k.key(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, errors.Join(errSignature, err)
	}
	return payload, nil
}

// key finds the one key for a signature. Two keys of one id are none: nobody
// knows which of them is meant.
func (k *keys) key(ctx context.Context, id, algorithm string) (*jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if now.Sub(k.fetched) >= keysEvery {
		if err := k.fetch(ctx, now); err != nil && now.Sub(k.fetched) >= keysUntil {
			return nil, err
		}
	}
	found := k.find(id, algorithm)
	if len(found) == 0 && now.Sub(k.tried) >= keysPause {
		if err := k.fetch(ctx, now); err != nil {
			return nil, err
		}
		found = k.find(id, algorithm)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%w: %d keys fit it", errSignature, len(found))
	}
	return &found[0], nil
}

func (k *keys) find(id, algorithm string) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, key := range k.set {
		if (id == "" || key.KeyID == id) && (key.Algorithm == "" || key.Algorithm == algorithm) {
			out = append(out, key)
		}
	}
	return out
}

func (k *keys) fetch(ctx context.Context, now time.Time) error {
	if now.Sub(k.tried) < keysPause {
		return errors.New("the keys of the issuer could not be fetched a moment ago")
	}
	k.tried = now
	var answer struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := getJSON(ctx, k.client, k.url, "", &answer); err != nil {
		return fmt.Errorf("fetch the keys of the issuer: %w", err)
	}
	if len(answer.Keys) > maxKeys {
		return fmt.Errorf("the issuer has more than %d keys", maxKeys)
	}
	set := make([]jose.JSONWebKey, 0, len(answer.Keys))
	for _, raw := range answer.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil {
			continue // of a kind that is not known here
		}
		if good(key) {
			set = append(set, key)
		}
	}
	k.set, k.fetched = set, now
	return nil
}

// good leaves out keys for other uses, secret ones and short ones.
func good(key jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= minRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	default:
		return false
	}
}

// getJSON reads a bounded JSON document; bearer is sent when it is not empty.
func getJSON(ctx context.Context, client *http.Client, address, bearer string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered with status %d", address, res.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(raw) > maxAnswer {
		return errors.New("the answer is too large")
	}
	return json.Unmarshal(raw, into)
}
