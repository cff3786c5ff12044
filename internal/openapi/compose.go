package openapi

import "github.com/gatehouse-api/gatehouse/internal/jsonwalk"

func (c *compiler) objectual(name string, v at) (err error) {
	if c.s.object == nil {
		c.s.object = &object{max: -1}
	}
	o := c.s.object
	switch name {
	case "properties":
		if err := v.want(jsonwalk.Object, "a map of schemas"); err != nil {
			return err
		}
		return v.each(func(name string, p at) error {
			if name == RolesKeyword {
				return p.fault("%s stands on a member's schema, not among the members", name)
			}
			s, err := c.schema(p, c.in)
			if err == nil {
				c.property(name).schema = s
			}
			return err
		})
	case "patternProperties":
		return v.each(func(name string, p at) error {
			s, err := c.schema(p, c.in)
			if err != nil {
				return err
			}
			re, err := c.patternOf(name)
			if err != nil {
				c.unsupported(p, err.Error())
				return nil
			}
			o.patterns = append(o.patterns, patternProperty{re, s})
			return nil
		})
	case "additionalProperties":
		o.open = v.truth() || v.is(jsonwalk.Object) && v.doc.Count(v.n) == 0
		o.additional, err = c.schema(v, c.in)
	case "propertyNames":
		o.names, err = c.schema(v, c.in)
	case "unevaluatedProperties":
		c.shared.unevaluated = true
		o.rest, err = c.schema(v, c.in)
	case "minProperties":
		err = c.count(v, &o.min)
	case "maxProperties":
		err = c.count(v, &o.max)
	case "required":
		if v.is(jsonwalk.True) || v.is(jsonwalk.False) {
			// Written on a property by mistake; there it means nothing.
			c.finding(v, false, "required is a list of names beside properties")
			return nil
		}
		o.required, err = c.words(v)
	case "dependentRequired":
		err = v.each(func(name string, d at) error {
			needs, err := c.words(d)
			o.dependent = append(o.dependent, dependency{c.intern(name), needs})
			return err
		})
	}
	return err
}

// words reads a list of strings.
func (c *compiler) words(v at) ([]string, error) {
	var list []string
	if err := v.want(jsonwalk.Array, "a list of names"); err != nil {
		return nil, err
	}
	err := v.each(func(_ string, e at) error {
		list = append(list, c.intern(e.text()))
		return e.want(jsonwalk.String, "a name")
	})
	return list, err
}

func (c *compiler) arrayal(name string, v at) (err error) {
	if c.s.array == nil {
		c.s.array = &array{max: -1, least: 1, most: -1}
	}
	r := c.s.array
	switch name {
	case "items":
		r.items, err = c.schema(v, c.in)
	case "prefixItems":
		r.prefix, err = c.list(v)
	case "minItems":
		err = c.count(v, &r.min)
	case "maxItems":
		r.bounded = true
		err = c.count(v, &r.max)
	case "uniqueItems":
		r.unique = v.truth()
	case "contains":
		r.contains, err = c.schema(v, c.in)
	case "minContains":
		err = c.count(v, &r.least)
	case "maxContains":
		err = c.count(v, &r.most)
	case "unevaluatedItems":
		c.shared.unevaluated = true
		r.rest, err = c.schema(v, c.in)
	}
	return err
}

func (c *compiler) list(v at) ([]*Schema, error) {
	if err := v.want(jsonwalk.Array, "a list of schemas"); err != nil {
		return nil, err
	}
	list := make([]*Schema, 0, v.doc.Count(v.n))
	err := v.each(func(_ string, e at) error {
		s, err := c.schema(e, c.in)
		list = append(list, s)
		return err
	})
	return list, err
}

func (c *compiler) applied(name string, v at) (err error) {
	if c.s.inPlace == nil {
		c.s.inPlace = new(inPlace)
	}
	p := c.s.inPlace
	switch name {
	case "$ref":
		if err := v.want(jsonwalk.String, "a reference"); err != nil {
			return err
		}
		if c.metaSchema(v) {
			c.beyond(v, "the schema of schemas is not supported")
			return nil
		}
		to, res, err := c.resolve(v.text(), v, c.in)
		if err != nil {
			return err
		}
		p.ref, err = c.schema(to, res)
		return err
	case "allOf":
		p.allOf, err = c.list(v)
	case "anyOf":
		p.anyOf, err = c.list(v)
	case "oneOf":
		p.oneOf, err = c.list(v)
	case "not":
		p.not, err = c.schema(v, c.in)
	case "if":
		p.ifs, err = c.schema(v, c.in)
	case "then":
		p.then, err = c.schema(v, c.in)
	case "else":
		p.els, err = c.schema(v, c.in)
	case "dependentSchemas":
		err = v.each(c.dependent)
	}
	return err
}

func (c *compiler) dependent(name string, v at) error {
	s, err := c.schema(v, c.in)
	if c.s.inPlace == nil {
		c.s.inPlace = new(inPlace)
	}
	c.s.inPlace.dependent = append(c.s.inPlace.dependent, dependentSchema{c.intern(name), s})
	return err
}

// dependencies is the older keyword that dependentRequired and dependentSchemas
// were split from.
func (c *compiler) dependencies(v at) error {
	return v.each(func(name string, d at) error {
		if !d.is(jsonwalk.Array) {
			return c.dependent(name, d)
		}
		if c.s.object == nil {
			c.s.object = &object{max: -1}
		}
		needs, err := c.words(d)
		c.s.object.dependent = append(c.s.object.dependent, dependency{c.intern(name), needs})
		return err
	})
}

// settle runs over all schemas once every one of them is filled: it counts what
// each direction demands and refuses schemas that apply themselves in place.
func (l *loader) settle() error {
	l.locate()
	l.restrict()
	state := make(map[*Schema]int8, len(l.compiled))
	for _, s := range l.compiled {
		if o := s.object; o != nil {
			for _, p := range o.props {
				l.shared.declared[p.name] = struct{}{}
				if p.required && (p.schema == nil || !p.schema.readOnly) {
					o.demanded[Request]++
				}
				if p.required && (p.schema == nil || !p.schema.writeOnly) {
					o.demanded[Reply]++
				}
			}
		}
		if circular(s, state) {
			return &Error{s.Place(), "a schema applies itself in place without end"}
		}
	}
	return l.placed()
}

func circular(s *Schema, state map[*Schema]int8) bool {
	const open, done = 1, 2
	if s == nil || s.inPlace == nil || state[s] == done {
		return false
	}
	if state[s] == open {
		return true
	}
	state[s] = open
	p := s.inPlace
	for _, b := range [...]*Schema{p.ref, p.not, p.ifs, p.then, p.els} {
		if circular(b, state) {
			return true
		}
	}
	for _, list := range [...][]*Schema{p.allOf, p.anyOf, p.oneOf} {
		for _, b := range list {
			if circular(b, state) {
				return true
			}
		}
	}
	for _, d := range p.dependent {
		if circular(d.schema, state) {
			return true
		}
	}
	state[s] = done
	return false
}
