package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
)

type enforce = func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error)

// fake is a control of one step, for tests of the engine alone.
type fake struct {
	stage gatehouse.Stage
	need  gatehouse.Need
	do    enforce
	skip  func(*gatehouse.Exchange) bool
	err   error
}

func (f *fake) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	if f.err != nil {
		return nil, f.err
	}
	return []gatehouse.Step{{Stage: f.stage, Need: f.need, Enforce: f.do, Skip: f.skip, Prepare: func(x *gatehouse.Exchange) { x.Lookup.Path = "/v1/orders/1" }}}, nil
}

func (f *fake) Explain(s *gatehouse.Sheet) { s.Fact("ops.explain", "a fake at %s", f.stage) }

func at(name string, s gatehouse.Stage, do enforce) engine.Configured {
	return engine.Configured{Kind: gatehouse.Kind{Name: name}, Control: &fake{stage: s, do: do}}
}

func needing(name string, s gatehouse.Stage, n gatehouse.Need, do enforce) engine.Configured {
	return engine.Configured{Kind: gatehouse.Kind{Name: name}, Control: &fake{stage: s, need: n, do: do}}
}

func pass(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
	return gatehouse.Pass, nil
}

func grant(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
	return gatehouse.Grant("test.grant"), nil
}

var alice = &gatehouse.Principal{Kind: "user", ID: "alice", Issuer: "https://issuer.test"}

func prove(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	x.Principal = alice
	return gatehouse.Pass, nil
}

var answer = &gatehouse.Answer{Status: 403, Reason: "test.denied", Public: "No"}

func deny(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
	return gatehouse.Deny(answer), nil
}

func stamp(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	x.Response.Fields.Set("x-frame-options", "DENY")
	return gatehouse.Pass, nil
}

type operation struct{ method, template string }

func (o operation) ID() string       { return o.method + " " + o.template }
func (o operation) Method() string   { return o.method }
func (o operation) Template() string { return o.template }

func build() *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: operation{"GET", "/v1/orders"}, Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}
}

var waiver = &gatehouse.Waiver{Because: "a test of waivers", Owner: "sre@example.com", Until: time.Now().AddDate(0, 1, 0)}

func compile(t testing.TB, b *gatehouse.Build, cs ...engine.Configured) *gatehouse.Plan {
	t.Helper()
	p, err := engine.Compile(b, cs)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run walks x like a host whose upstream answers 200, and says what was asked for.
func run(x *gatehouse.Exchange, p *gatehouse.Plan) (wants []engine.Want) {
	x.Reset()
	x.Endpoint, x.At = &gatehouse.Endpoint{Plan: p}, time.Now()
	for {
		w := engine.Advance(context.Background(), x)
		wants = append(wants, w)
		switch w {
		case engine.WantBody:
			engine.Brought(x, gatehouse.Body)
		case engine.WantObject:
			x.Lookup.Status = 200
			engine.Brought(x, gatehouse.Object)
		case engine.WantReply:
			x.Response.Status = 200
			engine.Brought(x, gatehouse.Reply)
		case engine.WantReplyBody:
			engine.Brought(x, gatehouse.ReplyBody)
		case engine.Done:
			return wants
		}
	}
}

func TestZeroVerdictDenies(t *testing.T) {
	if (gatehouse.Verdict{}).Passed() {
		t.Fatal("the zero verdict passes")
	}
	for s := gatehouse.Connect; s <= gatehouse.Respond; s++ {
		forgets := at("forgets", s, func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) { return gatehouse.Verdict{}, nil })
		p := compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant), forgets)
		x := &gatehouse.Exchange{}
		run(x, p)
		if x.Response.Status != 503 || !x.Ended.Denied() {
			t.Errorf("a control at %s that forgets to decide: status %d", s, x.Response.Status)
		}
	}
}

