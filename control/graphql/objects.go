package graphql

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Object says whose the objects of one type of the schema are.
type Object struct {
	// Owner is the field that holds the owner's id: "response.customer.id". It must
	// equal the caller's id. "relations" is whoever has the relation owner.
	Owner string `yaml:"owner"`
	// Tenant is the field that holds the tenant's id, likewise. No role crosses it.
	Tenant string `yaml:"tenant"`
	// ID is the argument by which fields name one: "args.id", which is the default for
	// the field that Lookup is.
	ID string `yaml:"id"`
	// Operations holds fields by what they do to an object that an argument names:
	// {update: [Mutation.cancelOrder], delete: ["Mutation.drop(input.orderId)"]}. What is
	// left out follows from the schema.
	Operations map[string][]string `yaml:"operations"`
	// Before is how the owner is known before something is done: lookup (default) asks
	// the upstream by the field Lookup, owners asks our own map.
	Before string `yaml:"before"`
	// Lookup is the field of the query type that reads one object by its id. Left out,
	// the one there is.
	Lookup string `yaml:"lookup"`
	// Allow holds what is allowed, by who: "owner", "role:NAME" or "relation:NAME". Left
	// out, the owner may read and update.
	Allow map[string][]string `yaml:"allow"`
	// OnDeny is the status of a refusal: 403, or 404, with which an object of somebody
	// else is null as one that does not exist. Default 403.
	OnDeny int `yaml:"on_deny"`
	// OnForeign says what becomes of others' elements in lists: deny (default) or drop.
	OnForeign string `yaml:"on_foreign"`
	// ReplyID is the field of an object that holds its id, where policies, relations or
	// our own map ask which one it is: "response.number". Left out, response.id.
	ReplyID string `yaml:"reply_id"`
	// Create says how objects are made: operation, "Mutation.make", where that does not
	// follow from the schema, and learn, "response.id", the field of a new object that
	// names it: the caller is put into our own map as its owner before the reply leaves.
	Create *policy.Creation `yaml:"create"`
	// Table is where the application keeps these objects, for its SQL.
	Table *policy.Table `yaml:"table"`
}

// action is what is done to an object.
type action uint8

const (
	read action = iota
	update
	remove
	create
	actions
)

var actionNames = [actions]string{"read", "update", "delete", "create"}

// rule is what is demanded of the objects of one type.
type rule struct {
	of            *typ
	kind          string // as the map of owners calls it: "shop/order"
	called        string // as actions and relations do: "order"
	owner, tenant []string
	ownerAt       string // the response keys under which they are asked for
	tenantAt      string
	owners        [actions]bool     // the owner is allowed the action
	roles         [actions][]string // whose holders are, on objects of others
	hide, drop    bool
	mapped        bool   // the owner is known from our own map
	lookup        *field // else by this field
	argument      string // of lookup, that names the object

	spoken
	learn bool // new objects are put into our own map
}

// act is a field that does something to objects that its arguments name, or makes one.
type act struct {
	rule   *rule
	action action
	path   []string // of the argument; nil for what makes an object
}

// The response keys under which owner, tenant and type are asked for.
const (
	ownerKey  = reservedPrefix + "owner_"
	tenantKey = reservedPrefix + "tenant_"
	typeKey   = reservedPrefix + "type"
)

// own compiles the rules for objects into the schema.
func (s *schema) own(c *Config, b *gatehouse.Build) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		key := "objects." + name
		o, t := c.Objects[name], s.types[name]
		switch {
		case o == nil:
			errs = append(errs, &gatehouse.Fault{Key: key, Says: "the object is empty", Fix: "{owner: response.customerId}"})
			continue
		case t == nil || t.def.Kind != ast.Object:
			errs = append(errs, &gatehouse.Fault{Key: key, Says: fmt.Sprintf("the schema has no object type %s", name), Fix: "the name of a type of the schema"})
			continue
		}
		r, err := s.ruleOf(o, t, key)
		r.called = calledOf(name)
		r.kind, t.rule = b.API+"/"+r.called, r
		errs = append(errs, err, r.speaks(o, c, b, s, key))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		errs = append(errs, s.operations(c, c.Objects[name], s.types[name].rule, "objects."+name))
	}
	errs = append(errs, s.learning(c))
	for _, t := range s.types {
		t.inject = t.injection()
	}
	if b.Public == nil {
		errs = append(errs, s.covered(c, b))
	}
	return errors.Join(errs...)
}

