package events_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/events"
)

// read feeds a sequence in pieces of that size and returns its items and what they
// are written out as.
func read(f events.Framing, text string, size, limit int) (items []string, out string, err error) {
	var r events.Reader
	r.Reset(f, limit)
	var b []byte
	take := func(next func() (*events.Event, error)) bool {
		e, failed := next()
		if failed != nil || e == nil {
			err = failed
			return false
		}
		items = append(items, fmt.Sprintf("%s|%s|%s|%s", e.Name, e.ID, e.Retry, e.Data))
		b = r.Append(b, e)
		return true
	}
	for len(text) > 0 && err == nil {
		n := min(size, len(text))
		r.Feed([]byte(text[:n]))
		text = text[n:]
		for take(r.Next) {
		}
	}
	if err == nil {
		take(r.Last)
	}
	return items, string(b), err
}

func TestSequencesAreCutIntoItemsHoweverTheyArrive(t *testing.T) {
	for _, c := range []struct {
		f         events.Framing
		text, out string
		items     []string
		err       error
	}{
		{f: events.Lines, text: "{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", items: []string{`|||{"a":1}`, `|||{"a":2}`, `|||`, `|||{"a":3}`}, out: "{\"a\":1}\n{\"a\":2}\n\n{\"a\":3}\n"},
		{f: events.Stream, text: "data: 1\n\ndata:2\r\n\r\n", items: []string{"|||1", "|||2"}, out: "data: 1\n\ndata: 2\n\n"},
		{f: events.Stream, text: "event: add\nid: 7\nretry: 10\ndata: {\ndata:  \"a\":1}\n\n", items: []string{"add|7|10|{\n \"a\":1}"}, out: "event: add\nid: 7\nretry: 10\ndata: {\ndata:  \"a\":1}\n\n"},
		{f: events.Stream, text: ": secret comment\n\nfoo: secret\nretry: x\n\nid\n\ndata\n\n", items: []string{"|||", "|||", "|||", "|||"}, out: ":\n\n:\n\nid: \n\ndata: \n\n"},
		{f: events.Stream, text: "data: 1\n\ndata: not ended\n", items: []string{"|||1"}, out: "data: 1\n\n"},
		{f: events.Stream, text: "data: 1\rdata: 2\n\n", err: events.ErrMalformed},
		{f: events.Stream, text: "\uFEFFdata: 1\n\n", err: events.ErrMalformed},
		{f: events.Stream, text: "data: \xff\n\n", err: events.ErrMalformed},
		{f: events.Stream, text: "id: a\x00b\n\n", err: events.ErrMalformed},
		{f: events.Lines, text: "{}\r{}\n", err: events.ErrMalformed},
		{f: events.Lines, text: "{}\n" + strings.Repeat("1", 40), items: []string{"|||{}"}, out: "{}\n", err: events.ErrTooLarge},
		{f: events.Lines, text: strings.Repeat("1", 40) + "\n", err: events.ErrTooLarge},
		{f: events.Stream, text: strings.Repeat("data: 1\n", 6) + "\n", err: events.ErrTooLarge},
		{f: events.Stream, text: strings.Repeat("data: 12345\n\n", 100), items: slicesRepeat("|||12345", 100), out: strings.Repeat("data: 12345\n\n", 100)},
	} {
		for _, size := range []int{1, 2, 3, 7, 1000} {
			items, out, err := read(c.f, c.text, size, 39)
			if c.text[0] == 'e' {
				items, out, err = read(c.f, c.text, size, 100)
			}
			if !errors.Is(err, c.err) || fmt.Sprint(items) != fmt.Sprint(c.items) || out != c.out {
				t.Errorf("output.validate: %q in pieces of %d: %q, %q, %v", c.text, size, items, out, err)
			}
		}
	}
}

func slicesRepeat(s string, n int) (out []string) {
	for range n {
		out = append(out, s)
	}
	return out
}

func TestMediaTypesOfSequences(t *testing.T) {
	for name, want := range map[string]events.Framing{
		"text/event-stream": events.Stream, "Text/Event-Stream; charset=utf-8": events.Stream, "application/x-ndjson": events.Lines, "application/jsonl ;a=b": events.Lines,
		"application/ndjson": events.Lines, "Application/X-JSONLines": events.Lines, "application/x-ndjsonx": events.None, "application/pdf-ab": events.None,
		"application/json": events.None, "": events.None, "text/event-streams": events.None,
	} {
		if got := events.Of(name); got != want {
			t.Errorf("%q: %d, want %d", name, got, want)
		}
	}
}

func TestBlankItemsCarryNothing(t *testing.T) {
	for text, want := range map[string]bool{": c\n\n": true, "retry: 1\n\n": true, "data: [DONE]\n\n": true, "data: [DONE] \n\n": false, "id: 1\n\n": false, "event: x\n\n": false, "event: x\ndata: [DONE]\n\n": false} {
		var r events.Reader
		r.Reset(events.Stream, 100)
		r.Feed([]byte(text))
		if e, err := r.Next(); err != nil || e == nil || e.Blank() != want {
			t.Errorf("%q: %v %v", text, e, err)
		}
	}
}

func TestReadingItemsDoesNotAllocate(t *testing.T) {
	var r events.Reader
	r.Reset(events.Stream, 1000)
	piece := []byte("event: a\nid: 1\ndata: {\"a\":1}\n\ndata: {\"a\":2}\n\n")
	var out []byte
	if n := testing.AllocsPerRun(100, func() {
		r.Feed(piece)
		out = out[:0]
		for {
			e, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if e == nil {
				return
			}
			out = r.Append(out, e)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzWhatIsWrittenIsReadAgain(f *testing.F) {
	f.Add("event: a\ndata: 1\ndata: 2\n\n", true)
	f.Add("{}\n{}\n", false)
	f.Fuzz(func(t *testing.T, text string, stream bool) {
		framing := events.Lines
		if stream {
			framing = events.Stream
		}
		items, out, _ := read(framing, text, 1+len(text)/3, 1000)
		again, same, err := read(framing, out, 1+len(out)/2, 2000)
		if err != nil || fmt.Sprint(items) != fmt.Sprint(again) || !bytes.Equal([]byte(out), []byte(same)) {
			t.Errorf("%q is written as %q, which is read as %q, not %q: %v", text, out, again, items, err)
		}
	})
}