func TestEveryErrorCloses(t *testing.T) {
	for s := gatehouse.Connect; s <= gatehouse.Respond; s++ {
		for name, do := range map[string]enforce{
			"error": func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
				return gatehouse.Pass, errors.New("store is down")
			},
			"panic": func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) { panic("broken") },
		} {
			p := compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant),
				at("fails", s, do), at("headers", gatehouse.Respond, stamp))
			x := &gatehouse.Exchange{}
			wants := run(x, p)
			if x.Response.Status != 503 || x.EndedBy != "fails" {
				t.Errorf("%s at %s: status %d, ended by %q", name, s, x.Response.Status, x.EndedBy)
			}
			if x.Response.Fields.Get("x-frame-options") != "DENY" {
				t.Errorf("%s at %s: the refusal carries no security headers", name, s)
			}
			for _, w := range wants {
				if w == engine.WantReply && s < gatehouse.Inspect {
					t.Errorf("%s at %s: the upstream was asked", name, s)
				}
			}
		}
	}
}

func TestAnErrorOpensOnlyByWaiver(t *testing.T) {
	broken := at("broken", gatehouse.Validate, func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
		return gatehouse.Verdict{}, errors.New("away")
	})
	broken.Opens = waiver
	x := &gatehouse.Exchange{}
	run(x, compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant), broken))
	if x.Response.Status != 200 {
		t.Errorf("status %d", x.Response.Status)
	}
	if !trailHas(x, gatehouse.SaidErrorOpen) {
		t.Error("the trail does not say that it was opened")
	}
}

func TestAnEndpointNobodyAuthenticatesDoesNotCompile(t *testing.T) {
	_, err := engine.Compile(build(), []engine.Configured{at("allow", gatehouse.Authorize, grant)})
	var f *gatehouse.Fault
	if !errors.As(err, &f) || !strings.Contains(f.Fix, "public") {
		t.Fatalf("authn.every-endpoint: got %v", err)
	}
	b := build()
	b.Public = waiver
	compile(t, b)
}

func TestAfterAuthenticateThereIsAPrincipal(t *testing.T) {
	x := &gatehouse.Exchange{}
	run(x, compile(t, build(), at("lazy", gatehouse.Authenticate, pass), at("allow", gatehouse.Authorize, grant)))
	if x.Response.Status != 401 || x.Ended.Rule() != "authenticate.missing" {
		t.Errorf("status %d, rule %q", x.Response.Status, x.Ended.Rule())
	}
}

func TestAfterAuthorizeSomeStepHasGranted(t *testing.T) {
	x := &gatehouse.Exchange{}
	run(x, compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("scope", gatehouse.Authorize, pass)))
	if x.Response.Status != 403 || x.Ended.Rule() != "authorize.not_granted" {
		t.Errorf("status %d, rule %q", x.Response.Status, x.Ended.Rule())
	}
}

func TestRefusalsCarryHeaders(t *testing.T) {
	for s := gatehouse.Connect; s < gatehouse.Respond; s++ {
		x := &gatehouse.Exchange{}
		run(x, compile(t, build(), at("headers", gatehouse.Respond, stamp), at("auth", gatehouse.Authenticate, prove),
			at("allow", gatehouse.Authorize, grant), at("denies", s, deny)))
		if x.Response.Status != 403 || x.Response.Fields.Get("x-frame-options") != "DENY" {
			t.Errorf("%s: status %d, fields %v", s, x.Response.Status, x.Response.Fields)
		}
		if !strings.Contains(string(x.Response.Body), `"urn:gatehouse:problem:test.denied"`) {
			t.Errorf("%s: body %s", s, x.Response.Body)
		}
	}
}

func TestShadowDecidesAndNeverDenies(t *testing.T) {
	meddler := at("meddler", gatehouse.Inspect, func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Response.Status = 500
		x.Response.Fields.Set("x-meddled", "yes")
		copy(x.Response.Body, "meddled") // in place, as filters do
		return gatehouse.Deny(answer), nil
	})
	meddler.Mode = gatehouse.Shadow
	x := &gatehouse.Exchange{}
	replying := at("body", gatehouse.Inspect, func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Response.Body = append(x.Response.Body[:0], "the upstream's"...)
		return gatehouse.Pass, nil
	})
	run(x, compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant), replying, meddler))
	if x.Response.Status != 200 || x.Response.Fields.Has("x-meddled") || string(x.Response.Body) != "the upstream's" {
		t.Errorf("ops.shadow: a shadowed control changed the exchange: %+v", x.Response)
	}
	if !trailHas(x, gatehouse.SaidWould) {
		t.Error("ops.shadow: the trail does not say that it would have been refused")
	}
}

