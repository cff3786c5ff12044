package cedar

import (
	"slices"
	"strconv"
	"strings"
)

func (r *reading) unary() *span {
	t := r.peek()
	if !r.take("-") && !r.take("!") {
		return r.member()
	}
	if t.text == "-" && r.peek().kind == isInt {
		s := r.primary("-")
		s.start = t.start
		return r.members(s)
	}
	arg := r.unary()
	return &span{t.start, arg.end, t, []*span{arg}}
}

func (r *reading) member() *span { return r.members(r.primary("")) }

func (r *reading) members(s *span) *span {
	for r.bad == nil {
		switch {
		case r.take("."):
			t := r.name("an attribute's name")
			s = &span{s.start, t.end, t, []*span{s}}
			if r.take("(") {
				r.method(s, t)
			}
		case r.take("["):
			t := r.peek()
			r.text(`an attribute's name in quotes, as ["name"]`)
			r.expect("]")
			s = &span{s.start, r.last().end, t, []*span{s}}
		default:
			return s
		}
	}
	return s
}

func (r *reading) method(s *span, t token) {
	want, known := methods[t.text]
	if !known {
		r.at -= 2
		r.notCallable(t.text, "method")
	}
	n := 0
	r.list(")", func() { s.kids = append(s.kids, r.expression()); n++ })
	if known && want >= 0 && n != want && r.bad == nil {
		r.bad = &misread{t, "`" + t.text + "` takes " + count(want), "what it is asked for stands between its parentheses", ""}
	}
	s.end = r.last().end
}

func count(n int) string {
	if n == 0 {
		return "no argument"
	}
	return strconv.Itoa(n) + " argument"
}

// methods are those of the language, with the number of their arguments; -1 are
// those of extension types, which the validator counts.
var methods = map[string]int{"contains": 1, "containsAll": 1, "containsAny": 1, "isEmpty": 0, "hasTag": 1, "getTag": 1,
	"lessThan": -1, "lessThanOrEqual": -1, "greaterThan": -1, "greaterThanOrEqual": -1, "isIpv4": -1, "isIpv6": -1, "isLoopback": -1, "isMulticast": -1, "isInRange": -1,
	"toDate": -1, "toTime": -1, "offset": -1, "durationSince": -1, "toDays": -1, "toHours": -1, "toMinutes": -1, "toSeconds": -1, "toMilliseconds": -1}

// functions are those of the language.
var functions = []string{"ip", "decimal", "datetime", "duration"}

func (r *reading) primary(sign string) *span {
	t := r.peek()
	s := &span{start: t.start, end: t.end, focus: t}
	switch {
	case t.kind == isInt:
		if _, err := strconv.ParseInt(sign+t.text, 10, 64); err != nil {
			r.wrong("the number is too large: a Long has 64 bits", "", "9223372036854775807")
		}
		r.next()
	case t.kind == isString:
		r.text("")
	case r.take("true"), r.take("false"):
	case r.take("("):
		s = r.expression()
		r.expect(")")
	case r.take("["):
		r.list("]", func() { s.kids = append(s.kids, r.expression()) })
		s.end = r.last().end
	case r.take("{"):
		r.record(s)
	case t.kind == isIdent && !slices.Contains(reserved, t.text):
		r.word(s)
	default:
		r.unexpected("a value", "")
	}
	return s
}

func (r *reading) record(s *span) {
	var known []string
	r.list("}", func() {
		t := r.peek()
		if t.kind != isString {
			r.name("the attribute's name")
		} else {
			r.text("")
		}
		if key := strings.Trim(t.text, `"`); slices.Contains(known, key) && r.bad == nil {
			r.bad = &misread{t, "the record has `" + key + "` twice", "keep one of them", ""}
		} else {
			known = append(known, key)
		}
		r.expect(":")
		s.kids = append(s.kids, r.expression())
	})
	s.end = r.last().end
}

// word reads a variable, an entity or a call of a function.
func (r *reading) word(s *span) {
	t := r.next()
	switch {
	case r.is("::"):
		r.at--
		r.path(false)
		s.end = r.last().end
		s.focus = token{isIdent, "", s.start, s.end}
	case r.is("("):
		if !slices.Contains(functions, t.text) {
			r.at--
			r.notCallable(t.text, "function")
		}
		r.next()
		r.list(")", func() { s.kids = append(s.kids, r.expression()) })
		s.end = r.last().end
	case !slices.Contains(variables, t.text):
		r.at--
		r.unexpected("a value", "")
	}
}

var variables = []string{"principal", "action", "resource", "context"}
