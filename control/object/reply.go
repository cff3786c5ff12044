package object

import (
	"context"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// released judges the reply to a read before a byte of it leaves.
func (r *rule) released(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	d, v, more := r.reply(x, s)
	if !more {
		return v, nil
	}
	switch r.compare(d, 0, s) {
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

// reply returns the reply as a document, or the verdict where there is none to
// be looked at. The upstream's errors pass: they are no objects.
func (r *rule) reply(x *gatehouse.Exchange, s standing) (*jsonwalk.Doc, gatehouse.Verdict, bool) {
	res := &x.Response
	switch {
	case res.Own:
		return nil, gatehouse.Pass, false
	case res.Status == 404 && r.hide:
		return nil, gatehouse.Deny(notFound), false
	case res.Status >= 400:
		return nil, gatehouse.Pass, false
	case s.role && r.tenant.path == nil:
		return nil, gatehouse.PassBy("object.role"), false
	case res.Status != 200 && res.Status != 203:
		return nil, gatehouse.Deny(unverifiable).Because("the status is neither 200 nor an error"), false
	case res.BodyTooLarge:
		return nil, gatehouse.Deny(unverifiable).Because("the reply is too large to be looked at"), false
	case encoded(res.Fields):
		return nil, gatehouse.Deny(unverifiable).Because("the reply is encoded"), false
	}
	d, err := jsonwalk.Of(&res.Parsed, res.Body, limits)
	if err != nil {
		return nil, gatehouse.Deny(unverifiable).Because("the reply is not one JSON document"), false
	}
	return d, gatehouse.Verdict{}, true
}

func encoded(f gatehouse.Fields) bool {
	for i := range f {
		if f[i].Name == "content-encoding" && !strings.EqualFold(f[i].Value, "identity") {
			return true
		}
	}
	return false
}

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
	d, v, more := r.reply(x, s)
	if !more {
		return v, nil
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
	switch {
	case worst == absent:
		return gatehouse.Deny(unverifiable).Because("an element does not say whose it is"), nil
	case worst == own:
		return gatehouse.PassBy("object.verified"), nil
	case !r.drop:
		return gatehouse.Deny(foreign).Because("an element is somebody else's"), nil
	}
	r.cutOut(x, d, cut)
	return gatehouse.PassBy("object.dropped"), nil
}

// cutOut removes the elements from the reply, and the fields that speak of the
// bytes that were.
func (r *rule) cutOut(x *gatehouse.Exchange, d *jsonwalk.Doc, cut *cutting) {
	cut.out = d.AppendWithout(cut.out[:0], cut.nodes)
	x.Response.Body = append(x.Response.Body[:0], cut.out...)
	x.Response.Parsed.Reset()
	for _, name := range [...]string{"etag", "content-md5", "digest", "content-digest", "repr-digest", "accept-ranges", "last-modified"} {
		x.Response.Fields.Del(name)
	}
}
