package jsonwalk

import "hash/maphash"

// Equal reports whether value i of d and value j of e are the same JSON value:
// numbers by their exact value, objects without regard to order.
func (d *Doc) Equal(i int, e *Doc, j int) bool {
	if d.nodes[i].kind != e.nodes[j].kind {
		return false
	}
	switch d.nodes[i].kind {
	case Number:
		var v, w Decimal
		d.Decimal(&v, i)
		e.Decimal(&w, j)
		return v.Compare(&w) == 0
	case String:
		return string(d.Text(i)) == string(e.Text(j))
	case Array:
		if d.nodes[i].count != e.nodes[j].count {
			return false
		}
		for a, b, end := i+1, j+1, d.Next(i); a < end; a, b = d.Next(a), e.Next(b) {
			if !d.Equal(a, e, b) {
				return false
			}
		}
	case Object:
		if d.nodes[i].count != e.nodes[j].count {
			return false
		}
		for a, end := i+1, d.Next(i); a < end; a = d.Next(a) {
			b := e.memberNamed(j, d.Name(a))
			if b == Missing || !d.Equal(a, e, b) {
				return false
			}
		}
	}
	return true
}

func (d *Doc) memberNamed(i int, name []byte) int {
	for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
		if string(d.Name(c)) == string(name) {
			return c
		}
	}
	return Missing
}

// Unique reports whether no two elements of array i are the same value.
func (d *Doc) Unique(i int) bool {
	end := d.Next(i)
	if d.Count(i) <= 8 {
		for a := i + 1; a < end; a = d.Next(a) {
			for b := d.Next(a); b < end; b = d.Next(b) {
				if d.Equal(a, d, b) {
					return false
				}
			}
		}
		return true
	}
	t := d.hashTable(d.Count(i))
	for c := i + 1; c < end; c = d.Next(c) {
		h := int(d.hash(c)) & (len(t) - 1)
		for ; t[h] != 0; h = (h + 1) & (len(t) - 1) {
			if d.Equal(c, d, int(t[h])) {
				return false
			}
		}
		t[h] = uint32(c)
	}
	return true
}

// hash returns a number that equal values share.
func (d *Doc) hash(i int) uint64 {
	n := &d.nodes[i]
	h := uint64(n.kind) * 0x9E3779B97F4A7C15
	switch n.kind {
	case Number:
		var v Decimal
		d.Decimal(&v, i)
		h ^= maphash.Bytes(d.seed, v.d[:v.n]) + uint64(v.exp)*31
		if v.neg {
			h = ^h
		}
	case String:
		h ^= maphash.Bytes(d.seed, d.Text(i))
	case Array:
		for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
			h = h*1099511628211 ^ d.hash(c)
		}
	case Object:
		for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
			h += mix(maphash.Bytes(d.seed, d.Name(c)) ^ mix(d.hash(c)))
		}
	}
	return h
}

// mix spreads a hash over all its bits (the finaliser of SplitMix64).
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}

// AppendWithout appends the document to dst without the members and elements in
// cut, which must be in ascending order and free of the root. What is left is
// copied as it was sent.
func (d *Doc) AppendWithout(dst []byte, cut []int) []byte {
	dst, _ = d.appendNode(dst, 0, cut)
	return dst
}

// appendNode appends node i and returns what of cut lies behind it.
func (d *Doc) appendNode(dst []byte, i int, cut []int) ([]byte, []int) {
	end := d.Next(i)
	if len(cut) == 0 || cut[0] >= end {
		return append(dst, d.Raw(i)...), cut
	}
	closing := byte(']')
	if d.nodes[i].kind == Object {
		closing = '}'
		dst = append(dst, '{')
	} else {
		dst = append(dst, '[')
	}
	first := true
	for c := i + 1; c < end; c = d.Next(c) {
		if len(cut) > 0 && cut[0] == c {
			for len(cut) > 0 && cut[0] < d.Next(c) {
				cut = cut[1:]
			}
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if n := &d.nodes[c]; n.nameEnd > 0 {
			dst = append(dst, d.src[n.name:n.nameEnd]...)
			dst = append(dst, ':')
		}
		dst, cut = d.appendNode(dst, c, cut)
	}
	return append(dst, closing), cut
}
