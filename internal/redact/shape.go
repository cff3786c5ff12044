package redact

import "strings"

// alnum reports whether c is an ASCII letter or digit.
func alnum(c byte) bool { return letter(c) || digit(c) }

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

// plain reports whether s consists of unreserved characters (RFC 3986 section
// 2.3) and the few others that numbers, dates and lists are written with.
// An escape is not plain: whoever hides a value behind one gets it masked.
func plain(s string) bool {
	for i := range len(s) {
		if !plainBytes[s[i]] {
			return false
		}
	}
	return true
}

var plainBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = alnum(byte(c))
	}
	for _, c := range []byte("-._~:,*") {
		t[c] = true
	}
	return t
}()

// number reports whether s is a decimal number of at most 12 digits: an id, an
// amount, a Unix time in seconds, but no card number. The form of a US social
// security number is none.
func number(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits, dots := 0, 0
	for i := range len(s) {
		switch {
		case digit(s[i]):
			digits++
		case s[i] == '.':
			dots++
		default:
			return false
		}
	}
	return digits > 0 && digits <= 12 && dots <= 1
}

// uuid reports whether s has the form of a UUID (RFC 9562 section 4).
func uuid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !digit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
}

// date reports whether s begins with a date and goes on as RFC 3339 does.
func date(s string) bool {
	const form = "dddd-dd-ddTdd:dd:dd"
	if len(s) < 10 || len(s) > 30 {
		return false
	}
	for i := range min(len(s), len(form)) {
		if form[i] == 'd' && !digit(s[i]) || form[i] != 'd' && s[i] != form[i] {
			return false
		}
	}
	for i := len(form); i < len(s); i++ {
		if c := s[i]; !digit(c) && c != '.' && c != ':' && c != '-' && c != 'Z' {
			return false
		}
	}
	return true
}

// secretShaped reports whether s looks like a secret or a card number: a JSON
// Web Token, a known key prefix, a long random token, a long row of digits.
func secretShaped(s string) bool {
	if len(s) < 9 || uuid(s) {
		return false
	}
	if card(s) || jwtShaped(s) {
		return true
	}
	for _, p := range keyPrefixesBy[s[0]&31] {
		if strings.HasPrefix(s, p) && len(s) > len(p) {
			return true
		}
	}
	return len(s) >= 20 && random(s)
}

// keyPrefixes are the beginnings by which issuers mark their keys.
var keyPrefixes = [...]string{"sk_", "sk-", "pk_", "rk_", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-",
	"xoxb-", "xoxp-", "xoxa-", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "npm_", "pypi-", "hvs.", "dop_v1_", "SG.", "gh_"}

// keyPrefixesBy holds the same by their first letter.
var keyPrefixesBy = byLetter(keyPrefixes[:])

func jwtShaped(s string) bool { return len(s) > 10 && s[:3] == "eyJ" }

// random reports whether a part of s, between "." "," ":" and "/", is long and
// mixed as only generated values are: 20 bytes with letters and digits, or 40
// of anything.
func random(s string) bool {
	for s != "" {
		letters, digits, n := 0, 0, 0
		for n < len(s) && s[n] != '.' && s[n] != ',' && s[n] != ':' && s[n] != '/' {
			if letter(s[n]) {
				letters++
			} else if digit(s[n]) {
				digits++
			}
			n++
		}
		if n >= 40 || n >= 20 && letters > 0 && digits > 0 && !uuid(s[:n]) {
			return true
		}
		s = s[min(n+1, len(s)):]
	}
	return false
}

// card reports whether s holds 13 or more digits in a row, with or without
// "-" and "." between them, or a US social security number. Whether the check digit is right
// (ISO/IEC 7812-1) is not asked: a mistyped card number is one all the same.
func card(s string) bool {
	digits, start := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case digit(c):
			if digits == 0 {
				start = i
			}
			if digits++; digits >= 13 {
				return true
			}
			if digits == 9 && i-start == 10 && s[start+3] == '-' && s[start+6] == '-' && (i+1 == len(s) || !digit(s[i+1])) {
				return true
			}
		case (c == '-' || c == '.') && digits > 0:
		default:
			digits = 0
		}
	}
	return false
}

// cardRun returns the length of the row of 13 or more digits that s begins with,
// in groups that a space, "-" or "." sets apart, or 0.
func cardRun(s string) int {
	digits, end := 0, 0
	for i := range len(s) {
		if digit(s[i]) {
			digits, end = digits+1, i+1
		} else if end != i || digits == 0 || s[i] != ' ' && s[i] != '-' && s[i] != '.' {
			break
		}
	}
	if digits < 13 {
		return 0
	}
	return end
}

// address reports whether a token of free text holds an e-mail address.
func address(s string) bool {
	i := strings.IndexByte(s, '@')
	return i > 0 && i < len(s)-1
}

// scheme reports whether s is an authentication scheme that a credential follows.
func scheme(s string) bool {
	return len(s) >= 4 && len(s) <= 6 && (strings.EqualFold(s, "bearer") || strings.EqualFold(s, "basic") || strings.EqualFold(s, "dpop"))
}

// breaks holds the bytes that end a token of free text.
var breaks = func() (t [256]bool) {
	for c := range 0x21 {
		t[c] = true
	}
	for _, c := range []byte("\"'`()<>{}[],;=:|\\/?&\x7f") {
		t[c] = true
	}
	return t
}()
