package graphql

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("graphql.depth", "an operation is at most %d fields deep", c.Depth)
	if c.CostMode == "shadow" {
		s.Fact("graphql.complexity", "requests that cost more than %d are noted and let in: %s", c.Cost, c.Waiver)
	} else {
		s.Fact("graphql.complexity", "a request costs at most %d: 2 for an object, 1 for a value, each level 1.5 times the one above it, lists times their length as @listSize or an argument such as first says; @cost changes what things cost", c.Cost)
	}
	if c.Introspection {
		s.Fact("graphql.introspection", "callers may ask for the schema: %s", waived(c.Waiver))
	} else {
		s.Fact("graphql.introspection", "__schema and __type are refused wherever they stand, and no answer suggests names")
	}
	s.Fact("graphql.abuse", "a request has at most %d aliases, %d directives and %d fields of the root, fragments written out, and a document %d tokens and %d bytes", c.Aliases, c.Directives, c.RootFields, c.Tokens, c.Characters)
	if c.Batch > 0 {
		s.Fact("graphql.abuse", "a batch holds at most %d operations, for which the limits hold together", c.Batch)
	} else {
		s.Fact("graphql.abuse", "one request holds one operation: no batches, subscriptions or uploads, and no mutation by GET")
	}
	if c.Documents != "" && c.Only {
		s.Fact("graphql.abuse", "only documents that an operator vouches for are taken")
	}
	s.Fact("graphql.fields", "@authenticated, @requiresScopes and @policy of the schema are demanded for every type and field that a selection names, before the upstream is asked")
	if spoken := c.spoken(); len(spoken) > 0 {
		s.Fact("graphql.fields", "policies written by hand are asked about %s", strings.Join(spoken, ", "))
	}
	s.Fact("authz.object", "a field with an argument that names an object does not compile unless something says whose the object is")
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		o := c.Objects[name]
		if o == nil {
			continue
		}
		if o.Owner != "" {
			s.Fact("authz.object", "%s: its owner, %s, must be the caller", name, o.Owner)
		}
		if o.Tenant != "" {
			s.Fact("authz.object", "%s: its tenant, %s, must be the caller's, whatever role the caller has", name, o.Tenant)
		}
		if list := c.decided(name); len(list) > 0 {
			s.Fact("authz.object", "%s: %s are decided on by policies and relations", name, strings.Join(list, ", "))
		}
		if o.Create != nil && o.Create.Learn != "" {
			s.Fact("authz.object", "%s: whose a new one is is recorded by %s before its maker hears of it", name, o.Create.Learn)
		}
		s.Fact("authz.object-response", "%s: owner and tenant are compared wherever one stands in a reply, before a byte of it leaves; what a mutation names is compared before it goes on", name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.NoObject)) {
		s.Fact("authz.object", "%s names no object of anybody: %s", name, c.NoObject[name])
	}
	if c.Errors == "pass" {
		s.Fact("graphql.introspection", "the upstream's errors leave as they are: %s", waived(c.Waiver))
	}
	s.Fact("graphql.abuse", "variables must be of their types, and what is forwarded is written anew from what was judged")
}

// decided returns the actions on objects of a type that policies decide on.
func (c *Config) decided(object string) (names []string) {
	if c.policy == nil {
		return nil
	}
	for a := range actions {
		if t := c.policy.Template(object, policyActions[a]); t != nil && t.Spoken {
			names = append(names, t.Name)
		}
	}
	return names
}

// spoken returns the types and fields about which policies written by hand are asked.
func (c *Config) spoken() (names []string) {
	if c.policy == nil {
		return nil
	}
	for _, name := range c.policy.Fields() {
		if c.policy.Selects(name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 && len(names) == len(c.policy.Fields()) {
		return []string{"every type and field"}
	}
	return names
}

func waived(w *gatehouse.Waiver) string {
	if w == nil {
		return "this is development"
	}
	return w.String()
}
