package wire

import (
	"errors"
	"io"
	"iter"

	"github.com/gatehouse-api/gatehouse"
)

var errPending = errors.New("wire: being written")

// ParseRequest parses the head that [Reader.Head] has buffered into q (Method, Host, Path, Query, Major, Fields, HasBody,
// Upgrade) and m. q.Scheme is read, not written: set it from the connection before. When it returns a *Refusal with Close false, m
// is valid and Body may be discarded.
func (r *Reader) ParseRequest(q *gatehouse.Request, m *Message, l *Limits) error { return errPending }

// ParseResponse parses a reply's head into p (Status, Fields) and m. method is that of the request. Faults are *ReplyError.
func (r *Reader) ParseResponse(p *gatehouse.Response, m *Message, method string) error {
	return errPending
}

// Body is the body of the message.
type Body struct {
	// AllowTrailers keeps trailer fields. Without it a request with a trailer is refused and a reply's trailers are dropped.
	AllowTrailers bool
	r             *Reader
	trailers      gatehouse.Fields
}

func (b *Body) ended() bool { return true }

// Next returns a view of the next decoded piece, valid until the next call; io.EOF at the end.
func (b *Body) Next() ([]byte, error) { return nil, io.EOF }

// ReadAll appends the body to dst, at most limit bytes. When tooLarge, dst holds a beginning of the body and Next goes on behind it.
func (b *Body) ReadAll(dst []byte, limit int64) (body []byte, tooLarge bool, err error) {
	return nil, false, errPending
}

// Discard reads to the end, at most limit bytes, and reports whether the end was reached.
func (b *Body) Discard(limit int64) (ended bool, err error) { return false, errPending }

// Trailers returns the trailer fields after Next has returned io.EOF.
func (b *Body) Trailers() gatehouse.Fields { return b.trailers }

// Pseudo holds the pseudo-header fields of an HTTP/2 request.
type Pseudo struct{ Method, Scheme, Authority, Path string }

// Canonical makes of an HTTP/2 request the same canonical request, with the same refusals, as ParseRequest does. scratch is
// memory for the views; it is returned, grown, for the next time.
func Canonical(q *gatehouse.Request, m *Message, scratch []byte, h Pseudo, fields gatehouse.Fields, l *Limits) ([]byte, error) {
	return scratch, errPending
}

// QueryPairs iterates over a canonical query's decoded names and values.
func QueryPairs(query string) iter.Seq2[string, string] { return nil }

// SegmentDecode decodes a canonical path's segment.
func SegmentDecode(seg string) string { return seg }

// ErrUnsafe is returned by the serialisers for what would break the message's framing: nothing is sent then.
var ErrUnsafe = errors.New("wire: a name or value must not go on the wire")

// AppendRequestHead appends the head for the upstream. n is the length for Framing Length.
func AppendRequestHead(b []byte, q *gatehouse.Request, up *gatehouse.Upstream, f Framing, n int64) ([]byte, error) {
	return b, errPending
}

// AppendResponseHead appends the head for the client. Status 101 writes the upgrade's fields.
func AppendResponseHead(b []byte, p *gatehouse.Response, f Framing, n int64, close bool) ([]byte, error) {
	return b, errPending
}

// AppendChunkSize appends the line before a chunk of n > 0 bytes; the data and CRLF follow.
func AppendChunkSize(b []byte, n int) []byte { return b }

// AppendChunk appends data as one chunk; nothing for no data.
func AppendChunk(b, data []byte) []byte { return b }

// AppendLastChunk appends the last chunk and the trailer section.
func AppendLastChunk(b []byte, trailers gatehouse.Fields) ([]byte, error) { return b, errPending }
