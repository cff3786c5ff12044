// Package multipart reads bodies of multipart/form-data (RFC 7578) so that no
// second parser can read them differently.
//
// It defends from uploads that a gateway takes for one thing and the application
// behind it for another: a boundary that is said twice, a part with two names, a
// file name in two spellings, a delimiter that only one of two parsers sees. So
// of what RFC 2046 tolerates nothing is left: no preamble and no epilogue, no
// bare line feeds, no folded or repeated fields, no transfer encodings, and the
// delimiter stands nowhere but between parts.
//
// A body is read where it lies: parts are views into it, and a [Form] that is
// used again does not allocate.
package multipart

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Limits bound what a body may cost. A zero field means the default.
type Limits struct {
	Parts  int // parts of one body; default 64
	Header int // bytes of one part's header section; default 8 KiB
}

// The bounds that hold where Limits say nothing.
const (
	DefaultParts  = 64
	DefaultHeader = 8 << 10
	maxFields     = 16
	maxParameters = 8
	maxName       = 255
)

// Error is a reason why a body is refused. Its text holds nothing of the body.
type Error string

// Error returns the reason.
func (e Error) Error() string { return "multipart: " + string(e) }

// The reasons why a body is refused.
const (
	ErrMediaType   = Error("not one multipart/form-data with one boundary")
	ErrBoundary    = Error("boundary not as in RFC 2046 section 5.1.1")
	ErrPreamble    = Error("data before the first delimiter")
	ErrDelimiter   = Error("a delimiter that is not one line of its own")
	ErrEnd         = Error("no closing delimiter")
	ErrEpilogue    = Error("data after the closing delimiter")
	ErrParts       = Error("too many parts")
	ErrHeader      = Error("a part's header section is too long")
	ErrField       = Error("a malformed field in a part")
	ErrDuplicate   = Error("a field or a parameter stands twice in a part")
	ErrDisposition = Error("a part without a Content-Disposition of form-data with one name")
	ErrExtended    = Error("a parameter in the form of RFC 8187, which RFC 7578 section 4.2 forbids")
	ErrFilename    = Error("a file name with a path or control characters")
	ErrTransfer    = Error("a transfer encoding that changes the content (RFC 7578 section 4.7)")
	ErrLength      = Error("a part's Content-Length is not its length")
	ErrNested      = Error("multipart within multipart (RFC 7578 section 4.3)")
)

// Field is one header field of a part.
type Field struct{ Name, Value string }

// Part is one part. Its strings and bytes are views into the body.
type Part struct {
	Name     string // of the form's field
	Filename string // as sent
	// File reports that there was a file name, be it empty.
	File    bool
	Type    string // the value of Content-Type, or ""
	Content []byte
	// Fields are the others that the part has: those that this package does not
	// read, in the order and the case in which they were sent.
	Fields []Field
}

// Form is one body. The zero Form is ready for Parse.
type Form struct {
	Parts  []Part
	delim  []byte
	fields []Field
}

// Parse reads a body that a boundary divides. The error is an [Error].
func (f *Form) Parse(body []byte, boundary string, lim Limits) error {
	if lim.Parts <= 0 {
		lim.Parts = DefaultParts
	}
	if lim.Header <= 0 {
		lim.Header = DefaultHeader
	}
	f.Reset()
	f.delim = append(append(f.delim[:0], "--"...), boundary...)
	rest, ok := bytes.CutPrefix(body, f.delim)
	if !ok {
		return ErrPreamble
	}
	if bytes.HasPrefix(rest, []byte("--")) {
		return ErrDisposition // a form without parts
	}
	for {
		if rest, ok = bytes.CutPrefix(rest, crlf); !ok {
			return ErrDelimiter
		}
		at := bytes.Index(rest, f.delim)
		if at < 0 {
			return ErrEnd
		}
		if !bytes.HasSuffix(rest[:at], crlf) {
			return ErrDelimiter
		}
		if len(f.Parts) == lim.Parts {
			return ErrParts
		}
		if err := f.part(rest[:at-len(crlf)], lim.Header); err != nil {
			return err
		}
		rest = rest[at+len(f.delim):]
		if end, closes := bytes.CutPrefix(rest, []byte("--")); closes {
			if len(end) > 0 && !bytes.Equal(end, crlf) {
				return ErrEpilogue
			}
			return nil
		}
	}
}

// Reset forgets the body and keeps the memory for the next.
func (f *Form) Reset() {
	clear(f.Parts)
	clear(f.fields)
	f.Parts, f.fields = f.Parts[:0], f.fields[:0]
}

var crlf = []byte("\r\n")

