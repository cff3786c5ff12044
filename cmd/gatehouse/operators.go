package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/adminapi"
	"github.com/gatehouse-api/gatehouse/internal/clientip"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/keyfile"
	"github.com/gatehouse-api/gatehouse/internal/password"
)

// cursorsName is the file of the state folder with the key that seals the cursors of
// the admin API.
const cursorsName = "admin.key"

// operatorsConnections bounds the connections to the admin API's own address.
const operatorsConnections = 128

// operators is the admin API, and the door in front of it where it has one of its own.
type operators struct {
	audit *os.File
	gate  *engine.Gate  // nil where it is served with everything else
	door  *proxy.Server // the same
}

// startOperators starts the admin API where the configuration has one, before the
// policy that is in front of it is compiled.
func (g *gateway) startOperators(signer *jose.Signer, keys *idp.Keys, blocked func() (*password.List, error)) error {
	f := g.file
	if f.IDP.Admin == nil {
		return nil
	}
	seal, err := keyfile.Open(filepath.Join(g.state, cursorsName))
	if err != nil {
		return err
	}
	set, err := jose.ParseSet(signer.JWKS())
	if err != nil {
		return err
	}
	o := &operators{}
	g.operators = o
	if o.audit, err = openAudit(g.state); err != nil {
		return err
	}
	desk := openDesk(f, g.facts, blocked, slog.NewMultiHandler(slog.NewJSONHandler(o.audit, nil), g.problems.Handler()))
	desk.Delegated = f.IDP.Admin.TenantRoles
	desk.Keys = func(context.Context) (*idp.Keys, error) { return keys, nil }
	server, err := adminapi.New(adminapi.Options{
		Desk: desk, Issuer: f.IDP.Issuer, Identity: set, Seal: seal, Origins: f.IDP.Admin.Origins, Log: g.problems,
	})
	if err != nil {
		return err
	}
	g.local[config.OperatorsUpstream] = server
	return nil
}

// startOperatorsDoor serves the admin API at its own address, with a policy in which
// there is nothing else.
func (g *gateway) startOperatorsDoor(policy *engine.Policy) error {
	if policy == nil {
		return nil
	}
	o := g.operators
	trust, err := clientip.New[gatehouse.Fields](nil, 1)
	if err != nil {
		return err
	}
	o.gate = engine.NewGate(policy)
	if o.door, err = proxy.New(proxy.Config{
		Gate: o.gate, Record: g.recorder, Log: g.problems, Client: trust.Client, Local: g.local,
		MaxConns: operatorsConnections, MaxConnsPerIP: operatorsConnections,
	}); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", g.file.IDP.Admin.Address)
	if err != nil {
		return fmt.Errorf("listening for operators: %w", err)
	}
	g.recorder.Register(endpointsOf(policy))
	g.OperatorsURL = "http://" + ln.Addr().String()
	g.work.Go(func() {
		if err := o.door.Serve(ln, nil); err != nil {
			g.failed <- err
		}
	})
	return nil
}

// close ends the door and then the record of what was done.
func (o *operators) close(ctx context.Context) (all error) {
	if o.door != nil {
		all = o.door.Shutdown(ctx)
	}
	if o.audit != nil {
		all = errors.Join(all, o.audit.Close())
	}
	return all
}
