package policy

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// Type is the type of an attribute.
type Type uint8

// The types. The zero value is none.
const (
	TypeNone Type = iota
	TypeString
	TypeLong
	TypeBool
	TypeStrings // Set<String>
	TypeLongs   // Set<Long>
	TypeUser    // a principal of the type User
	TypeRecord  // members of its own
)

var typeNames = [...]string{"", "String", "Long", "Bool", "Set<String>", "Set<Long>", string(userType), "{}"}

// String returns the type as a schema has it, and "{}" for every record.
func (t Type) String() string { return typeNames[min(int(t), len(typeNames)-1)] }

// cedar returns the type as policies know it. Those of entities and records are made
// otherwise.
func (t Type) cedar() cedar.Type {
	switch t {
	case TypeString:
		return cedar.Type{Kind: cedar.KindString}
	case TypeLong:
		return cedar.Type{Kind: cedar.KindLong}
	case TypeBool:
		return cedar.Type{Kind: cedar.KindBool}
	case TypeStrings:
		return cedar.Type{Kind: cedar.KindSet, Element: &cedar.Type{Kind: cedar.KindString}}
	case TypeLongs:
		return cedar.Type{Kind: cedar.KindSet, Element: &cedar.Type{Kind: cedar.KindLong}}
	}
	return cedar.Type{}
}

// Attribute is one attribute of a principal or of a resource, and where its value
// comes from.
type Attribute struct {
	Name     string
	Type     Type
	Required bool
	From     string      // "response.customer_id", "path.userId" or "token.region"
	Members  []Attribute // of a record
	// At is where the value stands in what is read, "gatehouse_owner_Order.id", where
	// that is not where From says.
	At string

	param string         // the parameter of the path
	path  *jsonwalk.Path // in the object
}

// The attributes that an object has by what its configuration says.
const (
	ownerName  = "owner"
	tenantName = "tenant"
)

// maxDepth is how deep records go.
const maxDepth = 3

// described makes attributes of what a schema declares of an object's members,
// and returns the names of those that Cedar has no type for.
func described(s *openapi.Schema, from string, depth int) (list []Attribute, unmapped []string) {
	names := s.Properties()
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		member := s.Property(name)
		if member == nil || strings.ContainsAny(name, ".[]") || name == "" {
			unmapped = append(unmapped, name)
			continue
		}
		a := Attribute{Name: name, From: from + "." + name, Type: typeOf(member), Required: s.Requires(name) && member.Types()&openapi.TypeNull == 0}
		if a.Type == TypeRecord && depth < maxDepth {
			a.Members, _ = described(member, a.From, depth+1)
		}
		if a.Type == TypeNone || a.Type == TypeRecord && len(a.Members) == 0 {
			unmapped = append(unmapped, name)
			continue
		}
		a.path, _ = jsonwalk.CompilePath(name)
		list = append(list, a)
	}
	return list, unmapped
}

// typeOf returns the type of Cedar's for the values of a schema, or none.
func typeOf(s *openapi.Schema) Type {
	switch s.Types() &^ openapi.TypeNull {
	case openapi.TypeString:
		return TypeString
	case openapi.TypeInteger:
		return TypeLong
	case openapi.TypeBoolean:
		return TypeBool
	case openapi.TypeObject:
		return TypeRecord
	case openapi.TypeArray:
		items := s.Items()
		if items == nil {
			return TypeNone
		}
		switch typeOf(items) {
		case TypeString:
			return TypeStrings
		case TypeLong:
			return TypeLongs
		}
	}
	return TypeNone
}
