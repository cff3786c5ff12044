package wire

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/wire/wiretest"
)

// agree asserts the property of ASSURANCE.md section 1.2: this package may
// refuse more than net/http and never accept more, and where both accept they
// agree on every request, its body and where the next one begins. What is
// forwarded passes the strict grammar and says the same. It returns how many
// requests were taken.
func agree(t *testing.T, stream []byte) int {
	t.Helper()
	list, refused := all(bytes.NewReader(bytes.Clone(stream)))
	if slow, err := all(iotest.OneByteReader(bytes.NewReader(stream))); err != refused || !sameAll(slow, list) {
		t.Fatalf("%q: %d taken, %v; byte by byte %d, %v", stream, len(list), refused, len(slow), err)
	}
	src := bytes.NewReader(stream)
	oracle := bufio.NewReader(src)
	for i, got := range list {
		want, err := http.ReadRequest(oracle)
		if err != nil {
			t.Fatalf("%q: request %d taken as %+v, but net/http says %v", stream, i, got, err)
		}
		body, err := io.ReadAll(want.Body)
		if err != nil {
			t.Fatalf("%q: body %d taken as %q, but net/http says %v", stream, i, got.Body, err)
		}
		if got.Method != want.Method || !sameHost(got.Host, want.Host) || SegmentDecode(got.Path) != want.URL.Path || got.Query != want.URL.RawQuery || got.Body != string(body) {
			t.Fatalf("%q: request %d: %+v, but net/http has %s %s %s %q", stream, i, got, want.Method, want.Host, want.URL, body)
		}
		if end := len(stream) - src.Len() - oracle.Buffered(); got.End != end {
			t.Fatalf("%q: request %d ends at %d, but at %d for net/http", stream, i, got.End, end)
		}
		if got.Upgrade {
			return len(list)
		}
	}
	if _, isRefusal := refused.(*Refusal); isRefusal || refused == nil {
		forwardsTheSame(t, stream, list)
	}
	return len(list)
}

// sameHost compares a canonical host with what net/http has.
func sameHost(canonical, raw string) bool {
	raw = strings.ToLower(raw)
	raw, _ = strings.CutSuffix(raw, ":80")
	raw, _ = strings.CutSuffix(raw, ":443")
	name, port, _ := strings.Cut(raw, ":")
	if !strings.HasPrefix(raw, "[") {
		name, _ = strings.CutSuffix(name, ".")
		if port != "" {
			name += ":" + port
		}
		return canonical == name
	}
	inner, port, _ := strings.Cut(raw[1:], "]")
	addr, err := netip.ParseAddr(inner)
	return err == nil && canonical == "["+addr.String()+"]"+port
}

// forwardsTheSame asserts that what would go to the upstream is readable in one
// way, and is what was decided on.
func forwardsTheSame(t *testing.T, stream []byte, list []taken) {
	t.Helper()
	var out []byte
	for _, got := range list {
		q := gatehouse.Request{Method: got.Method, Host: got.Host, Path: got.Path, Query: got.Query, Fields: got.Fields}
		var err error
		if out, err = AppendRequestHead(out, &q, &gatehouse.Upstream{}, got.Framing, got.Length); err != nil {
			t.Fatalf("%q: %+v: %v", stream, got, err)
		}
		if got.Framing == Chunked {
			out, _ = AppendLastChunk(AppendChunk(out, []byte(got.Body)), nil)
		} else {
			out = append(out, got.Body...)
		}
	}
	strict, err := wiretest.CheckRequestStream(out)
	if err != nil || len(strict) != len(list) {
		t.Fatalf("%q: forwarded as %q: %d of %d, %v", stream, out, len(strict), len(list), err)
	}
	again, err := all(bytes.NewReader(out))
	if err != nil || len(again) != len(list) {
		t.Fatalf("%q: forwarded as %q, which is not taken: %v", stream, out, err)
	}
	for i, got := range list {
		target := got.Path
		if got.Query != "" {
			target += "?" + got.Query
		}
		if s := strict[i]; s.Method != got.Method || s.Target != target || s.Host() != got.Host || string(s.Body) != got.Body {
			t.Fatalf("%q: forwarded as %+v, decided on %+v", stream, s, got)
		}
		got.Close = again[i].Close // of the connection, not of the request
		if !same(again[i], got) {
			t.Fatalf("%q: read again as %+v, decided on %+v", stream, again[i], got)
		}
	}
}

const corpora = "../../shared/corpora/http1/"

// corpus returns the streams of one file of the HTTP/1 corpora.
func corpus(tb testing.TB, name string) (streams [][]byte) {
	f, err := os.Open(corpora + name)
	if os.IsNotExist(err) {
		tb.Skipf("the corpus %s is not there", name)
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c struct {
			Bytes string `json:"bytes_base64"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			tb.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(c.Bytes)
		if err != nil {
			tb.Fatal(err)
		}
		streams = append(streams, raw)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return streams
}

// ASSURANCE.md section 6, suite "desync", at the parser: 0 of 2,974.
func TestR31_TheCorporaAreNotReadDifferently(t *testing.T) {
	const canary = "GET /canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for name, cases := range map[string]int{"garden.jsonl": 59, "llhttp.jsonl": 191, "smuggler.jsonl": 2724} {
		t.Run(name, func(t *testing.T) {
			ran, requests := 0, 0
			for _, stream := range corpus(t, name) {
				agree(t, stream)
				requests += agree(t, append(bytes.Clone(stream), canary...))
				ran++
			}
			t.Logf("%d cases, %d requests taken", ran, requests)
			if ran != cases {
				t.Errorf("%d cases ran, want %d", ran, cases)
			}
		})
	}
}

var plainStreams = []string{
	get("/"), get("/a%20b/%61?x=1&y=%20"), get("http://a.test/x"), head("Accept: */*", "Connection: close"),
	"POST /a HTTP/1.1\r\nHost: a.test:8080\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello" + get("/b"),
	chunkedHead + "5\r\nhello\r\n0\r\n\r\n" + get("/c"),
	chunkedHead + "5\r\nhello\r\n0\r\nA: b\r\n\r\n",
	head("Connection: upgrade", "Upgrade: websocket", key, "Sec-WebSocket-Version: 13"),
	head("Expect: 100-continue", "Trailer: a", "TE: trailers", "X-Forwarded-For: 1"),
	"OPTIONS / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
}

func TestPlainRequestsAreReadAsNetHTTPReadsThem(t *testing.T) {
	for _, stream := range plainStreams {
		if agree(t, []byte(stream)) == 0 && !strings.Contains(stream, "A: b") {
			t.Errorf("%q is not taken", stream)
		}
	}
}

func FuzzRequestAgainstNetHTTP(f *testing.F) {
	for _, stream := range plainStreams {
		f.Add([]byte(stream))
	}
	for _, stream := range corpus(f, "garden.jsonl") {
		f.Add(stream)
	}
	for _, stream := range corpus(f, "llhttp.jsonl") {
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream []byte) { agree(t, stream) })
}
