package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// GraphType is a type of the GraphQL schema whose objects have a rule.
type GraphType struct {
	Name       string      // of the schema: "Order"
	Object     *Object     // what the configuration says of it
	Attributes []Attribute // its fields, with where they stand in what is read; owner and tenant among them
	Unmapped   []string    // fields that Cedar has no type for
}

// Has reports whether a key of the configuration, "objects.Order.owner", is of a type
// of the GraphQL schema.
func (g *Graph) Has(key string) bool {
	if g == nil {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(key, "objects."), ".")
	return slices.ContainsFunc(g.Types, func(t GraphType) bool { return t.Name == name })
}

// graphTypes settles what the types of the GraphQL schema are called. Where an object
// of the description has the name, Object follows it.
func (p *Policy) graphTypes(m Model, taken map[cedar.EntityType]string) (errs []error) {
	if m.Graph == nil {
		return nil
	}
	for _, g := range m.Graph.Types {
		t := &objectType{name: g.Name, called: strings.ToLower(g.Name[:1]) + g.Name[1:], typ: typeName(g.Name), object: g.Object, operations: map[Action][]string{}, graph: true, unmapped: g.Unmapped}
		if taken[t.typ] != "" || p.objects[t.called] != nil {
			t.typ, t.called = t.typ+"Object", t.called+"Object"
		}
		if other := taken[t.typ]; other != "" || p.objects[t.name] != nil || p.objects[t.called] != nil {
			errs = append(errs, &Fault{"objects." + g.Name, fmt.Sprintf("an object of the description and the type %s have one name in policies, %s", g.Name, t.typ), "another name for the object"})
			continue
		}
		taken[t.typ] = g.Name
		for _, a := range g.Attributes {
			a.path, _ = jsonwalk.CompilePath(a.At)
			t.attributes = append(t.attributes, a)
			if a.Name == ownerName {
				t.ownerBy = ownerAttribute
			}
		}
		slices.SortFunc(t.attributes, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
		if g.Object.Owner == "relations" {
			t.ownerBy = ownerRelation
		}
		if m.Relations != nil {
			t.relations = m.Relations.Relations(t.called)
		}
		p.objects[t.name] = t
	}
	p.names = slices.Sorted(maps.Keys(p.objects))
	return errs
}

// Kind returns what actions, relations and the map of owners call an object: a type
// Order of a GraphQL schema is an order.
func (p *Policy) Kind(object string) string {
	if t := p.objects[object]; t != nil {
		return t.called
	}
	return object
}
