package openapi

import (
	"errors"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Rule says which roles may send and see a member, for those who cannot write
// x-gatehouse-roles into the description.
type Rule struct {
	// Member is a schema of components and the names of members, "Order.note" or
	// "Order.lines.cost": elements of arrays need no name, and "*" stands for the
	// members of a map.
	Member string
	// Read and Write are the roles that may see and send it. Nil restricts nothing,
	// an empty list leaves nobody.
	Read, Write []string
}

// RuleError is why a [Rule] cannot hold.
type RuleError struct {
	Member string // the rule's
	Says   string // what is wrong
	Fix    string // what to write instead, or "" where a name is not known
	// Where a name is not known: what stands before it and behind it, the name, and
	// the names that are known there.
	Before, Word, After string
	Known               []string
}

// Error returns the member and the reason on one line.
func (e *RuleError) Error() string { return e.Member + ": " + e.Says }

// lay finds the members that rules speak of, before any schema is read.
func (l *loader) lay(rules []Rule, root at, in resource) error {
	if len(rules) == 0 {
		return nil
	}
	l.rules = map[at]*access{}
	var errs []error
	for i := range rules {
		if err := l.layOne(&rules[i], root, in); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (l *loader) layOne(r *Rule, root at, in resource) error {
	wrong := func(says, fix string) error { return &RuleError{Member: r.Member, Says: says, Fix: fix} }
	a := &access{}
	for d, names := range [...][]string{Request: r.Write, Reply: r.Read} {
		a.limits[d] = names != nil
		for _, name := range names {
			bit, says := l.role(name, Place{})
			if says != "" {
				return wrong(says, "["+Authenticated+"]")
			}
			a.roles[d] |= bit
		}
	}
	schemas := root.get("components").get("schemas")
	name, path := prefix(schemas, r.Member)
	if name == "" {
		name, path, _ = strings.Cut(r.Member, ".")
		return &RuleError{Member: r.Member, Says: "the description has no schema " + name + " in components", Word: name, After: behind(path), Known: names(schemas)}
	}
	f := finder{loader: l, schemas: schemas, rule: r}
	if path == "" {
		f.look(schemas.get(name), in, "", 0)
		return &RuleError{Member: r.Member, Says: name + " is a schema; a rule is for a member of it", Before: name + ".", Known: f.known, Fix: name + ".MEMBER"}
	}
	f.look(schemas.get(name), in, path, 0)
	switch {
	case f.err != nil:
		return f.err
	case len(f.found) == 0 && f.elsewhere != "":
		return wrong("it belongs to a schema that stands elsewhere, too", f.elsewhere)
	case len(f.found) == 0:
		word, after, _ := strings.Cut(f.rest, ".")
		return &RuleError{Member: r.Member, Says: "the description has no member " + word + " there", Before: strings.TrimSuffix(r.Member, f.rest), Word: word, After: behind(after), Known: f.known}
	}
	for _, to := range f.found {
		if to.get(RolesKeyword).ok() || l.rules[to] != nil {
			return wrong("another rule says who may send and see it, at "+to.place().String(), "one of the two; rules are never merged")
		}
		l.rules[to] = a
	}
	return nil
}

func behind(path string) string {
	if path == "" {
		return ""
	}
	return "." + path
}

func names(a at) (list []string) {
	_ = a.each(func(name string, _ at) error { list = append(list, name); return nil })
	return list
}

// prefix returns the longest name in a map that a path begins with, and what
// comes behind it: names may hold dots.
func prefix(a at, path string) (name, rest string) {
	_ = a.each(func(n string, _ at) error {
		if len(n) <= len(name) {
			return nil
		}
		if after, ok := strings.CutPrefix(path, n); ok && (after == "" || after[0] == '.') {
			name, rest = n, strings.TrimPrefix(after, ".")
		}
		return nil
	})
	return name, rest
}

// finder looks for a member.
type finder struct {
	*loader
	schemas   at // components.schemas
	rule      *Rule
	found     []at
	elsewhere string   // how the rule is written where the member belongs to another schema
	rest      string   // of the path, where it went on the least
	known     []string // the names that are known there
	err       error
}

// look looks for the member at path in the schema a, and in those that it applies
// in place, as far as they are written here or have no name.
func (f *finder) look(a at, in resource, path string, depth int) {
	const deepest = 64
	if depth > deepest || f.err != nil || !a.is(jsonwalk.Object) {
		return
	}
	depth++
	if f.rest == "" || len(path) < len(f.rest) {
		f.rest, f.known = path, nil
	}
	if ref := a.get("$ref"); ref.is(jsonwalk.String) {
		to, res, err := f.resolve(ref.text(), ref, f.within(a, in))
		if err != nil {
			f.err = err
			return
		}
		f.follow(to, res, path, depth)
	}
	props := a.get("properties")
	if path == f.rest {
		f.known = append(f.known, names(props)...)
	}
	if name, rest := prefix(props, path); name != "" && path != "" {
		f.step(props.get(name), in, rest, depth)
	}
	if more := a.get("additionalProperties"); path == "*" || strings.HasPrefix(path, "*.") {
		f.step(more, in, strings.TrimPrefix(path[1:], "."), depth)
	}
	for _, key := range [...]string{"items", "then", "else", "if"} {
		f.look(a.get(key), in, path, depth)
	}
	for _, key := range [...]string{"allOf", "anyOf", "oneOf", "prefixItems"} {
		_ = a.get(key).each(func(_ string, s at) error { f.look(s, in, path, depth); return nil })
	}
}

// step goes to a member: the one that was looked for, or one on the way.
func (f *finder) step(a at, in resource, rest string, depth int) {
	switch {
	case rest != "":
		f.look(a, in, rest, depth)
	case a.ok():
		f.found = append(f.found, a)
	}
}

// follow goes on behind a reference, unless that leads to a schema with a name of
// its own: a rule for its member belongs to that.
func (f *finder) follow(to at, in resource, path string, depth int) {
	name := ""
	_ = f.schemas.each(func(n string, s at) error {
		if s == to {
			name = n
		}
		return nil
	})
	if name == "" {
		f.look(to, in, path, depth)
		return
	}
	there := finder{loader: f.loader, schemas: f.schemas, rule: f.rule}
	there.look(to, in, path, depth)
	switch {
	case len(there.found) > 0:
		f.elsewhere = name + "." + path
	case there.elsewhere != "":
		f.elsewhere = there.elsewhere
	case len(there.rest) < len(f.rest):
		f.rest, f.known = there.rest, there.known
	case len(there.rest) == len(f.rest):
		f.known = append(f.known, there.known...)
	}
}

// idle reports the rules whose members no operation takes or gives.
func (l *loader) idle() {
	for a := range l.rules {
		if l.schemas[a] == nil {
			l.finding(a, false, "no operation takes or gives the member, for which there is a rule")
		}
	}
}
