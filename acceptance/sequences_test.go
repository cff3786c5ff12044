package acceptance

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/host/middleware"
	"github.com/gatehouse-api/gatehouse/record"
)

const sequences = `openapi: 3.2.0
info: {title: Sequences, version: "1"}
servers: [{url: https://api.example.com}]
paths:
  /v1/orders:
    get:
      operationId: listOrders
      parameters: [{name: as, in: query, schema: {type: string, enum: [sse, lines, gzip]}}]
      responses:
        "200":
          description: as they come
          content:
            text/event-stream:
              itemSchema:
                type: object
                properties:
                  event: {type: string}
                  data: {type: string, contentMediaType: application/json, contentSchema: {$ref: "#/components/schemas/Order"}}
            application/x-ndjson: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 64}}]
    get: {operationId: getOrder, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
components:
  schemas:
    Order: {type: object, properties: {id: {type: string}, customer_id: {type: string}, note: {type: string}, card_key: {type: string, writeOnly: true}}}
`

// watched is an upstream whose reply is written as the test says, piece by piece.
type watched struct {
	next atomic.Pointer[chan string]
	kept func(*gatehouse.Kept) // what the house has otherwise
}

// begin makes the channel of the pieces of the next reply.
func (u *watched) begin(held int) chan string {
	pieces := make(chan string, held)
	u.next.Store(&pieces)
	return pieces
}

func (u *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pieces := *u.next.Load()
	kind := map[string]string{"sse": "text/event-stream; charset=utf-8", "lines": "application/x-ndjson", "gzip": "application/x-ndjson"}[r.URL.Query().Get("as")]
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Etag", `"1"`)
	if strings.HasSuffix(r.URL.RawQuery, "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case s, more := <-pieces:
			if !more {
				return
			}
			if _, err := io.WriteString(w, s); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// watching is one door in front of a watched upstream.
type watching struct {
	name, url string
	client    *http.Client
}

// watch opens a house in front of u and returns its three ways in.
func (u *watched) watch(t testing.TB, config string, r gatehouse.Recorder) (*house, []watching) {
	t.Helper()
	s := httptest.NewServer(u)
	t.Cleanup(s.Close)
	api := "upstream: " + s.URL + "\n" + `issuer: ${ISSUER}
audience: https://api.example.com/orders
hosts: [api.example.com]
objects: {order: {id: path.orderId, owner: response.customer_id, allow: {owner: [read, list]}, list: {each: "response[*]", on_foreign: drop}}}
controls:
  ` + wide + "\n" + config
	h := open(t, options{api: api, description: sequences, record: r, kept: u.kept})
	return h, h.ways(t, u)
}

// ways returns the three ways into a house, of which the middleware is in front of next.
func (h *house) ways(t testing.TB, next http.Handler) []watching {
	t.Helper()
	inside := httptest.NewServer(middleware.Wrap(middleware.Config{Gate: h.gate, Record: h.said}, next))
	t.Cleanup(inside.Close)
	plain, second := &http.Transport{}, &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{ServerName: hostName, InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", h.secure)
		}}
	t.Cleanup(plain.CloseIdleConnections)
	t.Cleanup(second.CloseIdleConnections)
	return []watching{
		{"h1", "http://" + h.plain, &http.Client{Transport: plain}}, {"h2", "https://" + hostName, &http.Client{Transport: second}},
		{"middleware", "http://" + inside.Listener.Addr().String(), &http.Client{Transport: plain}},
	}
}

// ask begins a reply.
func (w *watching) ask(t testing.TB, token, as string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	q, err := http.NewRequestWithContext(ctx, "GET", w.url+"/v1/orders?as="+as, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = hostName
	q.Header.Set("Authorization", "Bearer "+token)
	r, err := w.client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Body.Close() })
	if want := 1 + strings.Count(w.url, "https"); r.ProtoMajor != want {
		t.Fatalf("%s speaks HTTP/%d", w.name, r.ProtoMajor)
	}
	return r
}

