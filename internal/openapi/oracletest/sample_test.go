package oracletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp/syntax"
	"slices"
	"strings"
)

// sampler makes values that a schema should hold for, and values that it should
// not. Schemas are in the judge's words.
type sampler struct {
	defs object
	// all asks for every declared member, else only required ones are made.
	all bool
	// filled asks for an element in every array: a form has no empty ones.
	filled bool
	// branch is which of several branches is taken, modulo their number.
	branch int
	// deep bounds nesting.
	deep int
}

// flat follows references and merges what applies in place into one object.
// branches are taken by the sampler's choice.
func (g *sampler) flat(v any, depth int) object {
	m, ok := v.(object)
	if !ok || depth > 20 {
		return object{}
	}
	out := maps.Clone(m)
	for _, k := range []string{"$ref", "allOf", "anyOf", "oneOf"} {
		delete(out, k)
	}
	if ref, ok := m["$ref"].(string); ok {
		merge(out, g.flat(g.defs[g.name(ref)], depth+1))
	}
	if list, ok := m["allOf"].([]any); ok {
		for _, s := range list {
			merge(out, g.flat(s, depth+1))
		}
	}
	for _, k := range []string{"anyOf", "oneOf"} {
		if list, ok := m[k].([]any); ok && len(list) > 0 {
			merge(out, g.flat(list[g.branch%len(list)], depth+1))
		}
	}
	return out
}

// name is what a reference names: a definition of the judge's, or one of the
// suite's schemas.
func (g *sampler) name(ref string) string {
	return nameOf(strings.TrimPrefix(ref, "#/$defs/"))
}

// merge adds to a what b says.
func merge(a, b object) {
	for k, v := range b {
		had, there := a[k]
		switch {
		case !there:
			a[k] = v
		case k == "properties" || k == "patternProperties":
			both := maps.Clone(had.(object))
			for name, s := range v.(object) {
				if mine, twice := both[name]; twice {
					s = object{"allOf": []any{mine, s}}
				}
				both[name] = s
			}
			a[k] = both
		case k == "required":
			a[k] = append(slices.Clone(had.([]any)), v.([]any)...)
		}
	}
}

// sample returns a value for the schema.
func (g *sampler) sample(v any, depth int) any {
	s := g.flat(v, 0)
	if c, ok := s["const"]; ok {
		return c
	}
	if list, ok := s["enum"].([]any); ok && len(list) > 0 {
		for _, e := range list {
			if e != nil {
				return e
			}
		}
		return list[0]
	}
	switch kindOf(s) {
	case "null":
		return nil
	case "boolean":
		return true
	case "integer", "number":
		return number(s)
	case "array":
		return g.array(s, depth)
	case "object":
		return g.object(s, depth)
	}
	return text(s)
}

// kindOf is the first type that is not null, or what the keywords speak of.
func kindOf(s object) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		for _, k := range t {
			if k != "null" {
				return k.(string)
			}
		}
		return "null"
	}
	switch {
	case s["properties"] != nil || s["required"] != nil || s["additionalProperties"] != nil:
		return "object"
	case s["items"] != nil || s["prefixItems"] != nil:
		return "array"
	case s["minimum"] != nil || s["maximum"] != nil:
		return "number"
	}
	return "string"
}

func rational(v any) *big.Rat {
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	r, _ := new(big.Rat).SetString(n.String())
	return r
}

func decimal(r *big.Rat) json.Number {
	if r.IsInt() {
		return json.Number(r.Num().String())
	}
	return json.Number(strings.TrimRight(r.FloatString(9), "0"))
}

// number returns one within the bounds.
func number(s object) json.Number {
	v := big.NewRat(1, 1)
	step := big.NewRat(1, 1)
	if m := rational(s["multipleOf"]); m != nil {
		v, step = new(big.Rat).Set(m), m
	}
	if f, _ := s["format"].(string); strings.HasPrefix(f, "date") {
		v = big.NewRat(1_700_000_000, 1)
	}
	if min := rational(s["minimum"]); min != nil && v.Cmp(min) < 0 {
		v = min
	}
	if over := rational(s["exclusiveMinimum"]); over != nil && v.Cmp(over) <= 0 {
		v = new(big.Rat).Add(over, step)
	}
	if max := rational(s["maximum"]); max != nil && v.Cmp(max) > 0 {
		v = max
	}
	if under := rational(s["exclusiveMaximum"]); under != nil && v.Cmp(under) >= 0 {
		v = new(big.Rat).Sub(under, step)
	}
	return decimal(v)
}

