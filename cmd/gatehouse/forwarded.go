package main

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientAddress is the client's address as the gateway tells it to the authorization
// server behind it, in the parameter "for" of the one field Forwarded that the control
// identity writes anew (RFC 7239 sections 4 and 6): an IPv4 address, or an IPv6 address
// in brackets and quotes. It is "" for anything else.
func clientAddress(r *http.Request) string {
	fields := r.Header.Values("Forwarded")
	if len(fields) != 1 || strings.Contains(fields[0], ",") { // a list has other hops in it
		return ""
	}
	pair, _, _ := strings.Cut(fields[0], ";")
	node, found := strings.CutPrefix(pair, "for=")
	if !found {
		return ""
	}
	inner, six := strings.CutPrefix(node, `"[`)
	if six {
		if inner, found = strings.CutSuffix(inner, `]"`); !found {
			return ""
		}
	}
	a, err := netip.ParseAddr(inner)
	if err != nil || a.Zone() != "" || a.Is6() != six {
		return ""
	}
	return a.Unmap().String()
}
