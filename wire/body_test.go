package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gatehouse-api/gatehouse"
)

const chunkedHead = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestR31_AMalformedChunkSizeIsRefused(t *testing.T) {
	for _, size := range []string{"0x3", "+3", "-3", " 3", "3 ", "g", "", "3_0", "0_2e", "3\t", "3,", "1234567890abcdef", "0000000000000003"} {
		refuses(t, ChunkSize, chunkedHead+size+"\r\nabc\r\n0\r\n\r\n")
	}
	if got := takes(t, chunkedHead+"000000000000003\r\nabc\r\nA\r\n0123456789\r\n00\r\n\r\n"); got.Body != "abc0123456789" {
		t.Errorf("%+v", got)
	}
}

func TestR31_ChunkExtensionsAreRefused(t *testing.T) {
	for _, ext := range []string{";a", ";a=b", ";a=\"b\"", ";", "; a\nb", ";\n"} {
		refuses(t, ChunkExtension, chunkedHead+"3"+ext+"\r\nabc\r\n0\r\n\r\n")
		refuses(t, ChunkExtension, chunkedHead+"3\r\nabc\r\n0"+ext+"\r\n\r\n")
	}
}

func TestR31_BareLFAndCRInChunksAreRefused(t *testing.T) {
	refuses(t, BareLF, chunkedHead+"3\nabc\r\n0\r\n\r\n")
	refuses(t, BareLF, chunkedHead+"3\r\nabc\r\n0\n\r\n")
	refuses(t, BareLF, chunkedHead+"3\r\nabc\r\n0\r\n\n")
	refuses(t, BareLF, chunkedHead+"3\r\nabc\r\n0\r\nA: b\n\r\n")
	refuses(t, BareCR, chunkedHead+"3\rabc\r\n0\r\n\r\n")
}

func TestR31_AChunkEndsWhereItsSizeSays(t *testing.T) {
	for _, end := range []string{"\n0\r\n\r\n", "x\r\n0\r\n\r\n", "\rx0\r\n\r\n", "0\r\n\r\n", "  \r\n0\r\n\r\n"} {
		refuses(t, ChunkEnd, chunkedHead+"3\r\nabc"+end)
	}
}

