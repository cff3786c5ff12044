package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// checker gathers what is wrong with the block of one object.
type checker struct {
	o    *policy.Object
	b    *gatehouse.Build
	key  string
	errs []error
}

func (c *checker) fault(key, says, fix string) {
	c.errs = append(c.errs, &gatehouse.Fault{Key: c.key + "." + key, Says: says, Fix: fix})
}

// check refuses what this control does not know.
func check(o *policy.Object, b *gatehouse.Build, k string, all map[string]*policy.Object) error {
	c := &checker{o: o, b: b, key: k}
	if o.ID == "" {
		c.fault("id", "nothing says where a request names the object", positions)
	}
	if in, name, _ := strings.Cut(o.ID, "."); o.ID != "" && !strings.HasPrefix(o.ID, "body[") && (!slices.Contains([]string{"path", "query", "header", "body"}, in) || name == "") {
		c.fault("id", fmt.Sprintf("%q is no place where a request could name an object", o.ID), positions)
	}
	if o.Owner == "" && o.Tenant == "" {
		c.fault("owner", "nothing says whose the object is", "response.customer_id")
	}
	if !slices.Contains([]string{"", "lookup", "owners", "relations"}, o.Before) {
		c.fault("before", "a write knows the owner by a lookup, by the map of owners, or by relations", "lookup")
	}
	if (o.Owner == "owners" || o.Tenant == "owners") && (o.Before == "lookup" || o.Before == "relations") {
		c.fault("before", "the map of owners says whose the objects are, and nobody would ask it", "owners")
	}
	if o.Table != nil && o.Table.Name == "" {
		c.fault("table", "a table has a name", "{name: orders, tenant: tenant_id, owner: customer_id}")
	}
	c.refusals()
	c.operations()
	c.listing()
	c.grantees()
	for _, place := range slices.Sorted(maps.Keys(o.Nested)) {
		if all[o.Nested[place]] == nil {
			c.fault("nested", fmt.Sprintf("there is no object %q", o.Nested[place]), "the name of one of the objects")
		}
	}
	return errors.Join(c.errs...)
}

// refusals checks the statuses of refusals.
func (c *checker) refusals() {
	for name, status := range c.o.OnDeny {
		switch {
		case name != "" && policy.ActionOf(name) == policy.None:
			c.fault("on_deny."+name, "there is no such action", "read, update, delete, list or create")
		case status != 403 && status != 404:
			c.fault("on_deny", "a refusal is 403, or 404 to hide that the object exists", "403")
		case name != "" && status == 403 && c.o.OnDeny.Status(policy.Read) == 404:
			c.fault("on_deny."+name, "403 would tell what the 404 of read hides", "404, or nothing")
		}
	}
}

func (c *checker) known(id string) bool {
	return slices.ContainsFunc(c.b.All, func(op gatehouse.Operation) bool { return op.ID() == id })
}

// operations checks what is said by operationId and by action.
func (c *checker) operations() {
	unknown := func(key, id string) {
		if !c.known(id) {
			c.fault(key, fmt.Sprintf("there is no operation %q", id), "an operationId of the description")
		}
	}
	for name, ids := range c.o.Operations {
		c.action("operations."+name, name)
		for _, id := range ids {
			unknown("operations."+name, id)
		}
	}
	for id, texts := range c.o.IDs {
		unknown("ids."+id, id)
		if len(texts) == 0 {
			c.fault("ids."+id, "nothing says where it names objects", "["+positions+"]")
		}
	}
	for _, id := range c.o.BeforeReads {
		unknown("before_reads", id)
	}
	for name, scope := range c.o.Scopes {
		c.action("scopes."+name, name)
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			c.fault("scopes."+name, fmt.Sprintf("%q is not a scope (RFC 6749 section 3.3)", scope), "orders:read")
		}
	}
	for name, forced := range c.o.Inject {
		c.action("inject."+name, name)
		for param, value := range forced {
			if value != "tenant" && value != "id" || param == "" {
				c.fault("inject."+name, fmt.Sprintf("a parameter is set to the caller's tenant or id, not to %q", value), "{tenant_id: tenant}")
			}
		}
	}
	if c.o.Create != nil && !c.known(c.o.Create.Operation) {
		c.fault("create.operation", "there is no such operation", "an operationId of the description")
	}
}

func (c *checker) action(key, name string) {
	if policy.ActionOf(name) == policy.None {
		c.fault(key, "there is no such action", "read, update, delete, list or create")
	}
}

func (c *checker) listing() {
	l := c.o.List
	if l == nil {
		return
	}
	if l.Operation != "" && !c.known(l.Operation) {
		c.fault("list.operation", "there is no such operation", "an operationId of the description")
	}
	if l.OnForeign != "" && l.OnForeign != "deny" && l.OnForeign != "drop" {
		c.fault("list.on_foreign", "others' elements are denied or dropped", "deny")
	}
	if len(l.Totals) > 0 && l.OnForeign != "drop" {
		c.fault("list.totals", "totals are true where nothing is dropped", "on_foreign: drop, or no totals")
	}
}

func (c *checker) grantees() {
	for who, actions := range c.o.Allow {
		role, ok := strings.CutPrefix(who, "role:")
		relation, related := strings.CutPrefix(who, "relation:")
		if who != "owner" && (!ok || role == "") && (!related || relation == "") {
			c.fault("allow."+who, "there is nobody of that name", "owner, role:NAME or relation:NAME")
		}
		for _, a := range actions {
			if policy.ActionOf(a) == policy.None {
				c.fault("allow."+who, fmt.Sprintf("there is no action %q", a), "read, update, delete, list or create")
			}
		}
	}
}
