package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
)

type judge = func(context.Context, *gatehouse.Exchange, *gatehouse.Item) (gatehouse.Verdict, error)

// itemised is a control that judges items where there are some, and whole replies
// elsewhere.
type itemised struct{ each judge }

func (c *itemised) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{Stage: gatehouse.Inspect, Need: gatehouse.ReplyBody, Enforce: deny, Each: c.each}}, nil
}

func (c *itemised) Explain(*gatehouse.Sheet) {}

func each(name string, do judge) engine.Configured {
	return engine.Configured{Kind: gatehouse.Kind{Name: name}, Control: &itemised{do}}
}

// sequence walks an exchange to the head of a reply that is a sequence.
func sequence(t *testing.T, status int, controls ...engine.Configured) (*gatehouse.Exchange, engine.Want) {
	t.Helper()
	b := build()
	b.Public = waiver
	p, err := engine.Compile(b, controls)
	if err != nil {
		t.Fatal(err)
	}
	x := new(gatehouse.Exchange)
	x.Reset()
	x.At = time.Now()
	x.Endpoint = &gatehouse.Endpoint{Plan: p}
	if w := engine.Advance(context.Background(), x); w != engine.WantReply {
		t.Fatalf("the engine wants %d", w)
	}
	x.Response.Status, x.Response.Sequence = status, true
	engine.Brought(x, gatehouse.Reply)
	return x, engine.Advance(context.Background(), x)
}

func said(x *gatehouse.Exchange) string {
	var b strings.Builder
	for m := range x.Walked() {
		if s := x.Endpoint.Plan.Steps[m.Step]; s.Each != nil {
			fmt.Fprintf(&b, "%s %s %s %s;", s.Control, m.Said, m.Rule, m.Detail)
		}
	}
	return b.String()
}

func TestItemsAreJudgedByEveryStepInOrder(t *testing.T) {
	var order []string
	step := func(name string) judge {
		return func(_ context.Context, _ *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
			order = append(order, name+" "+string(item.Data))
			switch string(item.Data) {
			case name + " drops":
				item.Dropped = true
			case name + " cuts":
				item.Data = item.Data[:0]
				return gatehouse.PassBy("test.cut"), nil
			case name + " denies":
				return gatehouse.Deny(answer).Because("it is bad"), nil
			case name + " errs":
				return gatehouse.Verdict{}, errors.New("no store")
			case name + " is silent":
				return gatehouse.Verdict{}, nil
			case name + " panics":
				panic("oops")
			}
			return gatehouse.Pass, nil
		}
	}
	for _, c := range []struct {
		items, order, said, rule string
		ok                       bool
	}{
		{items: "fine", order: "a fine,b fine", said: "a pass engine.per_item ;b pass engine.per_item ;", ok: true},
		{items: "a drops", order: "a a drops", said: "a pass engine.per_item ;b pass engine.per_item ;", ok: true},
		{items: "a cuts,fine", order: "a a cuts,b ,a fine,b fine", said: "a pass test.cut ;b pass engine.per_item ;", ok: true},
		{items: "a cuts,b denies", order: "a a cuts,b ,a b denies,b b denies", said: "a pass test.cut ;b deny test.denied it is bad;", rule: "test.denied"},
		{items: "a denies", order: "a a denies", said: "a deny test.denied it is bad;b pass engine.per_item ;", rule: "test.denied"},
		{items: "b errs", order: "a b errs,b b errs", said: "a pass engine.per_item ;b error engine.undecided no store;", rule: "engine.undecided"},
		{items: "b is silent", order: "a b is silent,b b is silent", said: "a pass engine.per_item ;b deny engine.undecided the control did not decide;", rule: "engine.undecided"},
		{items: "a panics", order: "a a panics", said: "a error engine.undecided panic in the step;b pass engine.per_item ;", rule: "engine.undecided"},
	} {
		order = nil
		x, w := sequence(t, 200, each("a", step("a")), each("b", step("b")))
		if w != engine.Done || !engine.Items(x) {
			t.Fatalf("the engine wants %d", w)
		}
		ok := true
		for data := range strings.SplitSeq(c.items, ",") {
			ok = engine.Item(context.Background(), x, &gatehouse.Item{Data: []byte(data)})
		}
		if ok != c.ok || strings.Join(order, ",") != c.order || said(x) != c.said || x.Ended.Rule() != c.rule || (x.EndedBy == "") != c.ok {
			t.Errorf("output.validate: %q: ok %v, order %q, said %q, ended by %q", c.items, ok, order, said(x), x.Ended.Rule())
		}
	}
}

