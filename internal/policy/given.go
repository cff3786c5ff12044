package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// Given is an object that somebody made up: for tests of policies, and for
// questions to them.
type Given struct {
	record map[string]cedar.Value
	owner  string
}

// Owner returns the id of the object's owner, or "".
func (g *Given) Owner() string { return g.owner }

// Value returns an attribute as Cedar writes it, or "" where there is none.
func (g *Given) Value(name string) string {
	if v := g.record[name]; v != nil {
		return string(v.MarshalCedar())
	}
	return ""
}

// Attribute returns an attribute's value, or nil where there is none.
func (g *Given) Attribute(name string) cedar.Value { return g.record[name] }

// With returns an object that is like g but for one attribute, which is what the text
// says: an id, a text, a number, true or false. What stands in the same place of the
// reply is that, too. A text that is none of the attribute's type changes nothing.
func (p *Policy) With(object string, g *Given, name, text string) *Given {
	return p.changed(object, g, name, func(a *Attribute) (v cedar.Value, ok bool) {
		switch a.Type {
		case TypeString, TypeUser:
			return named(a.Type, text), true
		case TypeLong:
			n, err := strconv.ParseInt(text, 10, 64)
			return cedar.Long(n), err == nil
		case TypeBool:
			b, err := strconv.ParseBool(text)
			return cedar.Boolean(b), err == nil
		}
		return nil, false
	})
}

// Without returns an object that is like g and lacks one attribute, and whatever else
// stands in the same place of the reply.
func (p *Policy) Without(object string, g *Given, name string) *Given {
	return p.changed(object, g, name, func(*Attribute) (cedar.Value, bool) { return nil, true })
}

// changed copies an object and changes what stands in one place.
func (p *Policy) changed(object string, g *Given, name string, to func(*Attribute) (cedar.Value, bool)) *Given {
	out := &Given{record: maps.Clone(g.record), owner: g.owner}
	t := p.objects[object]
	if t == nil || t.attribute(name) == nil {
		return out
	}
	from := t.attribute(name).From
	for i := range t.attributes {
		a := &t.attributes[i]
		v, ok := to(a)
		switch {
		case !ok || a.Name != name && a.From != from:
			continue
		case v == nil:
			delete(out.record, a.Name)
		default:
			out.record[a.Name] = v
		}
		if a.Name == ownerName {
			id, _ := v.(cedar.EntityUID)
			out.owner = string(id.ID)
		}
	}
	return out
}

// Called returns what the object's own attributes say that it is called by: what stands
// where requests name it, or else its id. It is "" where none says so.
func (p *Policy) Called(object string, g *Given) (id string) {
	for _, a := range p.calling(object) {
		if id != "" && a.Name == "id" {
			continue
		}
		switch v := g.record[a.Name].(type) {
		case cedar.String:
			id = string(v)
		case cedar.EntityUID:
			id = string(v.ID)
		case cedar.Long:
			id = strconv.FormatInt(int64(v), 10)
		}
	}
	return id
}

// Call returns an object that is like g, and called by the id in every attribute that
// says so.
func (p *Policy) Call(object string, g *Given, id string) *Given {
	for _, a := range p.calling(object) {
		g = p.With(object, g, a.Name, id)
	}
	return g
}

// calling are the attributes that an object is called by.
func (p *Policy) calling(object string) (list []Attribute) {
	t := p.objects[object]
	for _, a := range t.attributes {
		if a.Name == "id" || a.From == t.object.ID {
			list = append(list, a)
		}
	}
	return list
}

