package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/admin"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/internal/clientip"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/learned"
	"github.com/gatehouse-api/gatehouse/internal/logfile"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/record"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

// gatewayOptions is what a caller of [startGateway] may decide. The zero value
// is what `gatehouse serve` uses.
type gatewayOptions struct {
	Listener net.Listener      // nil listens where the configuration says
	Log      io.Writer         // access lines; nil writes where the configuration says
	Problems *slog.Logger      // nil discards
	Login    idp.Authenticator // who proves people to our own authorization server; nil is nobody
}

// gateway is the running program: all rooms put together.
type gateway struct {
	Addr     string // where clients are served
	AdminURL string // where operators are served
	// OperatorsURL is where the admin API is served, or "" where it is off or served to
	// clients.
	OperatorsURL string

	file      *config.File
	state     string // the state folder
	kept      *gatehouse.Kept
	gate      *engine.Gate
	recorder  *record.Recorder
	trails    *sqlite.Trails
	facts     facts
	own       *self                   // our own authorization server, or nil
	local     map[string]http.Handler // what of this program is an upstream, by name
	operators *operators              // its admin API, or nil
	server    *proxy.Server
	admin     *admin.Server
	cert      *proxy.Certificate
	log       io.Closer
	problems  *slog.Logger
	work      sync.WaitGroup
	failed    chan error
}

// startGateway serves the configuration until [gateway.Close].
func startGateway(f *config.File, o gatewayOptions) (*gateway, error) {
	g := &gateway{file: f, local: map[string]http.Handler{}, kept: gatehouse.NewKept(), problems: o.Problems, failed: make(chan error, 2)}
	if g.problems == nil {
		g.problems = slog.New(slog.DiscardHandler)
	}
	if err := g.start(o); err != nil {
		return nil, errors.Join(err, g.Close(context.Background()))
	}
	return g, nil
}

func (g *gateway) start(o gatewayOptions) error {
	f := g.file
	g.state = f.State
	if err := os.MkdirAll(g.state, 0o700); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	signer, err := identityKey(filepath.Join(g.state, identityName))
	if err != nil {
		return err
	}
	gatehouse.Provide[jose.IdentityKey](g.kept, signer)
	gatehouse.Provide[store.Counters](g.kept, memory.NewCounters(time.Now()))
	if g.facts, err = openFacts(context.Background(), f, g.problems); err != nil {
		return err
	}
	gatehouse.Provide(g.kept, spent(f, g.facts))
	gatehouse.Provide(g.kept, g.facts.Blocks())
	gatehouse.Provide(g.kept, g.facts.Revocations())
	gatehouse.Provide(g.kept, g.facts.Owners())
	index, err := watchRelations(g.facts.Relations(), g.problems)
	if err != nil {
		return err
	}
	elsewhere, err := relatedElsewhere(f)
	if err != nil {
		return err
	}
	// One that cannot be reached now may be later: what needs it is refused until then.
	err = askElsewhere(f, elsewhere, func(api string, err error) {
		g.problems.Warn("relations cannot be asked for; what needs them is refused", "api", api, "error", err.Error())
	})
	if err != nil {
		return err
	}
	gatehouse.Provide(g.kept, &relations.Source{Index: index, Elsewhere: elsewhere})
	if err := watchRevocations(g.facts.Revocations(), g.problems); err != nil {
		return err
	}
	if err := g.startOwn(o.Login, signer); err != nil {
		return err
	}
	if err := g.startDecisions(); err != nil {
		return err
	}
	policies, err := f.Policies(g.kept, gatehouse.AllCaps)
	if err != nil {
		return err
	}
	g.gate = engine.NewGate(policies.Clients)
	if err := g.startRecorder(o); err != nil {
		return err
	}
	if err := g.makeProxy(); err != nil {
		return err
	}
	if err := g.startAdmin(signer); err != nil {
		return err
	}
	if err := g.startOperatorsDoor(policies.Operators); err != nil {
		return err
	}
	return g.startProxy(o)
}

func (g *gateway) startRecorder(o gatewayOptions) error {
	log := o.Log
	if log == nil {
		log = os.Stdout
		if g.file.Log != "stdout" && g.file.Log != "" {
			w, err := logfile.Open(g.file.Log, g.problems)
			if err != nil {
				return fmt.Errorf("opening the access log: %w", err)
			}
			g.log, log = w, w
		}
	}
	var err error
	if g.trails, err = sqlite.OpenTrails(filepath.Join(g.state, "trails.db"), time.Now); err != nil {
		return err
	}
	g.recorder = record.New(record.Config{Log: log, Trails: g.trails, Version: version, Problems: g.problems, Live: func() record.Live {
		// Set before the admin listener, the only one who asks, is started.
		st := g.server.Stats()
		return record.Live{Connections: int64(st.Open), InFlight: st.InFlight, StoreAge: age(g.facts), SigningKeyAge: g.own.keyAge()}
	}})
	g.recorder.Register(endpointsOf(g.gate.Policy()))
	return nil
}

func (g *gateway) startAdmin(signer *jose.Signer) error {
	published, err := upstreamKeys(g.kept, signer)
	if err != nil {
		return err
	}
	ledger, err := gatehouse.Keep(g.kept, "", learned.New)
	if err != nil {
		return err
	}
	g.admin, err = admin.Listen(admin.Config{
		Address: g.file.Admin.Address, State: g.state, Recorder: g.recorder, Log: g.problems,
		Endpoints: g.endpoints, Learned: ledger.Report,
		JWKS: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwk-set+json")
			w.Header().Set("Cache-Control", "max-age=300")
			_, _ = w.Write(published.JWKS())
		}),
	})
	if err != nil {
		return err
	}
	if a := g.admin.Address(); a != "" {
		g.AdminURL = "http://" + a
	}
	g.work.Go(func() {
		if err := g.admin.Serve(); err != nil {
			g.failed <- err
		}
	})
	return nil
}

