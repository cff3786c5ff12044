package schema

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// Queries and forms write objects and lists by names with brackets, a[b]=c,
// a[]=d, a[0][b]=e. Programs do not agree about all that can be written so. What
// is taken here is what they read alike: one spelling for one list, every index
// once and in order from 0, no value where there are members as well.

const (
	maxEntries = 1000 // names in one form, and in the parts of one parameter
	maxKeys    = 6    // a name and its brackets
)

// span is a place in scratch.text.
type span struct{ from, to uint32 }

// entry is one name of a form with its value.
type entry struct {
	keys  [maxKeys]span
	n     int  // how many keys there are
	value span // decoded
	raw   span // as it stands in the body of a form
	part  int  // the part whose content is the value, or noPart
	file  bool // the part is a file
}

const noPart = -1

// trouble is why entries make no value.
type trouble uint8

const (
	noTrouble  trouble = iota
	sentTwice          // a value that is no list came more than once
	notAlike           // programs read it differently
	undeclares         // brackets where the description has no members
	notJSON            // no document where there must be one
)

// keyword returns the trouble as a violation's keyword.
func (t trouble) keyword() string {
	return [...]string{"", "duplicate", "style", "undeclared", "json"}[t]
}

func (s *scratch) bytes(k span) []byte { return s.text[k.from:k.to] }

func (s *scratch) keep(b []byte) span {
	from := len(s.text)
	s.text = append(s.text, b...)
	return span{uint32(from), uint32(len(s.text))}
}

// enter adds an entry. A whole name is not split at its brackets.
func (s *scratch) enter(name []byte, whole bool) *entry {
	s.entries = append(s.entries, entry{n: 1, part: noPart})
	e := &s.entries[len(s.entries)-1]
	e.keys[0] = s.keep(name)
	if !whole {
		e.split(s.text)
	}
	return e
}

// split splits name[key][key]. What is written otherwise is one name.
func (e *entry) split(text []byte) {
	name := e.keys[0]
	b := text[name.from:name.to]
	at := bytes.IndexByte(b, '[')
	if at <= 0 || b[len(b)-1] != ']' {
		return
	}
	keys, n := e.keys, 1
	keys[0].to = name.from + uint32(at)
	for at < len(b) {
		end := bytes.IndexByte(b[at:], ']')
		if b[at] != '[' || end < 0 || n == maxKeys || bytes.IndexByte(b[at+1:at+end], '[') >= 0 {
			return
		}
		keys[n] = span{name.from + uint32(at) + 1, name.from + uint32(at+end)}
		at += end + 1
		n++
	}
	e.keys, e.n = keys, n
}

// sort puts entries together that belong together, and leaves the elements of a
// list in the order in which they came.
func (s *scratch) sort() {
	slices.SortStableFunc(s.entries, func(a, b entry) int {
		for i := range min(a.n, b.n) {
			x, y := s.bytes(a.keys[i]), s.bytes(b.keys[i])
			if index(x) && index(y) && len(x) != len(y) {
				return cmp.Compare(len(x), len(y))
			}
			if d := bytes.Compare(x, y); d != 0 {
				return d
			}
		}
		return cmp.Compare(a.n, b.n)
	})
}

// index reports the index of an element.
func index(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0 && (b[0] != '0' || len(b) == 1)
}

// group returns the end of the entries that have the same key at a level.
func (s *scratch) group(from, to, level int) int {
	end := from + 1
	for end < to && bytes.Equal(s.bytes(s.entries[from].keys[level]), s.bytes(s.entries[end].keys[level])) {
		end++
	}
	return end
}

// value adds what entries that are alike up to a level stand for.
func (s *scratch) value(n *node, from, to, level int) trouble {
	bare := from
	for bare < to && s.entries[bare].n == level {
		bare++
	}
	if bare > from {
		if bare < to {
			return notAlike
		}
		return s.bare(n, from, to)
	}
	first := s.bytes(s.entries[from].keys[level])
	switch list := len(first) == 0 || index(first); {
	case list && n.holds(openapi.TypeArray) && n.types != openapi.AnyType:
		return s.listed(n, from, to, level)
	case n.holds(openapi.TypeObject):
		s.doc.Open(jsonwalk.Object)
		defer s.doc.Close()
		return s.tree(n, from, to, level)
	}
	return undeclares
}

// tree adds the members that entries stand for.
func (s *scratch) tree(n *node, from, to, level int) trouble {
	for from < to {
		end := s.group(from, to, level)
		name := s.bytes(s.entries[from].keys[level])
		if len(name) == 0 {
			return notAlike
		}
		i := s.doc.Len()
		if t := s.value(n.member(name), from, end, level+1); t != noTrouble {
			return t
		}
		s.named(i, name)
		from = end
	}
	return noTrouble
}

// listed adds the elements of a[] or of a[0], a[1], ...
func (s *scratch) listed(n *node, from, to, level int) trouble {
	s.doc.Open(jsonwalk.Array)
	defer s.doc.Close()
	if len(s.bytes(s.entries[from].keys[level])) == 0 {
		for ; from < to; from++ {
			// a[][b] belongs to this element for some, to the next for others.
			if e := &s.entries[from]; e.n != level+1 || e.keys[level].from != e.keys[level].to {
				return notAlike
			}
			if t := s.leaf(n.element(), from); t != noTrouble {
				return t
			}
		}
		return noTrouble
	}
	for i := 0; from < to; i++ {
		key, end := s.bytes(s.entries[from].keys[level]), s.group(from, to, level)
		if v, ok := small(key); !ok || v != i {
			return notAlike
		}
		if t := s.value(n.element(), from, end, level+1); t != noTrouble {
			return t
		}
		from = end
	}
	return noTrouble
}

// small reads an index.
func small(b []byte) (v int, ok bool) {
	if !index(b) || len(b) > 4 {
		return 0, false
	}
	for _, c := range b {
		v = v*10 + int(c-'0')
	}
	return v, true
}

// bare adds the value of a name without further brackets: a list when it came
// more than once.
func (s *scratch) bare(n *node, from, to int) trouble {
	if n.shape != array {
		if to > from+1 {
			return sentTwice
		}
		return s.leaf(n, from)
	}
	s.doc.Open(jsonwalk.Array)
	defer s.doc.Close()
	for ; from < to; from++ {
		if t := s.leaf(n.element(), from); t != noTrouble {
			return t
		}
	}
	return noTrouble
}

// leaf adds the value of one entry. An object that is one text is a JSON document
// (OpenAPI 3.1 section 4.8.15.1).
func (s *scratch) leaf(n *node, i int) trouble {
	e := &s.entries[i]
	text := s.bytes(e.value)
	if e.part != noPart {
		if text = s.form.Parts[e.part].Content; e.file {
			s.doc.Attach(text)
			return noTrouble
		}
	}
	switch {
	case n.shape == scalar:
		s.add(n, text)
	case e.n > 1:
		return notAlike
	case !s.graft(text):
		return notJSON
	}
	return noTrouble
}
