package reply

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/events"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// bound tells the host what it may bring: how large an item of a sequence is, and
// whether a body over the limit may come by its beginning. It does so before the
// reply is there, since others may want its body first.
func (c *Config) bound(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	x.Response.ItemLimit = c.MaxItem
	x.Response.Partial = c.NotInspected != nil
	return gatehouse.Pass, nil
}

// sequence returns what is declared for a reply that is a sequence, or nil.
func (k *check) sequence(x *gatehouse.Exchange) *openapi.MediaType {
	if !k.sequences {
		return nil
	}
	contentType := x.Response.Fields.Get("content-type")
	declared := k.op.Response(x.Response.Status)
	if declared == nil || events.Of(contentType) == events.None {
		return nil
	}
	return declared.Represented(contentType)
}

// skips reports, by the head, a reply in which nothing is declared that could be
// judged.
func (k *check) skips(x *gatehouse.Exchange) bool {
	if m := k.sequence(x); m != nil && !x.Response.Own {
		return m.Item == nil
	}
	return k.nothing(x)
}

// whole is body for a reply that is held. A sequence is judged item by item or not
// at all: one that came whole, since it was encoded, does not leave.
func (k *check) whole(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if m := k.sequence(x); m != nil && m.Item != nil && !x.Response.Own && x.Response.Status < 400 && len(x.Response.Body) > 0 {
		return gatehouse.Deny(unreadable).Because("the reply is a sequence that cannot be taken apart"), nil
	}
	if x.Response.BodyTooLarge && x.Response.Partial {
		return gatehouse.PassBy("reply.not_inspected"), nil
	}
	v, err := k.body(ctx, x)
	if v.Passed() && v.Rule() == reported && k.due(x.At) {
		k.whyReported(x, k.op.Response(x.Response.Status).JSON(x.Response.Fields.Get("content-type")), x.Response.Body)
	}
	return v, err
}

// options are how a reply, or an item, is judged for the caller.
func (k *check) options(x *gatehouse.Exchange) openapi.Options {
	o := openapi.Options{Direction: openapi.Reply, Undeclared: k.undeclared}
	if p := x.Principal; p != nil {
		o.Roles = k.op.Roles.Held(p.Roles, true)
	}
	return o
}

// judging is the memory for an item.
type judging struct {
	doc jsonwalk.Doc
	out []byte
}

// each judges an item of a sequence and cuts what the schema does not declare.
func (k *check) each(_ context.Context, x *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
	m := k.sequence(x)
	if m == nil || m.Item == nil || len(item.Data) == 0 {
		return gatehouse.Pass, nil
	}
	j, pooled := k.items.Get().(*judging)
	if !pooled {
		j = new(judging)
	}
	defer k.items.Put(j)
	out, cut, v := m.Judge(j.out[:0], item.Data, &j.doc, limits, k.options(x))
	j.doc.Reset() // what it was made of lives until the next item
	if cut {
		j.out = out
	}
	refusal := k.refusal(v)
	switch {
	case refusal != nil:
		k.whyItem(x, m, item, refusal)
		return gatehouse.Deny(refusal).Because(v.String()), nil
	case cut:
		// The buffer is the next exchange's: the item keeps its own memory.
		item.Data = append(item.Data[:0:len(item.Data)], out...)
		return stripped, nil
	case v.Keyword != "":
		if k.due(x.At) {
			k.whyReported(x, m.Item, item.Data)
		}
		return gatehouse.PassBy(reported).Because(v.String()), nil
	}
	return gatehouse.Pass, nil
}

// refusal returns the answer to an item that must not leave, or nil.
func (k *check) refusal(v openapi.Violation) *gatehouse.Answer {
	switch {
	case v.Keyword == "json" || v.Keyword == "budget":
		return unreadable
	case v.Keyword == "undeclared":
		return undeclaredMember
	case v.Keyword != "" && k.strict:
		return invalid
	}
	return nil
}

// whyItem notes what in an item is not as described.
func (k *check) whyItem(x *gatehouse.Exchange, m *openapi.MediaType, item *gatehouse.Item, refusal *gatehouse.Answer) {
	o := k.options(x)
	o.Roles = everyRole
	if refusal != undeclaredMember {
		o.Undeclared = openapi.Allow
	}
	if refusal == unreadable {
		x.Violated(gatehouse.Violation{In: "reply", Keyword: "json"})
		return
	}
	k.note(x, m.Item, o, item.Data)
}
