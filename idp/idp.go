// Package idp is the authorization server: OAuth 2.0 and OpenID Connect for the
// people and programs that call the APIs behind the gateway.
//
// It defends from what makes authorization servers dangerous: codes and tokens
// that can be used twice, by another client or for ever; clients that choose how
// little they prove; secrets that lie readable in a database (RFC 9700). The
// protocol itself is spoken by a library, which is seen by no other package, but for
// the tokens of clients for themselves, which are asked for most. All state is ours:
// every code, token and handle is kept as a hash, and is spent by one atomic step of
// the store. What the library leaves open is closed around it, and each gap has a test
// that is named after it.
//
// The server is an upstream of the gateway's own: limits, sizes, schemas and
// headers are enforced in front of it, by the description in [Description].
package idp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/luikyv/go-oidc/pkg/provider"

	"github.com/gatehouse-api/gatehouse/store"
)

// The numbers of the protocol.
const (
	CodeLife         = 60 * time.Second    // an authorization code and a pushed request
	AccessLife       = 15 * time.Minute    // an access token of a person
	ClientAccessLife = 60 * time.Minute    // an access token of a client for itself, which has no refresh token
	IDTokenLife      = 5 * time.Minute     // an id_token
	RefreshIdle      = 7 * 24 * time.Hour  // a refresh token that is not used
	RefreshAbsolute  = 30 * 24 * time.Hour // all refresh tokens of one authorization
	Grace            = 10 * time.Second    // in which a lost response is forgiven
	LoginLife        = 10 * time.Minute    // an authorization that waits for a person
	proofAge         = 60 * time.Second    // a DPoP proof
	leeway           = 30 * time.Second
)

// Store is the roles of the store that the server needs.
type Store interface {
	Clients() store.Clients
	Grants() store.Grants
	RefreshTokens() store.RefreshTokens
	Authorizations() store.Authorizations
	Revocations() store.Revocations
	Once() store.Once
	BrowserSessions() store.BrowserSessions
	Logouts() store.Logouts
	Tenants() store.Tenants
}

// Options is what a server is made of.
type Options struct {
	// Issuer is the public URL: scheme and host, no path. It is https, or http on
	// this machine.
	Issuer string
	// Audiences are the APIs that tokens are issued for (RFC 8707). Where there is
	// one, it is meant when a client asks for none.
	Audiences []string
	// Asked are further audiences, for which a token is issued only when a client names
	// one (RFC 8707).
	Asked []string
	// Scopes are those that clients may be given, besides openid and offline_access.
	Scopes []string
	Store  Store
	Keys   *Keys
	// ClientsFor is how long a client is remembered that was read from the store: so
	// long one that was removed, or a secret that was ended, is still taken. 0 reads it
	// anew for every request.
	ClientsFor time.Duration
	// Login proves people. Without it there is no authorization endpoint, and clients
	// get tokens for themselves only.
	Login Authenticator
	// Backchannel calls clients that want to be told of logouts. It follows no
	// redirect, and calls no address that clients must not choose. Without one nobody is
	// told.
	Backchannel *http.Client
	// Certificates says what the Client-Cert field of requests (RFC 9440) is worth.
	// Only the gateway may be able to reach the server where it is more than none.
	Certificates Certificates
	Log          *slog.Logger // nil discards
}

// Server is the authorization server. It is an [http.Handler].
type Server struct {
	options  Options
	manager  *manager
	clients  *registry
	library  http.Handler
	metadata []byte
	writing  sync.Pool // of *writing
	log      *slog.Logger
}

// New makes a server.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("idp: %w", err)
	}
	s := &Server{options: o, log: o.Log, writing: sync.Pool{New: func() any { return new(writing) }}}
	s.clients = &registry{store: o.Store.Clients(), life: o.ClientsFor}
	s.manager = &manager{store: o.Store, issuer: o.Issuer, log: o.Log}
	op, err := provider.New(o.Issuer, s.manager, o.Keys.library, s.settings()...)
	if err != nil {
		return nil, fmt.Errorf("idp: %w", err)
	}
	s.library = op.Handler()
	if s.metadata, err = s.describe(); err != nil {
		return nil, fmt.Errorf("idp: writing the metadata: %w", err)
	}
	return s, nil
}

func (o *Options) check() error {
	if err := checkIssuer(o.Issuer); err != nil {
		return err
	}
	switch {
	case o.Store == nil || o.Keys == nil:
		return errors.New("a server needs a store and keys")
	case len(o.Audiences) == 0:
		return errors.New("a server needs an audience: an API that its tokens are for")
	case slices.ContainsFunc(o.Scopes, func(s string) bool { return !scopeOK(s) }):
		return errors.New("a scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 section 3.3)")
	}
	return nil
}

// checkIssuer returns an error for a URL that no issuer can have.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.String() != issuer || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is no issuer: https and a host, without a path", issuer)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return fmt.Errorf("%q is no issuer: http is for this machine only", issuer)
	}
	return nil
}

func scopeOK(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == ',' })
}

// forgetMany is how many grants are forgotten at once.
const forgetMany = 1000

// backchannel reports whether clients are told of logouts.
func (s *Server) backchannel() bool { return s.people() && s.options.Backchannel != nil }

// Run keeps the server's state in order until ctx ends: keys that are due, grants
// whose time was over a day ago, clients that have to be told of a logout.
func (s *Server) Run(ctx context.Context) {
	dropped, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	stop, err := s.options.Store.Revocations().Watch(func([]store.Revocation) { wake(dropped); wake(ended) })
	if err != nil {
		s.log.Error("dropped keys and logouts are heard of late: the store cannot be watched", "error", err)
	} else {
		defer stop()
	}
	if s.backchannel() {
		var told sync.WaitGroup
		told.Go(func() { s.tellClients(ctx, ended) })
		defer told.Wait()
	}
	keys, grants := time.NewTicker(keysEvery), time.NewTicker(time.Hour)
	defer keys.Stop()
	defer grants.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-keys.C:
			s.readKeys(ctx)
		case <-dropped:
			s.readKeys(ctx)
		case <-grants.C:
			s.forget(ctx)
		}
	}
}

func (s *Server) readKeys(ctx context.Context) {
	if err := s.options.Keys.refresh(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("the signing keys were not read again", "error", err)
	}
}

// forget forgets the grants whose time was over a day ago.
func (s *Server) forget(ctx context.Context) {
	for {
		n, err := s.options.Store.RefreshTokens().Forget(ctx, time.Now().Add(-24*time.Hour), forgetMany)
		if err != nil && ctx.Err() == nil {
			s.log.Error("old grants were not forgotten", "error", err)
		}
		if err != nil || n < forgetMany {
			return
		}
	}
}

// wake leaves word in a channel that holds one.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is word already
	}
}
