package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/examples/orders"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

// stage is everything a demo needs, running: the vulnerable API, an issuer of
// tokens and the gateway between them and the visitor.
type stage struct {
	dir     string
	file    string // gatehouse.yaml
	api     *orders.API
	apiAddr string
	issuer  *devissuer.Issuer
	gateway *gateway
	cert    *certificate

	servers []*http.Server
	work    sync.WaitGroup
}

// person is somebody the demo's issuer vouches for.
type person struct {
	id, tenant, says string
	roles, scopes    []string
}

// personas returns those whom the issuer knows.
func personas() []person {
	customer := []string{"account", "orders:read", "orders:write"}
	return []person{
		{"alice", "acme", "a customer of acme", []string{"customer"}, customer},
		{"bob", "acme", "a customer of acme, too", []string{"customer"}, customer},
		{"carol", "acme", "a customer of acme, too", []string{"customer"}, customer},
		{"dave", "acme", "a customer of acme, too", []string{"customer"}, customer},
		{"sam", "acme", "support of acme: reads every order of acme", []string{"support"}, []string{"account", "orders:read"}},
		{"tom", "acme", "support of acme, too", []string{"support"}, []string{"account", "orders:read"}},
		{"ada", "acme", "administrator", []string{"admin"}, []string{"account", "orders:read", "users:admin"}},
		{"mallory", "globex", "support of another tenant", []string{"support"}, []string{"account", "orders:read", "orders:write"}},
	}
}

// tokenLife is how long a demo's token holds: what jwt.lifetime allows.
const tokenLife = 15 * time.Minute

// known returns somebody the issuer knows.
func known(id string) (person, bool) {
	all := personas()
	i := slices.IndexFunc(all, func(p person) bool { return p.id == id })
	if i < 0 {
		return person{}, false
	}
	return all[i], true
}

// token returns a fresh token.
func (s *stage) token(p person) string {
	return s.issuer.Mint(devissuer.Claims{Subject: p.id, Tenant: p.tenant, Roles: p.roles, Scopes: p.scopes,
		Set: map[string]string{"exp": fmt.Sprint(time.Now().Add(tokenLife).Unix())}})
}

// newStage starts everything. addr is where the gateway listens; "" is port 8443
// of loopback, or a free one when that is taken. dir keeps the files.
func newStage(dir, addr string) (*stage, error) {
	s := &stage{dir: dir, file: filepath.Join(dir, "gatehouse.yaml")}
	if err := s.start(addr); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *stage) start(addr string) error {
	state := filepath.Join(s.dir, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return fmt.Errorf("demo: making the state folder: %w", err)
	}
	var err error
	if s.cert, err = developmentCert(state, time.Now()); err != nil {
		return err
	}
	if s.api, err = orders.Open(); err != nil {
		return err
	}
	if s.apiAddr, err = s.serve(s.api); err != nil {
		return err
	}
	if s.issuer, err = devissuer.New("", demoAudience); err != nil {
		return err
	}
	issuerAddr, err := s.serve(http.HandlerFunc(s.issue))
	if err != nil {
		return err
	}
	s.issuer.URL = "http://" + issuerAddr
	l, err := listenOr(addr, "127.0.0.1:8443")
	if err != nil {
		return err
	}
	if err := s.write(l.Addr().String()); err != nil {
		return errors.Join(err, l.Close())
	}
	f, err := load(s.file, config.Options{})
	if err != nil {
		return errors.Join(fmt.Errorf("demo: the demo's own configuration: %w", err), l.Close())
	}
	if s.gateway, err = startGateway(f, gatewayOptions{Listener: l}); err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

// write puts the configuration and the description into the folder.
func (s *stage) write(listen string) error {
	l, err := listenOr("", "127.0.0.1:9901")
	if err != nil {
		return err
	}
	admin := l.Addr().String()
	if err := l.Close(); err != nil {
		return fmt.Errorf("demo: finding a free port: %w", err)
	}
	text := demoConfig{
		listen: listen, admin: admin, upstream: s.apiAddr, issuer: s.issuer.URL, until: time.Now().AddDate(0, 3, 0),
	}.text()
	for name, data := range map[string]string{s.file: text, filepath.Join(s.dir, "orders.openapi.yaml"): orders.Description()} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			return fmt.Errorf("demo: writing the configuration: %w", err)
		}
	}
	return nil
}

// listenOr listens at addr, or when that is empty at what is usual or, when that
// is taken, at a free port.
func listenOr(addr, usual string) (net.Listener, error) {
	if addr == "" {
		if l, err := net.Listen("tcp", usual); err == nil {
			return l, nil
		}
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("demo: listening: %w", err)
	}
	return l, nil
}

// serve serves a handler on a free port of loopback.
func (s *stage) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("demo: listening: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	s.servers = append(s.servers, server)
	s.work.Go(func() { _ = server.Serve(l) })
	return l.Addr().String(), nil
}

// issue is the issuer's own server: its metadata, its keys, and a token for
// whoever asks. Only this machine can ask, and no page of another site can read the answer.
func (s *stage) issue(w http.ResponseWriter, r *http.Request) {
	who, ok := strings.CutPrefix(r.URL.Path, "/token/")
	if !ok {
		s.issuer.ServeHTTP(w, r)
		return
	}
	p, ok := known(who)
	if !ok || "http://"+r.Host != s.issuer.URL { // nor a name that a DNS server has turned into ours
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, s.token(p)+"\n")
}

// Close ends everything. Files stay.
func (s *stage) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var err error
	if s.gateway != nil {
		err = s.gateway.Close(ctx)
	}
	for _, server := range s.servers {
		err = errors.Join(err, server.Close())
	}
	s.work.Wait()
	if s.api != nil {
		err = errors.Join(err, s.api.Close())
	}
	return err
}
