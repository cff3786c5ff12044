package jose

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth   = 16  // nesting of objects and arrays
	maxMembers = 256 // object members and array elements of one document
)

// Object is a JSON object (RFC 8259) whose every byte was checked: valid UTF-8,
// no duplicate names at any depth, bounded depth and size, nothing after it.
type Object struct{ members []member }

type member struct {
	name string // unescaped
	raw  string // the value's own text
}

// ParseObject reads one JSON object that fills the whole of text.
func ParseObject(text string) (Object, error) {
	var o Object
	if !utf8.ValidString(text) {
		return o, fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	p := parser{s: text}
	p.space()
	if !p.object(func(name, raw string) { o.members = append(o.members, member{name, raw}) }) {
		return Object{}, fmt.Errorf("%w: not one strict JSON object", ErrMalformed)
	}
	if p.space(); p.i != len(p.s) {
		return Object{}, fmt.Errorf("%w: text after the JSON object", ErrMalformed)
	}
	return o, nil
}

// Names calls f with every member's name, in order.
func (o Object) Names(f func(string)) {
	for _, m := range o.members {
		f(m.name)
	}
}

// Has reports whether there is a member of exactly this name.
func (o Object) Has(name string) bool {
	_, ok := o.raw(name)
	return ok
}

// JSON returns the member's value as it stands in the text, and whether there is
// one.
func (o Object) JSON(name string) (string, bool) { return o.raw(name) }

func (o Object) raw(name string) (string, bool) {
	for _, m := range o.members {
		if m.name == name {
			return m.raw, true
		}
	}
	return "", false
}

// Object returns the member as an object; an absent one is empty.
func (o Object) Object(name string) (Object, error) {
	raw, ok := o.raw(name)
	if !ok {
		return Object{}, nil
	}
	return ParseObject(raw)
}

// Text returns the member's string, or "" when it is absent. Any other JSON
// type is an error that wraps [ErrClaim].
func (o Object) Text(name string) (string, error) {
	raw, ok := o.raw(name)
	if !ok {
		return "", nil
	}
	p := parser{s: raw}
	if s, ok := p.text(); ok {
		return s, nil
	}
	return "", fmt.Errorf("%w: %s is not a string", ErrClaim, quoted(name))
}

// Texts returns the member's array of strings, or the one string as a list of
// one when single is true. An absent member gives nil.
func (o Object) Texts(name string, single bool) ([]string, error) {
	raw, ok := o.raw(name)
	if !ok {
		return nil, nil
	}
	p := parser{s: raw}
	if single && strings.HasPrefix(raw, `"`) {
		s, _ := p.text()
		return []string{s}, nil
	}
	if !p.take('[') {
		return nil, fmt.Errorf("%w: %s is not a list of strings", ErrClaim, quoted(name))
	}
	list := []string{}
	for p.space(); !p.take(']'); p.space() {
		if len(list) > 0 && p.take(',') {
			p.space()
		}
		s, ok := p.text()
		if !ok {
			return nil, fmt.Errorf("%w: %s is not a list of strings", ErrClaim, quoted(name))
		}
		list = append(list, s)
	}
	return list, nil
}

// Seconds returns the member's NumericDate (RFC 7519 section 2), rounded down
// to whole seconds, and whether it is there. Exponents, negative numbers and
// years after 9999 are errors: no issuer writes them, and they overflow.
func (o Object) Seconds(name string) (int64, bool, error) {
	raw, ok := o.raw(name)
	if !ok {
		return 0, false, nil
	}
	whole, fraction, dotted := strings.Cut(raw, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || n > 253402300799 || (dotted && strings.Trim(fraction, "0123456789") != "") {
		return 0, false, fmt.Errorf("%w: %s is not a date", ErrClaim, quoted(name))
	}
	return int64(n), true, nil
}

// quoted makes a name from a token or the configuration fit for one log line.
func quoted(name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return strconv.QuoteToASCII(name)
}

// parser walks JSON text. Its methods report false where the text is not
// strict JSON; the position is then of no meaning.
type parser struct {
	s       string
	i       int
	depth   int
	members int
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) take(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) enter() bool {
	p.depth++
	return p.depth <= maxDepth
}

// object reads an object and calls f, unless it is nil, for every member.
func (p *parser) object(f func(name, raw string)) bool {
	if !p.take('{') || !p.enter() {
		return false
	}
	var seen []string
	for p.space(); !p.take('}'); p.space() {
		if len(seen) > 0 {
			if !p.take(',') {
				return false
			}
			p.space()
		}
		name, ok := p.text()
		if p.members++; !ok || p.members > maxMembers {
			return false
		}
		for _, s := range seen {
			if s == name {
				return false
			}
		}
		seen = append(seen, name)
		p.space()
		if !p.take(':') {
			return false
		}
		p.space()
		start := p.i
		if !p.value() {
			return false
		}
		if f != nil {
			f(name, p.s[start:p.i])
		}
	}
	p.depth--
	return true
}

func (p *parser) array() bool {
	if !p.take('[') || !p.enter() {
		return false
	}
	first := true
	for p.space(); !p.take(']'); p.space() {
		if !first {
			if !p.take(',') {
				return false
			}
			p.space()
		}
		first = false
		if p.members++; p.members > maxMembers || !p.value() {
			return false
		}
	}
	p.depth--
	return true
}

func (p *parser) value() bool {
	if p.i >= len(p.s) {
		return false
	}
	switch c := p.s[p.i]; {
	case c == '{':
		return p.object(nil)
	case c == '[':
		return p.array()
	case c == '"':
		_, ok := p.text()
		return ok
	case c == '-' || (c >= '0' && c <= '9'):
		return p.number()
	}
	return p.word("true") || p.word("false") || p.word("null")
}

func (p *parser) word(w string) bool {
	if strings.HasPrefix(p.s[p.i:], w) {
		p.i += len(w)
		return true
	}
	return false
}

func (p *parser) digits() bool {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}

func (p *parser) number() bool {
	p.take('-')
	if !p.take('0') && !p.digits() {
		return false
	}
	if p.take('.') && !p.digits() {
		return false
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		return p.digits()
	}
	return true
}

// text reads a string. Without escapes the result is a part of the text.
func (p *parser) text() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return p.s[start : p.i-1], true
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", false
		}
		p.i++
	}
	return "", false
}

func (p *parser) escaped(start int) (string, bool) {
	out := []byte(p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == '"':
			return string(out), true
		case c < 0x20:
			return "", false
		case c != '\\':
			out = append(out, c)
		default:
			r, ok := p.escape()
			if !ok {
				return "", false
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return "", false
}

func (p *parser) escape() (rune, bool) {
	if p.i >= len(p.s) {
		return 0, false
	}
	c := p.s[p.i]
	p.i++
	if c == 'u' {
		return p.unicode()
	}
	if k := strings.IndexByte(`"\/bfnrt`, c); k >= 0 {
		return rune("\"\\/\b\f\n\r\t"[k]), true
	}
	return 0, false
}

func (p *parser) unicode() (rune, bool) {
	r, ok := p.hex4()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if !p.word(`\u`) {
		return 0, false
	}
	low, ok := p.hex4()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError // a lone surrogate is no character
}

func (p *parser) hex4() (rune, bool) {
	if len(p.s)-p.i < 4 {
		return 0, false
	}
	digits := p.s[p.i : p.i+4]
	n, err := strconv.ParseUint(digits, 16, 16)
	p.i += 4
	return rune(n), err == nil
}
