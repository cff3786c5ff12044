package wire

import "unsafe"

// view returns b as a string without copying. b must not change while the
// string is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// raw returns the bytes of s without copying. They must not be written to.
func raw(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// lowered maps a token character (RFC 9110 section 5.6.2) to lower case and
// every other byte to zero.
var lowered = func() (t [256]byte) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
		t[c] = c
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = byte(c) + 'a' - 'A'
	}
	return t
}()

// Character classes.
const (
	inValue      uint8 = 1 << iota // field-value: VCHAR, obs-text, SP, HTAB (RFC 9110 section 5.5)
	inTarget                       // visible ASCII
	inPath                         // pchar without "%" and ";", and without "/" (RFC 3986 section 3.3)
	inQuery                        // raw in a query
	isUnreserved                   // RFC 3986 section 2.3
	isHost                         // letter, digit, "-", "_"
)

var class = func() (t [256]uint8) {
	for c := 0x20; c < 256; c++ {
		if c != 0x7f {
			t[c] |= inValue
		}
		if c > 0x20 && c < 0x7f {
			t[c] |= inTarget
		}
	}
	t['\t'] |= inValue
	add := func(chars string, bits uint8) {
		for _, c := range []byte(chars) {
			t[c] |= bits
		}
	}
	alnum := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	add(alnum, isUnreserved|isHost|inPath|inQuery)
	add("-._~", isUnreserved|inPath|inQuery)
	add("-_", isHost)
	add("!$&'()*+,=:@", inPath|inQuery)
	// Brackets and the like stand raw in the queries of every browser
	// (https://url.spec.whatwg.org/#query-percent-encode-set).
	add("/?[]{}|^`", inQuery)
	return t
}()

// hexValue maps a hexadecimal digit to its value and every other byte to 0xff.
var hexValue = func() (t [256]byte) {
	for c := range t {
		t[c] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	for i, c := range []byte("ABCDEF") {
		t[c] = byte(10 + i)
	}
	return t
}()

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// equalFold compares ASCII case-insensitively; s is in lower case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}
