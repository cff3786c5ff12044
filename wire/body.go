package wire

import (
	"io"

	"github.com/gatehouse-api/gatehouse"
)

// Body is the body of one message, decoded. Errors are those of the source,
// [io.ErrUnexpectedEOF] where the peer stopped early, and for broken framing a
// [*Refusal] in a request and a [*ReplyError] in a reply. Errors are final.
type Body struct {
	// AllowTrailers keeps trailer fields. Without it a request that has any is
	// refused, and those of a reply are dropped. Set it after the head has been
	// parsed and before the body is read.
	AllowTrailers bool

	r        *Reader
	framing  Framing
	reply    bool
	state    chunkState
	left     int64 // bytes to come of the body, or of the chunk
	back     int   // bytes of the last piece that were handed back
	err      error
	trailers gatehouse.Fields
}

// begin makes the body ready for the message whose head has been parsed.
func (b *Body) begin(m *Message, reply bool) {
	*b = Body{r: b.r, framing: m.Framing, reply: reply, trailers: b.trailers[:0]}
	if m.Framing == Length {
		b.left = m.Length
	}
	if m.Framing == None || m.Framing == Length && m.Length == 0 {
		b.err = io.EOF
	}
}

// ended reports whether the body has been read to its end without an error.
func (b *Body) ended() bool { return b.err == io.EOF }

// Ended reports whether the body has been read to its end.
func (b *Body) Ended() bool { return b.ended() && b.back == 0 }

// Trailers returns the trailer fields, once Next has returned [io.EOF]. They
// live until the message is released.
func (b *Body) Trailers() gatehouse.Fields { return b.trailers }

// Next returns a view of the next piece of the body, which is not empty and
// lives until the next call. At the end it returns [io.EOF].
func (b *Body) Next() ([]byte, error) {
	if b.back > 0 {
		piece := b.r.buf[b.r.r-b.back : b.r.r]
		b.back = 0
		return piece, nil
	}
	if b.err != nil {
		return nil, b.err
	}
	piece, err := b.next()
	if err != nil {
		b.err = err
		if refusal, ok := err.(*Refusal); ok && b.reply {
			b.err = &ReplyError{refusal}
		}
		return nil, b.err
	}
	return piece, nil
}

func (b *Body) next() ([]byte, error) {
	switch b.framing {
	case Chunked:
		return b.nextChunked()
	case UntilClose:
		if err := b.r.need(largeBuffer); err != nil {
			return nil, err // io.EOF is the end
		}
		return b.r.Take(), nil
	}
	piece, err := b.piece()
	if err == nil && b.left == 0 {
		b.err = io.EOF // known already: the message is over with this piece
	}
	return piece, err
}

// piece returns what there is of the next b.left bytes.
func (b *Body) piece() ([]byte, error) {
	r := b.r
	if err := r.need(b.left); err != nil {
		return nil, early(err)
	}
	n := int(min(b.left, int64(r.w-r.r)))
	r.r += n
	b.left -= int64(n)
	return r.buf[r.r-n : r.r], nil
}

// need sees to it that a byte is unread; want is how many bytes are expected.
func (r *Reader) need(want int64) error {
	if r.r < r.w {
		return nil
	}
	return r.fill(want)
}

// early turns the end of the source inside a message into an error.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// View returns the whole body where it was read, if it is there already, is not longer
// than limit and its length was declared; else it reads nothing. It lives until the
// message is released, and has no room behind it.
func (b *Body) View(limit int64) (body []byte, ok bool) {
	r := b.r
	if b.framing != Length || b.err != nil || b.back > 0 || b.left > limit || b.left > int64(r.w-r.r) {
		return nil, false
	}
	body, _ = b.piece()
	b.err = io.EOF
	return body[:len(body):len(body)], true
}

// ReadAll appends the whole body to dst, limit bytes at most. When the body is
// longer, tooLarge is true, body holds its first limit bytes and Next goes on
// behind them. Whether the length was declared makes no difference.
func (b *Body) ReadAll(dst []byte, limit int64) (body []byte, tooLarge bool, err error) {
	for {
		piece, err := b.Next()
		if err == io.EOF {
			return dst, false, nil
		}
		if err != nil {
			return dst, false, err
		}
		if int64(len(piece)) > limit {
			b.back = len(piece) - int(limit)
			return append(dst, piece[:limit]...), true, nil
		}
		limit -= int64(len(piece))
		dst = append(dst, piece...)
	}
}

// Discard reads the body to its end and drops it, but reads no further once
// limit bytes have been dropped. It reports whether the end was reached.
func (b *Body) Discard(limit int64) (ended bool, err error) {
	for {
		piece, err := b.Next()
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if limit -= int64(len(piece)); limit < 0 {
			return false, nil
		}
	}
}
