package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

type fields = []gatehouse.Field

// ours are the fields that the gateway itself tells the upstream, here and in
// configurations like ours.
var ours = []string{"gatehouse-identity", "x-user-id", "x-tenant", "x-roles", "x-request-id", "traceparent"}

func TestR9_EverySpellingOfAHostIsJudgedAlike(t *testing.T) {
	h := open(t, options{})
	n := 0
	for _, c := range h.callers(t) {
		for _, host := range []string{"api.example.com", "API.EXAMPLE.COM", "Api.Example.Com", "api.example.com.", "API.example.com.:443", "api.example.com:443"} {
			n++
			g := c.do(ask{host: host})
			if g.status != 401 {
				t.Errorf("%s %s: %d, want the policy's 401", c.name(), host, g.status)
			}
			if d := h.said.of(t, g); d.Host != hostName || d.Endpoint != "getOrder" {
				t.Errorf("%s %s: decided on %+v", c.name(), host, d)
			}
		}
	}
	counted(t, n, 18)
	var list []spelling
	for _, host := range []string{"other.example.com", "api.example.com.evil.test", "xapi.example.com", "example.com", "127.0.0.1", "[::1]", "localhost", "api.example.comx", "*"} {
		list = append(list, spelling{ask: ask{host: host, token: h.alice()}, want: []int{421, 400}})
	}
	for _, host := range []string{"", "-", "api.example.com:", "api.example.com:0", "api.example.com:99999", "api.example.com:443:443", "user@api.example.com", "api.example.com api.example.com", "api.example.com,other", "api..example.com", "api.example.com/x", "api%2eexample.com", "api.example.com\t.evil", "[::1", "::1", "api.example.com#"} {
		s := spelling{ask: ask{host: host, token: h.alice()}, want: []int{400, 421}}
		if host == "" {
			s.ask.raw = "GET /v1/orders/1 HTTP/1.1\r\nHost: \r\n\r\n"
			s.only = "h1 middleware"
		}
		list = append(list, s)
	}
	for _, f := range (fields{{Name: "host", Value: "other.test"}, {Name: "host", Value: hostName}, {Name: "Host", Value: hostName}}) {
		s := spelling{ask: ask{token: h.alice(), fields: fields{f}}}
		if f.Value == hostName { // over HTTP/2 it agrees with :authority
			s.only = "h1 middleware"
		}
		list = append(list, s)
	}
	for _, target := range []string{"http://other.test/v1/orders/1", "http://user@api.example.com/v1/orders/1", "https://api.example.com/v1/orders/1", "http:///v1/orders/1"} {
		list = append(list, spelling{ask: ask{target: target, token: h.alice()}, only: "h1"})
	}
	h.refuse(t, list)
	counted(t, len(list), 32)
}

