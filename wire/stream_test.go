package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gatehouse-api/gatehouse"
)

// taken is one request as the parser took it, copied out of its buffer.
type taken struct {
	Method, Host, Path, Query string
	Fields                    gatehouse.Fields
	Forwarded                 gatehouse.Fields
	Framing                   Framing
	Length                    int64
	Close, Upgrade, Expect    bool
	Body                      string
	Trailers                  gatehouse.Fields
	End                       int // how many bytes of the stream were used
}

func clones(f gatehouse.Fields) gatehouse.Fields {
	var c gatehouse.Fields
	for _, e := range f {
		c.Add(strings.Clone(e.Name), strings.Clone(e.Value))
	}
	return c
}

// one takes the next request from r.
func one(r *Reader, l *Limits) (taken, error) {
	var q gatehouse.Request
	var m Message
	if err := r.Await(); err != nil {
		return taken{}, err
	}
	if err := r.Head(); err != nil {
		return taken{}, err
	}
	if err := r.ParseRequest(&q, &m, l); err != nil {
		return taken{}, err
	}
	body, _, err := r.Body().ReadAll(nil, 1<<40)
	if err != nil {
		return taken{}, err
	}
	got := taken{Method: strings.Clone(q.Method), Host: strings.Clone(q.Host), Path: strings.Clone(q.Path), Query: strings.Clone(q.Query),
		Fields: clones(q.Fields), Forwarded: clones(m.Forwarded), Framing: m.Framing, Length: m.Length, Close: m.Close, Upgrade: m.Upgrade,
		Expect: m.Expect, Body: string(body), Trailers: clones(r.Body().Trailers())}
	if !r.Release() {
		return taken{}, errors.New("Release says that the body was not read")
	}
	return got, nil
}

// all takes the requests of a whole stream until one is not taken.
func all(src io.Reader) ([]taken, error) {
	counted := &counter{src: src}
	r := NewReader(counted)
	l := DefaultLimits()
	var list []taken
	for {
		got, err := one(r, &l)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return list, err
		}
		got.End = counted.n - r.Buffered()
		list = append(list, got)
		if got.Upgrade {
			return list, nil
		}
	}
}

type counter struct {
	src io.Reader
	n   int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.src.Read(b)
	c.n += n
	return n, err
}

// parse takes the one request of raw; LF line ends are not translated.
func parse(raw string) (taken, error) {
	list, err := all(strings.NewReader(raw))
	if err != nil || len(list) == 0 {
		return taken{}, err
	}
	return list[0], nil
}

// head makes a GET of / with the given field lines.
func head(lines ...string) string {
	return "GET / HTTP/1.1\r\nHost: a.test\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// get makes a GET of the target.
func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: a.test\r\n\r\n" }

// refuses asserts that the rule refuses raw, whole and byte by byte.
func refuses(t *testing.T, rule *Refusal, raw string) {
	t.Helper()
	for _, src := range []io.Reader{strings.NewReader(raw), iotest.OneByteReader(strings.NewReader(raw))} {
		if list, err := all(src); !errors.Is(err, rule) {
			t.Errorf("%q: got %v (%d taken), want %v", clip(raw), err, len(list), rule)
		}
	}
}

func takes(t *testing.T, raw string) taken {
	t.Helper()
	got, err := parse(raw)
	if err != nil {
		t.Errorf("%q: %v", clip(raw), err)
	}
	return got
}

func clip(s string) string { return s[:min(len(s), 200)] }

func TestWhatIsPlainIsTaken(t *testing.T) {
	stream := get("/a?b=c") + "POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello" +
		"POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n" +
		"PUT /d HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	got, err := all(strings.NewReader(stream))
	if err != nil || len(got) != 4 {
		t.Fatalf("%d taken, %v", len(got), err)
	}
	if got[0].Path != "/a" || got[0].Query != "b=c" || got[1].Body != "hello" || got[2].Body != "hello!" || !got[3].Close || got[3].End != len(stream) {
		t.Errorf("%+v", got)
	}
}

func TestTheResultDoesNotDependOnHowTheBytesArrive(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 3000)
	for _, stream := range []string{
		get("/a%20b") + head("X-A: b", "Cookie: a=b") + get("/last"),
		"POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello" + get("/next"),
		"POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb\r\n 0123456789\r\n0\r\n\r\n" + get("/next"),
		"POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nbb80\r\n" + long + "\r\n0\r\n\r\n" + get("/next"),
		"POST /c HTTP/1.1\r\nHost: a.test\r\nContent-Length: 48000\r\n\r\n" + long + get("/next"),
		head("X-Long: "+long[:20000]) + "POST /c HTTP/1.1\r\nHost: a.test\r\nX-Long: " + long[:9000] + "\r\nContent-Length: 48000\r\n\r\n" + long + get("/next"),
		strings.Repeat(get("/pipelined"), 900),
	} {
		want, err := all(strings.NewReader(stream))
		if err != nil || len(want) < 2 || want[len(want)-1].End != len(stream) {
			t.Fatalf("%q: %d taken, %v", clip(stream), len(want), err)
		}
		for name, src := range map[string]io.Reader{
			"one byte at a time":  iotest.OneByteReader(strings.NewReader(stream)),
			"half of what fits":   iotest.HalfReader(strings.NewReader(stream)),
			"data with the error": iotest.DataErrReader(strings.NewReader(stream)),
			"seven bytes":         &pieces{s: stream, n: 7},
			"4097 bytes":          &pieces{s: stream, n: 4097},
		} {
			got, err := all(src)
			if err != nil || !sameAll(got, want) {
				t.Errorf("%s: %q: %d taken, %v", name, clip(stream), len(got), err)
			}
		}
	}
}

