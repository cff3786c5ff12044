package wire

import (
	"bytes"

	"github.com/gatehouse-api/gatehouse"
)

// Unpermitted returns the refusal of a request that needs what its endpoint does
// not permit: the one that it gets where no endpoint permits anything. missing
// must not be empty.
func Unpermitted(missing gatehouse.Permit) *Refusal {
	for _, r := range [...]*Refusal{PathEncodedSlash, PathDoubleEncoding, PathSemicolon} {
		if r.Permit&missing != 0 {
			return r
		}
	}
	return HeaderUnderscore
}

// checkResolved judges a canonical segment as those read it who take an encoded
// slash for a slash, cut parameters at a semicolon, and decode twice. Whatever
// is permitted, none of them may find a dot segment, an empty segment or
// another path.
func checkResolved(seg []byte, last bool) *Refusal {
	if len(seg) == 0 {
		return checkSegment(seg, last)
	}
	if doubleEncoded(seg) {
		return PathDoubleEncoding
	}
	for {
		piece, rest, more := bytes.Cut(seg, []byte("%2F"))
		name, _, cut := bytes.Cut(piece, []byte(";"))
		name, _, encoded := bytes.Cut(name, []byte("%3B"))
		if len(name) == 0 && (cut || encoded) {
			return PathSemicolon
		}
		if r := checkSegment(name, false); r != nil {
			return r
		}
		if !more {
			return nil
		}
		seg = rest
	}
}

// doubleEncoded reports whether a canonical segment holds the escape of what is
// an escape itself: "%2561" is "%61" to us and "a" to who decodes once more. The
// form "%u0061" is one too.
func doubleEncoded(seg []byte) bool {
	for {
		_, rest, ok := bytes.Cut(seg, []byte("%25"))
		if !ok {
			return false
		}
		if len(rest) >= 2 && (isHex(rest[0]) || rest[0]|0x20 == 'u') && isHex(rest[1]) {
			return true
		}
		seg = rest
	}
}

func isHex(c byte) bool { return hexValue[c] != 0xff }

// twins refuses fields whose names are one to an application that takes "_" and
// "-" for the same (RFC 3875 section 4.1.18): it would see one of them, or both.
func (s *section) twins() {
	f := *s.fields
	for i := range f {
		if !bytes.ContainsRune(raw(f[i].Name), '_') {
			continue
		}
		for j := range f {
			if f[j].Name != f[i].Name && sameField(f[j].Name, f[i].Name) {
				s.bar(HeaderUnderscore)
				return
			}
		}
	}
}
