package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

const (
	patience     = 5 * time.Second // for everything that one request of a browser asks of the provider
	mostBytes    = jose.MaxSet     // of one answer of the provider
	metadataLife = time.Hour       // of what the provider says about itself
	retryAfter   = 10 * time.Second
)

// newClient returns a client that reaches nothing but https (http on this machine
// for a provider that is itself reached so), follows no redirect and reads no
// answer without end.
func newClient(issuer string, transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{ // Proxy is nil: nothing is dialled that is not configured
			DialContext:            (&net.Dialer{Timeout: patience / 2}).DialContext,
			TLSHandshakeTimeout:    patience / 2,
			ResponseHeaderTimeout:  patience,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           4,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		}
	}
	return &http.Client{
		Transport: &bounded{next: transport, onlyTLS: strings.HasPrefix(issuer, "https:")}, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded is a transport that holds every request to the same rules, whatever
// library makes it.
type bounded struct {
	next    http.RoundTripper
	onlyTLS bool
}

// RoundTrip implements [http.RoundTripper].
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := jose.CheckURL(r.URL.String()); err != nil || b.onlyTLS && r.URL.Scheme != "https" {
		return nil, errors.Join(errors.New("oidc: not fetched from there: "+r.URL.Host), err)
	}
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = &short{ReadCloser: resp.Body, left: mostBytes}
	}
	return resp, err
}

var errEndless = errors.New("oidc: the provider's answer is longer than 1 MiB")

// short is a body that fails where it becomes too long.
type short struct {
	io.ReadCloser
	left int64
}

// Read implements [io.Reader].
func (s *short) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	if s.left -= int64(n); s.left < 0 {
		return 0, errEndless
	}
	return n, err
}

// metadata is what we need of what the provider says about itself (OpenID Connect
// Discovery 1.0 section 3).
type metadata struct {
	Authorization    string `json:"authorization_endpoint"`
	Token            string `json:"token_endpoint"`
	Userinfo         string `json:"userinfo_endpoint"`
	EndSession       string `json:"end_session_endpoint"`
	IssuerInResponse bool   `json:"authorization_response_iss_parameter_supported"`
}

// discovery remembers the metadata. While the provider does not answer, what it said
// last holds; where it never did, it is asked again after a while, and nobody waits
// until then.
type discovery struct {
	mu      sync.Mutex
	known   *metadata
	again   time.Time // when to ask
	problem error     // of the last time
}

func (d *discovery) metadata(ctx context.Context, p *Provider) (*metadata, error) {
	d.mu.Lock() // of many who come at once one asks and the others have its answer
	defer d.mu.Unlock()
	if time.Now().Before(d.again) {
		return d.known, d.problem
	}
	m, err := p.discover(ctx)
	switch {
	case err == nil:
		d.known, d.problem, d.again = m, nil, time.Now().Add(metadataLife)
	case ctx.Err() != nil && d.known == nil:
		return nil, fmt.Errorf("%w: %w", sso.ErrUnavailable, ctx.Err()) // the browser has gone: it says nothing about the provider
	default:
		p.options.Log.Warn("the provider's metadata was not read", "issuer", p.options.Issuer, "error", err)
		d.again = time.Now().Add(retryAfter)
		if d.known == nil {
			d.problem = fmt.Errorf("%w: %w", sso.ErrUnavailable, err)
		}
	}
	return d.known, d.problem
}

// discover reads the metadata, which must be this very issuer's.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	provider, err := gooidc.NewProvider(gooidc.ClientContext(ctx, p.client), p.options.Issuer)
	if err != nil {
		return nil, fmt.Errorf("oidc: reading the metadata: %.300s", err.Error())
	}
	var m metadata
	if err := provider.Claims(&m); err != nil {
		return nil, fmt.Errorf("oidc: reading the metadata: %w", err)
	}
	for i, where := range []string{m.Authorization, m.Token, m.Userinfo, m.EndSession} {
		if i > 1 && where == "" {
			continue // not every provider has these
		}
		if err := jose.CheckURL(where); err != nil {
			return nil, fmt.Errorf("oidc: an endpoint of the metadata: %w", err)
		}
		if strings.HasPrefix(p.options.Issuer, "https:") && !strings.HasPrefix(where, "https:") {
			return nil, errors.New("oidc: an endpoint of an https issuer is not https")
		}
	}
	return &m, nil
}