// itemOf returns an item as the upstream writes it and as the client reads it.
func itemOf(as, data string) string {
	if as == "sse" {
		return "data: " + data + "\n\n"
	}
	return data + "\n"
}

// TestItemsLeaveOneByOneAsTheyCome waits for every item before the next is sent:
// output.filter, output.validate, authz.object.
func TestItemsLeaveOneByOneAsTheyCome(t *testing.T) {
	u := &watched{}
	h, ways := u.watch(t, "", nil)
	items := 0
	for _, w := range ways {
		for _, as := range []string{"sse", "lines"} {
			pieces := u.begin(0)
			r := w.ask(t, h.alice(), as)
			if r.StatusCode != 200 || r.Header.Get("Etag") != "" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Fatalf("%s, %s: %d %v", w.name, as, r.StatusCode, r.Header)
			}
			body := bufio.NewReader(r.Body)
			for i := range 50 {
				// The member that is not declared is cut, and the order of another dropped.
				pieces <- itemOf(as, fmt.Sprintf(`{"id":"%d","customer_id":"bob"}`, i))
				pieces <- itemOf(as, fmt.Sprintf(`{"id":"%d","password_hash":"x","customer_id":"alice","card_key":"x"}`, i))
				want := itemOf(as, fmt.Sprintf(`{"id":"%d","customer_id":"alice"}`, i))
				got := make([]byte, len(want))
				if _, err := io.ReadFull(body, got); err != nil || string(got) != want {
					t.Fatalf("%s, %s, item %d: %q %v", w.name, as, i, got, err)
				}
				items++
			}
			// Half an item is not judged, so it does not leave.
			whole := itemOf(as, `{"id":"last","customer_id":"alice"}`)
			pieces <- whole[:12]
			pieces <- whole[12:]
			close(pieces)
			if rest, err := io.ReadAll(body); err != nil || string(rest) != whole {
				t.Errorf("%s, %s: the end is %q %v", w.name, as, rest, err)
			}
		}
	}
	t.Logf("figure items that arrived before the next was sent %d/%d", items, 3*2*50)
}

// TestASequenceHasNoEnd sends more than any host holds.
func TestASequenceHasNoEnd(t *testing.T) {
	u := &watched{}
	h, ways := u.watch(t, "", nil)
	for _, w := range ways {
		pieces := u.begin(1)
		r := w.ask(t, h.alice(), "lines")
		line := `{"id":"1","customer_id":"alice","note":"` + strings.Repeat("n", 60_000) + "\"}\n"
		const lines = 120
		go func() {
			for range lines {
				pieces <- line
			}
			close(pieces)
		}()
		if n, err := io.Copy(io.Discard, r.Body); err != nil || n != int64(lines*len(line)) {
			t.Errorf("%s: %d of %d bytes: %v", w.name, n, lines*len(line), err)
		}
	}
}

