// Package redact takes out of a request's texts what must not be kept: secrets,
// card numbers and personal data. It is the only place that does so, and logs,
// trails and metrics get nothing that has not passed through it.
//
// It works by what is allowed rather than by what is known to be bad. A query
// value is kept only when it is a number, a UUID, a date, a truth value, or a
// short word under a name such as "sort" that carries no data; everything else
// is masked. A path segment is kept when it is a short plain word or number. Free text (a user agent, a
// cause) is kept except for the tokens in it that are shaped like a secret, a
// card number or an address.
//
// The functions append to dst, never allocate beyond it and take any bytes.
// Escaping is the business of whoever writes the result down.
package redact

import "strings"

// Mask stands where a value was taken out.
const Mask = "[redacted]"

// The most bytes that are kept of one text, and the most parts of one path or
// query that are looked at; what follows is masked.
const (
	maxName  = 40   // bytes of a parameter name
	maxWord  = 32   // bytes of a path segment or a word of a query
	maxPart  = 64   // segments of a path, parameters of a query
	maxText  = 256  // bytes of a free text, and of a subject
	maxQuery = 1024 // bytes of a query
)

// Query appends the query with its names kept and its values kept or masked.
func Query(dst []byte, query string) []byte {
	if len(query) > maxQuery { // between two parameters, since a part of a value is another value
		n := strings.LastIndexByte(query[:maxQuery], '&')
		if n < 0 {
			return append(dst, Mask...)
		}
		return append(append(Query(dst, query[:n]), '&'), Mask...)
	}
	for n := 0; query != ""; n++ {
		if n > 0 {
			dst = append(dst, '&')
		}
		if n == maxPart {
			return append(dst, Mask...)
		}
		pair := query
		if i := strings.IndexByte(query, '&'); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			query = ""
		}
		name, value, found := strings.Cut(pair, "=")
		if plainName(name) {
			dst = append(dst, name...)
		} else if name != "" {
			dst = append(dst, Mask...)
		}
		if !found {
			continue
		}
		dst = append(dst, '=')
		if value == "" || keepValue(name, value) {
			dst = append(dst, value...)
		} else {
			dst = append(dst, Mask...)
		}
	}
	return dst
}

// keepValue reports whether a query value carries nothing that must not be kept.
func keepValue(name, value string) bool {
	if sensitive(name) || !plain(value) {
		return false
	}
	if number(value) || uuid(value) || date(value) || value == "true" || value == "false" {
		return true
	}
	return len(value) <= maxWord && harmless(name) && !secretShaped(value)
}

// plainName reports whether a parameter name may be kept.
func plainName(s string) bool {
	if len(s) == 0 || len(s) > maxName || secretShaped(s) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alnum(c) && c != '_' && c != '-' && c != '.' && c != '[' && c != ']' {
			return false
		}
	}
	return true
}

// Text appends free text such as a user agent or the cause of a refusal, cut
// to 256 bytes, with the tokens masked that are shaped like a secret or like
// personal data, and those that follow a sensitive name as in "token=x".
func Text(dst []byte, s string) []byte {
	cut := len(s) > maxText
	if cut { // before a token, since a part of a secret is not seen to be one
		n := maxText
		for n > 0 && !breaks[s[n]] {
			n--
		}
		s = s[:n]
	}
	after := false // the token before this one names a secret
	for s != "" {
		if n := cardRun(s); n > 0 {
			dst, s, after = append(dst, Mask...), s[n:], false
			continue
		}
		n := 0
		for n < len(s) && !breaks[s[n]] {
			n++
		}
		if n > 0 {
			token := s[:n]
			switch {
			case after && !scheme(token), secretShaped(token), address(token):
				dst = append(dst, Mask...)
				after = false
			default:
				dst = append(dst, token...)
				after = scheme(token) || n < len(s) && (s[n] == '=' || s[n] == ':' || s[n] == '"') && sensitive(token)
			}
			s = s[n:]
			continue
		}
		dst = append(dst, s[0])
		after = after && (s[0] == ' ' || s[0] == '=' || s[0] == ':' || s[0] == '"' || s[0] == '\'')
		s = s[1:]
	}
	if cut {
		dst = append(dst, Mask...)
	}
	return dst
}

// Subject appends who asks. An identifier is kept, since a log without it is no
// evidence; of an e-mail address the local part is masked but for its first byte.
func Subject(dst []byte, s string) []byte {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 {
		if len(s) > maxText {
			s = s[:maxText]
		}
		if i := strings.IndexByte(s, ':'); jwtShaped(s) || card(s[i+1:]) {
			return append(dst, Mask...)
		}
		return append(dst, s...)
	}
	if s[0] < 0x80 {
		dst = append(dst, s[0])
	}
	dst = append(dst, "***"...)
	if len(s)-at > maxText {
		return dst
	}
	return append(dst, s[at:]...)
}
