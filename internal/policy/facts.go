package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Facts are what one decision is made from. They are used by one goroutine.
type Facts struct {
	Subject *Subject
	// ID names the object as the request does.
	ID string
	// Doc holds the object at Node: what the upstream says of it, or what a request
	// makes of it. Nil where it has not been read.
	Doc  *jsonwalk.Doc
	Node int
	// Given is what is known of the object in place of Doc, Owner and Path; for tests
	// and questions.
	Given *Given
	// Owner and Tenant are those that a map of owners knows, for objects of such a map.
	Owner, Tenant string
	// Mapped says that they stand for the owner and the tenant of any object, wherever
	// the object itself has them, and that nothing else of it is known.
	Mapped bool
	// Path has the parameters of the request's path; nil where there is none.
	Path interface {
		Param(name string) (string, bool)
	}
	// At is when it is asked, Address from where, Operation by which operationId.
	At        time.Time
	Address   netip.Addr
	Operation string
	// Holds are the names of @policy that hold for the caller; [Policy.Select] finds
	// them out.
	Holds []string
	// Related reports whether the caller has the relation to the object. An error is
	// no decision, and denies.
	Related func(relation string) (bool, error)

	template *Template
	resource cedar.Entity
	built    bool
	facts    []byte // as they stood, where the subject may keep what is made of them
	space    [mostStood]byte
}

// errUnnamed is returned for an object that policies know by its id.
var errUnnamed = errors.New("policy: a policy asks which object it is, and its id is not known")

// errUnseen is returned for an object whose members are asked for and that nobody
// has read.
var errUnseen = errors.New("policy: the object has not been read")

// Decide asks the policies. Everything that cannot be found out denies, and
// Decision.Err says so.
func (t *Template) Decide(f *Facts) cedar.Decision {
	q := cedar.Request{Principal: f.Subject.entity.UID, Action: t.action, Resource: cedar.NewEntityUID(t.typ, cedar.String(f.ID))}
	f.about(t)
	if t.typ == apiType {
		q.Resource.ID = cedar.String(t.policy.API)
	}
	if t.ByID && f.ID == "" && t.Action != Create {
		return cedar.Undecided(errUnnamed)
	}
	context, err := t.contextOf(f)
	if err != nil {
		return cedar.Undecided(err)
	}
	q.Context = context.Record
	d := t.rules.Decide(q, f)
	if d.Allowed && len(f.facts) > 0 {
		k := f.Subject.knows(t)
		k.facts, k.attributes = string(f.facts), f.resource.Attributes
		f.Subject.learn(k)
	}
	return d
}

// about begins a decision.
func (f *Facts) about(t *Template) { f.template, f.built, f.facts = t, false, nil }

// Entity implements [cedar.Entities].
func (f *Facts) Entity(uid cedar.EntityUID) (cedar.Entity, bool, error) {
	switch {
	case uid == f.Subject.entity.UID:
		return f.Subject.entity, true, nil
	case uid.Type != f.template.typ:
		return cedar.Entity{}, false, nil
	}
	if !f.built {
		attributes, err := f.alike()
		if err != nil {
			return cedar.Entity{}, false, err
		}
		f.resource, f.built = cedar.Entity{UID: uid, Attributes: attributes}, true
	}
	return f.resource, true, nil
}

// alike returns the object's attributes: those of the caller's last object, where the
// same facts stand in this one.
func (f *Facts) alike() (cedar.Record, error) {
	stood, whole := f.stood(f.space[:0])
	if !whole {
		return f.attributes()
	}
	if k := f.Subject.knows(f.template); k.facts == string(stood) && len(stood) > 0 {
		return k.attributes, nil
	}
	f.facts = stood
	return f.attributes()
}

func (f *Facts) attributes() (cedar.Record, error) {
	if f.Given != nil {
		return f.given(), nil
	}
	m := make(cedar.RecordMap, len(f.template.Attributes))
	for i := range f.template.Attributes {
		a := &f.template.Attributes[i]
		v, ok, err := f.attribute(a)
		if err != nil {
			return cedar.Record{}, fmt.Errorf("policy: %s: %w", a.From, err)
		}
		if ok {
			m[cedar.String(a.Name)] = v
		}
	}
	return cedar.NewRecord(m), nil
}

