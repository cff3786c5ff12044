package clientip

import (
	"net/netip"
	"strings"
	"testing"
)

type said struct{ name, value string }

// Pair returns the name and the value.
func (s said) Pair() (name, value string) { return s.name, s.value }

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func fields(pairs ...string) (out []said) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, said{pairs[i], pairs[i+1]})
	}
	return out
}

const proxy = "10.0.0.1"

func TestR10_OnlyWhatATrustedProxyAddedIsBelieved(t *testing.T) {
	for _, c := range []struct {
		name   string
		peer   string
		hops   int
		fields []said
		want   string
		secure bool
	}{
		{"no field", proxy, 1, nil, proxy, false},
		{"an untrusted peer", "192.0.2.9", 1, fields("x-forwarded-for", "203.0.113.1", "x-forwarded-proto", "https", "forwarded", "for=203.0.113.1;proto=https"), "192.0.2.9", false},
		{"one hop", proxy, 1, fields("x-forwarded-for", "203.0.113.1"), "203.0.113.1", false},
		{"one hop over TLS", proxy, 1, fields("x-forwarded-for", "203.0.113.1", "x-forwarded-proto", "https"), "203.0.113.1", true},
		{"what the client wrote is left alone", proxy, 1, fields("x-forwarded-for", "1.1.1.1, 10.0.0.9, 203.0.113.1"), "203.0.113.1", false},
		{"on several lines too", proxy, 1, fields("x-forwarded-for", "1.1.1.1", "x-forwarded-for", "203.0.113.1"), "203.0.113.1", false},
		{"two hops", proxy, 2, fields("x-forwarded-for", "1.1.1.1, 203.0.113.1, 10.0.0.2"), "203.0.113.1", false},
		{"two hops, the nearer not trusted", proxy, 2, fields("x-forwarded-for", "1.1.1.1, 203.0.113.1"), "203.0.113.1", false},
		{"more hops than allowed", proxy, 1, fields("x-forwarded-for", "203.0.113.1, 10.0.0.2"), "10.0.0.2", false},
		{"fewer hops than allowed", proxy, 3, fields("x-forwarded-for", "10.0.0.2"), "10.0.0.2", false},
		{"a long list", proxy, 1, fields("x-forwarded-for", strings.Repeat("1.1.1.1,", 1000)+"203.0.113.1"), "203.0.113.1", false},
		{"a port", proxy, 1, fields("x-forwarded-for", "203.0.113.1:4711"), "203.0.113.1", false},
		{"IPv6", proxy, 1, fields("x-forwarded-for", "2001:db8::1"), "2001:db8::1", false},
		{"IPv6 in brackets", proxy, 1, fields("x-forwarded-for", "[2001:db8::1]:443"), "2001:db8::1", false},
		{"a broken bracket", proxy, 1, fields("x-forwarded-for", "[2001:db8::1"), proxy, false},
		{"a zone", proxy, 1, fields("x-forwarded-for", "fe80::1%eth0"), proxy, false},
		{"a name", proxy, 1, fields("x-forwarded-for", "localhost"), proxy, false},
		{"unknown", proxy, 1, fields("x-forwarded-for", "203.0.113.1, unknown"), proxy, false},
		{"an empty last entry", proxy, 1, fields("x-forwarded-for", "203.0.113.1,"), proxy, false},
		{"octal", proxy, 1, fields("x-forwarded-for", "0203.0.113.1"), proxy, false},
		{"an integer", proxy, 1, fields("x-forwarded-for", "3405803777"), proxy, false},
		{"other fields of address", proxy, 1, fields("x-real-ip", "1.1.1.1", "true-client-ip", "1.1.1.1", "x-client-ip", "1.1.1.1"), proxy, false},
		{"Forwarded", proxy, 1, fields("forwarded", `for=1.1.1.1, For="203.0.113.1:80";proto=https;by=10.0.0.1`), "203.0.113.1", true},
		{"Forwarded, IPv6", proxy, 1, fields("forwarded", `for="[2001:db8::1]:443"`), "2001:db8::1", false},
		{"Forwarded, proto of an earlier hop", proxy, 1, fields("forwarded", `for=1.1.1.1;proto=https, for=203.0.113.1`), "203.0.113.1", false},
		{"Forwarded, a comma in quotes", proxy, 1, fields("forwarded", `for="1.1.1.1, 203.0.113.1"`), proxy, false},
		{"Forwarded, obfuscated", proxy, 1, fields("forwarded", `for=_hidden`), proxy, false},
		{"Forwarded, twice for", proxy, 1, fields("forwarded", `for=1.1.1.1;for=203.0.113.1`), proxy, false},
		{"Forwarded, open quote", proxy, 1, fields("forwarded", `for="203.0.113.1`), proxy, false},
		{"Forwarded, escape", proxy, 1, fields("forwarded", `for="203.0.113\.1"`), proxy, false},
		{"Forwarded, no value", proxy, 1, fields("forwarded", `for`), proxy, false},
		{"Forwarded, trailing comma", proxy, 1, fields("forwarded", `for=203.0.113.1,`), proxy, false},
		{"both, agreeing", proxy, 1, fields("x-forwarded-for", "203.0.113.1", "forwarded", "for=203.0.113.1"), "203.0.113.1", false},
		{"both, disagreeing", proxy, 1, fields("x-forwarded-for", "203.0.113.1", "forwarded", "for=1.1.1.1"), proxy, false},
		{"both, one malformed", proxy, 1, fields("x-forwarded-for", "203.0.113.1", "forwarded", ";"), proxy, false},
		{"two protocols", proxy, 1, fields("x-forwarded-for", "203.0.113.1", "x-forwarded-proto", "https", "x-forwarded-proto", "http"), proxy, false},
		{"a list of protocols", proxy, 1, fields("x-forwarded-for", "203.0.113.1", "x-forwarded-proto", "https,http"), "203.0.113.1", false},
	} {
		trust, err := New[[]said](prefixes("10.0.0.0/8", "fd00::/8"), c.hops)
		if err != nil {
			t.Fatal(err)
		}
		got, secure := trust.Client(netip.MustParseAddr(c.peer), c.fields)
		if got != netip.MustParseAddr(c.want) || secure != c.secure {
			t.Errorf("%s: %s, secure %v; want %s, %v", c.name, got, secure, c.want, c.secure)
		}
	}
}

