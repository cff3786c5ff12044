package config

import (
	"fmt"
	"slices"

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
		}
		if op.RequestBody == nil {
			continue
		}
		for _, m := range op.RequestBody.Content {
			if m.Schema == nil {
				continue
			}
			o.look(m.Schema, op.ID()+" body", place(op.Place), 0)
			if m.Type == "multipart/form-data" {
				o.uploads(&m, op.ID(), place(op.Place))
			}
		}
	}
	for _, f := range []struct {
		found  ends
		says   string
		fix    string
		covers gatehouse.Requirement
	}{
		{o.pages, "%d page sizes without a maximum in the description (schema.pagination_max holds): %s", "maximum: 100", "input.pagination"},
		{o.offsets, "%d offsets without a maximum in the description (schema.offset_max holds): %s", "maximum: 10000", "input.pagination"},
		{o.texts, "%d strings without a greatest length in the description (schema.max_string holds): %s", "maxLength: 100", "input.size"},
		{o.lists, "%d arrays without a greatest length in the description (schema.max_items holds): %s", "maxItems: 100", "input.size"},
		{o.files, "%d files of any type: %s", "encoding: {FIELD: {contentType: image/png}}", "input.content-type"},
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
	seen                                map[*openapi.Schema]bool
	pages, offsets, texts, lists, files ends
}

// uploads looks for files whose type the description leaves open.
func (o *openEnds) uploads(m *openapi.MediaType, id string, at gatehouse.Place) {
	for _, name := range m.Schema.Properties() {
		s := m.Schema.Property(name)
		file := s.Binary() || s.Items() != nil && s.Items().Binary()
		if e := m.EncodingOf(name); file && (e == nil || len(e.Types) == 0) {
			o.files.add(id+" "+name, at)
		}
	}
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
	if types&openapi.TypeNumber != 0 {
		numbers := []string{"2", "10", "100", "1000"}
		if open(s, numbers, openapi.Options{MaxPage: 1}) {
			o.pages.add(name, at)
		}
		if open(s, numbers, openapi.Options{MaxOffset: 1}) {
			o.offsets.add(name, at)
		}
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
		says    string
		count   int
		first   gatehouse.Place
		library bool
	}
	var sorts []*sort
	for _, f := range a.description.document.Findings {
		i := slices.IndexFunc(sorts, func(s *sort) bool { return s.says == f.Says })
		if i < 0 {
			i = len(sorts)
			sorts = append(sorts, &sort{says: f.Says, first: place(f.Place), library: f.Library})
		}
		sorts[i].count++
	}
	for i, s := range sorts {
		if i == maxErrors {
			break
		}
		level, fix := LevelNote, "nothing, if the description means it"
		if s.library {
			level, fix = LevelWarning, "a description without it"
		}
		says := s.says
		if s.count > 1 {
			says = fmt.Sprintf("%s (%d times)", says, s.count)
		}
		l.say(level, "input.openapi", s.first, a.Name, says, fix)
	}
}
