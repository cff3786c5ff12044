package learn

import (
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// What of a document is looked at: deeper values and the members of larger
// objects are described by what they have in common.
const (
	maxNesting = 12
	maxMembers = 100
)

// shape is what is known of the JSON values of one place.
type shape struct {
	nulls, truths int
	text          text
	number        number
	array         *array
	object        *object
	deep          bool // something below was too deep, or no program could hold it
}

type array struct {
	max   int
	items *shape // nil until an element was seen
}

type object struct {
	n, max  int
	members map[string]*member
	// keyed are the values under names that are no names of members: the object is
	// a map.
	keyed  *shape
	longer int // the longest such name in code points
}

type member struct {
	n     int
	shape *shape
}

// observe adds the value at i, which stands under a name.
func (s *shape) observe(l *Learner, d *jsonwalk.Doc, i, depth int, name string) {
	switch d.Kind(i) {
	case jsonwalk.Null:
		s.nulls++
	case jsonwalk.True, jsonwalk.False:
		s.truths++
	case jsonwalk.Number:
		s.deep = !s.number.observe(string(d.Raw(i))) || s.deep
	case jsonwalk.String:
		s.text.observe(l.formats, string(d.Text(i)), name)
	case jsonwalk.Array:
		s.elements(l, d, i, depth, name)
	case jsonwalk.Object:
		s.members(l, d, i, depth)
	}
}

func (s *shape) elements(l *Learner, d *jsonwalk.Doc, i, depth int, name string) {
	if s.array == nil {
		s.array = &array{}
	}
	s.array.max = max(s.array.max, d.Count(i))
	if depth == maxNesting {
		s.deep = true
		return
	}
	for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
		if s.array.items == nil {
			s.array.items = l.shape()
		}
		s.array.items.observe(l, d, c, depth+1, name)
	}
}

func (s *shape) members(l *Learner, d *jsonwalk.Doc, i, depth int) {
	if s.object == nil {
		s.object = &object{}
	}
	o := s.object
	o.n++
	o.max = max(o.max, d.Count(i))
	if depth == maxNesting {
		s.deep = true
		return
	}
	for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
		name := string(d.Name(c))
		m := o.members[name]
		if m == nil && (!memberName(name) || len(o.members) == maxMembers) {
			if o.keyed == nil {
				o.keyed = l.shape()
			}
			o.longer = max(o.longer, utf8.RuneCountInString(name))
			o.keyed.observe(l, d, c, depth+1, "")
			continue
		}
		if m == nil {
			m = &member{shape: l.shape()}
			if o.members == nil {
				o.members = map[string]*member{}
			}
			o.members[name] = m
		}
		m.n++
		m.shape.observe(l, d, c, depth+1, name)
	}
}

// shape returns an empty shape, which is counted.
func (l *Learner) shape() *shape {
	l.size++
	return &shape{}
}

func (s *shape) add(o *shape) {
	s.nulls, s.truths = s.nulls+o.nulls, s.truths+o.truths
	s.text.add(&o.text)
	s.number.add(&o.number)
	s.deep = s.deep || o.deep
	if a := o.array; a != nil {
		if s.array == nil {
			s.array = &array{}
		}
		s.array.max = max(s.array.max, a.max)
		if a.items != nil {
			if s.array.items == nil {
				s.array.items = &shape{}
			}
			s.array.items.add(a.items)
		}
	}
	if o.object != nil {
		if s.object == nil {
			s.object = &object{}
		}
		s.object.add(o.object)
	}
}

func (o *object) add(p *object) {
	o.n += p.n
	o.max = max(o.max, p.max)
	o.longer = max(o.longer, p.longer)
	for name, m := range p.members {
		if o.members == nil {
			o.members = map[string]*member{}
		}
		to := o.members[name]
		if to == nil {
			to = &member{shape: &shape{}}
			o.members[name] = to
		}
		to.n += m.n
		to.shape.add(m.shape)
	}
	if p.keyed != nil {
		if o.keyed == nil {
			o.keyed = &shape{}
		}
		o.keyed.add(p.keyed)
	}
}

// split tells members from values that stand under names of their own: those of a
// map. An object is a map as a whole when some of its names are none of members,
// or when so many come and go that they must be values. Besides, objects of one
// form under several names of which none is always there are values of a map.
// The second result is nil when there are none.
func (o *object) split() (members map[string]*member, keyed *shape) {
	if o.keyed != nil || o.varies() {
		keyed = &shape{}
		if o.keyed != nil {
			keyed.add(o.keyed)
		}
		for _, m := range o.members {
			keyed.add(m.shape)
		}
		return nil, keyed
	}
	members = maps.Clone(o.members)
	for _, name := range o.alike() {
		if keyed == nil {
			keyed = &shape{}
		}
		keyed.add(o.members[name].shape)
		delete(members, name)
	}
	if keyed != nil && keyed.deep || folded(members, o.members) {
		return o.members, nil
	}
	return members, keyed
}

// folded reports a name beside the members that differs from one of them in case
// only: programs may take it for that one.
func folded(members, all map[string]*member) bool {
	for name := range all {
		if members[name] != nil {
			continue
		}
		for m := range members {
			if strings.EqualFold(m, name) {
				return true
			}
		}
	}
	return false
}

// varies reports many names that are mostly absent.
func (o *object) varies() bool {
	const some = 12
	present := 0
	for _, m := range o.members {
		present += m.n
	}
	return len(o.members) >= some && 4*present < o.n*len(o.members)
}

// alike returns the names under which objects of one form stand, none of them
// always.
func (o *object) alike() (names []string) {
	signs := map[string]map[string]bool{}
	for name, m := range o.members {
		if m.shape.object != nil && (m.n < o.n || o.n == 1) {
			signs[name] = map[string]bool{}
			m.shape.sign(signs[name], "", 2)
		}
	}
	for name, sign := range signs {
		for other, s := range signs {
			if name != other && similar(sign, s) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// longest returns the length of the longest name in code points.
func (o *object) longest() int {
	n := o.longer
	for name := range o.members {
		n = max(n, len(name))
	}
	return n
}

func (s *shape) size() int {
	n := 1
	if s.array != nil && s.array.items != nil {
		n += s.array.items.size()
	}
	if s.object != nil {
		for _, m := range s.object.members {
			n += m.shape.size()
		}
		if s.object.keyed != nil {
			n += s.object.keyed.size()
		}
	}
	return n
}

// memberName reports a name that authors give to members, and not a value that
// stands in a name's place.
func memberName(s string) bool {
	if len(s) == 0 || len(s) > 64 || !letter(s[0]) && strings.IndexByte("_$@", s[0]) < 0 {
		return false
	}
	digits, changes := 0, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case digit(c):
			digits++
			if i > 0 && letter(s[i-1]) {
				changes++
			}
		case letter(c):
			if i > 0 && digit(s[i-1]) {
				changes++
			}
		case strings.IndexByte("_.$:-", c) >= 0, c == '@' && i == 0:
		default:
			return false
		}
	}
	return digits < 4 && changes < 4 && (len(s) < 32 || digits == 0)
}

// queryName reports the name of a parameter: that of a member, with brackets.
func queryName(s string) bool {
	base, rest, _ := strings.Cut(s, "[")
	if !memberName(base) {
		return false
	}
	for rest != "" {
		name, after, ok := strings.Cut(rest, "]")
		if !ok || name != "" && !memberName(name) || after != "" && after[0] != '[' {
			return false
		}
		rest = strings.TrimPrefix(after, "[")
	}
	return true
}
