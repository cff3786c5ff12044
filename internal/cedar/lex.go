package cedar

import (
	"strings"
	"unicode/utf8"
)

// token is a word of a policy with its place, in bytes.
type token struct {
	kind       kind
	text       string
	start, end int
}

type kind byte

const (
	isEnd kind = iota
	isIdent
	isInt
	isString
	isOperator
	isOther // what is no word of the language
)

// reserved words are no names of types, attributes or entities.
var reserved = []string{"true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar"}

// lex takes a text apart into words. It never fails: what the language does not
// know is a token as well, and the last token is the end of the text.
func lex(src string) (out []token) {
	for at := 0; at < len(src); {
		rest := src[at:]
		t := token{start: at}
		switch c := rest[0]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			at++
			continue
		case strings.HasPrefix(rest, "//"):
			at += lineEnd(rest)
			continue
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return append(out, token{isOther, "/*", at, at + 2}, token{start: len(src), end: len(src)})
			}
			at += end + 4
			continue
		case letter(c):
			t.kind, t.end = isIdent, at+run(rest, func(c byte) bool { return letter(c) || digit(c) })
		case digit(c):
			t.kind, t.end = isInt, at+run(rest, digit)
		case c == '"':
			n, closed := quoted(rest)
			t.kind, t.end = isString, at+n
			if !closed {
				t.kind = isOther
			}
		default:
			t.kind, t.end = operator(rest)
			t.end += at
		}
		t.text = src[t.start:t.end]
		out = append(out, t)
		at = t.end
	}
	return append(out, token{start: len(src), end: len(src)})
}

func letter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

func run(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func lineEnd(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}

// quoted is the length of a string that s begins with, and whether it ends on
// its line.
func quoted(s string) (n int, closed bool) {
	for n = 1; n < len(s) && s[n] != '\n'; n++ {
		switch s[n] {
		case '"':
			return n + 1, true
		case '\\':
			n++
		}
	}
	return min(n, len(s)), false
}

func operator(s string) (kind, int) {
	for _, op := range []string{"::", "==", "!=", "<=", ">=", "&&", "||"} {
		if strings.HasPrefix(s, op) {
			return isOperator, 2
		}
	}
	if strings.IndexByte("@.,;(){}[]+-*<>!:", s[0]) >= 0 {
		return isOperator, 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return isOther, n
}

// lineAndColumn is the place of an offset, from 1; columns count characters.
func lineAndColumn(src string, offset int) (line, column int) {
	before := src[:min(offset, len(src))]
	begin := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[begin:]) + 1
}