func count(s object, key string, other int) int {
	if r := rational(s[key]); r != nil && r.IsInt() {
		return int(r.Num().Int64())
	}
	return other
}

var formats = map[string]string{
	"date": "2026-11-21", "date-time": "2026-11-21T10:00:00Z", "time": "10:00:00Z", "duration": "P1D", "email": "a@example.com", "uuid": "123e4567-e89b-12d3-a456-426614174000",
	"uri": "https://example.com/a", "url": "https://example.com/a", "uri-reference": "/a", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "hostname": "example.com", "byte": "YWJj", "json-pointer": "/a",
}

// text returns a string that has the format, or fits the pattern, or is as long
// as it must be.
func text(s object) string {
	if f, _ := s["format"].(string); formats[f] != "" {
		return formats[f]
	}
	if p, ok := s["pattern"].(string); ok {
		if rest, ok := strings.CutPrefix(p, "^(?!"); ok {
			_, rest, _ = strings.Cut(rest, ")")
			p = "^" + rest
		}
		if tree, err := syntax.Parse(p, syntax.Perl); err == nil {
			return pad(matching(tree.Simplify()), s)
		}
	}
	return pad("value", s)
}

func pad(t string, s object) string {
	for n := count(s, "minLength", 0); len(t) < n; {
		t += "abcdefghijklmnop"[:min(16, n-len(t))]
	}
	if n := count(s, "maxLength", -1); n >= 0 && len(t) > n {
		t = t[:n]
	}
	return t
}

// matching returns a text for an expression.
func matching(e *syntax.Regexp) string {
	var b strings.Builder
	switch e.Op {
	case syntax.OpLiteral:
		return string(e.Rune)
	case syntax.OpCharClass:
		for i := 0; i < len(e.Rune); i += 2 {
			for _, r := range "a1A-_. " {
				if r >= e.Rune[i] && r <= e.Rune[i+1] {
					return string(r)
				}
			}
		}
		return string(e.Rune[0])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		for _, sub := range e.Sub {
			b.WriteString(matching(sub))
		}
	case syntax.OpAlternate:
		return matching(e.Sub[0])
	case syntax.OpRepeat:
		for range e.Min {
			b.WriteString(matching(e.Sub[0]))
		}
	}
	return b.String()
}

func (g *sampler) array(s object, depth int) any {
	list := []any{}
	if prefix, ok := s["prefixItems"].([]any); ok {
		for _, p := range prefix {
			list = append(list, g.sample(p, depth+1))
		}
	}
	n := count(s, "minItems", 0)
	if g.all && depth < g.deep || g.filled {
		n = max(n, 1)
	}
	if m := count(s, "maxItems", -1); m >= 0 {
		n = min(n, m)
	}
	for i := len(list); i < n; i++ {
		e := g.sample(s["items"], depth+1)
		if s["uniqueItems"] == true && i > 0 {
			e = different(g.flat(s["items"], 0), e, i)
		}
		list = append(list, e)
	}
	return list
}

// different returns another value of the same schema, for unique items.
func different(s object, v any, i int) any {
	if list, ok := s["enum"].([]any); ok {
		return list[i%len(list)]
	}
	switch v := v.(type) {
	case string:
		return fmt.Sprint(v, i)
	case json.Number:
		return decimal(new(big.Rat).Add(rational(v), big.NewRat(int64(i), 1)))
	}
	return v
}

func (g *sampler) object(s object, depth int) any {
	m := object{}
	properties, _ := s["properties"].(object)
	required, _ := s["required"].([]any)
	for _, r := range required {
		name := r.(string)
		p, declared := properties[name]
		if !declared {
			p = s["additionalProperties"]
		}
		m[name] = g.sample(p, depth+1)
	}
	if g.all && depth < g.deep {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			if m[name] == nil && properties[name] != false {
				m[name] = g.sample(properties[name], depth+1)
			}
		}
		if extra, ok := s["additionalProperties"].(object); ok && len(properties) == 0 {
			m["key"] = g.sample(extra, depth+1)
		}
	}
	extra := s["additionalProperties"]
	for i := 0; len(m) < count(s, "minProperties", 0); i++ {
		if name := slices.Sorted(maps.Keys(properties)); i < len(name) {
			m[name[i]] = g.sample(properties[name[i]], depth+1)
			continue
		} else if i > len(name)+10 {
			break
		}
		m[fmt.Sprintf("key%d", i)] = g.sample(extra, depth+1)
	}
	return m
}

