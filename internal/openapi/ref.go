package openapi

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// resource is what fragments of references are resolved against: a file, or a
// schema that has an $id of its own.
type resource struct {
	uri        string
	root       at
	identified bool // uri is the root's own $id
}

type refKey struct{ uri, ref string }

// resolve returns the place that a $ref names, and the resource it lies in.
func (l *loader) resolve(ref string, from at, res resource) (at, resource, error) {
	key := refKey{res.uri, ref}
	if r, ok := l.resolved[key]; ok {
		return r.to, r.in, nil
	}
	file, fragment, _ := strings.Cut(ref, "#")
	in := res
	if file != "" {
		var err error
		if in, err = l.resource(file, from, res); err != nil {
			return at{}, resource{}, err
		}
	}
	fragment, err := url.PathUnescape(fragment)
	if err != nil {
		return at{}, resource{}, from.fault("$ref %q: %v", ref, err)
	}
	to := in.root
	if strings.HasPrefix(fragment, "/") {
		to, in = l.pointer(fragment, in)
	} else if fragment != "" {
		to = at{in.root.tree, jsonwalk.Missing}
		if a, ok := l.anchors[in.uri+"#"+fragment]; ok {
			to = a
		}
	}
	if !to.ok() {
		return at{}, resource{}, from.fault("$ref %q: nothing is there", ref)
	}
	l.resolved[key] = target{to, in}
	return to, in, nil
}

// pointer follows a JSON pointer and notes where it enters another resource.
func (l *loader) pointer(fragment string, in resource) (at, resource) {
	a := in.root
	for _, step := range strings.Split(fragment[1:], "/") {
		if a.n != in.root.n {
			in = l.within(a, in)
		}
		step = unescapePointer(step)
		if !a.is(jsonwalk.Array) {
			a = a.get(step)
		} else {
			a = a.element(step)
		}
		if !a.ok() {
			return a, in
		}
	}
	return a, in
}

func (a at) element(step string) at {
	index, err := strconv.Atoi(step)
	for c, end := a.n+1, a.doc.Next(a.n); err == nil && c < end; c = a.doc.Next(c) {
		if index == 0 {
			return at{a.tree, c}
		}
		index--
	}
	return at{a.tree, jsonwalk.Missing}
}

// within returns the resource of a schema: its own where it has an $id.
func (l *loader) within(a at, in resource) resource {
	if !a.ids || !a.is(jsonwalk.Object) || in.identified && a == in.root {
		return in
	}
	if id := a.get("$id").text(); id != "" {
		return resource{join(in.uri, id), a, true}
	}
	return in
}

// resource returns the file or the identified schema that a reference names.
func (l *loader) resource(ref string, from at, res resource) (resource, error) {
	uri := join(res.uri, ref)
	if r, ok := l.resources[uri]; ok {
		return r, nil
	}
	data, err := l.open(uri)
	if err != nil {
		return resource{}, fmt.Errorf("%w: %w", from.fault("$ref %q", ref), err)
	}
	t, err := l.parse(uri, strings.TrimPrefix(uri, "file:///"), data)
	if err != nil {
		return resource{}, err
	}
	l.index(at{t, 0}, resource{uri: uri, root: at{t, 0}})
	r := resource{uri: uri, root: at{t, 0}}
	l.resources[uri] = r
	return r, nil
}

// fromFolder reads files of the description's own folder. The network is never
// opened, and nothing above the folder is reachable, since URIs are resolved
// against its root (RFC 3986 section 5.2.4).
func fromFolder(folder fs.FS) func(string) ([]byte, error) {
	return func(uri string) ([]byte, error) {
		name, ok := strings.CutPrefix(uri, "file:///")
		if !ok {
			return nil, ErrNetwork
		}
		if folder == nil {
			return nil, errors.New("openapi: no folder to read other files from")
		}
		name, err := url.PathUnescape(name)
		if err != nil {
			return nil, err
		}
		return fs.ReadFile(folder, filepath.ToSlash(name))
	}
}

// join resolves a reference against a base URI and drops the fragment.
func join(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	u, err := b.Parse(ref)
	if err != nil {
		return ref
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}

// index notes every $id and anchor of a schema, by the position of schemas: a
// member of that name in an example or an enum is none.
func (l *loader) index(a at, in resource) {
	if !a.ids || !a.is(jsonwalk.Object) {
		return
	}
	if id := a.get("$id").text(); id != "" {
		in = resource{join(in.uri, id), a, true}
		l.resources[in.uri] = in
	}
	for _, key := range [...]string{"$anchor", "$dynamicAnchor"} {
		if name := a.get(key).text(); name != "" {
			l.anchors[in.uri+"#"+name] = a
		}
	}
	_ = a.each(func(name string, v at) error {
		switch applicator(name) {
		case oneSchema:
			l.index(v, in)
		case manySchemas:
			_ = v.each(func(_ string, s at) error { l.index(s, in); return nil })
		}
		return nil
	})
}

const (
	oneSchema = iota + 1
	manySchemas
)

// applicator says how a keyword holds schemas: one, several, or none (0).
func applicator(keyword string) int {
	switch keyword {
	case "additionalProperties", "items", "contains", "not", "if", "then", "else",
		"propertyNames", "unevaluatedItems", "unevaluatedProperties", "contentSchema":
		return oneSchema
	case "$defs", "definitions", "properties", "patternProperties", "dependentSchemas",
		"allOf", "anyOf", "oneOf", "prefixItems":
		return manySchemas
	}
	return 0
}
