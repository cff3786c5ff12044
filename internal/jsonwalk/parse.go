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
	d.src, d.lim, d.pos, d.depth, d.parsed = b, lim.orDefaults(), 0, 0, true
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
	if err := d.value(); err != nil {
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

// add appends an empty node for the value at the current position.
func (d *Doc) add() (int, error) {
	i := len(d.nodes)
	if i >= d.lim.Values {
		return 0, ErrValues
	}
	d.nodes = append(d.nodes, node{start: uint32(d.pos), next: uint32(i + 1)})
	return i, nil
}

func (d *Doc) value() error {
	if d.pos >= len(d.src) {
		return ErrSyntax
	}
	i, err := d.add()
	if err != nil {
		return err
	}
	switch c := d.src[d.pos]; {
	case c == '"':
		err = d.stringValue(i)
	case c == '{':
		err = d.object(i)
	case c == '[':
		err = d.array(i)
	case c == '-' || c >= '0' && c <= '9':
		err = d.number(i)
	case c == 't':
		err = d.literal(i, "true", True)
	case c == 'f':
		err = d.literal(i, "false", False)
	case c == 'n':
		err = d.literal(i, "null", Null)
	case c == '+' || c == '.':
		err = ErrNumber
	case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
		err = ErrLiteral
	case c >= 0x80 && !utf8.Valid(d.src[d.pos:min(d.pos+utf8.UTFMax, len(d.src))]):
		err = ErrUTF8
	default:
		err = ErrSyntax
	}
	d.nodes[i].end = uint32(d.pos)
	d.nodes[i].next = uint32(len(d.nodes))
	return err
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
	from, to, esc, err := d.str()
	if err != nil {
		return err
	}
	n := &d.nodes[i]
	n.kind = String
	if esc {
		n.flags |= escaped
		n.text, n.textEnd = from, to
	}
	return nil
}

func (d *Doc) array(i int) error {
	d.nodes[i].kind = Array
	if d.depth++; d.depth > d.lim.Depth {
		return ErrDepth
	}
	d.pos++
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == ']' {
		d.pos++
		d.depth--
		return nil
	}
	for count := uint32(1); ; count++ {
		if err := d.value(); err != nil {
			return err
		}
		more, err := d.separator(']')
		if err != nil {
			return err
		}
		if !more {
			d.nodes[i].count = count
			d.depth--
			return nil
		}
	}
}

// separator reads the comma before the next value, or the end of the container.
func (d *Doc) separator(end byte) (more bool, err error) {
	d.space()
	if d.pos >= len(d.src) {
		return false, ErrSyntax
	}
	c := d.src[d.pos]
	if c != ',' && c != end {
		return false, ErrSyntax
	}
	d.pos++
	if c == end {
		return false, nil
	}
	d.space()
	return true, nil
}

func (d *Doc) object(i int) error {
	d.nodes[i].kind = Object
	if d.depth++; d.depth > d.lim.Depth {
		return ErrDepth
	}
	d.pos++
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == '}' {
		d.pos++
		d.depth--
		return nil
	}
	for count := 1; ; count++ {
		if count > d.lim.Keys {
			return ErrKeys
		}
		if err := d.member(); err != nil {
			return err
		}
		more, err := d.separator('}')
		if err != nil {
			return err
		}
		if !more {
			d.nodes[i].count = uint32(count)
			d.depth--
			return d.distinct(i, len(d.nodes))
		}
	}
}

func (d *Doc) member() error {
	if d.pos >= len(d.src) || d.src[d.pos] != '"' {
		return ErrSyntax
	}
	start := d.pos
	from, to, esc, err := d.str()
	if err != nil {
		return err
	}
	end := d.pos
	d.space()
	if d.pos >= len(d.src) || d.src[d.pos] != ':' {
		return ErrSyntax
	}
	d.pos++
	d.space()
	i := len(d.nodes)
	if err := d.value(); err != nil {
		return err
	}
	n := &d.nodes[i]
	n.name, n.nameEnd = uint32(start), uint32(end)
	if esc {
		n.flags |= nameEscaped
		n.nameTxt, n.nameTxtTo = from, to
	}
	return nil
}

// distinct refuses an object whose names are not distinct, compared after
// unescaping (RFC 8259 section 4 leaves their meaning open). The nodes of the
// object end at end.
func (d *Doc) distinct(i, end int) error {
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
