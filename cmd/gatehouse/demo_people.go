package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/internal/password"
	scriptless "github.com/gatehouse-api/gatehouse/internal/tab"
	"github.com/gatehouse-api/gatehouse/store"
)

// demoClient is the client id of the demo's own page.
const demoClient = "demo-shop"

// person is somebody with an account at the demo's authorization server. The id is
// what the sample API knows them by.
type person struct {
	id, tenant, says string
	roles, scopes    []string
}

// email is what a person signs in by.
func (p person) email() string { return p.id + "@" + p.tenant + ".example" }

// personas returns everybody with an account.
func personas() []person {
	scopes := []string{"account", "orders:read", "orders:write"}
	list := []person{
		{"alice", "acme", "a customer of acme", []string{"customer"}, scopes},
		{"bob", "acme", "a customer of acme, too", []string{"customer"}, scopes},
		{"ada", "acme", "administrator of acme", []string{"admin"}, []string{"account", "orders:read", "users:admin"}},
		{"mallory", "globex", "support of globex, another tenant", []string{"support"}, scopes},
		{"sam", "acme", "support of acme: reads every order of acme", []string{"support"}, []string{"account", "orders:read"}},
		{"tom", "acme", "support of acme, too", []string{"support"}, []string{"account", "orders:read"}},
	}
	for _, id := range []string{"carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim", "leo", "mia", "nora"} {
		list = append(list, person{id, "acme", "a customer of acme, too", []string{"customer"}, scopes})
	}
	return list
}

// known returns somebody with an account.
func known(id string) (person, bool) {
	all := personas()
	i := slices.IndexFunc(all, func(p person) bool { return p.id == id })
	if i < 0 {
		return person{}, false
	}
	return all[i], true
}

// populate registers the demo's client and everybody's account, with one password
// that is made at every start: nobody who has seen another demo knows it.
func (s *stage) populate(ctx context.Context) error {
	s.password = strings.ToLower(rand.Text())
	clients := s.gateway.facts.Clients()
	if err := clients.Remove(ctx, demoClient); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	c := store.Client{ID: demoClient, Name: "Demo shop", Public: true, Grants: []string{"authorization_code", "refresh_token"}, Made: time.Now(),
		RedirectURIs: []string{s.client.redirect}, PostLogoutRedirectURIs: []string{s.app + "/"}, Scopes: demoScopes()}
	if err := idp.CheckClient(&c); err != nil {
		return err
	}
	if err := clients.Add(ctx, c); err != nil {
		return err
	}
	hash, err := password.NewHasher().Hash(ctx, s.password)
	if err != nil {
		return err
	}
	users, now := s.gateway.facts.Users(), time.Now()
	for _, p := range personas() {
		u := store.User{ID: p.id, Name: p.email(), Tenant: p.tenant, Roles: p.roles, State: store.UserActive, Password: hash, Made: now, Edited: now}
		err := users.Add(ctx, u)
		if errors.Is(err, store.ErrExists) { // the folder is kept from another time
			_, err = users.Change(ctx, p.id, func(u *store.User) error { u.Password, u.State, u.Edited = hash, store.UserActive, now; return nil })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// demoScopes are what the demo's client may ask for.
func demoScopes() []string {
	return []string{"openid", "offline_access", "account", "orders:read", "orders:write", "users:admin"}
}

// behind returns a client that speaks with the authorization server and not with the
// gateway in front of it: the demo's own sign-ins spend nothing of a visitor's limits.
func (s *stage) behind() *http.Client {
	return &http.Client{Transport: direct{s.gateway.own.server}, Timeout: patience}
}

// through returns a client that speaks with the gateway, from an address of its own
// where from is not "".
func (s *stage) through(from string) *http.Client {
	dialer := &net.Dialer{Timeout: patience}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: s.cert.pool, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 1,
	}}
}

// signIn signs a person in by the pages and returns the tokens.
func (s *stage) signIn(ctx context.Context, p person, scopes []string) (tokens, error) {
	c := *s.client
	c.http = s.behind()
	defer c.http.CloseIdleConnections()
	browser, err := scriptless.New(c.http, c.issuer)
	if err != nil {
		return tokens{}, err
	}
	l, request := c.begin(scopes, nil)
	back, err := browser.Authorize(ctx, request, p.email(), s.password)
	if err != nil {
		return tokens{}, fmt.Errorf("demo: signing %s in: %w", p.id, err)
	}
	t, err := c.redeem(ctx, back.Query(), l)
	if err != nil {
		return tokens{}, fmt.Errorf("demo: signing %s in: %w", p.id, err)
	}
	return t, nil
}

// token returns an access token of a person, the same one for as long as the demo
// plays. It is "" when there is none to be had: then the story fails.
func (s *stage) token(p person) string { return s.narrow(p, p.scopes) }

// narrow is token for some of the scopes.
func (s *stage) narrow(p person, scopes []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := p.id + " " + strings.Join(scopes, " ")
	t, ok := s.issued[key]
	if !ok {
		var err error
		if t, err = s.signIn(context.Background(), p, scopes); err != nil {
			return ""
		}
		s.issued[key] = t
	}
	return t.Access
}

// hosts are those whose tokens a visitor is given, in files of the state folder.
func hosts() []string { return []string{"alice", "bob", "ada", "mallory"} }

func (s *stage) tokenFile(id string) string { return filepath.Join(s.dir, "state", id+".token") }

// offer writes the tokens for the visitor, and returns what refreshes them.
func (s *stage) offer(ctx context.Context) (refresh func(context.Context) error, err error) {
	held := map[string]tokens{}
	for _, id := range hosts() {
		p, _ := known(id)
		if held[id], err = s.signIn(ctx, p, append([]string{"offline_access"}, p.scopes...)); err != nil {
			return nil, err
		}
		if err := s.keepToken(id, held[id]); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		c := *s.client
		c.http = s.behind()
		defer c.http.CloseIdleConnections()
		var all error
		for id, old := range held {
			t, err := c.refresh(ctx, old.Refresh)
			if err != nil {
				p, _ := known(id) // signed out by the visitor
				t, err = s.signIn(ctx, p, append([]string{"offline_access"}, p.scopes...))
			}
			if err == nil {
				held[id], err = t, s.keepToken(id, t)
			}
			all = errors.Join(all, err)
		}
		return all
	}, nil
}

func (s *stage) keepToken(id string, t tokens) error {
	if err := os.WriteFile(s.tokenFile(id), []byte(t.Access+"\n"), 0o600); err != nil {
		return fmt.Errorf("demo: keeping a token: %w", err)
	}
	return nil
}
