package acceptance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

var errGone = errors.New("the store is gone")

// goneCounters is a store that fails, or panics.
type goneCounters struct{ panics bool }

func (g goneCounters) Take(context.Context, time.Time, store.Charges) (store.Taken, error) {
	if g.panics {
		panic(errGone)
	}
	return store.Taken{OK: true}, errGone // what comes with an error must not be believed
}

func (g goneCounters) Peek(ctx context.Context, at time.Time, c store.Charge) (store.Standing, error) {
	_, err := g.Take(ctx, at, store.Charges{})
	return store.Standing{}, err
}

// goneKey cannot sign.
type goneKey struct{ jose.IdentityKey }

func (goneKey) Sign(string, []byte) (string, error) { return "signature", errGone }

// failing is a control that fails in its own way in one stage.
type failing struct {
	stage gatehouse.Stage
	need  gatehouse.Need
	how   func() (gatehouse.Verdict, error)
}

func (f *failing) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{Stage: f.stage, Need: f.need, Enforce: func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) { return f.how() }}}, nil
}
func (f *failing) Explain(*gatehouse.Sheet) {}

func TestR25_EveryFailingDependencyCloses(t *testing.T) {
	away := "http://127.0.0.1:1" // nobody listens there
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	t.Cleanup(garbage.Close)
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":"http://%s","jwks_uri":"http://%[1]s/jwks","keys":[]}`, r.Host)
	}))
	t.Cleanup(empty.Close)
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Second):
		}
	}))
	t.Cleanup(hanging.CloseClientConnections)
	signer, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]options{
		"keys away":        {issuer: away},
		"keys garbage":     {issuer: garbage.URL},
		"no keys":          {issuer: empty.URL},
		"keys hanging":     {issuer: hanging.URL},
		"counters failing": {kept: func(k *gatehouse.Kept) { gatehouse.Provide[store.Counters](k, goneCounters{}) }},
		"counters panic":   {kept: func(k *gatehouse.Kept) { gatehouse.Provide[store.Counters](k, goneCounters{true}) }},
		"no signature":     {kept: func(k *gatehouse.Kept) { gatehouse.Provide[jose.IdentityKey](k, goneKey{signer}) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, o)
			for _, c := range h.callers(t) {
				for range 3 {
					if g := c.do(ask{token: h.alice()}); g.status != 503 && g.status != 401 || g.fields.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(g.body, "gone") {
						t.Errorf("%s: %d %v %s", c.name(), g.status, g.err, g.body)
					}
				}
			}
			if n := h.up.count(); n != 0 {
				t.Errorf("%d requests reached the upstream", n)
			}
		})
	}
	for stage := gatehouse.Identify; stage <= gatehouse.Inspect; stage++ {
		for how, f := range map[string]func() (gatehouse.Verdict, error){
			"error": func() (gatehouse.Verdict, error) { return gatehouse.Pass, errGone }, "grant with error": func() (gatehouse.Verdict, error) { return gatehouse.Grant("x"), errGone },
			"panic": func() (gatehouse.Verdict, error) { panic(errGone) }, "zero": func() (gatehouse.Verdict, error) { return gatehouse.Verdict{}, nil }, "nil panic": func() (gatehouse.Verdict, error) { panic(http.ErrAbortHandler) },
		} {
			t.Run(stage.String()+" "+how, func(t *testing.T) {
				t.Parallel()
				h := open(t, options{kinds: []gatehouse.Kind{{Name: "failing", New: func() gatehouse.Control { return &failing{stage: stage, how: f} }}}})
				for _, c := range h.callers(t) {
					if g := c.do(ask{token: h.alice()}); g.status != 503 || strings.Contains(g.body, "alice") {
						t.Errorf("%s: %d %v %s", c.name(), g.status, g.err, g.body)
					}
				}
				if n := h.up.count(); stage < gatehouse.Inspect && n != 0 {
					t.Errorf("%d requests reached the upstream", n)
				}
			})
		}
	}
}

func TestR25_WhatCannotBeLoadedIsNotServed(t *testing.T) {
	h := open(t, options{})
	n := 0
	for name, api := range map[string]string{
		"a secret that is not there":     strings.Replace(ordinary, "identity: {", "identity: {key: \"file:/nowhere/key.pem\", ", 1),
		"a policy that is not there":     strings.Replace(ordinary, "roles: {admin: [listUsers]}\n", "", 1),
		"an expired waiver":              strings.Replace(ordinary, "${UNTIL}", "2020-01-01", 1),
		"a waiver without an owner":      strings.Replace(ordinary, "owner: test@example.com, ", "", 1),
		"an unknown key":                 ordinary + "unknwon: true\n",
		"an unknown control":             ordinary + "  unknwon: {}\n",
		"public that does not exist":     strings.Replace(ordinary, "public: {anyOne", "public: {anyNone", 1),
		"an object that nobody compares": strings.Replace(ordinary, "objects: {order: {id: path.orderId,", "objects: {order: {id: path.a,", 1),
		"jwt switched off":               ordinary + "  jwt: {off: " + waived + "}\n",
		"keys over plain http":           strings.Replace(ordinary, "${ISSUER}", "http://issuer.example.com", 1),
	} {
		n++
		if _, _, err := h.load(t, options{api: api}); err == nil {
			t.Errorf("%s: loads", name)
		}
	}
	if _, _, err := h.load(t, options{kept: func(k *gatehouse.Kept) { *k = *gatehouse.NewKept() }}); err == nil {
		t.Error("a gateway without stores loads")
	}
	counted(t, n, 10)
}