// sameAll compares but for End, which tells what was read, not what was used.
func sameAll(a, b []taken) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

func same(x, y taken) bool {
	return x.Method == y.Method && x.Host == y.Host && x.Path == y.Path && x.Query == y.Query && x.Body == y.Body && x.Framing == y.Framing &&
		x.Length == y.Length && x.Close == y.Close && sameFields(x.Fields, y.Fields) && sameFields(x.Trailers, y.Trailers)
}

func sameFields(a, b gatehouse.Fields) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

type pieces struct {
	s string
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.s == "" {
		return 0, io.EOF
	}
	n := copy(b, p.s[:min(p.n, len(p.s))])
	p.s = p.s[n:]
	return n, nil
}

func TestTheHeadSurvivesItsBody(t *testing.T) {
	for _, size := range []int{10, 3000, 5000, 100_000} {
		raw := "POST /path HTTP/1.1\r\nHost: a.test\r\nX-Mark: still here\r\nTransfer-Encoding: chunked\r\n\r\n"
		b := []byte(raw)
		for left := size; left > 0; left -= 1000 {
			b = AppendChunk(b, bytes.Repeat([]byte("x"), min(left, 1000)))
		}
		b, _ = AppendLastChunk(b, gatehouse.Fields{{Name: "checksum", Value: "abc"}})
		r := NewReader(bytes.NewReader(b))
		var q gatehouse.Request
		var m Message
		l := DefaultLimits()
		if err := r.Head(); err != nil {
			t.Fatal(err)
		}
		if err := r.ParseRequest(&q, &m, &l); err != nil {
			t.Fatal(err)
		}
		r.Body().AllowTrailers = true
		body, _, err := r.Body().ReadAll(nil, 1<<20)
		if err != nil || len(body) != size {
			t.Fatalf("%d bytes, %v", len(body), err)
		}
		if q.Path != "/path" || q.Host != "a.test" || q.Fields.Get("x-mark") != "still here" || r.Body().Trailers().Get("checksum") != "abc" {
			t.Errorf("size %d: the views have changed: %+v", size, q)
		}
	}
}

func TestAnIdleConnectionHoldsTheSmallBufferOnly(t *testing.T) {
	r := NewReader(strings.NewReader(head("X-Long: "+strings.Repeat("x", 20000)) + get("/")))
	l := DefaultLimits()
	for range 2 {
		if _, err := one(r, &l); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.buf) != smallBuffer || r.held != nil {
		t.Errorf("an idle connection holds %d bytes", len(r.buf))
	}
}

func TestTheEndOfTheConnectionIsToldApart(t *testing.T) {
	l := DefaultLimits()
	for raw, want := range map[string]error{
		"":            io.EOF,
		"GET / HT":    io.ErrUnexpectedEOF,
		get("/")[:30]: io.ErrUnexpectedEOF,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc":                io.ErrUnexpectedEOF,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc":  io.ErrUnexpectedEOF,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc":  io.ErrUnexpectedEOF,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3":         io.ErrUnexpectedEOF,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b": io.ErrUnexpectedEOF,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n":     io.ErrUnexpectedEOF,
	} {
		if _, err := one(NewReader(strings.NewReader(raw)), &l); err != want {
			t.Errorf("%q: %v, want %v", raw, err, want)
		}
	}
}
