package openapi

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// idnHostname reads a name whose labels may be U-labels (RFC 5890 section
// 2.3.2.1). Names of ASCII alone, which is what names mostly are, are read
// without allocating.
func idnHostname(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return international(b)
		}
	}
	return hostname(b)
}

// longestName is more bytes than a name of 253 octets in its ASCII form has.
const longestName = 4 * 253

// international reads RFC 5891 section 4.2: what the tables of UTS 46 say, the
// bidi rule of RFC 5893, and the contextual rules of RFC 5892, which those tables
// leave out.
func international(b []byte) bool {
	if len(b) == 0 || len(b) > longestName {
		return false
	}
	name := strings.Map(func(r rune) rune {
		switch r {
		case '\u3002', '\uff0e', '\uff61': // separators, RFC 3490 section 3.1
			return '.'
		}
		return r
	}, string(b))
	labels := strings.Split(name, ".")
	for i, l := range labels {
		if strings.IndexFunc(l, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
			labels[i] = strings.ToLower(l)
		}
		if l == "" {
			return false
		}
	}
	name = strings.Join(labels, ".")
	if _, err := idna.Registration.ToASCII(name); err != nil {
		return false
	}
	name, err := idna.Registration.ToUnicode(name)
	if err != nil {
		return false
	}
	for l := range strings.SplitSeq(name, ".") {
		if !inContext([]rune(l)) {
			return false
		}
	}
	return true
}

// inContext applies RFC 5892 section 2.6 and appendix A.3 to A.9 to a label.
func inContext(label []rune) bool {
	near := func(i int, is func(rune) bool) bool { return i >= 0 && i < len(label) && is(label[i]) }
	script := func(t *unicode.RangeTable) func(rune) bool { return func(r rune) bool { return unicode.Is(t, r) } }
	arabic, extended, middleDot, japanese := false, false, false, false
	for i, r := range label {
		ok := true
		switch {
		case r == '\u00b7': // MIDDLE DOT between two l
			isL := func(r rune) bool { return r == 'l' }
			ok = near(i-1, isL) && near(i+1, isL)
		case r == '\u0375': // GREEK KERAIA before Greek
			ok = near(i+1, script(unicode.Greek))
		case r == '\u05f3' || r == '\u05f4': // HEBREW GERESH and GERSHAYIM behind Hebrew
			ok = near(i-1, script(unicode.Hebrew))
		case r == '\u30fb':
			middleDot = true
		case r >= '\u0660' && r <= '\u0669':
			arabic = true
		case r >= '\u06f0' && r <= '\u06f9':
			extended = true
		case disallowed(r):
			ok = false
		default:
			japanese = japanese || unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han)
		}
		if !ok {
			return false
		}
	}
	return !(arabic && extended) && (!middleDot || japanese)
}

// disallowed are the exceptions of RFC 5892 section 2.6 that UTS 46 lets in.
func disallowed(r rune) bool {
	switch r {
	case '\u0640', '\u07fa', '\u302e', '\u302f', '\u3031', '\u3032', '\u3033', '\u3034', '\u3035', '\u303b':
		return true
	}
	// Of what UTS 46 calls valid, symbols and punctuation are no letters of names
	// (RFC 5892 section 2.1).
	return r >= utf8.RuneSelf && !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(pvalid, r)
}

// pvalid are the code points that RFC 5892 section 2.6 lets in although they are
// neither letters, marks nor digits, and the joiners, whose context idna judges.
const pvalid = "\u06fd\u06fe\u0f0b\u3007\u200c\u200d"
