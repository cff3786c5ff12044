package guard

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kind is what a token is.
type kind byte

const (
	word   kind = iota + 1 // a name or a keyword without quotes
	quoted                 // a name in quotes
	text                   // a string, or bits or bytes
	number
	param // a placeholder
	mark  // one byte of punctuation
)

// token is one piece of a statement.
type token struct {
	from, to int // in the source
	kind     kind
	// name is, for a word, itself in lower case (ASCII: as the databases fold); for
	// a name in quotes and a string of SQLite what is between the quotes; for a
	// placeholder its number or name; for punctuation the byte.
	name  string
	depth int  // of parentheses around it; a parenthesis is outside itself
	glued bool // nothing stands between it and the token before
}

// is reports whether the token is this word or this byte of punctuation.
func (t token) is(name string) bool {
	return t.name == name && (t.kind == word || t.kind == mark)
}

// isOne reports whether the token is one of these words or bytes.
func (t token) isOne(names ...string) bool {
	for _, n := range names {
		if t.is(n) {
			return true
		}
	}
	return false
}

// maxText is how long a statement may be, in bytes.
const maxText = 1 << 20

// lexer cuts a statement into tokens as its database does. Where databases, their
// versions or their settings differ, it refuses.
type lexer struct {
	dialect Dialect
	src     string
	at      int
	toks    []token
	open    []byte // the brackets that are not closed yet
	gap     bool   // whether space or a comment came since the last token
}

// lex returns the tokens of a statement.
func lex(d Dialect, src string) ([]token, error) {
	l := lexer{dialect: d, src: src, gap: true}
	switch {
	case len(src) > maxText:
		return nil, l.refuse(0, "the text is longer than 1 MiB", "pass the data as parameters")
	case !utf8.ValidString(src), strings.IndexByte(src, 0) >= 0:
		return nil, l.refuse(0, "the text is not UTF-8, or holds a zero byte", "pass such data as a parameter")
	case strings.Contains(src, "\ufeff"): // SQLite takes it for a space, PostgreSQL for a letter
		return nil, l.refuse(strings.Index(src, "\ufeff"), "the text holds a byte order mark", "take it out")
	}
	for l.at < len(l.src) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	if len(l.open) > 0 {
		return nil, l.refuse(len(src), "a bracket is not closed", "close it")
	}
	return l.toks, nil
}

// next takes one token, or what stands between two.
func (l *lexer) next() error {
	c := l.src[l.at]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		l.at++
		l.gap = true
		return nil
	case l.ahead("--"):
		return l.lineComment()
	case l.ahead("/*"):
		return l.blockComment()
	case c == '\'':
		return l.plainString(l.at)
	case c == '"', l.dialect == SQLite && (c == '`' || c == '['):
		return l.quotedName(c)
	case c == '$' || l.dialect == SQLite && (c == '?' || c == ':' || c == '@'):
		return l.dollar(c)
	case isDigit(c) || c == '.' && l.at+1 < len(l.src) && isDigit(l.src[l.at+1]):
		return l.number()
	case isNameStart(c):
		return l.word()
	}
	return l.punctuation(c)
}

func (l *lexer) ahead(s string) bool { return strings.HasPrefix(l.src[l.at:], s) }

// push adds the token from..at.
func (l *lexer) push(k kind, from int, name string) {
	l.toks = append(l.toks, token{from: from, to: l.at, kind: k, name: name, depth: len(l.open), glued: !l.gap})
	l.gap = false
}

// last returns the token before, when nothing stands between.
func (l *lexer) last() (token, bool) {
	if l.gap || len(l.toks) == 0 {
		return token{}, false
	}
	return l.toks[len(l.toks)-1], true
}

