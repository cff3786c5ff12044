package object

import (
	"context"
	"errors"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

var (
	notAllowed   = &gatehouse.Answer{Status: 403, Reason: "object.not_allowed", Public: "You may not do this"}
	noTenant     = &gatehouse.Answer{Status: 403, Reason: "object.no_tenant", Public: "You belong to no tenant"}
	foreign      = &gatehouse.Answer{Status: 403, Reason: "object.foreign", Public: "This is not yours"}
	notFound     = &gatehouse.Answer{Status: 404, Reason: "object.not_found", Public: "There is no such object"}
	ownerSpoofed = &gatehouse.Answer{Status: 403, Reason: "object.owner_spoofed", Public: "An object may not be made over to somebody else"}
	notJudgeable = &gatehouse.Answer{Status: 400, Reason: "object.unreadable", Public: "The body must be one JSON document"}
	unverifiable = &gatehouse.Answer{Status: 502, Reason: "object.unverifiable", Public: "The reply could not be checked"}

	byOwner  = gatehouse.Grant("object.owner")
	byRole   = gatehouse.Grant("object.role")
	deferred = gatehouse.Grant("object.deferred")
	creation = gatehouse.Grant("object.create")

	inScope  = gatehouse.PassBy("object.scope")
	injected = gatehouse.PassBy("object.injected")
	hidden   = gatehouse.PassBy("object.hidden")
	roleSees = gatehouse.PassBy("object.role")
	verified = gatehouse.PassBy("object.verified")
)

// errNoState is returned when the object's present state could not be read, so
// that nothing can be said about its owner.
var errNoState = errors.New("object: the object's present state could not be read")

// limits are those of every JSON body.
var limits = jsonwalk.Limits{}

// standing is what a caller may do with objects of others.
type standing struct {
	p    *gatehouse.Principal
	role bool // a role allows the action whoever owns the object
}

// stands returns the caller's standing, or the refusal of a caller who may not
// do this to any object.
func (r *rule) stands(x *gatehouse.Exchange) (standing, *gatehouse.Answer) {
	p := x.Principal
	if p == nil || p.ID == "" {
		return standing{}, notAllowed
	}
	if r.tenant.set() && p.Tenant == "" {
		return standing{}, noTenant
	}
	s := standing{p, r.allowed.byRole(p)}
	if !s.role && (!r.allowed.owner || p.IsClient()) && r.act == nil {
		return standing{}, notAllowed
	}
	return s, nil
}

// byRole reports whether a role of the caller's is among those that may.
func (a *allowed) byRole(p *gatehouse.Principal) bool {
	for _, role := range a.roles {
		if p.HasRole(role) {
			return true
		}
	}
	return false
}

// refuse is the refusal of somebody else's object.
func (r *rule) refuse() gatehouse.Verdict {
	if r.hide {
		return gatehouse.Deny(notFound)
	}
	return gatehouse.Deny(foreign)
}

// refuseSeen is the refusal of an object that the caller may read, or not: who may
// knows that it exists.
func (r *rule) refuseSeen(x *gatehouse.Exchange, ask *asker, d *jsonwalk.Doc, p *gatehouse.Principal) gatehouse.Verdict {
	s := standing{p, r.readers.byRole(p)}
	if r.hide && (s.role || r.readers.owner || r.seeing != nil) {
		if found, _ := r.touch(ask, r.seeing, r.nth(x), d, 0, s); found == own {
			return gatehouse.Deny(foreign)
		}
	}
	return r.refuse()
}

// scoped demands the scopes of the action.
func (r *rule) scoped(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	for _, s := range r.scopes {
		if x.Principal == nil || !x.Principal.HasScope(s) {
			return gatehouse.Deny(r.lacking), nil
		}
	}
	return inScope, nil
}

// admit judges what the request's head says, and grants what is left to later
// steps that cannot be passed by.
func (r *rule) admit(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.admitted(x)
	switch {
	case refusal != nil:
		return gatehouse.Deny(refusal), nil
	case r.action == policy.Create:
		return creation, nil
	case r.sees() || r.inMap() || r.action == policy.List && r.byID():
		gather(x)
		return deferred, nil
	case s.role:
		return byRole, nil
	}
	return byOwner, nil
}

// admitOnly is admit without the grant: what is known of the object grants.
func (r *rule) admitOnly(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if _, refusal := r.admitted(x); refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	if r.action == policy.Read && r.sees() {
		gather(x)
	}
	return gatehouse.Pass, nil
}

// admitted returns the caller's standing, or why the request's head is refused.
func (r *rule) admitted(x *gatehouse.Exchange) (standing, *gatehouse.Answer) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return s, refusal
	}
	if !r.inPath(x, s) {
		return s, r.refuse().Answer()
	}
	for i := range r.names {
		if p := &r.names[i]; p.in != inBody {
			if refusal := p.settle(x); refusal != nil {
				return s, refusal
			}
		}
	}
	return s, nil
}

// inPath compares what the path itself says.
func (r *rule) inPath(x *gatehouse.Exchange, s standing) bool {
	if r.tenant.param != "" {
		if v, ok := x.Request.Param(r.tenant.param); !ok || v != s.p.Tenant {
			return false
		}
	}
	if r.owner.param != "" && !s.role {
		if v, ok := x.Request.Param(r.owner.param); !ok || v != s.p.ID {
			return false
		}
	}
	return true
}

// gather makes the upstream send a reply that can be read: not a 304, not a part,
// not compressed. Nor a 412, which would tell the entity tag and the age of what is
// somebody else's.
func gather(x *gatehouse.Exchange) {
	x.Request.Drop = append(x.Request.Drop, "if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range")
	x.Request.Forward.Set("accept-encoding", "identity")
}

// outcome is what comparing an object with the caller gave.
type outcome uint8

const (
	absent outcome = iota // the object does not say whose it is
	other
	own
)

// values returns the owner and the tenant of the object at node i.
func (r *rule) values(d *jsonwalk.Doc, i int) (v openapi.Values) {
	if r.tenant.path != nil {
		v[pickedTenant] = raw(d, r.tenant.path.Find(d, i))
	}
	if r.owner.path != nil {
		v[pickedOwner] = raw(d, r.owner.path.Find(d, i))
	}
	return v
}

// raw returns a value as it stands in the document, or nil for none.
func raw(d *jsonwalk.Doc, node int) []byte {
	if node == jsonwalk.Missing {
		return nil
	}
	return d.Raw(node)
}

// judge compares an owner and a tenant with the caller. No role lifts the tenant.
func (r *rule) judge(v *openapi.Values, s standing) outcome {
	found := own
	if r.tenant.path != nil {
		found = min(found, same(v[pickedTenant], s.p.Tenant))
	}
	if r.owner.path != nil && !s.role && found != absent {
		found = min(found, same(v[pickedOwner], s.p.ID))
	}
	return found
}

// same compares an id, as JSON, exactly: strings by their text, numbers by their
// digits.
func same(value []byte, id string) outcome {
	text, ok := openapi.Text(value)
	switch {
	case len(value) > 0 && value[0] == 'n':
		// An object that belongs to nobody is not the caller's.
		return other
	case !ok:
		return absent
	case id != "" && string(text) == id:
		return own
	}
	return other
}
