package multipart

import "strings"

// Boundary returns the boundary of a Content-Type of multipart/form-data. A
// parameter in the form of RFC 2231 (boundary*0) is refused: only some parsers
// know it.
func Boundary(contentType string) (string, error) {
	kind, rest, more := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.Trim(kind, " \t"), "multipart/form-data") {
		return "", ErrMediaType
	}
	found, boundary := false, ""
	var names [maxParameters]string
	for n := 0; more; n++ {
		var name, value string
		var ok bool
		if name, value, rest, more, ok = parameter(rest); !ok || n == maxParameters || strings.IndexByte(name, '*') >= 0 {
			return "", ErrMediaType
		}
		for _, other := range names[:n] {
			if strings.EqualFold(other, name) {
				return "", ErrMediaType
			}
		}
		if names[n] = name; strings.EqualFold(name, "boundary") {
			found, boundary = true, value
		}
	}
	if !found {
		return "", ErrMediaType
	}
	if !isBoundary(boundary) {
		return "", ErrBoundary
	}
	return boundary, nil
}

// isBoundary reports what RFC 2046 section 5.1.1 allows, with a letter or a digit
// somewhere: of dashes alone nobody can say where they end.
func isBoundary(s string) bool {
	if s == "" || len(s) > 70 || s[len(s)-1] == ' ' {
		return false
	}
	letter := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z':
			letter = true
		case strings.IndexByte("'()+_,-./:=? ", c) < 0:
			return false
		}
	}
	return letter
}
