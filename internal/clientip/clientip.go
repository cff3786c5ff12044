// Package clientip finds out who asks when proxies stand in between. It defends
// from callers who write an address of their choice into a field: only what a
// trusted proxy added is believed, read from the right, for as many hops as are
// configured, and everything doubtful falls back to the peer.
package clientip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxHops is how many proxies may stand in a row.
const maxHops = 8

// field is one of the caller's fields.
type field interface{ Pair() (name, value string) }

// Trust says which proxies are believed. F is the caller's list of fields, with
// names in lower case.
type Trust[F ~[]E, E field] struct {
	proxies []netip.Prefix
	hops    int
}

// New returns the trust in proxies at those addresses, of which at most hops
// stand in a row, from 1 to 8. A prefix that takes in every address is an error.
func New[F ~[]E, E field](proxies []netip.Prefix, hops int) (*Trust[F, E], error) {
	if hops < 1 || hops > maxHops {
		return nil, fmt.Errorf("clientip: %d hops; want 1 to %d", hops, maxHops)
	}
	t := &Trust[F, E]{hops: hops}
	for _, p := range proxies {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if !p.IsValid() || p.Bits() == 0 {
			return nil, fmt.Errorf("clientip: the prefix %s trusts everybody", p)
		}
		t.proxies = append(t.proxies, p.Masked())
	}
	return t, nil
}

// Client returns who asks, unmapped, and whether a trusted proxy says that the
// request reached it over TLS. fields are those that only a proxy may send. The
// answer is the peer when it is not trusted, when it says nothing, when what it
// says is malformed, and when Forwarded and X-Forwarded-For disagree: a proxy
// that writes one of them may pass the other on from the client.
func (t *Trust[F, E]) Client(peer netip.Addr, fields F) (client netip.Addr, secure bool) {
	peer = peer.Unmap()
	if !t.trusts(peer) {
		return peer, false
	}
	var xff, forwarded row
	proto := ""
	for i := range fields {
		name, value := fields[i].Pair()
		switch name {
		case "x-forwarded-for":
			xff.addList(value)
		case "forwarded":
			forwarded.addForwarded(value)
		case "x-forwarded-proto":
			if proto != "" {
				return peer, false
			}
			proto = value
		}
	}
	if proto == "" {
		proto = forwarded.proto
	}
	secure = strings.EqualFold(proto, "https")
	if xff.n == 0 && !xff.bad {
		xff = forwarded
	}
	client, ok := t.read(&xff)
	if !ok {
		return peer, secure
	}
	if forwarded.n > 0 || forwarded.bad {
		if other, ok := t.read(&forwarded); !ok || other != client {
			return peer, secure
		}
	}
	return client, secure
}

func (t *Trust[F, E]) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(t.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// read walks from the right over the proxies that are trusted.
func (t *Trust[F, E]) read(r *row) (client netip.Addr, ok bool) {
	if r.bad {
		return client, false
	}
	for i := 1; i <= min(t.hops, r.n); i++ {
		a, valid := parse(r.last[(r.n-i)%maxHops])
		if !valid {
			return client, false
		}
		client, ok = a, true
		if !t.trusts(a) {
			break
		}
	}
	return client, ok
}

// row holds the last nodes of a list; earlier ones are too far away to matter.
type row struct {
	last  [maxHops]string
	n     int
	proto string // of the last one
	bad   bool
}

func (r *row) add(node string) {
	r.last[r.n%maxHops] = node
	r.n++
}

func (r *row) addList(value string) {
	for node := range strings.SplitSeq(value, ",") {
		r.add(strings.Trim(node, " \t"))
	}
}

// addForwarded reads the elements of a Forwarded field (RFC 7239 section 4).
func (r *row) addForwarded(value string) {
	for value != "" && !r.bad {
		node, proto := "", ""
		for {
			name, rest, ok := strings.Cut(strings.TrimLeft(value, " \t"), "=")
			if !ok || name == "" || strings.ContainsAny(name, " \t,;\"") {
				r.bad = true
				return
			}
			var val string
			if val, value, ok = token(rest); !ok {
				r.bad = true
				return
			}
			switch {
			case strings.EqualFold(name, "for") && node == "":
				node = val
			case strings.EqualFold(name, "proto") && proto == "":
				proto = val
			case strings.EqualFold(name, "for"), strings.EqualFold(name, "proto"):
				r.bad = true // section 4: each parameter once
				return
			}
			if !strings.HasPrefix(value, ";") {
				break
			}
			value = value[1:]
		}
		r.add(node)
		r.proto = proto
		value = strings.TrimLeft(value, " \t")
		if value != "" {
			r.bad = value[0] != ',' || len(value) == 1
			value = value[1:]
		}
	}
}

// token cuts a token or a quoted string without escapes from the front.
func token(s string) (val, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		val, rest, ok = strings.Cut(s[1:], `"`)
		return val, rest, ok && !strings.Contains(val, `\`)
	}
	end := strings.IndexAny(s, ",; \t\"")
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:], end > 0
}

// parse reads an address, with or without a port, and refuses zones, names and
// the obfuscated nodes of RFC 7239 section 6.3.
func parse(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return a.Unmap(), a.Zone() == "" && strings.HasPrefix(s, "[") == strings.HasSuffix(s, "]")
	}
	p, err := netip.ParseAddrPort(s)
	return p.Addr().Unmap(), err == nil && p.Addr().Zone() == ""
}
