package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// bounds notes what a description leaves open in what callers send: strings,
// arrays and page sizes. The gateway's own bounds hold there; the API's author
// knows better ones.
func (l *linter) bounds(a *API) {
	o := &openEnds{seen: map[*openapi.Schema]bool{}}
	for _, op := range a.description.document.Operations {
		for _, p := range op.Parameters {
			if p.Schema == nil {
				continue
			}
			o.look(p.Schema, op.ID()+" "+p.Name, place(p.Place), 0)
			if p.In == "query" && pageSize(p.Name) && !p.Schema.Bounded() {
				o.pages.add(op.ID()+" "+p.Name, place(p.Place))
			}
		}
		if op.RequestBody == nil {
			continue
		}
		for _, m := range op.RequestBody.Content {
			if m.Schema != nil {
				o.look(m.Schema, op.ID()+" body", place(op.Place), 0)
			}
		}
	}
	for _, f := range []struct {
		found  ends
		says   string
		fix    string
		covers gatehouse.Requirement
	}{
		{o.pages, "%d page sizes without a maximum in the description: %s", "maximum: 100", "input.pagination"},
		{o.texts, "%d strings without a greatest length in the description: %s", "maxLength: 100", "input.size"},
		{o.lists, "%d arrays without a greatest length in the description: %s", "maxItems: 100", "input.size"},
	} {
		if n := len(f.found.names); n > 0 {
			l.say(LevelNote, f.covers, f.found.first, a.Name, fmt.Sprintf(f.says, n, some(f.found.names)), f.fix)
		}
	}
	l.described(a)
}

func place(p openapi.Place) gatehouse.Place {
	return gatehouse.Place{File: p.File, Line: max(p.Line, 1), Col: 1}
}

// ends are places of one sort that have no bound.
type ends struct {
	names []string
	first gatehouse.Place
}

func (e *ends) add(name string, at gatehouse.Place) {
	if len(e.names) == 0 {
		e.first = at
	}
	e.names = append(e.names, name)
}

// openEnds goes through schemas, each once.
type openEnds struct {
	seen                map[*openapi.Schema]bool
	pages, texts, lists ends
}

func (o *openEnds) look(s *openapi.Schema, name string, at gatehouse.Place, depth int) {
	const deepest = 8
	if s == nil || depth > deepest || o.seen[s] {
		return
	}
	o.seen[s] = true
	types := s.Types()
	if types&openapi.TypeString != 0 && open(s, []string{`"aaaaaaaaaa"`, `"0000000000"`}, openapi.Options{MaxString: 9}) {
		o.texts.add(name, at)
	}
	if types&openapi.TypeArray != 0 {
		if open(s, []string{`["a","b"]`, `[1,2]`, `[{},[]]`}, openapi.Options{MaxItems: 1}) {
			o.lists.add(name, at)
		}
		o.look(s.Items(), name+"[]", at, depth+1)
	}
	for _, p := range s.Properties() {
		if m := s.Property(p); m != nil {
			there := at
			if m.Place().Line > 0 {
				there = place(m.Place())
			}
			o.look(m, name+"."+p, there, depth+1)
		}
	}
}

// open asks the validator itself whether a bound of ours is what stops a
// sample. A schema that takes no sample, because of its pattern or its members,
// counts as bounded: a note must not be wrong.
func open(s *openapi.Schema, samples []string, bound openapi.Options) bool {
	return slices.ContainsFunc(samples, func(sample string) bool {
		var d jsonwalk.Doc
		if err := d.Parse([]byte(sample), jsonwalk.Limits{}); err != nil {
			return false
		}
		if _, ok := s.Validate(&d, openapi.Options{}); !ok {
			return false
		}
		_, ok := s.Validate(&d, bound)
		return !ok
	})
}

// described passes on what the loader of descriptions found, one finding for
// each sort.
func (l *linter) described(a *API) {
	type sort struct {
		says  string
		count int
		first gatehouse.Place
		wall  bool
	}
	var sorts []*sort
	for _, f := range a.description.document.Findings {
		i := slices.IndexFunc(sorts, func(s *sort) bool { return s.says == f.Says })
		if i < 0 {
			i = len(sorts)
			sorts = append(sorts, &sort{says: f.Says, first: place(f.Place), wall: f.Unsupported})
		}
		sorts[i].count++
	}
	for i, s := range sorts {
		if i == maxErrors {
			break
		}
		level, fix := LevelNote, "nothing, if the description means it"
		if s.wall {
			level, fix = LevelWarning, "a description without it: values there are refused"
		}
		says := s.says
		if s.count > 1 {
			says = fmt.Sprintf("%s (%d times)", says, s.count)
		}
		l.say(level, "input.openapi", s.first, a.Name, says, fix)
	}
}

// pageSize reports whether a query parameter's name is one that page sizes have.
func pageSize(name string) bool {
	switch strings.ToLower(strings.NewReplacer("_", "", "-", "", "[", "", "]", "").Replace(name)) {
	case "limit", "perpage", "pagesize", "pagelimit", "maxresults", "maxitems", "take", "top", "first", "size", "count":
		return true
	}
	return false
}
