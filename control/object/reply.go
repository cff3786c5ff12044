package object

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// released judges the reply to a read before a byte of it leaves.
func (r *rule) released(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	if v, more := r.reply(x, s); !more {
		return v, nil
	}
	found, ok := r.read(x, s)
	if !ok {
		d, err := jsonwalk.Of(&x.Response.Parsed, x.Response.Body, limits)
		if err != nil {
			return gatehouse.Deny(unverifiable).Because(notJSON), nil
		}
		found = r.compare(d, 0, s)
	}
	switch found {
	case absent:
		return gatehouse.Deny(unverifiable).Because("the reply does not say whose the object is"), nil
	case other:
		return r.refuse(), nil
	}
	return gatehouse.PassBy("object.verified"), nil
}

// masked makes every miss look alike, so that nobody learns from the upstream's
// own 404 what a refusal would have hidden.
func (r *rule) masked(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if r.hide && x.Response.Status == 404 && !x.Response.Own {
		return gatehouse.Deny(notFound), nil
	}
	return gatehouse.Pass, nil
}

// reply reports whether there is a reply to be looked at, or returns the verdict
// where there is none. The upstream's errors pass: they are no objects.
func (r *rule) reply(x *gatehouse.Exchange, s standing) (gatehouse.Verdict, bool) {
	res := &x.Response
	switch {
	case res.Own:
		return gatehouse.Pass, false
	case res.Status == 404 && r.hide:
		return gatehouse.Deny(notFound), false
	case res.Status >= 400:
		return gatehouse.Pass, false
	case s.role && r.tenant.path == nil:
		return gatehouse.PassBy("object.role"), false
	case res.Status != 200 && res.Status != 203:
		return gatehouse.Deny(unverifiable).Because("the status is neither 200 nor an error"), false
	case res.BodyTooLarge:
		return gatehouse.Deny(unverifiable).Because("the reply is too large to be looked at"), false
	case res.Fields.Encoded():
		return gatehouse.Deny(unverifiable).Because("the reply is encoded"), false
	}
	return gatehouse.Verdict{}, true
}

// notJSON is why a reply cannot be looked at.
const notJSON = "the reply is not one JSON document"

// read compares the reply, or every element of a list, by the pass over it that
// control/reply needs as well, and reports whether that could be done. It cannot
// where the description does not declare the reply or the reply is not as
// declared: those are parsed.
func (r *rule) read(x *gatehouse.Exchange, s standing) (outcome, bool) {
	res := &x.Response
	declared := r.op.Response(res.Status)
	if r.picks == nil || declared == nil {
		return absent, false
	}
	schema := declared.JSON(res.Fields.Get("content-type"))
	if schema == nil {
		return absent, false
	}
	reading, ok := schema.Read(&res.Parsed, res.Body, limits, openapi.Options{Undeclared: openapi.Strip, Roles: r.op.Roles.Held(s.p.Roles, true)}, r.picks)
	if !ok {
		return absent, false
	}
	worst := own
	reading.Each(func(v *openapi.Values) bool {
		worst = min(worst, r.judge(v, s))
		return worst == own
	})
	return worst, true
}

// The places of r.picks.
const (
	pickedTenant = iota
	pickedOwner
)

// cutting is the memory for cutting elements out of a list.
type cutting struct {
	nodes []int
	out   []byte
}

// listed judges every element of a list before a byte of it leaves.
func (r *rule) listed(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	if v, more := r.reply(x, s); !more {
		return v, nil
	}
	if !r.drop {
		if worst, ok := r.read(x, s); ok {
			return verdict(worst), nil
		}
	}
	d, err := jsonwalk.Of(&x.Response.Parsed, x.Response.Body, limits)
	if err != nil {
		return gatehouse.Deny(unverifiable).Because(notJSON), nil
	}
	cut, ok := r.buffers.Get().(*cutting)
	if !ok {
		cut = new(cutting)
	}
	defer r.buffers.Put(cut)
	cut.nodes = cut.nodes[:0]
	worst := own
	r.each.Each(d, 0, func(n int) bool {
		found := absent
		if n != jsonwalk.Missing {
			found = r.compare(d, n, s)
		}
		worst = min(worst, found)
		if found == other {
			cut.nodes = append(cut.nodes, n)
		}
		return found != absent && (r.drop || found == own)
	})
	if worst == other && r.drop {
		r.cutOut(x, d, cut)
		return gatehouse.PassBy("object.dropped"), nil
	}
	return verdict(worst), nil
}

// verdict is what the worst element of a list means for all of it.
func verdict(worst outcome) gatehouse.Verdict {
	switch worst {
	case absent:
		return gatehouse.Deny(unverifiable).Because("an element does not say whose it is")
	case own:
		return gatehouse.PassBy("object.verified")
	}
	return gatehouse.Deny(foreign).Because("an element is somebody else's")
}

// cutOut removes the elements from the reply, and the fields that speak of the
// bytes that were.
func (r *rule) cutOut(x *gatehouse.Exchange, d *jsonwalk.Doc, cut *cutting) {
	cut.out = d.AppendWithout(cut.out[:0], cut.nodes)
	x.Response.Body = append(x.Response.Body[:0], cut.out...)
	x.Response.Changed()
	x.Response.Fields.Del("accept-ranges")
	x.Response.Fields.Del("last-modified")
}
