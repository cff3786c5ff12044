package cedar

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	cedargo "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// cedarValue is the bridge from the oracle's values.
func cedarValue(v any) Value {
	switch v := v.(type) {
	case bool:
		return Boolean(v)
	case int64:
		return Long(v)
	case string:
		return String(v)
	case oUID:
		return cedarUID(v)
	case oSet:
		var out []Value
		for _, e := range v {
			out = append(out, cedarValue(e))
		}
		return NewValueSet(out...)
	}
	return cedarRecord(v.(oRec))
}

func cedarUID(e oUID) EntityUID { return NewEntityUID(EntityType(e.typ), String(e.id)) }

func cedarRecord(r oRec) Record {
	m := RecordMap{}
	for k, v := range r {
		m[String(k)] = cedarValue(v)
	}
	return NewRecord(m)
}

func cedarWorld(w oWorld) EntityMap {
	out := EntityMap{}
	for uid, e := range w {
		var parents []EntityUID
		for _, p := range e.parents {
			parents = append(parents, cedarUID(p))
		}
		out[cedarUID(uid)] = Entity{UID: cedarUID(uid), Parents: NewEntityUIDSet(parents...), Attributes: cedarRecord(e.attrs)}
	}
	return out
}

func cedarRequest(r oRequest) Request {
	return Request{Principal: cedarUID(r.principal), Action: cedarUID(r.action), Resource: cedarUID(r.resource), Context: cedarRecord(r.context)}
}

func textOf(policies []oPolicy) string {
	var b strings.Builder
	for _, p := range policies {
		b.WriteString(p.text() + "\n")
	}
	return b.String()
}

// validSet makes random policies until the strict validator accepts some.
func validSet(d dice) ([]oPolicy, *Set) {
	for {
		policies := d.policies()
		if s, err := New(worldSchema, Source{"random.cedar", textOf(policies)}); err == nil {
			return policies, s
		}
	}
}

func pairs(t testing.TB) int {
	if testing.Short() {
		return 2000
	}
	return 24000
}

// TestNothingIsAllowedThatTheOracleDenies compares every decision with those of a
// second interpreter that shares no code: allowed or not, by whom, and who failed.
func TestNothingIsAllowedThatTheOracleDenies(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(5, 3))}
	var n, allowed, failed, byForbid int
	for n < pairs(t) {
		policies, s := validSet(d)
		w := d.world()
		facts := cedarWorld(w)
		for range 8 {
			r := d.request()
			want, reasons, failing := oDecide(policies, w, r)
			got := s.Decide(cedarRequest(r), facts)
			var failures []string
			for _, f := range got.Failures() {
				failures = append(failures, f.Policy.ID)
			}
			var said []string
			for _, r := range got.said.Reasons {
				said = append(said, string(r.PolicyID))
			}
			if got.Allowed != want || got.err != nil || !sameNames(said, reasons) || !sameNames(failures, failing) {
				t.Fatalf("%s\n%+v\nwe: %v by %v, failing %v, %v\noracle: %v by %v, failing %v", textOf(policies), r, got.Allowed, said, failures, got.err, want, reasons, failing)
			}
			n++
			switch {
			case want:
				allowed++
			case len(failing) > 0:
				failed++
			case len(reasons) > 0:
				byForbid++
			}
		}
	}
	t.Logf("figure: %d pairs, %d allowed, %d denied by a forbid, %d because a policy failed; 0 allowed that the oracle denies, 0 denied that it allows", n, allowed, byForbid, failed)
	if n < 2000 || allowed < n/10 || failed < n/200 || byForbid < n/20 {
		t.Error("the pairs are too much alike")
	}
}

// fault is what is done to true facts before policies see them.
type fault struct {
	facts   EntityMap
	at      EntityUID
	err     error
	touched bool // somebody asked
}

func (f *fault) Entity(uid EntityUID) (Entity, bool, error) {
	if uid == f.at {
		f.touched = true
		if f.err != nil {
			return f.facts[uid], true, f.err
		}
	}
	return f.facts.Entity(uid)
}

