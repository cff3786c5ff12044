package object

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// spot is a place in a reply at which, or below which, an object of some kind may
// stand. Spots are a graph: comments hold comments.
type spot struct {
	rules []*rule // of the objects that stand here
	names []string
	subs  []*spot // by names, of which one may be there more than once
	any   []*spot // members of any other name
	items []*spot
	live  bool // some rule can be reached
}

// follow goes along a path, and makes it anew: it is of this reply alone.
func (s *spot) follow(steps []string) *spot {
	for _, name := range steps {
		to := &spot{}
		if name == "" {
			s.items = append(s.items, to)
		} else {
			s.names, s.subs = append(s.names, name), append(s.subs, to)
		}
		s = to
	}
	return s
}

// next are the spots one step below.
func (s *spot) next() []*spot { return slices.Concat(s.subs, s.any, s.items) }

// enliven notes from which spots a rule can be reached, and reports whether one can
// be from this one.
func (s *spot) enliven() bool {
	above := map[*spot][]*spot{s: nil} // who leads to whom
	all, alive := []*spot{s}, []*spot(nil)
	for i := 0; i < len(all); i++ {
		if len(all[i].rules) > 0 {
			all[i].live, alive = true, append(alive, all[i])
		}
		for _, k := range all[i].next() {
			if _, known := above[k]; !known {
				all = append(all, k)
			}
			above[k] = append(above[k], all[i])
		}
	}
	for i := 0; i < len(alive); i++ {
		for _, k := range above[alive[i]] {
			if !k.live {
				k.live, alive = true, append(alive, k)
			}
		}
	}
	return s.live
}

// nesting finds where objects stand inside the replies of one operation.
type nesting struct {
	kinds []kindOf
	known map[*openapi.Schema]*spot
}

// kindOf is an object whose schema is known, and what it takes to see it.
type kindOf struct {
	name   string
	schema *openapi.Schema
	rule   *rule
}

// expansion judges the objects inside of a reply.
type expansion struct{ byStatus map[int]*spot }

// nested compiles the check of objects that stand inside the reply, at places where
// the operation's own objects do not.
func (c *Config) nested(b *gatehouse.Build, seen *covered) ([]gatehouse.Step, error) {
	op, ok := b.Operation.(*openapi.Operation)
	if !ok || b.Public != nil {
		return nil, nil
	}
	n := &nesting{known: map[*openapi.Schema]*spot{}}
	rules := map[string]*rule{}
	for _, name := range slices.Sorted(maps.Keys(c.Objects)) {
		o := c.Objects[name]
		if !told(o) {
			continue
		}
		r, err := c.reading(b, name)
		if err != nil {
			return nil, err
		}
		rules[name] = r
		if s := schemaOf(o, b); s != nil {
			n.kinds = append(n.kinds, kindOf{name, s, r})
		}
	}
	if len(rules) == 0 {
		return nil, nil
	}
	e := &expansion{byStatus: map[int]*spot{}}
	for _, status := range [...]int{200, 201, 203} {
		root, err := n.reply(c, op, status, seen, rules)
		if err != nil {
			return nil, err
		}
		if root != nil && root.enliven() {
			e.byStatus[status] = root
		}
	}
	if len(e.byStatus) == 0 {
		return nil, nil
	}
	for name, r := range rules { // few operations bring objects inside others
		r.allowed.roles = append(r.allowed.roles, c.readers(c.Objects[name], b)...)
	}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Inspect, Need: gatehouse.ReplyBody, Skip: e.skips, Enforce: e.judge, Each: e.judgeItem}}, nil
}

// reply makes the spots of one status. Where the operation's own objects stand is
// judged already.
func (n *nesting) reply(c *Config, op *openapi.Operation, status int, seen *covered, rules map[string]*rule) (*spot, error) {
	res := op.Response(status)
	if res == nil {
		return nil, nil
	}
	schema := res.JSON("application/json")
	if schema == nil {
		return nil, nil
	}
	var each []string
	if seen.each != nil {
		each = seen.each.Steps()
	}
	root := &spot{}
	n.along(root, schema, each, seen.objects)
	for _, name := range seen.objects {
		o := c.Objects[name]
		for _, place := range slices.Sorted(maps.Keys(o.Nested)) {
			rest, ok := strings.CutPrefix(place, "response")
			p, err := jsonwalk.CompilePath(strings.TrimPrefix(rest, "."))
			of := rules[o.Nested[place]]
			if !ok || err != nil || rest == "" || of == nil {
				return nil, &gatehouse.Fault{Key: "objects." + name + ".nested", Says: fmt.Sprintf("at %q no object can be told to be somebody's", place), Fix: `"response.lines[*].customer": customer  (an object whose owner or tenant is in the response)`}
			}
			at := root.follow(each).follow(p.Steps())
			at.rules = append(at.rules, of)
		}
	}
	return root, nil
}

// along makes the spots of a reply. On the way to the operation's own objects, which
// are the root or the elements of a list, their own rules have been kept already.
func (n *nesting) along(s *spot, schema *openapi.Schema, each, own []string) {
	if len(each) == 0 {
		for _, k := range n.kinds {
			if schema.Is(k.schema) && !slices.Contains(own, k.name) {
				s.rules = append(s.rules, k.rule)
			}
		}
	}
	schema.Below(func(name string, element bool, of *openapi.Schema) {
		if len(each) > 0 && (element && each[0] == "" || !element && name != "" && name == each[0]) {
			n.along(s.follow(each[:1]), of, each[1:], own)
			return
		}
		s.link(name, element, n.of(of))
	})
}

