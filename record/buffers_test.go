package record

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

// log.redacted: what is remembered of a text for the next line holds no secret.
func TestATextThatIsRedactedIsNotRemembered(t *testing.T) {
	const secret = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
	b := newBuffers()
	for range 2 {
		if got := string(text(nil, `"a":`, b, "curl "+secret)); got != `"a":"curl [redacted]"` {
			t.Errorf("got %s", got)
		}
		if got := string(text(nil, `"a":`, b, "a\"b")); got != `"a":"a\"b"` {
			t.Errorf("got %s", got)
		}
		if got := string(text(nil, `"a":`, b, "curl/8.5.0")); got != `"a":"curl/8.5.0"` {
			t.Errorf("got %s", got)
		}
	}
	remembered := 0
	for _, kept := range b.texts {
		if len(kept) > 0 {
			remembered++
		}
		if bytes.Contains(kept, []byte("eyJ")) {
			t.Errorf("%q is remembered", kept)
		}
	}
	if remembered != 1 {
		t.Errorf("%d texts are remembered", remembered)
	}
}

// log.fields: more principals, hosts and endpoints than are remembered never get mixed up.
func TestLinesOfManyCallersAndEndpointsAreTheirOwn(t *testing.T) {
	const many = 1000
	out := &sink{}
	r := New(Config{Log: out})
	var exchanges []*gatehouse.Exchange
	for n := range many {
		e := ordersEndpoint()
		e.Name = fmt.Sprint("op", n)
		x := passing(e)
		x.Principal.ID, x.Request.Host = fmt.Sprint("s", n), fmt.Sprint("h", n)
		exchanges = append(exchanges, x)
	}
	for range 2 {
		for _, x := range exchanges {
			r.Record(x, traffic)
		}
	}
	closed(t, r)
	lines := out.lines(t)
	if len(lines) != 2*many {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		n := i % many
		if line["subject"] != fmt.Sprint("s", n) || line["host"] != fmt.Sprint("h", n) || line["endpoint"] != fmt.Sprint("op", n) {
			t.Fatalf("line %d: %v", i, line)
		}
	}
}

func TestARegistrationForgetsTheRememberedCounters(t *testing.T) {
	b, m, e := newBuffers(), newCounters(), ordersEndpoint()
	m.register([]*gatehouse.Endpoint{e})
	old := b.cellOf(m, e)
	if b.cellOf(m, e) != old {
		t.Error("the cell is not remembered")
	}
	m.register(nil)
	if b.cellOf(m, e) == old {
		t.Error("a request would be counted where nobody looks")
	}
}

func TestEightBytesAtOnceAreJudgedAsOneByOne(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				s := []byte(strings.Repeat("a", length))
				s[at] = byte(c)
				if at > 0 {
					s[at-1] = ' ' // the least that is clean, whose subtraction must not borrow
				}
				if clean(s) != asItIs[c] || clean(string(s)) != asItIs[c] {
					t.Fatalf("%q", s)
				}
			}
		}
	}
}
