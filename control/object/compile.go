package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// rule is what one operation must keep of one object.
type rule struct {
	action policy.Action
	owners bool     // the owner is allowed this action
	roles  []string // whose holders are allowed it on objects of others
	owner  field
	tenant field

	segments int            // of the path of the operation that reads the object
	each     *jsonwalk.Path // where a list's elements are
	op       *openapi.Operation
	picks    *openapi.Picks // tenant and owner in the reply; nil where the tape must find them
	drop     bool           // cut others' elements out of a list
	blind    bool           // a list in which nothing says whose the elements are
	hide     bool           // refuse as if the object did not exist
	buffers  *sync.Pool     // of *cutting, for drop
}

// field is where an owner or a tenant stands. The zero field is nowhere.
type field struct {
	param string         // a parameter of the path
	path  *jsonwalk.Path // in the object
}

// inObject reports whether the object itself must be seen.
func (r *rule) inObject() bool { return r.owner.path != nil || r.tenant.path != nil }

func (f field) set() bool { return f.param != "" || f.path != nil }

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil {
		return nil, nil
	}
	var steps []gatehouse.Step
	var errs []error
	covered := false
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		s, found, err := c.object(b, name)
		if err != nil {
			errs = append(errs, err)
		}
		covered = covered || found
		steps = append(steps, s...)
	}
	if err := c.waived(b, covered); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if b.Public != nil {
		return nil, nil // its waiver says why nobody has to be anybody
	}
	return steps, nil
}

// waived refuses an operation with an id in its path that no object covers and
// nobody answers for.
func (c *Config) waived(b *gatehouse.Build, covered bool) error {
	op := b.Operation
	w := c.NoObject[op.ID()]
	key := "no_object." + op.ID()
	known := make(map[string]bool, len(b.All))
	if len(c.NoObject) > 0 {
		for _, o := range b.All {
			known[o.ID()] = true
		}
	}
	for id := range c.NoObject {
		if !known[id] {
			return &gatehouse.Fault{Key: "no_object." + id, Says: "there is no such operation", Fix: "an operationId of the description"}
		}
	}
	switch {
	case w != nil && covered:
		return &gatehouse.Fault{Key: key, Says: "an object covers this operation already", Fix: "remove the waiver"}
	case w != nil && w.Expired(b.Now()):
		return &gatehouse.Fault{Key: key, Says: "the waiver ended on " + w.Until.Format("2006-01-02"), Fix: "an object for this operation, or a new date"}
	case w != nil, covered, b.Public != nil, !strings.Contains(op.Template(), "{"):
		return nil
	}
	return &gatehouse.Fault{
		Key:  "objects",
		Says: fmt.Sprintf("%s has an id in its path (%s), and no object says whose it is", op.ID(), op.Template()),
		Fix:  fmt.Sprintf("objects: {%s: {id: path.%s, owner: response.FIELD}}, or no_object: {%s: {because: why, owner: who@example.com, until: 2027-06-30}}", "NAME", lastParam(op.Template()), op.ID()),
	}
}

func lastParam(template string) string {
	_, name, _ := strings.Cut(template[strings.LastIndexByte(template, '{'):], "{")
	name, _, _ = strings.Cut(name, "}")
	return name
}

// object compiles one object for the operation, and reports whether the
// operation touches it.
func (c *Config) object(b *gatehouse.Build, name string) ([]gatehouse.Step, bool, error) {
	o := c.Objects[name]
	k := "objects." + name
	if o == nil {
		return nil, false, &gatehouse.Fault{Key: k, Says: "the object is empty", Fix: "{id: path.orderId, owner: response.customer_id}"}
	}
	if err := check(o, b, k); err != nil {
		return nil, true, err
	}
	param := strings.TrimPrefix(o.ID, "path.")
	bases := policy.Bases(o, b.All, param)
	if len(bases) == 0 {
		return nil, false, &gatehouse.Fault{Key: k + ".id", Says: fmt.Sprintf("no path has a parameter {%s}", param), Fix: "path.NAME with a name of the description"}
	}
	a := o.ActionIn(b.Operation, param, bases)
	if a == policy.None {
		return nil, false, nil
	}
	if len(bases) > 1 && len(o.Operations) == 0 {
		return nil, true, &gatehouse.Fault{Key: k + ".operations", Says: fmt.Sprintf("{%s} names several resources: %s", param, strings.Join(bases, ", ")),
			Fix: "operations: {read: [...], update: [...], delete: [...], list: [...], create: [...]}"}
	}
	r := &rule{action: a, hide: o.OnDeny.Status(a) == 404, buffers: new(sync.Pool)}
	if err := errors.Join(r.fieldsOf(o, b, k), c.grants(r, o, b.Operation), r.listOf(o, b, k)); err != nil {
		return nil, true, err
	}
	if op, ok := b.Operation.(*openapi.Operation); ok && r.inObject() {
		r.op, r.picks = op, openapi.NewPicks(r.each, r.tenant.path, r.owner.path)
	}
	steps, err := r.steps(o, b, k, param)
	return steps, true, err
}