func TestR10_ForwardedFieldsOfStrangersAreDropped(t *testing.T) {
	claims := fields{{Name: "Forwarded", Value: "for=203.0.113.9;proto=https;host=evil.test"}, {Name: "X-Forwarded-For", Value: "203.0.113.9"}, {Name: "X-Forwarded-Host", Value: "evil.test"},
		{Name: "X-Forwarded-Proto", Value: "https"}, {Name: "X-Forwarded-Port", Value: "1"}, {Name: "X-Forwarded-Prefix", Value: "/admin"}, {Name: "X-Forwarded-Uri", Value: "/admin/users"},
		{Name: "X-Forwarded-User", Value: "root"}, {Name: "X-Forwarded-Method", Value: "DELETE"}, {Name: "X-Real-Ip", Value: "203.0.113.9"}, {Name: "True-Client-Ip", Value: "203.0.113.9"},
		{Name: "X-Client-Ip", Value: "203.0.113.9"}, {Name: "Cf-Connecting-Ip", Value: "203.0.113.9"}, {Name: "Client-Ip", Value: "203.0.113.9"}, {Name: "X-Cluster-Client-Ip", Value: "203.0.113.9"}, {Name: "Fastly-Client-Ip", Value: "203.0.113.9"},
		{Name: "X-Original-Url", Value: "/admin/users"}, {Name: "X-Original-Uri", Value: "/admin/users"}, {Name: "X-Original-Host", Value: "evil.test"}, {Name: "X-Original-Method", Value: "DELETE"},
		{Name: "X-Original-Forwarded-For", Value: "203.0.113.9"}, {Name: "X-Rewrite-Url", Value: "/admin/users"}, {Name: "X-Http-Method-Override", Value: "DELETE"}, {Name: "X-Http-Method", Value: "DELETE"}, {Name: "X-Method-Override", Value: "DELETE"}}
	for name, trusted := range map[string]bool{"stranger": false, "trusted": true} {
		t.Run(name, func(t *testing.T) {
			o := options{}
			if trusted {
				o.top = "listen: {trusted_proxies: [127.0.0.0/8]}\n"
			}
			h := open(t, o)
			n := 0
			for _, c := range h.callers(t) {
				for _, f := range claims {
					n++
					if c.name() == "h2" {
						f.Name = strings.ToLower(f.Name)
					}
					g := c.do(ask{token: h.alice(), fields: fields{f}})
					d, a := h.said.of(t, g), h.up.last()
					believed := trusted && (strings.EqualFold(f.Name, "x-forwarded-for") || strings.EqualFold(f.Name, "forwarded"))
					if g.status != 200 || d.Path != "/v1/orders/1" || d.Method != "GET" || d.Host != hostName || (d.Client == "203.0.113.9") != believed {
						t.Errorf("%s %s: %d, decided on %+v", c.name(), f.Name, g.status, d)
					}
					if v := a.values(strings.ToLower(f.Name)); len(v) > 0 || strings.Contains(fmt.Sprint(a.fields), "203.0.113.9") {
						t.Errorf("%s %s reached the upstream: %v", c.name(), f.Name, a.fields)
					}
				}
			}
			counted(t, n, 75)
		})
	}
}

// TestR10_TheLimiterAndTheLogSeeTheSameAddress: a stranger cannot get a fresh
// limit by naming another address; behind a trusted proxy each address has one.
func TestR10_TheLimiterUsesTheAddressThatIsLogged(t *testing.T) {
	for name, want := range map[string]int{"stranger": 429, "trusted": 200} {
		t.Run(name, func(t *testing.T) {
			o := options{api: strings.Replace(ordinary, "ip: 1000000/s, endpoint: 60000/s, burst: 1000000", "ip: 2/min, endpoint: 60000/s, burst: 2", 1)}
			if name == "trusted" {
				o.top = "listen: {trusted_proxies: [127.0.0.0/8]}\n"
			}
			h := open(t, o)
			c := h.callers(t)[0]
			var last int
			for i := range 8 {
				last = c.do(ask{target: "/public/x", fields: fields{{Name: "X-Forwarded-For", Value: fmt.Sprintf("203.0.113.%d", i)}}}).status
			}
			if last != want {
				t.Errorf("the eighth address got %d, want %d", last, want)
			}
		})
	}
}

// aliases are twelve spellings of a field name that some application takes for
// that name.
func aliases(name string) []string {
	words := strings.Split(name, "-")
	title := func(sep string) string {
		out := make([]string, len(words))
		for i, w := range words {
			out[i] = strings.ToUpper(w[:1]) + w[1:]
		}
		return strings.Join(out, sep)
	}
	list := []string{name, strings.ToUpper(name), title("-"), strings.ReplaceAll(name, "-", "_"), strings.ToUpper(strings.ReplaceAll(name, "-", "_")), title("_"),
		strings.Replace(name, "-", "_", 1), strings.ToUpper(name[:1]) + name[1:], name + "_", "_" + name, "http_" + strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "-_")}
	return list
}

