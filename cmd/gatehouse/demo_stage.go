package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/examples/orders"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

// stage is everything a demo needs, running: the vulnerable API, a web site that is a
// client of it, and the gateway between them and the visitor, with an authorization
// server of its own.
type stage struct {
	dir      string
	file     string // gatehouse.yaml
	api      *orders.API
	apiAddr  string
	kept     *orders.API // the same with its queries through sdk/rows
	keptAddr string
	admin    string // where operators and the kept API find the gateway
	app      string // URL of the web site
	client   *oauthClient
	password string // everybody's
	gateway  *gateway
	cert     *certificate

	ended   bool // the gateway, by attending
	servers []*http.Server
	work    sync.WaitGroup

	mu     sync.Mutex
	issued map[string]tokens // by person and scopes
}

// newStage starts everything. addr is where the gateway listens; "" is port 8443
// of loopback, or a free one when that is taken. dir keeps the files.
func newStage(dir, addr string) (*stage, error) {
	s := &stage{dir: dir, file: filepath.Join(dir, "gatehouse.yaml"), issued: map[string]tokens{}}
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
	if s.apiAddr, err = s.serve(s.api, ""); err != nil {
		return err
	}
	if s.admin, err = unusedAddress("127.0.0.1:9901"); err != nil {
		return err
	}
	if err := s.startKept(state); err != nil {
		return err
	}
	l, err := listenOr(addr, "127.0.0.1:8443")
	if err != nil {
		return err
	}
	site := &shop{}
	if site.host, err = s.serve(site, "127.0.0.1:9903"); err != nil {
		return errors.Join(err, l.Close())
	}
	s.app = "http://" + site.host
	if err := s.write(l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	f, err := load(s.file, config.Options{})
	if err != nil {
		return errors.Join(fmt.Errorf("demo: the demo's own configuration: %w", err), l.Close())
	}
	if s.gateway, err = startGateway(f, gatewayOptions{Listener: l}); err != nil {
		return errors.Join(err, l.Close())
	}
	s.client = &oauthClient{http: s.through(""), issuer: f.IDP.Issuer, id: demoClient, redirect: s.app + "/callback"}
	site.open(s.client)
	if err := s.populate(context.Background()); err != nil {
		return fmt.Errorf("demo: making accounts: %w", err)
	}
	return nil
}

// reachable is the address by which this machine reaches a listener: the certificate
// has no name for one that is everywhere.
func reachable(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && t.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", t.Port)
	}
	return a.String()
}

// write puts the configuration and the description into the folder.
func (s *stage) write(listen net.Addr) error {
	text := demoConfig{
		listen: listen.String(), admin: s.admin, upstream: s.apiAddr, kept: s.keptAddr, issuer: "https://" + reachable(listen), until: time.Now().AddDate(0, 3, 0),
	}.text()
	for name, data := range map[string]string{s.file: text, filepath.Join(s.dir, "orders.openapi.yaml"): orders.Description()} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			return fmt.Errorf("demo: writing the configuration: %w", err)
		}
	}
	return nil
}

// startKept starts the sample API's second variant: it believes nobody but the gateway's
// signed statement, and its queries go through sdk/rows.
func (s *stage) startKept(folder string) error {
	who, err := identity.New(identity.Config{Keys: "http://" + s.admin + "/.well-known/jwks.json", Audience: "kept", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if s.kept, err = orders.OpenKept(context.Background(), filepath.Join(folder, "kept.db")); err != nil {
		return err
	}
	s.keptAddr, err = s.serve(who.Middleware(s.kept), "")
	return err
}

// unusedAddress returns the usual address, or when that is taken another.
func unusedAddress(usual string) (string, error) {
	l, err := listenOr("", usual)
	if err != nil {
		return "", err
	}
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("demo: finding a free port: %w", err)
	}
	return l.Addr().String(), nil
}

// listenOr listens at addr, or when that is empty at what is usual or, when that
// is taken, at a free port.
func listenOr(addr, usual string) (net.Listener, error) {
	if addr == "" {
		if l, err := net.Listen("tcp", usual); usual != "" && err == nil {
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

// serve serves a handler on loopback, where usual says or on a free port.
func (s *stage) serve(h http.Handler, usual string) (string, error) {
	l, err := listenOr("", usual)
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	s.servers = append(s.servers, server)
	s.work.Go(func() { _ = server.Serve(l) })
	return l.Addr().String(), nil
}

// Close ends everything. Files stay.
func (s *stage) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var err error
	if s.gateway != nil && !s.ended {
		err = s.gateway.Close(ctx)
	}
	for _, server := range s.servers {
		err = errors.Join(err, server.Close())
	}
	s.work.Wait()
	if s.api != nil {
		err = errors.Join(err, s.api.Close())
	}
	if s.kept != nil {
		err = errors.Join(err, s.kept.Close())
	}
	return err
}
