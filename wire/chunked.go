package wire

import "io"

// chunkState is where the decoder stands in a chunked body (RFC 9112 section 7.1).
type chunkState uint8

const (
	atSize    chunkState = iota // before a chunk-size line
	inData                      // inside chunk-data
	atDataEnd                   // before the CRLF after chunk-data
)

const (
	maxSizeDigits = 15      // so that a size fits into an int64
	maxTrailer    = 4 << 10 // bytes of a trailer section
	maxTrailers   = 32      // fields of a trailer section
)

// nextChunked returns the next piece of chunk data.
func (b *Body) nextChunked() ([]byte, error) {
	for {
		switch b.state {
		case atSize:
			n, err := b.chunkSize()
			if err != nil {
				return nil, err
			}
			if n == 0 {
				return nil, b.trailerSection()
			}
			b.left, b.state = n, inData
		case inData:
			piece, err := b.piece()
			if b.left == 0 {
				b.state = atDataEnd
			}
			return piece, err
		case atDataEnd:
			if err := b.dataEnd(); err != nil {
				return nil, err
			}
			b.state = atSize
		}
	}
}

// more reads on, inside the framing of a chunk.
func (b *Body) more() error { return early(b.r.fill(maxSizeDigits + 2)) }

// chunkSize takes a line of up to 15 hexadecimal digits and CRLF. Extensions are
// refused: no client of an API sends them, and their line ends have been a way
// to smuggle requests (CVE-2025-22871).
func (b *Body) chunkSize() (int64, error) {
	n, digits := int64(0), 0
	for {
		r := b.r
		line := r.buf[r.r:r.w]
		for digits < len(line) && hexValue[line[digits]] != 0xff {
			if digits == maxSizeDigits {
				return 0, ChunkSize
			}
			n = n<<4 | int64(hexValue[line[digits]])
			digits++
		}
		if digits < len(line) {
			if refusal := sizeEnd(line, digits); refusal != nil {
				return 0, refusal
			}
			if digits+1 < len(line) {
				r.r += digits + 2
				return n, nil
			}
		}
		if err := b.more(); err != nil {
			return 0, err
		}
	}
}

// sizeEnd judges what follows the digits of a chunk size.
func sizeEnd(line []byte, digits int) *Refusal {
	rest := line[digits:]
	switch {
	case digits == 0:
		return ChunkSize
	case rest[0] == '\n':
		return BareLF
	case rest[0] == ';':
		return ChunkExtension
	case rest[0] != '\r':
		return ChunkSize
	case len(rest) > 1 && rest[1] != '\n':
		return BareCR
	}
	return nil
}

// dataEnd takes the CRLF after chunk-data.
func (b *Body) dataEnd() error {
	r := b.r
	for {
		switch line := r.buf[r.r:r.w]; {
		case len(line) > 0 && line[0] != '\r', len(line) > 1 && line[1] != '\n':
			return ChunkEnd
		case len(line) > 1:
			r.r += 2
			return nil
		}
		if err := b.more(); err != nil {
			return err
		}
	}
}

// trailerSection takes everything from the last chunk to the end of the message,
// and returns io.EOF when all is well.
func (b *Body) trailerSection() error {
	r := b.r
	r.line, r.scan = r.r, r.r
	for {
		done, refusal := r.scanLines()
		if refusal != nil {
			return refusal
		}
		if r.scan-r.r > maxTrailer {
			return TrailerTooLarge
		}
		if done {
			break
		}
		if err := early(r.fill(maxTrailer)); err != nil {
			return err
		}
	}
	section := r.buf[r.r:r.scan]
	r.r = r.scan
	r.floor = r.scan // the views of the trailer fields must stay
	return b.takeTrailers(section)
}

func (b *Body) takeTrailers(section []byte) error {
	for len(section) > 2 {
		if !b.AllowTrailers && !b.reply {
			return Trailer
		}
		name, value, n, refusal := splitField(section)
		if refusal != nil {
			return refusal
		}
		if !inTrailer(name) {
			if !b.reply {
				return TrailerField
			}
		} else if b.AllowTrailers {
			b.trailers.Add(name, view(value))
		}
		if len(b.trailers) > maxTrailers {
			return TrailerTooLarge
		}
		section = section[n+2:]
	}
	return io.EOF
}
