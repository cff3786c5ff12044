// Package people proves people to the authorization server: it knows passwords and
// second factors, keeps the sessions of browsers, and writes the pages for all of
// it. It is an [idp.Authenticator].
//
// What it defends from: guessing (limits for address and account, a lock that grows
// and that strangers cannot hold against a browser the account is known from),
// learning who has an account (known and unknown names cost the same and get the
// same answer), forms sent from elsewhere (a token bound to the browser, and the
// Origin), sessions planted or stolen (a new id at every proof, kept as a hash, an
// idle and an absolute end), codes used twice, links used twice, passkeys that were
// copied. One script runs on pages that ask an authenticator, by its hash, and none
// elsewhere; no page may be framed.
package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/internal/passkey"
	"github.com/gatehouse-api/gatehouse/internal/password"
	"github.com/gatehouse-api/gatehouse/store"
)

// The numbers of sessions, links and guesses.
const (
	SessionIdle   = 30 * time.Minute // between two uses of a session
	SessionLife   = 8 * time.Hour    // of a session, however it is used
	ResetLife     = 30 * time.Minute // of a link to set a new password
	JoinLife      = 24 * time.Hour   // of a link to make an account
	FreeFailures  = 10               // in a row, before an account has to wait
	LongestWait   = time.Hour        // after a failure
	secondLife    = 5 * time.Minute  // between the password and the second factor
	recentlyFor   = 10 * time.Minute // in which somebody proven may change by what they are
	deviceLife    = 180 * 24 * time.Hour
	mailTime      = 30 * time.Second
	mailsWaiting  = 256
	formBytes     = 16 << 10
	sessionsShown = 50
)

// Options is what the pages are made of.
type Options struct {
	// Origin is the public scheme and host of the pages, which is the issuer of
	// tokens, too.
	Origin  string
	Product string // the name that people see
	Store   Store
	Key     *Key
	// RPID is the domain that passkeys are for: the host of Origin, which is what ""
	// stands for, or a domain above it. Changing it makes every passkey useless.
	RPID string
	// RequireSecondFactor names the roles whose people are nobody without a second
	// factor; "*" is everybody, and passwords may be shorter then.
	RequireSecondFactor []string
	// Counters counts guesses, for address and account.
	Counters store.Counters
	// Mail sends links. Without it passwords cannot be reset by those who forgot them.
	Mail Mailer
	// Register lets anybody with an address make an account.
	Register bool
	// Blocked returns passwords that are not taken, beside those that the rules know.
	Blocked func() (*password.List, error)
	// Address returns the client's address, for people and the log, or "" where nobody
	// knows it. Where it is nil nobody ever does.
	Address func(*http.Request) string
	// LimitedByAddress says that passwords and passkeys are counted by address in front
	// of the pages. They do not count those a second time then.
	LimitedByAddress bool
	// ScopeTexts say what scopes permit, for people; a scope without a text is shown
	// by its name.
	ScopeTexts map[string]string
	// Connections are the ways to organisations' identity providers.
	Connections []sso.Connection
	Log         *slog.Logger     // nil discards
	Now         func() time.Time // nil is time.Now
}

// People is the pages. It implements [idp.Authenticator].
type People struct {
	options     Options
	connections *sso.Connections
	accounts    Accounts
	party       *passkey.Party // nil where there can be no passkeys
	pages       http.Handler
	log         *slog.Logger
	now         func() time.Time
	mails       chan letter
	work        sync.WaitGroup
	stop        context.CancelFunc
	limits      limits
	templates   pages
}

var _ idp.Authenticator = (*People)(nil)

// New makes the pages. They send mail until [People.Close].
func New(o Options) (*People, error) {
	u, err := url.Parse(o.Origin)
	switch {
	case err != nil || u.Host == "" || u.Path != "" || u.String() != o.Origin:
		return nil, fmt.Errorf("people: %q is no origin: scheme and host", o.Origin)
	case o.Store == nil || o.Key == nil || o.Counters == nil:
		return nil, errors.New("people: the pages need a store, a key and counters")
	case o.Register && o.Mail == nil:
		return nil, errors.New("people: whoever registers is asked by mail, and there is no mail")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Address == nil {
		o.Address = func(*http.Request) string { return "" }
	}
	if o.Product == "" {
		o.Product = u.Hostname()
	}
	p := &People{options: o, log: o.Log, now: o.Now, mails: make(chan letter, mailsWaiting), limits: newLimits(), templates: parsePages()}
	p.accounts = Accounts{
		Store: o.Store, Issuer: o.Origin, Hasher: password.NewHasher(), Now: o.Now,
		Policy: password.Policy{Product: o.Product, Blocked: o.Blocked, SecondFactor: slices.Contains(o.RequireSecondFactor, everybody)},
	}
	if p.party, err = party(&p.options, u); err != nil {
		return nil, err
	}
	if p.connections, err = sso.NewConnections(o.Connections); err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	p.pages = p.routes()
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.work.Go(func() { p.deliver(ctx) })
	return p, nil
}

// Close ends the sending of mail; what waits is not sent.
func (p *People) Close() {
	p.stop()
	p.work.Wait()
	p.connections.Close()
}

// Person implements [idp.Authenticator].
func (p *People) Person(ctx context.Context, subject string) (idp.Person, error) {
	u, err := p.options.Store.Users().User(ctx, subject)
	if err == nil {
		var admitted bool
		if admitted, err = p.admits(ctx, &u); !admitted && err == nil {
			return idp.Person{}, idp.ErrNobody
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return idp.Person{}, idp.ErrNobody
	case err != nil:
		return idp.Person{}, fmt.Errorf("people: %w", err)
	}
	who := idp.Person{Tenant: u.Tenant, Roles: u.Roles}
	if p.needsTwo(&u) {
		who.ACR = idp.AAL2
	}
	return who, nil
}

// everybody stands for all roles, and none, in [Options.RequireSecondFactor].
const everybody = "*"

// needsTwo reports whether the person is nobody without a second factor.
func (p *People) needsTwo(u *store.User) bool {
	return slices.ContainsFunc(p.options.RequireSecondFactor, func(role string) bool {
		return role == everybody || slices.Contains(u.Roles, role)
	})
}

// admits reports whether somebody may be signed in: neither the person nor the
// person's tenant is disabled.
func (p *People) admits(ctx context.Context, u *store.User) (bool, error) {
	if u.State != store.UserActive {
		return false, nil
	}
	return store.Admits(ctx, p.options.Store.Tenants(), u.Tenant)
}

// Logout implements [idp.Authenticator]. The tokens that were granted in the session
// end with it.
func (p *People) Logout(w http.ResponseWriter, r *http.Request, then string) (subject, away string, err error) {
	v := &visit{p: p, w: w, r: r, at: p.now()}
	if err := v.recognise(); err != nil || v.user.ID == "" {
		return "", "", err
	}
	was := v.session
	if err := v.signOut(); err != nil {
		return was.User, "", err
	}
	return was.User, v.farewell(&was, then), nil
}

// Pages implements [idp.Authenticator].
func (p *People) Pages() http.Handler { return p.pages }

// source is what passwords and passkeys are counted by beside accounts, or "" where
// they are not.
func (v *visit) source() string {
	if v.p.options.LimitedByAddress {
		return ""
	}
	return network(v.p.options.Address(v.r))
}

// network is what counts as one client: an address, or the network of 64 bits that
// an IPv6 subscriber has.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	prefix, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
