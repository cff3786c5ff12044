package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-api/gatehouse"
)

// Configured is one control as the operator wants it on one endpoint.
type Configured struct {
	Kind    gatehouse.Kind
	Control gatehouse.Control
	Mode    gatehouse.Mode
	Place   gatehouse.Place
	Waiver  *gatehouse.Waiver // why Mode is not enforce
	Opens   *gatehouse.Waiver // why an error of this control lets through
}

// Refused is the error of a control that did not compile.
type Refused struct {
	Control  string // the kind's name
	Endpoint string // the operation's id, or "undeclared"
	Err      error  // one or more [*gatehouse.Fault]s, joined
}

// Error names the endpoint, the control and the fault.
func (r *Refused) Error() string { return r.Endpoint + ": " + r.Control + ": " + r.Err.Error() }

// Unwrap returns the control's own error.
func (r *Refused) Unwrap() error { return r.Err }

// Compile sorts the steps of an endpoint's controls into one plan and adds what
// no control can leave out: the post-conditions of Authenticate and Authorize.
// All errors are reported together; each is a [*Refused].
func Compile(b *gatehouse.Build, controls []Configured) (*gatehouse.Plan, error) {
	if b.Operation == nil {
		return nil, errors.New("engine: compiling a plan: no operation; undeclared requests have CompileUndeclared")
	}
	p, err := compile(b, controls)
	if err != nil {
		return nil, err
	}
	if b.Public == nil {
		if !slices.ContainsFunc(p.Steps, func(s gatehouse.Step) bool { return s.Stage == gatehouse.Authenticate }) {
			return nil, &Refused{Control: "authenticate", Endpoint: b.Name(), Err: &gatehouse.Fault{
				Says: "no control authenticates the caller of " + b.Name(),
				Fix:  "issuer and audience for the API, or public: {" + b.Name() + ": {because: why, owner: who@example.com, until: 2027-06-30}}"}}
		}
		p.Steps = append(p.Steps,
			gatehouse.Step{Control: "authenticated", Stage: gatehouse.Authenticate, Enforce: authenticated},
			gatehouse.Step{Control: "granted", Stage: gatehouse.Authorize, Enforce: granted})
	}
	p.Steps = append(p.Steps, gatehouse.Step{Control: "forwarded", Stage: gatehouse.Inspect, Need: gatehouse.Reply, Enforce: replied})
	return arrange(p), nil
}

// CompileUndeclared compiles the plan of a place where undeclared requests end
// up: the controls look first, so that a blocked or too frequent caller learns
// nothing and a preflight is answered, then a refuses.
func CompileUndeclared(b *gatehouse.Build, controls []Configured, a *gatehouse.Answer) (*gatehouse.Plan, error) {
	p, err := compile(b, controls)
	if err != nil {
		return nil, err
	}
	v := gatehouse.Deny(a)
	p.Steps = append(p.Steps, gatehouse.Step{Control: "declared", Stage: gatehouse.Validate,
		Enforce: func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) { return v, nil }})
	return arrange(p), nil
}

func compile(b *gatehouse.Build, controls []Configured) (*gatehouse.Plan, error) {
	p := &gatehouse.Plan{Opens: map[string]bool{}}
	var faults []error
	for i := range controls {
		c := &controls[i]
		steps, err := one(b, c, p)
		if err != nil {
			faults = append(faults, &Refused{Control: c.Kind.Name, Endpoint: b.Name(), Err: err})
			continue
		}
		p.Steps = append(p.Steps, steps...)
	}
	return p, errors.Join(faults...)
}

// one compiles one control and checks what it may not decide for itself.
func one(b *gatehouse.Build, c *Configured, p *gatehouse.Plan) ([]gatehouse.Step, error) {
	if c.Mode != gatehouse.Enforce {
		if err := mayLoosen(b, c); err != nil {
			return nil, err
		}
	}
	if c.Mode == gatehouse.Off {
		p.Facts = append(p.Facts, gatehouse.Fact{Says: c.Kind.Name + " is off: " + c.Waiver.String()})
		return nil, nil
	}
	steps, err := c.Control.Compile(b)
	if err != nil {
		return nil, err
	}
	for i := range steps {
		s := &steps[i]
		s.Control, s.Mode, s.Place = c.Kind.Name, c.Mode, c.Place
		if err := fits(b, s); err != nil {
			return nil, err
		}
	}
	if c.Opens != nil {
		p.Opens[c.Kind.Name] = true
	}
	if len(steps) > 0 {
		sheet := gatehouse.Sheet{Build: b}
		c.Control.Explain(&sheet)
		p.Facts = append(p.Facts, sheet.Facts...)
	}
	return steps, nil
}

