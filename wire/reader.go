package wire

import (
	"bytes"
	"io"
)

// Reader buffers one side of one connection: the requests of a client or the
// replies of an upstream. It is used by one goroutine at a time.
//
// Errors of the source are returned as they are; [io.EOF] only between messages,
// [io.ErrUnexpectedEOF] inside one.
type Reader struct {
	// Buffers lends large buffers. Nil makes new ones.
	Buffers *Buffers
	// MaxHead is the most bytes of a head; zero means 32 KiB.
	MaxHead int
	// Replies says that an upstream's replies are read: then Head, too, returns
	// a [*ReplyError] where it would return a [*Refusal].
	Replies bool

	src   io.Reader
	err   error  // what the source said along with its last bytes
	small []byte // the connection's own buffer
	held  []byte // the buffer of the head's views, once buf is another
	buf   []byte // where reading goes; small or borrowed
	r, w  int    // unread bytes are buf[r:w]
	floor int    // body data must not be written below
	line  int    // start of the head line that is being read
	scan  int    // up to where line ends have been looked for
	body  Body
}

// NewReader returns a Reader on src with a buffer of 4 KiB.
func NewReader(src io.Reader) *Reader {
	r := &Reader{small: make([]byte, smallBuffer)}
	r.Reset(src)
	return r
}

// Reset forgets everything, pipelined bytes included, and reads from src.
func (r *Reader) Reset(src io.Reader) {
	r.letGo(r.buf)
	r.letGo(r.held)
	r.src, r.err = src, nil
	r.buf, r.held = r.small, nil
	r.r, r.w, r.floor, r.line, r.scan = 0, 0, 0, 0, 0
	r.body = Body{r: r, trailers: r.body.trailers[:0]}
}

// Buffered returns how many bytes have been read and not yet been used.
func (r *Reader) Buffered() int { return r.w - r.r }

// Take returns the bytes that have been read and not yet been used, and counts
// them as used: what follows an upgraded connection's head. The view lives until
// the next call.
func (r *Reader) Take() []byte {
	b := r.buf[r.r:r.w]
	r.r = r.w
	return b
}

// Await blocks until a byte of the next message is there. It returns [io.EOF]
// when the peer has closed the connection between messages.
func (r *Reader) Await() error {
	for r.r == r.w {
		if err := r.fill(1); err != nil {
			return err
		}
	}
	return nil
}

// Head reads until the whole head is buffered. It refuses a head that goes over
// MaxHead and, without waiting for more, a line that ends in a bare LF and a
// first byte that no message begins with, which includes the empty lines that
// RFC 9112 section 2.2 would let us skip.
func (r *Reader) Head() error {
	if err := r.Await(); err != nil {
		return err
	}
	if lowered[r.buf[r.r]] == 0 {
		return r.blame(RequestLine) // TLS on the plain port, a stray CRLF: there is nothing to wait for
	}
	most := r.MaxHead
	if most == 0 {
		most = largeBuffer
	}
	r.line, r.scan = r.r, r.r
	for {
		done, refusal := r.scanLines()
		if refusal != nil {
			return r.blame(refusal)
		}
		if done && r.scan-r.r <= most {
			return nil
		}
		if r.w-r.r >= most {
			return r.blame(HeadTooLarge)
		}
		if err := r.fill(1); err != nil {
			return early(err)
		}
	}
}

// blame says whose fault a broken rule is.
func (r *Reader) blame(rule *Refusal) error {
	if r.Replies {
		return &ReplyError{rule}
	}
	return rule
}

// scanLines looks for the empty line that ends a head or a trailer section and
// leaves scan behind it.
func (r *Reader) scanLines() (done bool, refusal *Refusal) {
	for {
		i := bytes.IndexByte(r.buf[r.scan:r.w], '\n')
		if i < 0 {
			r.scan = r.w
			return false, nil
		}
		i += r.scan
		if i == r.line || r.buf[i-1] != '\r' {
			return false, BareLF
		}
		r.scan = i + 1
		if i-1 == r.line {
			return true, nil
		}
		r.line = i + 1
	}
}

// fill reads at least one byte more and makes room first where there is little:
// want is how many bytes are expected.
func (r *Reader) fill(want int64) error {
	if r.err != nil {
		err := r.err
		r.err = nil
		return err
	}
	r.makeRoom(want)
	for range 100 {
		n, err := r.src.Read(r.buf[r.w:])
		r.w += n
		if n > 0 {
			r.err = err
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom sees to it that there is room behind w, without touching what lies
// below floor: that is where the head's views point.
func (r *Reader) makeRoom(want int64) {
	if r.r > r.floor && (r.r == r.w || want > int64(len(r.buf)-r.w)) {
		n := copy(r.buf[r.floor:], r.buf[r.r:r.w])
		d := r.r - r.floor
		r.r, r.w, r.line, r.scan = r.floor, r.floor+n, r.line-d, r.scan-d
	}
	free := len(r.buf) - r.w
	if free > 0 && (want <= int64(free) || len(r.buf)-r.floor >= largeBuffer/2) {
		return
	}
	r.grow()
}

// grow moves the unread bytes into a larger buffer.
func (r *Reader) grow() {
	var next []byte
	if n := r.w - r.r; n < largeBuffer {
		next = r.Buffers.borrow()
	} else {
		next = make([]byte, 2*n)
	}
	n := copy(next, r.buf[r.r:r.w])
	if r.floor > 0 && r.held == nil {
		r.held = r.buf
	} else {
		r.letGo(r.buf)
	}
	r.buf = next
	r.line, r.scan = r.line-r.r, r.scan-r.r
	r.r, r.w, r.floor = 0, n, 0
}

func (r *Reader) letGo(buf []byte) {
	if len(buf) > len(r.small) {
		r.Buffers.giveBack(buf)
	}
}

// Release ends the message: the views of its head and body die, pipelined bytes
// are kept, borrowed buffers go back. It reports whether the body had been read
// to its end; if not, the connection cannot be used again.
func (r *Reader) Release() bool {
	clean := r.body.ended()
	rest := r.buf[r.r:r.w]
	r.letGo(r.held)
	r.held = nil
	if len(rest) <= len(r.small) {
		copy(r.small, rest)
		if len(r.buf) != len(r.small) {
			r.letGo(r.buf)
			r.buf = r.small
		}
	} else {
		copy(r.buf, rest)
	}
	r.r, r.w, r.floor, r.line, r.scan = 0, len(rest), 0, 0, 0
	clear(r.body.trailers)
	r.body = Body{r: r, trailers: r.body.trailers[:0]}
	return clean
}

// Body returns the body of the message that was parsed last.
func (r *Reader) Body() *Body { return &r.body }
