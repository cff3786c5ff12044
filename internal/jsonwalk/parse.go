package jsonwalk

import (
	"encoding/binary"
	"hash/maphash"
	"unicode/utf16"
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

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special reports whether one of eight bytes ends the run of plain characters:
// a quote, a backslash, a control character or a byte of a longer character.
func special(x uint64) bool {
	quote := x ^ '"'*ones
	slash := x ^ '\\'*ones
	return (x|(x-0x20*ones)|(quote-ones)|(slash-ones))&highs != 0
}

// str reads a string. When it held escapes, from and to are its decoded text in
// d.text.
func (d *Doc) str() (from, to uint32, esc bool, err error) {
	b := d.src
	i := d.pos + 1
	copied := i // what of the string is already in d.text
	start := len(d.text)
	for {
		for i+8 <= len(b) && !special(binary.LittleEndian.Uint64(b[i:])) {
			i += 8
		}
		if i >= len(b) {
			return d.fail(i, ErrSyntax)
		}
		switch c := b[i]; {
		case c == '"':
			d.pos = i + 1
			if !esc {
				return 0, 0, false, nil
			}
			d.text = append(d.text, b[copied:i]...)
			return uint32(start), uint32(len(d.text)), true, nil
		case c == '\\':
			esc = true
			d.text = append(d.text, b[copied:i]...)
			n, err := d.escape(b[i:])
			if err != nil {
				return d.fail(i, err)
			}
			i += n
			copied = i
		case c < 0x20:
			return d.fail(i, ErrControl)
		case c < 0x80:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return d.fail(i, ErrUTF8)
			}
			i += n
		}
	}
}

func (d *Doc) fail(at int, err error) (uint32, uint32, bool, error) {
	d.pos = at
	return 0, 0, false, err
}

// escape appends the character that the escape at the beginning of b stands for
// and returns the escape's length.
func (d *Doc) escape(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, ErrSyntax
	}
	switch b[1] {
	case '"', '\\', '/':
		d.text = append(d.text, b[1])
	case 'b':
		d.text = append(d.text, '\b')
	case 'f':
		d.text = append(d.text, '\f')
	case 'n':
		d.text = append(d.text, '\n')
	case 'r':
		d.text = append(d.text, '\r')
	case 't':
		d.text = append(d.text, '\t')
	case 'u':
		return d.unicode(b)
	default:
		return 0, ErrEscape
	}
	return 2, nil
}

func (d *Doc) unicode(b []byte) (int, error) {
	r, ok := hex4(b)
	if !ok {
		return 0, ErrEscape
	}
	if r == 0 && !d.lim.AllowNUL {
		return 0, ErrNUL
	}
	if !utf16.IsSurrogate(r) {
		d.text = utf8.AppendRune(d.text, r)
		return 6, nil
	}
	low, ok := hex4(b[6:])
	pair := utf16.DecodeRune(r, low)
	if !ok || pair == utf8.RuneError {
		return 0, ErrSurrogate
	}
	d.text = utf8.AppendRune(d.text, pair)
	return 12, nil
}

// hex4 reads "\uXXXX".
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