// Give makes an object of its attributes as JSON, by the names that they have in
// policies: {"owner": "alice", "tenant": "acme"}. A member that an owner or a tenant
// stands in may be named in its place. An error says which attribute is wrong.
func (p *Policy) Give(object string, attributes []byte) (*Given, error) {
	t := p.objects[object]
	if t == nil {
		return nil, fmt.Errorf("there is no object %q; one of: %s", object, strings.Join(p.names, ", "))
	}
	var d jsonwalk.Doc
	if err := d.Parse(attributes, jsonwalk.Limits{}); err != nil || d.Kind(0) != jsonwalk.Object {
		return nil, fmt.Errorf("expected a block of attributes, as {owner: alice}")
	}
	g := &Given{record: map[string]cedar.Value{}}
	for c, end := 1, d.Next(0); c < end; c = d.Next(c) {
		name := string(d.Name(c))
		if t.attribute(name) == nil {
			return nil, t.unknown(name)
		}
		from := t.attribute(name).From
		for i := range t.attributes {
			a := &t.attributes[i]
			if a.Name != name && (a.From != from || d.Member(0, a.Name) != jsonwalk.Missing) {
				continue // what stands in the same place has the same value
			}
			v, ok, err := a.value(&d, c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if ok {
				g.record[a.Name] = v
			}
		}
	}
	if id, ok := g.record[ownerName].(cedar.EntityUID); ok {
		g.owner = string(id.ID)
	}
	return g, nil
}

func (t *objectType) unknown(name string) error {
	var names []string
	for _, a := range t.attributes {
		names = append(names, a.Name)
	}
	fix := "one of: " + strings.Join(names, ", ")
	if near := words.Nearest(name, names); near != "" {
		fix = near
	}
	return fmt.Errorf("policies know no %s of an %s; write: %s", name, t.typ, fix)
}

// Stranger makes an object of an owner and a tenant about which nothing else is
// remarkable: texts are empty, numbers 0, and nothing is true.
func (p *Policy) Stranger(object, owner, tenant string) *Given {
	g := &Given{record: map[string]cedar.Value{}, owner: owner}
	t := p.objects[object]
	for _, a := range t.attributes {
		if v := a.plain(); a.Required {
			g.record[a.Name] = v
		}
	}
	if t.ownerBy == ownerAttribute {
		g = p.With(object, g, ownerName, owner)
	}
	if t.object.Tenant != "" {
		g = p.With(object, g, tenantName, tenant)
	}
	return g
}

// plain is the unremarkable value of a type.
func (a *Attribute) plain() cedar.Value {
	switch a.Type {
	case TypeLong:
		return cedar.Long(0)
	case TypeBool:
		return cedar.Boolean(false)
	case TypeStrings, TypeLongs:
		return cedar.NewValueSet()
	case TypeUser:
		return named(TypeUser, "")
	case TypeRecord:
		m := cedar.RecordMap{}
		for _, b := range a.Members {
			if b.Required {
				m[cedar.String(b.Name)] = b.plain()
			}
		}
		return cedar.NewRecord(m)
	}
	return cedar.String("")
}

// Walled reports whether no role and no policy lets a caller of another tenant
// reach the object.
func (p *Policy) Walled(object string) bool {
	return slices.ContainsFunc(p.set.Policies(), func(r *cedar.Policy) bool { return r.ID == p.API+"."+object+"."+tenantName })
}

// given is what is known of an object that somebody made up.
func (f *Facts) given() cedar.Record {
	m := cedar.RecordMap{}
	for name, v := range f.Given.record {
		m[cedar.String(name)] = v
	}
	if f.template.Action == Create {
		for _, name := range [...]string{ownerName, tenantName} {
			if v := f.unsaid(name); m[cedar.String(name)] == nil && f.template.has(name) {
				m[cedar.String(name)] = v
			}
		}
	}
	return cedar.NewRecord(m)
}

func (t *Template) has(name string) bool {
	return slices.ContainsFunc(t.Attributes, func(a Attribute) bool { return a.Name == name })
}

// DemandedScopes returns every scope that some action demands, sorted.
func (p *Policy) DemandedScopes() (list []string) {
	for _, t := range p.objects {
		for _, scope := range t.object.Scopes {
			list = append(list, scope)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// PlainClaim returns an unremarkable value of a declared claim, as JSON.
func (p *Policy) PlainClaim(name string) (json string, ok bool) {
	for _, c := range p.claims {
		if c.Name == name {
			return map[Type]string{TypeString: `""`, TypeLong: "0", TypeBool: "false", TypeStrings: "[]", TypeLongs: "[]"}[c.Type], true
		}
	}
	return "", false
}
