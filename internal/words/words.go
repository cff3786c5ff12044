// Package words takes names apart: operationIds, path segments and tags say what
// an operation is for, in whatever way their authors join words.
package words

import (
	"strings"
	"unicode"
)

// Of splits a name at everything that is no letter or digit and where camel case
// has a hump, and returns its words in lower case: "verifyMFACode" and
// "verify-mfa_code" are the same three words.
func Of(name string) []string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		hump := unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = ' '
		case hump:
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(b.String())
}

// OfPath returns the words of a path template, parameters left out.
func OfPath(template string) (list []string) {
	for s := range strings.SplitSeq(template, "/") {
		if !strings.HasPrefix(s, "{") {
			list = append(list, Of(s)...)
		}
	}
	return list
}
