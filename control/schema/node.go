package schema

import "github.com/gatehouse-api/gatehouse/internal/openapi"

// shape is how one text becomes a value.
type shape uint8

const (
	scalar shape = iota
	array
	object
	document // a JSON document
)

// node is what reading texts must know of a schema: which kinds of values they
// stand for, below which names.
type node struct {
	schema  *openapi.Schema // nil accepts any text within bounds
	types   openapi.Types
	shape   shape // of a value that is one text
	items   *node // of an array's elements
	members map[string]*node
	others  *node // of members without a name of their own
	open    bool  // the description speaks of such members
}

// anyText is the node of what nobody describes.
var anyText = &node{types: openapi.TypeString}

// nodes makes nodes, one for each schema: schemas may be circular.
type nodes map[*openapi.Schema]*node

func (m nodes) of(s *openapi.Schema) *node {
	if s == nil {
		return anyText
	}
	if n := m[s]; n != nil {
		return n
	}
	n := &node{schema: s, types: s.Types()}
	m[s] = n
	// Text that may also be a list is read as text: nothing is split.
	switch {
	case n.types&(openapi.TypeArray|openapi.TypeObject) == 0 || n.types&openapi.TypeString != 0:
		n.shape = scalar
	case n.types&openapi.TypeArray != 0:
		n.shape = array
	default:
		n.shape = object
	}
	if n.holds(openapi.TypeArray) {
		n.items = m.of(s.Items())
	}
	if n.holds(openapi.TypeObject) {
		names := s.Properties()
		n.members = make(map[string]*node, len(names))
		for _, name := range names {
			n.members[name] = m.of(s.Property(name))
		}
		n.others, n.open = m.of(s.Others()), s.Others() != nil
	}
	return n
}

// holds reports whether a value may be of one of the types.
func (n *node) holds(t openapi.Types) bool { return n.types&t != 0 }

// member returns the node of a member.
func (n *node) member(name []byte) *node {
	switch m := n.members[string(name)]; {
	case m != nil:
		return m
	case n.others != nil:
		return n.others
	}
	return anyText
}

// element returns the node of an array's elements.
func (n *node) element() *node {
	if n.items == nil {
		return anyText
	}
	return n.items
}