func (g *gateway) makeProxy() error {
	l := &g.file.Listen
	trust, err := clientip.New[gatehouse.Fields](l.TrustedProxies, 1)
	if err != nil {
		return err
	}
	g.server, err = proxy.New(proxy.Config{
		Gate: g.gate, Record: g.recorder, Log: g.problems, Client: trust.Client, Local: g.local,
		MaxConns: l.MaxConnections, MaxConnsPerIP: l.MaxConnectionsPerIP,
	})
	return err
}

func (g *gateway) startProxy(o gatewayOptions) error {
	l := &g.file.Listen
	var err error
	var tlsConfig *tls.Config
	if l.TLS != nil {
		if g.cert, err = proxy.LoadCertificate(l.TLS.Cert, l.TLS.Key); err != nil {
			return err
		}
		if l.TLS.ClientCertificates != "" {
			if err = g.cert.Ask(l.TLS.ClientCertificates == config.RequireClientCertificates, l.TLS.ClientCA); err != nil {
				return err
			}
		}
		tlsConfig = g.cert.Config()
	}
	ln := o.Listener
	if ln == nil {
		if ln, err = net.Listen("tcp", l.Address); err != nil {
			return fmt.Errorf("listening: %w", err)
		}
	}
	g.Addr = ln.Addr().String()
	g.work.Go(func() {
		if err := g.server.Serve(ln, tlsConfig); err != nil {
			g.failed <- err
		}
	})
	return nil
}

// endpoints returns every place where a request may end up, at whichever door.
func (g *gateway) endpoints() []*gatehouse.Endpoint {
	list := endpointsOf(g.gate.Policy())
	if g.operators != nil && g.operators.gate != nil {
		list = append(list, endpointsOf(g.operators.gate.Policy())...)
	}
	return list
}

// endpointsOf returns every place of a policy where a request may end up.
func endpointsOf(p *engine.Policy) (out []*gatehouse.Endpoint) {
	for _, s := range p.Sites() {
		out = append(out, s.Endpoints...)
		out = append(out, s.Undeclared)
	}
	return out
}

// reload reads the configuration anew and puts it in force as a whole. When
// anything is wrong with it the last good one stays. Addresses, the state folder
// and the log need a restart: a change of those is said and left.
func (g *gateway) reload() error {
	f, err := load(g.file.Path, config.Options{Log: g.problems})
	if err != nil {
		return err
	}
	p, err := f.Policies(g.kept, gatehouse.AllCaps)
	if err != nil {
		return err
	}
	decide, err := g.reloadDecisions(f)
	if err != nil {
		return err
	}
	if g.cert != nil && g.cert.Changed() {
		if err := g.cert.Reload(); err != nil {
			return err
		}
	}
	for what, changed := range map[string]bool{
		"listen": f.Listen.Address != g.file.Listen.Address || !sameTLS(f.Listen.TLS, g.file.Listen.TLS),
		"admin":  f.Admin != g.file.Admin, "state": f.State != g.file.State, "log": f.Log != g.file.Log,
		"idp":   f.IDP.Issuer != g.file.IDP.Issuer || !slices.Equal(f.IDP.Scopes, g.file.IDP.Scopes) || !slices.Equal(f.OwnAudiences(), g.file.OwnAudiences()) || !sameOperators(f.IDP.Admin, g.file.IDP.Admin),
		"store": f.Store.Postgres != g.file.Store.Postgres,
	} {
		if changed {
			g.problems.Warn("a change needs a restart and was left out", "key", what)
		}
	}
	g.recorder.Register(endpointsOf(p.Clients))
	decide()
	g.gate.Swap(p.Clients)
	if p.Operators != nil && g.operators != nil && g.operators.gate != nil {
		g.recorder.Register(endpointsOf(p.Operators))
		g.operators.gate.Swap(p.Operators)
	}
	return nil
}

// sameOperators reports whether the admin API would be served at the same place, to the
// same pages.
func sameOperators(a, b *config.Operators) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Address == b.Address && a.Host == b.Host && slices.Equal(a.Origins, b.Origins) && slices.Equal(a.TenantRoles, b.TenantRoles))
}

// sameTLS reports whether a listener would speak the same TLS. What is in the files
// may have changed: that is read again.
func sameTLS(a, b *config.TLS) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// Close lets exchanges in progress end, until ctx does, and writes out the rest.
func (g *gateway) Close(ctx context.Context) error {
	var all error
	if g.server != nil {
		all = errors.Join(all, g.server.Shutdown(ctx))
	}
	if g.admin != nil {
		all = errors.Join(all, g.admin.Close(ctx))
	}
	if g.operators != nil {
		all = errors.Join(all, g.operators.close(ctx))
	}
	if g.own != nil { // after the gateway in front of it
		all = errors.Join(all, g.own.close())
	}
	g.work.Wait()
	if g.recorder != nil {
		all = errors.Join(all, g.recorder.Close(ctx))
	}
	if g.trails != nil {
		all = errors.Join(all, g.trails.Close())
	}
	if g.facts != nil {
		all = errors.Join(all, g.facts.Close())
	}
	if g.log != nil {
		all = errors.Join(all, g.log.Close())
	}
	return all
}
