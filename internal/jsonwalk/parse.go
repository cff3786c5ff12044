package jsonwalk

import (
	"hash/maphash"
	"unicode/utf8"
)

// Parse reads the one document that b holds. It refuses with an [Error] whatever
// two parsers may read differently and whatever goes over the limits. After an
// error the Doc holds no nodes.
func (d *Doc) Parse(b []byte, lim Limits) error {
	d.Reset()
	d.src, d.lim, d.pos, d.parsed = b, lim.orDefaults(), 0, true
	d.err = d.document()
	if d.err != nil {
		d.nodes = d.nodes[:0]
	}
	return d.err
}

func (d *Doc) document() error {
	b := d.src
	if len(b) > d.lim.Bytes {
		return ErrBytes
	}
	if len(b) >= 2 && (b[0] == 0xFE && b[1] == 0xFF || b[0] == 0xFF && b[1] == 0xFE) || len(b) >= 3 && string(b[:3]) == "\xEF\xBB\xBF" {
		return ErrBOM
	}
	d.space()
	if d.pos == len(b) {
		return ErrEmpty
	}
	if err := d.values(); err != nil {
		return err
	}
	d.space()
	if d.pos != len(b) {
		return ErrTrailing
	}
	return nil
}

func (d *Doc) space() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// values reads one value and everything below it. It does not call itself: the
// containers that are open are in d.open.
func (d *Doc) values() error {
	var name node
	for {
		if d.pos >= len(d.src) {
			return ErrSyntax
		}
		i := len(d.nodes)
		if i >= d.lim.Values {
			return ErrValues
		}
		d.nodes = append(d.nodes, node{start: uint32(d.pos), next: uint32(i + 1),
			name: name.name, nameEnd: name.nameEnd, extra: name.extra, flags: name.flags})
		opened, err := d.value(i)
		if err != nil {
			return err
		}
		if !opened {
			d.nodes[i].end = uint32(d.pos)
			if done, err := d.next(); done || err != nil {
				return err
			}
		}
		name = node{}
		if top := d.open[len(d.open)-1]; d.nodes[top].kind == Object {
			if err := d.member(&name, int(d.nodes[top].count)); err != nil {
				return err
			}
		}
	}
}

// value reads a scalar or the beginning of a container that is not empty.
func (d *Doc) value(i int) (opened bool, err error) {
	switch c := d.src[d.pos]; {
	case c == '"':
		return false, d.stringValue(i)
	case c == '{':
		return d.container(i, Object, '}')
	case c == '[':
		return d.container(i, Array, ']')
	case c == '-' || c >= '0' && c <= '9':
		return false, d.number(i)
	case c == 't':
		return false, d.literal(i, "true", True)
	case c == 'f':
		return false, d.literal(i, "false", False)
	case c == 'n':
		return false, d.literal(i, "null", Null)
	case c == '+' || c == '.':
		return false, ErrNumber
	case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
		return false, ErrLiteral
	case c >= 0x80 && !utf8.Valid(d.src[d.pos:min(d.pos+utf8.UTFMax, len(d.src))]):
		return false, ErrUTF8
	}
	return false, ErrSyntax
}

func (d *Doc) literal(i int, word string, k Kind) error {
	if len(d.src)-d.pos < len(word) || string(d.src[d.pos:d.pos+len(word)]) != word {
		return ErrLiteral
	}
	d.nodes[i].kind = k
	d.pos += len(word)
	return nil
}

func (d *Doc) stringValue(i int) error {
	n := &d.nodes[i]
	n.kind = String
	if end := plainEnd(d.src, d.pos+1); end < len(d.src) && d.src[end] == '"' {
		d.pos = end + 1
		return nil
	}
	from, to, esc, err := d.str()
	if err != nil {
		return err
	}
	if esc {
		n.flags |= escaped
		x := d.unescaped(n)
		x.text, x.textEnd = from, to
	}
	return nil
}

// unescaped returns where the decoded texts of a node are kept.
func (d *Doc) unescaped(n *node) *texts {
	if n.extra == 0 {
		d.texts = append(d.texts, texts{})
		n.extra = uint32(len(d.texts))
	}
	return &d.texts[n.extra-1]
}

