package policy

import (
	"slices"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// templateKey is what a template is for.
type templateKey struct {
	object string // "" where there is none
	action string
}

// Template is what has to be known for a decision on one action: it is made at
// load, from what the policies that can speak of it read.
type Template struct {
	// Object is the name of the object, "" for an operation without one.
	Object string
	// Action is what is done to the object; [None] for an operation without one.
	Action Action
	// Name is the action as policies call it: "order.read", or an operationId.
	Name string
	// Spoken reports whether a policy speaks that was written by hand or reads a
	// relation. Where none does, comparing owner, tenant, roles and scopes with the
	// caller gives the same decision.
	Spoken bool
	// Attributes are those of the object that have to be known.
	Attributes []Attribute
	// Relations are those that policies ask for.
	Relations []string
	// ByID reports whether a policy asks which object it is: for its relations, or as
	// in `resource == Order::"1"`. Then nothing is decided on one whose id is not known,
	// but on one that is about to be made.
	ByID bool
	// ReplyID is where a reply that holds the object has its id, or nil.
	ReplyID *jsonwalk.Path

	policy  *Policy
	serial  int // among the policy's templates
	typ     cedar.EntityType
	action  cedar.EntityUID
	rules   *cedar.Rules
	scene   *bundle.Scene
	related []string // the relations that the schema has, where some policy speaks of them
	holds   bool     // some policy asks which names of @policy hold
}

// prepare makes the templates.
func (p *Policy) prepare() {
	for _, name := range p.names {
		o := p.objects[name]
		for a := Read; a <= Create; a++ {
			t := p.template(o.action(a), o.typ, o)
			t.Object, t.Action = name, a
			t.Attributes = slices.DeleteFunc(slices.Clone(o.attributes), func(a Attribute) bool { return !t.mentions(a.Name) })
			for i := range t.Attributes {
				if m := &t.Attributes[i]; o.graph { // what nobody reads is not asked for
					m.Members = slices.DeleteFunc(slices.Clone(m.Members), func(a Attribute) bool { return !t.mentions(a.Name) })
				}
			}
			p.templates[templateKey{name, a.String()}] = t
			for _, id := range o.operations[a] {
				if p.byOp[id] == nil {
					p.byOp[id] = t
				}
			}
		}
	}
	for _, id := range p.rest {
		p.byOp[id] = p.template(id, apiType, nil)
	}
	p.graphTemplates()
}

func (p *Policy) template(name string, typ cedar.EntityType, o *objectType) *Template {
	return p.ruled(name, typ, p.set.Rules(cedar.NewEntityUID(actionType, cedar.String(name)), typ), o)
}

func (p *Policy) ruled(name string, typ cedar.EntityType, rules *cedar.Rules, o *objectType) *Template {
	p.serial++
	t := &Template{Name: name, policy: p, serial: p.serial, typ: typ, action: cedar.NewEntityUID(actionType, cedar.String(name)), rules: rules}
	reads := t.rules.Reads()
	t.scene = bundle.NewScene(reads, p.Zone)
	if o != nil {
		t.Relations = reads.Relations
		if t.scene.Needs("rel") {
			t.related = o.relations
		}
		if slices.Contains(reads.Context, "") || slices.Contains(reads.Context, "rel") {
			t.Relations = o.relations // the record is read as a whole
		}
		t.ByID, t.ReplyID = len(t.Relations) > 0 || reads.Itself, o.replyID
	}
	t.Spoken = len(t.Relations) > 0 || slices.ContainsFunc(t.rules.Policies(), func(r *cedar.Policy) bool { return p.origins[r.ID] == "" })
	return t
}

// mentions reports whether a policy speaks of an attribute of that name, of
// whatever: facts are held to the schema for all of them.
func (t *Template) mentions(name string) bool {
	return slices.Contains(t.rules.Reads().Names, name)
}

// Template returns what has to be known for an action on an object, or nil where
// there is no such object.
func (p *Policy) Template(object string, a Action) *Template {
	return p.templates[templateKey{object, a.String()}]
}

// Operation returns what has to be known for an operation of the description, or
// nil where there is no such operation. Where several objects cover one, it is
// that of the first.
func (p *Policy) Operation(id string) *Template { return p.byOp[id] }

// NeedsObject reports whether the object itself has to be read: something of its
// members is asked for, beside what the path names.
func (t *Template) NeedsObject() bool {
	return slices.ContainsFunc(t.Attributes, func(a Attribute) bool { return a.path != nil })
}

// OperationOf returns the first operation that does something to an object, or "".
func (p *Policy) OperationOf(object string, a Action) string {
	if o := p.objects[object]; o != nil && o.graph {
		return p.graph.Operation
	}
	if o := p.objects[object]; o != nil && len(o.operations[a]) > 0 {
		return o.operations[a][0]
	}
	return ""
}

// Policies returns those that can speak of the action.
func (t *Template) Policies() []*cedar.Policy { return t.rules.Policies() }
