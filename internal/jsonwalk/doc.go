// Package jsonwalk reads JSON so that no second parser can read it differently.
//
// It defends from the classic bypass of a filter: the filter takes one of two
// duplicate members, replaces a broken character or stops at the end of the
// first document, and the application behind it does not. So everything that
// RFC 8259 leaves to the implementation is refused, each with an error of its
// own: duplicate names (also after unescaping), data after the document, byte
// order marks, invalid UTF-8, lone surrogates, NUL, deep nesting, huge numbers.
//
// A document becomes a tape of nodes over the caller's bytes: no values are
// built, nothing is copied but strings that hold escapes, and a [Doc] that is
// used again does not allocate.
package jsonwalk

import (
	"hash/maphash"
	"strconv"
	"strings"
)

// Kind is the type of a JSON value.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota + 1
	False
	True
	Number
	String
	Array
	Object
)

// Missing is the index of no node: what a lookup returns for a value that is
// not there.
const Missing = -1

// Doc is one parsed document: its nodes in document order. Node 0 is the root;
// the children of node i begin at i+1, the sibling after node i is Next(i), and
// the children of i end where Next(i) begins. The zero Doc is ready for Parse.
//
// A Doc refers to the bytes it was parsed from, which must not change while it
// is in use. It must not be used by two goroutines at once.
type Doc struct {
	src      []byte
	nodes    []node
	text     []byte // decoded strings and names, where they held escapes
	texts    []texts
	own      []byte   // what a built document was made of
	attached [][]byte // strings of a built document that were not copied
	table    []uint32
	open     []uint32 // the containers that are open while a document is parsed or built
	seed     maphash.Seed

	lim    Limits
	pos    int
	parsed bool
	err    error
}

type node struct {
	start, end    uint32 // the value's span in src, quotes included
	next          uint32 // index of the node after this one and all below it
	count         uint32 // members or elements
	name, nameEnd uint32 // the member's name in src, quotes included
	extra         uint32 // index, from 1, into Doc.texts, when the string or the name holds escapes
	kind          Kind
	flags         uint8
}

// texts is where the decoded string and the decoded name of a node are in
// Doc.text.
type texts struct{ text, textEnd, name, nameEnd uint32 }

const (
	escaped     = 1 << iota // the string holds escapes
	nameEscaped             // the name holds escapes
	bare                    // the string stands in src without quotes (built documents)
	attached                // the string stands elsewhere (built documents)
)

// keep is the number of nodes above which Reset gives the memory back, so that
// one large body does not stay in a pool for ever.
const keep = 1 << 15

// Reset forgets the document and keeps the memory for the next.
func (d *Doc) Reset() {
	d.src, d.parsed, d.err = nil, false, nil
	if cap(d.nodes) > keep {
		d.nodes, d.text, d.texts, d.own = nil, nil, nil, nil
	}
	clear(d.attached)
	d.attached = d.attached[:0]
	d.nodes, d.text, d.texts, d.own, d.open = d.nodes[:0], d.text[:0], d.texts[:0], d.own[:0], d.open[:0]
}

// Of returns the document of body kept in slot, and parses it only when slot
// does not hold it already, so that several controls share one parse. The slot
// is Request.Parsed or its likes: whoever changes the body resets it. The error
// is that of Parse, and is kept as well.
func Of(slot *interface{ Reset() }, body []byte, lim Limits) (*Doc, error) {
	var d *Doc
	switch at := (*slot).(type) {
	case *Doc:
		d = at
	case interface{ Document() *Doc }:
		d = at.Document()
	default:
		d = new(Doc)
		*slot = d
	}
	if d.parsed && d.lim == lim.orDefaults() && same(d.src, body) {
		return d, d.err
	}
	return d, d.Parse(body, lim)
}

func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Len returns the number of nodes.
func (d *Doc) Len() int { return len(d.nodes) }

// Kind returns the kind of node i.
func (d *Doc) Kind(i int) Kind { return d.nodes[i].kind }

// Next returns the index after node i and everything below it.
func (d *Doc) Next(i int) int { return int(d.nodes[i].next) }

// Count returns the number of members or elements of node i.
func (d *Doc) Count(i int) int { return int(d.nodes[i].count) }

// Offset returns where node i begins, in bytes from the beginning.
func (d *Doc) Offset(i int) int { return int(d.nodes[i].start) }

// At returns how far the parser came, in bytes: after an error of Parse, where
// the document is wrong.
func (d *Doc) At() int { return d.pos }

// Raw returns the bytes of node i as they were sent, quotes included.
func (d *Doc) Raw(i int) []byte { return d.src[d.nodes[i].start:d.nodes[i].end] }

// Text returns the decoded text of string i. For other kinds it is their raw
// bytes.
func (d *Doc) Text(i int) []byte {
	n := &d.nodes[i]
	switch {
	case n.flags&attached != 0:
		return d.attached[n.extra-1]
	case n.kind != String || n.flags&bare != 0:
		return d.src[n.start:n.end]
	case n.flags&escaped != 0:
		x := &d.texts[n.extra-1]
		return d.text[x.text:x.textEnd]
	}
	return d.src[n.start+1 : n.end-1]
}

// Name returns the decoded name of member i, or nothing for an element of an
// array and for the root.
func (d *Doc) Name(i int) []byte {
	n := &d.nodes[i]
	switch {
	case n.nameEnd == 0:
		return nil
	case n.flags&nameEscaped != 0:
		x := &d.texts[n.extra-1]
		return d.text[x.name:x.nameEnd]
	case n.flags&bare != 0:
		return d.src[n.name:n.nameEnd]
	}
	return d.src[n.name+1 : n.nameEnd-1]
}

// Member returns the member of object i with that name, or [Missing]. It looks
// at the members one by one.
func (d *Doc) Member(i int, name string) int {
	if d.nodes[i].kind != Object {
		return Missing
	}
	for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
		if string(d.Name(c)) == name {
			return c
		}
	}
	return Missing
}

// Pointer returns the JSON pointer (RFC 6901) of node i. It allocates: it is for
// errors. A name that does not look like the name of a field is written as "*",
// since the names of a map may be as secret as its values.
func (d *Doc) Pointer(i int) string {
	var b strings.Builder
	for at := 0; at < i; {
		index := 0
		for c := at + 1; ; c, index = d.Next(c), index+1 {
			if i >= d.Next(c) {
				continue
			}
			b.WriteByte('/')
			if d.nodes[at].kind == Object {
				b.WriteString(plainName(d.Name(c)))
			} else {
				b.WriteString(strconv.Itoa(index))
			}
			at = c
			break
		}
	}
	return b.String()
}

func plainName(b []byte) string {
	if len(b) == 0 || len(b) > 32 {
		return "*"
	}
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.', c == '$':
		default:
			return "*"
		}
	}
	return string(b)
}
