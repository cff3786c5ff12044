package object

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// mode is when and how an operation learns whose an object is.
type mode uint8

const (
	atOnce     mode = iota // by what the path itself says
	byMap                  // before, from the map of owners
	byLookup               // before, from the object's present state
	afterwards             // by the reply, before a byte of it leaves
)

// modeOf settles how the operation knows the owner. A write, and a read of
// something below the object, knows before: afterwards would be too late.
func (r *rule) modeOf(o *policy.Object, b *gatehouse.Build, k string) (mode, error) {
	op := b.Operation
	switch {
	case r.action == policy.Create:
		return atOnce, nil
	case r.action == policy.List && r.tells():
		return afterwards, errors.Join(r.listable(b, k), r.readable(b, k))
	case r.act != nil && o.Before == "relations" && r.act.NeedsObject():
		return 0, &gatehouse.Fault{Key: k + ".before", Says: "policies for " + r.act.Name + " read the object, of which relations say nothing", Fix: "before: lookup"}
	case !r.sees() && !r.inMap():
		return atOnce, nil
	case len(r.names) == 0:
		return 0, &gatehouse.Fault{Key: k + ".operations", Says: fmt.Sprintf("%s does not name the object: its owner cannot be known", op.ID()),
			Fix: "ids: {" + op.ID() + ": [query.NAME, header.NAME, or body.NAME]}; or leave it out, and write no_object for it"}
	case r.action == policy.Read && op.Method() == "GET" && r.itself(b) && !r.inMap() && !slices.Contains(o.BeforeReads, op.ID()):
		return afterwards, r.readable(b, k)
	case o.Before == "owners" || o.Before == "" && r.inMap():
		if r.act != nil && r.act.NeedsObject() {
			return 0, &gatehouse.Fault{Key: k + ".before", Says: "policies for " + r.act.Name + " read the object, of which the map of owners knows nothing else", Fix: "before: lookup, with owner: response.FIELD"}
		}
		return byMap, nil
	}
	return byLookup, r.lookupOf(o, b, k)
}

// itself reports whether the operation is of the one object that its path names, and
// not of something below it.
func (r *rule) itself(b *gatehouse.Build) bool {
	return len(r.names) == 1 && r.names[0].in == inPath && policy.Base(b.Operation.Template(), r.names[0].name) == b.Operation.Template()
}

// listable refuses a list of which nobody could say whose its elements are.
func (r *rule) listable(b *gatehouse.Build, k string) error {
	if r.inMap() && r.replyID == nil {
		return &gatehouse.Fault{Key: k + ".create", Says: "nothing says where the elements of " + b.Operation.ID() + " have their ids, by which their owners are known", Fix: "reply_id: response.id, create: {operation: createOrder, learn: response.id}, or owner: response.FIELD"}
	}
	return nil
}

// readable refuses an operation whose reply would have to be compared and is never
// JSON.
func (r *rule) readable(b *gatehouse.Build, k string) error {
	if r.op == nil {
		return nil
	}
	res := r.op.Response(200)
	if res == nil || len(res.Content) == 0 || slices.ContainsFunc(res.Content, func(m openapi.MediaType) bool {
		return openapi.IsJSON(m.Type) || m.Item != nil || strings.HasSuffix(m.Type, "*") || strings.Contains(m.Type, "json")
	}) {
		return nil
	}
	return &gatehouse.Fault{Key: k, Says: fmt.Sprintf("the reply of %s is %s, in which no owner can be found", b.Operation.ID(), res.Content[0].Type),
		Fix: "before_reads: [" + b.Operation.ID() + "], so that the owner is known before"}
}

// piece is a part of the path of a look-up: text, a parameter of the request's own
// path, or the object's id.
type piece struct {
	text, param string
	id          bool
}

// lookupOf compiles the path that reads an object of the request.
func (r *rule) lookupOf(o *policy.Object, b *gatehouse.Build, k string) error {
	op := b.Operation
	unknown := func(why string) error {
		return &gatehouse.Fault{Key: k, Says: fmt.Sprintf("%s cannot know the owner before: %s", op.ID(), why), Fix: "before: owners, owner: path.NAME, or a GET operation that reads one object"}
	}
	if p := &r.names[0]; len(r.names) == 1 && p.in == inPath {
		base := policy.Base(op.Template(), p.name)
		if _, found := policy.Reader(o, b.All, base); base != "" && found {
			r.matched = base == op.Template() && r.action != policy.Read
			r.lookup = append(pieces(base[:strings.LastIndexByte(base, '/')+1]), piece{id: true})
			return nil
		}
		return unknown("no operation reads " + base)
	}
	param, ok := strings.CutPrefix(o.ID, "path.")
	if !ok {
		return unknown("no operation reads one object by its path")
	}
	for _, base := range policy.Bases(o, b.All, param) {
		if _, found := policy.Reader(o, b.All, base); !found {
			continue
		}
		list := append(pieces(base[:strings.LastIndexByte(base, '/')+1]), piece{id: true})
		for _, p := range list {
			if p.param != "" && !strings.Contains(op.Template(), "{"+p.param+"}") {
				return unknown("it does not say {" + p.param + "} of " + base)
			}
		}
		r.lookup = list
		return nil
	}
	return unknown("no operation reads one object by its path")
}

// pieces takes a template apart.
func pieces(template string) (list []piece) {
	for template != "" {
		text, rest, found := strings.Cut(template, "{")
		list = append(list, piece{text: text})
		if !found {
			break
		}
		name, after, _ := strings.Cut(rest, "}")
		list, template = append(list, piece{param: name}), after
	}
	return list
}

// actionOf settles what the operation does to an object.
func actionOf(o *policy.Object, b *gatehouse.Build, k string) (policy.Action, error) {
	param, inPath := strings.CutPrefix(o.ID, "path.")
	var bases []string
	if inPath {
		if bases = policy.Bases(o, b.All, param); len(bases) == 0 {
			return 0, &gatehouse.Fault{Key: k + ".id", Says: fmt.Sprintf("no path has a parameter {%s}", param), Fix: "path.NAME with a name of the description"}
		}
	}
	a := o.ActionIn(b.Operation, param, bases)
	if a == policy.None && (len(o.IDs[b.Operation.ID()]) > 0 || !inPath && names(o.ID, b.Operation)) {
		switch b.Operation.Method() {
		case "GET", "HEAD":
			a = policy.Read
		case "DELETE":
			a = policy.Delete
		default:
			a = policy.Update
		}
	}
	if a != policy.None && len(bases) > 1 && len(o.Operations) == 0 {
		return 0, &gatehouse.Fault{Key: k + ".operations", Says: fmt.Sprintf("{%s} names several resources: %s", param, strings.Join(bases, ", ")),
			Fix: "operations: {read: [...], update: [...], delete: [...], list: [...], create: [...]}"}
	}
	return a, nil
}

// names reports whether the description declares a position of an operation.
func names(text string, op gatehouse.Operation) bool {
	described, ok := op.(*openapi.Operation)
	if !ok {
		return false
	}
	p, says := positionOf(text, described)
	return p != nil && says == ""
}
