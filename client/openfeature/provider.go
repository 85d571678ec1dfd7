// Package openfeature is a provider for OpenFeature's Go SDK that evaluates
// flags at a Sphera portal or relay, over OFREP. It speaks the open protocol
// and nothing else, so it works with any OFREP server.
package openfeature

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
)

// Options say where flags are evaluated.
type Options struct {
	// Endpoint is the base address, e.g. https://portal.example.com/flags/production.
	Endpoint string
	// Key is the server key; empty when Headers hold one.
	Key string
	// Headers are sent with every request.
	Headers http.Header
	// Timeout bounds one evaluation; a second when 0.
	Timeout time.Duration
	// Client sends requests; its own when nil.
	Client *http.Client
}

// FromEnvironment reads what OpenFeature's SDKs agreed on: OFREP_ENDPOINT,
// OFREP_HEADERS and OFREP_TIMEOUT_MS. getenv is os.Getenv.
func FromEnvironment(getenv func(string) string) Options {
	o := Options{Endpoint: getenv("OFREP_ENDPOINT"), Headers: http.Header{}}
	for pair := range strings.SplitSeq(getenv("OFREP_HEADERS"), ",") {
		name, value, ok := strings.Cut(pair, "=")
		if value, err := url.QueryUnescape(value); ok && err == nil {
			o.Headers.Set(strings.TrimSpace(name), value)
		}
	}
	if ms, err := strconv.Atoi(getenv("OFREP_TIMEOUT_MS")); err == nil && ms > 0 {
		o.Timeout = time.Duration(ms) * time.Millisecond
	}
	return o
}

// Provider evaluates flags at a server. It keeps nothing but open connections.
type Provider struct {
	base    string
	headers http.Header
	timeout time.Duration
	client  *http.Client
	// notBefore is when the server asked to be asked again, in unix
	// milliseconds.
	notBefore atomic.Int64
}

const (
	maxAnswer = 1 << 20
	// maxWait bounds what a server can ask for with Retry-After.
	maxWait = 5 * time.Minute
)

// New returns a provider.
func New(o Options) (*Provider, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the endpoint is not the address of a flag server, such as https://portal.example.com/flags/production")
	}
	p := &Provider{base: strings.TrimSuffix(o.Endpoint, "/") + "/ofrep/v1/evaluate/flags/", headers: o.Headers.Clone(), timeout: o.Timeout, client: o.Client}
	if p.headers == nil {
		p.headers = http.Header{}
	}
	if o.Key != "" {
		p.headers.Set("Authorization", "Bearer "+o.Key)
	}
	p.headers.Set("Content-Type", "application/json")
	if p.timeout <= 0 {
		p.timeout = time.Second
	}
	if p.client == nil {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true}
		p.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return p, nil
}

// Metadata names the provider.
func (p *Provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: "sphera-ofrep"} }

// Hooks are none.
func (p *Provider) Hooks() []openfeature.Hook { return nil }

// answer is OFREP's object, of success and of failure.
type answer struct {
	Value     json.RawMessage `json:"value"`
	Reason    string          `json:"reason"`
	Variant   string          `json:"variant"`
	ErrorCode string          `json:"errorCode"`
	Details   string          `json:"errorDetails"`
	Metadata  map[string]any  `json:"metadata"`
}

// evaluate asks for one flag. ok is false when the default counts.
func evaluate[T any](ctx context.Context, p *Provider, flag string, otherwise T, about openfeature.FlattenedContext) (T, openfeature.ProviderResolutionDetail) {
	failed := func(err openfeature.ResolutionError) (T, openfeature.ProviderResolutionDetail) {
		return otherwise, openfeature.ProviderResolutionDetail{ResolutionError: err, Reason: openfeature.ErrorReason}
	}
	a, err := p.ask(ctx, flag, about)
	if err != nil {
		return failed(openfeature.NewGeneralResolutionError(err.Error()))
	}
	if a.ErrorCode != "" {
		return failed(resolutionError(a.ErrorCode, a.Details))
	}
	detail := openfeature.ProviderResolutionDetail{Reason: openfeature.Reason(a.Reason), Variant: a.Variant, FlagMetadata: a.Metadata}
	if len(a.Value) == 0 || string(a.Value) == "null" {
		return otherwise, detail // off, or without a default: the code decides
	}
	var value T
	if err := decode(a.Value, &value); err != nil {
		return failed(openfeature.NewTypeMismatchResolutionError("the flag has a value of another type"))
	}
	return value, detail
}

