package waf

import (
	"strings"

	"github.com/gatehouse-api/gatehouse/control/internal/percent"
)

// signs say which of libinjection's two parsers a literal calls for.
type signs uint8

const (
	ofSQL signs = 1 << iota
	ofHTML
)

// literal is a text, in lower case, that stands in attacks and rarely elsewhere.
type literal struct {
	text  string
	signs signs
	sure  string // the rule's name, when the literal is enough by itself
}

// table is what the quick rules look for: first what libinjection needs to find
// anything, then what it does not know.
var table = [...]literal{
	{"'", ofSQL | ofHTML, ""}, {`"`, ofSQL | ofHTML, ""}, {"`", ofSQL | ofHTML, ""}, {"=", ofSQL | ofHTML, ""}, {"<", ofSQL | ofHTML, ""},
	{"--", ofSQL, ""}, {"#", ofSQL, ""}, {"/*", ofSQL, ""}, {";", ofSQL, ""}, {"(", ofSQL, ""}, {")", ofSQL, ""}, {"||", ofSQL, ""}, {"&&", ofSQL, ""}, {"@@", ofSQL, ""},
	{"union", ofSQL, ""}, {"select", ofSQL, ""}, {"insert", ofSQL, ""}, {"delete ", ofSQL, ""}, {"drop ", ofSQL, ""}, {"having ", ofSQL, ""},
	{" by ", ofSQL, ""}, {" case ", ofSQL, ""},
	{" or ", ofSQL, ""}, {" and ", ofSQL, ""}, {" like ", ofSQL, ""}, {"between", ofSQL, ""}, {"waitfor", ofSQL, ""}, {" into ", ofSQL, ""},
	{"${jndi:", 0, "jndi"}, {"../../../", 0, "traversal"}, {`..\..\..\`, 0, "traversal"}, {"/etc/passwd", 0, "files"}, {"/etc/shadow", 0, "files"},
	{"<?php", 0, "php"}, {"php://", 0, "php"}, {"<!entity", 0, "xxe"}, {"xp_cmdshell", 0, "command"}, {"() { :;", 0, "command"},
	{"java.lang.runtime", 0, "java"}, {"class.module.classloader", 0, "java"}, {"169.254.169.254", 0, "metadata"}, {"metadata.google.internal", 0, "metadata"},
}

// literals finds what the table holds in one pass, without allocating. It is
// immutable.
type literals struct {
	one  [256]signs
	two  [1 << 14]uint8 // by the first two bytes: from 1, which of more may stand here
	more [][]literal
}

// pairOf leaves the eighth bits and the case of letters out. What it confuses is
// told apart by comparing.
func pairOf(a, b byte) uint16 { return uint16(a&0x7f|0x20)<<7 | uint16(b&0x7f|0x20) }

func newLiterals() (*literals, error) {
	l := &literals{}
	for _, t := range table {
		if len(t.text) == 1 {
			l.one[t.text[0]] |= t.signs
			continue
		}
		p := &l.two[pairOf(t.text[0], t.text[1])]
		if *p == 0 {
			l.more = append(l.more, nil)
			*p = uint8(len(l.more))
		}
		l.more[*p-1] = append(l.more[*p-1], t)
	}
	return l, nil
}

// find returns what the literals in a text call for, and the name of the first
// one that is enough by itself, or "".
func (l *literals) find(text string) (found signs, sure string) {
	for i := range len(text) {
		c := text[i]
		found |= l.one[c]
		if i+1 == len(text) {
			break
		}
		p := l.two[pairOf(c, text[i+1])]
		if p == 0 {
			continue
		}
		for j := range l.more[p-1] {
			t := &l.more[p-1][j]
			if len(text)-i < len(t.text) || !strings.EqualFold(text[i:i+len(t.text)], t.text) {
				continue
			}
			if t.sure != "" {
				return found, t.sure
			}
			found |= t.signs
		}
	}
	return found, ""
}

// unescape appends what the escapes of text stand for, and spaces for plus signs
// where they do. It reports whether there was nothing to do.
func unescape(dst []byte, text string, plus bool) (to []byte, plain bool) {
	plain = !plus || strings.IndexByte(text, '+') < 0
	if plain && strings.IndexByte(text, '%') < 0 {
		return dst, true
	}
	to = percent.Append(dst, text, plus)
	return to, plain && len(to)-len(dst) == len(text)
}
