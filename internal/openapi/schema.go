package openapi

import (
	"regexp"
	"slices"
	"sync"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi/fallback"
)

// Types is a set of JSON types.
type Types uint8

// The types. A number that is an integer and one that has a fraction are told
// apart; "number" stands for both.
const (
	TypeNull Types = 1 << iota
	TypeBoolean
	TypeInteger
	TypeFraction
	TypeString
	TypeArray
	TypeObject

	TypeNumber = TypeInteger | TypeFraction
	AnyType    = 1<<7 - 1
)

// Schema is one compiled schema. It is immutable and may be used by many
// goroutines at once.
type Schema struct {
	shared *shared
	origin origin

	never       bool  // accepts nothing: the schema false
	unsupported bool  // accepts nothing, because it asks for what is not implemented
	types       Types // AnyType when the schema does not say
	orNull      bool  // 3.0: nullable without a type, beside applicators
	readOnly    bool
	writeOnly   bool
	guarded     bool   // some rule for roles stands at it or below it
	page        paging // it asks for a number of results
	binary      bool   // its strings are bytes: files

	enum, konst *values
	numbers     *numbers
	text        *text
	object      *object
	array       *array
	inPlace     *inPlace
	access      *access           // who may send and see its values, as members
	needs       *needs            // likewise, with all that it applies in place; nil for everybody
	programs    [modes]*program   // nil where the tape judges
	judges      []*fallback.Judge // a library\'s, which all must accept, too
	opaque      bool              // they judge alone
}

// shared is what the schemas of one description have in common.
type shared struct {
	unevaluated bool                // some schema asks what others have evaluated
	formats     bool                // format asserts; in a JSON Schema alone it only annotates
	declared    map[string]struct{} // the names of all members that some schema declares
	states      int                 // that a program may have
	ranges      ranges
	roles       Roles // that rules for members name
	runs        sync.Pool
	walks       sync.Pool
}

// ranges are the bounds of the number formats.
type ranges [formats]span

type span struct{ from, to jsonwalk.Decimal }

func (s *span) holds(v *jsonwalk.Decimal) bool {
	return v.Compare(&s.from) >= 0 && v.Compare(&s.to) <= 0
}

func newShared() *shared {
	of := func(from, to string) (s span) {
		s.from, _ = jsonwalk.ParseDecimal([]byte(from))
		s.to, _ = jsonwalk.ParseDecimal([]byte(to))
		return s
	}
	exact, double := "9007199254740992", "1.7976931348623157e308"
	return &shared{declared: map[string]struct{}{}, states: maxStates, ranges: ranges{
		formatInt8:   of("-128", "127"),
		formatInt16:  of("-32768", "32767"),
		formatInt32:  of("-2147483648", "2147483647"),
		formatInt64:  of("-9223372036854775808", "9223372036854775807"),
		formatUint8:  of("0", "255"),
		formatUint16: of("0", "65535"),
		formatUint32: of("0", "4294967295"),
		formatUint64: of("0", "18446744073709551615"),
		formatExact:  of("-"+exact, exact),
		formatFloat:  of("-3.4028234663852886e38", "3.4028234663852886e38"),
		formatDouble: of("-"+double, double),
	}}
}

type values struct {
	texts []string
	set   map[string]struct{} // of texts, when there are many
	rest  *jsonwalk.Doc       // an array of the values that are not strings
}

type numbers struct {
	min, max, over, under, multiple *jsonwalk.Decimal // over and under exclude the bound

	quick    bool // the bounds are those of from and to, for integers
	from, to int64
}

type text struct {
	min, max int // code points; max is -1 when there is none
	pattern  *pattern
	format   format
}

type pattern struct {
	is, not *regexp.Regexp // not may be nil
	chain   chain          // the same as is, where there is one
	stencil *stencil       // the same as chain, where there is one
}

type object struct {
	props      []property
	index      map[string]int32 // into props, when there are many
	patterns   []patternProperty
	additional *Schema
	open       bool // additionalProperties is true or {}
	closes     bool // declares members: others are undeclared
	names      *Schema
	min, max   int
	required   []string
	dependent  []dependency
	// demanded is how many members of props a request and a reply must have:
	// readOnly ones are not demanded of a request, writeOnly ones not of a reply.
	demanded [2]int
	rest     *Schema // unevaluatedProperties
}

type property struct {
	name     string
	schema   *Schema // nil when it is only required
	required bool
}

type patternProperty struct {
	pattern *pattern
	schema  *Schema
}

