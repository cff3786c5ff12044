package openapi

// UUID reports whether the schema's strings are UUIDs.
func (s *Schema) UUID() bool {
	found := false
	s.walkInPlace(16, func(b *Schema) { found = found || b.text != nil && b.text.format == formatUUID })
	return found
}

// Is reports whether the schema is of, or applies it in place by a reference or
// allOf: whether every value of it is one of of, too.
func (s *Schema) Is(of *Schema) bool { return s.isWithin(of, 16) }

func (s *Schema) isWithin(of *Schema, depth int) bool {
	if s == of {
		return true
	}
	if s.inPlace == nil || depth == 0 {
		return false
	}
	if s.inPlace.ref != nil && s.inPlace.ref.isWithin(of, depth-1) {
		return true
	}
	for _, b := range s.inPlace.allOf {
		if b.isWithin(of, depth-1) {
			return true
		}
	}
	return false
}

// Target returns the schema that this one is nothing but a reference to, or itself.
func (s *Schema) Target() *Schema {
	for range 16 {
		if s.inPlace == nil || s.inPlace.ref == nil {
			return s
		}
		s = s.inPlace.ref
	}
	return s
}

// Below calls f for every schema of a value one step below the schema's own, with
// the name of the member; "" stands for a member of any name, and for an element
// where element is true. One place may have several schemas.
func (s *Schema) Below(f func(name string, element bool, of *Schema)) {
	s.walkInPlace(16, func(b *Schema) {
		if a := b.array; a != nil {
			for _, k := range append(a.prefix[:len(a.prefix):len(a.prefix)], a.items, a.rest) {
				if k != nil {
					f("", true, k)
				}
			}
		}
		o := b.object
		if o == nil {
			return
		}
		for _, p := range o.props {
			if p.schema != nil {
				f(p.name, false, p.schema)
			}
		}
		for _, p := range o.patterns {
			f("", false, p.schema)
		}
		for _, k := range [...]*Schema{o.additional, o.rest} {
			if k != nil {
				f("", false, k)
			}
		}
	})
}
