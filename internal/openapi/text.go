package openapi

import "unicode/utf8"

// base64 reads RFC 4648 section 4 with the two given letters, padding included.
func base64(b []byte, plus, slash byte) bool {
	if len(b)%4 != 0 {
		return false
	}
	for i, c := range b {
		if alnum(c) || c == plus || c == slash {
			continue
		}
		if c != '=' || i < len(b)-2 || i == len(b)-2 && b[len(b)-1] != '=' {
			return false
		}
	}
	return true
}

// base64url reads RFC 4648 section 5, with or without padding.
func base64url(b []byte) bool {
	if len(b) > 0 && b[len(b)-1] == '=' {
		return base64(b, '-', '_')
	}
	for _, c := range b {
		if !alnum(c) && c != '-' && c != '_' {
			return false
		}
	}
	return len(b)%4 != 1
}

// pointer reads RFC 6901.
func pointer(b []byte) bool {
	for i, c := range b {
		switch {
		case i == 0 && c != '/':
			return false
		case c == '~' && (i+1 == len(b) || b[i+1] != '0' && b[i+1] != '1'):
			return false
		}
	}
	return true
}

// relativePointer reads draft-bhutton-relative-json-pointer-00, without index
// manipulation, as JSON Schema 2020-12 has it.
func relativePointer(b []byte) bool {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	if n == 0 || n > 1 && b[0] == '0' {
		return false
	}
	return string(b[n:]) == "#" || pointer(b[n:])
}

// char is one character.
func char(b []byte) bool {
	_, n := utf8.DecodeRune(b)
	return n > 0 && n == len(b)
}

// uriTemplate reads RFC 6570 section 2, without the operators that are reserved
// for extensions.
func uriTemplate(b []byte) bool {
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '{':
			n := expression(b[i+1:])
			if n < 0 {
				return false
			}
			i += 1 + n
		case c == '%':
			if !escaped(b, i) {
				return false
			}
			i += 3
		case c <= ' ' || c == 0x7f || in(c, "\"<>\\^`|}"):
			return false
		default:
			i++
		}
	}
	return true
}

// expression returns the length of an expression, its closing brace included, or
// -1.
func expression(b []byte) int {
	i := 0
	if len(b) > 0 && in(b[0], "+#./;?&") {
		i = 1
	}
	for {
		n := variable(b[i:])
		if n <= 0 {
			return -1
		}
		if i += n; i == len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i++
		case '}':
			return i + 1
		default:
			return -1
		}
	}
}

// variable returns the length of a varspec, or -1.
func variable(b []byte) int {
	i, dot := 0, true
	for i < len(b) {
		switch c := b[i]; {
		case alnum(c) || c == '_':
			i, dot = i+1, false
			continue
		case c == '%' && escaped(b, i):
			i, dot = i+3, false
			continue
		case c == '.' && !dot:
			i, dot = i+1, true
			continue
		}
		break
	}
	switch {
	case dot:
		return -1
	case i < len(b) && b[i] == '*':
		return i + 1
	case i == len(b) || b[i] != ':':
		return i
	}
	digits := i + 1
	for i = digits; i < len(b) && b[i] >= '0' && b[i] <= '9'; {
		i++
	}
	if i == digits || i-digits > 4 || b[digits] == '0' {
		return -1
	}
	return i
}

// escaped reports a percent-encoded byte at b[i].
func escaped(b []byte, i int) bool { return i+2 < len(b) && hex(b[i+1]) && hex(b[i+2]) }