// container reads the beginning of an array or an object, and its end when it
// is empty.
func (d *Doc) container(i int, k Kind, end byte) (opened bool, err error) {
	d.nodes[i].kind = k
	if len(d.open) >= d.lim.Depth {
		return false, ErrDepth
	}
	d.pos++
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == end {
		d.pos++
		return false, nil
	}
	d.open = append(d.open, uint32(i))
	return true, nil
}

// next reads what is behind a value: the ends of the containers that end with
// it, and the comma before the next one. It reports whether nothing is open.
func (d *Doc) next() (done bool, err error) {
	for n := len(d.open); n > 0; n-- {
		top := int(d.open[n-1])
		c := &d.nodes[top]
		c.count++
		d.space()
		if d.pos >= len(d.src) {
			return false, ErrSyntax
		}
		switch b := d.src[d.pos]; {
		case b == ',':
			d.pos++
			d.space()
			return false, nil
		case b == ']' && c.kind == Array, b == '}' && c.kind == Object:
		default:
			return false, ErrSyntax
		}
		d.pos++
		c.end, c.next = uint32(d.pos), uint32(len(d.nodes))
		d.open = d.open[:n-1]
		if c.kind == Object {
			if err := d.distinct(top, len(d.nodes)); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// member reads the name of an object's next member, and what is between it and
// the value. before is how many members there were.
func (d *Doc) member(n *node, before int) error {
	if before >= d.lim.Keys {
		return ErrKeys
	}
	if d.pos >= len(d.src) || d.src[d.pos] != '"' {
		return ErrSyntax
	}
	n.name = uint32(d.pos)
	if end := plainEnd(d.src, d.pos+1); end < len(d.src) && d.src[end] == '"' {
		d.pos = end + 1
	} else {
		from, to, esc, err := d.str()
		if err != nil {
			return err
		}
		if esc {
			n.flags |= nameEscaped
			x := d.unescaped(n)
			x.name, x.nameEnd = from, to
		}
	}
	n.nameEnd = uint32(d.pos)
	d.space()
	if d.pos >= len(d.src) || d.src[d.pos] != ':' {
		return ErrSyntax
	}
	d.pos++
	d.space()
	return nil
}

// distinct refuses an object whose names are not distinct, compared after
// unescaping (RFC 8259 section 4 leaves their meaning open). The nodes of the
// object end at end.
func (d *Doc) distinct(i, end int) error {
	// Names of which no two have the same imprint are distinct.
	var seen [4]uint64
	for c := i + 1; c < end; c = int(d.nodes[c].next) {
		n := &d.nodes[c]
		if n.flags&nameEscaped != 0 {
			return d.compareNames(i, end)
		}
		p := imprint(d.src[n.name+1 : n.nameEnd-1])
		if seen[p>>6]&(1<<(p&63)) != 0 {
			return d.compareNames(i, end)
		}
		seen[p>>6] |= 1 << (p & 63)
	}
	return nil
}

// imprint is a cheap hash for names that mean no harm.
func imprint(name []byte) uint8 {
	n := len(name)
	if n == 0 {
		return 0
	}
	return uint8(n)*113 ^ name[0]*7 ^ name[n-1]*31 ^ name[n/2]*53
}

func (d *Doc) compareNames(i, end int) error {
	count := int(d.nodes[i].count)
	if count <= 8 {
		for a := i + 1; a < end; a = d.Next(a) {
			name := d.Name(a)
			for b := d.Next(a); b < end; b = d.Next(b) {
				if string(name) == string(d.Name(b)) {
					return ErrDuplicate
				}
			}
		}
		return nil
	}
	t := d.hashTable(count)
	for c := i + 1; c < end; c = d.Next(c) {
		name := d.Name(c)
		h := int(maphash.Bytes(d.seed, name)) & (len(t) - 1)
		for ; t[h] != 0; h = (h + 1) & (len(t) - 1) {
			if string(d.Name(int(t[h]))) == string(name) {
				return ErrDuplicate
			}
		}
		t[h] = uint32(c)
	}
	return nil
}

// hashTable returns an empty table for n entries. The hash is seeded per
// document, so nobody can prepare names that collide.
func (d *Doc) hashTable(n int) []uint32 {
	size := 16
	for size < 2*n {
		size *= 2
	}
	if cap(d.table) < size {
		d.table = make([]uint32, size)
	}
	if d.seed == (maphash.Seed{}) {
		d.seed = maphash.MakeSeed()
	}
	t := d.table[:size]
	clear(t)
	return t
}