// TestAnItemThatMustNotLeaveEndsTheReply sends a good item and a bad one:
// output.errors, output.validate, authz.object, log.redacted.
func TestAnItemThatMustNotLeaveEndsTheReply(t *testing.T) {
	const good = `{"id":"1","customer_id":"alice"}`
	u := &watched{}
	recorder := record.New(record.Config{})
	h, ways := u.watch(t, "  reply: {on_invalid: refuse, max_item: 2000}\n", recorder)
	ended := 0
	for rule, bad := range map[string]string{
		"leak.blocked":         itemOf("lines", `{"id":"CANARY","customer_id":"alice","note":"Traceback (most recent call last):\n  File \"/srv/app/CANARY.py\", line 3, in f"}`),
		"reply.invalid":        itemOf("lines", `{"id":"1","customer_id":"alice","note":["CANARY"]}`),
		"object.unverifiable":  itemOf("lines", `{"id":"CANARY"}`),
		"proxy.item_too_large": strings.Repeat("CANARY", 400),
		"proxy.item_malformed": "\xffCANARY\n",
	} {
		for _, w := range ways {
			pieces := u.begin(3)
			r := w.ask(t, h.alice(), "lines")
			pieces <- good + "\n"
			body := bufio.NewReader(r.Body)
			if first, err := body.ReadString('\n'); err != nil || first != good+"\n" {
				t.Fatalf("%s, %s: %q %v", rule, w.name, first, err)
			}
			pieces <- bad
			pieces <- good + "\n"
			rest, err := io.ReadAll(body)
			if err == nil || len(rest) > 0 {
				t.Errorf("%s, %s: the reply goes on: %q %v", rule, w.name, rest, err)
			}
			trail, text := trailOf(t, recorder, r.Header.Get("X-Request-Id"))
			if trail.Decision != "refused" || trail.Rule != rule || trail.Aborted == "" || trail.Status != 200 {
				t.Errorf("%s, %s: recorded as\n%s", rule, w.name, text)
			}
			if strings.Contains(text, "CANARY") {
				t.Errorf("log.redacted: %s, %s: a value is in the trail\n%s", rule, w.name, text)
			}
			if rule == "reply.invalid" {
				if said := explanations(trail); len(said) != 1 || said[0] != "reply #/note: type @ #/components/schemas/Order/properties/note/type" {
					t.Errorf("%s: explained as %q", w.name, said)
				}
			}
			ended++
		}
	}
	if ended != 15 {
		t.Errorf("%d replies were looked at", ended)
	}
}

func TestASequenceThatCannotBeTakenApartDoesNotLeave(t *testing.T) {
	u := &watched{}
	h, ways := u.watch(t, "", nil)
	for _, w := range ways {
		pieces := u.begin(1)
		pieces <- "{\"id\":\"1\",\"customer_id\":\"alice\"}\n"
		close(pieces)
		r := w.ask(t, h.alice(), "gzip")
		if b, err := io.ReadAll(r.Body); err != nil || r.StatusCode != 502 || strings.Contains(string(b), "alice") {
			t.Errorf("output.validate: %s: %d %s %v", w.name, r.StatusCode, b, err)
		}
	}
}

func TestAnUpstreamThatFallsSilentEndsTheReply(t *testing.T) {
	u := &watched{}
	recorder := record.New(record.Config{})
	h, ways := u.watch(t, "timeout: 300ms\n", recorder)
	for _, w := range ways[:2] { // how long a handler takes is the program's own business
		pieces := u.begin(1)
		pieces <- "{\"id\":\"1\",\"customer_id\":\"alice\"}\n"
		r := w.ask(t, h.alice(), "lines")
		if b, err := io.ReadAll(r.Body); err == nil || !strings.Contains(string(b), "alice") {
			t.Errorf("%s: %q %v", w.name, b, err)
		}
		if trail, text := trailOf(t, recorder, r.Header.Get("X-Request-Id")); trail.Aborted == "" {
			t.Errorf("%s: recorded as\n%s", w.name, text)
		}
	}
}

// BenchmarkAnEvent is what an event of 50 bytes costs on its way through the proxy,
// the control of objects, the scanner of leaks and the filter, both ends included.
func BenchmarkAnEvent(b *testing.B) {
	u := &watched{}
	h, ways := u.watch(b, "", nil)
	pieces := u.begin(16)
	r := ways[0].ask(b, h.alice(), "lines")
	const line = "{\"id\":\"12345678\",\"customer_id\":\"alice\",\"x\":1}\n"
	many := strings.Repeat(line, 100)
	b.SetBytes(int64(len(line)))
	b.ResetTimer()
	go func() {
		for sent := 0; sent < b.N; sent += 100 {
			pieces <- many
		}
		close(pieces)
	}()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		b.Fatal(err)
	}
}