// attribute returns one attribute's value, and false where there is none.
func (f *Facts) attribute(a *Attribute) (v cedar.Value, ok bool, err error) {
	switch {
	case f.Mapped && a.Name == ownerName:
		return named(TypeUser, f.Owner), true, nil
	case f.Mapped && a.Name == tenantName:
		return cedar.String(f.Tenant), true, nil
	case f.Mapped:
		return nil, false, errUnseen
	case a.From == "owners":
		if kept := f.kept(a); kept != "" {
			return named(a.Type, kept), true, nil
		}
	case a.param != "":
		if f.Path != nil {
			if text, found := f.Path.Param(a.param); found {
				return named(a.Type, strings.Clone(text)), true, nil // it may be kept
			}
		}
	case f.Doc == nil && f.template.Action != Create:
		return nil, false, errUnseen
	case f.Doc != nil:
		i := a.path.Find(f.Doc, f.Node)
		if i != jsonwalk.Missing && f.template.Action == Create && f.Doc.Kind(i) == jsonwalk.Null && (a.Name == ownerName || a.Name == tenantName) {
			return named(a.Type, ""), true, nil // made for nobody, which is not the caller
		}
		if i != jsonwalk.Missing {
			return a.value(f.Doc, i)
		}
	}
	if f.template.Action == Create {
		v = f.unsaid(a.Name)
	}
	return v, v != nil, nil
}

// kept is what a map of owners knows of an attribute.
func (f *Facts) kept(a *Attribute) string {
	if a.Name == tenantName {
		return f.Tenant
	}
	return f.Owner
}

// unsaid is what a creation does not say: it is the caller's. Nobody makes an
// object for somebody else by saying nothing.
func (f *Facts) unsaid(name string) cedar.Value {
	switch {
	case name == ownerName && f.Subject.entity.UID.Type == userType:
		return f.Subject.entity.UID
	case name == ownerName:
		return named(TypeUser, "") // a client owns nothing
	case name == tenantName:
		return cedar.String(f.Subject.tenant)
	}
	return nil
}

// named makes the value of an owner or a tenant of its id.
func named(t Type, id string) cedar.Value {
	if t == TypeUser {
		return cedar.NewEntityUID(userType, cedar.String(id))
	}
	return cedar.String(id)
}

// value makes a value of Cedar's of node i. Null is no value.
func (a *Attribute) value(d *jsonwalk.Doc, i int) (cedar.Value, bool, error) {
	if i == jsonwalk.Missing || d.Kind(i) == jsonwalk.Null {
		return nil, false, nil
	}
	kind := d.Kind(i)
	if a.Type == TypeUser || a.Name == tenantName && a.Type == TypeString {
		// Ids are compared by their text, numbers by their digits.
		if kind != jsonwalk.String && kind != jsonwalk.Number {
			return nil, false, fmt.Errorf("expected an id: %w", bundle.ErrType)
		}
		return named(a.Type, string(d.Text(i))), true, nil
	}
	if a.Type == TypeRecord {
		if kind != jsonwalk.Object {
			return nil, false, fmt.Errorf("expected %s: %w", a.Type, bundle.ErrType)
		}
		return a.record(d, i)
	}
	v, err := bundle.Value(d, i, a.Type.cedar())
	return v, v != nil, err
}

func (a *Attribute) record(d *jsonwalk.Doc, i int) (cedar.Value, bool, error) {
	m := make(cedar.RecordMap, len(a.Members))
	for k := range a.Members {
		b := &a.Members[k]
		v, ok, err := b.value(d, d.Member(i, b.Name))
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", b.Name, err)
		}
		if ok {
			m[cedar.String(b.Name)] = v
		}
	}
	return cedar.NewRecord(m), true, nil
}
