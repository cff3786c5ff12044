package casetest

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/middleware"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

// audience is whom the tokens of cases are meant for.
const audience = "https://api.example.com/orders"

// Gateway is a gateway in front of an upstream, for one case.
type Gateway struct {
	Addr     string // where the door listens
	Gate     *engine.Gate
	Kept     *gatehouse.Kept
	Issuer   *devissuer.Issuer
	Upstream *Upstream
	Seen     *Seen // what was recorded

	mint *mint
}

// door is one way of serving the gate.
type door struct {
	name  string
	caps  gatehouse.Caps
	serve func(t testing.TB, g *engine.Gate, r gatehouse.Recorder, upstream *Upstream) (addr string)
}

var doors = []door{
	{"proxy", gatehouse.AllCaps, serveProxy},
	{"middleware", gatehouse.AllCaps, serveMiddleware},
}

func (c *Case) start(t testing.TB, d door, kinds []gatehouse.Kind, breaking func(*gatehouse.Kept)) *Gateway {
	t.Helper()
	g := &Gateway{Upstream: newUpstream(t, c.Upstream), Seen: &Seen{}, Kept: Kept(t)}
	if source, err := gatehouse.Require[*relations.Source](g.Kept); err == nil {
		if err := source.Index.Apply(relations.Change{Revision: 1, Whole: true, Add: c.Tuples}); err != nil {
			t.Fatal(err)
		}
	}
	if breaking != nil {
		breaking(g.Kept)
	}
	issuer, stop, err := devissuer.Start(audience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	g.Issuer, g.mint = issuer, newMint(t, c, issuer)
	f, err := config.Load(c.write(t, g), c.catalogue(kinds), config.Options{})
	if err != nil {
		t.Fatalf("the case's configuration:\n%v", err)
	}
	policy, err := f.Policy(g.Kept, d.caps)
	if err != nil {
		t.Fatalf("the case's configuration:\n%v", err)
	}
	g.Gate = engine.NewGate(policy)
	g.Addr = d.serve(t, g.Gate, g.Seen, g.Upstream)
	return g
}

// Kept returns what controls need of the process: stores in memory and a key.
func Kept(t testing.TB) *gatehouse.Kept {
	t.Helper()
	k := gatehouse.NewKept()
	signer, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	gatehouse.Provide[jose.IdentityKey](k, signer)
	gatehouse.Provide[store.Counters](k, memory.NewCounters(time.Now()))
	gatehouse.Provide[store.Once](k, memory.NewOnce(10_000))
	gatehouse.Provide[store.Blocks](k, memory.NewBlocks())
	gatehouse.Provide[store.Revocations](k, memory.NewRevocations())
	gatehouse.Provide[store.Owners](k, memory.NewOwners(10_000))
	gatehouse.Provide(k, &relations.Source{Index: relations.NewIndex()})
	return k
}

// write puts the case's files into a folder and returns the configuration's path.
func (c *Case) write(t testing.TB, g *Gateway) string {
	t.Helper()
	dir := t.TempDir()
	description := c.OpenAPI
	speaksGraphQL := c.OpenAPI == "" && hasKey(c.Config, "graphql")
	if description == "" {
		description = Orders
	}
	api := strings.NewReplacer("${ISSUER}", g.Issuer.URL, "${UNTIL}", time.Now().AddDate(0, 1, 0).Format(time.DateOnly)).Replace(c.Config)
	var b strings.Builder
	b.WriteString("environment: development\nlisten: {address: \"127.0.0.1:8443\"}\nstate: " + dir + "\napis:\n  orders:\n")
	if !speaksGraphQL {
		b.WriteString("    openapi: orders.openapi.yaml\n")
	}
	if !hasKey(api, "upstream") {
		b.WriteString("    upstream: http://" + g.Upstream.Addr + "\n")
	}
	if !hasKey(api, "hosts") && !hasKey(api, "any_host") {
		b.WriteString("    hosts: [api.example.com, 127.0.0.1]\n")
	}
	if c.OpenAPI == "" && !speaksGraphQL && !hasKey(api, "objects") && !hasKey(api, "no_object") && !strings.Contains(api, "object:") {
		b.WriteString(notAboutObjects)
	}
	for l := range strings.Lines(api) {
		b.WriteString("    " + l)
	}
	files := maps.Clone(c.Files)
	files["gatehouse.yaml"], files["orders.openapi.yaml"] = b.String(), description
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "gatehouse.yaml")
}