// What a step suspects goes through, is told, in shadow too, and is no grant.
func TestASuspicionPassesAndIsTold(t *testing.T) {
	suspect := func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
		return gatehouse.Suspect("test.suspected").Because("a cause"), nil
	}
	for _, mode := range []gatehouse.Mode{gatehouse.Enforce, gatehouse.Shadow} {
		watcher := at("watcher", gatehouse.Respond, suspect)
		watcher.Mode = mode
		x := &gatehouse.Exchange{}
		run(x, compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant), watcher))
		if x.EndedBy != "" || x.Response.Status != 200 || !trailHas(x, gatehouse.SaidSuspect) || x.Trail[len(x.Trail)-1].Rule != "test.suspected" || x.Trail[len(x.Trail)-1].Detail != "a cause" {
			t.Errorf("%s: %+v", mode, x.Trail)
		}
	}
	x := &gatehouse.Exchange{}
	if run(x, compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("watcher", gatehouse.Authorize, suspect))); x.Ended.Rule() != "authorize.not_granted" {
		t.Errorf("a suspicion grants: %+v", x.Ended)
	}
}

func TestAuthenticationHasNoShadow(t *testing.T) {
	auth := at("jwt", gatehouse.Authenticate, prove)
	auth.Mode = gatehouse.Shadow
	if _, err := engine.Compile(build(), []engine.Configured{auth}); err == nil || !strings.Contains(err.Error(), "shadow") {
		t.Fatalf("got %v", err)
	}
}

func TestOffNeedsAWaiverInForce(t *testing.T) {
	old := *waiver
	old.Until = time.Now().AddDate(0, 0, -2)
	for name, c := range map[string]struct {
		waiver    *gatehouse.Waiver
		mandatory bool
		ok        bool
	}{"none": {nil, false, false}, "expired": {&old, false, false}, "mandatory": {waiver, true, false}, "in force": {waiver, false, true}} {
		off := engine.Configured{Kind: gatehouse.Kind{Name: "leak", Mandatory: c.mandatory}, Control: &fake{stage: gatehouse.Inspect, do: deny}, Mode: gatehouse.Off, Waiver: c.waiver}
		_, err := engine.Compile(build(), []engine.Configured{at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant), off})
		if (err == nil) != c.ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestADoorThatCannotBringWhatIsNeededDoesNotCompile(t *testing.T) {
	for _, c := range []struct {
		stage gatehouse.Stage
		need  gatehouse.Need
		caps  gatehouse.Caps
	}{
		{gatehouse.Validate, gatehouse.Body, gatehouse.Caps{Object: true, Reply: true, ReplyBody: true}},
		{gatehouse.Authorize, gatehouse.Object, gatehouse.Caps{Body: true, Reply: true, ReplyBody: true}},
		{gatehouse.Inspect, gatehouse.Reply, gatehouse.Caps{Body: true, Object: true}},
		{gatehouse.Inspect, gatehouse.ReplyBody, gatehouse.Caps{Body: true, Object: true, Reply: true}},
	} {
		b := build()
		b.Caps = c.caps
		if _, err := engine.Compile(b, []engine.Configured{at("auth", gatehouse.Authenticate, prove), needing("needy", c.stage, c.need, pass)}); err == nil {
			t.Errorf("%s at %s compiled", c.need, c.stage)
		}
	}
}

func TestWhatIsNeededIsBroughtOnce(t *testing.T) {
	x := &gatehouse.Exchange{}
	wants := run(x, compile(t, build(), at("auth", gatehouse.Authenticate, prove),
		needing("schema", gatehouse.Validate, gatehouse.Body, pass), needing("more", gatehouse.Validate, gatehouse.Body, pass),
		needing("object", gatehouse.Authorize, gatehouse.Object, grant),
		needing("reply", gatehouse.Inspect, gatehouse.ReplyBody, pass), needing("leak", gatehouse.Inspect, gatehouse.ReplyBody, pass)))
	want := []engine.Want{engine.WantBody, engine.WantObject, engine.WantReply, engine.WantReplyBody, engine.Done}
	if len(wants) != len(want) {
		t.Fatalf("wants %v", wants)
	}
	for i := range want {
		if wants[i] != want[i] {
			t.Fatalf("wants %v", wants)
		}
	}
}

func TestAReplyThatNobodyLooksIntoIsNotHeld(t *testing.T) {
	looked := 0
	look := func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
		looked++
		return gatehouse.Pass, nil
	}
	skipping := func(skip bool) engine.Configured {
		return engine.Configured{Kind: gatehouse.Kind{Name: "reply"}, Control: &fake{stage: gatehouse.Inspect, need: gatehouse.ReplyBody, do: look,
			skip: func(*gatehouse.Exchange) bool { return skip }}}
	}
	for _, c := range []struct {
		name         string
		first, other bool
		held         bool
		looked       int
	}{{"both skip", true, true, false, 0}, {"one looks", true, false, true, 1}, {"both look", false, false, true, 2}} {
		looked = 0
		wants := run(&gatehouse.Exchange{}, compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant), skipping(c.first), skipping(c.other)))
		if held := slices.Contains(wants, engine.WantReplyBody); held != c.held || looked != c.looked {
			t.Errorf("%s: held %v, looked %d times", c.name, held, looked)
		}
	}
}