func TestAShadowOfAStepLetsEveryItemThroughAsItIs(t *testing.T) {
	bad := each("a", func(_ context.Context, _ *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
		if string(item.Data) == "fine" {
			return gatehouse.Pass, nil
		}
		clear(item.Data)
		item.Dropped = true
		return gatehouse.Deny(answer), nil
	})
	bad.Mode = gatehouse.Shadow
	x, _ := sequence(t, 200, bad)
	for _, data := range []string{"bad", "fine", "bad"} {
		item := &gatehouse.Item{Data: []byte(data)}
		if !engine.Item(context.Background(), x, item) || item.Dropped || string(item.Data) != data {
			t.Errorf("%q became %q, dropped %v", data, item.Data, item.Dropped)
		}
	}
	if got := said(x); got != "a would-deny test.denied ;" || x.EndedBy != "" {
		t.Errorf("said %q", got)
	}
}

func TestASequenceIsHeldWhereItCannotBeJudgedByItems(t *testing.T) {
	fine := each("a", func(context.Context, *gatehouse.Exchange, *gatehouse.Item) (gatehouse.Verdict, error) {
		return gatehouse.Pass, nil
	})
	if x, w := sequence(t, 500, fine); w != engine.WantReplyBody || engine.Items(x) {
		t.Error("an error is not a sequence")
	}
	if x, w := sequence(t, 200, fine, needing("whole", gatehouse.Inspect, gatehouse.ReplyBody, pass)); w != engine.WantReplyBody || engine.Items(x) {
		t.Error("a step that needs the whole body was passed by")
	}
	if x, w := sequence(t, 200, fine, needing("head", gatehouse.Inspect, gatehouse.Reply, deny)); w != engine.Done || engine.Items(x) || x.Response.Status != 403 {
		t.Error("a reply that was refused by its head has no items")
	}
}

func TestJudgingItemsDoesNotAllocate(t *testing.T) {
	x, _ := sequence(t, 200, each("a", func(context.Context, *gatehouse.Exchange, *gatehouse.Item) (gatehouse.Verdict, error) {
		return gatehouse.PassBy("test.cut"), nil
	}))
	item := &gatehouse.Item{Data: []byte("{}")}
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { engine.Item(ctx, x, item) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOnlyAVerboseEndpointSaysWhatIsNotAsDescribed(t *testing.T) {
	violate := func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Violated(gatehouse.Violation{In: "body", Pointer: "/a/b c/secret", Known: len("/a/b c"), Keyword: "type", Place: "secret"})
		x.Violated(gatehouse.Violation{In: "body", Keyword: "required", Member: `it"em`})
		x.Violated(gatehouse.Violation{In: "query", Name: "limit", Keyword: "maximum"})
		return gatehouse.Deny(answer), nil
	}
	other := at("other", gatehouse.Validate, func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Violated(gatehouse.Violation{In: "path", Name: "shadow", Keyword: "type"})
		return gatehouse.Deny(answer), nil
	})
	other.Mode = gatehouse.Shadow
	const head = `{"type":"urn:gatehouse:problem:test.denied","title":"No","status":403,"request_id":""`
	for verbose, want := range map[bool]string{
		false: head + "}\n",
		true: head + `,"errors":[{"in":"body","pointer":"#/a/b%20c","keyword":"type"},{"in":"body","pointer":"#","keyword":"required","detail":"it\"em is missing"},` +
			`{"in":"query","name":"limit","keyword":"maximum"}]}` + "\n",
	} {
		b := build()
		b.Public = waiver
		p, err := engine.Compile(b, []engine.Configured{other, at("a", gatehouse.Validate, violate)})
		if err != nil {
			t.Fatal(err)
		}
		x := new(gatehouse.Exchange)
		x.Reset()
		x.Endpoint = &gatehouse.Endpoint{Plan: p, Verbose: verbose}
		if w := engine.Advance(context.Background(), x); w != engine.Done || string(x.Response.Body) != want {
			t.Errorf("output.errors: verbose %v: %s", verbose, x.Response.Body)
		}
		if len(x.Violations) != 4 || x.Violations[0].Step == x.Violations[1].Step {
			t.Errorf("the trail has %+v", x.Violations)
		}
	}
}

func TestViolationsAreBounded(t *testing.T) {
	x := new(gatehouse.Exchange)
	for range 100 {
		x.Violated(gatehouse.Violation{Keyword: "type"})
	}
	if len(x.Violations) != gatehouse.MostViolations {
		t.Errorf("%d violations", len(x.Violations))
	}
	if x.Reset(); len(x.Violations) != 0 {
		t.Error("violations of another exchange are left")
	}
}