// mutant is a body that differs from a valid one in one place.
type mutant struct {
	kind string
	body []byte
	// closed says that the place declares members, so that an unknown one is refused.
	closed bool
}

// mutants returns single mutations of a valid value, at most a few of each kind.
func (g *sampler) mutants(root, schema any, most int) []mutant {
	var out []mutant
	seen := map[string]int{}
	var body any = root
	emit := func(kind string, closed bool) {
		if seen[kind]++; seen[kind] > most {
			return
		}
		b, err := json.Marshal(body)
		if err == nil {
			out = append(out, mutant{kind, b, closed})
		}
	}
	var walk func(v, schema any, set func(any), depth int)
	walk = func(v, schema any, set func(any), depth int) {
		if depth > 6 {
			return
		}
		s := g.flat(schema, 0)
		for _, w := range wrong(s, v) {
			set(w.value)
			emit(w.kind, false)
		}
		set(v)
		switch v := v.(type) {
		case object:
			g.members(v, s, emit, func(name string, sub any) {
				walk(v[name], sub, func(x any) { v[name] = x }, depth+1)
			})
		case []any:
			for i := range v {
				if i < 2 {
					walk(v[i], s["items"], func(x any) { v[i] = x }, depth+1)
				}
			}
		}
	}
	walk(root, schema, func(x any) { body = x }, 0)
	if m, ok := root.(object); ok && len(m) > 0 {
		b, _ := json.Marshal(root)
		name, _ := json.Marshal(slices.Sorted(maps.Keys(m))[0])
		out = append(out, mutant{"duplicate key", slices.Concat(b[:len(b)-1], []byte{','}, name, []byte(":1}")), true})
		out = append(out, mutant{"duplicate key", slices.Concat([]byte{'{'}, name, []byte(":null,"), b[1:]), true})
	}
	return out
}

// members mutates the members of one object.
func (g *sampler) members(v, s object, emit func(string, bool), walk func(string, any)) {
	properties, _ := s["properties"].(object)
	required, _ := s["required"].([]any)
	for _, r := range required {
		name := r.(string)
		had, there := v[name]
		if !there {
			continue
		}
		delete(v, name)
		emit("missing required", false)
		v[name] = had
	}
	_, schemaOfRest := s["additionalProperties"].(object)
	closed := len(properties) > 0 && (!schemaOfRest || len(s["additionalProperties"].(object)) == 0)
	v["x_gatehouse_unknown"] = json.Number("1")
	emit("unknown member", closed)
	delete(v, "x_gatehouse_unknown")
	for _, name := range slices.Sorted(maps.Keys(v)) {
		sub, ok := properties[name]
		if !ok {
			sub = s["additionalProperties"]
		}
		walk(name, sub)
	}
}

type replacement struct {
	kind  string
	value any
}

// wrong returns what must not stand where v stands.
func wrong(s object, v any) (out []replacement) {
	add := func(kind string, v any) { out = append(out, replacement{kind, v}) }
	add("wrong type", object{"x_gatehouse": []any{}})
	add("wrong type", []any{object{"x_gatehouse": true}})
	switch v := v.(type) {
	case string:
		add("wrong type", json.Number("17.5"))
		if s["enum"] != nil || s["const"] != nil {
			add("out of range", v+"?")
		}
		if n := count(s, "maxLength", -1); n >= 0 && n < 1<<16 {
			add("out of range", strings.Repeat("a", n+1))
		}
		if n := count(s, "minLength", 0); n > 0 {
			add("out of range", strings.Repeat("a", n-1))
		}
		if f, _ := s["format"].(string); formats[f] != "" {
			add("out of range", "\\ no "+f)
		}
	case json.Number:
		add("wrong type", "text")
		if kindOf(s) == "integer" {
			add("wrong type", json.Number("1.5"))
		}
		for key, off := range map[string]int64{"minimum": -1, "exclusiveMinimum": 0, "maximum": 1, "exclusiveMaximum": 0} {
			if b := rational(s[key]); b != nil {
				add("out of range", decimal(new(big.Rat).Add(b, big.NewRat(off, 1))))
			}
		}
	case bool:
		add("wrong type", "true")
	case []any:
		if n := count(s, "maxItems", -1); n >= 0 && n < 200 && len(v) > 0 {
			add("out of range", slices.Repeat(v[:1], n+1))
		}
		if n := count(s, "minItems", 0); n > 0 {
			add("out of range", v[:n-1])
		}
	}
	return out
}