// part reads what stands between two delimiters.
func (f *Form) part(b []byte, most int) error {
	var p Part
	from, start := len(f.fields), b
	read := seen{}
	for n := 0; ; n++ {
		end := bytes.Index(b, crlf)
		if len(start)-len(b)+max(end, 0) > most || end < 0 && len(b) > most || n > maxFields {
			return ErrHeader
		}
		if end < 0 {
			return ErrField
		}
		line := b[:end]
		b = b[end+len(crlf):]
		if len(line) == 0 {
			break
		}
		if err := f.field(&p, line, from, &read); err != nil {
			return err
		}
	}
	p.Content = b
	switch {
	case p.Name == "":
		return ErrDisposition
	case read.length != "" && !isLength(read.length, len(b)):
		return ErrLength
	case fold(p.Type, "multipart/"):
		return ErrNested
	}
	// The list may have moved, so that it is cut when all is read.
	p.Fields = f.fields[from:len(f.fields):len(f.fields)]
	f.Parts = append(f.Parts, p)
	return nil
}

// seen is what was read of the fields that this package knows.
type seen struct {
	disposition, kind, transfer bool
	length                      string
}

func (f *Form) field(p *Part, line []byte, from int, read *seen) error {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || !token(str(name)) {
		return ErrField
	}
	value = bytes.Trim(value, " \t")
	for _, c := range value {
		if c < 0x20 && c != '\t' || c == 0x7F {
			return ErrField
		}
	}
	if !utf8.Valid(value) {
		return ErrField
	}
	n, v := str(name), str(value)
	switch {
	case strings.EqualFold(n, "content-disposition"):
		if read.disposition {
			return ErrDuplicate
		}
		read.disposition = true
		return p.disposition(v)
	case strings.EqualFold(n, "content-type"):
		if read.kind || v == "" {
			return ErrDuplicate
		}
		read.kind, p.Type = true, v
	case strings.EqualFold(n, "content-transfer-encoding"):
		if read.transfer {
			return ErrDuplicate
		}
		read.transfer = true
		if !strings.EqualFold(v, "binary") && !strings.EqualFold(v, "8bit") && !strings.EqualFold(v, "7bit") {
			return ErrTransfer
		}
	case strings.EqualFold(n, "content-length"):
		if read.length != "" || v == "" {
			return ErrDuplicate
		}
		read.length = v
	default:
		for _, other := range f.fields[from:] {
			if strings.EqualFold(other.Name, n) {
				return ErrDuplicate
			}
		}
		f.fields = append(f.fields, Field{n, v})
	}
	return nil
}

// disposition reads form-data with a name and perhaps a file name (RFC 7578
// section 4.2), and nothing else.
func (p *Part) disposition(s string) error {
	kind, rest, more := strings.Cut(s, ";")
	if !strings.EqualFold(strings.Trim(kind, " \t"), "form-data") {
		return ErrDisposition
	}
	named := false
	for more {
		var name, value string
		var ok bool
		if name, value, rest, more, ok = parameter(rest); !ok {
			return ErrDisposition
		}
		switch {
		case strings.IndexByte(name, '*') >= 0:
			return ErrExtended
		case strings.EqualFold(name, "name"):
			if named {
				return ErrDuplicate
			}
			named = true
			if value == "" || len(value) > maxName {
				return ErrDisposition
			}
			p.Name = value
		case strings.EqualFold(name, "filename"):
			if p.File {
				return ErrDuplicate
			}
			if !plainFilename(value) {
				return ErrFilename
			}
			p.File, p.Filename = true, value
		default:
			return ErrDisposition
		}
	}
	return nil
}

// parameter reads one parameter: a token or a quoted string without escapes,
// since parsers do not agree about what a backslash means in one.
func parameter(s string) (name, value, rest string, more, ok bool) {
	s = strings.TrimLeft(s, " \t")
	i := strings.IndexByte(s, '=')
	if i < 0 || !token(s[:i]) {
		return "", "", "", false, false
	}
	name, s = s[:i], s[i+1:]
	if strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s[1:], '"')
		if end < 0 {
			return "", "", "", false, false
		}
		value, s = s[1:end+1], s[end+2:]
		if strings.IndexByte(value, '\\') >= 0 {
			return "", "", "", false, false
		}
	} else {
		end := strings.IndexAny(s, "; \t")
		if end < 0 {
			end = len(s)
		}
		if value, s = s[:end], s[end:]; !token(value) {
			return "", "", "", false, false
		}
	}
	s = strings.TrimLeft(s, " \t")
	if s == "" {
		return name, value, "", false, true
	}
	return name, value, s[1:], true, s[0] == ';'
}

// plainFilename reports a file name without a path, and without characters that
// are not seen: among them those that turn the reading direction and make a .exe
// look like a .pdf.
func plainFilename(s string) bool {
	if len(s) > maxName || s == "." || s == ".." {
		return false
	}
	for _, r := range s {
		switch {
		case r == '/', r == '\\', r == ':', r < 0x20, r >= 0x7F && r < 0xA0:
			return false
		case r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x206F, r == 0xFEFF, r == 0x061C, r == utf8.RuneError:
			return false
		}
	}
	return true
}

func isLength(s string, n int) bool {
	v := 0
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' || v > n || i > 0 && s[0] == '0' {
			return false
		}
		v = v*10 + int(c-'0')
	}
	return v == n
}

func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7F || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// fold reports whether s begins with prefix, whatever the case of its letters.
func fold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// str returns b as a string without copying, for as long as b lasts.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