func TestR25_AnUpstreamThatIsAwayIsAnErrorWithoutInternals(t *testing.T) {
	h := open(t, options{api: "upstream: http://127.0.0.1:1\n" + ordinary})
	for _, c := range h.callers(t)[:2] {
		for _, a := range []ask{{token: h.alice()}, {target: "/public/x"}, {method: "PATCH", token: h.alice(), fields: fields{{Name: "content-type", Value: "application/json"}}, body: `{"quantity":2}`}} {
			if g := c.do(a); g.status != 502 && g.status != 503 || strings.Contains(g.body, "127.0.0.1") || strings.Contains(g.body, "refused") || strings.Contains(g.body, "dial") {
				t.Errorf("%s %+v: %d %s", c.name(), a, g.status, g.body)
			}
		}
	}
}

func TestR26_TheHostMustBeTheOneThatTheHandshakeNamed(t *testing.T) {
	h := open(t, options{api: strings.Replace(ordinary, "hosts: [api.example.com]", "hosts: [api.example.com, other.example.com]", 1)})
	n := 0
	for sni, hosts := range map[string]map[string]int{
		"api.example.com":   {"api.example.com": 200, "API.EXAMPLE.COM": 200, "api.example.com.": 200, "api.example.com:443": 200, "other.example.com": 421, "OTHER.example.com": 421, "other.example.com:443": 421, "xapi.example.com": 421, "example.com": 421, "api.example.co": 421},
		"API.Example.com":   {"api.example.com": 200, "other.example.com": 421},
		"other.example.com": {"api.example.com": 421, "other.example.com": 200},
		"evil.test":         {"api.example.com": 421, "evil.test": 421},
		"":                  {"api.example.com": 200, "evil.test": 421},
	} {
		for host, want := range hosts {
			for _, c := range []caller{&h2Caller{addr: h.secure, sni: sni}, &plainCaller{addr: h.secure, is: "h1 over TLS", sni: sni}} {
				if sni == "" && c.name() != "h2" {
					continue // without a name the caller speaks plain HTTP
				}
				n++
				before := h.up.count()
				g := c.do(ask{host: host, token: h.alice()})
				if g.status != want || want == 421 && h.up.count() != before {
					t.Errorf("%s, server name %q, host %s: %d %v %s, want %d", c.name(), sni, host, g.status, g.err, g.body, want)
				}
				// The next request on the same connection is judged anew.
				if g := c.do(ask{host: "other.example.com", token: h.alice()}); sni == hostName && g.status != 421 {
					t.Errorf("%s: a coalesced request got %d", c.name(), g.status)
				}
				c.close()
			}
		}
	}
	counted(t, n, 34)
}

func TestR28_NothingIsServedBeforeTheHandshakeIsOver(t *testing.T) {
	h := open(t, options{})
	var resumed bool
	for _, proto := range []string{"http/1.1", "h2"} {
		cache := tls.NewLRUClientSessionCache(4)
		for range 2 {
			c, err := tls.Dial("tcp", h.secure, &tls.Config{ServerName: hostName, InsecureSkipVerify: true, NextProtos: []string{proto}, ClientSessionCache: cache, MinVersion: tls.VersionTLS13})
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			if proto == "http/1.1" { // the ticket comes with the first answer
				_, _ = io.WriteString(c, ask{token: h.alice()}.bytes())
			}
			_, _ = c.Read(make([]byte, 1))
			resumed = resumed || c.ConnectionState().DidResume
			if s, ok := cache.Get(hostName); ok {
				if _, state, err := s.ResumptionState(); err != nil || state.EarlyData {
					t.Errorf("%s: the ticket allows early data (%v)", proto, err)
				}
			}
			_ = c.Close()
		}
	}
	if !resumed {
		t.Error("no session was resumed: the test has lost its teeth")
	}
	before := h.up.count()
	for _, early := range []string{ask{token: h.alice()}.bytes(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x17\x03\x03\x00\x05hello", "\x16\x03\x01\x00\x02\x01\x00\x17\x03\x03\x00\x02AB"} {
		c, err := net.Dial("tcp", h.secure)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		_, _ = io.WriteString(c, early)
		b, _ := io.ReadAll(c)
		if strings.Contains(string(b), "HTTP/1.1 2") {
			t.Errorf("%q before the handshake: %q", early, b)
		}
		_ = c.Close()
	}
	if h.up.count() != before {
		t.Error("a request from before the handshake reached the upstream")
	}
}
