package scope

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

type operation struct {
	id     string
	scopes [][]string
}

func (o operation) ID() string                 { return o.id }
func (o operation) Method() string             { return "GET" }
func (o operation) Template() string           { return "/v1/" + o.id }
func (o operation) RequiredScopes() [][]string { return o.scopes }

func build(op operation) *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: op, All: []gatehouse.Operation{op}, Now: time.Now, Kept: gatehouse.NewKept()}
}

// jwt.scopes, authz.gateway
func TestATokenWithoutTheDemandedScopesIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		api    [][]string
		config []string
		has    []string
		want   bool
	}{
		{"one demanded, there", [][]string{{"orders:read"}}, nil, []string{"orders:read"}, true},
		{"one demanded, not there", [][]string{{"orders:read"}}, nil, []string{"orders:write"}, false},
		{"a longer scope is another scope", [][]string{{"orders"}}, nil, []string{"orders:read", "ordersx"}, false},
		{"both of a list", [][]string{{"a", "b"}}, nil, []string{"a"}, false},
		{"one of two lists", [][]string{{"a", "b"}, {"c"}}, nil, []string{"c"}, true},
		{"none of two lists", [][]string{{"a", "b"}, {"c"}}, nil, []string{"b"}, false},
		{"configured on top", [][]string{{"a"}}, []string{"x"}, []string{"a"}, false},
		{"configured on top, there", [][]string{{"a"}}, []string{"x"}, []string{"a", "x"}, true},
		{"configured alone", nil, []string{"x"}, nil, false},
		{"an empty requirement leaves the configured one", [][]string{{}}, []string{"x"}, []string{"a"}, false},
	} {
		cfg := &Config{}
		if c.config != nil {
			cfg.Scopes = map[string][]string{"getOrder": c.config}
		}
		steps, err := cfg.Compile(build(operation{"getOrder", c.api}))
		if err != nil || len(steps) != 1 || steps[0].Stage != gatehouse.Authorize {
			t.Fatalf("%s: %v, %v", c.name, steps, err)
		}
		v, err := steps[0].Enforce(context.Background(), &gatehouse.Exchange{Principal: &gatehouse.Principal{ID: "a", Scopes: c.has}})
		if err != nil || v.Passed() != c.want || v.Granted() {
			t.Errorf("%s: passed %v, granted %v, %v; want passed %v and never granted", c.name, v.Passed(), v.Granted(), err, c.want)
		}
		if v, _ := steps[0].Enforce(context.Background(), &gatehouse.Exchange{}); v.Passed() {
			t.Errorf("%s: nobody passed", c.name)
		}
	}
}

func TestTheRefusalNamesTheScopes(t *testing.T) {
	steps, err := (&Config{Scopes: map[string][]string{"getOrder": {"x"}}}).Compile(build(operation{"getOrder", [][]string{{"b", "a"}}}))
	if err != nil {
		t.Fatal(err)
	}
	v, _ := steps[0].Enforce(context.Background(), &gatehouse.Exchange{Principal: &gatehouse.Principal{ID: "a"}})
	a := v.Answer()
	if want := `Bearer error="insufficient_scope", scope="a b x"`; a.Status != 403 || a.Fields.Get("www-authenticate") != want {
		t.Errorf("%d %q; want 403 %q", a.Status, a.Fields.Get("www-authenticate"), want)
	}
}

func TestWithoutDemandsThereIsNothingToDo(t *testing.T) {
	b := build(operation{id: "getOrder"})
	if steps, err := (&Config{}).Compile(b); err != nil || len(steps) != 0 {
		t.Errorf("%v, %v; want no steps", steps, err)
	}
	b.Operation = nil
	if steps, err := (&Config{}).Compile(b); err != nil || len(steps) != 0 {
		t.Errorf("undeclared: %v, %v; want no steps", steps, err)
	}
}

func TestMistakesDoNotCompile(t *testing.T) {
	b := build(operation{id: "getOrder"})
	for name, scopes := range map[string]map[string][]string{
		"unknown operation": {"getOrders": {"a"}}, "no scope": {"getOrder": {}}, "two in one": {"getOrder": {"a b"}}, "quotes": {"getOrder": {`a"`}},
	} {
		var f *gatehouse.Fault
		if _, err := (&Config{Scopes: scopes}).Compile(b); !errors.As(err, &f) || f.Fix == "" {
			t.Errorf("%s: %v; want a fault with a fix", name, err)
		}
	}
	b = build(operation{"getOrder", [][]string{{"a"}}})
	b.Public = &gatehouse.Waiver{Because: "b", Owner: "o", Until: time.Now().AddDate(1, 0, 0)}
	if _, err := (&Config{Scopes: map[string][]string{"getOrder": {"a"}}}).Compile(b); err == nil {
		t.Error("a public operation with scopes compiled")
	}
	if steps, err := (&Config{}).Compile(b); err != nil || len(steps) != 0 {
		t.Errorf("a public operation whose description demands scopes: %v, %v; want no steps", steps, err)
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	steps, err := (&Config{}).Compile(build(operation{"getOrder", [][]string{{"a", "b"}, {"c"}}}))
	if err != nil {
		t.Fatal(err)
	}
	x := &gatehouse.Exchange{Principal: &gatehouse.Principal{ID: "a", Scopes: []string{"z", "c"}}}
	passed := 0
	if n := testing.AllocsPerRun(200, func() {
		if v, err := steps[0].Enforce(context.Background(), x); err == nil && v.Passed() {
			passed++
		}
	}); n != 0 || passed != 201 {
		t.Errorf("%v allocations, %d of 201 passed", n, passed)
	}
}