func (s *schema) ruleOf(o *Object, t *typ, key string) (*rule, error) {
	var errs []error
	fault := func(k, says, fix string) {
		errs = append(errs, &gatehouse.Fault{Key: key + "." + k, Says: says, Fix: fix})
	}
	r := &rule{of: t, ownerAt: ownerKey + t.name, tenantAt: tenantKey + t.name, hide: o.OnDeny == 404, drop: o.OnForeign == "drop", mapped: o.Before == "owners"}
	path := func(k, text string) []string {
		if text == "" || k == "owner" && text == "relations" {
			return nil
		}
		p := strings.Split(strings.TrimPrefix(text, "response."), ".")
		if !t.leads(p, s) {
			fault(k, fmt.Sprintf("%s has no field %s whose value is an id and that takes no arguments", t.name, strings.Join(p, ".")), "response.FIELD")
		}
		return p
	}
	r.owner, r.tenant = path("owner", o.Owner), path("tenant", o.Tenant)
	if r.owner == nil && r.tenant == nil && o.Owner != "relations" {
		fault("owner", "nothing says whose the object is", "response.FIELD")
	}
	if o.OnDeny != 0 && o.OnDeny != 403 && o.OnDeny != 404 {
		fault("on_deny", "a refusal is 403, or 404 to hide that the object exists", "403")
	}
	if o.OnForeign != "" && o.OnForeign != "deny" && o.OnForeign != "drop" {
		fault("on_foreign", "others' elements are denied or dropped", "deny")
	}
	if o.Before != "" && o.Before != "lookup" && o.Before != "owners" {
		fault("before", "the owner is known by a lookup or from our own map", "lookup")
	}
	allow := o.Allow
	if allow == nil {
		allow = map[string][]string{"owner": {"read", "update"}}
	}
	for who, list := range allow {
		role, isRole := strings.CutPrefix(who, "role:")
		if who == "owner" {
			role = ""
		}
		relation, isRelation := strings.CutPrefix(who, "relation:")
		if who != "owner" && (!isRole || role == "") && (!isRelation || relation == "") {
			fault("allow."+who, "there is nobody of that name", "owner, role:NAME or relation:NAME")
		}
		for _, name := range list {
			a := action(slices.Index(actionNames[:], name))
			if a >= actions {
				fault("allow."+who, fmt.Sprintf("there is no action %q", name), "read, update, delete or create")
				continue
			}
			if isRelation {
				continue // that is the policies' business
			}
			r.allow(a, role)
			if a == update {
				r.allow(create, role)
			}
		}
	}
	return r, errors.Join(errs...)
}

// allow lets a role, or the owner where it is "", do something.
func (r *rule) allow(a action, role string) {
	if role == "" {
		r.owners[a] = true
		return
	}
	r.roles[a] = append(r.roles[a], role)
}

// leads reports whether a path of fields without arguments leads to one value.
func (t *typ) leads(path []string, s *schema) bool {
	for i, name := range path {
		f := t.fields[name]
		if f == nil || f.list || slices.ContainsFunc(f.def.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil }) {
			return false
		}
		if t = f.out; t.composite != (i < len(path)-1) || t.abstract {
			return false
		}
	}
	return true
}

// injection is what is selected beside what is asked for of objects of this type.
func (t *typ) injection() string {
	var b strings.Builder
	for _, p := range t.possible {
		if p.rule == nil {
			continue
		}
		if b.Len() == 0 {
			b.WriteString(typeKey + ":__typename")
		}
		if b.WriteString(" "); t.abstract {
			b.WriteString("...on " + p.name + "{")
		}
		b.WriteString(p.rule.selection())
		if t.abstract {
			b.WriteString("}")
		}
	}
	return b.String()
}

func (r *rule) selection() string {
	var parts []string
	if r.idAt != "" {
		parts = append(parts, r.idAt+":"+strings.Join(r.id, "{")+strings.Repeat("}", len(r.id)-1))
	}
	for _, one := range [...]struct {
		key  string
		path []string
	}{{r.ownerAt, r.owner}, {r.tenantAt, r.tenant}} {
		if one.path != nil {
			parts = append(parts, one.key+":"+strings.Join(one.path, "{")+strings.Repeat("}", len(one.path)-1))
		}
	}
	return strings.Join(append(parts, r.more...), " ")
}

// guarded reports whether every object that a value of the type may be has a rule.
func (t *typ) guarded() bool {
	return t.composite && len(t.possible) > 0 && !slices.ContainsFunc(t.possible, func(p *typ) bool { return p.rule == nil })
}
