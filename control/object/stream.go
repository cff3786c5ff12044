package object

import (
	"cmp"
	"context"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// releasedItem judges an item of a sequence that stands for the object.
func (r *rule) releasedItem(ctx context.Context, x *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
	return r.item(ctx, x, item, false), nil
}

// listedItem judges an item of a sequence that is a list: each item is an element,
// wherever the elements of a list that comes as one document may be.
func (r *rule) listedItem(ctx context.Context, x *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
	return r.item(ctx, x, item, r.drop), nil
}

// item lets an item leave that says it is the caller's. What does not say whose it
// is ends the sequence, text that is no JSON included.
func (r *rule) item(ctx context.Context, x *gatehouse.Exchange, item *gatehouse.Item, drop bool) gatehouse.Verdict {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal)
	}
	if len(item.Data) == 0 {
		return gatehouse.Pass // a name or a number, and no object
	}
	if v, more := r.reply(x, s); !more {
		return v
	}
	res := &x.Response
	if res.Parsed != nil {
		res.Parsed.Reset() // the item before stood in the same memory
	}
	d, err := jsonwalk.Of(&res.Parsed, item.Data, limits)
	if err != nil {
		return gatehouse.Deny(unverifiable).Because("an item of the reply is not one JSON document")
	}
	found, why := absent, ""
	if r.action == policy.List {
		found, why, err = r.element(ctx, r.asker(ctx, x), d, 0, s)
	} else {
		found, why = r.touch(r.asker(ctx, x), r.act, r.id(x), d, 0, s)
	}
	res.Parsed.Reset()
	switch {
	case err != nil:
		return gatehouse.Deny(unverifiable).Because(err.Error())
	case found == absent:
		return gatehouse.Deny(unverifiable).Because(cmp.Or(why, "an item of the reply does not say whose it is"))
	case found == own:
		return verified
	case drop:
		item.Dropped = true
		return gatehouse.PassBy("object.dropped")
	}
	return gatehouse.Deny(foreign).Because(cmp.Or(why, "an item of the reply is somebody else's"))
}
