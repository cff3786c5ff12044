package proxy

import (
	"bufio"
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/wire"
)

// What the serialiser writes is cut here and parsed by net/http: both must come to the
// same request.
func TestAWrittenHeadIsReadAsNetHTTPReadsIt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const odd = "abzAZ09-_.!~ \t,;=\"%/:?@\x80\xff"
	text := func(most int) string {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = odd[r.IntN(len(odd))]
		}
		return string(b)
	}
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	field := func() gatehouse.Field {
		name := pick("accept", "accept-encoding", "authorization", "content-type", "cookie", "forwarded", "traceparent", "user-agent", "x-request-id", "x-twice", "x_twice", "pragma", "cache-control", "content-type", "X-Mixed-case", "expect", "a", "te", "connection", "x-"+strings.TrimFunc(text(5), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') }))
		return gatehouse.Field{Name: name, Value: pick(text(20), "no-cache", "", " x ", "100-continue")}
	}
	read := 0
	for range 20000 {
		q := &gatehouse.Request{Method: pick("GET", "POST", "PURGE", "CONNECT", "OPTIONS"), Host: pick("api.example.com", "[::1]:8443", "a:1"), Path: "/" + pick("", "a%2Cb/c", "%zz", "//x", text(8)), Query: pick("", "a=1&b=%20", text(8))}
		for range r.IntN(12) {
			q.Fields = append(q.Fields, field())
		}
		for range r.IntN(3) {
			q.Forward = append(q.Forward, field())
		}
		q.Upgrade = r.IntN(10) == 0
		f, n := wire.Framing(r.IntN(3)), int64(r.IntN(3)*50)
		head, err := wire.AppendRequestHead(nil, q, &gatehouse.Upstream{Prefix: pick("", "/v1")}, f, n)
		if err != nil {
			continue
		}
		want, wantErr := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		got, err := readWritten(t.Context(), head, f, n)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, net/http says %v", head, err, wantErr)
		}
		if err != nil {
			continue
		}
		read++
		if got.RemoteAddr != "@" || got.Context() != t.Context() || got.Body != http.NoBody || (want.Body == http.NoBody) != (got.ContentLength == 0) {
			t.Fatalf("%q: %+v", head, got)
		}
		want.RemoteAddr, want.Body = "@", http.NoBody
		if want = want.WithContext(t.Context()); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q:\n%+v\nnet/http:\n%+v", head, got, want)
		}
	}
	if read < 5000 {
		t.Errorf("only %d heads were read", read)
	}
}

func BenchmarkAWrittenHead(b *testing.B) {
	q := &gatehouse.Request{Method: "POST", Host: "api.example.com", Path: "/token", Fields: gatehouse.Fields{{Name: "content-type", Value: "application/x-www-form-urlencoded"}, {Name: "authorization", Value: "Basic am9iOnNlY3JldA=="}, {Name: "accept", Value: "*/*"}}, Forward: gatehouse.Fields{{Name: "traceparent", Value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {Name: "x-request-id", Value: "01K0000000000000000000000"}}}
	head, err := wire.AppendRequestHead(nil, q, &gatehouse.Upstream{}, wire.Length, 50)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readWritten(context.Background(), head, wire.Length, 50); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAWrittenHeadByNetHTTP(b *testing.B) {
	head := []byte("POST /token HTTP/1.1\r\nhost: api.example.com\r\ncontent-type: application/x-www-form-urlencoded\r\nauthorization: Basic am9iOnNlY3JldA==\r\naccept: */*\r\ncontent-length: 50\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nx-request-id: 01K0000000000000000000000\r\n\r\n")
	b.ReportAllocs()
	var br bufio.Reader
	for b.Loop() {
		br.Reset(bytes.NewReader(head))
		r, err := http.ReadRequest(&br)
		if err != nil {
			b.Fatal(err)
		}
		_ = r.WithContext(context.Background())
	}
}
