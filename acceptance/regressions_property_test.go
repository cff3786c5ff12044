package acceptance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/wire"
)

// mutant is a request made at random out of pieces that were used against
// gateways.
func mutant(r *rand.Rand, callers []string) ask {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var b strings.Builder
	b.WriteString(pick("/public/x", "/admin/users", "/v1/orders/1", "/v1/orders", "/", "/x", "http://api.example.com/x", "/v1"))
	for range r.IntN(2) * r.IntN(4) {
		b.WriteString(pick("/", "..", "/..", "/.", "%2e", "%2F", "%5c", `\`, ";x=1", "%25", "%61", "%41", "//", "admin", "/users", "#", "%00", "%zz", "%C3%A9", "%c3%a9", "é", " ", "~", "%7e", "+", "%20", "|", "\"", "@", ":", "%3b", "*"))
	}
	if r.IntN(5) == 0 {
		b.WriteString("?" + pick("", "q=1", "limit=5", "x=/public", "q=1;q=2", "q=%zz", "q=%41", "q=a+b", "q=1&q=2", "q=%00", "?", "q=#", "q=é"))
	}
	a := ask{target: b.String(), token: callers[r.IntN(len(callers))]}
	a.host = pick("", "", "", "", "", "", "", "", "", "", "", "", "API.example.com", "api.example.com.", "api.example.com:443", "evil.test", "api.example.com:80:80", "api.example.com,evil.test")
	a.method = pick("", "", "", "", "", "", "", "", "", "", "", "", "", "", "GET", "HEAD", "POST", "PUT", "get", "TRACE", "OPTIONS", "CONNECT")
	for range r.IntN(3) {
		name := pick("x-user-id", "X-User-Id", "x_user_id", "gatehouse-identity", "Gatehouse_Identity", "x-tenant", "x-roles", "connection", "x-forwarded-for", "x-forwarded-user", "forwarded", "x-original-url", "x-http-method-override",
			"accept", "cookie", "content-type", "authorization", "user-agent", "te", "upgrade", "transfer-encoding", "content-length", "x-request-id", "traceparent", "trailer", "expect", "host", "range", "via", "keep-alive", "x-a", "origin")
		value := pick("root", "x-user-id", "close", "keep-alive, x-tenant", "admin", "127.0.0.1", "/admin/users", "DELETE", "chunked", "0", "a b", "a,b", "", "trailers", "a\tb", "Bearer x", "websocket", "100-continue", "é", "a\x01", hostName)
		a.fields = append(a.fields, gatehouse.Field{Name: name, Value: value})
	}
	return a
}

// TestR1ToR17_WhatTheUpstreamGetsIsWhatWasDecidedOn is the invariant behind R1 to
// R17, on 20,000 random requests: the upstream's path is the one that was decided
// on, the caller that it is told of is the one that was proven, and reading what
// it got once more leads to the same endpoint; or it got nothing.
func TestR1ToR17_WhatTheUpstreamGetsIsWhatWasDecidedOn(t *testing.T) {
	const cases, lanes = 20_000, 4
	began := time.Now()
	var refused, passed atomic.Int64
	var wg sync.WaitGroup
	for lane := range lanes {
		h := open(t, options{tune: func(c *proxy.Config) { c.BodyGrace = 200 * time.Millisecond }}) // for bodies that are announced and never come
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2026, uint64(lane)))
			callers := []string{"", h.alice(), h.alice(), h.root(), h.issuer.Mint(claims{Subject: "bob", Tenant: "t2"}), "x.y.z"}
			cs := h.callers(t)
			c := cs[lane%2] // HTTP/1.1 and HTTP/2
			for i := range cases / lanes {
				a := mutant(r, callers)
				before := h.up.count()
				g := c.do(a)
				reached := h.up.since(before)
				if g.err == nil && (g.status < 200 || g.status > 299) && (g.status < 400 || g.status > 505) {
					t.Errorf("%s case %d: %+v got %d", c.name(), i, a, g.status)
				}
				if len(reached) == 0 {
					refused.Add(1)
					if g.err == nil && g.status < 400 {
						t.Errorf("%s case %d: %+v got %d and never reached the upstream", c.name(), i, a, g.status)
					}
					continue
				}
				passed.Add(1)
				if err := same(h, h.said.of(t, g), reached); err != nil {
					t.Errorf("%s case %d: %+v: %v", c.name(), i, a, err)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() < cases/20 || refused.Load() < cases/4 {
		t.Errorf("%d passed, %d were refused: the test has lost its teeth", passed.Load(), refused.Load())
	}
	t.Logf("figure requests that left otherwise than they were decided on 0/0 of %d: %d passed, %d refused, %.1f s", cases, passed.Load(), refused.Load(), time.Since(began).Seconds())
}

// same compares the decision with what arrived.
func same(h *house, d decision, reached []arrival) error {
	if len(reached) != 1 {
		return fmt.Errorf("%d requests arrived", len(reached))
	}
	a := reached[0]
	want := d.Path
	if d.Query != "" {
		want += "?" + d.Query
	}
	if a.target != want || a.method != d.Method || !slices.Equal(a.values("host"), []string{d.Host}) {
		return fmt.Errorf("decided on %s %s %s, arrived as %s %s %v", d.Method, d.Host, want, a.method, a.target, a.values("host"))
	}
	// The route of what arrived, read once more.
	q := gatehouse.Request{Method: a.method, Host: d.Host}
	if err := wire.CanonicalTarget(&q, []byte(a.target)); err != nil {
		return fmt.Errorf("what arrived is refused when it is read again: %w", err)
	}
	if q.Path != d.Path || q.Query != d.Query {
		return fmt.Errorf("what arrived reads as %s?%s, decided on %s?%s", q.Path, q.Query, d.Path, d.Query)
	}
	if e := h.gate.Policy().Find(&q); e.Name != d.Endpoint {
		return fmt.Errorf("what arrived leads to %s, decided on %s", e.Name, d.Endpoint)
	}
	// Who the upstream is told is asking.
	sub := a.values("x-user-id")
	signed := a.values("gatehouse-identity")
	if d.Subject == "" {
		if len(sub)+len(signed)+len(a.values("x-tenant"))+len(a.values("x-roles")) > 0 {
			return fmt.Errorf("nobody was proven, the upstream was told %v %v", sub, signed)
		}
		return nil
	}
	if !slices.Equal(sub, []string{d.Subject}) || len(signed) != 1 {
		return fmt.Errorf("%s was proven, the upstream was told %v %d", d.Subject, sub, len(signed))
	}
	parts := strings.Split(signed[0], ".")
	if len(parts) != 3 {
		return fmt.Errorf("the statement is %q", signed[0])
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var s struct{ Sub, Iss string }
	if err := json.Unmarshal(b, &s); err != nil || s.Sub != d.Subject || s.Iss != "gatehouse" {
		return fmt.Errorf("the statement says %s (%v)", b, err)
	}
	for _, f := range a.fields {
		name, _, _ := strings.Cut(f, ":")
		if strings.Contains(name, "_") || strings.HasPrefix(name, "x-forwarded") || slices.Contains([]string{"forwarded", "connection", "te", "upgrade", "keep-alive", "trailer", "x-original-url", "x-http-method-override", "transfer-encoding"}, name) {
			return fmt.Errorf("%s arrived", f)
		}
	}
	return nil
}