// of returns the spot of a schema, and makes it and all below it.
func (n *nesting) of(schema *openapi.Schema) *spot {
	if s := n.known[schema]; s != nil {
		return s
	}
	s := &spot{}
	n.known[schema] = s
	for _, k := range n.kinds {
		if schema.Is(k.schema) {
			s.rules = append(s.rules, k.rule)
		}
	}
	schema.Below(func(name string, element bool, of *openapi.Schema) { s.link(name, element, n.of(of)) })
	return s
}

// link puts a spot one step below.
func (s *spot) link(name string, element bool, to *spot) {
	switch {
	case element:
		s.items = append(s.items, to)
	case name == "":
		s.any = append(s.any, to)
	default:
		s.names, s.subs = append(s.names, name), append(s.subs, to)
	}
}

// skips reports a reply without a body of ours to judge.
func (e *expansion) skips(x *gatehouse.Exchange) bool {
	return x.Response.Own || e.byStatus[x.Response.Status] == nil
}

// judge compares every object inside the reply with the caller.
func (e *expansion) judge(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if e.skips(x) || len(x.Response.Body) == 0 {
		return gatehouse.Pass, nil
	}
	d, err := jsonwalk.Of(&x.Response.Parsed, x.Response.Body, limits)
	if err != nil || x.Response.BodyTooLarge || x.Response.Fields.Encoded() {
		return gatehouse.Deny(unverifiable).Because(notJSON), nil
	}
	return inside(ctx, e.byStatus[x.Response.Status], d, x), nil
}

// judgeItem is judge for an item of a sequence.
func (e *expansion) judgeItem(ctx context.Context, x *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
	if len(item.Data) == 0 || e.skips(x) {
		return gatehouse.Pass, nil
	}
	if x.Response.Parsed != nil {
		x.Response.Parsed.Reset() // the item before stood in the same memory
	}
	d, err := jsonwalk.Of(&x.Response.Parsed, item.Data, limits)
	if err != nil {
		return gatehouse.Deny(unverifiable).Because(notJSON), nil
	}
	v := inside(ctx, e.byStatus[x.Response.Status], d, x)
	x.Response.Parsed.Reset()
	return v, nil
}

// inside judges a document.
func inside(ctx context.Context, root *spot, d *jsonwalk.Doc, x *gatehouse.Exchange) gatehouse.Verdict {
	switch worst, r := root.walk(ctx, &search{d: d, x: x}, 0); worst {
	case absent:
		return gatehouse.Deny(unverifiable).Because("an object inside the reply does not say whose it is")
	case other:
		if r.hide {
			return gatehouse.Deny(notFound).Because("an object inside the reply is somebody else's")
		}
		return gatehouse.Deny(foreign).Because("an object inside the reply is somebody else's")
	}
	return gatehouse.Pass
}

// search is one document that is gone through. The policies are asked for one caller,
// of whom they are told once for all objects of a kind that follow each other.
type search struct {
	d   *jsonwalk.Doc
	x   *gatehouse.Exchange
	of  *rule
	ask *asker // of that rule
}

// walk goes through a node and what is below it, and returns the worst that it finds.
func (s *spot) walk(ctx context.Context, w *search, at int) (outcome, *rule) {
	d := w.d
	object := d.Kind(at) == jsonwalk.Object
	if object {
		for _, r := range s.rules {
			if found := r.seen(ctx, w, at); found != own {
				return found, r
			}
		}
	}
	for c, end := at+1, d.Next(at); c < end; c = d.Next(c) {
		if !object {
			if found, r := among(ctx, s.items, w, c); found != own {
				return found, r
			}
			continue
		}
		named := false
		for i, name := range s.names {
			if name != string(d.Name(c)) {
				continue
			}
			named = true
			if found, r := among(ctx, s.subs[i:i+1], w, c); found != own {
				return found, r
			}
		}
		if named {
			continue
		}
		if found, r := among(ctx, s.any, w, c); found != own {
			return found, r
		}
	}
	return own, nil
}

func among(ctx context.Context, list []*spot, w *search, at int) (outcome, *rule) {
	for _, s := range list {
		if !s.live {
			continue
		}
		if found, r := s.walk(ctx, w, at); found != own {
			return found, r
		}
	}
	return own, nil
}

// seen compares an object inside a reply with a caller who may read such objects, or
// may not.
func (r *rule) seen(ctx context.Context, w *search, at int) outcome {
	s, refusal := r.stands(w.x)
	if refusal != nil {
		return other
	}
	if w.of != r {
		w.of, w.ask = r, r.asker(ctx, w.x)
	}
	if w.ask != nil {
		w.ask.unsaid = false
	}
	found, _, err := r.element(ctx, w.ask, w.d, at, s)
	switch {
	case err != nil:
		return absent
	case found == other && s.role && w.ask != nil && w.ask.unsaid:
		return own // the role is for the operation and what it brings, and no policy forbids it
	}
	return found
}
