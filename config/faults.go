package config

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

func comparePlaces(a, b gatehouse.Place) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
}

// fallback is where an error is reported that does not say where itself.
type fallback struct {
	at    gatehouse.Place
	key   string
	fix   string
	block *block // whose keys the faults name, or nil
}

// faults reports everything that err holds.
func (r *report) faults(err error, to fallback) {
	switch e := err.(type) {
	case nil:
	case *gatehouse.Fault:
		r.fault(e, to)
	case *openapi.Error:
		r.add(gatehouse.Place{File: e.Place.File, Line: e.Place.Line, Col: 1}, "#"+e.Place.Pointer, e.Says, to.fix)
	case *Error:
		r.add(e.Place, e.Key, e.Says, e.Fix)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			r.faults(one, to)
		}
	default:
		if f, ok := errors.AsType[*gatehouse.Fault](err); ok {
			r.fault(f, to)
			return
		}
		if e, ok := errors.AsType[*openapi.Error](err); ok && e.Place.Line > 0 {
			r.faults(e, to)
			return
		}
		r.add(to.at, to.key, err.Error(), to.fix)
	}
}

// fault reports one fault at the nearest place that its key has in the file.
func (r *report) fault(f *gatehouse.Fault, to fallback) {
	at, key := to.at, to.key
	if b := to.block; b != nil {
		key = b.key
		if f.Key != "" {
			key = b.rename(join(b.key, f.Key))
		}
		if b.node != nil {
			if n := find(b.node, f.Key); n != b.node {
				at = r.place(n.Line, n.Column)
			}
		}
	} else if f.Key != "" && f.Place.Line == 0 {
		key = join(key, f.Key)
	}
	if f.Place.Line > 0 {
		at, key = f.Place, f.Key
	}
	r.add(at, key, f.Says, cmp.Or(f.Fix, to.fix))
}

// refused reports what the engine says about an endpoint's controls.
func (r *report) refused(err error, a *API, blocks []*block) {
	for _, one := range split(err) {
		e, ok := errors.AsType[*engine.Refused](one)
		if !ok {
			r.faults(one, fallback{at: a.Place, key: a.key})
			continue
		}
		to := fallback{at: a.Place, key: a.key, fix: "see: gatehouse explain " + e.Endpoint}
		if e.Control == "authenticate" {
			a.overridden(e.Endpoint, &to)
		}
		for _, b := range blocks {
			if b.kind.Name != e.Control {
				continue
			}
			to.block, to.key = b, b.key
			if b.place.Line > 0 {
				to.at = b.place
			}
		}
		r.faults(e.Err, to)
	}
}

// overridden points at the control that was replaced on an endpoint which
// nothing authenticates any more: that is what to mend.
func (a *API) overridden(operation string, to *fallback) {
	for _, kind := range slices.Sorted(maps.Keys(a.overrides[operation])) {
		b := a.overrides[operation][kind]
		if slices.ContainsFunc(a.blocks, func(o *block) bool { return o.kind.Name == kind && o.node != nil }) {
			to.at, to.key = b.place, b.key
			return
		}
	}
}

// split takes a joined error apart.
func split(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range j.Unwrap() {
			out = append(out, split(e)...)
		}
		return out
	}
	return []error{err}
}
