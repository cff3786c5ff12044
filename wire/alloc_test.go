package wire

import (
	"io"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

// typical is a GET as a browser's application sends it: 15 fields.
const typical = "GET /v1/orders/12345?expand=lines HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: application/json\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: https://app.example.com/\r\n" +
	"Authorization: Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhbGljZSIsImF1ZCI6ImFwaSJ9.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl\r\n" +
	"Origin: https://app.example.com\r\nConnection: keep-alive\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-site\r\n" +
	"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Request-ID: 01J0000000000000000000000\r\nCache-Control: no-cache\r\n\r\n"

const typicalReply = "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 19:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 26\r\nEtag: \"abc\"\r\nVary: Origin\r\n\r\n{\"id\":\"1\",\"item\":\"a book\"}"

const typicalPost = "POST /v1/orders HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n"

// again reads the same bytes for ever.
type again struct {
	s string
	i int
}

func (a *again) Read(b []byte) (int, error) {
	n := copy(b, a.s[a.i:])
	a.i = (a.i + n) % len(a.s)
	return n, nil
}

// exchange is what a proxy does with the wire for one request.
type exchange struct {
	client, upstream *Reader
	q                gatehouse.Request
	p                gatehouse.Response
	m                Message
	l                Limits
	up               gatehouse.Upstream
	out, body        []byte
}

func newExchange(request string) *exchange {
	buffers := &Buffers{}
	x := &exchange{client: NewReader(&again{s: request}), upstream: NewReader(&again{s: typicalReply}), l: DefaultLimits()}
	x.client.Buffers, x.upstream.Buffers, x.upstream.Replies = buffers, buffers, true
	return x
}

func (x *exchange) run(tb testing.TB) {
	must := func(err error) {
		if err != nil && err != io.EOF {
			tb.Fatal(err)
		}
	}
	var err error
	must(x.client.Await())
	must(x.client.Head())
	must(x.client.ParseRequest(&x.q, &x.m, &x.l))
	x.body, _, err = x.client.Body().ReadAll(x.body[:0], 1<<20)
	must(err)
	x.q.Forward = append(x.q.Forward[:0], gatehouse.Field{Name: "gatehouse-user", Value: "alice"})
	x.out, err = AppendRequestHead(x.out[:0], &x.q, &x.up, x.m.Framing, x.m.Length)
	must(err)
	must(x.upstream.Head())
	must(x.upstream.ParseResponse(&x.p, &x.m, x.q.Method))
	x.out, err = AppendResponseHead(x.out[:0], &x.p, x.m.Framing, x.m.Length, false)
	must(err)
	x.body, _, err = x.upstream.Body().ReadAll(x.body[:0], 1<<20)
	must(err)
	if !x.client.Release() || !x.upstream.Release() {
		tb.Fatal("not clean")
	}
}

func TestNothingIsAllocatedPerExchange(t *testing.T) {
	for name, request := range map[string]string{"GET": typical, "POST": typicalPost, "long head": strings.Replace(typical, "Accept:", "Cookie: a="+strings.Repeat("b", 9000)+"\r\nAccept:", 1)} {
		x := newExchange(request)
		x.run(t)
		if n := testing.AllocsPerRun(200, func() { x.run(t) }); n != 0 {
			t.Errorf("%s: %v allocations per exchange", name, n)
		}
	}
}

func TestQueryPairsAllocateOnlyForEscapes(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		for name, value := range QueryPairs("expand=lines&page=2&limit=50") {
			if name == value {
				t.Error("equal")
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkExchange(b *testing.B) {
	x := newExchange(typical)
	b.ReportAllocs()
	for b.Loop() {
		x.run(b)
	}
}

func BenchmarkParseRequest(b *testing.B) {
	x := newExchange(typical)
	b.ReportAllocs()
	b.SetBytes(int64(len(typical)))
	for b.Loop() {
		if err := x.client.Head(); err != nil {
			b.Fatal(err)
		}
		if err := x.client.ParseRequest(&x.q, &x.m, &x.l); err != nil {
			b.Fatal(err)
		}
		x.client.Release()
	}
}