// check refuses what this control does not know.
func check(o *policy.Object, b *gatehouse.Build, k string) error {
	var errs []error
	fault := func(key, says, fix string) {
		errs = append(errs, &gatehouse.Fault{Key: k + "." + key, Says: says, Fix: fix})
	}
	if !strings.HasPrefix(o.ID, "path.") || len(o.ID) == len("path.") {
		fault("id", "an object is named by a parameter of the path", "path.orderId")
	}
	if o.Owner == "" && o.Tenant == "" {
		fault("owner", "nothing says whose the object is", "response.customer_id")
	}
	if o.Before != "" && o.Before != "lookup" {
		fault("before", "there is one way to know the owner before a write", "lookup")
	}
	if status := o.OnDeny.Status(policy.None); status != 403 && status != 404 {
		fault("on_deny", "a refusal is 403, or 404 to hide that the object exists", "403")
	}
	for key, set := range map[string]bool{
		"on_deny": len(o.OnDeny) > 1 || len(o.OnDeny) == 1 && o.OnDeny[""] == 0, "create.learn": o.Create != nil && o.Create.Learn != "",
		"scopes": o.Scopes != nil, "fields": o.Fields != nil, "table": o.Table != nil,
	} {
		if set {
			fault(key, "nothing enforces this yet", "without "+key)
		}
	}
	known := func(id string) bool {
		return slices.ContainsFunc(b.All, func(op gatehouse.Operation) bool { return op.ID() == id })
	}
	for name, ids := range o.Operations {
		if policy.ActionOf(name) == policy.None {
			fault("operations."+name, "there is no such action", "read, update, delete, list or create")
		}
		for _, id := range ids {
			if !known(id) {
				fault("operations."+name, fmt.Sprintf("there is no operation %q", id), "an operationId of the description")
			}
		}
	}
	if o.Create != nil && !known(o.Create.Operation) {
		fault("create.operation", "there is no such operation", "an operationId of the description")
	}
	if o.List != nil && o.List.Operation != "" && !known(o.List.Operation) {
		fault("list.operation", "there is no such operation", "an operationId of the description")
	}
	if o.List != nil && o.List.OnForeign != "" && o.List.OnForeign != "deny" && o.List.OnForeign != "drop" {
		fault("list.on_foreign", "others' elements are denied or dropped", "deny")
	}
	for who, actions := range o.Allow {
		if role, ok := strings.CutPrefix(who, "role:"); who != "owner" && (!ok || role == "") {
			fault("allow."+who, "there is nobody of that name", "owner or role:NAME")
		}
		for _, a := range actions {
			if policy.ActionOf(a) == policy.None {
				fault("allow."+who, fmt.Sprintf("there is no action %q", a), "read, update, delete, list or create")
			}
		}
	}
	return errors.Join(errs...)
}

// fieldsOf compiles where the owner and the tenant stand.
func (r *rule) fieldsOf(o *policy.Object, b *gatehouse.Build, k string) error {
	var err [2]error
	r.owner, err[0] = r.fieldOf(o.Owner, b, k+".owner")
	r.tenant, err[1] = r.fieldOf(o.Tenant, b, k+".tenant")
	return errors.Join(err[:]...)
}

func (r *rule) fieldOf(text string, b *gatehouse.Build, key string) (field, error) {
	if text == "" {
		return field{}, nil
	}
	if param, ok := strings.CutPrefix(text, "path."); ok {
		if !strings.Contains(b.Operation.Template(), "{"+param+"}") {
			if r.action == policy.Create || r.action == policy.List {
				r.blind = r.blind || r.action == policy.List
				return field{}, nil
			}
			return field{}, &gatehouse.Fault{Key: key, Says: fmt.Sprintf("%s has no parameter {%s}", b.Operation.Template(), param), Fix: "response.FIELD"}
		}
		return field{param: param}, nil
	}
	rest, ok := strings.CutPrefix(text, "response.")
	p, err := jsonwalk.CompilePath(rest)
	if !ok || err != nil || rest == "" || p.Many() {
		return field{}, &gatehouse.Fault{Key: key, Says: fmt.Sprintf("%q names no field", text), Fix: "response.customer_id, response.owner.id or path.userId"}
	}
	return field{path: p}, nil
}

