package object

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// kept judges what the body of a creation or an update says of owner and tenant: it
// must be the caller, and an object is not given away.
func (r *rule) kept(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	if !r.inObject() || !x.Request.HasBody {
		return gatehouse.Pass, nil
	}
	d, err := jsonwalk.Of(&x.Request.Parsed, x.Request.Body, limits)
	if err != nil || x.Request.BodyTooLarge {
		return gatehouse.Deny(notJudgeable), nil
	}
	// A batch is as many objects.
	if d.Kind(0) == jsonwalk.Array {
		for c, end := 1, d.Next(0); c < end; c = d.Next(c) {
			if r.spoofs(d, c, s) {
				return gatehouse.Deny(ownerSpoofed), nil
			}
		}
		return gatehouse.Pass, nil
	}
	if r.spoofs(d, 0, s) {
		return gatehouse.Deny(ownerSpoofed), nil
	}
	return gatehouse.Pass, nil
}

// spoofs reports whether the object at node i names somebody else as its owner
// or tenant. A role may name any owner inside the tenant.
func (r *rule) spoofs(d *jsonwalk.Doc, i int, s standing) bool {
	named := func(p *jsonwalk.Path, id string) bool {
		if p == nil {
			return false
		}
		n := p.Find(d, i)
		return n != jsonwalk.Missing && same(d.Raw(n), id) != own
	}
	return named(r.tenant.path, s.p.Tenant) || !s.role && named(r.owner.path, s.p.ID)
}
