package record

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

// ordersEndpoint is a small plan: an authenticated read with a shadow control.
func ordersEndpoint() *gatehouse.Endpoint {
	at := func(line int) gatehouse.Place { return gatehouse.Place{File: "gatehouse.yaml", Line: line, Col: 5} }
	return &gatehouse.Endpoint{
		API: "orders", Name: "getOrder", Method: "GET", Template: "/v1/orders/{orderId}", Declared: true, Place: at(3), Timeout: 10 * time.Second,
		Upstream: &gatehouse.Upstream{Name: "orders", Scheme: "http", Address: "127.0.0.1:9000"},
		Plan: &gatehouse.Plan{
			Steps: []gatehouse.Step{
				{Control: "jwt", Stage: gatehouse.Authenticate, Place: at(7)},
				{Control: "ratelimit", Stage: gatehouse.Limit},
				{Control: "waf", Stage: gatehouse.Validate, Mode: gatehouse.Shadow, Place: at(20)},
				{Control: "object", Stage: gatehouse.Authorize, Need: gatehouse.Object, Place: at(11)},
				{Control: "headers", Stage: gatehouse.Respond, Need: gatehouse.Reply},
			},
			Respond: 4,
			Opens:   map[string]bool{"ratelimit": true},
			Facts: []gatehouse.Fact{
				{Says: "Tokens are checked against https://login.example.com.", Covers: "jwt.aud"},
				{Says: "Only the owner reads an order.", Covers: "authz.object"},
			},
		},
	}
}

// exchange is a refused request as the engine leaves it behind.
func exchange(e *gatehouse.Endpoint) *gatehouse.Exchange {
	return &gatehouse.Exchange{
		ID: "01KAKQ2W3E4R5T6Y7U8I9OPASD", At: noon, Endpoint: e,
		Trace:     gatehouse.Trace{TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", ParentID: "53995c3f42cd8ad8"},
		Conn:      gatehouse.Conn{Peer: netip.MustParseAddrPort("10.0.0.1:4711"), Client: netip.MustParseAddr("203.0.113.7"), TLS: &tls.ConnectionState{Version: tls.VersionTLS13}},
		Request:   gatehouse.Request{Method: "GET", Scheme: "https", Host: "api.example.com", Path: "/v1/orders/2", Query: "page=1&token=abc", Major: 1, Fields: gatehouse.Fields{{Name: "user-agent", Value: "curl/8.5.0"}}},
		Principal: &gatehouse.Principal{Kind: "user", ID: "alice", Issuer: "https://login.example.com", Tenant: "t1", Client: "shop", KeyID: "k1"},
		Response:  gatehouse.Response{Status: 404, Own: true},
		Ended:     gatehouse.Deny(&gatehouse.Answer{Status: 404, Reason: "object.not_found"}).Because("the order belongs to another customer"),
		EndedBy:   "object",
		Trail: []gatehouse.Mark{
			{Step: 0, Said: gatehouse.SaidPass, Rule: "jwt.cached", After: 12 * time.Microsecond},
			{Step: 1, Said: gatehouse.SaidPass, After: 14 * time.Microsecond},
			{Step: 2, Said: gatehouse.SaidWould, Rule: "waf.sqli", After: 20 * time.Microsecond},
			{Step: 3, Said: gatehouse.SaidDeny, Rule: "object.not_found", Detail: "the order belongs to another customer", After: 1500 * time.Microsecond},
			{Step: 4, Said: gatehouse.SaidPass, After: 1502 * time.Microsecond},
		},
		Cursor: gatehouse.Cursor{Version: 3},
	}
}

// passing is a request that went through.
func passing(e *gatehouse.Endpoint) *gatehouse.Exchange {
	x := exchange(e)
	x.Ended, x.EndedBy, x.Response = gatehouse.Pass, "", gatehouse.Response{Status: 200}
	x.Trail[2].Said, x.Trail[2].Rule = gatehouse.SaidPass, ""
	x.Trail[3] = gatehouse.Mark{Step: 3, Said: gatehouse.SaidGrant, Rule: "object.own", After: 30 * time.Microsecond}
	return x
}

var traffic = gatehouse.Traffic{Took: 1_600_000, Upstream: 1_200_000, In: 0, Out: 211, UpstreamTo: "127.0.0.1:9000"}

// sink is a log that can be read while it is written.
type sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// lines returns the JSON records that were written.
func (s *sink) lines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, line := range bytes.Split(bytes.TrimSuffix([]byte(s.String()), []byte("\n")), []byte("\n")) {
		record := map[string]any{}
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("not JSON: %v: %q", err, line)
		}
		all = append(all, record)
	}
	return all
}

// memoryTrails is a store.Trails in memory.
type memoryTrails struct {
	mu   sync.Mutex
	byID map[string]store.Trail
	gate chan struct{} // when not nil, Append waits for it
	fail error
}

func (m *memoryTrails) Append(ctx context.Context, batch []store.Trail) error {
	if m.gate != nil {
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.byID == nil {
		m.byID = map[string]store.Trail{}
	}
	for _, t := range batch {
		m.byID[t.ID] = t
	}
	return nil
}

func (m *memoryTrails) Find(ctx context.Context, id string) (store.Trail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.byID[id]
	if !ok {
		return store.Trail{}, store.ErrNotFound
	}
	return t, nil
}

func (m *memoryTrails) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byID)
}

func closed(t *testing.T, r *Recorder) {
	t.Helper()
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
