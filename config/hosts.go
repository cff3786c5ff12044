package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// hosts settles which hosts an API is served under: those that are written, or
// the host of its audience, those of its description's servers, and this
// machine's own names when only this machine can ask.
func (r *reader) hosts(a *API, l *Listen) {
	listen, ok := splitAddress(l.Address)
	if !ok {
		return
	}
	_, written := lookup(a.node, "hosts")
	switch {
	case a.AnyHost != nil && written != nil:
		r.apiFault(a, "hosts", "hosts and any_host contradict each other", "one of the two")
		return
	case a.AnyHost != nil:
		a.Hosts = []string{"*"}
		return
	case written != nil:
		r.writtenHosts(a, written, l)
		return
	}
	for _, s := range append([]string{a.Audience}, a.description.document.Servers...) {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" {
			continue
		}
		if h, ok := canonicalHost(u.Host, l); ok {
			a.serve(h, listen.port, l)
		}
	}
	if loopback(listen.host) {
		for _, h := range []string{listen.host, "localhost", "127.0.0.1", "::1"} {
			if ip, err := netip.ParseAddr(h); err == nil && ip.Is6() {
				h = "[" + h + "]"
			}
			a.serve(h, listen.port, l)
		}
	}
	if len(a.Hosts) == 0 {
		r.add(a.Place, a.key, "nothing says under which hosts this API is served", "hosts: [api.example.com]; or an audience that is a URL")
	}
	slices.Sort(a.Hosts)
	a.Hosts = slices.Compact(a.Hosts)
}

// serve adds a host. A name without port is also served with our own port,
// which clients that reach us directly put into the Host field.
func (a *API) serve(host, port string, l *Listen) {
	a.Hosts = append(a.Hosts, host)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return
	}
	if port != defaultPort(l) {
		a.Hosts = append(a.Hosts, host+":"+port)
	}
}

func defaultPort(l *Listen) string {
	if l.TLS != nil || len(l.TrustedProxies) > 0 {
		return "443"
	}
	return "80"
}

func (r *reader) writtenHosts(a *API, n *yaml.Node, l *Listen) {
	key := join(a.key, "hosts")
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.wrong(n, key, "an empty list serves nobody", "[api.example.com]")
	}
	for i, s := range a.block.Hosts {
		h, ok := canonicalHost(s, l)
		at, key := n.Content[i], fmt.Sprintf("%s[%d]", key, i)
		switch {
		case strings.Contains(s, "*"):
			r.wrong(at, key, fmt.Sprintf("%q: hosts are exact", s), "api.example.com; or, instead of hosts, any_host: "+sampleWaiver)
		case !ok:
			r.wrong(at, key, fmt.Sprintf("%q is not a host", s), "api.example.com  (a name or an address, with :port if it is not the scheme's; no scheme, no path)")
		case slices.Contains(a.Hosts, h):
			r.wrong(at, key, fmt.Sprintf("%q is here twice", s), "each once")
		default:
			a.Hosts = append(a.Hosts, h)
		}
	}
}

// canonicalHost brings a host into the form that requests are compared in: lower
// case, no trailing dot, no port that is the scheme's.
func canonicalHost(s string, l *Listen) (string, bool) {
	host, port := strings.ToLower(s), ""
	if h, p, err := net.SplitHostPort(host); err == nil {
		if !portOK(p) {
			return "", false
		}
		host, port = h, p
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	host = strings.TrimSuffix(host, ".")
	if !isHost(host) {
		return "", false
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + ip.String() + "]"
	}
	if port == "" || port == "443" || port == defaultPort(l) {
		return host, true
	}
	return host + ":" + port, true
}

// overlaps refuses two APIs that serve the same path under the same host.
func (r *reader) overlaps(apis []*API) {
	type door struct{ host, shape string }
	first := map[door]*API{}
	for _, a := range apis {
		told := map[*API]bool{}
		for _, h := range a.Hosts {
			for _, s := range a.description.shapes {
				for _, d := range []door{{h, s}, {"*", s}} {
					other := first[d]
					if other == nil || other == a || told[other] {
						continue
					}
					told[other] = true
					r.add(a.Place, a.key, fmt.Sprintf("%s is also served by apis.%s, under the same host (%s)", s, other.Name, h),
						"hosts: [...], with other hosts for "+a.Name+" or "+other.Name)
				}
			}
		}
		for _, h := range a.Hosts {
			for _, s := range a.description.shapes {
				if first[door{h, s}] == nil {
					first[door{h, s}] = a
				}
			}
		}
	}
}
