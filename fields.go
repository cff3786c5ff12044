package gatehouse

import "strings"

// Field is one header or trailer field. Name is in lower case.
type Field struct{ Name, Value string }

// Fields is an ordered field list with lower-case names. It is a list and not a
// map because the order and the repetition of fields are part of the message.
//
// The strings of a request's or a reply's fields are views into the connection's
// buffer: they live as long as the exchange. Clone what must live longer.
type Fields []Field

// Get returns the first value of the field, or "".
func (f Fields) Get(name string) string {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value
		}
	}
	return ""
}

// Has reports whether there is at least one such field.
func (f Fields) Has(name string) bool {
	for i := range f {
		if f[i].Name == name {
			return true
		}
	}
	return false
}

// Count returns how many such fields there are.
func (f Fields) Count(name string) int {
	n := 0
	for i := range f {
		if f[i].Name == name {
			n++
		}
	}
	return n
}

// Add appends a field. The name must be in lower case.
func (f *Fields) Add(name, value string) { *f = append(*f, Field{name, value}) }

// Set leaves exactly one such field, in the place of the first.
func (f *Fields) Set(name, value string) {
	s := *f
	for i := range s {
		if s[i].Name == name {
			s[i].Value = value
			f.delFrom(i+1, name)
			return
		}
	}
	*f = append(s, Field{name, value})
}

// Del removes every such field and keeps the order of the others.
func (f *Fields) Del(name string) { f.delFrom(0, name) }

func (f *Fields) delFrom(i int, name string) {
	s := *f
	for i < len(s) && s[i].Name != name {
		i++
	}
	if i >= len(s) {
		return
	}
	n := i
	for ; i < len(s); i++ {
		if s[i].Name != name {
			s[n] = s[i]
			n++
		}
	}
	*f = s[:n]
}

// Encoded reports a content coding (RFC 9110 section 8.4) other than identity: the
// body's bytes are not what its media type says.
func (f Fields) Encoded() bool {
	for i := range f {
		if f[i].Name == "content-encoding" && !strings.EqualFold(f[i].Value, "identity") {
			return true
		}
	}
	return false
}