// grants settles who is allowed the action.
func (c *Config) grants(r *rule, o *policy.Object, op gatehouse.Operation) error {
	allow := o.Allow
	if allow == nil {
		allow = map[string][]string{"owner": {"read", "update"}}
	}
	for who, actions := range allow {
		if !slices.ContainsFunc(actions, func(a string) bool { return policy.ActionOf(a).Implies(r.action) }) {
			continue
		}
		if who == "owner" {
			r.owners = true
		} else {
			r.roles = append(r.roles, strings.TrimPrefix(who, "role:"))
		}
	}
	if r.blind {
		r.owners = false
	}
	for role, entries := range c.Roles {
		// "authenticated" is everybody: it may let callers in, but never lifts
		// ownership, or one line would open every object to everyone.
		// A tag or a prefix lets a role in too, at control/role, but only the
		// operation's own name says that objects of others are meant.
		if role != "authenticated" && slices.Contains(entries, op.ID()) {
			r.roles = append(r.roles, role)
		}
	}
	slices.Sort(r.roles)
	r.roles = slices.Compact(r.roles)
	return nil
}

func (r *rule) listOf(o *policy.Object, b *gatehouse.Build, k string) error {
	if r.action != policy.List || !r.inObject() {
		return nil
	}
	each := ""
	if o.List != nil {
		r.drop = o.List.OnForeign == "drop"
		each = o.List.Each
	}
	if each == "" {
		each = eachOf(b.Operation)
	} else if rest, ok := strings.CutPrefix(each, "response"); ok {
		each = strings.TrimPrefix(rest, ".")
	}
	p, err := jsonwalk.CompilePath(each)
	if err != nil || !strings.HasSuffix(each, "[*]") {
		return &gatehouse.Fault{Key: k + ".list.each", Says: "nothing says where the elements of " + b.Operation.ID() + " are", Fix: `"response.items[*]", or "response[*]"`}
	}
	r.each = p
	return nil
}

// reads reports whether an operation reads the object named at base.
func reads(o *policy.Object, b *gatehouse.Build, base string) bool {
	_, found := policy.Reader(o, b.All, base)
	return found
}

// steps arranges the checks of an action.
func (r *rule) steps(o *policy.Object, b *gatehouse.Build, k, param string) ([]gatehouse.Step, error) {
	at := func(need gatehouse.Need, s gatehouse.Step) gatehouse.Step {
		s.Control, s.Need = Kind.Name, need
		if s.Stage == 0 {
			s.Stage = gatehouse.Authorize
		}
		return s
	}
	base := policy.Base(b.Operation.Template(), param)
	switch {
	case r.action == policy.Create:
		return []gatehouse.Step{at(gatehouse.Head, gatehouse.Step{Enforce: r.admit}), at(gatehouse.Body, gatehouse.Step{Enforce: r.made})}, nil
	case r.action == policy.List && r.inObject():
		return []gatehouse.Step{at(gatehouse.Head, gatehouse.Step{Enforce: r.admit}),
			at(gatehouse.ReplyBody, gatehouse.Step{Stage: gatehouse.Inspect, Enforce: r.listed, Each: r.listedItem})}, nil
	case !r.inObject():
		return []gatehouse.Step{at(gatehouse.Head, gatehouse.Step{Enforce: r.admit})}, nil
	case base == "":
		return nil, &gatehouse.Fault{Key: k + ".operations", Says: fmt.Sprintf("%s does not name the object in its path: its owner cannot be known", b.Operation.ID()), Fix: "leave it out, and write no_object for it"}
	case r.action == policy.Read && b.Operation.Method() == "GET" && base == b.Operation.Template():
		return []gatehouse.Step{at(gatehouse.Head, gatehouse.Step{Enforce: r.admit}),
			at(gatehouse.ReplyBody, gatehouse.Step{Stage: gatehouse.Inspect, Enforce: r.released, Each: r.releasedItem})}, nil
	}
	// A write, or a read of something below the object: afterwards would be too late.
	if !reads(o, b, base) {
		return nil, &gatehouse.Fault{Key: k, Says: fmt.Sprintf("%s cannot know the owner before: no operation reads %s", b.Operation.ID(), base), Fix: "owner: path.NAME, or a GET operation for " + base}
	}
	r.segments = strings.Count(base, "/")
	steps := []gatehouse.Step{at(gatehouse.Head, gatehouse.Step{Enforce: r.admitOnly})}
	if r.action == policy.Update {
		steps = append(steps, at(gatehouse.Body, gatehouse.Step{Enforce: r.changed}))
	}
	steps = append(steps, at(gatehouse.Object, gatehouse.Step{Prepare: r.ask, Enforce: r.looked}))
	if r.hide {
		steps = append(steps, at(gatehouse.Reply, gatehouse.Step{Stage: gatehouse.Inspect, Enforce: r.masked}))
	}
	return steps, nil
}
