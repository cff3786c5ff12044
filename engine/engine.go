// Package engine compiles the controls of an endpoint into a plan and walks
// exchanges through it. It defends against order that is an accident: a control
// that is forgotten, runs too late, fails or panics never lets a request
// through, because closing is the engine's own business and not the control's.
//
// It knows no control, no transport and no file format.
package engine

import (
	"context"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// Want is what the engine needs from its host before it can go on.
type Want uint8

// The wants.
const (
	Done          Want = iota // the walk is over: send Exchange.Response, or stream the reply's body after it
	WantBody                  // read the request body into Request.Body, then call Brought(x, Body)
	WantObject                // fetch Lookup.Path upstream into Lookup, then call Brought(x, Object)
	WantReply                 // forward the request and bring the reply's head, then call Brought(x, Reply)
	WantReplyBody             // read the reply's body into Response.Body, then call Brought(x, ReplyBody)
)

// Advance walks x through its plan until it needs something, and says what.
// The host calls it until it says [Done]. It never panics because of a step and
// allocates nothing.
func Advance(ctx context.Context, x *gatehouse.Exchange) Want {
	for {
		if w, ok := walk(ctx, x); ok {
			return w
		}
	}
}

// Brought tells the engine that the host has brought what was wanted.
func Brought(x *gatehouse.Exchange, n gatehouse.Need) {
	x.Cursor.After = 0 // time has passed
	if n == gatehouse.Object {
		x.Cursor.Looked = true
		return
	}
	x.Cursor.Have = max(x.Cursor.Have, n)
}

// Clock spares the engine a look at its clock: the host has just read that at has gone by
// since the exchange began.
func Clock(x *gatehouse.Exchange, at time.Duration) { x.Cursor.After = at }

// Fail ends the exchange with an answer of the host, such as 502 for an
// upstream that cannot be reached. The Respond steps still run: call Advance
// until it says [Done].
func Fail(x *gatehouse.Exchange, control string, a *gatehouse.Answer, detail string) {
	if x.Cursor.Finished {
		return
	}
	end(x, gatehouse.Deny(a).Because(detail), control, host)
	if p := x.Endpoint.Plan; x.Cursor.PC < p.Respond {
		x.Cursor.PC = p.Respond
	}
}

// walk runs steps until it needs something (ok), or until a step has panicked
// (not ok: the walk goes on behind that step).
func walk(ctx context.Context, x *gatehouse.Exchange) (w Want, ok bool) {
	p, c := x.Endpoint.Plan, &x.Cursor
	defer func() {
		if e := recover(); e != nil {
			refuse(x, p, &p.Steps[c.PC-1], gatehouse.SaidError, "panic in the step")
			w, ok = Done, false
		}
	}()
	for c.PC < len(p.Steps) {
		at := c.PC
		s := &p.Steps[at]
		// Before the reply most steps need nothing that has to be brought.
		if s.Stage != gatehouse.Respond && (s.Need != gatehouse.Head || s.Stage >= gatehouse.Inspect) {
			if w, wants := want(x, s); wants {
				return w, true
			}
		}
		c.PC = at + 1
		if s.Need == gatehouse.ReplyBody && s.Stage == gatehouse.Inspect && c.Deferred.Has(at) {
			mark(x, at, gatehouse.SaidPass, perItem, "")
			continue
		}
		if s.Skip != nil && s.Stage == gatehouse.Inspect && s.Skip(x) {
			mark(x, at, gatehouse.SaidPass, "engine.skipped", "")
			continue
		}
		if s.Mode == gatehouse.Shadow {
			shadow(ctx, x, at, s)
			continue
		}
		v, err := s.Enforce(ctx, x)
		if s.Need == gatehouse.Object && again(x, v, err) {
			continue
		}
		if err != nil {
			if p.Opens[s.Control] {
				mark(x, at, gatehouse.SaidErrorOpen, "", err.Error())
				// Open means open: the waiver stands for the grant too, or it
				// would be closed again by the post-condition.
				c.Granted = c.Granted || s.Stage == gatehouse.Authorize
				continue
			}
			refuse(x, p, s, gatehouse.SaidError, err.Error())
			continue
		}
		// Most steps have nothing to say, and reading the clock costs more than
		// most of them.
		if v.Silent() && x.Passed.Add(at) {
			continue
		}
		settle(x, p, s, v)
	}
	c.Finished = true
	return Done, true
}

// settle carries out an enforced verdict.
func settle(x *gatehouse.Exchange, p *gatehouse.Plan, s *gatehouse.Step, v gatehouse.Verdict) {
	at := x.Cursor.PC - 1
	switch {
	case v.Granted():
		x.Cursor.Granted = true
		mark(x, at, gatehouse.SaidGrant, v.Rule(), v.Detail())
	case v.Suspects():
		mark(x, at, gatehouse.SaidSuspect, v.Rule(), v.Detail())
	case v.Passed():
		mark(x, at, gatehouse.SaidPass, v.Rule(), v.Detail())
	case v.Answer() == nil:
		refuse(x, p, s, gatehouse.SaidError, "the control did not decide")
	default:
		said := gatehouse.SaidDeny
		if !v.Denied() {
			said = gatehouse.SaidAnswer
		}
		mark(x, at, said, v.Rule(), v.Detail())
		end(x, v, s.Control, at)
		x.Cursor.PC = max(x.Cursor.PC, p.Respond)
	}
}

// refuse closes because a step could not decide.
func refuse(x *gatehouse.Exchange, p *gatehouse.Plan, s *gatehouse.Step, said gatehouse.Said, why string) {
	mark(x, x.Cursor.PC-1, said, undecided.Reason, why)
	end(x, gatehouse.Deny(&undecided).Because(why), s.Control, x.Cursor.PC-1)
	x.Cursor.PC = max(x.Cursor.PC, p.Respond)
}

// want says what must be brought before s can run.
func want(x *gatehouse.Exchange, s *gatehouse.Step) (Want, bool) {
	have := x.Cursor.Have
	if s.Stage >= gatehouse.Inspect && have < gatehouse.Reply {
		return WantReply, true
	}
	switch {
	case s.Need == gatehouse.Body && have < gatehouse.Body:
		return WantBody, true
	case s.Need == gatehouse.Object && !x.Cursor.Looked:
		before := x.Lookup.Path
		x.Lookup.Path, x.Lookup.Query = "", ""
		s.Prepare(x)
		switch {
		case x.Lookup.Path == "": // nothing to look up
			x.Lookup.Status = 0
		case x.Lookup.Path != before || x.Lookup.Status == 0:
			forgetObject(x)
			return WantObject, true
		}
	case s.Need == gatehouse.ReplyBody && have < gatehouse.ReplyBody && (s.Skip == nil || !s.Skip(x)):
		return WantReplyBody, !deferred(x)
	}
	return 0, false
}

// again reports whether a step that needs an object has judged one and must see
// another. Whatever it says, the next step asks for an object of its own.
func again(x *gatehouse.Exchange, v gatehouse.Verdict, err error) bool {
	l := &x.Lookup
	x.Cursor.Looked = false
	if !l.Again || err != nil || !v.Passed() {
		l.Again, l.Nth = false, 0
		return false
	}
	l.Again = false
	l.Nth++
	x.Cursor.PC--
	return true
}

// forgetObject forgets the state of the object before: another's may come into the
// same memory.
func forgetObject(x *gatehouse.Exchange) {
	l := &x.Lookup
	if l.Parsed != nil {
		l.Parsed.Reset()
	}
	l.Status, l.ETag, l.Body = 0, "", l.Body[:0]
}

// shadow lets a step decide and takes back what it did to the exchange.
func shadow(ctx context.Context, x *gatehouse.Exchange, at int, s *gatehouse.Step) {
	request, response, principal := x.Request, x.Response, x.Principal
	request.Forward = append(gatehouse.Fields(nil), x.Request.Forward...)
	request.Drop = append([]string(nil), x.Request.Drop...)
	response.Fields = append(gatehouse.Fields(nil), x.Response.Fields...)
	// A filter writes over the bytes that it was given.
	response.Body = append([]byte(nil), x.Response.Body...)
	defer func() {
		e := recover()
		request.Parsed, response.Parsed = x.Request.Parsed, x.Response.Parsed
		if response.Parsed != nil {
			response.Parsed.Reset() // it is of bytes that may be others by now
		}
		x.Request, x.Response, x.Principal = request, response, principal
		if e != nil {
			mark(x, at, gatehouse.SaidWould, undecided.Reason, "panic in the step")
		}
	}()
	v, err := s.Enforce(ctx, x)
	// A shadowed control of Authorize has a waiver: it must not close by way of
	// the post-condition what it may not close itself.
	x.Cursor.Granted = x.Cursor.Granted || s.Stage == gatehouse.Authorize
	switch {
	case s.Need == gatehouse.Object && again(x, v, err):
	case err != nil:
		mark(x, at, gatehouse.SaidWould, undecided.Reason, err.Error())
	case v.Suspects():
		mark(x, at, gatehouse.SaidSuspect, v.Rule(), v.Detail())
	case v.Passed():
		mark(x, at, gatehouse.SaidPass, v.Rule(), v.Detail())
	default:
		mark(x, at, gatehouse.SaidWould, v.Rule(), v.Detail())
	}
}

// mark adds to the trail. What passes carries the time that was read last since the host
// brought something: reading the clock costs more than most steps.
func mark(x *gatehouse.Exchange, step int, said gatehouse.Said, rule, detail string) {
	if c := &x.Cursor; c.After == 0 || said != gatehouse.SaidPass && said != gatehouse.SaidGrant {
		c.After = time.Since(x.At)
	}
	x.Trail = append(x.Trail, gatehouse.Mark{Step: uint16(step), Said: said, Rule: rule, Detail: detail, After: x.Cursor.After})
}

// undecided is the answer for every step that failed: the caller learns nothing
// but that the gateway could not decide.
var undecided = gatehouse.Answer{Status: 503, Reason: "engine.undecided", Public: "The request could not be decided on; try again later"}