func TestR37_AddressesAreComparedUnmapped(t *testing.T) {
	for _, trusted := range []string{"10.0.0.0/8", "::ffff:10.0.0.0/104"} {
		trust, err := New[[]said](prefixes(trusted), 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, peer := range []string{"10.0.0.1", "::ffff:10.0.0.1"} {
			got, _ := trust.Client(netip.MustParseAddr(peer), fields("x-forwarded-for", "::ffff:203.0.113.1"))
			if got != netip.MustParseAddr("203.0.113.1") {
				t.Errorf("peer %s, trusted %s: %s; want 203.0.113.1", peer, trusted, got)
			}
		}
		if got, _ := trust.Client(netip.MustParseAddr("::ffff:192.0.2.1"), nil); got != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("an untrusted peer is %s; want it unmapped", got)
		}
	}
}

func TestTrustInEverybodyIsRefused(t *testing.T) {
	for _, list := range [][]netip.Prefix{prefixes("0.0.0.0/0"), prefixes("::/0"), prefixes("10.0.0.0/8", "::ffff:0.0.0.0/96"), {{}}} {
		if _, err := New[[]said](list, 1); err == nil {
			t.Errorf("%v is trusted", list)
		}
	}
	for _, hops := range []int{0, -1, 9} {
		if _, err := New[[]said](nil, hops); err == nil {
			t.Errorf("%d hops are accepted", hops)
		}
	}
}

func TestFindingTheClientAllocatesNothing(t *testing.T) {
	trust, err := New[[]said](prefixes("10.0.0.0/8"), 2)
	if err != nil {
		t.Fatal(err)
	}
	peer, list := netip.MustParseAddr(proxy), fields("x-forwarded-for", "203.0.113.1, 10.0.0.2", "forwarded", `for=203.0.113.1, for="10.0.0.2"`)
	found := 0
	if n := testing.AllocsPerRun(200, func() {
		if c, _ := trust.Client(peer, list); c != peer {
			found++
		}
	}); n != 0 || found != 201 {
		t.Errorf("%v allocations, found %d of 201", n, found)
	}
}

func FuzzClient(f *testing.F) {
	f.Add("203.0.113.1, 10.0.0.2", `for=203.0.113.1;proto=https`)
	f.Add("", `for="[2001:db8::1]:80", for=_x`)
	trust, err := New[[]said](prefixes("10.0.0.0/8"), 2)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, xff, forwarded string) {
		got, _ := trust.Client(netip.MustParseAddr(proxy), fields("x-forwarded-for", xff, "forwarded", forwarded))
		if !got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Errorf("%q, %q: %v", xff, forwarded, got)
		}
	})
}
