package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// Model is everything that the configuration of one API says of authorization.
type Model struct {
	API        string
	Objects    map[string]*Object
	Roles      map[string][]string // by role: operationIds, "tag:NAME" or the beginning of an operationId with "*"
	Operations []Operation         // every operation of the description
	Principal  Claims              // claims of tokens that policies may read
	Zone       *time.Location      // of context.local; nil is UTC
	Sources    []cedar.Source      // hand-written policies
	Relations  *relations.Model    // whose types are called like the objects; nil where there are none
	Graph      *Graph              // nil for an API without a GraphQL schema
}

// Everybody is the role that every authenticated caller has.
const Everybody = "authenticated"

// Fault is something of a model that does not compile.
type Fault struct {
	Key  string // path of the key inside the API's block: "objects.order.allow"
	Says string // what is wrong
	Fix  string // what to write instead
}

// Error returns the fault on one line.
func (f *Fault) Error() string {
	return fmt.Sprintf("%s: %s; write: %s", f.Key, f.Says, f.Fix)
}

// Policy is a model compiled: a schema, policies, and what has to be known for
// each decision. It never changes; a new one takes its place.
type Policy struct {
	API       string
	Schema    cedar.Source     // in Cedar's syntax
	Generated cedar.Source     // the policies that the configuration stands for
	Sources   []cedar.Source   // the policies that were written by hand
	Relations *relations.Model // nil where there are none
	Zone      *time.Location

	set       *cedar.Set
	objects   map[string]*objectType
	names     []string // of objects, sorted
	claims    []Attribute
	origins   map[string]string // policy id -> key of the configuration
	templates map[templateKey]*Template
	byOp      map[string]*Template
	rest      []string // ids of the operations without object
	serial    int      // of the last template

	graph    *Graph
	fields   map[string]*Template // of who selects what policies name
	anyField *Template            // of who selects any other type or field
	named    map[string]*Template // of names of @policy
}

// objectType is what is known of one object's type.
type objectType struct {
	name       string
	called     string // by actions, relations and the map of owners
	typ        cedar.EntityType
	object     *Object
	param      string
	bases      []string
	operations map[Action][]string // operationIds by what they do
	attributes []Attribute
	unmapped   []string // members that Cedar has no type for
	relations  []string
	ownerBy    ownerBy
	graph      bool           // a type of the GraphQL schema
	replyID    *jsonwalk.Path // where a reply that holds the object has its id, or nil
}

// ownerBy says what an object's owner is known by.
type ownerBy uint8

const (
	ownerNowhere ownerBy = iota
	ownerAttribute
	ownerRelation
)

// Compile makes a policy of a model. The error holds *[Fault]s for what the
// configuration says, and [cedar.Errors] for what is written by hand.
func Compile(m Model) (*Policy, error) {
	p := &Policy{API: m.API, Sources: m.Sources, Relations: m.Relations, Zone: cmp.Or(m.Zone, time.UTC), origins: map[string]string{},
		objects: map[string]*objectType{}, templates: map[templateKey]*Template{}, byOp: map[string]*Template{},
		names: slices.Sorted(maps.Keys(m.Objects)), graph: m.Graph}
	if err := p.types(m); err != nil {
		return nil, err
	}
	p.Schema = cedar.Source{Name: m.API + ".cedarschema", Text: p.schema()}
	g := &generator{Policy: p, model: m}
	p.Generated = cedar.Source{Name: m.API + ".cedar", Text: g.all()}
	if len(g.faults) > 0 {
		return nil, errors.Join(g.faults...)
	}
	set, err := cedar.New(p.Schema, append([]cedar.Source{p.Generated}, m.Sources...)...)
	if err != nil {
		return nil, err
	}
	p.set = set
	if err := p.known(); err != nil {
		return nil, err
	}
	p.prepare()
	return p, nil
}

// types settles what every object's type is called and has.
func (p *Policy) types(m Model) error {
	var errs []error
	claims, err := m.Principal.attributes()
	errs = append(errs, err)
	p.claims = claims
	taken := map[cedar.EntityType]string{}
	touched := map[string]bool{}
	for _, name := range p.names {
		o := m.Objects[name]
		if o == nil {
			continue // the control reports it
		}
		t := newObjectType(name, o, m.Operations)
		if m.Relations != nil {
			t.relations = m.Relations.Relations(name)
		}
		if other, twice := taken[t.typ]; twice {
			errs = append(errs, &Fault{"objects." + name, fmt.Sprintf("%s and %s are both called %s in policies", other, name, t.typ), "names that differ in letters and digits"})
		}
		taken[t.typ] = name
		for _, ids := range t.operations {
			for _, id := range ids {
				touched[id] = true
			}
		}
		p.objects[name] = t
	}
	p.names = slices.Sorted(maps.Keys(p.objects))
	for _, op := range m.Operations {
		if touched[op.ID()] {
			continue
		}
		p.rest = append(p.rest, op.ID())
		if object, action, dotted := strings.Cut(op.ID(), "."); p.objects[op.ID()] != nil || dotted && p.objects[object] != nil && ActionOf(action) != None {
			errs = append(errs, &Fault{"objects", "the operation " + op.ID() + " is called in policies like an action on an object", "another name for the object"})
		}
	}
	errs = append(errs, p.graphTypes(m, taken)...)
	return errors.Join(append(errs, p.unlike()...)...)
}

// unlike refuses operations that are called in policies as what the GraphQL schema
// adds is.
func (p *Policy) unlike() (errs []error) {
	if p.graph == nil {
		return nil
	}
	taken := map[string]string{selectAction: "selecting a field"}
	for _, name := range p.graph.names() {
		taken[policyPrefix+name] = "the policy " + name
	}
	for _, id := range p.rest {
		if what := taken[id]; what != "" {
			errs = append(errs, &Fault{"graphql", "the operation " + id + " is called in policies as " + what + " is", "another operationId"})
		}
	}
	for _, name := range p.names {
		for a := Read; a <= Create; a++ {
			if what := taken[p.objects[name].action(a)]; what != "" {
				errs = append(errs, &Fault{"graphql", a.String() + " " + name + " is called in policies as " + what + " is", "another name in @policy"})
			}
		}
	}
	return errs
}

// known refuses policies that read facts which nobody can bring: an owner is
// known by name alone.
func (p *Policy) known() error {
	var errs []error
	for _, action := range p.set.Actions() {
		for _, typ := range p.set.Resources(action) {
			reads := p.set.Rules(action, typ).Reads()
			for _, path := range reads.Resource {
				if rest, ok := strings.CutPrefix(path, ownerName+"."); ok {
					errs = append(errs, &Fault{"policies", fmt.Sprintf("a policy for %s reads resource.owner.%s, and of an owner only the name is known", action.ID, rest), "resource.owner == principal"})
				}
			}
		}
	}
	return errors.Join(append(errs, p.graphKnown()...)...)
}

// Set returns the compiled policies.
func (p *Policy) Set() *cedar.Set { return p.set }

// Claims returns the names of the claims that policies may read, sorted.
func (p *Policy) Claims() (names []string) {
	for _, a := range p.claims {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

// Objects returns the names of the objects, sorted.
func (p *Policy) Objects() []string { return slices.Clone(p.names) }

// Origin returns the key of the configuration that a generated policy stands
// for, as "objects.order.allow.owner", or "" for a policy written by hand.
func (p *Policy) Origin(id string) string { return p.origins[id] }