// notAboutObjects goes into cases that do not say whose an order is.
var notAboutObjects = func() string {
	const waiver = `{because: "the case is not about objects", owner: test@example.com, until: `
	until := waiver + time.Now().AddDate(0, 1, 0).Format(time.DateOnly) + "}"
	return "    no_object:\n      getOrder: " + until + "\n      updateOrder: " + until + "\n      deleteOrder: " + until + "\n"
}()

func hasKey(api, key string) bool {
	return strings.HasPrefix(api, key+":") || strings.Contains(api, "\n"+key+":")
}

// catalogue puts the test authenticator in the place of jwt where a case names
// no issuer.
func (c *Case) catalogue(kinds []gatehouse.Kind) []gatehouse.Kind {
	if hasKey(c.Config, "issuer") || strings.Contains(c.Config, "jwt:") {
		return kinds
	}
	out := slices.DeleteFunc(slices.Clone(kinds), func(k gatehouse.Kind) bool { return k.Name == "jwt" })
	return append(out, gatehouse.Kind{Name: "jwt", New: func() gatehouse.Control { return &authenticator{principal: c.Principal} }})
}

// authenticator proves the case's principal, or nobody.
type authenticator struct{ principal *gatehouse.Principal }

// Compile implements [gatehouse.Control].
func (a *authenticator) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil || b.Public != nil {
		return nil, nil
	}
	return []gatehouse.Step{{Stage: gatehouse.Authenticate, Enforce: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Principal = a.principal
		return gatehouse.Pass, nil
	}}}, nil
}

// Explain implements [gatehouse.Control].
func (a *authenticator) Explain(s *gatehouse.Sheet) {
	s.Fact("authn.every-endpoint", "the case says who asks")
}

func serveProxy(t testing.TB, g *engine.Gate, r gatehouse.Recorder, _ *Upstream) string {
	t.Helper()
	return ServeProxy(t, proxy.Config{Gate: g, Record: r})
}

// ServeProxy serves the proxy door on a loopback port until the test ends, and
// returns its address.
func ServeProxy(t testing.TB, c proxy.Config) string {
	t.Helper()
	s, err := proxy.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l, nil) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutting down the door: %v", err)
		}
		<-done
	})
	return l.Addr().String()
}

func serveMiddleware(t testing.TB, g *engine.Gate, r gatehouse.Recorder, u *Upstream) string {
	t.Helper()
	s := httptest.NewServer(middleware.Wrap(middleware.Config{Gate: g, Record: r}, http.HandlerFunc(u.serve)))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Seen records what a door says of its exchanges.
type Seen struct {
	mu      sync.Mutex
	entries []Entry
}

// Entry is one recorded exchange.
type Entry struct {
	ID, Endpoint, Rule, Control string
	Status                      int
	Trail                       []string // "control said rule"
}

// Record implements [gatehouse.Recorder].
func (s *Seen) Record(x *gatehouse.Exchange, _ gatehouse.Traffic) {
	e := Entry{ID: strings.Clone(x.ID), Endpoint: x.Endpoint.Name, Rule: strings.Clone(x.Ended.Rule()), Control: x.EndedBy, Status: x.Response.Status}
	for m := range x.Walked() {
		e.Trail = append(e.Trail, fmt.Sprintf("%s %s %s", x.Endpoint.Plan.Steps[m.Step].Control, m.Said, m.Rule))
	}
	for _, v := range x.Violations {
		// "schema demands maxLength of body #/item at orders.openapi.yaml:12"
		place, _, _ := strings.Cut(v.Place, ": #")
		where := strings.Join(strings.Fields(v.In+" "+v.Name+" #"+v.Pointer), " ")
		e.Trail = append(e.Trail, fmt.Sprintf("%s demands %s of %s at %s", x.Endpoint.Plan.Steps[v.Step].Control, v.Keyword, where, filepath.Base(place)))
	}
	s.mu.Lock()
	s.entries = append(s.entries, e)
	s.mu.Unlock()
}

func (s *Seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// Wait returns the nth entry, from 0, once it is there.
func (s *Seen) Wait(t testing.TB, n int) Entry {
	t.Helper()
	for range 400 {
		s.mu.Lock()
		if len(s.entries) > n {
			e := s.entries[n]
			s.mu.Unlock()
			return e
		}
		s.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("exchange %d was not recorded", n)
	return Entry{}
}