func mayLoosen(b *gatehouse.Build, c *Configured) error {
	switch {
	case c.Mode == gatehouse.Off && c.Kind.Mandatory:
		return &gatehouse.Fault{Key: "off", Says: c.Kind.Name + " cannot be switched off", Fix: "remove the off block"}
	case c.Mode == gatehouse.Off && c.Waiver == nil:
		return &gatehouse.Fault{Key: "off", Says: c.Kind.Name + " is switched off without a reason", Fix: "off: {because: why, owner: who@example.com, until: 2027-06-30}"}
	case c.Waiver != nil && c.Waiver.Expired(b.Now()):
		return &gatehouse.Fault{Key: "off", Says: "the waiver ended on " + c.Waiver.Until.Format("2006-01-02"), Fix: "remove it, or renew until"}
	}
	return nil
}

// fits refuses a step that its host cannot serve or that nobody could reach.
func fits(b *gatehouse.Build, s *gatehouse.Step) error {
	if s.Stage < gatehouse.Connect || s.Stage > gatehouse.Respond || s.Enforce == nil {
		return fmt.Errorf("engine: a step of %s has no stage or no function", s.Control)
	}
	if s.Mode == gatehouse.Shadow && s.Stage == gatehouse.Authenticate {
		return &gatehouse.Fault{Key: "mode", Says: "authentication has no shadow: nobody would be proven",
			Fix: "mode: enforce, or public: {" + b.Name() + ": {because: why, owner: who@example.com, until: 2027-06-30}}"}
	}
	if s.Each != nil && (s.Stage != gatehouse.Inspect || s.Need != gatehouse.ReplyBody) {
		return fmt.Errorf("engine: a step of %s judges items where there are none", s.Control)
	}
	if s.Last && s.Stage != gatehouse.Inspect {
		return fmt.Errorf("engine: a step of %s comes last where nothing is left to others", s.Control)
	}
	if s.Need == gatehouse.Object && s.Prepare == nil {
		return fmt.Errorf("engine: a step of %s needs an object and does not say which", s.Control)
	}
	if (s.Need == gatehouse.Body && s.Stage > gatehouse.Forward) || (s.Need >= gatehouse.Reply && s.Stage < gatehouse.Inspect) {
		return fmt.Errorf("engine: a step of %s at %s cannot need the %s", s.Control, s.Stage, s.Need)
	}
	c := b.Caps
	if (s.Need == gatehouse.Body && !c.Body) || (s.Need == gatehouse.Object && !c.Object) ||
		(s.Stage == gatehouse.Inspect && !c.Reply) || (s.Need == gatehouse.ReplyBody && !c.ReplyBody) {
		return &gatehouse.Fault{Says: fmt.Sprintf("this door cannot bring the %s, which %s needs", s.Need, s.Control),
			Fix: "the proxy door, or off: {because: why, owner: who@example.com, until: 2027-06-30} for " + s.Control}
	}
	return nil
}

// arrange brings the steps into the order of the stages. Within a stage the
// order of the catalogue stays, but for those that look at what others leave, and
// post-conditions, being appended, come last.
func arrange(p *gatehouse.Plan) *gatehouse.Plan {
	place := func(s *gatehouse.Step) int {
		at := 2 * int(s.Stage)
		if s.Last {
			at++
		}
		return at
	}
	slices.SortStableFunc(p.Steps, func(a, b gatehouse.Step) int { return place(&a) - place(&b) })
	// The reply is fetched before the first step of Inspect looks: the marker
	// that makes every plan forward goes first.
	if i := slices.IndexFunc(p.Steps, func(s gatehouse.Step) bool { return s.Control == "forwarded" }); i >= 0 {
		s := p.Steps[i]
		first := slices.IndexFunc(p.Steps, func(s gatehouse.Step) bool { return s.Stage == gatehouse.Inspect })
		p.Steps = slices.Insert(slices.Delete(p.Steps, i, i+1), first, s)
	}
	p.Respond = slices.IndexFunc(p.Steps, func(s gatehouse.Step) bool { return s.Stage == gatehouse.Respond })
	if p.Respond < 0 {
		p.Respond = len(p.Steps)
	}
	p.Items = true
	for _, s := range p.Steps {
		p.Items = p.Items && (s.Need != gatehouse.ReplyBody || s.Stage == gatehouse.Inspect && s.Each != nil)
		p.Body = p.Body || s.Need == gatehouse.Body
		p.ReplyBody = p.ReplyBody || s.Need == gatehouse.ReplyBody
	}
	return p
}

var (
	nobody = gatehouse.Answer{Status: 401, Reason: "authenticate.missing", Public: "Authentication required",
		Fields: gatehouse.Fields{{Name: "www-authenticate", Value: "Bearer"}}}
	nogrant = gatehouse.Answer{Status: 403, Reason: "authorize.not_granted", Public: "You may not do this"}
)

// authenticated is the post-condition of Authenticate.
func authenticated(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if x.Principal == nil || x.Principal.ID == "" {
		return gatehouse.Deny(&nobody), nil
	}
	return gatehouse.Pass, nil
}

// granted is the post-condition of Authorize.
func granted(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if !x.Cursor.Granted {
		return gatehouse.Deny(&nogrant), nil
	}
	return gatehouse.Pass, nil
}

// replied leaves in the trail when the upstream had replied.
func replied(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) { return wasReplied, nil }

var wasReplied = gatehouse.PassBy("engine.replied")
