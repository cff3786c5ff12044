package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/object"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// guess is an object that the description seems to speak of: what is under
// /orders/{orderId} and says in its reply whose it is.
type guess struct {
	name          string
	param         string
	owner, tenant string // members of the reply; tenant may be ""
}

func (g guess) object() *policy.Object {
	o := &policy.Object{ID: "path." + g.param, Owner: "response." + g.owner}
	if g.tenant != "" {
		o.Tenant = "response." + g.tenant
	}
	return o
}

// Names that members which say whose an object is have, the likeliest first.
func ownerNames() []string {
	return []string{"owner_id", "customer_id", "user_id", "account_id", "ownerId", "customerId", "userId", "accountId", "author_id", "authorId"}
}

func tenantNames() []string {
	return []string{"tenant_id", "org_id", "organization_id", "tenantId", "orgId", "organizationId"}
}

// guessObjects looks at every GET /x/{id} whose reply names an owner. The object
// control has the last word: what it would refuse is no guess, what it covers is
// owned, and what it would refuse without any guess is unowned.
func (d *draft) guessObjects() {
	all := make([]gatehouse.Operation, len(d.doc.Operations))
	for i, op := range d.doc.Operations {
		all[i] = op
	}
	taken := map[string]bool{}
	for _, op := range d.doc.Operations {
		g, ok := guessed(op)
		if !ok || taken[g.name] || !d.listsSay(op, g) {
			continue
		}
		owned, fits := covered(g, all)
		if !fits || slices.ContainsFunc(owned, func(id string) bool { return d.owned[id] }) {
			continue
		}
		taken[g.name] = true
		d.objects = append(d.objects, g)
		for _, id := range owned {
			d.owned[id] = true
		}
	}
	for _, op := range all {
		if _, err := (&object.Config{}).Compile(&gatehouse.Build{Operation: op, All: all, Now: time.Now}); err != nil && !d.owned[op.ID()] {
			d.unowned = append(d.unowned, op.ID())
		}
	}
}

// covered asks the object control which operations a guess covers, and whether
// it fits the description.
func covered(g guess, all []gatehouse.Operation) (owned []string, fits bool) {
	c := &object.Config{Objects: map[string]*policy.Object{g.name: g.object()}}
	for _, op := range all {
		steps, err := c.Compile(&gatehouse.Build{Operation: op, All: all, Now: time.Now})
		if f, ok := errors.AsType[*gatehouse.Fault](err); ok && f.Key != "objects" {
			return nil, false
		}
		if len(steps) > 0 {
			owned = append(owned, op.ID())
		}
	}
	return owned, len(owned) > 0
}

func guessed(op *openapi.Operation) (guess, bool) {
	base, param, ok := item(op.Template())
	if !ok || op.Method() != "GET" || strings.Contains(base, "{") {
		return guess{}, false
	}
	s := replyOf(op)
	if s == nil {
		return guess{}, false
	}
	members := slices.DeleteFunc(s.Properties(), func(name string) bool {
		return s.Property(name).Types()&(openapi.TypeString|openapi.TypeInteger) == 0 // an id is text or a number
	})
	g := guess{
		name:   singular(base[strings.LastIndexByte(base, '/')+1:]),
		param:  param,
		owner:  first(ownerNames(), members, param),
		tenant: first(tenantNames(), members, param),
	}
	return g, g.owner != "" && g.name != ""
}

// listsSay reports whether the elements of the object's list, if there is one,
// say whose they are too.
func (d *draft) listsSay(op *openapi.Operation, g guess) bool {
	base, _, _ := item(op.Template())
	for _, o := range d.doc.Operations {
		if o.Template() != base || o.Method() != "GET" {
			continue
		}
		s := replyOf(o)
		if s == nil {
			return false
		}
		element := s.Items()
		for _, p := range s.Properties() {
			if m := s.Property(p); m != nil && m.Items() != nil {
				element = m.Items()
			}
		}
		if element == nil || element.Property(g.owner) == nil || g.tenant != "" && element.Property(g.tenant) == nil {
			return false
		}
	}
	return true
}

// item cuts "/v1/orders/{orderId}" into "/v1/orders" and "orderId".
func item(template string) (base, param string, ok bool) {
	i := strings.LastIndexByte(template, '/')
	last := template[i+1:]
	if i <= 0 || len(last) < 3 || last[0] != '{' || strings.IndexByte(last, '}') != len(last)-1 {
		return "", "", false
	}
	return template[:i], last[1 : len(last)-1], true
}

// reply is the schema of an operation's good reply, or nil.
func replyOf(op *openapi.Operation) *openapi.Schema {
	r := op.Response(200)
	if r == nil {
		return nil
	}
	m := openapi.Match(r.Content, "application/json")
	if m == nil {
		return nil
	}
	return m.Schema
}

func first(names, members []string, not string) string {
	for _, n := range names {
		if n != not && slices.Contains(members, n) {
			return n
		}
	}
	return ""
}

func singular(word string) string {
	switch {
	case !plain.MatchString(word):
		return ""
	case strings.HasSuffix(word, "ies"):
		return strings.TrimSuffix(word, "ies") + "y"
	case strings.HasSuffix(word, "sses"), strings.HasSuffix(word, "xes"):
		return strings.TrimSuffix(word, "es")
	}
	return strings.TrimSuffix(word, "s")
}
