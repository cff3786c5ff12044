// Package percent decodes the escapes of queries and forms (RFC 3986 section 2.1)
// for the controls that look at what stands in them, so that all read the same.
package percent

// Append appends the text that escapes stand for, and a space for each plus sign
// where plus says so. What is malformed stays as it is.
func Append[T string | []byte](dst []byte, s T, plus bool) []byte {
	for i := 0; i < len(s); i++ {
		c, escaped := Decode(s[i:])
		switch {
		case escaped:
			i += 2
		case s[i] == '+' && plus:
			c = ' '
		default:
			c = s[i]
		}
		dst = append(dst, c)
	}
	return dst
}

// Decode returns what the escape stands for that s begins with, and whether it
// begins with one.
func Decode[T string | []byte](s T) (c byte, ok bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	high, low := digit(s[1]), digit(s[2])
	return high<<4 | low, high < 16 && low < 16
}

// digit returns the value of a hexadecimal digit, or 255.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
