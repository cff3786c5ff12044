// Package events takes replies that are sequences apart: event streams
// (text/event-stream, WHATWG HTML section 9.2) and lines of JSON (NDJSON, JSON
// Lines).
//
// It defends from what two readers would take apart differently: what is judged is
// written anew and nothing else leaves, and a stream with bare carriage returns,
// with a byte order mark or with bytes that are no UTF-8 is refused rather than
// repaired.
package events

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// Framing is how a sequence is cut into items.
type Framing uint8

// The framings.
const (
	None   Framing = iota // no sequence
	Stream                // text/event-stream
	Lines                 // one JSON text a line
)

// Of returns the framing of a media type. Its parameters do not matter.
func Of(contentType string) Framing {
	name, _, _ := strings.Cut(contentType, ";")
	name = strings.Trim(name, " \t")
	stream, lines := "", ""
	switch len(name) { // every reply is asked, and hardly one is a sequence
	case len("text/event-stream"):
		stream, lines = "text/event-stream", "application/jsonl"
	case len("application/ndjson"):
		lines = "application/ndjson"
	case len("application/x-ndjson"):
		lines = "application/x-ndjson"
	case len("application/x-jsonlines"):
		lines = "application/x-jsonlines"
	default:
		return None
	}
	switch {
	case strings.EqualFold(name, stream):
		return Stream
	case strings.EqualFold(name, lines):
		return Lines
	}
	return None
}

// The reasons for which a sequence ends.
var (
	ErrTooLarge  = errors.New("events: an item is over its limit")
	ErrMalformed = errors.New("events: the sequence is malformed")
)

// Event is one item. Its slices live until the next call of [Reader.Next].
type Event struct {
	Data  []byte // the line; of an event stream the data fields, joined by LF
	Name  []byte // of an event stream: the event field
	ID    []byte // of an event stream: the id field
	Retry []byte // of an event stream: the retry field, digits

	HasData, HasID bool // the field is there, be it empty
}

// done is the text with which many upstreams end an event stream. It is always the
// same and says nothing.
const done = "[DONE]"

// Blank reports an item that carries nothing: a comment or an empty line that keeps
// the connection alive, or the customary end mark of event streams.
func (e *Event) Blank() bool {
	return len(e.Name)+len(e.ID) == 0 && (len(e.Data) == 0 || e.HasData && string(e.Data) == done)
}

// Reader cuts the pieces of a sequence into items. Its memory is used again.
type Reader struct {
	framing Framing
	limit   int // bytes of one item, fields included
	buf     []byte
	at      int // where the next item begins
	scan    int // up to where its end has been looked for
	line    int // where the line begins that scan stands in
	event   Event
	data    []byte
}

// Reset begins another sequence, whose items have at most limit bytes each.
func (r *Reader) Reset(f Framing, limit int) {
	*r = Reader{framing: f, limit: limit, buf: r.buf[:0], data: r.data[:0]}
}

// Feed takes the next piece. It ends the life of the last item.
func (r *Reader) Feed(piece []byte) {
	if r.at > 0 {
		n := copy(r.buf, r.buf[r.at:])
		r.buf = r.buf[:n]
		r.scan, r.line, r.at = r.scan-r.at, r.line-r.at, 0
	}
	r.buf = append(r.buf, piece...)
}

// Next returns the next item, or nil when more must be fed. Errors are
// [ErrTooLarge] and [ErrMalformed], and are final.
func (r *Reader) Next() (*Event, error) {
	for {
		n := bytes.IndexByte(r.buf[r.scan:], '\n')
		if n < 0 {
			r.scan = len(r.buf)
			if len(r.buf)-r.at > r.limit {
				return nil, ErrTooLarge
			}
			return nil, nil
		}
		begin := r.line
		r.scan += n + 1
		r.line = r.scan
		if r.scan-r.at > r.limit {
			return nil, ErrTooLarge
		}
		ends := r.framing == Lines || len(bytes.TrimSuffix(r.buf[begin:r.scan-1], cr)) == 0
		if !ends {
			continue
		}
		item := r.buf[r.at:r.scan]
		r.at = r.scan
		return r.read(item)
	}
}

// Last returns what stands behind the last end of an item once the sequence is
// over: a last line of JSON needs none. An event that was not ended is dropped, as
// its readers do (WHATWG HTML section 9.2.6).
func (r *Reader) Last() (*Event, error) {
	rest := r.buf[r.at:]
	r.at = len(r.buf)
	if r.framing == Stream || len(rest) == 0 {
		return nil, nil
	}
	return r.read(rest)
}

var cr = []byte{'\r'}

func (r *Reader) read(item []byte) (*Event, error) {
	if !utf8.Valid(item) || bytes.HasPrefix(item, []byte("\uFEFF")) {
		return nil, ErrMalformed
	}
	r.event = Event{}
	e := &r.event
	if r.framing == Lines {
		e.Data = bytes.TrimSuffix(bytes.TrimSuffix(item, []byte{'\n'}), cr)
		if bytes.IndexByte(e.Data, '\r') >= 0 {
			return nil, ErrMalformed
		}
		return e, nil
	}
	r.data = r.data[:0]
	for line := range bytes.Lines(item) {
		line = bytes.TrimSuffix(line[:len(line)-1], cr)
		if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
			return nil, ErrMalformed
		}
		r.field(line)
	}
	e.Data = r.data
	return e, nil
}

// field reads one line of an event. Comments and unknown fields say nothing to
// readers, so that nothing of them leaves.
func (r *Reader) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	e := &r.event
	switch string(name) {
	case "data":
		if e.HasData {
			r.data = append(r.data, '\n')
		}
		e.HasData = true
		r.data = append(r.data, value...)
	case "event":
		e.Name = value
	case "id":
		e.ID, e.HasID = value, true
	case "retry":
		digits := len(value) > 0 && len(value) < 10
		for _, c := range value {
			digits = digits && c >= '0' && c <= '9'
		}
		if digits {
			e.Retry = value
		}
	}
}

// Append writes an item out.
func (r *Reader) Append(dst []byte, e *Event) []byte {
	if r.framing == Lines {
		return append(append(dst, e.Data...), '\n')
	}
	begin := len(dst)
	if len(e.Name) > 0 {
		dst = append(append(append(dst, "event: "...), e.Name...), '\n')
	}
	if e.HasID {
		dst = append(append(append(dst, "id: "...), e.ID...), '\n')
	}
	if len(e.Retry) > 0 {
		dst = append(append(append(dst, "retry: "...), e.Retry...), '\n')
	}
	if e.HasData {
		for rest, more := e.Data, true; more; {
			var line []byte
			line, rest, more = bytes.Cut(rest, []byte{'\n'})
			dst = append(append(append(dst, "data: "...), line...), '\n')
		}
	}
	if len(dst) == begin {
		dst = append(dst, ":\n"...) // a comment that keeps the connection alive
	}
	return append(dst, '\n')
}
