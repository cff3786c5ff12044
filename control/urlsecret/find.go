package urlsecret

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/shape"
)

// prefixes of keys and tokens, and how many letters, digits, hyphens and
// underscores follow at the least.
var prefixes = [...]struct {
	text string
	more int
}{
	{"AKIA", 16}, {"ASIA", 16}, {"AIza", 30}, {"ya29.", 20}, {"GOCSPX-", 20},
	{"ghp_", 20}, {"gho_", 20}, {"ghu_", 20}, {"ghs_", 20}, {"ghr_", 20}, {"github_pat_", 20}, {"glpat-", 16}, {"glrt-", 16}, {"npm_", 30}, {"pypi-AgE", 20},
	{"xoxb-", 10}, {"xoxp-", 10}, {"xoxa-", 10}, {"xoxr-", 10}, {"xoxs-", 10}, {"xoxe-", 10}, {"xapp-1-", 10}, {"shpat_", 32}, {"shpca_", 32}, {"shpss_", 32},
	{"sq0atp-", 20}, {"sq0csp-", 20}, {"dop_v1_", 40}, {"hvs.", 20}, {"whsec_", 20}, {"SG.", 20}, {"-----BEGIN", 0},
}

// short are prefixes of keys that one random value of 50,000 has, too: states, nonces and
// cursors, which belong into URLs. So more is asked of what follows.
var short = [...]string{"sk_", "sk-", "rk_"}

// begins has the first bytes of prefixes and of short.
var begins = func() (t [256]bool) {
	for _, prefix := range short {
		t[prefix[0]] = true
	}
	for i := range prefixes {
		t[prefixes[i].text[0]] = true
	}
	return t
}()

// find returns the answer to what is found in s, or nil.
func find(s string) *gatehouse.Answer {
	for i := 0; i < len(s); i++ {
		c := s[i]
		start := i == 0 || !isWord(s[i-1])
		switch {
		case c == '@':
			if shape.Email(s, i) {
				return byEmail
			}
		case !start:
		case c >= '0' && c <= '9':
			// Whatever stands before it: a number behind "visa-" is one all the same.
			if shape.Card(s[i:], 0) > 0 {
				return byCard
			}
		case c == 'e' && isJWT(s[i:]):
			return byToken
		case begins[c]:
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
	for _, prefix := range short {
		if strings.HasPrefix(s, prefix) {
			return isKey(s[len(prefix):])
		}
	}
	return false
}

// isKey reports whether s begins like a key behind a short prefix: with what the key is
// for, as in "live_" or "proj-", and twelve more; or with as many letters and digits,
// neither more nor fewer, as the keys have whose issuers say nothing of it.
func isKey(s string) bool {
	letters := 0
	for letters < len(s) && s[letters] >= 'a' && s[letters] <= 'z' {
		letters++
	}
	if letters >= 2 && letters <= 10 && letters < len(s) && (s[letters] == '_' || s[letters] == '-') && run(s[letters+1:]) >= 12 {
		return true
	}
	n := 0
	for n < len(s) && isWord(s[n]) {
		n++
	}
	return (n == 32 || n == 48) && run(s) == n
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
