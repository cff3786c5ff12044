package gatehouse

import (
	"strings"
	"unsafe"
)

// Field is one header or trailer field. Name is in lower case.
type Field struct {
	Name, Value string
	line        int // length of the field line that both are parts of, once it was checked; or 0
}

// Written returns a field as a checked line, made once, which hosts send as it stands.
// A name or a value that must not go on the wire makes an ordinary field of it, which
// they check and refuse.
func Written(name, value string) Field {
	if name == "" {
		return Field{Value: value}
	}
	for i := range len(name) {
		if c := name[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return Field{Name: name, Value: value}
		}
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return Field{Name: name, Value: value}
		}
	}
	line := name + ": " + value + "\r\n"
	return Field{line[:len(name)], line[len(name)+2 : len(line)-2], len(line)}
}

// Pair returns the name and the value.
func (f Field) Pair() (name, value string) { return f.Name, f.Value }

// Line returns the field as the line that it was checked as, or "" when it is not, or is
// no longer, part of one.
func (f *Field) Line() string {
	name, value := unsafe.Pointer(unsafe.StringData(f.Name)), unsafe.Pointer(unsafe.StringData(f.Value))
	if f.line != len(f.Name)+len(f.Value)+4 || uintptr(name)+uintptr(len(f.Name)+2) != uintptr(value) {
		return ""
	}
	return unsafe.String((*byte)(name), f.line)
}

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
func (f *Fields) Add(name, value string) { f.next().is(name, value, 0) }

// AddWritten appends a field whose name and value are parts of one string: a field line
// that is checked, with ": " between them and CRLF behind.
func (f *Fields) AddWritten(name, value string) { f.next().is(name, value, len(name)+len(value)+4) }

// next appends a field that is to be filled in where it stands: it has five words, and
// would be put together elsewhere and copied.
func (f *Fields) next() *Field {
	*f = append(*f, Field{})
	return &(*f)[len(*f)-1]
}

func (f *Field) is(name, value string, line int) { f.Name, f.Value, f.line = name, value, line }

// Set leaves exactly one such field, in the place of the first.
func (f *Fields) Set(name, value string) { f.place(name).is(name, value, 0) }

// place returns where a field of that name is to stand, and leaves no other.
func (f *Fields) place(name string) *Field {
	s := *f
	for i := range s {
		if s[i].Name == name {
			f.delFrom(i+1, name)
			return &s[i]
		}
	}
	return f.next()
}

// Preset is a list of fields that is made at load and set as a whole.
type Preset struct {
	fields  Fields
	lengths uint64 // bit n: there is a name of n bytes; the last bit stands for all longer ones, too
}

// NewPreset makes a preset of fields with different names.
func NewPreset(fields ...Field) *Preset {
	p := &Preset{}
	for _, f := range fields {
		p.fields = append(p.fields, Written(f.Name, f.Value))
		p.lengths |= lengthBit(f.Name)
	}
	return p
}

func lengthBit(name string) uint64 { return 1 << min(len(name), 63) }

// SetAll is [Fields.Set] of every field of a preset, in its order.
func (f *Fields) SetAll(p *Preset) { f.SetLike(p, p.fields) }

// SetLike is [Fields.SetAll] with values of the moment: list has the preset's names, in
// its order.
func (f *Fields) SetLike(p *Preset, list Fields) {
	for i := range *f {
		if name := (*f)[i].Name; p.lengths&lengthBit(name) != 0 && p.fields.Has(name) {
			for j := range list {
				*f.place(list[j].Name) = list[j]
			}
			return
		}
	}
	*f = append(*f, list...)
}

// Del removes every such field and keeps the order of the others.
func (f *Fields) Del(name string) { f.delFrom(0, name) }

// DelIf removes every field that has one of the names and keeps the order of the others.
func (f *Fields) DelIf(named func(name string) bool) {
	s, n := *f, 0
	for i := range s {
		if named(s[i].Name) {
			continue
		}
		if n < i {
			s[n] = s[i]
		}
		n++
	}
	*f = s[:n]
}

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
