package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

// site is what all rows share: a folder, the upstream, the issuer of tokens and
// the programs.
type site struct {
	ctx      context.Context
	dir      string
	root     string // of the module, once something was built
	nginx    string
	upstream string // address
	issuer   *devissuer.Issuer
	programs map[string]string // name -> path
	servers  map[string]*row   // by what serves: the first row of each
	running  []*process
	server   *http.Server
	rate     int // of the paced rows, in requests per second

	certificate *x509.Certificate // of everybody who serves over TLS
}

// upstreamName is what serves when nothing is in front of the upstream.
const upstreamName = "upstream"

// audience is whom the tokens are meant for.
const audience = "https://api.example.com/orders"

func newSite(ctx context.Context, stderr io.Writer) (s *site, err error) {
	s = &site{ctx: ctx, programs: map[string]string{}, servers: map[string]*row{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "gatehouse-bench-"); err != nil {
		return s, err
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { //nolint:gosec // nginx's worker is another user
		return s, err
	}
	if s.nginx, err = lookTool("nginx"); err != nil {
		return s, err
	}
	fmt.Fprintln(stderr, "building")
	for name, folder := range map[string]string{"gatehouse": "./cmd/gatehouse", "reverseproxy": "./bench/reverseproxy", "openloop": "./bench/openloop"} {
		if err := s.build(name, folder); err != nil {
			return s, err
		}
	}
	if err := errors.Join(s.startIssuer(), s.certify()); err != nil {
		return s, err
	}
	if s.upstream, err = freeAddr(); err != nil {
		return s, err
	}
	p, err := s.startNginx(otherCore, upstreamName, s.upstream, upstreamServer())
	if err == nil {
		s.running = append(s.running, p)
		s.servers[upstreamName] = &row{process: p, addr: s.upstream}
	}
	return s, err
}

// build compiles a program of this module, wherever inside it bench was started.
func (s *site) build(name, folder string) error {
	root, err := exec.CommandContext(s.ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("finding the module: %w", err)
	}
	s.root = strings.TrimSpace(string(root))
	s.programs[name] = filepath.Join(s.dir, name)
	cmd := exec.CommandContext(s.ctx, "go", "build", "-trimpath", "-o", s.programs[name], folder) //nolint:gosec // constants
	cmd.Dir = s.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", name, err, tail(string(out), 2000))
	}
	return nil
}

func (s *site) startIssuer() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if s.issuer, err = devissuer.New("http://"+l.Addr().String(), audience); err != nil {
		return err
	}
	s.server = &http.Server{Handler: s.issuer, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.server.Serve(l) }()
	return nil
}

func (s *site) close() error {
	for _, p := range s.running {
		_ = p.stop()
	}
	if s.server != nil {
		_ = s.server.Close()
	}
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// token returns a token for a customer that outlives the run.
func (s *site) token(customer string) string {
	now := time.Now().Unix()
	return s.issuer.Mint(devissuer.Claims{Subject: customer, Tenant: "t1", Set: map[string]string{
		"iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 890), "jti": `"` + customer + `"`,
	}})
}

// hold leaves one row running for a profiler.
func (s *site) hold(rows []*row, o options, stdout io.Writer) error {
	for _, r := range rows {
		if r.name != o.hold {
			continue
		}
		if err := s.warm(rows, o.warm); err != nil {
			return err
		}
		program, args := s.tool(r, time.Hour)
		fmt.Fprintf(stdout, "pid %d, load: %s %s\n", r.process.cmd.Process.Pid, program, strings.Join(args, " "))
		for s.ctx.Err() == nil {
			if _, err := s.load(r, o.each); err != nil && s.ctx.Err() == nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("there is no row %q", o.hold)
}
