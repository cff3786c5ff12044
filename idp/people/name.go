package people

import (
	"errors"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// ErrName says that a text is no e-mail address.
var ErrName = errors.New("people: not an e-mail address")

// longestName is the longest address that mail can have (RFC 5321 section 4.5.3.1.3).
const longestName = 254

// Canonical returns the one spelling of an e-mail address by which a person is
// known, so that case, spaces and look-alikes are one account with one lock. It is
// stricter than RFC 5321: no quotes, no comments, one @, a domain with a dot.
func Canonical(address string) (string, error) {
	name := strings.ToLower(strings.TrimSpace(norm.NFKC.String(address)))
	local, domain, found := strings.Cut(name, "@")
	if !found || len(name) > longestName || len(local) > 64 || !dotted(local, "!#$%&'*+-/=?^_`{|}~") || !dotted(domain, "-") || !strings.Contains(domain, ".") {
		return "", ErrName
	}
	return name, nil
}

// dotted reports whether s is parts of ASCII letters, digits and the extra
// characters, with single dots between them.
func dotted(s, extra string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune(extra, r))
		}) {
			return false
		}
	}
	return true
}
