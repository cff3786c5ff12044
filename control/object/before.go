package object

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/aside"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/store"
)

// named settles what the body names.
func (r *rule) named(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	for i := range r.names {
		if p := &r.names[i]; p.in == inBody {
			if refusal := p.settle(x); refusal != nil {
				return gatehouse.Deny(refusal), nil
			}
		}
	}
	return gatehouse.Pass, nil
}

// eachID calls f for every object that the request names, until f refuses.
func (r *rule) eachID(x *gatehouse.Exchange, f func(id string) *gatehouse.Answer) *gatehouse.Answer {
	for i := range r.names {
		if refusal := r.names[i].each(x, f); refusal != nil {
			return refusal
		}
	}
	return nil
}

// owned asks the map of owners whose the objects are, all of them. One that nobody is
// known to own is nobody's who asks.
func (r *rule) owned(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	var failed error
	why, n, ask := "", 0, r.asker(ctx, x)
	refusal = r.eachID(x, func(id string) *gatehouse.Answer {
		if n++; n > mostOwned {
			return tooMany
		}
		var found outcome
		if found, why, failed = r.entry(ctx, ask, r.act, id, s); failed != nil || found != own {
			return r.unowned(ctx, ask, id, s)
		}
		return nil
	})
	switch {
	case failed != nil:
		return gatehouse.Verdict{}, failed
	case refusal != nil:
		r.evenly(ctx, x, refusal)
		return gatehouse.Deny(refusal).Because(why), nil
	case r.act != nil:
		return byPolicy.Because(why), nil
	case s.role:
		return byRole, nil
	}
	return byOwner, nil
}

// tick is how long a masked refusal takes that is decided on here.
const tick = time.Millisecond

// evenly lets a masked refusal leave a full tick after its request came: to find
// nothing takes another time than to find what is somebody else's, by less than a
// microsecond, and who asks often enough could measure it.
func (r *rule) evenly(ctx context.Context, x *gatehouse.Exchange, refusal *gatehouse.Answer) {
	if refusal != notFound || x.At.IsZero() {
		return
	}
	aside.Step(ctx)
	t := time.NewTimer(tick - time.Since(x.At)%tick)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// unowned is the refusal of an object that the caller may not touch, and may read or
// not.
func (r *rule) unowned(ctx context.Context, ask *asker, id string, s standing) *gatehouse.Answer {
	seen := standing{s.p, r.readers.byRole(s.p)}
	if r.hide && (seen.role || r.readers.owner || r.seeing != nil) {
		if found, _, err := r.entry(ctx, ask, r.seeing, id, seen); err == nil && found == own {
			return foreign
		}
	}
	return r.refuse().Answer()
}

// entry compares the owner and the tenant that the map knows, or asks the policies. No
// role lifts the tenant, and none makes an unknown object known.
func (r *rule) entry(ctx context.Context, ask *asker, t *policy.Template, id string, s standing) (outcome, string, error) {
	o, err := r.owners.Owner(ctx, r.kind, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return absent, "", nil
	case err != nil:
		return absent, "", err
	case r.tenant.set() && o.Tenant != s.p.Tenant:
		return other, "", nil
	case t != nil:
		found, why := ask.about(id, nil, 0, o).decide(t)
		return found, why, nil
	case !s.role && o.Owner != s.p.ID:
		return other, "", nil
	}
	return own, "", nil
}

// ask says where the present state of the next object is read.
func (r *rule) ask(x *gatehouse.Exchange) {
	id := r.nth(x)
	if id == "" || r.count(x) > mostLookups {
		return // nothing is asked, and so nothing is known
	}
	x.Request.Forward.Set("accept-encoding", "identity")
	if len(r.names) == 1 && r.names[0].in == inPath {
		_, end := segment(x.Request.Path, r.names[0].segment)
		x.Lookup.Path = x.Request.Path[:end]
		return
	}
	x.Lookup.Path = x.Append(func(b []byte) []byte {
		for _, p := range r.lookup {
			switch {
			case p.id:
				b = appendSegment(b, id)
			case p.param != "":
				value, _ := x.Request.Param(p.param)
				b = appendSegment(b, value)
			default:
				b = append(b, p.text...)
			}
		}
		return b
	})
}

// appendSegment appends text as a segment of a canonical path: everything but the
// unreserved characters is escaped (RFC 3986 section 2.3).
func appendSegment(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// looked compares an object's present state before the request goes on, and asks for
// the next one.
func (r *rule) looked(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	l := &x.Lookup
	switch {
	case refusal != nil:
		return gatehouse.Deny(refusal), nil
	case r.count(x) > mostLookups:
		return gatehouse.Deny(tooMany), nil
	case l.Status == 404 || l.Status == 410:
		return gatehouse.Deny(notFound), nil
	case l.Status == 403:
		return r.refuse().Because("the upstream does not show the object to the caller"), nil
	case l.Status != 200:
		return gatehouse.Verdict{}, errNoState
	}
	d, err := jsonwalk.Of(&l.Parsed, l.Body, limits)
	if err != nil {
		return gatehouse.Verdict{}, errNoState
	}
	ask := r.asker(ctx, x)
	found, why := r.touch(ask, r.act, r.nth(x), d, 0, s)
	switch found {
	case absent:
		if why != "" {
			return gatehouse.Verdict{}, errors.New("object: " + why)
		}
		return gatehouse.Verdict{}, errNoState
	case other:
		return r.refuseSeen(x, ask, d, s.p).Because(why), nil
	}
	if r.matched {
		match(x)
	}
	if l.Nth+1 < r.count(x) {
		l.Again = true
		return gatehouse.Pass, nil
	}
	switch {
	case r.act != nil:
		return byPolicy.Because(why), nil
	case s.role:
		return byRole, nil
	}
	return byOwner, nil
}

// nth returns the id of the object that is looked at.
func (r *rule) nth(x *gatehouse.Exchange) (id string) {
	n := 0
	r.eachID(x, func(one string) *gatehouse.Answer {
		if n == x.Lookup.Nth {
			id = one
		}
		n++
		return nil
	})
	return id
}

// count returns how many objects the request names.
func (r *rule) count(x *gatehouse.Exchange) (n int) {
	r.eachID(x, func(string) *gatehouse.Answer {
		n++
		return nil
	})
	return n
}

// match binds the write to the state that was looked at (RFC 9110 section 13.1.1): an
// object that is given to somebody else in between is not written to. A weak tag
// would never match. What the caller demands stays, where it says more than ours.
func match(x *gatehouse.Exchange) {
	tag := x.Lookup.ETag
	if len(tag) < 2 || tag[0] != '"' {
		return
	}
	if x.Request.Fields.Has("if-match") {
		said := x.Request.Fields.Get("if-match")
		if x.Request.Fields.Count("if-match") > 1 || said != "*" && !strings.Contains(said, tag) {
			return // none of its tags is that of the state: the upstream refuses
		}
	}
	x.Request.Forward.Set("if-match", tag)
}
