package policy

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// The types that every schema has.
const (
	userType                     = bundle.User
	serviceType                  = bundle.Service
	apiType     cedar.EntityType = "Api"
	actionType  cedar.EntityType = "Action"
)

// reserved are names of types that an object cannot have.
var reserved = []string{string(userType), string(serviceType), string(apiType), string(actionType), "Field",
	"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String"}

// typeName returns the name of an object's type in policies: purchase-order is a
// PurchaseOrder. A name that is taken is followed by Object.
func typeName(object string) cedar.EntityType {
	var b strings.Builder
	for _, w := range words.Of(object) {
		for i, r := range w {
			switch {
			case r >= 'a' && r <= 'z' && i == 0:
				b.WriteRune(r - 'a' + 'A')
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && b.Len() > 0:
				b.WriteRune(r)
			default:
				b.WriteByte('_')
			}
		}
	}
	name := b.String()
	if name == "" || slices.Contains(reserved, name) {
		name += "Object"
	}
	return cedar.EntityType(name)
}

func newObjectType(name string, o *Object, all []Operation) *objectType {
	t := &objectType{name: name, called: name, typ: typeName(name), object: o, operations: map[Action][]string{}}
	t.param, _ = strings.CutPrefix(o.ID, "path.")
	if strings.HasPrefix(o.ID, "path.") {
		t.bases = Bases(o, all, t.param)
	}
	for _, op := range all {
		if a := o.ActionIn(op, t.param, t.bases); a != None {
			t.operations[a] = append(t.operations[a], op.ID())
		}
	}
	s := t.schemaIn(all)
	if s != nil {
		t.attributes, t.unmapped = described(s, "response", 0)
	}
	t.replyID = t.idInReply(s)
	if a, ok := t.placed(tenantName, TypeString, o.Tenant, s, all); ok {
		t.set(a)
	}
	switch a, ok := t.placed(ownerName, TypeUser, o.Owner, s, all); {
	case o.Owner == "relations":
		t.ownerBy = ownerRelation
	case ok:
		t.ownerBy = ownerAttribute
		t.set(a)
	}
	return t
}

// idInReply finds where a reply that holds the object has its id, or nil.
func (t *objectType) idInReply(s *openapi.Schema) *jsonwalk.Path {
	said := []string{t.object.ReplyID}
	if c := t.object.Create; c != nil {
		said = append(said, c.Learn)
	}
	for _, text := range said {
		// What is no place is for the control to report; many are those of a batch.
		rest, ok := strings.CutPrefix(text, "response.")
		if p, err := jsonwalk.CompilePath(rest); ok && err == nil && rest != "" && !p.Many() {
			return p
		}
	}
	if s == nil {
		return nil
	}
	found := ""
	for _, name := range s.Properties() {
		if t.param != "" && slices.Equal(words.Of(name), words.Of(t.param)) {
			found = name
			break
		}
		if name == "id" {
			found = name
		}
	}
	if found == "" {
		return nil
	}
	if id := s.Property(found).Types(); id&^(openapi.TypeString|openapi.TypeInteger) != 0 {
		return nil
	}
	p, err := jsonwalk.CompilePath(found)
	if err != nil || p.Many() {
		return nil
	}
	return p
}

// schemaIn returns the schema of the object as the operation that reads it
// answers, or nil.
func (t *objectType) schemaIn(all []Operation) *openapi.Schema {
	var reader Operation
	for _, base := range t.bases {
		if op, ok := Reader(t.object, all, base); ok {
			reader = op
			break
		}
	}
	for _, op := range all {
		if reader == nil && slices.Contains(t.object.Operations["read"], op.ID()) {
			reader = op
		}
	}
	described, ok := reader.(*openapi.Operation)
	if !ok {
		return nil
	}
	r := described.Response(200)
	if r == nil {
		return nil
	}
	m := openapi.Match(r.Content, "application/json")
	if m == nil {
		return nil
	}
	return m.Schema
}

// placed makes the attribute that stands where the configuration says.
func (t *objectType) placed(name string, typ Type, from string, s *openapi.Schema, all []Operation) (Attribute, bool) {
	a := Attribute{Name: name, Type: typ, From: from}
	if from == "owners" {
		a.Required = true // an object that the map does not know is refused before
		return a, true
	}
	if param, ok := strings.CutPrefix(from, "path."); ok && param != "" {
		a.param, a.Required = param, !slices.ContainsFunc(all, func(op Operation) bool {
			return t.touches(op) && !strings.Contains(op.Template(), "{"+param+"}")
		})
		return a, true
	}
	text, ok := strings.CutPrefix(from, "response.")
	path, err := jsonwalk.CompilePath(text)
	if !ok || err != nil || text == "" || path.Many() {
		return a, false // the control reports it
	}
	a.path, a.Required = path, s != nil
	for _, step := range path.Steps() {
		if s == nil {
			a.Required = false
			break
		}
		member := s.Property(step)
		a.Required = a.Required && s.Requires(step) && (member == nil || member.Types()&openapi.TypeNull == 0)
		s = member
	}
	return a, true
}

func (t *objectType) touches(op Operation) bool {
	for _, ids := range t.operations {
		if slices.Contains(ids, op.ID()) {
			return true
		}
	}
	return false
}

// set puts an attribute in the place of one that has its name.
func (t *objectType) set(a Attribute) {
	t.attributes = slices.DeleteFunc(t.attributes, func(b Attribute) bool { return b.Name == a.Name })
	t.unmapped = slices.DeleteFunc(t.unmapped, func(n string) bool { return n == a.Name })
	t.attributes = append(t.attributes, a)
	slices.SortFunc(t.attributes, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
}

// attribute returns the attribute of that name, or nil.
func (t *objectType) attribute(name string) *Attribute {
	for i := range t.attributes {
		if t.attributes[i].Name == name {
			return &t.attributes[i]
		}
	}
	return nil
}
