package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gatehouse-api/gatehouse"
)

type reply struct {
	status int
	m      Message
	fields gatehouse.Fields
	body   string
	clean  bool
}

func answer(r *Reader, method string) (reply, error) {
	var p gatehouse.Response
	var m Message
	if err := r.Await(); err != nil {
		return reply{}, err
	}
	if err := r.Head(); err != nil {
		return reply{}, err
	}
	if err := r.ParseResponse(&p, &m, method); err != nil {
		return reply{}, err
	}
	fields := clones(p.Fields)
	body, _, err := r.Body().ReadAll(nil, 1<<20)
	return reply{p.Status, m, fields, string(body), r.Release()}, err
}

func TestRepliesAreFramedByTheRFC(t *testing.T) {
	for raw, want := range map[string]reply{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc":                                           {200, Message{Framing: Length, Length: 3}, nil, "abc", true},
		"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n":                                                 {200, Message{Framing: Length}, nil, "", true},
		"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":                  {200, Message{Framing: Chunked, Length: -1}, nil, "abc", true},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nServer-Timing: a\r\n\r\n":        {200, Message{Framing: Chunked, Length: -1}, nil, "", true},
		"HTTP/1.1 200 OK\r\n\r\nuntil the end":                                                      {200, Message{Framing: UntilClose, Length: -1, Close: true}, nil, "until the end", true},
		"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc":                                           {200, Message{Framing: Length, Length: 3, Close: true}, nil, "abc", true},
		"HTTP/1.1 204 No Content\r\n\r\n":                                                           {204, Message{Length: -1}, nil, "", true},
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n":                                    {304, Message{Length: 5}, nil, "", true},
		"HTTP/1.1 103 Early Hints\r\n\r\n":                                                          {103, Message{Length: -1}, nil, "", true},
		"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n":               {101, Message{Length: -1, Upgrade: true}, nil, "", true},
		"HTTP/1.1 404 Not\tFound \xe9\r\nContent-Length: 0\r\nConnection: close\r\n\r\n":            {404, Message{Framing: Length, Close: true}, nil, "", true},
		"HTTP/1.1 200 OK\r\nX_y: 1\r\nKeep-Alive: 5\r\nGatehouse-X: 1\r\nContent-Length: 0\r\n\r\n": {200, Message{Framing: Length}, gatehouse.Fields{{Name: "x_y", Value: "1"}}, "", true},
	} {
		for _, src := range []io.Reader{strings.NewReader(raw), iotest.OneByteReader(strings.NewReader(raw))} {
			got, err := answer(NewReader(src), "GET")
			g, w := got.m, want.m
			if err != nil || got.status != want.status || got.body != want.body || got.clean != want.clean || !sameFields(got.fields, want.fields) ||
				g.Framing != w.Framing || g.Length != w.Length || g.Close != w.Close || g.Upgrade != w.Upgrade {
				t.Errorf("%q: %+v, %v", raw, got, err)
			}
		}
	}
}

func TestAReplyToHeadHasNoBody(t *testing.T) {
	r := NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 204 \r\n\r\n"))
	first, err := answer(r, "HEAD")
	if err != nil || first.m.Framing != None || first.m.Length != 300 {
		t.Errorf("%+v, %v", first, err)
	}
	if second, err := answer(r, "HEAD"); err != nil || second.m.Framing != None {
		t.Errorf("%+v, %v", second, err)
	}
	if third, err := answer(r, "GET"); err != nil || third.status != 204 || r.Buffered() != 0 {
		t.Errorf("%+v, %v", third, err)
	}
}

