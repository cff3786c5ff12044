package leak

import "slices"

// what is leaked.
type what uint8

const (
	nothing what = iota
	stackTrace
	databaseError
	filePath
	secretKey
	passwordHash
	connection
	hostName
	product
	cardNumber
	personal
)

var whats = [...]string{"", "stack trace", "database error", "file path", "secret key", "password hash", "connection string with a password",
	"host name", "product version", "payment card number", "personal data"}

// pattern is a text that tells something.
type pattern struct {
	what what
	text string // at least four ASCII bytes
	rest rest
	// errorsOnly patterns may stand in a success: they are ordinary words of some
	// API, and tell something in an error alone.
	errorsOnly bool
}

// rest is what must stand around a pattern's text.
type rest struct {
	alone bool // no letter, digit, hyphen or underscore stands before it
	of    class
	least int  // as many of the class follow at the least
	exact bool // and no letter or digit follows those
	// read, when set, judges what follows instead.
	read func(b []byte) bool
	// but, when set, excuses by what stands before.
	but func(b []byte) bool
}

// class is a set of bytes.
type class uint8

const (
	digits class = 1 << iota
	upper
	lower
	marks // - and _
	more  // + / . =
)

const (
	word   = digits | upper | lower | marks
	alnum  = digits | upper | lower
	base64 = alnum | more
)

func (c class) has(b byte) bool {
	switch {
	case b-'0' < 10:
		return c&digits != 0
	case b-'A' < 26:
		return c&upper != 0
	case b-'a' < 26:
		return c&lower != 0
	case b == '-' || b == '_':
		return c&marks != 0
	case b == '+' || b == '/' || b == '.' || b == '=':
		return c&more != 0
	}
	return false
}

// everywhere and inErrors make patterns of texts that tell the same.
func everywhere(w what, r rest, texts ...string) (list []pattern) {
	for _, t := range texts {
		list = append(list, pattern{what: w, text: t, rest: r})
	}
	return list
}

func inErrors(w what, r rest, texts ...string) []pattern {
	list := everywhere(w, r, texts...)
	for i := range list {
		list[i].errorsOnly = true
	}
	return list
}

// patterns are all of them, in the order in which they are tried.
var patterns = slices.Concat(traces, databases, secrets, places)

// inSuccesses returns the patterns that tell something in every reply.
func inSuccesses() []pattern {
	return slices.DeleteFunc(slices.Clone(patterns), func(p pattern) bool { return p.errorsOnly })
}

// inIssues returns those of them that tell something where secrets are issued.
func inIssues() []pattern {
	return slices.DeleteFunc(inSuccesses(), func(p pattern) bool { return p.what == secretKey || p.what == connection })
}

// matches reports whether the pattern stands in b at from.
func (p *pattern) matches(b []byte, from int) bool {
	r := &p.rest
	if len(b)-from < len(p.text) || string(b[from:from+len(p.text)]) != p.text || r.alone && !alone(b[:from]) {
		return false
	}
	if r.but != nil && r.but(b[:from]) {
		return false
	}
	after := b[from+len(p.text):]
	if r.read != nil {
		return r.read(after)
	}
	if len(after) < r.least {
		return false
	}
	for _, c := range after[:r.least] {
		if !r.of.has(c) {
			return false
		}
	}
	return !r.exact || len(after) == r.least || !alnum.has(after[r.least])
}

// alone reports whether no word goes on behind b. The letter of an escape, as in
// "\n", is none.
func alone(b []byte) bool {
	n := len(b)
	if n == 0 || !word.has(b[n-1]) {
		return true
	}
	if n < 2 || b[n-2] != '\\' {
		return false
	}
	switch b[n-1] {
	case 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// run returns how many bytes of the class b begins with.
func (c class) run(b []byte) int {
	n := 0
	for n < len(b) && c.has(b[n]) {
		n++
	}
	return n
}
