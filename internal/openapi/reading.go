package openapi

import (
	"bytes"
	"slices"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// MaxPicks is how many values a [Picks] can name in one object.
const MaxPicks = 4

// Picks names values that a reading notes on its way: some members of one object,
// or of every element of one array. It is compiled once and is immutable.
type Picks struct {
	root *pick
	many bool // of every element of an array
}

// pick is a place in a document on the way to what is picked.
type pick struct {
	names []string
	sizes uint64 // the bits of the lengths of names; the last one is that of all beyond
	subs  []*pick
	items *pick // of an array: what is picked of every element
	leaf  int   // which value stands here, or notPicked
}

// The leaves of places where no value stands.
const (
	notPicked   = -1 - iota
	pickArray   // here is the array of which every element is an object
	pickElement // an element of it begins
)

// NewPicks compiles the paths of values below every element that each names; nil
// is the document itself, and picks nothing among the values. It returns nil for
// what only a jsonwalk.Doc can answer: more than one [*], or [*] that is not the
// end of each.
func NewPicks(each *jsonwalk.Path, values ...*jsonwalk.Path) *Picks {
	p := &Picks{root: &pick{leaf: notPicked}}
	at := p.root
	steps := each.Steps()
	for i, name := range steps {
		if name != "" {
			at = at.sub(name)
			continue
		}
		if i < len(steps)-1 {
			return nil
		}
		p.many, at.leaf, at.items = true, pickArray, &pick{leaf: notPicked}
		at = at.items
	}
	if len(values) > MaxPicks {
		return nil
	}
	for i, v := range values {
		if v == nil {
			continue
		}
		to := at
		for _, name := range v.Steps() {
			if name == "" {
				return nil
			}
			to = to.sub(name)
		}
		if to == at || to.leaf != notPicked {
			return nil
		}
		to.leaf = i
	}
	return p
}

// sub returns the place of a member, and makes it.
func (p *pick) sub(name string) *pick {
	if i := slices.Index(p.names, name); i >= 0 {
		return p.subs[i]
	}
	p.names, p.subs = append(p.names, name), append(p.subs, &pick{leaf: notPicked})
	p.sizes |= 1 << min(len(name), 63)
	return p.subs[len(p.subs)-1]
}

// member returns the place of a member, or nil.
func (p *pick) member(name string) *pick {
	for i, n := range p.names {
		if n == name {
			return p.subs[i]
		}
	}
	return nil
}

// picked is a value that was noted.
type picked struct{ leaf, from, to int }

// aim sets where the value stands that comes next.
func (w *walk) aim(at *pick) {
	w.here = at
	if at != nil && at.leaf == pickArray {
		w.picked = append(w.picked, picked{pickArray, w.Pos, w.Pos})
	}
}

// Reading is what one pass over a reply found: whether it is valid, what is to be
// cut and the values that were asked for. It stands in a slot such as
// Response.Parsed, so that controls share one pass.
type Reading struct {
	by    *program
	picks *Picks
	src   []byte
	lim   jsonwalk.Limits
	ok    bool
	// undeclared and roles are the options by which it was judged.
	undeclared Undeclared
	roles      uint64
	// foreign is whether something is cut that nothing declares.
	foreign bool
	cuts    []cutting
	picked  []picked
	values  Values
	doc     jsonwalk.Doc
}

// Reset forgets the reading and keeps its memory.
func (r *Reading) Reset() {
	r.by, r.picks, r.src = nil, nil, nil
	r.cuts, r.picked = r.cuts[:0], r.picked[:0]
	r.doc.Reset()
}

// Document is where the document stands when it must be parsed as well.
func (r *Reading) Document() *jsonwalk.Doc { return &r.doc }

// Read reads and judges a reply as [Schema.Cut] does, unless slot holds such a
// reading already. It reports whether the reply was valid; when it was not, or
// there is no program for the schema, [Schema.Filter] must judge. Picks may be
// nil: then those of an earlier reading are good enough.
func (s *Schema) Read(slot *interface{ Reset() }, body []byte, lim jsonwalk.Limits, o Options, picks *Picks) (r *Reading, ok bool) {
	p := s.programs[forFilter]
	if p == nil {
		return nil, false
	}
	r, ok = (*slot).(*Reading)
	if !ok {
		r = new(Reading)
		*slot = r
	}
	o.forCut()
	if r.by == p && (picks == nil || r.picks == picks) && r.undeclared == o.Undeclared && r.roles == o.Roles && len(body) > 0 && len(r.src) == len(body) && &r.src[0] == &body[0] && r.lim == lim {
		return r, r.ok
	}
	w := s.shared.walk()
	defer s.shared.rest(w)
	r.by, r.picks, r.undeclared, r.roles, r.lim, r.src = p, picks, o.Undeclared, o.Roles, lim, body
	r.ok = p.run(w, body, &lim, &o, picks)
	r.foreign = w.foreign
	r.cuts, r.picked = append(r.cuts[:0], w.cuts...), append(r.picked[:0], w.picked...)
	return r, r.ok
}

// forCut makes them the options of a reply that is cut.
func (o *Options) forCut() {
	o.Direction, o.MaxString, o.MaxItems, o.MaxPage, o.MaxOffset = Reply, 0, 0, 0, 0
	if o.Undeclared == Reject {
		o.Undeclared = Strip
	}
}

// Cuts reports whether anything must be cut.
func (r *Reading) Cuts() bool { return len(r.cuts) > 0 }

// Undeclared reports whether something must be cut that the description does not
// declare, or hides from every caller, besides what hangs on the caller's roles.
func (r *Reading) Undeclared() bool { return r.foreign }

// AppendCut appends the reply to dst without what must be cut.
func (r *Reading) AppendCut(dst []byte) []byte { return appendWithout(dst, r.src, r.cuts) }

// Values are what was picked in one object, as JSON; nil for what is not there.
type Values [MaxPicks][]byte

// Each calls f for every object in which values were picked, in order, until f
// returns false. Where the array of the objects is missing, or no array, it calls
// f with empty Values, so that what is not there is never taken for what is
// allowed; null in its place calls nothing.
func (r *Reading) Each(f func(v *Values) bool) {
	v := &r.values
	*v = Values{}
	begun, arrived := !r.picks.many, !r.picks.many
	for _, p := range r.picked {
		switch {
		case p.leaf == pickArray:
			arrived = r.src[p.from] == '[' || r.src[p.from] == 'n'
		case p.leaf >= 0:
			v[p.leaf] = r.src[p.from:p.to]
		default:
			if begun && !f(v) {
				return
			}
			begun = true
			*v = Values{}
		}
	}
	if begun || !arrived {
		f(v)
	}
}

// Text returns the text of a string and the digits of a number. Anything else has
// none.
func Text(raw []byte) (text []byte, ok bool) {
	switch {
	case len(raw) == 0 || raw[0] == 'n' || raw[0] == 't' || raw[0] == 'f' || raw[0] == '{' || raw[0] == '[':
		return nil, false
	case raw[0] != '"':
		return raw, true
	}
	text = raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		var l jsonwalk.Lexer
		text = l.Text(text)
	}
	return text, true
}
