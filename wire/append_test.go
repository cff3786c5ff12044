package wire

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/wire/wiretest"
)

func appended(t *testing.T, q *gatehouse.Request, up *gatehouse.Upstream, f Framing, n int64) string {
	t.Helper()
	b, err := AppendRequestHead(nil, q, up, f, n)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheUpstreamGetsTheCanonicalRequest(t *testing.T) {
	q := &gatehouse.Request{Method: "POST", Host: "api.test", Path: "/v1/orders", Query: "a=b",
		Fields:  gatehouse.Fields{{Name: "accept", Value: "*/*"}, {Name: "cookie", Value: "a=b"}},
		Forward: gatehouse.Fields{{Name: "gatehouse-user", Value: "alice"}}, Drop: []string{"Cookie"}}
	want := "POST /base/v1/orders?a=b HTTP/1.1\r\nhost: api.test\r\naccept: */*\r\ncontent-length: 7\r\ngatehouse-user: alice\r\n\r\n"
	if got := appended(t, q, &gatehouse.Upstream{Prefix: "/base"}, Length, 7); got != want {
		t.Errorf("%q", got)
	}
	if got := appended(t, q, &gatehouse.Upstream{Host: "inner:9000"}, Chunked, 0); !strings.Contains(got, "\r\nhost: inner:9000\r\n") || !strings.Contains(got, "transfer-encoding: chunked\r\n") {
		t.Errorf("%q", got)
	}
	q.Upgrade = true
	if got := appended(t, q, &gatehouse.Upstream{}, None, 0); !strings.Contains(got, "connection: upgrade\r\nupgrade: websocket\r\n") {
		t.Errorf("%q", got)
	}
}

// R11, R12: what we set is what arrives, whatever the client called its own.
func TestR12_AClientFieldNeverStandsBesideOurs(t *testing.T) {
	for _, name := range []string{"x-user-id", "x_user_id", "x-user_id", "x_user-id", "X-User-Id", "X_USER_ID"} {
		q := &gatehouse.Request{Method: "GET", Host: "a", Path: "/", Fields: gatehouse.Fields{{Name: name, Value: "root"}, {Name: "x-user-idx", Value: "1"}},
			Forward: gatehouse.Fields{{Name: "x-user-id", Value: "alice"}}}
		got := appended(t, q, &gatehouse.Upstream{}, None, 0)
		if strings.Contains(got, "root") || !strings.HasSuffix(got, "x-user-id: alice\r\n\r\n") || !strings.Contains(got, "x-user-idx: 1") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestThereIsExactlyOneFramingField(t *testing.T) {
	fields := gatehouse.Fields{{Name: "content-length", Value: "3"}, {Name: "transfer-encoding", Value: "chunked"}, {Name: "connection", Value: "x"}, {Name: "host", Value: "b"}, {Name: "upgrade", Value: "h2c"},
		{Name: "te", Value: "x"}, {Name: "trailer", Value: "x"}, {Name: "keep-alive", Value: "x"}, {Name: "proxy-connection", Value: "x"}}
	q := &gatehouse.Request{Method: "GET", Host: "a", Path: "/", Fields: fields}
	if got := appended(t, q, &gatehouse.Upstream{}, Length, 0); got != "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n" {
		t.Errorf("%q", got)
	}
	b, err := AppendResponseHead(nil, &gatehouse.Response{Status: 200, Fields: fields[:3]}, Chunked, 0, true)
	if string(b) != "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	for _, f := range fields {
		q := &gatehouse.Request{Method: "GET", Host: "a", Path: "/", Forward: gatehouse.Fields{f}}
		if _, err := AppendRequestHead(nil, q, &gatehouse.Upstream{}, None, 0); err != ErrUnsafe {
			t.Errorf("%s is set by a control: %v", f.Name, err)
		}
	}
}

func TestRepliesWithoutABodyGetNoFraming(t *testing.T) {
	for status, want := range map[int]string{
		204: "HTTP/1.1 204 No Content\r\n\r\n", 100: "HTTP/1.1 100 Continue\r\n\r\n", 101: "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
		304: "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", 299: "HTTP/1.1 299 \r\ncontent-length: 5\r\n\r\n",
	} {
		if got, err := AppendResponseHead(nil, &gatehouse.Response{Status: status}, Length, 5, false); string(got) != want || err != nil {
			t.Errorf("%d: %q, %v", status, got, err)
		}
	}
}

func TestLineEndsInValuesAreNeverWritten(t *testing.T) {
	for _, bad := range []string{"a\r\nb: c", "a\nb", "a\rb", "a\x00b"} {
		for name, q := range map[string]*gatehouse.Request{
			"field":   {Method: "GET", Host: "a", Path: "/", Fields: gatehouse.Fields{{Name: "x", Value: bad}}},
			"forward": {Method: "GET", Host: "a", Path: "/", Forward: gatehouse.Fields{{Name: "x", Value: bad}}},
			"name":    {Method: "GET", Host: "a", Path: "/", Forward: gatehouse.Fields{{Name: bad, Value: "x"}}},
			"path":    {Method: "GET", Host: "a", Path: "/" + bad},
			"query":   {Method: "GET", Host: "a", Path: "/", Query: bad},
			"host":    {Method: "GET", Host: bad, Path: "/"},
			"method":  {Method: bad, Host: "a", Path: "/"},
			"space":   {Method: "GET", Host: "a", Path: "/ HTTP/1.1"},
			"nothing": {Method: "GET", Host: "a"},
		} {
			if b, err := AppendRequestHead(nil, q, &gatehouse.Upstream{}, None, 0); err != ErrUnsafe {
				t.Errorf("%s: %q: %v", name, b, err)
			}
		}
		if _, err := AppendResponseHead(nil, &gatehouse.Response{Status: 200, Fields: gatehouse.Fields{{Name: "x", Value: bad}}}, None, 0, false); err != ErrUnsafe {
			t.Errorf("reply: %v", err)
		}
		if _, err := AppendLastChunk(nil, gatehouse.Fields{{Name: "x", Value: bad}}); err != ErrUnsafe {
			t.Errorf("trailer: %v", err)
		}
	}
	if _, err := AppendResponseHead(nil, &gatehouse.Response{}, None, 0, false); err != ErrUnsafe {
		t.Errorf("status 0: %v", err)
	}
}

func TestChunksAreReadBack(t *testing.T) {
	b := AppendChunk([]byte(chunkedHead), []byte("hello"))
	b = AppendChunk(b, nil)
	b = append(AppendChunkSize(b, 16), "0123456789abcdef\r\n"...)
	b, err := AppendLastChunk(b, gatehouse.Fields{{Name: "checksum", Value: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := wiretest.CheckRequestStream(b)
	if err != nil || len(got) != 1 || string(got[0].Body) != "hello0123456789abcdef" || got[0].Trailers[0] != "checksum: a" {
		t.Errorf("%q: %+v, %v", b, got, err)
	}
	if _, err := AppendLastChunk(nil, gatehouse.Fields{{Name: "content-length", Value: "3"}}); err != ErrUnsafe {
		t.Errorf("%v", err)
	}
}
