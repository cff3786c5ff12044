package cedar

import (
	"fmt"
	"strings"
	"testing"
)

// two are the facts of one request, of the two that it is about.
type two struct{ principal, resource Entity }

func (p *two) Entity(uid EntityUID) (Entity, bool, error) {
	switch uid {
	case p.principal.UID:
		return p.principal, true, nil
	case p.resource.UID:
		return p.resource, true, nil
	}
	return Entity{}, false, nil
}

// BenchmarkDecide is a decision on attributes of one of n policies, as in bench/authz.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var schema, policies, kinds strings.Builder
			for i := range n {
				fmt.Fprintf(&schema, "entity Doc%d { region: String };\n", i)
				fmt.Fprintf(&policies, "permit(principal is User, action == Action::\"read\", resource is Doc%d)\nwhen { principal.region == \"EU\" && resource.region == \"EU\" && context.local.hour >= 9 && context.local.hour < 17 };\n", i)
				fmt.Fprintf(&kinds, ", Doc%d", i)
			}
			fmt.Fprintf(&schema, "entity User { region: String };\naction \"read\" appliesTo { principal: [User], resource: [%s], context: { local: { hour: Long } } };", kinds.String()[2:])
			s, err := New(Source{"s", schema.String()}, Source{"p", policies.String()})
			if err != nil {
				b.Fatal(err)
			}
			eu := NewRecord(RecordMap{"region": String("EU")})
			facts := &two{Entity{UID: NewEntityUID("User", "alice"), Attributes: eu}, Entity{UID: NewEntityUID(EntityType(fmt.Sprint("Doc", n-1)), "1"), Attributes: eu}}
			q := Request{Principal: facts.principal.UID, Action: NewEntityUID("Action", "read"), Resource: facts.resource.UID, Context: office}
			rules := s.Rules(q.Action, q.Resource.Type)
			b.ReportAllocs()
			for b.Loop() {
				if !rules.Decide(q, facts).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}
