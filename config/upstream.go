package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
)

// hostPort is a host in lower case, without brackets, and a port.
type hostPort struct{ host, port string }

// address reads "host:port" of a listener.
func (r *reader) address(top *yaml.Node, key, s string) (hostPort, bool) {
	a, ok := splitAddress(s)
	if !ok {
		r.at(top, key, fmt.Sprintf("%q is not host:port", s), "address: "+map[string]string{"listen.address": defaultListen, "admin.address": defaultAdmin}[key])
	}
	return a, ok
}

func splitAddress(s string) (hostPort, bool) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || !portOK(port) {
		return hostPort{}, false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host != "" && !isHost(host) {
		return hostPort{}, false
	}
	return hostPort{host, port}, true
}

func portOK(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && canonical(s)
}

// isHost reports whether s is an IP address without zone, or a name of letters,
// digits and hyphens (RFC 1123). Numbers that are not plain dotted decimal are
// neither.
func isHost(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	end := labels[len(labels)-1]
	return len(s) <= 253 && (end[0] < '0' || end[0] > '9')
}

// loopback reports whether a host is this machine and reached by no other.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// everywhere reports whether a listener's host stands for all addresses.
func everywhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.Unmap().IsUnspecified()
}

// meets reports whether a dialer of a reaches a listener at b.
func meets(a, b hostPort) bool {
	if a.port != b.port {
		return false
	}
	here := func(h string) bool { return loopback(h) || everywhere(h) }
	return a.host == b.host || here(a.host) && here(b.host)
}

// upstreamBlock is the long form of upstream.
type upstreamBlock struct {
	URL  string `yaml:"url"`
	CA   string `yaml:"ca"`   // PEM file to verify with
	Host string `yaml:"host"` // Host field to send
}

// upstream reads where an API's requests go.
func (r *reader) upstream(a *API, d *document) *gatehouse.Upstream {
	n, key := a.block.Upstream.Node, join(a.key, "upstream")
	if n == nil {
		return nil
	}
	var b upstreamBlock
	switch {
	case n.Kind == yaml.MappingNode:
		r.into(n, &b, key)
		if v := find(n, "url"); v != n {
			n = v
		}
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		b.URL = n.Value
	default:
		r.wrong(n, key, "expected a URL, found "+found(n), "http://127.0.0.1:9000")
		return nil
	}
	u, says, fix := parseUpstream(b.URL)
	if says == "" {
		says, fix = refusedUpstream(u, d)
	}
	if says == "" && b.CA != "" && u.Scheme != "https" {
		says, fix = "a CA without https verifies nothing", "url: https://"+u.Address
	}
	if h := strings.ToLower(b.Host); says == "" && h != "" {
		if host, _, err := net.SplitHostPort(h); !isHost(h) && (err != nil || !isHost(host)) {
			says, fix = fmt.Sprintf("%q is not a host", b.Host), "host: orders.internal"
		}
		u.Host = h
	}
	if says != "" {
		r.add(r.place(n.Line, n.Column), key, says, fix)
		return nil
	}
	u.Name, u.CAFile = a.Name, beside(r.dir, b.CA)
	return u
}

// parseUpstream reads an upstream's URL. says is what is wrong with it.
func parseUpstream(s string) (u *gatehouse.Upstream, says, fix string) {
	const fixed = "upstream: http://127.0.0.1:9000"
	p, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, "this is not a URL", fixed
	case p.Scheme != "http" && p.Scheme != "https":
		return nil, fmt.Sprintf("upstreams are spoken to over http or https, not %q", p.Scheme), fixed
	case p.Opaque != "" || p.Host == "":
		return nil, "the URL has no host", fixed
	}
	host, port := strings.ToLower(strings.TrimSuffix(p.Hostname(), ".")), p.Port()
	switch {
	case p.User != nil:
		return nil, "no user or password in an upstream's URL", "upstream: " + p.Scheme + "://" + p.Host
	case p.RawQuery != "" || p.ForceQuery || strings.Contains(s, "#"):
		return nil, "no query or fragment in an upstream's URL", "upstream: " + p.Scheme + "://" + p.Host + p.Path
	case !isHost(host):
		return nil, "this is not the name or address of a host", fixed
	case port != "" && !portOK(port), strings.HasSuffix(p.Host, ":"):
		return nil, "this is not a port", fixed
	}
	prefix := strings.TrimSuffix(p.EscapedPath(), "/")
	if prefix != "" && (path.Clean(prefix) != prefix || strings.ContainsAny(prefix, `%\;`)) {
		return nil, "the path must be plain: no escapes, no empty or dot segments", "upstream: " + p.Scheme + "://" + p.Host + "/base"
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[p.Scheme]
	}
	return &gatehouse.Upstream{Scheme: p.Scheme, Address: net.JoinHostPort(host, port), Prefix: prefix}, "", ""
}

// refusedUpstream refuses what no request may ever be sent to: our own doors,
// and link-local addresses, where clouds serve their credentials.
func refusedUpstream(u *gatehouse.Upstream, d *document) (says, fix string) {
	to, _ := splitAddress(u.Address)
	admins := []string{d.Admin.Address}
	if o := d.IDP.Admin; o != nil {
		admins = append(admins, o.Address)
	}
	for _, address := range admins {
		if admin, ok := splitAddress(address); ok && meets(to, admin) {
			return "this is our own admin address", "the address of the API itself"
		}
	}
	if listen, ok := splitAddress(d.Listen.Address); ok && meets(to, listen) {
		return "this is our own address: requests would come back for ever", "the address of the API itself"
	}
	if ip, err := netip.ParseAddr(to.host); err == nil && (ip.Unmap().IsLinkLocalUnicast() || ip.Unmap().IsUnspecified() || ip.IsMulticast()) {
		return to.host + " is no address of an API", "upstream: http://127.0.0.1:9000"
	}
	return "", ""
}
