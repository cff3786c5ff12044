package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// visit is a legitimate request: it must be answered as the API answers it.
type visit struct {
	name    string
	request string
	status  int
	holds   string // what the answer's body must hold
	field   string // "Name: value" that the answer must have; "" asks for none
	repeat  int    // how often on the same connection; 0 is once
	http2   bool   // over HTTP/2
	kept    bool   // of the variant whose rows are kept apart
}

func visits() []visit {
	wide := strings.Repeat("é", 500)
	return []visit{
		{name: "the status page, without a token", request: "GET /v1/status", status: 200, holds: `"up"`},
		{name: "Bob logs in", request: "POST /v1/login\n\n" + `{"email": "bob@acme.example", "password": "correct horse battery"}`, status: 200, holds: "Bob Baker"},
		{name: "Bob lists his orders", request: "GET /v1/orders\nAs: bob", status: 200, holds: bobsSecret},
		{name: "Bob reads his order", request: "GET /v1/orders/ord-2001\nAs: bob", status: 200, holds: bobsSecret},
		{name: "Bob reads it under an escaped name: ord%2D2001", request: "GET /v1/orders/ord%2D2001\nAs: bob", status: 200, holds: bobsSecret},
		{name: "Bob searches", request: "GET /v1/search?q=ring\nAs: bob", status: 200, holds: bobsSecret},
		{name: "Bob filters by status", request: "GET /v1/orders?status=open&limit=5\nAs: bob", status: 200, holds: bobsSecret},
		{name: "Bob filters by himself", request: "GET /v1/orders?customer_id=bob\nAs: bob", status: 200, holds: bobsSecret},
		{name: "a first page of the largest size", request: "GET /v1/orders?limit=100\nAs: heidi", status: 200, holds: `"items":[]`},
		{name: "the next page, by its cursor", request: "GET /v1/orders?limit=2&cursor=ord-3001\nAs: carol", status: 200, holds: "ord-3002"},
		{name: "a search in German: Geigenbögen für Köln", request: "GET /v1/search?q=Geigenb%C3%B6gen%20f%C3%BCr%20K%C3%B6ln\nAs: carol", status: 200, holds: `"items":[]`},
		{name: "Carol places an order with a note in Japanese", request: "POST /v1/orders\nAs: carol\n\n" + `{"item": "弓", "quantity": 1, "note": "毎度ありがとうございます 🎻"}`, status: 201, holds: "🎻"},
		{name: "an order of every size at its limit", request: "POST /v1/orders\nAs: carol\n\n" + `{"item": "` + strings.Repeat("x", 100) + `", "quantity": 1000, "note": "` + wide + `"}`, status: 201, holds: wide},
		{name: "an order in chunks", request: "POST /v1/orders\nAs: carol\nContent-Type: application/json\nTransfer-Encoding: chunked\n\n" + chunks(`{"item": "resin", `, `"quantity": 2}`), status: 201, holds: "resin"},
		{name: "an order that waits for 100 (Continue)", request: "POST /v1/orders\nAs: carol\nExpect: 100-continue\n\n" + `{"item": "mute", "quantity": 1}`, status: 201, holds: "mute"},
		{name: "Content-Type with a charset", request: "POST /v1/orders\nAs: carol\nContent-Type: application/json; charset=utf-8\n\n" + `{"item": "pegs", "quantity": 4}`, status: 201, holds: "pegs"},
		{name: "Dave changes his order", request: "PATCH /v1/orders/ord-4001\nAs: dave\n\n" + `{"quantity": 3}`, status: 200, holds: `"quantity":3`},
		{name: "Dave cancels his order", request: "DELETE /v1/orders/ord-4001\nAs: dave", status: 204},
		{name: "Dave looks at his account", request: "GET /v1/me\nAs: dave", status: 200, holds: "Dave Dyer"},
		{name: "Dave takes another name: Ďave d'Ýer", request: "PATCH /v1/me\nAs: dave\n\n" + `{"name": "Ďave d'Ýer"}`, status: 200, holds: "Ďave d'Ýer"},
		{name: "support of acme reads Bob's order", request: "GET /v1/orders/ord-2001\nAs: sam", status: 200, holds: bobsSecret},
		{name: "where the rows are kept apart: Bob lists his orders", request: "GET /v1/orders\nAs: bob", status: 200, holds: bobsSecret, kept: true},
		{name: "where the rows are kept apart: Bob changes his order", request: "PATCH /v1/orders/ord-2002\nAs: bob\n\n" + `{"note": "the front door"}`, status: 200, holds: "the front door", kept: true},
		{name: "where the rows are kept apart: Carol places an order", request: "POST /v1/orders\nAs: carol\n\n" + `{"item": "resin", "quantity": 2}`, status: 201, holds: `"customer_id":"carol"`, kept: true},
		{name: "the administrator lists users", request: "GET /v1/admin/users\nAs: ada", status: 200, holds: "mallory@globex"},
		{name: "the administrator removes a user", request: "DELETE /v1/admin/users/mallory\nAs: ada", status: 204},
		{name: "the shop's own site asks first (preflight)", request: "OPTIONS /v1/orders\nOrigin: https://app.example.com\nAccess-Control-Request-Method: POST\nAccess-Control-Request-Headers: authorization,content-type",
			status: 204, field: "Access-Control-Allow-Methods: GET, POST"},
		{name: "the shop's own site then places an order", request: "POST /v1/orders\nAs: heidi\nOrigin: https://app.example.com\n\n" + `{"item": "tea", "quantity": 1}`, status: 201,
			field: "Access-Control-Allow-Origin: https://app.example.com"},
		{name: "three requests on one connection", request: "GET /v1/orders/ord-2002\nAs: bob", status: 200, holds: "back door", repeat: 3},
		{name: "a request over HTTP/2", request: "GET /v1/orders/ord-3001\nAs: sam", status: 200, holds: "violin", http2: true},
	}
}