func (l *lexer) lineComment() error {
	end := strings.IndexByte(l.src[l.at:], '\n')
	if end < 0 {
		end = len(l.src) - l.at
	}
	comment := strings.TrimSuffix(l.src[l.at:l.at+end], "\r")
	if cr := strings.IndexByte(comment, '\r'); cr >= 0 { // ends a comment of PostgreSQL's, not of SQLite's
		return l.refuse(l.at+cr, "a carriage return inside a comment ends it in one database and not in another", "end lines with \\n")
	}
	l.at += end
	l.gap = true
	return nil
}

func (l *lexer) blockComment() error {
	start, nested := l.at, 0
	for l.at < len(l.src) {
		switch {
		case l.ahead("/*") && (nested == 0 || l.dialect == PostgreSQL): // PostgreSQL's nest
			nested++
			l.at += 2
		case l.ahead("*/"):
			nested--
			l.at += 2
			if nested == 0 {
				l.gap = true
				return nil
			}
		default:
			l.at++
		}
	}
	return l.refuse(start, "a comment is not closed", "close it with */")
}

// word takes a name or keyword, or a string with a letter before it.
func (l *lexer) word() error {
	from := l.at
	for l.at < len(l.src) && isNamePart(l.src[l.at]) {
		l.at++
	}
	name := lower(l.src[from:l.at])
	if l.at < len(l.src) && l.src[l.at] == '\'' {
		return l.prefixed(from, name)
	}
	if name == "u" && (l.ahead("&'") || l.ahead(`&"`)) {
		return l.refuse(from, "names and strings with Unicode escapes (U&) are not judged", "write the characters themselves, or pass the string as a parameter")
	}
	if err := l.fits(from, name); err != nil {
		return err
	}
	l.push(word, from, name)
	return nil
}

// fits refuses a name that PostgreSQL would cut, so that another is meant.
func (l *lexer) fits(from int, name string) error {
	if l.dialect == PostgreSQL && len(name) > 63 {
		return l.refuse(from, "a name is longer than 63 bytes, and PostgreSQL would cut it", "write a shorter one")
	}
	return nil
}

func (l *lexer) number() error {
	from := l.at
	digits := func() {
		for l.at < len(l.src) && isDigit(l.src[l.at]) {
			l.at++
		}
	}
	digits()
	if l.at < len(l.src) && l.src[l.at] == '.' {
		l.at++
		digits()
	}
	if l.at < len(l.src) && (l.src[l.at]|0x20) == 'e' {
		sign := l.at + 1
		if sign < len(l.src) && (l.src[sign] == '+' || l.src[sign] == '-') {
			sign++
		}
		if sign < len(l.src) && isDigit(l.src[sign]) {
			l.at = sign
			digits()
		}
	}
	if l.at < len(l.src) && (isNamePart(l.src[l.at]) || strings.IndexByte(`.'"`, l.src[l.at]) >= 0) {
		return l.refuse(l.at, "something follows a number without a space, which versions of the database read differently", "write a space after the number, and numbers in decimal")
	}
	l.push(number, from, "")
	return nil
}

func (l *lexer) punctuation(c byte) error {
	from := l.at
	l.at++
	switch {
	case c == '(' || c == '[':
		l.push(mark, from, l.src[from:l.at])
		l.open = append(l.open, c)
		return nil
	case c == ')' || c == ']':
		if n := len(l.open); n == 0 || (l.open[n-1] == '(') != (c == ')') {
			return l.refuse(from, fmt.Sprintf("%q closes nothing", c), "open it before")
		}
		l.open = l.open[:len(l.open)-1]
	case strings.IndexByte("+-*/%<>=~!@#^&|?:;,.", c) < 0:
		return l.refuse(from, fmt.Sprintf("the character %q has no meaning here", c), "take it out")
	}
	l.push(mark, from, l.src[from:l.at])
	return nil
}

func (l *lexer) refuse(at int, because, instead string) error {
	return refuse(l.src, at, because, instead)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf
}

func isNamePart(c byte) bool { return isNameStart(c) || isDigit(c) || c == '$' }

// lower folds ASCII only, as PostgreSQL in UTF-8 and SQLite do.
func lower(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}