func TestAHostThatFailsStillRunsTheRespondSteps(t *testing.T) {
	p := compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant),
		needing("reply", gatehouse.Inspect, gatehouse.ReplyBody, pass), at("headers", gatehouse.Respond, stamp))
	x := &gatehouse.Exchange{}
	x.Reset()
	x.Endpoint = &gatehouse.Endpoint{Plan: p}
	if w := engine.Advance(context.Background(), x); w != engine.WantReply {
		t.Fatal(w)
	}
	engine.Fail(x, "upstream", &gatehouse.Answer{Status: 502, Reason: "upstream.unreachable", Public: "Bad gateway"}, "refused")
	if w := engine.Advance(context.Background(), x); w != engine.Done || x.Response.Status != 502 || !x.Response.Fields.Has("x-frame-options") {
		t.Errorf("%v %+v", w, x.Response)
	}
}

func TestAllocs(t *testing.T) {
	cs := []engine.Configured{at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant), at("headers", gatehouse.Respond, stamp)}
	for range 12 {
		cs = append(cs, at("check", gatehouse.Validate, pass))
	}
	good := compile(t, build(), cs...)
	bad := compile(t, build(), append(cs, at("denies", gatehouse.Limit, deny))...)
	x := &gatehouse.Exchange{}
	for name, p := range map[string]*gatehouse.Plan{"pass": good, "refusal": bad} {
		e := &gatehouse.Endpoint{Plan: p, Name: "op", Method: "GET", Template: "/v1/orders/{id}"}
		policy, err := engine.NewPolicy([]engine.Site{{Hosts: []string{"api.test"}, Endpoints: []*gatehouse.Endpoint{e}, Undeclared: e}}, e)
		if err != nil {
			t.Fatal(err)
		}
		g := engine.NewGate(policy)
		ctx, now := context.Background(), time.Now()
		n := testing.AllocsPerRun(200, func() {
			x.Reset()
			x.Request.Method, x.Request.Host, x.Request.Path = "GET", "api.test", "/v1/orders/17"
			g.Begin(x, now)
			for w := engine.Advance(ctx, x); w != engine.Done; w = engine.Advance(ctx, x) {
				engine.Brought(x, gatehouse.ReplyBody)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations an exchange", name, n)
		}
	}
}

func trailHas(x *gatehouse.Exchange, s gatehouse.Said) bool {
	for _, m := range x.Trail {
		if m.Said == s {
			return true
		}
	}
	return false
}

func BenchmarkAdvance(b *testing.B) {
	cs := []engine.Configured{at("auth", gatehouse.Authenticate, prove), at("allow", gatehouse.Authorize, grant), at("headers", gatehouse.Respond, stamp)}
	for range 9 {
		cs = append(cs, at("check", gatehouse.Validate, pass))
	}
	p := compile(b, build(), cs...)
	x, e, ctx, now := &gatehouse.Exchange{}, &gatehouse.Endpoint{Plan: p}, context.Background(), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		x.Reset()
		x.Endpoint, x.At = e, now
		for w := engine.Advance(ctx, x); w != engine.Done; w = engine.Advance(ctx, x) {
			engine.Brought(x, gatehouse.ReplyBody)
		}
	}
}