// injure makes one fault that the schema can tell from truth.
func (d dice) injure(w oWorld, r *oRequest) (f *fault, what string) {
	f = &fault{facts: cedarWorld(w)}
	at := []oUID{r.principal, r.principal, r.resource, r.resource, d.uid("User")}[d.IntN(5)]
	f.at = cedarUID(at)
	e := f.facts[f.at]
	attrs := e.Attributes.Map()
	keys := make([]string, 0, len(attrs))
	for k := range attrs {
		keys = append(keys, string(k))
	}
	slices.Sort(keys)
	key := String(d.pick(keys...))
	switch d.IntN(6) {
	case 0:
		f.err, what = errStore, "the store fails"
	case 1:
		delete(f.facts, f.at)
		what = "the entity is missing"
	case 2:
		for key == "nick" || key == "label" {
			key = String(d.pick(keys...))
		}
		delete(attrs, key)
		what = fmt.Sprintf("%s is missing", key)
	case 3:
		attrs[key] = d.otherType(attrs[key])
		what = fmt.Sprintf("%s is %v", key, attrs[key])
	case 4:
		f.at = EntityUID{}
		name := d.pick("hour", "mfa")
		r.context = oRec{"hour": r.context["hour"], "mfa": r.context["mfa"]}
		delete(r.context, name)
		what = "context lacks " + name
	case 5:
		f.at = EntityUID{}
		name := d.pick("hour", "mfa", "note", "rel")
		r.context = oRec{"hour": r.context["hour"], "mfa": r.context["mfa"]}
		r.context[name] = oSet{"red"}
		what = "context has another type for " + name
	}
	if _, there := f.facts[f.at]; there && what != "" && f.err == nil {
		e.Attributes = NewRecord(attrs)
		f.facts[f.at] = e
	}
	return f, what
}

func (d dice) otherType(v Value) Value {
	others := []Value{String("red"), Long(1), Boolean(true), NewEntityUID("Service", "u1"), NewValueSet(Long(1)), NewValueSet(NewEntityUID("Service", "u0")), NewRecord(RecordMap{"city": Long(3)})}
	for {
		if o := others[d.IntN(len(others))]; fmt.Sprintf("%T", o) != fmt.Sprintf("%T", v) || isDeep(v) {
			return o
		}
	}
}

// isDeep are values whose type is wrong inside.
func isDeep(v Value) bool {
	switch v.(type) {
	case types.Set, types.Record, types.EntityUID:
		return true
	}
	return false
}

// TestFaultyFactsAllowNothing gives policies facts that are not true, in every way
// that a schema can tell, and asks the oracle about the true ones. (What no schema can
// tell, an optional attribute or a parent that is not there, is a fact like others.)
func TestFaultyFactsAllowNothing(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(7, 4))}
	var n, refused, untouched, still, library int
	for n < pairs(t)/2 {
		policies, s := validSet(d)
		w := d.world()
		for range 8 {
			r := d.request()
			want, _, _ := oDecide(policies, w, r)
			injured := r
			f, what := d.injure(w, &injured)
			q := cedarRequest(injured)
			got := s.Decide(q, f)
			if got.Allowed && !want {
				t.Fatalf("%s\n%+v\n%s of %v: allowed, and the oracle denies", textOf(policies), r, what, f.at)
			}
			switch {
			case got.Allowed:
				still++
			case got.Err() != nil && want:
				refused++
			case got.Err() == nil:
				untouched++
			}
			if said, _ := cedargo.Authorize(&s.all.handed, cedargo.EntityMap(without(f)), q); bool(said) && !want {
				library++
			}
			n++
		}
	}
	t.Logf("figure: %d pairs with a fault, 0 allowed that the oracle denies on the true facts (the library alone allows %d of them); %d denied for the fault though true facts would allow, %d allowed because nobody looked, %d denied anyway", n, library, refused, still, untouched)
	if refused < n/100 || still < n/50 || library == 0 {
		t.Error("the faults do nothing")
	}
}

