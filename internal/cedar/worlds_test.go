package cedar

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// The worlds that random policies are asked about: two types of principals with
// equal ids, folders in folders, groups of actions in groups, everything that
// can be missing missing now and then.
var worldSchema = Source{"world.cedarschema", `
entity Group in [Group];
entity User in [Group] { tenant: String, level: Long, admin: Bool, boss: User, tags: Set<String>, nick?: String, home: { city: String, zip?: Long } };
entity Service { tenant: String, level: Long };
entity Folder in [Folder];
entity Doc in [Folder] { tenant: String, size: Long, owner: User, open: Bool, label?: String, readers: Set<User>, flags: Set<String> };
entity Page in [Folder] { tenant: String, size: Long };
action "all";
action "read" in ["all"];
action "write" in ["all"];
action "danger" in ["write"];
action "doc.read" in ["read"] appliesTo { principal: [User, Service], resource: [Doc], context: { hour: Long, mfa: Bool, note?: String, rel?: { editor?: Bool, viewer?: Bool } } };
action "doc.update" in ["write"] appliesTo { principal: [User], resource: [Doc], context: { hour: Long, mfa: Bool, note?: String, rel?: { editor?: Bool, viewer?: Bool } } };
action "doc.delete" in ["danger", "read"] appliesTo { principal: [User], resource: [Doc], context: { hour: Long, mfa: Bool, note?: String, rel?: { editor?: Bool, viewer?: Bool } } };
action "any.list" in ["read"] appliesTo { principal: [User, Service], resource: [Doc, Page], context: { hour: Long, mfa: Bool, note?: String, rel?: { editor?: Bool, viewer?: Bool } } };
`}

// worldActions are the actions as the oracle knows them, by its own hand.
var worldActions = map[string][]string{"all": nil, "read": {"all"}, "write": {"all"}, "danger": {"write"},
	"doc.read": {"read"}, "doc.update": {"write"}, "doc.delete": {"danger", "read"}, "any.list": {"read"}}

// dice makes policies, worlds and requests.
type dice struct{ *rand.Rand }

func (d dice) pick(of ...string) string { return of[d.IntN(len(of))] }

func (d dice) uid(typ string) oUID {
	n := map[string]int{"User": 3, "Service": 2, "Group": 4, "Folder": 4, "Doc": 3, "Page": 2}[typ]
	prefix := map[string]string{"User": "u", "Service": "u", "Group": "g", "Folder": "f", "Doc": "d", "Page": "d"}[typ]
	return oUID{typ, fmt.Sprint(prefix, d.IntN(n))}
}

func (d dice) world() oWorld {
	w := oWorld{}
	for a, groups := range worldActions {
		e := &oEntity{}
		for _, g := range groups {
			e.parents = append(e.parents, oUID{"Action", g})
		}
		w[oUID{"Action", a}] = e
	}
	tenant := func() string { return d.pick("acme", "evil") }
	for i := range 4 {
		w[oUID{"Group", fmt.Sprint("g", i)}] = &oEntity{parents: d.some("Group", 4)}
		w[oUID{"Folder", fmt.Sprint("f", i)}] = &oEntity{parents: d.some("Folder", 4)}
	}
	for i := range 3 {
		u := oRec{"tenant": tenant(), "level": d.number(), "admin": d.IntN(2) == 0, "boss": d.uid("User"), "tags": d.words(), "home": oRec{"city": d.pick("Bonn", "Ulm")}}
		if d.IntN(2) == 0 {
			u["nick"] = d.pick("red", "blue")
		}
		if d.IntN(2) == 0 {
			u["home"].(oRec)["zip"] = d.number()
		}
		w[oUID{"User", fmt.Sprint("u", i)}] = &oEntity{u, d.some("Group", 2)}
		doc := oRec{"tenant": tenant(), "size": d.number(), "owner": d.uid("User"), "open": d.IntN(2) == 0, "readers": oSet{d.uid("User")}, "flags": d.words()}
		if d.IntN(2) == 0 {
			doc["label"] = d.pick("red", "blue", "red blue")
		}
		w[oUID{"Doc", fmt.Sprint("d", i)}] = &oEntity{doc, d.some("Folder", 2)}
	}
	for i := range 2 {
		w[oUID{"Service", fmt.Sprint("u", i)}] = &oEntity{oRec{"tenant": tenant(), "level": d.number()}, nil}
		w[oUID{"Page", fmt.Sprint("d", i)}] = &oEntity{oRec{"tenant": tenant(), "size": d.number()}, d.some("Folder", 2)}
	}
	return w
}

