package object

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

// rule is what one operation must keep of one object.
type rule struct {
	kind   string // of the object, in the map of owners: "orders/order"
	action policy.Action
	allowed
	readers allowed // who may read the object: they may learn that it exists
	owner   field
	tenant  field
	scopes  []string          // demanded of the caller
	lacking *gatehouse.Answer // where one is missing

	policy    *policy.Policy
	operation string           // its id, for policies
	act       *policy.Template // where policies decide, or nil
	seeing    *policy.Template // where they decide on reading
	object    string           // its name: the type of its relations
	related   relations.Relations

	names   []position   // where the request names the objects
	lookup  []piece      // of the path that reads one of them
	matched bool         // the write carries the entity tag of what was looked at
	owners  store.Owners // who knows their owners, or nil
	log     *slog.Logger
	learn   *jsonwalk.Path // where a reply names the objects that were made
	replyID *jsonwalk.Path // where an object in a reply has its id, or nil
	form    form           // of that id
	each    *jsonwalk.Path // where a list's elements are
	op      *openapi.Operation
	picks   *openapi.Picks // tenant and owner in the reply; nil where the tape must find them
	drop    bool           // cut others' elements out of a list
	totals  []total        // numbers that count the elements of a list
	hide    bool           // refuse as if the object did not exist
	untold  []int          // statuses of conflicts that the description does not tell of
	buffers *sync.Pool     // of *cutting
}

// allowed is who may do something.
type allowed struct {
	owner bool     // the object's owner
	roles []string // whose holders may, on objects of others too
}

// field is where an owner or a tenant stands. The zero field is nowhere.
type field struct {
	param string         // a parameter of the path
	path  *jsonwalk.Path // in the object
	kept  bool           // in the map of owners
	blind bool           // in the path of other operations: nothing says it of the elements of this list
}

// inObject reports whether the object itself must be seen.
func (r *rule) inObject() bool { return r.owner.path != nil || r.tenant.path != nil }

// inMap reports whether the map of owners must be asked.
func (r *rule) inMap() bool { return r.owner.kept || r.tenant.kept }

