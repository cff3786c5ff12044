package openapi

import (
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// dialect is the keyword set of a description's schemas.
type dialect uint8

const (
	dialect2020 dialect = iota // JSON Schema 2020-12: OpenAPI 3.1 and 3.2
	dialect30                  // OpenAPI 3.0
)

type loader struct {
	open      func(uri string) ([]byte, error)
	dialect   dialect
	shared    *shared
	resources map[string]resource
	anchors   map[string]at
	resolved  map[refKey]target
	schemas   map[at]*Schema
	params    map[at]*Parameter
	replies   map[at]*Response
	requests  map[at]*RequestBody
	patterns  map[string]*pattern
	names     map[string]string
	findings  []Finding
	refused   []error // places that are not supported
	compiled  []*Schema
	refs      int                         // pure references being followed
	fallback  bool                        // a library may judge what we cannot
	entries   map[*Schema]map[at]resource // what bodies and parameters are judged by
	written   []Rule                      // for members, outside of the description
	rules     map[at]*access              // likewise, by the schemas of the members
}

type target struct {
	to at
	in resource
}

func newLoader(open func(string) ([]byte, error)) *loader {
	return &loader{
		open: open, shared: newShared(), resources: map[string]resource{}, anchors: map[string]at{}, resolved: map[refKey]target{}, schemas: map[at]*Schema{},
		params: map[at]*Parameter{}, replies: map[at]*Response{}, requests: map[at]*RequestBody{}, patterns: map[string]*pattern{}, names: map[string]string{},
	}
}

// intern returns a copy of s that all its equals share.
func (l *loader) intern(s string) string {
	if c, ok := l.names[s]; ok {
		return c
	}
	c := strings.Clone(s)
	l.names[c] = c
	return c
}

// schema compiles the schema at a, once.
func (l *loader) schema(a at, in resource) (*Schema, error) {
	if s, ok := l.schemas[a]; ok {
		return s, nil
	}
	switch a.doc.Kind(a.n) {
	case jsonwalk.True, jsonwalk.False:
		s := &Schema{shared: l.shared, types: AnyType, never: !a.truth(), access: l.rules[a]}
		l.schemas[a] = s
		return s, nil
	case jsonwalk.Object:
	default:
		return nil, a.fault("a schema is an object or a boolean")
	}
	in = l.within(a, in)
	if ref := a.get("$ref"); ref.is(jsonwalk.String) && l.alone(a) && !l.metaSchema(ref) {
		if l.refs++; l.refs > 100 {
			return nil, ref.fault("the reference leads back to itself")
		}
		defer func() { l.refs-- }()
		to, res, err := l.resolve(ref.text(), ref, in)
		if err != nil {
			return nil, err
		}
		s, err := l.schema(to, res)
		if err == nil {
			l.schemas[a] = s
		}
		return s, err
	}
	refs := l.refs
	l.refs = 0
	defer func() { l.refs = refs }()
	s := &Schema{shared: l.shared, types: AnyType}
	l.schemas[a] = s
	l.compiled = append(l.compiled, s)
	return s, l.fill(s, a, in)
}

// alone reports whether a $ref is all that a schema says. OpenAPI 3.0 ignores
// what stands beside it.
func (l *loader) alone(a at) bool {
	if l.rules[a] != nil || a.get(RolesKeyword).ok() {
		return false
	}
	if l.dialect == dialect30 {
		return true
	}
	alone := true
	_ = a.each(func(name string, _ at) error {
		switch name {
		case "$ref", "description", "summary", "title", "$comment", "example", "examples", "default", "deprecated":
		default:
			alone = alone && strings.HasPrefix(name, "x-")
		}
		return nil
	})
	return alone
}

// fill reads the keywords of a schema.
func (l *loader) fill(s *Schema, a at, in resource) error {
	c := &compiler{loader: l, s: s, a: a, in: in}
	s.binary, s.access = isBinary(a), l.rules[a]
	c.refers = l.dialect == dialect30 && a.get("$ref").is(jsonwalk.String)
	if err := a.each(c.keyword); err != nil {
		return err
	}
	c.finish()
	return nil
}

// compiler reads one schema.
type compiler struct {
	*loader
	s  *Schema
	a  at
	in resource

	nullable          bool
	overMin, underMax bool // 3.0: the bounds are exclusive
	refers            bool // 3.0: a $ref, beside which only rules for roles are read
}

func (c *compiler) keyword(name string, v at) (err error) {
	if c.refers && name != "$ref" && name != RolesKeyword {
		return nil
	}
	switch name {
	case RolesKeyword:
		c.s.access, err = c.access(v)
		return err
	case "type":
		return c.typeOf(v)
	case "enum", "const":
		return c.values(name, v)
	case "nullable":
		c.nullable = v.truth()
	case "readOnly":
		c.s.readOnly = v.truth()
	case "writeOnly":
		c.s.writeOnly = v.truth()
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		return c.number(name, v)
	case "minLength", "maxLength", "pattern", "format":
		return c.textual(name, v)
	case "properties", "patternProperties", "additionalProperties", "propertyNames", "minProperties", "maxProperties",
		"required", "dependentRequired", "unevaluatedProperties":
		return c.objectual(name, v)
	case "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "unevaluatedItems":
		return c.arrayal(name, v)
	case "$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas":
		return c.applied(name, v)
	case "dependencies":
		return c.dependencies(v)
	case "$dynamicRef", "$recursiveRef":
		c.beyond(v, name+" is not supported")
	case "$schema":
		if d := strings.TrimSuffix(v.text(), "#"); !strings.HasSuffix(d, "draft/2020-12/schema") && !strings.Contains(d, "spec.openapis.org") {
			c.beyond(v, "schemas of another dialect are not supported")
		}
	default:
		c.unknown(name)
		return misspelt(name, v, "")
	}
	return nil
}

func (c *compiler) typeOf(v at) error {
	if v.is(jsonwalk.Array) {
		c.s.types = 0
		return v.each(func(_ string, t at) error { return c.oneType(t) })
	}
	c.s.types = 0
	return c.oneType(v)
}

func (c *compiler) oneType(v at) error {
	switch v.text() {
	case "null":
		c.s.types |= TypeNull
	case "boolean":
		c.s.types |= TypeBoolean
	case "integer":
		c.s.types |= TypeInteger
	case "number":
		c.s.types |= TypeNumber
	case "string":
		c.s.types |= TypeString
	case "array":
		c.s.types |= TypeArray
	case "object":
		c.s.types |= TypeObject
	default:
		return v.fault("no such type")
	}
	return nil
}

func (c *compiler) values(name string, v at) error {
	to := &values{}
	raw := []byte{'['}
	add := func(_ string, e at) error {
		if e.is(jsonwalk.String) {
			to.texts = append(to.texts, c.intern(e.text()))
			return nil
		}
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		raw = append(raw, e.raw()...)
		return nil
	}
	if name == "const" {
		c.s.konst = to
		_ = add("", v)
	} else {
		c.s.enum = to
		if err := v.want(jsonwalk.Array, "a list"); err != nil {
			return err
		}
		_ = v.each(add)
	}
	if len(to.texts) > 8 {
		to.set = make(map[string]struct{}, len(to.texts))
		for _, s := range to.texts {
			to.set[s] = struct{}{}
		}
	}
	if len(raw) > 1 {
		to.rest = new(jsonwalk.Doc)
		return to.rest.Parse(append(raw, ']'), treeLimits)
	}
	return nil
}

func (c *compiler) number(name string, v at) error {
	if c.dialect == dialect30 && (v.is(jsonwalk.True) || v.is(jsonwalk.False)) {
		switch name {
		case "exclusiveMinimum":
			c.overMin = v.truth()
			return nil
		case "exclusiveMaximum":
			c.underMax = v.truth()
			return nil
		}
	}
	if err := v.want(jsonwalk.Number, "a number"); err != nil {
		return err
	}
	d := new(jsonwalk.Decimal)
	v.doc.Decimal(d, v.n)
	if c.s.numbers == nil {
		c.s.numbers = new(numbers)
	}
	switch name {
	case "minimum":
		c.s.numbers.min = d
	case "maximum":
		c.s.numbers.max = d
	case "exclusiveMinimum":
		c.s.numbers.over = d
	case "exclusiveMaximum":
		c.s.numbers.under = d
	case "multipleOf":
		if !d.Positive() || d.Digits() > 18 {
			return v.fault("multipleOf must be positive and have at most 18 digits")
		}
		c.s.numbers.multiple = d
	}
	return nil
}

func (c *compiler) textual(name string, v at) error {
	if c.s.text == nil {
		c.s.text = &text{max: -1}
	}
	switch name {
	case "minLength":
		return c.count(v, &c.s.text.min)
	case "maxLength":
		return c.count(v, &c.s.text.max)
	case "format":
		f, known := formatOf(v.text())
		if c.shared.formats {
			c.s.text.format = f
		}
		if !known && c.shared.formats {
			c.finding(v, false, "format "+v.text()+" is not known and not checked")
		}
	case "pattern":
		p, err := c.patternOf(v.text())
		if err != nil {
			c.unsupported(v, err.Error())
			return nil
		}
		c.s.text.pattern = p
	}
	return nil
}

// count reads a number of things, at most 2^31.
func (c *compiler) count(v at, to *int) error {
	if err := v.want(jsonwalk.Number, "a number"); err != nil {
		return err
	}
	var d jsonwalk.Decimal
	v.doc.Decimal(&d, v.n)
	n, ok := d.Int()
	if !ok || n < 0 {
		return v.fault("a number of things is an integer from 0")
	}
	*to = int(min(n, 1<<31))
	return nil
}

// finish settles what depends on several keywords.
func (c *compiler) finish() {
	s := c.s
	c.bare()
	if n := s.numbers; n != nil {
		// 3.0: exclusiveMinimum: true turns minimum into an excluded bound.
		if c.overMin && n.min != nil {
			n.over, n.min = n.min, nil
		}
		if c.underMax && n.max != nil {
			n.under, n.max = n.max, nil
		}
		n.settle()
	}
	if c.nullable && c.dialect == dialect30 {
		if s.types != AnyType {
			s.types |= TypeNull
		} else {
			s.orNull = true
		}
	}
	if o := s.object; o != nil {
		for _, name := range o.required {
			c.property(name).required = true
		}
		if len(o.props) > 8 {
			o.index = make(map[string]int32, len(o.props))
			for i, p := range o.props {
				o.index[p.name] = int32(i)
			}
		}
		declared := len(o.patterns) > 0
		for _, p := range o.props {
			declared = declared || p.schema != nil
		}
		o.closes = declared || o.additional != nil && !o.open || o.rest != nil
	}
	if r := s.array; r != nil && r.contains == nil {
		r.least, r.most = 0, -1
	}
}

// property returns the entry of a name, which is made where there is none.
func (c *compiler) property(name string) *property {
	o := c.s.object
	for i := range o.props {
		if o.props[i].name == name {
			return &o.props[i]
		}
	}
	o.props = append(o.props, property{name: c.intern(name)})
	return &o.props[len(o.props)-1]
}
