package block

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/gatehouse-api/gatehouse"
)

// What a blocked caller is told is the same whatever the cause.
var (
	blockedAddress   = &gatehouse.Answer{Status: 403, Reason: "block.address", Public: "Access denied"}
	blockedPrincipal = &gatehouse.Answer{Status: 403, Reason: "block.principal", Public: "Access denied"}
	blockedKey       = &gatehouse.Answer{Status: 403, Reason: "block.key", Public: "Access denied"}
	blockedClient    = &gatehouse.Answer{Status: 403, Reason: "block.client", Public: "Access denied"}
	disabled         = &gatehouse.Answer{Status: 503, Reason: "block.endpoint", Public: "This operation is switched off for now"}
)

var errUnknown = errors.New("block: the blocks are not known")

// address looks at what is known before anybody is proven.
func (g *gate) address(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s := g.list.now.Load()
	if s == nil {
		return gatehouse.Verdict{}, errUnknown
	}
	client := x.Conn.Client.Unmap()
	if v := s.address(client, g.name, x.At); !v.Passed() && !g.exempts(client) {
		return v, nil
	}
	if len(s.endpoints) == 0 {
		return gatehouse.Pass, nil
	}
	if v := first(s.endpoints[g.name], "", g.name, x.At); !v.Passed() {
		return v, nil
	}
	return first(s.endpoints[g.every], "", g.name, x.At), nil
}

// principal looks at who was proven.
func (g *gate) principal(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, p := g.list.now.Load(), x.Principal
	if s == nil {
		return gatehouse.Verdict{}, errUnknown
	}
	if p == nil || len(s.principals)+len(s.keys)+len(s.clients) == 0 {
		return gatehouse.Pass, nil
	}
	if v := first(s.principals[p.ID], p.Issuer, g.name, x.At); !v.Passed() {
		return v, nil
	}
	if v := first(s.keys[p.KeyID], p.Issuer, g.name, x.At); p.KeyID != "" && !v.Passed() {
		return v, nil
	}
	if v := first(s.clients[p.Client], p.Issuer, g.name, x.At); p.Client != "" && !v.Passed() {
		return v, nil
	}
	return gatehouse.Pass, nil
}

func (g *gate) exempts(a netip.Addr) bool {
	return slices.ContainsFunc(g.exempt, func(p netip.Prefix) bool { return p.Contains(a) })
}
