package block

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

// list is the present snapshot.
type list struct{ now atomic.Pointer[snapshot] }

// snapshot is every block, arranged for looking up. It is immutable.
type snapshot struct {
	addresses  map[netip.Prefix][]entry
	bits4      []int // lengths of the prefixes there are
	bits6      []int
	principals map[string][]entry
	keys       map[string][]entry
	clients    map[string][]entry
	endpoints  map[string][]entry
}

// entry is one block.
type entry struct {
	issuer, scope string
	until         time.Time
	verdict       gatehouse.Verdict
}

// index arranges blocks for looking up. An address that cannot be read blocks
// nobody, and is logged.
func index(all []store.Block, log *slog.Logger) *snapshot {
	s := &snapshot{
		addresses: map[netip.Prefix][]entry{}, principals: map[string][]entry{}, keys: map[string][]entry{},
		clients: map[string][]entry{}, endpoints: map[string][]entry{},
	}
	for _, b := range all {
		e := entry{issuer: b.Issuer, scope: b.Scope, until: b.Until}
		because := "block " + b.ID
		switch b.Kind {
		case store.BlockAddress:
			e.verdict = gatehouse.Deny(blockedAddress).Because(because)
			p, ok := prefix(b.Subject)
			if !ok {
				if log != nil {
					log.Error("block: the address cannot be read", "id", b.ID)
				}
				continue
			}
			s.addresses[p] = append(s.addresses[p], e)
			bits := &s.bits6
			if p.Addr().Is4() {
				bits = &s.bits4
			}
			if !slices.Contains(*bits, p.Bits()) {
				*bits = append(*bits, p.Bits())
			}
		case store.BlockPrincipal:
			e.verdict = gatehouse.Deny(blockedPrincipal).Because(because)
			s.principals[b.Subject] = append(s.principals[b.Subject], e)
		case store.BlockKey:
			e.verdict = gatehouse.Deny(blockedKey).Because(because)
			s.keys[b.Subject] = append(s.keys[b.Subject], e)
		case store.BlockClient:
			e.verdict = gatehouse.Deny(blockedClient).Because(because)
			s.clients[b.Subject] = append(s.clients[b.Subject], e)
		case store.BlockEndpoint:
			e.verdict = gatehouse.Deny(disabled).Because(because)
			s.endpoints[b.Subject] = append(s.endpoints[b.Subject], e)
		}
	}
	return s
}

// prefix reads an address or a prefix, unmapped.
func prefix(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, false
	}
	return unmapped([]netip.Prefix{p})[0], true
}

// unmapped returns prefixes as they are compared: without host bits, IPv4 as IPv4.
func unmapped(list []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		out[i] = p.Masked()
	}
	return out
}

// address returns the verdict on an unmapped address.
func (s *snapshot) address(a netip.Addr, endpoint string, at time.Time) gatehouse.Verdict {
	bits := s.bits6
	if a.Is4() {
		bits = s.bits4
	}
	for _, n := range bits {
		p, err := a.Prefix(n)
		if err != nil {
			continue
		}
		if v := first(s.addresses[p], "", endpoint, at); !v.Passed() {
			return v
		}
	}
	return gatehouse.Pass
}

// first returns the verdict of the first entry that holds.
func first(entries []entry, issuer, endpoint string, at time.Time) gatehouse.Verdict {
	for i := range entries {
		e := &entries[i]
		live := e.until.IsZero() || at.Before(e.until)
		if live && (e.scope == "" || e.scope == endpoint) && (e.issuer == "" || e.issuer == issuer) {
			return e.verdict
		}
	}
	return gatehouse.Pass
}
