package engine

import (
	"context"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// perItem is the rule in the trail of a step that judges items, until it has
// something else to say.
const perItem = "engine.per_item"

// deferred reports whether the present step can wait for the items of a reply
// that is a sequence, and notes that it does. Only successes are sequences: of an
// error the whole is looked at.
func deferred(x *gatehouse.Exchange) bool {
	r := &x.Response
	if !r.Sequence || r.Own || r.Status < 200 || r.Status > 299 || !x.Endpoint.Plan.Items {
		return false
	}
	return x.Cursor.Deferred.Add(x.Cursor.PC)
}

// Items reports, once [Advance] has said [Done], whether the items of the reply are
// to be judged: the host then calls [Item] for each, and nothing else of the body
// leaves.
func Items(x *gatehouse.Exchange) bool {
	return x.EndedBy == "" && x.Cursor.Deferred != gatehouse.Steps{}
}

// Item judges one item and reports whether the reply may go on. When it may not,
// the exchange has ended with a refusal after its answer began: nothing more
// leaves, and the host lets the client see that the reply is cut short. It never
// panics because of a step, and allocates nothing.
func Item(ctx context.Context, x *gatehouse.Exchange, item *gatehouse.Item) (ok bool) {
	p, c := x.Endpoint.Plan, &x.Cursor
	pc := c.PC
	defer func() {
		if e := recover(); e != nil {
			cut(x, gatehouse.SaidError, gatehouse.Deny(&undecided).Because("panic in the step"))
			ok = false
		}
		c.PC = pc
	}()
	for i := range p.Steps {
		if !c.Deferred.Has(i) {
			continue
		}
		c.PC = i + 1 // what the step notes is the step's
		if !judge(ctx, x, p, item) {
			return false
		}
		if item.Dropped {
			return true
		}
	}
	return true
}

// Cut ends an exchange whose answer has begun, as [Item] does, for what the host
// sees: an item that is too large, or no item at all.
func Cut(x *gatehouse.Exchange, control string, a *gatehouse.Answer, detail string) {
	x.Ended, x.EndedBy = gatehouse.Deny(a).Because(detail), control
}

// judge lets the present step judge an item.
func judge(ctx context.Context, x *gatehouse.Exchange, p *gatehouse.Plan, item *gatehouse.Item) bool {
	s := &p.Steps[x.Cursor.PC-1]
	shadow := s.Mode == gatehouse.Shadow
	judged := item
	if shadow {
		// A filter may write over the bytes that it was given.
		judged = &gatehouse.Item{Data: append([]byte(nil), item.Data...), Name: item.Name, ID: item.ID}
	}
	v, err := s.Each(ctx, x, judged)
	switch {
	case err != nil && !shadow && p.Opens[s.Control]:
		remark(x, gatehouse.SaidErrorOpen, "", err.Error())
		return true
	case err != nil:
		v = gatehouse.Deny(&undecided).Because(err.Error())
	case !v.Passed() && v.Answer() == nil:
		v = gatehouse.Deny(&undecided).Because("the control did not decide")
	}
	switch {
	case v.Passed():
		if !v.Silent() {
			remark(x, gatehouse.SaidPass, v.Rule(), v.Detail())
		}
		return true
	case shadow:
		remark(x, gatehouse.SaidWould, v.Rule(), v.Detail())
		return true
	case err != nil:
		cut(x, gatehouse.SaidError, v)
	default:
		cut(x, gatehouse.SaidDeny, v)
	}
	return false
}

// cut ends an exchange whose answer has begun: the response stays what was sent.
func cut(x *gatehouse.Exchange, said gatehouse.Said, v gatehouse.Verdict) {
	remark(x, said, v.Rule(), v.Detail())
	x.Ended, x.EndedBy = v, x.Endpoint.Plan.Steps[x.Cursor.PC-1].Control
}

// remark changes what the present step has said, for the worse only: of a thousand
// items the first that is remarkable is kept.
func remark(x *gatehouse.Exchange, said gatehouse.Said, rule, detail string) {
	for i := range x.Trail {
		m := &x.Trail[i]
		if int(m.Step) != x.Cursor.PC-1 {
			continue
		}
		if said == gatehouse.SaidDeny || said == gatehouse.SaidError || m.Said == gatehouse.SaidPass && (said != gatehouse.SaidPass || m.Rule == perItem) {
			m.Said, m.Rule, m.Detail, m.After = said, rule, detail, time.Since(x.At)
		}
		return
	}
}
