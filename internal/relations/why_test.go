package relations

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestTheWayToAnAnswerIsSaid(t *testing.T) {
	e, _ := engineOf(t, workspaces+`type report
  relations
    define author: [user, user:*]
    define approved: [user]
    define reader: (author and approved) but not blocked
    define blocked: [user]
`, "doc:1#folder@folder:1", "folder:1#workspace@workspace:3", "workspace:3#member@group:a#member", "group:a#member@group:b#member", "group:b#member@group:a#member", "group:b#member@user:anne",
		"report:1#author@user:*", "report:1#approved@user:anne")
	for q, want := range map[string][]string{
		"doc:1#editor@user:anne":                {"doc:1#editor -> folder:1#editor -> workspace:3#member -> group:a#member -> group:b#member -> user:anne"},
		"doc:1#writer@user:anne":                {"doc:1#writer -> doc:1#editor -> folder:1#editor -> workspace:3#member -> group:a#member -> group:b#member -> user:anne", "not doc:1#banned"},
		"report:1#reader@user:anne":             {"report:1#reader -> report:1#author -> user:*", "report:1#reader -> report:1#approved -> user:anne", "not report:1#blocked"},
		"doc:1#editor@workspace:3#member":       {"doc:1#editor -> folder:1#editor -> workspace:3#member"},
		"workspace:9#member@workspace:9#member": {"workspace:9#member"},
		"doc:1#editor@user:zoe":                 nil,
	} {
		asked := parsed(t, q)[0]
		r, err := e.Why(t.Context(), Revision{}, asked.Subject(), asked.Relation, asked.Object())
		if err != nil || !slices.Equal(r.Ways, want) || r.Held != (want != nil) || r.At.Tuples != 1 {
			t.Errorf("%s: %+v, %v; want %v", q, r, err, want)
		}
	}
}

// In random worlds whatever is held has a way that leads from the object to the
// subject by tuples and rules.
func TestWhateverIsHeldHasAWay(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 2026))
	said := 0
	for range 150 {
		w := randomWorld(t, rnd)
		x := NewIndex()
		if err := x.Apply(Change{Revision: 1, Whole: true, Add: w.tuples}); err != nil {
			t.Fatal(err)
		}
		e, err := New(w.model, x, Limits{Depth: 200, Breadth: 1 << 20, ListBreadth: 1 << 22, Time: 10e9})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range w.model.kinds {
			for _, d := range k.relations {
				for _, id := range w.objects[k.name] {
					o, _ := ParseObject(id)
					s := randomSubject(rnd)
					if s.Relation != "" {
						continue
					}
					r, err := e.Why(t.Context(), Revision{}, s, d.name, o)
					if err != nil || !r.Held {
						continue
					}
					said++
					if len(r.Ways) == 0 || slices.ContainsFunc(r.Ways, func(way string) bool {
						return !strings.HasPrefix(way, "not ") && (!strings.HasPrefix(way, id+"#"+d.name+" -> ") || !strings.HasSuffix(way, " -> "+s.String()) && !strings.HasSuffix(way, " -> "+s.Type+":*"))
					}) {
						t.Fatalf("%s holds %s of %s by %v\n%s\n%v", s, d.name, id, r.Ways, w.text, w.tuples)
					}
				}
			}
		}
	}
	if said < 100 {
		t.Errorf("only %d ways were said", said)
	}
}