// chunks frames the pieces of a body (RFC 9112 section 7.1).
func chunks(pieces ...string) string {
	var b strings.Builder
	for _, p := range pieces {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(p), p)
	}
	return b.String() + "0\r\n\r\n"
}

// welcome plays the legitimate requests.
func (t *tour) welcome() error {
	t.show.visitors()
	if err := errors.Join(t.stage.api.Reset(), t.stage.kept.Reset()); err != nil {
		return err
	}
	list := visits()
	for i := range list {
		v := &list[i]
		t.visits++
		replies, err := t.visit(v, i)
		if err != nil {
			return fmt.Errorf("tour: %s: %w", v.name, err)
		}
		fault := v.compare(replies)
		if trail := t.trail(replies[0]); fault != "" && trail != nil && trail.Rule != "" {
			fault += ", by " + trail.Rule
		}
		if fault != "" {
			t.refused++
			t.faults = append(t.faults, fmt.Sprintf("request %d, %s: %s", t.visits, v.name, fault))
		}
		t.show.visit(t.visits, v, replies[0].status, fault)
	}
	return nil
}

// compare returns what is wrong with the answers, or "".
func (v *visit) compare(replies []reply) string {
	if n := max(v.repeat, 1); len(replies) != n {
		return fmt.Sprintf("%d answers, want %d", len(replies), n)
	}
	for _, r := range replies {
		name, value, _ := strings.Cut(v.field, ": ")
		switch {
		case r.status != v.status:
			return fmt.Sprintf("got %d, want %d", r.status, v.status)
		case !strings.Contains(r.body, v.holds):
			return fmt.Sprintf("the answer lacks %q", v.holds)
		case value != "" && !strings.Contains(r.header.Get(name), value):
			return fmt.Sprintf("%s is %q", name, r.header.Get(name))
		case r.header.Get("X-Content-Type-Options") != "nosniff":
			return "the answer lacks its security fields"
		}
	}
	return ""
}

// visit sends one legitimate request, or several on one connection.
func (t *tour) visit(v *visit, n int) ([]reply, error) {
	from := ""
	if t.many {
		from = fmt.Sprintf("127.0.2.%d", n+1)
	}
	to, host := t.through, "localhost"
	if v.kept {
		host, to.tls = keptHost, to.tls.Clone()
		to.tls.ServerName = keptHost
	}
	raw, method := t.wire(v.request, host)
	if v.http2 {
		return t.overHTTP2(v)
	}
	times := max(v.repeat, 1)
	a := &attack{answers: times}
	return t.patiently(to, []byte(strings.Repeat(string(raw), times)), method, from, a)
}

// overHTTP2 sends a GET through the standard library's client.
func (t *tour) overHTTP2(v *visit) ([]reply, error) {
	line, rest, _ := strings.Cut(v.request, "\n")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, port, err := net.SplitHostPort(t.through.addr)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost:"+port+strings.TrimPrefix(line, "GET "), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+t.tokenOf(strings.TrimPrefix(rest, "As: ")))
	transport := &http.Transport{TLSClientConfig: t.through.tls.Clone(), ForceAttemptHTTP2: true, IdleConnTimeout: time.Second,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, t.through.addr)
		}}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.ProtoMajor != 2 {
		return nil, fmt.Errorf("it was answered over %s", answer.Proto)
	}
	return []reply{{answer.StatusCode, answer.Header, string(body)}}, nil
}