func TestR11_AliasesOfOurFieldsNeverReachTheUpstream(t *testing.T) {
	h := open(t, options{})
	n := 0
	for _, c := range h.callers(t) {
		for _, name := range ours {
			for _, alias := range aliases(name) {
				n++
				before := h.up.count()
				g := c.do(ask{token: h.alice(), fields: fields{{Name: alias, Value: "forged"}}})
				if h.up.count() == before {
					if g.err == nil && g.status != 400 || g.err != nil && c.name() != "h2" {
						t.Errorf("%s %s: %d %v", c.name(), alias, g.status, g.err)
					}
					continue
				}
				a := h.up.last()
				if strings.Contains(fmt.Sprint(a.fields), "forged") || strings.Contains(fmt.Sprint(a.fields), "_:") {
					t.Errorf("%s %s: the upstream saw %v", c.name(), alias, a.fields)
				}
			}
		}
	}
	counted(t, n, 3*6*12)
}

func TestR11_UnderscoresAreRefused(t *testing.T) {
	h := open(t, options{})
	list := with(h.alice(), fields{{Name: "x_user_id", Value: "root"}, {Name: "X_User_Id", Value: "root"}, {Name: "x_forwarded_for", Value: "1.2.3.4"}, {Name: "authorization_", Value: "x"}, {Name: "_", Value: "x"}, {Name: "content_length", Value: "0"},
		{Name: "transfer_encoding", Value: "chunked"}, {Name: "x_anything", Value: "x"}, {Name: "a_b-c", Value: "x"}}...)
	counted(t, h.refuse(t, list), 27)
}

func TestR12_ClientsCannotSayWhatOnlyTheGatewaySays(t *testing.T) {
	h := open(t, options{})
	n := 0
	for _, c := range h.callers(t) {
		for _, name := range append(slices.Clone(ours), "gatehouse-anything", "gatehouse-", "gatehouse-identity-2") {
			// On the public endpoint there is nobody to speak of; Alice has no roles.
			for target, token := range map[string]string{"/public/x": "", "/v1/orders/1": h.alice()} {
				n++
				before := h.up.count()
				g := c.do(ask{target: target, token: token, fields: fields{{Name: name, Value: "forged"}}})
				if g.status != 200 && g.status != 400 || g.status == 200 && h.up.count() != before+1 {
					t.Errorf("%s %s %s: %d", c.name(), target, name, g.status)
					continue
				}
				if a := h.up.last(); strings.Contains(fmt.Sprint(a.fields), "forged") || len(a.values(name)) > 1 {
					t.Errorf("%s %s: the upstream saw %v", c.name(), name, a.fields)
				}
			}
		}
		g := c.do(ask{target: "/public/x", fields: fields{{Name: "x-roles", Value: "admin"}, {Name: "x-user-id", Value: "root"}}})
		if a := h.up.last(); g.status == 200 && len(a.values("x-roles"))+len(a.values("x-user-id"))+len(a.values("gatehouse-identity")) > 0 {
			t.Errorf("%s: nobody is proven, the upstream saw %v", c.name(), a.fields)
		}
	}
	counted(t, n, 54)
}

