package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/store"
)

// being authenticates everybody as one person.
type being struct{ id string }

func (c *being) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil {
		return nil, nil
	}
	p := &gatehouse.Principal{Kind: "user", ID: c.id, Issuer: "https://issuer.test"}
	return []gatehouse.Step{{Stage: gatehouse.Authenticate, Enforce: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Principal = p
		return gatehouse.Pass, nil
	}}}, nil
}

func (c *being) Explain(*gatehouse.Sheet) {}

// hiding is a gateway whose only caller is bob, before an upstream with orders of
// alice's and without some. The object's rule is given.
func hiding(t *testing.T, rule string) (gate *engine.Gate, kept *gatehouse.Kept) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/orders/theirs":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("ETag", `"7"`)
			w.Header().Set("Set-Cookie", "a=b")
			fmt.Fprint(w, `{"id":"theirs","customer_id":"alice"}`)
		case "/v1/orders/gone":
			w.Header().Set("Server-Timing", "db;dur=12")
			w.WriteHeader(http.StatusGone)
			fmt.Fprint(w, "it was here once")
		case "/v1/orders/shut":
			http.Error(w, "not for you", http.StatusForbidden)
		default:
			http.Error(w, "no such order "+r.URL.Path, http.StatusNotFound)
		}
	}))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	until := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	waiver := `{because: "a test of refusals", owner: test@example.com, until: ` + until + "}"
	for name, text := range map[string]string{
		"orders.openapi.yaml": casetest.Orders,
		"gatehouse.yaml": "state: " + dir + "\nenvironment: development\napis:\n  orders:\n    openapi: orders.openapi.yaml\n    upstream: " + upstream.URL + `
    any_host: ` + waiver + `
    objects: {order: {id: path.orderId, ` + rule + `, allow: {owner: [read, update, delete]}, on_deny: 404}}
    roles: {admin: [listUsers]}
    controls: {ratelimit: {off: ` + waiver + `}}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kinds := append(slices.DeleteFunc(slices.Clone(all.Kinds), func(k gatehouse.Kind) bool { return k.Name == "jwt" }),
		gatehouse.Kind{Name: "jwt", New: func() gatehouse.Control { return &being{"bob"} }})
	f, err := config.Load(filepath.Join(dir, "gatehouse.yaml"), kinds, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept = casetest.Kept(t)
	p, err := f.Policy(kept, gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	return engine.NewGate(p), kept
}

// varying is what differs between any two answers.
var varying = regexp.MustCompile(`(?mi)^(date|x-request-id|traceparent): .*\r?$|[0-9A-HJKMNP-TV-Z]{26}`)

// authz.existence: byte by byte, whoever an order belongs to and whether there is one,
// over HTTP/1.1 and HTTP/2, for reads and for writes.
func TestAMaskedRefusalIsARealMissByteByByte(t *testing.T) {
	for name, rule := range map[string]string{"by the reply": "owner: response.customer_id", "by the map": "owner: owners, create: {operation: createOrder, learn: response.id}"} {
		gate, kept := hiding(t, rule)
		owners, err := gatehouse.Require[store.Owners](kept)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []store.Owner{{Kind: "orders/order", ID: "theirs", Owner: "alice"}, {Kind: "orders/order", ID: "lost", Owner: "bob"}} {
			if err := owners.Claim(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		plain := casetest.ServeProxy(t, proxy.Config{Gate: gate})
		client := encrypted(t, gate)
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			first := ""
			for _, id := range []string{"theirs", "none", "gone", "lost", "shut"} {
				for _, answer := range []string{overHTTP1(t, plain, method, id), overHTTP2(t, client, method, id)} {
					protocol, rest, _ := strings.Cut(answer, "\n")
					if first == "" {
						first = rest
					}
					if rest != first || !strings.Contains(rest, "object.not_found") {
						t.Errorf("%s: %s %s over %s differs:\n%s\nfrom\n%s", name, method, id, protocol, rest, first)
					}
				}
			}
		}
	}
}

// encrypted serves a gate over TLS with HTTP/2, and returns a client of it.
func encrypted(t *testing.T, gate *engine.Gate) func(method, id string) (*http.Response, error) {
	t.Helper()
	cert, key := selfSigned(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := proxy.New(proxy.Config{Gate: gate})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- s.Serve(l, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13})
	}()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		<-done
	})
	return func(method, id string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+l.Addr().String()+"/v1/orders/"+id, strings.NewReader(bodyOf(method)))
		if err != nil {
			return nil, err
		}
		if method == "PATCH" {
			r.Header.Set("Content-Type", "application/json")
		}
		return transport.RoundTrip(r)
	}
}

func bodyOf(method string) string {
	if method == "PATCH" {
		return `{"note":"x"}`
	}
	return ""
}

// overHTTP1 returns the bytes of an answer, but for what differs between any two.
func overHTTP1(t *testing.T, addr, method, id string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := bodyOf(method)
	head := method + " /v1/orders/" + id + " HTTP/1.1\r\nHost: " + addr + "\r\nConnection: close\r\n"
	if body != "" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	if _, err := c.Write([]byte(head + "\r\n" + body)); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, "HTTP/1.1", r)
}

func overHTTP2(t *testing.T, do func(method, id string) (*http.Response, error), method, id string) string {
	t.Helper()
	r, err := do(method, id)
	if err != nil {
		t.Fatal(err)
	}
	if r.ProtoMajor != 2 {
		t.Fatalf("the answer came over %s", r.Proto)
	}
	return written(t, "HTTP/2", r)
}

// written is an answer in one form: its status, its fields in alphabetical order, its
// length and its body.
func written(t *testing.T, protocol string, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Del("Connection")
	r.Header.Del("Strict-Transport-Security") // is said over TLS alone
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d, %d bytes\n", r.StatusCode, len(body))
	if err := r.Header.Write(&b); err != nil {
		t.Fatal(err)
	}
	b.Write(body)
	return protocol + "\n" + varying.ReplaceAllString(b.String(), "")
}

// authz.existence: where the map of owners knows before, neither a miss nor somebody
// else's order reaches the upstream, and the time that both take tells nothing: Welch's
// t over interleaved samples without their slowest tenth stays below 4.5.
func TestAMissAndAMaskedRefusalTakeTheSameTime(t *testing.T) {
	gate, kept := hiding(t, "owner: owners, create: {operation: createOrder, learn: response.id}")
	owners, err := gatehouse.Require[store.Owners](kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := owners.Claim(t.Context(), store.Owner{Kind: "orders/order", ID: "theirs", Owner: "alice"}); err != nil {
		t.Fatal(err)
	}
	addr := casetest.ServeProxy(t, proxy.Config{Gate: gate})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	ask := func(id string) float64 {
		began := time.Now()
		if _, err := c.Write([]byte("GET /v1/orders/" + id + " HTTP/1.1\r\nHost: " + addr + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(in, nil)
		took := float64(time.Since(began))
		if err != nil || r.StatusCode != http.StatusNotFound {
			t.Fatalf("%v %v", r, err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		return took
	}
	var worst float64
	for range 3 { // other programs share the machine: what is really there is there each time
		var theirs, none []float64
		for i := range 1500 {
			if i%2 == 0 {
				theirs, none = append(theirs, ask("theirs")), append(none, ask("nobody"))
			} else {
				none, theirs = append(none, ask("nobody")), append(theirs, ask("theirs"))
			}
		}
		if worst = math.Abs(welch(theirs, none)); worst < 4.5 {
			t.Logf("t = %.2f over 2 x %d requests", worst, len(none))
			return
		}
	}
	t.Errorf("somebody else's order and none can be told apart by time: t = %.1f", worst)
}

// welch is Welch's t of two samples, without the slowest tenth of each.
func welch(a, b []float64) float64 {
	of := func(s []float64) (mean, spread float64) {
		slices.Sort(s)
		s = s[:len(s)*9/10]
		for _, v := range s {
			mean += v / float64(len(s))
		}
		for _, v := range s {
			spread += (v - mean) * (v - mean) / float64(len(s)-1)
		}
		return mean, spread / float64(len(s))
	}
	ma, va := of(a)
	mb, vb := of(b)
	return (ma - mb) / math.Sqrt(va+vb)
}
