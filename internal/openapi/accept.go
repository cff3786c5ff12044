package openapi

import (
	"hash/maphash"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Accepts reads and judges a request's body in one pass over its bytes, and
// reports whether it is one document within the limits and valid. It says only
// yes or no, and does not allocate: why a body is refused is found by parsing it
// and [Schema.Validate], which come to the same verdict.
func (s *Schema) Accepts(body []byte, lim jsonwalk.Limits, o Options) bool {
	m := forRequest
	if o.Direction == Reply {
		m = forReply
	}
	w := s.shared.walk()
	defer s.shared.rest(w)
	if p := s.programs[m]; p != nil {
		if ok := p.run(w, body, &lim, &o, nil); !w.unsure {
			return ok
		}
	}
	if w.again.Parse(body, lim) != nil {
		return false
	}
	_, ok := s.Validate(&w.again, o)
	return ok
}

// AcceptsText reports whether a string in a request, as a parameter of the path is one, is
// known to be valid: it is of ASCII without NUL, and the schema asks for a string and
// nothing that hangs on other schemas. A string without a bound of its own has at most
// that many characters, unless that is zero. What is not known for certain is left to
// [Schema.Validate].
func (s *Schema) AcceptsText(text []byte, most int) bool {
	if s.types != TypeString || s.never || s.unsupported || s.guarded || s.inPlace != nil || s.judges != nil {
		return false
	}
	if bounds := s.enum != nil || s.konst != nil || s.text != nil && s.text.max >= 0; !bounds && most > 0 && len(text) > most {
		return false
	}
	for _, c := range text {
		if c == 0 || c >= utf8.RuneSelf {
			return false
		}
	}
	return s.holdsText(text)
}

// Cut reads, judges and cuts a reply's body in one pass over its bytes, as
// [Schema.Filter] does. It reports whether the reply was valid. When it was, out
// is dst with the reply appended, or dst as it was when nothing had to be cut;
// when it was not, or there is no program for the schema, Filter must judge.
func (s *Schema) Cut(dst, body []byte, lim jsonwalk.Limits, o Options) (out []byte, cut, ok bool) {
	p := s.programs[forFilter]
	if p == nil {
		return dst, false, false
	}
	w := s.shared.walk()
	defer s.shared.rest(w)
	whole := o.Undeclared == Reject
	o.forCut()
	if !p.run(w, body, &lim, &o, nil) || whole && w.foreign {
		return dst, false, false
	}
	if len(w.cuts) == 0 {
		return dst, false, true
	}
	return appendWithout(dst, w.Src, w.cuts), true, true
}

// Compiled reports whether requests, or replies, are judged by a program.
func (s *Schema) Compiled(d Direction) bool {
	if d == Request {
		return s.programs[forRequest] != nil
	}
	return s.programs[forFilter] != nil
}

func (sh *shared) walk() *walk {
	w, ok := sh.walks.Get().(*walk)
	if !ok {
		w = &walk{seed: maphash.MakeSeed()}
	}
	return w
}

// rest takes a walk back. What one large body needed is not kept.
func (sh *shared) rest(w *walk) {
	w.Src = nil
	w.again.Reset()
	if cap(w.log) > 1<<14 || cap(w.names) > 1<<16 || cap(w.cuts) > 1<<14 {
		w.log, w.names, w.cuts = nil, nil, nil
	}
	sh.walks.Put(w)
}
