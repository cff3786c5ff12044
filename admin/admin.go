// Package admin is the operators' listener: metrics, health, trails and plans.
// It changes nothing: it has no method but GET and HEAD.
//
// What it defends from is being reached by others. It listens on loopback, and
// on a socket in the state folder for the program's own commands; on another
// address only with TLS and a token file. Everything but liveness and the
// public keys needs a token that was made at the first start and is never
// printed. A browser on the operator's machine is no way in: the Host field
// must name this machine, which ends DNS rebinding, and requests that another site
// caused (Origin, Sec-Fetch-Site) are refused.
//
// It imports gatehouse, store, record and internal, as the rest of the control plane does.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/learned"
	"github.com/gatehouse-api/gatehouse/record"
)

// Socket is the name of the socket in the state folder.
const Socket = "admin.sock"

// The listener's limits.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10
	maxSocketPath = 100 // bytes; the kernel takes some more
)

// Config says where the operators are served, and what they may see.
type Config struct {
	Address   string   // "host:port"; "" serves on the socket only
	Hosts     []string // further host names under which Address is reached
	Cert, Key string   // PEM files; needed on other addresses than loopback
	TokenFile string   // needed on other addresses than loopback; "" is admin.token in State
	State     string   // state folder

	Recorder  *record.Recorder
	Endpoints func() []*gatehouse.Endpoint // of the policy in force
	Ready     func() []Check               // what must hold to serve; nil means nothing
	Learned   func() learned.Report        // whose the objects seem to be; nil for nothing
	JWKS      http.Handler                 // public keys of the identity that upstreams get; nil for none
	Log       *slog.Logger                 // nil discards
}

// Check is one condition of readiness.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Server is the listener.
type Server struct {
	config    Config
	token     [sha256.Size]byte
	tokenPath string
	http      *http.Server
	listeners []net.Listener
}

// Listen checks the configuration, makes the token if there is none, and
// listens. Errors in the configuration are [gatehouse.Fault]s.
func Listen(c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Endpoints == nil {
		c.Endpoints = func() []*gatehouse.Endpoint { return nil }
	}
	if err := check(&c); err != nil {
		return nil, err
	}
	s := &Server{config: c, tokenPath: c.TokenFile}
	var err error
	if s.tokenPath == "" {
		s.tokenPath = filepath.Join(c.State, TokenName)
		err = makeToken(s.tokenPath)
	}
	token := ""
	if err == nil {
		token, err = ReadToken(s.tokenPath)
	}
	if err != nil {
		return nil, err
	}
	s.token = sha256.Sum256([]byte(token))
	s.http = &http.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: log.New(io.Discard, "", 0),
	}
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.closeListeners())
	}
	return s, nil
}

// check refuses an address that others reach without TLS and a token file.
func check(c *Config) error {
	if c.State == "" || c.Recorder == nil {
		return errors.New("admin: a state folder and a recorder are needed")
	}
	if c.Address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return &gatehouse.Fault{Key: "admin.address", Says: fmt.Sprintf("%q is no address", c.Address), Fix: "address: 127.0.0.1:9901"}
	}
	if (c.Cert == "") != (c.Key == "") {
		return &gatehouse.Fault{Key: "admin.tls", Says: "a certificate needs its key, and a key its certificate", Fix: "tls: {cert: admin.crt, key: admin.key}"}
	}
	if !loopback(host) && (c.Cert == "" || c.TokenFile == "") {
		return &gatehouse.Fault{Key: "admin.address", Says: "others reach this address, so it needs TLS and a token file", Fix: "address: 127.0.0.1:9901"}
	}
	return nil
}

// loopback reports whether host is this machine and cannot be made another by
// whoever answers DNS queries (RFC 6761 section 6.3 for "localhost").
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() && a.Zone() == ""
}

// listen opens the address first: who has it is the one gateway of this state
// folder, and may replace a socket that a killed one left behind.
func (s *Server) listen() error {
	c := &s.config
	if c.Address != "" {
		l, err := net.Listen("tcp", c.Address)
		if err != nil {
			return fmt.Errorf("admin: listening: %w", err)
		}
		if c.Cert != "" {
			pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
			if err != nil {
				return errors.Join(&gatehouse.Fault{Key: "admin.tls", Says: "certificate and key do not load: " + err.Error(), Fix: "tls: {cert: admin.crt, key: admin.key}"}, l.Close())
			}
			l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}})
		}
		s.listeners = append(s.listeners, l)
	}
	path := filepath.Join(c.State, Socket)
	if len(path) > maxSocketPath {
		return &gatehouse.Fault{Key: "state", Says: fmt.Sprintf("the path of the admin socket is longer than %d bytes: %s", maxSocketPath, path), Fix: "state: /var/lib/gatehouse"}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("admin: replacing the socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("admin: listening: %w", err)
	}
	s.listeners = append(s.listeners, l)
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("admin: closing the socket to others: %w", err)
	}
	return nil
}

// Address returns the TCP address in use, or "".
func (s *Server) Address() string {
	if s.config.Address == "" {
		return ""
	}
	return s.listeners[0].Addr().String()
}

// TokenPath returns where the token is kept, to be printed; the token is not.
func (s *Server) TokenPath() string { return s.tokenPath }

// Serve serves until [Server.Close] and then returns nil.
func (s *Server) Serve() error {
	failed := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		go func() { failed <- s.http.Serve(l) }()
	}
	var all error
	for range s.listeners {
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			all = errors.Join(all, fmt.Errorf("admin: serving: %w", err), s.http.Close())
		}
	}
	return all
}

// Close lets the requests under way end, until ctx does.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("admin: closing: %w", err), s.http.Close())
	}
	return errors.Join(err, s.closeListeners())
}

// closeListeners closes what was opened but is not served.
func (s *Server) closeListeners() error {
	var all error
	for _, l := range s.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}
