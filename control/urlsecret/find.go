package urlsecret

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// prefixes of keys and tokens, and how many letters, digits, hyphens and
// underscores follow at the least.
var prefixes = [...]struct {
	text string
	more int
}{
	{"sk_", 12}, {"rk_", 16}, {"sk-", 20}, {"AKIA", 16}, {"ASIA", 16}, {"AIza", 30}, {"ghp_", 20}, {"gho_", 20}, {"ghu_", 20}, {"ghs_", 20}, {"ghr_", 20},
	{"github_pat_", 20}, {"glpat-", 16}, {"npm_", 30}, {"xoxb-", 10}, {"xoxp-", 10}, {"xoxa-", 10}, {"xoxr-", 10}, {"xoxs-", 10}, {"-----BEGIN", 0},
}

// find returns the answer to what is found in s, or nil.
func find(s string) *gatehouse.Answer {
	for i := 0; i < len(s); i++ {
		c := s[i]
		start := i == 0 || !isWord(s[i-1])
		switch {
		case c == '@':
			if isEmail(s, i) {
				return byEmail
			}
		case !start:
		case c >= '2' && c <= '6':
			if n := isCard(s[i:]); n > 0 {
				return byCard
			}
		case c == 'e' && isJWT(s[i:]):
			return byToken
		case c == 's' || c == 'r' || c == 'A' || c == 'g' || c == 'n' || c == 'x' || c == '-':
			if hasPrefix(s[i:]) {
				return byToken
			}
		}
	}
	return nil
}

func hasPrefix(s string) bool {
	for i := range prefixes {
		p := &prefixes[i]
		if !strings.HasPrefix(s, p.text) {
			continue
		}
		if run(s[len(p.text):]) >= p.more {
			return true
		}
	}
	return false
}

// run returns how many letters, digits, hyphens and underscores s begins with.
func run(s string) int {
	n := 0
	for n < len(s) && (isWord(s[n]) || s[n] == '-' || s[n] == '_') {
		n++
	}
	return n
}

// isJWT reports whether s begins like a JWS or JWE in compact form: base64url of
// `{"`, a dot, and more base64url.
func isJWT(s string) bool {
	if !strings.HasPrefix(s, "eyJ") {
		return false
	}
	head := run(s)
	return head >= 10 && head < len(s) && s[head] == '.' && run(s[head+1:]) >= 8
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// isEmail reports whether an address stands around the at sign at s[at].
func isEmail(s string, at int) bool {
	if at == 0 || !(isWord(s[at-1]) || s[at-1] == '_' || s[at-1] == '-' || s[at-1] == '+') {
		return false
	}
	dot, last := false, 0
	for i := at + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if last == 0 {
				return false
			}
			dot, last = true, 0
		case isWord(c) || c == '-' || c >= 0x80:
			last++
		default:
			return dot && last >= 2
		}
	}
	return dot && last >= 2
}

// isCard returns the length of the card number that s begins with, single
// spaces and hyphens between its digits allowed, or 0.
func isCard(s string) int {
	var digits [19]byte
	n, end := 0, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			if n == len(digits) {
				return 0
			}
			digits[n] = c - '0'
			n, end = n+1, i+1
			continue
		case (c == ' ' || c == '-') && end == i && n < len(digits):
			continue
		case isWord(c) && end == i:
			return 0 // part of a longer word
		}
		break
	}
	if end < len(s) && isWord(s[end]) || !issued(digits[:n]) || !luhn(digits[:n]) {
		return 0
	}
	return end
}

// issued reports whether a number begins, and is as long, as the large networks
// issue them (ISO/IEC 7812 ranges): ids and times seldom do.
func issued(d []byte) bool {
	if len(d) < 13 {
		return false
	}
	head := int(d[0])*1000 + int(d[1])*100 + int(d[2])*10 + int(d[3])
	switch n := len(d); {
	case d[0] == 4:
		return n == 13 || n == 16 || n == 19
	case head >= 5100 && head < 5600, head >= 2221 && head <= 2720:
		return n == 16
	case head/100 == 34, head/100 == 37:
		return n == 15
	case head/10 >= 300 && head/10 <= 305, head/100 == 36, head/100 == 38:
		return n == 14
	case head == 6011, head/100 == 65, head/100 == 62, head/10 >= 644 && head/10 <= 649, head >= 3528 && head <= 3589:
		return n >= 16
	}
	return false
}

// luhn checks the last digit (ISO/IEC 7812-1 annex B).
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i])
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
