// Package egress guards the requests that the program makes by itself, to addresses
// that somebody else chose: back-channel logouts now, webhooks later.
//
// It defends from being sent where the program may go and its clients may not
// (server-side request forgery): this machine, the private network, the metadata
// service of a cloud. The address is judged after the name was resolved, at the very
// moment of dialling, so that a name that changes its answer gains nothing. A
// redirect is an answer, not a way; proxies of the environment are not used.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrRefused says that an address is not one to call. It is compared with errors.Is.
var ErrRefused = errors.New("egress: this address is not called")

// Options is what may be called beside the public internet.
type Options struct {
	// Anywhere permits every address. It is for development.
	Anywhere bool
	// Networks are private ones whose addresses are permitted.
	Networks []netip.Prefix
	// Timeout is of a whole request, with its answer; at least a second.
	Timeout time.Duration
}

// Client returns a client that calls no other addresses than those, and follows no
// redirect.
func Client(o Options) *http.Client {
	o.Timeout = max(o.Timeout, time.Second)
	o.Networks = slices.Clone(o.Networks)
	dialer := &net.Dialer{Timeout: o.Timeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return o.judge(address)
	}}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // Proxy is nil: the environment has no say
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    o.Timeout,
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: 16 << 10,
			MaxConnsPerHost:        16,
			MaxIdleConns:           16,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		},
	}
}

// judge refuses an address, with its port, that is not one to call.
func (o *Options) judge(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrRefused, address)
	}
	a := to.Addr().Unmap()
	if o.Anywhere || a.Zone() == "" && slices.ContainsFunc(o.Networks, func(p netip.Prefix) bool { return p.Contains(a) }) || public(a) {
		return nil
	}
	return fmt.Errorf("%w: %s is not a public address", ErrRefused, a)
}

// notPublic are the networks of the IANA registries of special addresses (RFC 6890)
// that net/netip has no word for. Of those that carry an IPv4 address inside, nobody
// knows where they end.
func notPublic() []netip.Prefix {
	var list []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

// public reports whether an address belongs to the public internet.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && a.Zone() == "" &&
		!slices.ContainsFunc(notPublic(), func(p netip.Prefix) bool { return p.Contains(a) })
}