func (d dice) some(typ string, odds int) (out []oUID) {
	for d.IntN(odds) > 0 && len(out) < 2 {
		out = append(out, d.uid(typ))
		if odds > 2 {
			break
		}
	}
	return out
}

func (d dice) words() oSet {
	out := oSet{}
	for _, w := range []string{"red", "blue", "green"} {
		if d.IntN(2) == 0 {
			out = append(out, w)
		}
	}
	return out
}

func (d dice) number() int64 {
	if d.IntN(12) == 0 {
		return []int64{math.MaxInt64, math.MinInt64, math.MaxInt64 / 2}[d.IntN(3)]
	}
	return int64(d.IntN(7)) - 2
}

func (d dice) request() oRequest {
	r := oRequest{action: oUID{"Action", d.pick("doc.read", "doc.read", "doc.update", "doc.delete", "any.list")}, principal: d.uid("User"), resource: d.uid("Doc")}
	if a := r.action.id; (a == "doc.read" || a == "any.list") && d.IntN(4) == 0 {
		r.principal = d.uid("Service")
	}
	if r.action.id == "any.list" && d.IntN(2) == 0 {
		r.resource = d.uid("Page")
	}
	r.context = oRec{"hour": d.number(), "mfa": d.IntN(2) == 0}
	if d.IntN(2) == 0 {
		r.context["note"] = d.pick("red", "blue")
	}
	if d.IntN(2) == 0 {
		rel := oRec{}
		for _, name := range []string{"editor", "viewer"} {
			if d.IntN(3) > 0 {
				rel[name] = d.IntN(2) == 0
			}
		}
		r.context["rel"] = rel
	}
	return r
}

// typed says which of the types a policy's conditions may count on.
type typed struct{ user, doc bool }

func (d dice) policies() []oPolicy {
	out := make([]oPolicy, 1+d.IntN(6))
	for i := range out {
		out[i] = d.policy(fmt.Sprint("p", i))
	}
	return out
}

func (d dice) policy(id string) oPolicy {
	p := oPolicy{id: id, permit: d.IntN(3) > 0}
	of := typed{user: d.IntN(3) > 0, doc: d.IntN(3) > 0}
	switch n := d.IntN(6); {
	case of.user && n == 0:
		p.principal = oScope{op: "==", of: []oUID{d.uid("User")}}
	case of.user && n == 1:
		p.principal = oScope{op: "is in", typ: "User", of: []oUID{d.uid("Group")}}
	case of.user:
		p.principal = oScope{op: "is", typ: "User"}
	case n == 0:
		p.principal, of.user = oScope{op: "in", of: []oUID{d.uid("Group")}}, true
	}
	switch n := d.IntN(6); {
	case of.doc && n == 0:
		p.resource = oScope{op: "==", of: []oUID{d.uid("Doc")}}
	case of.doc && n == 1:
		p.resource = oScope{op: "is in", typ: "Doc", of: []oUID{d.uid("Folder")}}
	case of.doc:
		p.resource = oScope{op: "is", typ: "Doc"}
	case n < 2:
		p.resource = oScope{op: "in", of: []oUID{d.uid("Folder")}}
	}
	action := func(groups bool) oUID {
		if groups && d.IntN(2) == 0 {
			return oUID{"Action", d.pick("all", "read", "write", "danger")}
		}
		return oUID{"Action", d.pick("doc.read", "doc.update", "doc.delete", "any.list")}
	}
	switch d.IntN(4) {
	case 0:
		p.action = oScope{op: "==", of: []oUID{action(false)}}
	case 1:
		p.action = oScope{op: "in", of: []oUID{action(true)}}
	case 2:
		p.action = oScope{op: "in", of: []oUID{action(true), action(true)}}
	}
	for range d.IntN(3) {
		p.conditions = append(p.conditions, oCondition{d.IntN(4) == 0, d.bool(3, of)})
	}
	return p
}

func op(op string, kids ...*oNode) *oNode            { return &oNode{op: op, kids: kids} }
func opNamed(op, name string, kids ...*oNode) *oNode { return &oNode{op: op, name: name, kids: kids} }
func value(v any) *oNode                             { return &oNode{op: "value", value: v} }
func attr(of *oNode, name string) *oNode             { return opNamed(".", name, of) }

