package openapi

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// injections are texts that a string must be able to hold to be open.
var injections = [...]string{
	`' OR 1=1 --`, `' or a like a`, `1;DROP TABLE t`, `1 UNION SELECT a FROM b`, `<svg onload=alert(1)>`, `"><script>alert(1)</script>`, `{"$ne":null}`,
	"`id`", `$(id)`, `;cat /etc/passwd`, `../../../etc/passwd`, `..%2f..%2f`, `${jndi:ldap://x}`,
}

// closesText reports whether the schema itself, without what it applies in
// place, says what a string may look like.
func (s *Schema) closesText() bool {
	if s.types&TypeString == 0 || s.never || s.unsupported || s.enum != nil || s.konst != nil {
		return true
	}
	t := s.text
	if t == nil {
		return false
	}
	return t.max >= 0 && t.max <= shortText ||
		t.pattern != nil && t.pattern.closes() ||
		s.shared.formats && t.format != noFormat && !t.format.numeric() && !acceptsInjection(t.format.matches)
}

// closes reports whether a pattern says what a whole string may look like.
func (p *pattern) closes() bool { return anchored(p.is) && !acceptsInjection(p.match) }

// acceptsInjection tries texts of every length that a pattern may ask for.
func acceptsInjection(accepts func([]byte) bool) bool {
	for n := 1; n <= 512; n *= 2 {
		pad := strings.Repeat("a", n-1)
		if slices.ContainsFunc(injections[:], func(s string) bool { return accepts([]byte(s+pad)) || accepts([]byte(pad+s)) }) {
			return true
		}
	}
	return false
}

// anchored reports whether a pattern speaks of the whole text.
func anchored(re *regexp.Regexp) bool {
	t, err := syntax.Parse(re.String(), syntax.Perl)
	return err == nil && ends(t, syntax.OpBeginText, true) && ends(t, syntax.OpEndText, false)
}

func ends(t *syntax.Regexp, op syntax.Op, first bool) bool {
	switch t.Op {
	case op:
		return true
	case syntax.OpCapture:
		return ends(t.Sub[0], op, first)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(t.Sub, func(s *syntax.Regexp) bool { return !ends(s, op, first) })
	case syntax.OpConcat:
		if first {
			return ends(t.Sub[0], op, first)
		}
		return ends(t.Sub[len(t.Sub)-1], op, first)
	}
	return false
}