func TestTrailersAreRefusedUnlessAllowed(t *testing.T) {
	refuses(t, Trailer, chunkedHead+"0\r\nChecksum: a\r\n\r\n")
	body := func(trailer string) (gatehouse.Fields, error) {
		r := NewReader(iotest.OneByteReader(strings.NewReader(chunkedHead + "3\r\nabc\r\n0\r\n" + trailer + "\r\n" + get("/next"))))
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
		_, _, err := r.Body().ReadAll(nil, 100)
		fields := clones(r.Body().Trailers())
		if err == nil {
			r.Release()
			if got, err := one(r, &l); err != nil || got.Path != "/next" {
				t.Errorf("%q: then %+v, %v", clip(trailer), got, err)
			}
		}
		return fields, err
	}
	got, err := body("Checksum: a\r\nGrpc-Status: 0\r\n")
	if err != nil || len(got) != 2 || got[0] != (gatehouse.Field{Name: "checksum", Value: "a"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Host", "Authorization", "Cookie", "Content-Type", "X-User-Id", "Gatehouse-User", "X-Forwarded-For", "Set-Cookie", "Connection",
		"TE", "Trailer", "If-Match", "Cache-Control", "Range", "content_length", "Expect"} {
		if _, err := body(name + ": 1\r\n"); err != TrailerField {
			t.Errorf("%s: %v", name, err)
		}
	}
	for trailer, want := range map[string]error{"A : b\r\n": SpaceBeforeColon, "A: b\r\n c\r\n": ObsFold, "A: b\rc\r\n": BareCR, "A\r\n": FieldName, strings.Repeat("A: b\r\n", 33): TrailerTooLarge,
		"A: " + strings.Repeat("b", 5000) + "\r\n": TrailerTooLarge} {
		if _, err := body(trailer); err != want {
			t.Errorf("%q: %v, want %v", clip(trailer), err, want)
		}
	}
}

func TestR31_AnAnnouncedTrailerMustNotFrame(t *testing.T) {
	for _, names := range []string{"Content-Length", "a, Transfer-Encoding", "Host", "X-Forwarded-For", "a b", "content_length"} {
		refuses(t, TrailerField, head("Trailer: "+names))
	}
	refuses(t, DuplicateField, head("Trailer: a", "Trailer: b"))
	if got := takes(t, head("Trailer: Checksum, Grpc-Status")); got.Fields.Has("trailer") {
		t.Errorf("%+v", got)
	}
}

// R21: the verdict on a body is the same whether its length is declared or not.
func TestR21_TooLargeDoesNotDependOnTheFraming(t *testing.T) {
	for name, raw := range map[string]string{
		"length":  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890",
		"chunked": chunkedHead + "4\r\n0123\r\n7\r\n4567890\r\n0\r\n\r\n",
		"bytes":   chunkedHead + "1\r\n0\r\n1\r\n1\r\n9\r\n234567890\r\n0\r\n\r\n",
	} {
		for limit, want := range map[int64]bool{0: true, 1: true, 4: true, 10: true, 11: false, 12: false} {
			r := NewReader(strings.NewReader(raw + get("/next")))
			var q gatehouse.Request
			var m Message
			l := DefaultLimits()
			if err := r.Head(); err != nil {
				t.Fatal(err)
			}
			if err := r.ParseRequest(&q, &m, &l); err != nil || !q.HasBody {
				t.Fatal(err, q.HasBody)
			}
			body, tooLarge, err := r.Body().ReadAll(nil, limit)
			if err != nil || tooLarge != want || string(body) != "01234567890"[:min(limit, 11)] {
				t.Errorf("%s, %d: %q, %v, %v", name, limit, body, tooLarge, err)
			}
			if tooLarge && r.Body().Ended() {
				t.Errorf("%s, %d: the body has not ended", name, limit)
			}
			for err == nil { // what is left follows
				var piece []byte
				piece, err = r.Body().Next()
				body = append(body, piece...)
			}
			if err != io.EOF || string(body) != "01234567890" || !r.Release() {
				t.Errorf("%s, %d: %q, %v", name, limit, body, err)
			}
			if got, err := one(r, &l); err != nil || got.Path != "/next" {
				t.Errorf("%s, %d: then %+v, %v", name, limit, got, err)
			}
		}
	}
}

func TestABodyThatIsNotReadSpoilsTheConnection(t *testing.T) {
	r := NewReader(strings.NewReader(chunkedHead + "3\r\nabc\r\n0\r\n\r\n"))
	var q gatehouse.Request
	var m Message
	l := DefaultLimits()
	if err := errors.Join(r.Head(), r.ParseRequest(&q, &m, &l)); err != nil {
		t.Fatal(err)
	}
	if ended, err := r.Body().Discard(2); ended || err != nil {
		t.Errorf("%v, %v", ended, err)
	}
	if r.Release() {
		t.Error("released as clean")
	}
}

func TestASourceThatNeverGivesAnythingEndsTheReading(t *testing.T) {
	if err := NewReader(silent{}).Await(); err != io.ErrNoProgress {
		t.Errorf("%v", err)
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// A body is looked at where it lies only when all of it is there, its length was declared
// and it is within the limit; else nothing has been read.
func TestABodyThatIsThereIsViewedInItsPlace(t *testing.T) {
	for _, c := range []struct {
		reply string
		limit int64
		want  string // or "-"
	}{
		{"Content-Length: 5\r\n\r\nhello", 5, "hello"},
		{"Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK", 9, "hello"},
		{"Content-Length: 5\r\n\r\nhello", 4, "-"},
		{"Content-Length: 5\r\n\r\nhell", 5, "-"},
		{"Content-Length: 0\r\n\r\n", 5, "-"},
		{"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 5, "-"},
		{"\r\nhello", 5, "-"},
	} {
		r := NewReader(strings.NewReader("HTTP/1.1 200 OK\r\n" + c.reply))
		r.Replies = true
		if err := r.Head(); err != nil {
			t.Fatal(err)
		}
		var x gatehouse.Response
		var m Message
		if err := r.ParseResponse(&x, &m, "GET"); err != nil {
			t.Fatal(err)
		}
		before := r.Buffered()
		body, ok := r.Body().View(c.limit)
		switch {
		case !ok:
			if c.want != "-" || r.Buffered() != before {
				t.Errorf("%q: no view, %d of %d bytes are left", c.reply, r.Buffered(), before)
			}
		case string(body) != c.want || cap(body) != len(body):
			t.Errorf("%q: %q with room for %d; want %q", c.reply, body, cap(body), c.want)
		default:
			if _, err := r.Body().Next(); err != io.EOF || !r.Body().Ended() || !r.Release() {
				t.Errorf("%q: a viewed body has not ended: %v", c.reply, err)
			}
		}
	}
}

func TestErrorsOfABodyAreFinal(t *testing.T) {
	r := NewReader(strings.NewReader(chunkedHead + "zz\r\n0\r\n\r\n"))
	var q gatehouse.Request
	var m Message
	l := DefaultLimits()
	if err := errors.Join(r.Head(), r.ParseRequest(&q, &m, &l)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := r.Body().Next(); err != ChunkSize {
			t.Errorf("%v", err)
		}
	}
}
