package wire

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/wire/wiretest"
)

// FuzzFields: field lines give the same fields however the bytes arrive, and no
// field that is taken can break a line, name a transport field or stand twice
// where it may stand once.
func FuzzFields(f *testing.F) {
	for _, s := range []string{"a: b\r\n", "A:b\r\nA: c\r\n", "Connection: x\r\nx: y\r\n", "X_a: b\r\n", "a: b\r\n c\r\n", "Cookie: a\r\ncookie: b\r\n", "Trailer: a\r\n", "a: \xff\r\n", "a : b\r\n", "a:\tb\t\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		raw := "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"
		want, wantErr := all(strings.NewReader(raw))
		got, err := all(iotest.OneByteReader(strings.NewReader(raw)))
		if err != wantErr || !sameAll(got, want) {
			t.Fatalf("%q: %v, byte by byte %v", raw, wantErr, err)
		}
		for _, q := range want {
			for i, field := range q.Fields {
				if !isToken(field.Name) || strings.ToLower(field.Name) != field.Name || strings.ContainsAny(field.Name, "_") || strings.ContainsAny(field.Value, "\r\n\x00") {
					t.Fatalf("%q: took %q", raw, field.Name+": "+field.Value)
				}
				if k := kindOf(field.Name); k != ordinary && k < contentTypeKind || k != ordinary && q.Fields[:i].Has(field.Name) {
					t.Fatalf("%q: took %q", raw, field.Name+": "+field.Value)
				}
			}
		}
	})
}

// FuzzTarget: a canonical target is a fixed point that net/url reads the same
// way, whatever is permitted; and what is permitted never resolves to another
// shape of path.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/", "/a/%62?c=%20", "/a%2fb", "/..", "/%e2%82%ac", "/a?b;c", "//", "/a/", "/a/b%2fc", "/..%2fa", "/a%25", "/%252e", "/a%25%36%31", "/a;b/c", "/..;/a", "/a%3b%2F..", "/a%2f;/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		var q gatehouse.Request
		needs, r := canonicalTarget(&q, []byte(target), everything)
		if strict := CanonicalTarget(&gatehouse.Request{}, []byte(target)); (strict == nil) != (r == nil && needs == 0) {
			t.Fatalf("%q: %v, though %v (%q)", target, strict, r, needs)
		}
		if r != nil {
			return
		}
		path, query := strings.Clone(q.Path), strings.Clone(q.Query)
		if _, err := canonicalTarget(&q, []byte(path+"?"+query), needs); err != nil || q.Path != path || q.Query != query {
			t.Fatalf("%q became %q, then %q: %v", target, path, q.Path, err)
		}
		resolved := SegmentDecode(path)
		if twice := SegmentDecode(resolved); twice != resolved {
			t.Fatalf("%q is %q, and %q to who decodes twice", target, resolved, twice)
		}
		for i, seg := range strings.Split(resolved[1:], "/") {
			if name, _, _ := strings.Cut(seg, ";"); name == "." || name == ".." || name == "" && i != strings.Count(resolved, "/")-1 {
				t.Fatalf("%q resolves to %q", target, resolved)
			}
		}
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Path != SegmentDecode(path) || u.RawQuery != query {
			t.Fatalf("%q: %+v, %v, want %q", target, u, err, path)
		}
		form, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		for name, value := range QueryPairs(query) {
			if len(form[name]) == 0 || form[name][0] != value {
				t.Fatalf("%q: %q has %q, want %q", target, name, value, form[name])
			}
			form[name] = form[name][1:]
		}
		for name, rest := range form {
			if len(rest) > 0 {
				t.Fatalf("%q: %q is missing %q", target, name, rest)
			}
		}
	})
}

// FuzzResponse: what is taken as a reply, net/http takes as the same reply.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{typicalReply, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 204 \r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nabc", "HTTP/1.1 200 OK\r\n\r\nabc",
		"HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nx"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, isHead bool) {
		method := "GET"
		if isHead {
			method = "HEAD"
		}
		r := NewReader(bytes.NewReader(bytes.Clone(raw)))
		r.Replies = true
		got, err := answer(r, method)
		if _, isRefusal := err.(*Refusal); isRefusal {
			t.Fatalf("%q: the client is blamed: %v", raw, err)
		}
		if err != nil {
			return
		}
		want, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%q: taken as %+v, but net/http says %v", raw, got, err)
		}
		if got.m.Upgrade {
			return
		}
		body, err := io.ReadAll(want.Body)
		if err != nil || got.status != want.StatusCode || got.body != string(body) {
			t.Fatalf("%q: %+v, but net/http has %d %q %v", raw, got, want.StatusCode, body, err)
		}
	})
}

// FuzzChunked: a chunked body is refused or read as the strict grammar reads it,
// however the bytes arrive.
func FuzzChunked(f *testing.F) {
	for _, s := range []string{"3\r\nabc\r\n0\r\n\r\n", "0\r\n\r\n", "0\r\nA: b\r\n\r\n", "3;a\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "a\r\n0123456789\r\n00\r\n\r\n", "fffffffffffffff\r\nx", "3\r\nabcd\r\n"} {
		f.Add([]byte(s), 1)
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, chunks []byte, n int) {
		raw := append([]byte(chunkedHead), chunks...)
		want, wantErr := all(bytes.NewReader(bytes.Clone(raw)))
		got, err := all(&pieces{s: string(raw), n: min(max(n, 1), 64)})
		if err != wantErr || !sameAll(got, want) {
			t.Fatalf("%q: %v, in pieces of %d %v", raw, wantErr, n, err)
		}
		strict, _ := wiretest.CheckRequestStream(raw)
		if len(want) > 0 && (len(strict) == 0 || string(strict[0].Body) != want[0].Body) {
			t.Fatalf("%q: read as %q, strictly %+v", raw, want[0].Body, strict)
		}
		if len(want) == 0 && len(strict) > 0 && len(strict[0].Trailers) == 0 {
			t.Fatalf("%q: refused with %v, though it is strict", raw, wantErr)
		}
	})
}

// FuzzCanonical: a request over HTTP/2 is refused, or is what the same request
// over HTTP/1.1 is.
func FuzzCanonical(f *testing.F) {
	f.Add("GET", "a.test", "/a", "accept", "b")
	f.Add("POST", "A.test:443", "/%61?b=c", "content-length", "3")
	f.Add("GET", "[::1]", "/", "host", "[0:0::1]")
	f.Fuzz(func(t *testing.T, method, authority, path, name, value string) {
		q, _, err := canonical(Pseudo{method, "http", authority, path}, gatehouse.Fields{{Name: name, Value: value}})
		if err != nil || name == "host" || name == "te" || name == "content-length" || authority == "" {
			return
		}
		raw := method + " " + path + " HTTP/1.1\r\nhost: " + authority + "\r\n" + name + ": " + value + "\r\n\r\n"
		one, err := parse(raw)
		if err != nil || one.Method != q.Method || one.Host != q.Host || one.Path != q.Path || one.Query != q.Query || !sameFields(one.Fields, q.Fields) {
			t.Fatalf("%q: %+v over HTTP/2, %+v (%v) over HTTP/1.1", raw, q, one, err)
		}
	})
}