func TestInterimRepliesAreReturnedOneByOne(t *testing.T) {
	r := NewReader(strings.NewReader("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	for _, want := range []int{100, 103, 200} {
		if got, err := answer(r, "POST"); err != nil || got.status != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// ASSURANCE.md section 3, row "Upstream down, slow, garbage": a reply that can be
// read in two ways is none.
func TestR31_AnAmbiguousReplyIsRefused(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\n"
	for raw, want := range map[string]*Refusal{
		ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc":      TEAndCL,
		ok + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc":               ContentLength,
		ok + "Content-Length: +3\r\n\r\nabc":                                   ContentLength,
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n":                        TransferEncoding,
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":       TransferEncoding,
		ok + "X: a\r\n b\r\n\r\n":                                              ObsFold,
		ok + "X: a\rb\r\n\r\n":                                                 BareCR,
		ok + "X : a\r\n\r\n":                                                   SpaceBeforeColon,
		ok + "X: a\x00b\r\n\r\n":                                               FieldValue,
		ok + "Content-Type: a\r\nContent-Type: b\r\nContent-Length: 0\r\n\r\n": DuplicateField,
		ok + "Location: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n":       DuplicateField,
		ok + "Connection: Set-Cookie\r\nContent-Length: 0\r\n\r\n":             ConnectionOption,
		"HTTP/1.1 204 \r\nContent-Length: 3\r\n\r\nabc":                        ContentLength,
		"HTTP/1.1 100 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":         ContentLength,
		"HTTP/1.1 101 \r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n":         Upgrade,
		"HTTP/1.1 101 \r\nUpgrade: websocket\r\n\r\n":                          Upgrade,
		"HTTP/2 200 OK\r\n\r\n":                                                StatusLine,
		"HTTP/1.1 20 OK\r\n\r\n":                                               StatusLine,
		"HTTP/1.1 2000 OK\r\n\r\n":                                             StatusLine,
		"HTTP/1.1 099 OK\r\n\r\n":                                              StatusLine,
		"HTTP/1.1 600 OK\r\n\r\n":                                              StatusLine,
		"HTTP/1.1  200 OK\r\n\r\n":                                             StatusLine,
		"HTTP/1.1 200 O\x00K\r\n\r\n":                                          StatusLine,
		"ICY 200 OK\r\n\r\n":                                                   StatusLine,
		ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n":            ChunkEnd,
		ok + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n":     ChunkExtension,
		ok + strings.Repeat("X: a\r\n", 257) + "Content-Length: 0\r\n\r\n":     TooManyFields,
	} {
		_, err := answer(NewReader(strings.NewReader(raw)), "GET")
		var fault *ReplyError
		if !errors.As(err, &fault) || fault.Rule != want {
			t.Errorf("%q: %v, want %v", clip(raw), err, want)
		}
		if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
			t.Errorf("%q: blames the client", clip(raw))
		}
	}
}

// A reply's head that is refused while it is still being read is the upstream's
// fault all the same.
func TestAReplysHeadBlamesTheUpstream(t *testing.T) {
	for raw, want := range map[string]*Refusal{"HTTP/1.1 200 OK\n\n": BareLF, "\r\nHTTP/1.1 200 OK\r\n\r\n": RequestLine, "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 40<<10): HeadTooLarge} {
		r := NewReader(strings.NewReader(raw))
		r.Replies = true
		var fault *ReplyError
		if err := r.Head(); !errors.As(err, &fault) || fault.Rule != want || fault.Error() != "wire: reply: "+want.Error() {
			t.Errorf("%q: %v", clip(raw), err)
		}
	}
}

func TestWhatFollowsAnUpgradeIsHandedOver(t *testing.T) {
	r := NewReader(strings.NewReader("HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00"))
	var p gatehouse.Response
	var m Message
	if err := errors.Join(r.Head(), r.ParseResponse(&p, &m, "GET")); err != nil {
		t.Fatal(err)
	}
	if got := r.Take(); string(got) != "\x81\x00" || r.Buffered() != 0 {
		t.Errorf("%q", got)
	}
}

// What a trusted proxy may say to us, an upstream may say to the client; its
// expectations and host fields mean nothing.
func TestFieldsOfRequestsMeanNothingInReplies(t *testing.T) {
	got, err := answer(NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nX-Forwarded-For: a\r\nHost: b\r\nHost: c\r\nExpect: tea\r\nTrailer: content-length\r\nContent-Length: 0\r\n\r\n")), "GET")
	if err != nil || len(got.fields) != 3 || len(got.m.Forwarded) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnUpstreamThatStopsEarlyIsToldApart(t *testing.T) {
	for _, raw := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "HTTP/1.1 200"} {
		if _, err := answer(NewReader(strings.NewReader(raw)), "GET"); err != io.ErrUnexpectedEOF {
			t.Errorf("%q: %v", raw, err)
		}
	}
}
