package wiretest_test

import (
	"testing"

	"github.com/gatehouse-api/gatehouse/wire/wiretest"
)

func TestTheGrammarTakesWhatIsPlain(t *testing.T) {
	stream := "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n" +
		"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc" +
		"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n"
	got, err := wiretest.CheckRequestStream([]byte(stream))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d requests, %v", len(got), err)
	}
	if string(got[1].Body) != "abc" || string(got[2].Body) != "abc" || got[2].Trailers[0] != "x: y" || got[0].Host() != "a" {
		t.Errorf("%+v", got)
	}
	replies, err := wiretest.CheckResponseStream([]byte("HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"+
		"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc"), "HEAD", "GET")
	if err != nil || len(replies) != 3 || string(replies[2].Body) != "abc" {
		t.Errorf("%+v, %v", replies, err)
	}
}

func TestTheGrammarRefusesWhatIsAmbiguous(t *testing.T) {
	for name, stream := range map[string]string{
		"bare LF":            "GET / HTTP/1.1\nHost: a\r\n\r\n",
		"bare CR":            "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
		"folding":            "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
		"space before colon": "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"no host":            "GET / HTTP/1.1\r\n\r\n",
		"two hosts":          "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
		"TE and CL":          "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two CL":             "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
		"signed CL":          "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
		"other coding":       "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"0x chunk":           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
		"chunk end":          "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc0\r\n\r\n",
		"version":            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
		"cut short":          "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc",
		"fragment":           "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		if got, err := wiretest.CheckRequestStream([]byte(stream)); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
}
