package schema

import (
	"bytes"
	"unicode/utf8"
	"unsafe"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/multipart"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// scratch is the memory of one judgement.
type scratch struct {
	doc     jsonwalk.Doc // what the texts stand for
	probe   jsonwalk.Doc // one value, to find out its type
	json    jsonwalk.Doc // a document within a parameter
	text    []byte       // names and values of entries
	piece   []byte       // what was decoded last
	name    []byte
	entries []entry
	form    multipart.Form
	seen    [most / 64]uint64
	options openapi.Options
	// garbled reports a value that no JSON text could hold.
	garbled bool
	// judged reports that the value in doc was judged by a schema.
	judged bool
	// large says that a body was judged whose memory is not worth keeping.
	large bool
	// plus takes "+" for itself, and not for a space.
	plus bool
}

// keep is the most memory that a scratch takes back into its pool.
const keep = 64 << 10

func (k *check) borrow(x *gatehouse.Exchange) *scratch {
	s, ok := k.scratch.Get().(*scratch)
	if !ok {
		s = new(scratch)
	}
	s.options = k.of(x)
	return s
}

func (k *check) giveBack(s *scratch) {
	s.doc.Reset()
	s.json.Reset()
	s.form.Reset()
	if !s.large && cap(s.entries) <= 256 {
		k.scratch.Put(s)
	}
}

// begin makes s ready for another value.
func (s *scratch) begin() {
	s.doc.Begin()
	s.garbled, s.judged = false, false
}

// validate judges what was built.
func (s *scratch) validate(schema *openapi.Schema) (openapi.Violation, bool) {
	switch {
	case s.garbled:
		return openapi.Violation{Keyword: "characters"}, false
	case schema == nil:
		return openapi.Violation{Keyword: "maxLength"}, utf8.RuneCount(s.doc.Text(0)) <= s.options.MaxString
	}
	s.judged = true
	return schema.Validate(&s.doc, s.options)
}

// add adds a text as the kind of value that the node asks for, and notes what no
// JSON text could hold: NUL and invalid UTF-8.
func (s *scratch) add(n *node, text []byte) {
	s.garbled = s.garbled || bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text)
	kind := kindOf(n.types, text)
	if kind != jsonwalk.String && n.holds(openapi.TypeString) {
		// What looks like a number may also be a text.
		s.probe.Begin()
		s.probe.Scalar(kind, text)
		if _, ok := n.schema.Validate(&s.probe, s.options); !ok {
			kind = jsonwalk.String
		}
	}
	s.doc.Scalar(kind, text)
}

func kindOf(types openapi.Types, text []byte) jsonwalk.Kind {
	switch {
	case types == openapi.AnyType:
	case types&openapi.TypeNumber != 0 && plainNumber(types, text):
		return jsonwalk.Number
	case types&openapi.TypeBoolean != 0 && string(text) == "true":
		return jsonwalk.True
	case types&openapi.TypeBoolean != 0 && string(text) == "false":
		return jsonwalk.False
	}
	return jsonwalk.String
}

// plainNumber reports a number as every program reads it: an integer is digits
// and nothing else.
func plainNumber(types openapi.Types, text []byte) bool {
	if !jsonwalk.ScanNumber(text) {
		return false
	}
	if types&openapi.TypeFraction != 0 {
		return true
	}
	for _, c := range text {
		if c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// named makes value i a member. A name is text as well.
func (s *scratch) named(i int, name []byte) {
	s.garbled = s.garbled || bytes.IndexByte(name, 0) >= 0 || !utf8.Valid(name)
	s.doc.Named(i, name)
}

// graft adds a JSON document, and reports whether it is one.
func (s *scratch) graft(text []byte) bool {
	if s.json.Parse(text, limits) != nil {
		return false
	}
	s.copy(0)
	return true
}

func (s *scratch) copy(i int) {
	switch kind := s.json.Kind(i); kind {
	case jsonwalk.Array, jsonwalk.Object:
		s.doc.Open(kind)
		for c, end := i+1, s.json.Next(i); c < end; c = s.json.Next(c) {
			at := s.doc.Len()
			s.copy(c)
			if kind == jsonwalk.Object {
				s.doc.Named(at, s.json.Name(c))
			}
		}
		s.doc.Close()
	case jsonwalk.String:
		s.doc.Scalar(kind, s.json.Text(i))
	default:
		s.doc.Scalar(kind, s.json.Raw(i))
	}
}

// escapes is how a text that stands for a value is escaped.
type escapes uint8

const (
	noEscapes escapes = iota // already decoded, as in paths
	inHeader                 // none, but white space around elements
	inForm                   // percent, and "+" for a space
	inCookie                 // percent
)

// decoded returns what a piece of a text stands for, until the next call.
func (s *scratch) decoded(piece []byte, e escapes) []byte {
	switch e {
	case inHeader:
		return bytes.Trim(piece, " \t")
	case inForm, inCookie:
		s.piece = percent.Append(s.piece[:0], str(piece), e == inForm && !s.plus)
		return s.piece
	}
	return piece
}

// view returns the bytes of s without copying. They are only read.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// str returns b as a string without copying, for as long as b lasts.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