func (f field) set() bool { return f.param != "" || f.path != nil || f.kept }

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil {
		return nil, nil
	}
	var steps []gatehouse.Step
	var errs []error
	var seen covered
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		s, err := c.object(b, name, &seen)
		if err != nil {
			errs = append(errs, err)
		}
		steps = append(steps, s...)
	}
	if len(errs) == 0 {
		if err := errors.Join(c.waived(b, &seen), c.settles(b)); err != nil {
			errs = append(errs, err)
		}
		nested, err := c.nested(b, &seen)
		if err != nil {
			errs = append(errs, err)
		}
		steps = append(steps, nested...)
		learning, err := c.learning(b, seen.objects)
		if err != nil {
			errs = append(errs, err)
		}
		steps = append(steps, learning...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if b.Public != nil {
		return nil, nil // its waiver says why nobody has to be anybody
	}
	return steps, nil
}

// object compiles one object for the operation, and notes what of the operation it
// covers.
func (c *Config) object(b *gatehouse.Build, name string, seen *covered) ([]gatehouse.Step, error) {
	o, k := c.Objects[name], "objects."+name
	if o == nil {
		return nil, &gatehouse.Fault{Key: k, Says: "the object is empty", Fix: "{id: path.orderId, owner: response.customer_id}"}
	}
	if err := check(o, b, k, c.Objects); err != nil {
		return nil, err
	}
	a, err := actionOf(o, b, k)
	if err != nil || a == policy.None {
		return nil, err
	}
	seen.objects = append(seen.objects, name)
	r, err := c.ruleOf(o, b, name, a)
	if err != nil {
		return nil, err
	}
	if r.names, err = namesOf(o, b, k, a); err != nil {
		return nil, err
	}
	seen.by(r)
	steps, err := r.steps(o, b, k)
	if err != nil {
		return nil, err
	}
	members, err := membersOf(o, b, k, r)
	if err != nil {
		return nil, err
	}
	forced, err := injectionOf(o, b, k, a)
	return slices.Concat(steps, members, forced), err
}

// ruleOf settles what holds for an action on an object, whatever names it.
func (c *Config) ruleOf(o *policy.Object, b *gatehouse.Build, name string, a policy.Action) (*rule, error) {
	k := "objects." + name
	r := &rule{
		kind: b.API + "/" + name, action: a, log: b.Log, buffers: new(sync.Pool), untold: []int{http.StatusConflict, http.StatusPreconditionFailed},
		hide: o.OnDeny.Status(a) == 404 || o.OnDeny.Status(policy.Read) == 404,
	}
	if err := errors.Join(r.fieldsOf(o, b, k), r.creationOf(o, b, k)); err != nil {
		return nil, err
	}
	r.allowed, r.readers = c.allowed(o, b.Operation, a), c.allowed(o, nil, policy.Read)
	r.policy, r.operation, r.act, r.seeing = c.policy, b.Operation.ID(), c.speaking(name, a), c.speaking(name, policy.Read)
	if err := errors.Join(r.relate(b, name), r.identified(o, b, k), r.listOf(o, b, k)); err != nil {
		return nil, err
	}
	if r.owner.blind {
		r.allowed.owner = false
	}
	if r.tenant.blind {
		r.allowed = allowed{} // no role crosses tenants, and nobody could say whose they are
	}
	for name, scope := range o.Scopes {
		// What reading takes, listing takes too.
		if policy.ActionOf(name).Implies(a) {
			r.scopes = append(r.scopes, scope)
		}
	}
	slices.Sort(r.scopes)
	if r.scopes = slices.Compact(r.scopes); len(r.scopes) > 0 {
		// RFC 6750 section 3.1
		r.lacking = &gatehouse.Answer{Status: 403, Reason: "object.scope", Public: "The token lacks a scope that this operation demands",
			Fields: gatehouse.Fields{{Name: "www-authenticate", Value: `Bearer error="insufficient_scope", scope="` + strings.Join(r.scopes, " ") + `"`}}}
	}
	if op, ok := b.Operation.(*openapi.Operation); ok {
		r.op = op
		r.untold = slices.DeleteFunc(r.untold, func(status int) bool {
			declared := op.Response(status)
			return declared != nil && declared.Status == strconv.Itoa(status)
		})
		if r.inObject() && r.act == nil {
			r.picks = openapi.NewPicks(r.each, r.tenant.path, r.owner.path)
		}
	}
	if r.inMap() || o.Before == "owners" || r.learn != nil {
		return r, r.mapped(b)
	}
	return r, nil
}

// mapped finds the map of owners.
func (r *rule) mapped(b *gatehouse.Build) (err error) {
	if r.owners, err = gatehouse.Require[store.Owners](b.Kept); err != nil {
		return fmt.Errorf("object: %w", err)
	}
	return nil
}

// fieldsOf compiles where the owner and the tenant stand.
func (r *rule) fieldsOf(o *policy.Object, b *gatehouse.Build, k string) error {
	var err [2]error
	r.owner, err[0] = r.fieldOf(o.Owner, b, k+".owner")
	r.tenant, err[1] = r.fieldOf(o.Tenant, b, k+".tenant")
	return errors.Join(err[:]...)
}

func (r *rule) fieldOf(text string, b *gatehouse.Build, key string) (field, error) {
	switch text {
	case "":
		return field{}, nil
	case "owners":
		return field{kept: true}, nil
	case "relations":
		return field{}, nil // the policies ask for it
	}
	if param, ok := strings.CutPrefix(text, "path."); ok {
		if !strings.Contains(b.Operation.Template(), "{"+param+"}") {
			if r.action == policy.Create || r.action == policy.List {
				return field{blind: r.action == policy.List}, nil
			}
			return field{}, &gatehouse.Fault{Key: key, Says: fmt.Sprintf("%s has no parameter {%s}", b.Operation.Template(), param), Fix: "response.FIELD"}
		}
		return field{param: param}, nil
	}
	rest, ok := strings.CutPrefix(text, "response.")
	p, err := jsonwalk.CompilePath(rest)
	if !ok || err != nil || rest == "" || p.Many() {
		return field{}, &gatehouse.Fault{Key: key, Says: fmt.Sprintf("%q names no field", text), Fix: "response.customer_id, response.owner.id, path.userId or owners"}
	}
	return field{path: p}, nil
}

// allowed settles who is allowed an action; op is nil for any operation of it.
func (c *Config) allowed(o *policy.Object, op gatehouse.Operation, a policy.Action) (who allowed) {
	allow := o.Allow
	if allow == nil {
		allow = map[string][]string{"owner": {"read", "update"}}
	}
	for name, actions := range allow {
		if !slices.ContainsFunc(actions, func(may string) bool { return policy.ActionOf(may).Implies(a) }) {
			continue
		}
		if role, ok := strings.CutPrefix(name, "role:"); ok {
			who.roles = append(who.roles, role)
		}
		who.owner = who.owner || name == "owner" // a relation is the policies' business
	}
	for role, entries := range c.Roles {
		// "authenticated" is everybody: it may let callers in, but never lifts
		// ownership, or one line would open every object to everyone.
		// A tag or a prefix lets a role in too, at control/role, but only the
		// operation's own name says that objects of others are meant.
		if op != nil && role != "authenticated" && slices.Contains(entries, op.ID()) {
			who.roles = append(who.roles, role)
		}
	}
	slices.Sort(who.roles)
	who.roles = slices.Compact(who.roles)
	return who
}

// creationOf finds out where a reply names what was made.
func (r *rule) creationOf(o *policy.Object, b *gatehouse.Build, k string) error {
	if o.Create == nil || o.Create.Learn == "" {
		if r.action == policy.Create && o.Owner == "owners" {
			return &gatehouse.Fault{Key: k + ".create", Says: b.Operation.ID() + " makes objects whose owner nobody would know", Fix: "create: {operation: " + b.Operation.ID() + ", learn: response.id}"}
		}
		return nil
	}
	rest, ok := strings.CutPrefix(o.Create.Learn, "response.")
	p, err := jsonwalk.CompilePath(rest)
	if !ok || err != nil || rest == "" {
		return &gatehouse.Fault{Key: k + ".create.learn", Says: fmt.Sprintf("%q names no field of the reply", o.Create.Learn), Fix: "response.id"}
	}
	r.learn = p
	return nil
}

// identified settles where an object in a reply has its id. Where policies ask which
// object each element of a list is, that has to be known.
func (r *rule) identified(o *policy.Object, b *gatehouse.Build, k string) error {
	if o.ReplyID != "" {
		rest, ok := strings.CutPrefix(o.ReplyID, "response.")
		p, err := jsonwalk.CompilePath(rest)
		if !ok || err != nil || rest == "" || p.Many() {
			return &gatehouse.Fault{Key: k + ".reply_id", Says: fmt.Sprintf("%q names no field of a reply that holds the object", o.ReplyID), Fix: "response.id"}
		}
		r.replyID = p
	}
	if !r.inMap() && !r.byID() {
		return nil // nobody asks for it
	}
	if r.policy != nil {
		if t := r.policy.Template(r.object, r.action); t != nil {
			r.replyID = t.ReplyID
		}
	}
	if r.replyID == nil && r.learn != nil && !r.learn.Many() {
		r.replyID = r.learn
	}
	for _, op := range b.All {
		if p, says := positionIn(o.ID, op); says == "" {
			r.form = p.form
			break
		}
	}
	if r.action == policy.List && r.byID() && r.replyID == nil {
		return &gatehouse.Fault{Key: k, Says: fmt.Sprintf("policies ask which %s each element of %s is, and nothing says where it has its id", r.object, b.Operation.ID()), Fix: "reply_id: response.id"}
	}
	return nil
}

// steps arranges the checks of an action.
func (r *rule) steps(o *policy.Object, b *gatehouse.Build, k string) ([]gatehouse.Step, error) {
	var list []gatehouse.Step
	at := func(stage gatehouse.Stage, need gatehouse.Need, s gatehouse.Step) {
		s.Control, s.Stage, s.Need = Kind.Name, stage, need
		list = append(list, s)
	}
	if len(r.scopes) > 0 {
		at(gatehouse.Authorize, gatehouse.Head, gatehouse.Step{Enforce: r.scoped})
	}
	mode, err := r.modeOf(o, b, k)
	if err != nil {
		return nil, err
	}
	if r.act == nil && (mode == atOnce || mode == afterwards) || mode == afterwards {
		at(gatehouse.Authorize, gatehouse.Head, gatehouse.Step{Enforce: r.admit})
	} else {
		at(gatehouse.Authorize, gatehouse.Head, gatehouse.Step{Enforce: r.admitOnly})
	}
	if slices.ContainsFunc(r.names, func(p position) bool { return p.in == inBody }) {
		at(gatehouse.Authorize, gatehouse.Body, gatehouse.Step{Enforce: r.named})
	}
	if r.action == policy.Create || r.action == policy.Update && r.sees() {
		at(gatehouse.Authorize, gatehouse.Body, gatehouse.Step{Enforce: r.kept})
	}
	switch {
	case mode == byMap:
		at(gatehouse.Authorize, gatehouse.Head, gatehouse.Step{Enforce: r.owned})
	case mode == byLookup:
		at(gatehouse.Authorize, gatehouse.Object, gatehouse.Step{Prepare: r.ask, Enforce: r.looked})
	case r.act != nil && mode == afterwards:
		at(gatehouse.Authorize, gatehouse.Head, gatehouse.Step{Enforce: r.foreseen})
	case r.act != nil && r.action == policy.Create:
		at(gatehouse.Authorize, gatehouse.Body, gatehouse.Step{Enforce: r.decided})
	case r.act != nil:
		at(gatehouse.Authorize, gatehouse.Head, gatehouse.Step{Enforce: r.decided})
	}
	switch {
	case r.action == policy.Create && r.learn != nil:
		at(gatehouse.Inspect, gatehouse.ReplyBody, gatehouse.Step{Enforce: r.made}) // whole: every new object is recorded first
	case r.action == policy.Create && (r.inObject() || r.hide):
		at(gatehouse.Inspect, gatehouse.ReplyBody, gatehouse.Step{Enforce: r.made, Each: r.madeItem})
	case r.action == policy.List && r.tells():
		at(gatehouse.Inspect, gatehouse.ReplyBody, gatehouse.Step{Enforce: r.listed, Each: r.listedItem})
	case mode == afterwards, r.itself(b) && r.action == policy.Read && r.inObject() && !(mode == byMap && r.act != nil) && b.Operation.Method() == "GET":
		at(gatehouse.Inspect, gatehouse.ReplyBody, gatehouse.Step{Enforce: r.released, Each: r.releasedItem})
	case r.hide:
		at(gatehouse.Inspect, gatehouse.Reply, gatehouse.Step{Enforce: r.masked})
	}
	if r.action == policy.Delete && r.owners != nil && r.itself(b) {
		at(gatehouse.Inspect, gatehouse.Reply, gatehouse.Step{Enforce: r.ended})
	}
	return list, nil
}
