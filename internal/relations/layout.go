package relations

import (
	"slices"
	"strings"
)

// ownLine refuses what must begin a line and does not.
func (p *parser) ownLine(t token) *Error {
	if t.text != "" && !t.first {
		return p.src.fault(t.at, "begin a new line", "%s stands behind something else", t.shown())
	}
	return nil
}

// oneLine refuses tokens that begin a line where one must go on; lists of types may go
// over several.
func (p *parser) oneLine(tokens []token) *Error {
	inside := false
	for _, t := range tokens {
		if t.first && !inside {
			return p.src.fault(t.at, "write it into one line", "%s goes on in another line", t.shown())
		}
		inside = t.text == "[" || inside && t.text != "]"
	}
	return nil
}

// identifier reads the name of a type or a relation.
func (p *parser) identifier(what string, longest int) (token, *Error) {
	t := p.next()
	switch {
	case !t.word:
		return t, p.src.fault(t.at, "write a name: letters, digits, _ and -", "expected the name of a %s, found %s", what, t.shown())
	case slices.Contains(reserved, t.text):
		return t, p.src.fault(t.at, "choose another name", "%q is reserved", t.text)
	case !name(t.text, longest) || !nameable(t.text):
		return t, p.src.fault(t.at, "write a shorter name of letters, digits, _ and -, that begins with a letter", "%q cannot name a %s", t.text, what)
	}
	return t, nil
}

// reserved are the words that OpenFGA's grammar keeps for itself, where a type or a
// relation is named.
var reserved = []string{"and", "condition", "define", "false", "from", "in", "null", "or", "relations", "self", "this", "true", "with"}

// nameable reports whether OpenFGA's grammar takes a word for a name: letters, digits
// and _, with single / . and - between.
func nameable(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		switch {
		case letter, i > 0 && c >= '0' && c <= '9', i > 0 && c == '-':
		case (c == '/' || c == '.') && i > 0 && i < len(s)-1 && strings.IndexByte("/.-", s[i-1]) < 0 && strings.IndexByte("/.-", s[i+1]) < 0:
		default:
			return false
		}
	}
	return true
}
