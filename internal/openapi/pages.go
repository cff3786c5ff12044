package openapi

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// paging is what an integer without a bound asks for, by its name: how many
// results, or from which one on. In requests it is held to a bound of the
// gateway's own, from 0 upwards: what is negative means "all" to many databases.
type paging uint8

const (
	noPaging paging = iota
	pageSize
	pageOffset
	fromBelow = 4 // a bit beside them: the description has a least number
)

// pagingOf returns what a name asks for. Some names do so in a query only: in a
// body they are those of ordinary things.
func pagingOf(name string, query bool) paging {
	name = strings.NewReplacer("_", "", "-", "", "[", "", "]", "", "$", "").Replace(strings.ToLower(name))
	switch {
	case slices.Contains([]string{"limit", "perpage", "pagesize", "pagelimit", "maxresults", "first", "last", "count"}, name),
		query && slices.Contains([]string{"size", "take", "top", "maxitems"}, name):
		return pageSize
	case slices.Contains([]string{"offset", "pageoffset"}, name), query && name == "skip":
		return pageOffset
	}
	return noPaging
}

// pages marks the parameters of queries and the members of objects that ask for
// a number of results and have no greatest number.
func (l *loader) pages() {
	made := map[*Schema]map[paging]*Schema{}
	mark := func(s *Schema, name string, query bool) *Schema {
		p := pagingOf(name, query)
		if p == noPaging || s == nil || s.page != noPaging {
			return s
		}
		if t := s.Types(); t == AnyType || t&TypeNumber == 0 || s.Bounded() {
			return s
		}
		if s.bounded(func(n *numbers) bool { return n.min != nil || n.over != nil }) {
			p |= fromBelow
		}
		if made[s] == nil {
			made[s] = map[paging]*Schema{}
		}
		if made[s][p] == nil {
			t := *s
			t.page = p
			made[s][p] = &t
		}
		return made[s][p]
	}
	for _, p := range l.params {
		if p.In == "query" {
			p.Schema = mark(p.Schema, p.Name, true)
		}
	}
	for _, s := range l.compiled {
		if s.object == nil {
			continue
		}
		for i := range s.object.props {
			p := &s.object.props[i]
			p.schema = mark(p.schema, p.name, false)
		}
	}
}

// bounded reports whether some keyword for numbers does what by asks.
func (s *Schema) bounded(by func(*numbers) bool) bool {
	bounded := false
	s.walkInPlace(16, func(b *Schema) { bounded = bounded || b.numbers != nil && by(b.numbers) })
	return bounded
}

// inPage reports whether an integer, which was not read when it is too large,
// keeps the bounds of pages.
func (s *Schema) inPage(v int64, read bool, o *Options) bool {
	most := o.MaxPage
	if s.page&^fromBelow == pageOffset {
		most = o.MaxOffset
	}
	return most <= 0 || read && v <= most && (v >= 0 || s.page&fromBelow != 0)
}

// paged judges node i as a number of results.
func (r *run) paged(i int, s *Schema) bool {
	if s.page == noPaging || r.o.Direction != Request {
		return true
	}
	v, ok := integer(r.d.Raw(i))
	if !ok {
		var d jsonwalk.Decimal
		r.d.Decimal(&d, i)
		v, ok = d.Int()
	}
	return s.inPage(v, ok, &r.o) || !r.fail(i, "maximum")
}

// paged judges a number as one of results.
func (w *walk) paged(s *Schema, n jsonwalk.Numeral) bool {
	if s.page == noPaging || w.mode != forRequest {
		return true
	}
	if n.Short {
		return s.inPage(n.Value, true, &w.o)
	}
	var d jsonwalk.Decimal
	d.Set(n.Raw)
	v, ok := d.Int()
	return s.inPage(v, ok, &w.o)
}
