package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/authzen"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/control/jwt"
	"github.com/gatehouse-api/gatehouse/egress"
	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/adminapi"
	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/keyfile"
)

// load reads a configuration with all that this program has.
func load(path string, o config.Options) (*config.File, error) {
	o.Own, o.SAML, o.AuthZEN = idp.Description(), judgeSAML, authzen.Description()
	o.Operators = config.OwnAPI{Description: adminapi.Description(), Roles: adminapi.Roles()}
	return config.Load(path, all.Kinds, o)
}

// sealName is the file of the state folder with the key that seals signing keys.
const sealName = "idp.key"

// clientsFor is how long the authorization server goes by what it has read of a
// client: as long as a revocation may take.
const clientsFor = time.Second

// self is our own authorization server, running behind the gateway.
type self struct {
	keys   *idp.Keys
	server *idp.Server
	lock   *os.File // of the state folder
	stop   context.CancelFunc
	pages  *people.People // nil without
}

// openKeys opens the signing keys of the store.
func openKeys(ctx context.Context, f facts, state string) (*idp.Keys, error) {
	seal, err := keyfile.Open(filepath.Join(state, sealName))
	if err != nil {
		return nil, err
	}
	return idp.OpenKeys(ctx, f.SigningKeys(), seal, time.Now)
}

// startOwn starts our own authorization server where the configuration has one,
// before the policy that is in front of it is compiled.
func (g *gateway) startOwn(login idp.Authenticator, signer *jose.Signer) error {
	f := g.file
	if f.IDP.Issuer == "" {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	g.own = &self{stop: stop}
	var err error
	if g.own.lock, err = lockState(g.state); err != nil {
		return err
	}
	blocked := blockedPasswords(f)
	if blocked != nil {
		// A server finds now that it cannot be read, and not at somebody's registration.
		if _, err := blocked(); err != nil {
			return err
		}
	}
	if login == nil && f.IDP.People != nil {
		pages, err := openPeople(f, g.facts, g.kept, blocked, g.problems)
		if err != nil {
			return err
		}
		g.own.pages, login = pages, pages
	}
	keys, err := openKeys(ctx, g.facts, g.state)
	if err != nil {
		return err
	}
	g.own.keys = keys
	if g.own.server, err = idp.New(idp.Options{
		Issuer: f.IDP.Issuer, Audiences: f.OwnAudiences(), Asked: askedFor(f), Scopes: ownScopes(f), Store: g.facts, Keys: keys, Login: login, Log: g.problems, ClientsFor: clientsFor,
		Backchannel:  egress.Client(egress.Options{Anywhere: f.Development, Networks: f.IDP.PrivateNetworks, Timeout: idp.LogoutTimeout}),
		Certificates: certificatesOf(f.Listen.TLS),
	}); err != nil {
		return err
	}
	g.local[config.OwnUpstream] = g.own.server
	gatehouse.Provide(g.kept, jwt.Own{Issuer: f.IDP.Issuer, Source: jose.Live(keys.Set)})
	g.work.Go(func() { g.own.server.Run(ctx) })
	return g.startOperators(signer, keys, blocked)
}

// askedFor returns the audiences of tokens that are meant only when a client says so.
func askedFor(f *config.File) []string {
	if f.IDP.Admin == nil {
		return nil
	}
	return []string{f.OperatorsAudience()}
}

// ownScopes returns the scopes that clients may be given.
func ownScopes(f *config.File) []string {
	if f.IDP.Admin == nil {
		return f.IDP.Scopes
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(f.IDP.Scopes, adminapi.Scopes()))))
}

// certificatesOf says what is known of the certificates that clients show.
func certificatesOf(t *config.TLS) idp.Certificates {
	switch {
	case t == nil || t.ClientCertificates == "":
		return idp.NoCertificates
	case t.ClientCA == "":
		return idp.ShownCertificates
	}
	return idp.VouchedCertificates
}

// keyAge is how long the signing key is in use, or nothing where there is none.
func (o *self) keyAge() time.Duration {
	if o == nil || o.keys == nil {
		return 0
	}
	return o.keys.Age()
}

// lockName is the file of the state folder that one gateway at a time holds.
const lockName = "gateway.lock"

// lockState takes the state folder for this process. The system gives it back when the
// process ends, however that is.
func lockState(state string) (*os.File, error) {
	path := filepath.Join(state, lockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the state folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another gateway holds %s: each needs a state folder of its own", path)
		}
		return nil, fmt.Errorf("locking the state folder: %w", err)
	}
	return f, nil
}

// close ends the server when the gateway in front of it has ended.
func (o *self) close() error {
	o.stop()
	if o.pages != nil {
		defer o.pages.Close()
	}
	if o.lock != nil {
		return o.lock.Close()
	}
	return nil
}

// ownStandIn provides what compiling needs of our own server where none runs.
func ownStandIn(kept *gatehouse.Kept, f *config.File) error {
	if f.IDP.Issuer == "" {
		return nil
	}
	key, err := jose.GenerateSigner()
	if err != nil {
		return err
	}
	set, err := jose.ParseSet(key.JWKS())
	if err != nil {
		return err
	}
	gatehouse.Provide(kept, jwt.Own{Issuer: f.IDP.Issuer, Source: jose.Fixed(set)})
	return nil
}
