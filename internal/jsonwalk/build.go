package jsonwalk

// A document may also be built value by value, so that parameters of a query or
// a form are judged by the same validator as bodies. Built documents have no
// JSON text: AppendWithout is not for them.

// Begin forgets the document and begins to build another.
func (d *Doc) Begin() { d.Reset() }

// Open begins an array or an object, which lasts until [Doc.Close], and returns
// its index.
func (d *Doc) Open(k Kind) int {
	i := d.Scalar(k, nil)
	d.open = append(d.open, uint32(i))
	return i
}

// Close ends the container that was opened last.
func (d *Doc) Close() {
	i := d.open[len(d.open)-1]
	d.open = d.open[:len(d.open)-1]
	d.nodes[i].next = uint32(len(d.nodes))
}

// Scalar adds a value, a string's text or the JSON text of another kind, and
// returns its index.
func (d *Doc) Scalar(k Kind, text []byte) int {
	start, i := len(d.own), len(d.nodes)
	d.own = append(d.own, text...)
	d.src = d.own
	if n := len(d.open); n > 0 {
		d.nodes[d.open[n-1]].count++
	}
	d.nodes = append(d.nodes, node{
		kind: k, flags: bare, start: uint32(start), end: uint32(len(d.own)), next: uint32(i + 1),
	})
	return i
}

// Named makes value i the member of that name of the object it stands in.
func (d *Doc) Named(i int, name []byte) {
	start := len(d.own)
	d.own = append(d.own, name...)
	d.src = d.own
	d.nodes[i].name, d.nodes[i].nameEnd = uint32(start), uint32(len(d.own))
	if len(name) == 0 {
		// An empty name still is one: nameEnd must not be zero.
		d.own = append(d.own, 0)
		d.src = d.own
		d.nodes[i].name, d.nodes[i].nameEnd = uint32(start+1), uint32(start+1)
	}
}

// ScanNumber reports whether text is one JSON number within the limits.
func ScanNumber(text []byte) bool {
	n, err := scanNumber(text, 400)
	return err == nil && n == len(text) && n <= maxDigits
}

// Extend makes what was added since the last call part of the open container i,
// so that its members can be looked up while it is being built.
func (d *Doc) Extend(i int) { d.nodes[i].next = uint32(len(d.nodes)) }

// Attach adds a string that is not copied, such as a file. Nobody may change it
// while the document is in use. Its length is left to who attached it.
func (d *Doc) Attach(text []byte) int {
	i := d.Scalar(String, nil)
	d.attached = append(d.attached, text)
	d.nodes[i].flags |= attached
	d.nodes[i].extra = uint32(len(d.attached))
	return i
}

// Attached reports whether value i was added by [Doc.Attach].
func (d *Doc) Attached(i int) bool { return d.nodes[i].flags&attached != 0 }