// without is what the library alone would be given: what errs is not there.
func without(f *fault) EntityMap {
	out := EntityMap{}
	for uid, e := range f.facts {
		if f.err == nil || uid != f.at {
			out[uid] = e
		}
	}
	return out
}

// TestTheIndexChangesNothing compares with evaluating every policy, on policies that
// need not be valid and on requests that need not be either.
func TestTheIndexChangesNothing(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(11, 12))}
	schema, err := readSchema(worldSchema)
	if err != nil {
		t.Fatal(err)
	}
	n, fewer, failing := 0, 0, 0
	for n < pairs(t) {
		policies := d.policies()
		if d.IntN(3) == 0 { // conditions that are no conditions, for other types than the scope's
			policies = append(policies, oPolicy{id: "odd", action: oScope{op: "in", of: []oUID{{"Action", "write"}}}, conditions: []oCondition{{false, d.bool(2, typed{true, true})}}})
		}
		s, wrong := assemble(schema, []Source{{"random.cedar", textOf(policies)}})
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		facts := cedarWorld(d.world())
		for range 8 {
			q := cedarRequest(d.request())
			if d.IntN(20) == 0 {
				q.Resource = cedarUID(d.uid(d.pick("Folder", "User", "Page")))
			}
			rules := s.Rules(q.Action, q.Resource.Type)
			indexed, linear := rules.evaluate(&q, facts, nil), s.all.evaluate(&q, facts, nil)
			if fmt.Sprint(indexed.Allowed, indexed.said, indexed.err) != fmt.Sprint(linear.Allowed, linear.said, linear.err) {
				t.Fatalf("%s\n%v\nindexed %v\nlinear %v", textOf(policies), q, indexed, linear)
			}
			n++
			if len(rules.policies) < len(s.policies) {
				fewer++
			}
			if len(linear.said.Errors) > 0 {
				failing++
			}
		}
	}
	t.Logf("figure: %d requests, %d with fewer rules than policies, %d with policies that fail, 0 differences", n, fewer, failing)
	if fewer < n/2 || failing < n/100 {
		t.Error("the index did nothing, or nothing fails")
	}
}

// TestResidualsOfRandomPoliciesAreExact compares what is left of random policies
// with the oracle, resource by resource; whatever is not refused is exact.
func TestResidualsOfRandomPoliciesAreExact(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(13, 1))}
	var n, refused, allowed int
	for n < pairs(t) {
		policies, s := validSet(d)
		w := d.world()
		facts := cedarWorld(w)
		for range 8 {
			r := d.request()
			rel, _ := r.context["rel"].(oRec)
			rules := s.Rules(cedarUID(r.action), EntityType(r.resource.typ))
			if len(rules.reads.Relations) > 0 { // Where they are open, every relation is known in the end.
				rel = oRec{"editor": d.IntN(2) == 0, "viewer": d.IntN(2) == 0}
				r.context["rel"] = rel
			}
			rest, err := rules.Residual(cedarRequest(r), facts)
			if err != nil {
				var o *Outside
				if !errors.As(err, &o) {
					t.Fatal(err)
				}
				refused++
				continue
			}
			given := map[string]bool{}
			for name, v := range rel {
				given[name] = v.(bool)
			}
			for uid := range w {
				if uid.typ != r.resource.typ {
					continue
				}
				r.resource = uid
				want, _, failing := oDecide(policies, w, r)
				if got := truthOf(t, rest.Expr(), facts[cedarUID(uid)], given); got != want {
					t.Fatalf("%s\n%+v\nthe condition says %v, the oracle %v (failing %v)\n%#v", textOf(policies), r, got, want, failing, rest.Expr())
				}
				n++
				if want {
					allowed++
				}
			}
		}
	}
	t.Logf("figure: %d resources, %d allowed, 0 differences; %d times policies were refused", n, allowed, refused)
	if allowed < n/20 || refused < n/100 {
		t.Error("too much alike")
	}
}
