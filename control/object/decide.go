package object

import (
	"context"
	"fmt"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/asked"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

var (
	denied   = &gatehouse.Answer{Status: 403, Reason: "object.policy", Public: "You may not do this"}
	byPolicy = gatehouse.Grant("object.policy")
)

var _ policy.Holder = (*Config)(nil)

// Hold implements [policy.Holder].
func (c *Config) Hold(p *policy.Policy) { c.policy = p }

// speaking returns the template of an action on an object where a policy that was
// written by hand, or a relation, can speak for it, and nil where what the
// configuration alone says is compared by this control itself.
func (c *Config) speaking(name string, a policy.Action) *policy.Template {
	if c.policy == nil {
		return nil
	}
	if t := c.policy.Template(name, a); t != nil && t.Spoken {
		return t
	}
	return nil
}

// asker asks the policies for one caller.
type asker struct {
	facts policy.Facts
	fails error // why nothing is known of the caller

	unsaid bool // the last decision: no policy permitted or forbade it
}

// asker begins to ask for the caller of an exchange; nil where no policy speaks.
func (r *rule) asker(ctx context.Context, x *gatehouse.Exchange) *asker {
	if r.act == nil && r.seeing == nil || x.Principal == nil {
		return nil
	}
	p := x.Principal
	a := &asker{}
	a.facts.Subject, a.fails = asked.Subject(r.policy, p)
	a.facts.Path, a.facts.At, a.facts.Address, a.facts.Operation = &x.Request, x.At, x.Conn.Client, r.operation
	if r.related != nil {
		// All relations of one request are of one moment.
		var at relations.Revision
		who := asked.Relative(p)
		a.facts.Related = func(relation string) (bool, error) {
			said, err := r.related.Check(ctx, at, who, relation, relations.Object{Type: r.object, ID: relations.EscapeID(a.facts.ID)})
			if err == nil {
				at = said.At
			}
			return said.Held, err
		}
	}
	return a
}

// relate finds who knows the relations that the policies ask for.
func (r *rule) relate(b *gatehouse.Build, name string) error {
	r.object = name
	needs := func(t *policy.Template) bool { return t != nil && len(t.Relations) > 0 }
	if !needs(r.act) && !needs(r.seeing) {
		return nil
	}
	source, err := gatehouse.Require[*relations.Source](b.Kept)
	if err != nil {
		return fmt.Errorf("object: %w", err)
	}
	r.related, err = source.For(b.API, r.policy.Relations)
	return err
}

// about sets which object is asked about, and what the map of owners knows of it.
func (a *asker) about(id string, d *jsonwalk.Doc, node int, kept store.Owner) *asker {
	a.facts.ID, a.facts.Doc, a.facts.Node, a.facts.Owner, a.facts.Tenant = id, d, node, kept.Owner, kept.Tenant
	return a
}

// decide asks. What cannot be found out is absent, and why says which policies decided.
func (a *asker) decide(t *policy.Template) (found outcome, why string) {
	if a.fails != nil {
		return absent, a.fails.Error()
	}
	d := t.Decide(&a.facts)
	a.unsaid = !d.Allowed && d.Err() == nil && len(d.Deciding()) == 0
	switch err := d.Err(); {
	case err != nil && len(d.Failures()) == 0:
		return absent, err.Error()
	case err != nil:
		return other, err.Error()
	case d.Allowed:
		return own, asked.Why(d)
	}
	return other, asked.Why(d)
}

// touch settles whether the caller may do something to the object at a node: by the
// policies where some speak, else by the comparisons that come to the same.
func (r *rule) touch(a *asker, t *policy.Template, id string, d *jsonwalk.Doc, node int, s standing) (found outcome, why string) {
	v := r.values(d, node)
	if t == nil {
		return r.judge(&v, s), ""
	}
	// The wall between tenants stands whatever the policies say.
	if found = r.tenanted(&v, s); found != own {
		return found, ""
	}
	return a.about(id, d, node, store.Owner{}).decide(t)
}

// tenanted compares the tenant alone.
func (r *rule) tenanted(v *openapi.Values, s standing) outcome {
	if r.tenant.path == nil {
		return own
	}
	return same(v[pickedTenant], s.p.Tenant)
}

// sees reports whether the object itself must be seen.
func (r *rule) sees() bool { return r.inObject() || r.act != nil && r.act.NeedsObject() }

// tells reports whether the elements of a list are told apart.
func (r *rule) tells() bool { return r.sees() || r.inMap() || r.byID() }

// id returns the id by which the request names its one object, or "".
func (r *rule) id(x *gatehouse.Exchange) (id string) {
	r.eachID(x, func(one string) *gatehouse.Answer {
		id = one
		return nil
	})
	return id
}

// decided asks the policies before anything is known of the objects but their names, or
// for one that is about to be made.
func (r *rule) decided(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	a := r.asker(ctx, x)
	if a == nil {
		return gatehouse.Deny(notAllowed), nil
	}
	if r.action == policy.Create {
		return r.creates(x, a)
	}
	n, found, why := 0, own, ""
	refusal := r.eachID(x, func(id string) *gatehouse.Answer {
		if n++; n > mostOwned {
			return tooMany
		}
		if found, why = a.about(id, nil, 0, store.Owner{}).decide(r.act); found != own {
			return r.refuse().Answer()
		}
		return nil
	})
	if n == 0 && refusal == nil { // a list, of which the policies ask no more than who wants it
		if found, why = a.about("", nil, 0, store.Owner{}).decide(r.act); found != own {
			refusal = r.refuse().Answer()
		}
	}
	if refusal != nil {
		r.evenly(ctx, x, refusal)
		return gatehouse.Deny(refusal).Because(why), nil
	}
	return byPolicy.Because(why), nil
}

// creates asks the policies for an object that is about to be made, or for each of a
// batch.
func (r *rule) creates(x *gatehouse.Exchange, a *asker) (gatehouse.Verdict, error) {
	var d *jsonwalk.Doc
	if x.Request.HasBody {
		var err error
		if d, err = jsonwalk.Of(&x.Request.Parsed, x.Request.Body, limits); err != nil || x.Request.BodyTooLarge {
			return gatehouse.Deny(notJudgeable), nil
		}
	}
	if d != nil && d.Kind(0) == jsonwalk.Array {
		for c, end := 1, d.Next(0); c < end; c = d.Next(c) {
			if found, why := a.about("", d, c, store.Owner{}).decide(r.act); found != own {
				return gatehouse.Deny(denied).Because(why), nil
			}
		}
		return byPolicy, nil
	}
	found, why := a.about(r.id(x), d, 0, store.Owner{}).decide(r.act)
	if found != own {
		return gatehouse.Deny(denied).Because(why), nil
	}
	return byPolicy.Because(why), nil
}

// foreseen refuses before the upstream is asked what the policies deny whatever the
// object is like.
func (r *rule) foreseen(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if a := r.asker(ctx, x); a == nil || a.fails != nil || r.act.Denies(&a.about(r.id(x), nil, 0, store.Owner{}).facts) {
		return gatehouse.Deny(denied).Because("the policies deny it, whatever the object is like"), nil
	}
	return gatehouse.Pass, nil
}
