package graphql

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

var (
	badRequest        = &gatehouse.Answer{Status: 400, Reason: "graphql.request", Public: "The request is not a GraphQL request"}
	noBatch           = &gatehouse.Answer{Status: 400, Reason: "graphql.batch", Public: "The request holds too many operations"}
	unparsable        = &gatehouse.Answer{Status: 400, Reason: "graphql.syntax", Public: "The document is not GraphQL"}
	invalid           = &gatehouse.Answer{Status: 400, Reason: "graphql.invalid", Public: "The document is not valid for the schema"}
	noOperation       = &gatehouse.Answer{Status: 400, Reason: "graphql.operation", Public: "The document has no operation of that name, or several and no name was sent"}
	subscription      = &gatehouse.Answer{Status: 400, Reason: "graphql.subscription", Public: "Subscriptions are not served"}
	incremental       = &gatehouse.Answer{Status: 400, Reason: "graphql.incremental", Public: "Replies are sent whole: @defer and @stream are not served"}
	reserved          = &gatehouse.Answer{Status: 400, Reason: "graphql.reserved", Public: "Response keys that begin with gatehouse_ are reserved"}
	foreign           = &gatehouse.Answer{Status: 403, Reason: "graphql.foreign", Public: "This is not yours"}
	notFound          = &gatehouse.Answer{Status: 404, Reason: "graphql.not_found", Public: "There is no such object"}
	unnamed           = &gatehouse.Answer{Status: 400, Reason: "graphql.unnamed", Public: "The request does not say which object it means"}
	ownerSpoofed      = &gatehouse.Answer{Status: 403, Reason: "graphql.owner_spoofed", Public: "An object may not be made over to somebody else"}
	tooManyObjects    = &gatehouse.Answer{Status: 400, Reason: "graphql.objects", Public: "The request names too many objects"}
	unverifiable      = &gatehouse.Answer{Status: 502, Reason: "graphql.unverifiable", Public: "The reply could not be checked"}
	notAllowed        = &gatehouse.Answer{Status: 403, Reason: "graphql.not_allowed", Public: "You may not ask for this"}
	introspection     = &gatehouse.Answer{Status: 403, Reason: "graphql.introspection", Public: "The schema is not shown"}
	tooLong           = &gatehouse.Answer{Status: 413, Reason: "graphql.too_long", Public: "The document is too long"}
	tooDeep           = &gatehouse.Answer{Status: 400, Reason: "graphql.depth", Public: "The operation is too deep"}
	tooManyRoots      = &gatehouse.Answer{Status: 400, Reason: "graphql.root_fields", Public: "The request asks for too many fields of the root"}
	tooManyAliases    = &gatehouse.Answer{Status: 400, Reason: "graphql.aliases", Public: "The request has too many aliases"}
	tooManyDirectives = &gatehouse.Answer{Status: 400, Reason: "graphql.directives", Public: "The request has too many directives"}
	duplicated        = &gatehouse.Answer{Status: 400, Reason: "graphql.duplicates", Public: "A field is asked for more than once"}
	tooTangled        = &gatehouse.Answer{Status: 400, Reason: "graphql.fragments", Public: "The fragments are too tangled"}
	unsliced          = &gatehouse.Answer{Status: 400, Reason: "graphql.slicing", Public: "A list must be asked for with exactly one of the arguments that say how long it is"}
	tooCostly         = &gatehouse.Answer{Status: 400, Reason: "graphql.cost", Public: "The request would cost too much"}
	badVariables      = &gatehouse.Answer{Status: 400, Reason: "graphql.variables", Public: "A variable is not of its type"}
	mutationByGet     = &gatehouse.Answer{Status: 405, Reason: "graphql.get", Public: "By GET there are queries only", Fields: gatehouse.Fields{{Name: "allow", Value: "POST"}}}
	untrusted         = &gatehouse.Answer{Status: 403, Reason: "graphql.untrusted", Public: "The document is not one of those that this API takes"}
	noDocument        = &gatehouse.Answer{Status: 404, Reason: "graphql.document", Public: "There is no document of that name"}
)

// judge judges what a request asks for, and keeps it for the steps behind.
func (k *check) judge(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	a := borrow(x)
	cost, why := k.judged(x, a)
	switch {
	case why != nil:
		a.list = a.list[:0]
		return gatehouse.Deny(why.answer).Because(why.because), nil
	case k.shadowCost && cost > float64(k.max.Cost):
		return gatehouse.PassBy("graphql.would_cost"), nil
	}
	return gatehouse.Pass, nil
}

// judged returns what the operations of a request cost together, or why they are
// refused.
func (k *check) judged(x *gatehouse.Exchange, a *asked) (float64, *refusal) {
	if why := k.read(x, a); why != nil {
		return 0, why
	}
	var sum measure
	for i := range a.list {
		one := &a.list[i]
		if name, ok := k.schema.coerce(a.doc, one.variables, one.op.variables); !ok {
			return 0, refuse(badVariables, name)
		}
		m := one.op.measure
		if one.op.dynamic {
			m = k.remeasure(a.doc, one)
		}
		sum.add(&m)
	}
	return sum.cost, k.within(&sum)
}

// remeasure measures an operation whose cost the variables decide on.
func (k *check) remeasure(d *jsonwalk.Doc, one *asking) measure {
	w := walk{s: k.schema, doc: one.op.doc, listSize: int64(k.max.ListSize)}
	w.number = func(name string) (int64, bool) { return numberOf(d, one.variables, one.op.variables, name) }
	return w.operation(one.op.def, one.op.root)
}

// forward writes the request anew from what was judged.
func (k *check) forward(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	a := borrow(x)
	if len(a.list) == 0 {
		return gatehouse.Verdict{}, errNotJudged
	}
	if k.get {
		whole(x)
		x.Request.Query = x.Append(func(b []byte) []byte { return a.list[0].appendQuery(b, a.doc) })
		return gatehouse.Pass, nil
	}
	whole(x)
	a.out = a.appendBody(a.out[:0])
	a.doc.Reset()
	x.Request.Body = append(x.Request.Body[:0], a.out...)
	for _, name := range [...]string{"content-digest", "repr-digest", "digest", "content-md5"} {
		x.Request.Fields.Del(name) // they speak of the bytes that were
	}
	return gatehouse.Pass, nil
}

// whole has the upstream send a reply that can be read: not a 304, not a part, not
// encoded, and no sequence of parts.
func whole(x *gatehouse.Exchange) {
	x.Request.Drop = append(x.Request.Drop, "if-none-match", "if-modified-since", "if-range", "range")
	x.Request.Forward.Set("accept-encoding", "identity")
	x.Request.Forward.Set("accept", "application/graphql-response+json, application/json")
}