func decode(raw json.RawMessage, into any) error {
	if n, ok := into.(*int64); ok { // 5.0 is an integer, too
		var f float64
		if err := json.Unmarshal(raw, &f); err != nil {
			return err
		}
		if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return errors.New("no integer")
		}
		*n = int64(f)
		return nil
	}
	return json.Unmarshal(raw, into)
}

func resolutionError(code, details string) openfeature.ResolutionError {
	switch openfeature.ErrorCode(code) {
	case openfeature.FlagNotFoundCode:
		return openfeature.NewFlagNotFoundResolutionError(details)
	case openfeature.ParseErrorCode:
		return openfeature.NewParseErrorResolutionError(details)
	case openfeature.TargetingKeyMissingCode:
		return openfeature.NewTargetingKeyMissingResolutionError(details)
	case openfeature.InvalidContextCode:
		return openfeature.NewInvalidContextResolutionError(details)
	default:
		return openfeature.NewGeneralResolutionError(details)
	}
}

func (p *Provider) ask(ctx context.Context, flag string, about openfeature.FlattenedContext) (answer, error) {
	var a answer
	now := time.Now()
	if until := p.notBefore.Load(); now.UnixMilli() < until {
		return a, fmt.Errorf("the server asked to wait until %s", time.UnixMilli(until).Format(time.RFC3339))
	}
	if about == nil {
		about = openfeature.FlattenedContext{}
	}
	body, err := json.Marshal(map[string]any{"context": about})
	if err != nil {
		return a, fmt.Errorf("write the context: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+url.PathEscape(flag), bytes.NewReader(body))
	if err != nil {
		return a, fmt.Errorf("ask for the flag: %w", err)
	}
	req.Header = p.headers.Clone()
	res, err := p.client.Do(req)
	if err != nil {
		return a, fmt.Errorf("ask for the flag: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	switch res.StatusCode {
	case http.StatusOK, http.StatusBadRequest, http.StatusNotFound:
		if err := json.Unmarshal(raw, &a); err != nil {
			return a, fmt.Errorf("the server answered %s and no JSON", res.Status)
		}
		if res.StatusCode != http.StatusOK && a.ErrorCode == "" {
			return a, fmt.Errorf("the server answered %s", res.Status)
		}
		return a, nil
	case http.StatusTooManyRequests:
		p.notBefore.Store(retryAfter(res.Header.Get("Retry-After"), now).UnixMilli())
	}
	return a, fmt.Errorf("the server answered %s", res.Status)
}

// retryAfter reads seconds or a date.
func retryAfter(text string, now time.Time) time.Time {
	wait := time.Second
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return now.Add(min(max(wait, 0), maxWait))
}

// BooleanEvaluation implements openfeature.FeatureProvider.
func (p *Provider) BooleanEvaluation(ctx context.Context, flag string, otherwise bool, about openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	value, detail := evaluate(ctx, p, flag, otherwise, about)
	return openfeature.BoolResolutionDetail{Value: value, ProviderResolutionDetail: detail}
}

// StringEvaluation implements openfeature.FeatureProvider.
func (p *Provider) StringEvaluation(ctx context.Context, flag, otherwise string, about openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	value, detail := evaluate(ctx, p, flag, otherwise, about)
	return openfeature.StringResolutionDetail{Value: value, ProviderResolutionDetail: detail}
}

// FloatEvaluation implements openfeature.FeatureProvider.
func (p *Provider) FloatEvaluation(ctx context.Context, flag string, otherwise float64, about openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	value, detail := evaluate(ctx, p, flag, otherwise, about)
	return openfeature.FloatResolutionDetail{Value: value, ProviderResolutionDetail: detail}
}

// IntEvaluation implements openfeature.FeatureProvider.
func (p *Provider) IntEvaluation(ctx context.Context, flag string, otherwise int64, about openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	value, detail := evaluate(ctx, p, flag, otherwise, about)
	return openfeature.IntResolutionDetail{Value: value, ProviderResolutionDetail: detail}
}

// ObjectEvaluation implements openfeature.FeatureProvider.
func (p *Provider) ObjectEvaluation(ctx context.Context, flag string, otherwise any, about openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	value, detail := evaluate(ctx, p, flag, map[string]any(nil), about)
	if value == nil {
		return openfeature.InterfaceResolutionDetail{Value: otherwise, ProviderResolutionDetail: detail}
	}
	return openfeature.InterfaceResolutionDetail{Value: value, ProviderResolutionDetail: detail}
}

var _ openfeature.FeatureProvider = (*Provider)(nil)