func TestR13_ConnectionCannotTakeOurFieldsAway(t *testing.T) {
	h := open(t, options{})
	n := 0
	for _, c := range []caller{h.callers(t)[0], h.callers(t)[2]} {
		for _, name := range append(slices.Clone(ours), "x-forwarded-for", "authorization", "host", "content-length") {
			for _, f := range []fields{
				{{Name: "Connection", Value: name}}, {{Name: "connection", Value: strings.ToUpper(name)}}, {{Name: "CONNECTION", Value: "keep-alive, " + name}},
				{{Name: "Connection", Value: "keep-alive"}, {Name: "connection", Value: name}}, {{Name: "Connection", Value: "close," + name + ","}}, {{Name: "Proxy-Connection", Value: name}}, {{Name: "Keep-Alive", Value: name}},
			} {
				n++
				before := h.up.count()
				g := c.do(ask{token: h.alice(), fields: f})
				if h.up.count() == before {
					if g.status != 400 {
						t.Errorf("%s %v: %d %v", c.name(), f, g.status, g.err)
					}
					continue
				}
				a := h.up.last()
				for _, o := range []string{"gatehouse-identity", "x-user-id", "x-tenant", "x-request-id", "traceparent", "authorization"} {
					if len(a.values(o)) != 1 {
						t.Errorf("%s %v: the upstream saw %d %s", c.name(), f, len(a.values(o)), o)
					}
				}
				if len(a.values("connection"))+len(a.values("proxy-connection"))+len(a.values("keep-alive")) > 0 {
					t.Errorf("%s %v: hop-by-hop fields reached the upstream: %v", c.name(), f, a.fields)
				}
			}
		}
	}
	counted(t, n, 140)
	var list []spelling
	for _, f := range (fields{{Name: "connection", Value: "x-user-id"}, {Name: "connection", Value: "close"}, {Name: "connection", Value: "keep-alive"}, {Name: "proxy-connection", Value: "x"}, {Name: "keep-alive", Value: "x"}, {Name: "upgrade", Value: "h2c"}, {Name: "transfer-encoding", Value: "chunked"}}) {
		list = append(list, spelling{ask: ask{token: h.alice(), fields: fields{f}}, only: "h2"})
	}
	counted(t, h.refuse(t, list), 7)
}

func TestR14_SingletonsStandOnce(t *testing.T) {
	h := open(t, options{})
	var list []spelling
	for name, values := range map[string][2]string{"authorization": {"Bearer a", "Bearer b"}, "content-type": {"application/json", "text/plain"}, "cookie": {"", ""}, "origin": {"https://a.test", "https://b.test"}, "user-agent": {"a", "b"},
		"referer": {"https://a.test/", "https://b.test/"}, "range": {"bytes=0-1", "bytes=2-3"}, "if-modified-since": {"Sat, 29 Oct 1994 19:43:31 GMT", "x"}, "x-api-key": {"a", "b"}, "traceparent": {"a", "b"}, "x-request-id": {"a", "b"},
		"idempotency-key": {"a", "b"}, "dpop": {"a", "b"}, "content-encoding": {"identity", "gzip"}, "access-control-request-method": {"GET", "PUT"}, "sec-fetch-site": {"none", "cross-site"}, "date": {"a", "b"}, "from": {"a", "b"}, "max-forwards": {"1", "2"}} {
		if name == "cookie" {
			continue // HTTP/2 may split it (RFC 9113 section 8.2.3)
		}
		for _, second := range []string{name, strings.ToUpper(name)} {
			s := spelling{ask: ask{target: "/public/x", fields: fields{{Name: name, Value: values[0]}, {Name: second, Value: values[1]}}}}
			list = append(list, s)
			s.ask.fields = fields{{Name: name, Value: values[0]}, {Name: "accept", Value: "*/*"}, {Name: second, Value: values[0]}}
			list = append(list, s)
		}
	}
	counted(t, h.refuse(t, list), 3*18*4)
	list = nil
	for _, f := range []fields{{{Name: "Host", Value: hostName}}, {{Name: "host", Value: "other.test"}}, {{Name: "Content-Length", Value: "0"}, {Name: "content-length", Value: "0"}}, {{Name: "Cookie", Value: "a=b"}, {Name: "cookie", Value: "c=d"}}} {
		list = append(list, spelling{ask: ask{target: "/public/x", fields: f}, only: "h1"})
	}
	counted(t, h.refuse(t, list), 4)
	// Values that a list joins are judged one by one: a role cannot be added by a comma.
	for _, c := range h.callers(t) {
		for _, v := range []string{"user,admin", "admin, user", "admin"} {
			if g := c.do(ask{target: "/admin/users", token: h.alice(), fields: fields{{Name: "x-roles", Value: v}}}); g.status < 400 {
				t.Errorf("%s x-roles %q: %d", c.name(), v, g.status)
			}
		}
	}
}