type dependency struct {
	name  string
	needs []string
}

type array struct {
	prefix      []*Schema
	items       *Schema
	min, max    int
	unique      bool
	contains    *Schema
	least, most int
	rest        *Schema // unevaluatedItems
	bounded     bool    // maxItems is written
}

type inPlace struct {
	ref                 *Schema
	allOf, anyOf, oneOf []*Schema
	not, ifs, then, els *Schema
	dependent           []dependentSchema
}

type dependentSchema struct {
	name   string
	schema *Schema
}

// find returns the property of that name, or nil.
func (o *object) find(name []byte) *property {
	if o.index != nil {
		if i, ok := o.index[string(name)]; ok {
			return &o.props[i]
		}
		return nil
	}
	for i := range o.props {
		if o.props[i].name == string(name) {
			return &o.props[i]
		}
	}
	return nil
}

// Types returns the types that a value of the schema may have, as far as the
// schema and what it applies in place say so.
func (s *Schema) Types() Types { return s.typesWithin(16) }

func (s *Schema) typesWithin(depth int) Types {
	if s.never {
		return 0
	}
	t := s.types
	if s.inPlace == nil || depth == 0 {
		return t
	}
	if s.inPlace.ref != nil {
		t &= s.inPlace.ref.typesWithin(depth - 1)
	}
	for _, b := range s.inPlace.allOf {
		t &= b.typesWithin(depth - 1)
	}
	for _, list := range [...][]*Schema{s.inPlace.anyOf, s.inPlace.oneOf} {
		if len(list) == 0 {
			continue
		}
		var union Types
		for _, b := range list {
			union |= b.typesWithin(depth - 1)
		}
		t &= union
	}
	if s.orNull {
		t |= TypeNull
	}
	return t
}

// Properties returns the names of the members that the schema declares, those of
// the schemas it applies in place included.
func (s *Schema) Properties() []string {
	var names []string
	s.walkInPlace(16, func(b *Schema) {
		if b.object == nil {
			return
		}
		for _, p := range b.object.props {
			if p.schema != nil {
				names = append(names, p.name)
			}
		}
	})
	return names
}

// Property returns the schema of a declared member, or nil.
func (s *Schema) Property(name string) *Schema {
	var found *Schema
	s.walkInPlace(16, func(b *Schema) {
		if b.object == nil || found != nil {
			return
		}
		if p := b.object.find([]byte(name)); p != nil {
			found = p.schema
		}
	})
	return found
}

// Requires reports whether every object that the schema accepts has the member.
func (s *Schema) Requires(name string) bool { return s.requiresWithin(name, 16) }

func (s *Schema) requiresWithin(name string, depth int) bool {
	if s.object != nil {
		if p := s.object.find([]byte(name)); p != nil && p.required || slices.Contains(s.object.required, name) {
			return true
		}
	}
	if s.inPlace == nil || depth == 0 {
		return false
	}
	by := func(b *Schema) bool { return b.requiresWithin(name, depth-1) }
	if s.inPlace.ref != nil && by(s.inPlace.ref) || slices.ContainsFunc(s.inPlace.allOf, by) {
		return true
	}
	for _, list := range [...][]*Schema{s.inPlace.anyOf, s.inPlace.oneOf} {
		if len(list) > 0 && !slices.ContainsFunc(list, func(b *Schema) bool { return !by(b) }) {
			return true
		}
	}
	return false
}

// Items returns the schema of an array's elements, or nil.
func (s *Schema) Items() *Schema {
	var found *Schema
	s.walkInPlace(16, func(b *Schema) {
		if b.array != nil && found == nil {
			found = b.array.items
		}
	})
	return found
}

// Bounded reports whether the schema sets a greatest number.
func (s *Schema) Bounded() bool {
	bounded := false
	s.walkInPlace(16, func(b *Schema) {
		bounded = bounded || b.numbers != nil && (b.numbers.max != nil || b.numbers.under != nil) || b.enum != nil || b.konst != nil
	})
	return bounded
}

func (s *Schema) walkInPlace(depth int, f func(*Schema)) {
	f(s)
	if s.inPlace == nil || depth == 0 {
		return
	}
	if s.inPlace.ref != nil {
		s.inPlace.ref.walkInPlace(depth-1, f)
	}
	for _, list := range [...][]*Schema{s.inPlace.allOf, s.inPlace.anyOf, s.inPlace.oneOf} {
		for _, b := range list {
			b.walkInPlace(depth-1, f)
		}
	}
}