func TestTheTrailsTimesNeverGoBack(t *testing.T) {
	slow := func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
		time.Sleep(2 * time.Millisecond)
		return gatehouse.Grant("slow"), nil
	}
	x := &gatehouse.Exchange{}
	run(x, compile(t, build(), at("auth", gatehouse.Authenticate, prove), at("slow", gatehouse.Authorize, slow), at("after", gatehouse.Authorize, pass),
		at("headers", gatehouse.Respond, stamp)))
	for i := range x.Trail[1:] {
		if x.Trail[i+1].After < x.Trail[i].After {
			t.Errorf("ops.explain: mark %d at %v, then %v", i, x.Trail[i].After, x.Trail[i+1].After)
		}
	}
	if last := x.Trail[len(x.Trail)-1].After; last < 2*time.Millisecond {
		t.Errorf("ops.explain: the walk ended at %v", last)
	}
}

// last is a control with a step that looks at what others leave, and one that
// does not.
type last struct{ stage gatehouse.Stage }

func (c last) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{Stage: c.stage, Need: gatehouse.Reply, Last: true, Enforce: deny}, {Stage: gatehouse.Respond, Enforce: deny}}, nil
}

func (c last) Explain(*gatehouse.Sheet) {}

func TestAStepThatLooksAtWhatOthersLeaveIsTheLastOfItsStage(t *testing.T) {
	b := build()
	b.Public = waiver
	p, err := engine.Compile(b, []engine.Configured{
		{Kind: gatehouse.Kind{Name: "a"}, Control: last{gatehouse.Inspect}}, each("b", nil), each("c", nil)})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, s := range p.Steps {
		if s.Stage >= gatehouse.Inspect && len(s.Control) == 1 {
			order = append(order, s.Control)
		}
	}
	if got := strings.Join(order, " "); got != "b c a a" {
		t.Errorf("the steps stand in the order %s", got)
	}
	if _, err := engine.Compile(b, []engine.Configured{{Kind: gatehouse.Kind{Name: "a"}, Control: last{gatehouse.Forward}}}); err == nil {
		t.Error("a step of Forward comes last")
	}
}

// authz.object: each step that needs an object sees the one that it has asked for, and
// one that has seen it may ask for the next.
func TestEveryStepSeesTheObjectsThatItAskedFor(t *testing.T) {
	seen := ""
	step := func(name string, paths ...string) engine.Configured {
		return engine.Configured{Kind: gatehouse.Kind{Name: name}, Control: asking{paths, &seen}}
	}
	p := compile(t, build(), at("jwt", gatehouse.Authenticate, prove), step("one", "/a", "/b"), step("two", "/b"), step("three", "/c", "/c"))
	var x gatehouse.Exchange
	x.Reset()
	x.Endpoint, x.At = &gatehouse.Endpoint{Plan: p}, time.Now()
	asked := ""
	for w := engine.Advance(t.Context(), &x); w != engine.Done; w = engine.Advance(t.Context(), &x) {
		switch w {
		case engine.WantObject:
			asked += x.Lookup.Path
			if x.Lookup.Status != 0 || len(x.Lookup.Body) != 0 || x.Lookup.ETag != "" {
				t.Errorf("the object before is still there: %+v", x.Lookup)
			}
			x.Lookup.Status, x.Lookup.Body, x.Lookup.ETag = 200, append(x.Lookup.Body, x.Lookup.Path...), "x"
			engine.Brought(&x, gatehouse.Object)
		case engine.WantReply:
			x.Response.Status = 200
			engine.Brought(&x, gatehouse.Reply)
		}
	}
	if seen != "/a/b/b/c/c" || asked != "/a/b/c" {
		t.Errorf("seen %s, asked for %s", seen, asked)
	}
}

// asking needs objects, one after the other.
type asking struct {
	paths []string
	seen  *string
}

func (a asking) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{
		Stage: gatehouse.Authorize, Need: gatehouse.Object,
		Prepare: func(x *gatehouse.Exchange) { x.Lookup.Path = a.paths[x.Lookup.Nth] },
		Enforce: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
			*a.seen += string(x.Lookup.Body)
			x.Lookup.Again = x.Lookup.Nth+1 < len(a.paths)
			return gatehouse.Grant("asking"), nil
		},
	}}, nil
}

func (a asking) Explain(*gatehouse.Sheet) {}