func (d dice) bool(depth int, of typed) *oNode {
	if depth == 0 {
		return d.fact(of)
	}
	switch d.IntN(12) {
	case 0, 1, 2:
		return op("&&", d.bool(depth-1, of), d.bool(depth-1, of))
	case 3, 4:
		return op("||", d.bool(depth-1, of), d.bool(depth-1, of))
	case 5:
		return op("!", d.bool(depth-1, of))
	case 6:
		return op("if", d.bool(depth-1, of), d.bool(depth-1, of), d.bool(depth-1, of))
	case 7:
		return d.guarded(of)
	case 8:
		return op(d.pick("==", "!="), d.bool(depth-1, of), d.bool(depth-1, of))
	case 9:
		return op(d.pick("<", "<=", ">", ">=", "==", "!="), d.long(depth-1, of), d.long(depth-1, of))
	}
	return d.fact(of)
}

// guarded is an optional attribute behind its `has`.
func (d dice) guarded(of typed) *oNode {
	type optional struct {
		of   *oNode
		name string
		then *oNode
	}
	context := op("context")
	rel := d.pick("editor", "viewer")
	choices := []optional{{context, "note", op("==", attr(context, "note"), d.string(of))},
		{context, "rel", op("&&", opNamed("has", rel, attr(context, "rel")), attr(attr(context, "rel"), rel))}}
	if of.user {
		u := op("principal")
		choices = append(choices, optional{u, "nick", op("==", attr(u, "nick"), d.string(of))},
			optional{attr(u, "home"), "zip", op("<", attr(attr(u, "home"), "zip"), d.long(1, of))})
	}
	if of.doc {
		choices = append(choices, optional{op("resource"), "label", opNamed("like", d.pick("red*", "*blue", "*", "r*d", "red"), attr(op("resource"), "label"))})
	}
	c := choices[d.IntN(len(choices))]
	return op("&&", opNamed("has", c.name, c.of), c.then)
}

func (d dice) fact(of typed) *oNode {
	principal, resource, context := op("principal"), op("resource"), op("context")
	facts := []func() *oNode{
		func() *oNode { return attr(context, "mfa") },
		func() *oNode { return op("==", attr(principal, "tenant"), attr(resource, "tenant")) },
		func() *oNode { return op("!=", attr(principal, "tenant"), attr(resource, "tenant")) },
		func() *oNode { return op(d.pick("<", ">="), attr(context, "hour"), d.long(1, of)) },
		func() *oNode { return op("in", resource, value(d.uid("Folder"))) },
		func() *oNode { return op("in", resource, op("set", value(d.uid("Folder")), value(d.uid("Folder")))) },
		func() *oNode { return op("in", op("action"), value(oUID{"Action", d.pick("all", "read", "danger")})) },
		func() *oNode { return opNamed("is", d.pick("User", "Service"), principal) },
		func() *oNode { return op("==", principal, value(d.uid(d.pick("User", "Service")))) },
		func() *oNode { return value(d.IntN(2) == 0) },
		func() *oNode { return op("contains", op("set", d.string(of), d.string(of)), d.string(of)) },
	}
	if of.user {
		facts = append(facts, func() *oNode { return attr(principal, "admin") },
			func() *oNode { return op("in", principal, value(d.uid("Group"))) },
			func() *oNode { return op("in", attr(principal, "boss"), value(d.uid("Group"))) },
			func() *oNode { return attr(attr(principal, "boss"), "admin") },
			func() *oNode { return op("contains", attr(principal, "tags"), d.string(of)) },
			func() *oNode { return op("isEmpty", attr(principal, "tags")) })
	}
	if of.doc {
		facts = append(facts, func() *oNode { return op("==", attr(resource, "owner"), principal) },
			func() *oNode { return op("!=", attr(resource, "owner"), principal) },
			func() *oNode { return attr(resource, "open") },
			func() *oNode { return op("==", attr(attr(resource, "owner"), "tenant"), d.string(of)) })
	}
	if of.user && of.doc {
		facts = append(facts, func() *oNode { return op("contains", attr(resource, "readers"), principal) },
			func() *oNode {
				return op(d.pick("containsAll", "containsAny"), attr(resource, "flags"), attr(principal, "tags"))
			})
	}
	return facts[d.IntN(len(facts))]()
}

func (d dice) long(depth int, of typed) *oNode {
	switch n := d.IntN(8); {
	case depth > 0 && n < 3:
		return op(d.pick("+", "-", "*"), d.long(depth-1, of), d.long(depth-1, of))
	case n < 4:
		return attr(op("resource"), "size")
	case n < 5:
		return attr(op("principal"), "level")
	case n < 6:
		return attr(op("context"), "hour")
	}
	return value(d.number())
}

func (d dice) string(of typed) *oNode {
	switch {
	case of.user && d.IntN(4) == 0:
		return attr(attr(op("principal"), "home"), "city")
	case d.IntN(5) == 0:
		return attr(op("principal"), "tenant")
	}
	return value(d.pick("red", "blue", "acme", "Bonn"))
}
