package relations

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
)

// form is how a rule joins what is below it.
type form uint8

const (
	direct    form = iota // a tuple with one of the types
	computed              // another relation of the same object
	fromOther             // a relation of the objects that another relation leads to
	union
	intersection
	exclusion // the first, but not the second
)

// rule is how a relation comes about.
type rule struct {
	form  form
	at    place
	name  string       // computed, fromOther: the relation
	from  string       // fromOther: the relation that leads there
	types []restricted // direct
	parts []*rule
}

// restricted is one entry of a list of direct types.
type restricted struct {
	kind, relation string
	everybody      bool
	at             place
}

// String writes it as in a model.
func (r restricted) String() string {
	switch {
	case r.everybody:
		return r.kind + ":*"
	case r.relation != "":
		return r.kind + "#" + r.relation
	}
	return r.kind
}

// definition is one relation of a type.
type definition struct {
	name string
	at   place
	rule *rule
}

// kind is one type of a model.
type kind struct {
	name      string
	at        place
	relations []*definition
}

func (k *kind) relation(name string) *definition {
	for _, d := range k.relations {
		if d.name == name {
			return d
		}
	}
	return nil
}

// Model is a model that was read and found sound. It is immutable.
type Model struct {
	src      *source
	kinds    []*kind
	revision string
}

// Revision returns a name for the model's text.
func (m *Model) Revision() string { return m.revision }

// Types returns the names of the model's types, in its order.
func (m *Model) Types() []string {
	var out []string
	for _, k := range m.kinds {
		out = append(out, k.name)
	}
	return out
}

// Relations returns the names of a type's relations, in the model's order.
func (m *Model) Relations(kind string) []string {
	var out []string
	if k := m.kind(kind); k != nil {
		for _, d := range k.relations {
			out = append(out, d.name)
		}
	}
	return out
}

func (m *Model) kind(name string) *kind {
	for _, k := range m.kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// ParseModel reads a model and judges it as OpenFGA does. The error is an [*Error]
// with the place in file, a name that is only said.
func ParseModel(file, text string) (*Model, error) {
	src, tokens := lex(file, text)
	p := &parser{src: src, tokens: tokens}
	sum := sha256.Sum256([]byte(text))
	m := &Model{src: src, revision: base64.RawURLEncoding.EncodeToString(sum[:12])}
	if e := p.header(); e != nil {
		return nil, e
	}
	for p.peek().text != "" {
		k, e := p.kind()
		if e != nil {
			return nil, e
		}
		m.kinds = append(m.kinds, k)
	}
	if e := m.validate(); e != nil {
		return nil, e
	}
	return m, nil
}

type parser struct {
	src    *source
	tokens []token
	depth  int
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if len(p.tokens) > 1 {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (t token) shown() string {
	if t.text == "" {
		return "the end of the file"
	}
	return `"` + t.text + `"`
}

func (p *parser) want(text, fix string) *Error {
	if t := p.next(); t.text != text {
		return p.src.fault(t.at, fix, "expected %q, found %s", text, t.shown())
	}
	return nil
}

func (p *parser) header() *Error {
	const fix = "a model begins with: model, and on the next line: schema 1.1"
	if t := p.peek(); t.text == "module" {
		return p.src.fault(t.at, "put all types into one file that begins with: model", "models of several modules are not read")
	}
	if e := p.want("model", fix); e != nil {
		return e
	}
	if e := p.ownLine(p.peek()); e != nil {
		return e
	}
	if e := p.want("schema", fix); e != nil {
		return e
	}
	if t := p.next(); t.text != "1.1" || t.first {
		return p.src.fault(t.at, "write: schema 1.1", "schema %s is not read", t.shown())
	}
	return p.ownLine(p.peek())
}

func (p *parser) kind() (*kind, *Error) {
	switch t := p.next(); t.text {
	case "type":
	case "condition":
		return nil, p.src.fault(t.at, "take the condition out: what depends on time, network or attributes is for a Cedar policy (policies/*.cedar), beside context.rel", "conditions are not read")
	case "extend":
		return nil, p.src.fault(t.at, "write the relations where the type stands", "types are not extended")
	default:
		return nil, p.src.fault(t.at, "write: type NAME", "expected a type, found %s", t.shown())
	}
	t, e := p.identifier("type", longestType)
	if e != nil {
		return nil, e
	}
	k := &kind{name: t.text, at: t.at}
	if e := p.oneLine([]token{t}); e != nil {
		return nil, e
	}
	if e := p.ownLine(p.peek()); e != nil {
		return nil, e
	}
	if p.peek().text != "relations" {
		return k, nil
	}
	at := p.next().at
	for p.peek().text == "define" {
		d, e := p.definition()
		if e != nil {
			return nil, e
		}
		k.relations = append(k.relations, d)
	}
	if len(k.relations) == 0 {
		return nil, p.src.fault(at, "write: define viewer: [user], or leave relations out", "the type %q has relations and defines none", k.name)
	}
	return k, nil
}

func (p *parser) definition() (*definition, *Error) {
	if e := p.ownLine(p.next()); e != nil {
		return nil, e
	}
	line := p.tokens
	t, e := p.identifier("relation", longestRelation)
	if e != nil {
		return nil, e
	}
	if e := p.want(":", "write: define "+t.text+": ..."); e != nil {
		return nil, e
	}
	r, e := p.expression()
	if e != nil {
		return nil, e
	}
	if n := p.peek().text; n == "with" {
		return nil, p.src.fault(p.peek().at, "a condition is for a Cedar policy (policies/*.cedar)", "conditions are not read")
	}
	if e := p.oneLine(line[:len(line)-len(p.tokens)]); e != nil {
		return nil, e
	}
	if e := p.ownLine(p.peek()); e != nil {
		return nil, e
	}
	return &definition{name: t.text, at: t.at, rule: r}, nil
}

// deepest is how many parentheses may be open at once.
const deepest = 32

// expression reads operands with one kind of operator between: what mixes them needs
// parentheses.
func (p *parser) expression() (*rule, *Error) {
	first, e := p.operand()
	if e != nil {
		return nil, e
	}
	var joined *rule
	for {
		t := p.peek()
		f, is := operator(t.text)
		if !is {
			break
		}
		last := p.next()
		if f == exclusion {
			last = p.peek()
			if e := p.want("not", "write: but not"); e != nil {
				return nil, e
			}
			if last.at.column != t.at.column+len("but ") {
				return nil, p.src.fault(t.at, "write: but not, with one space", "but and not are apart")
			}
		}
		if t.glued || p.peek().glued {
			return nil, p.src.fault(t.at, "write spaces around "+last.text, "%q stands without spaces", last.text)
		}
		switch {
		case joined == nil:
			joined = &rule{form: f, at: t.at, parts: []*rule{first}}
		case joined.form != f:
			return nil, p.src.fault(t.at, "put parentheses around what belongs together, such as: (a or b) but not c", "%q stands beside another operator", t.text)
		case f == exclusion:
			return nil, p.src.fault(t.at, "put parentheses around what belongs together, such as: (a but not b) but not c", "a second \"but not\" in one expression")
		}
		part, e := p.operand()
		if e != nil {
			return nil, e
		}
		joined.parts = append(joined.parts, part)
	}
	if joined == nil {
		return first, nil
	}
	return joined, nil
}

func operator(word string) (form, bool) {
	switch word {
	case "or":
		return union, true
	case "and":
		return intersection, true
	case "but":
		return exclusion, true
	}
	return 0, false
}

func (p *parser) operand() (*rule, *Error) {
	switch t := p.peek(); t.text {
	case "(":
		p.next()
		if p.depth++; p.depth > deepest {
			return nil, p.src.fault(t.at, "define part of it as a relation of its own", "more than %d parentheses are open", deepest)
		}
		r, e := p.expression()
		if e != nil {
			return nil, e
		}
		p.depth--
		return r, p.want(")", "close the parenthesis")
	case "[":
		return p.types()
	}
	t, e := p.identifier("relation", longestRelation)
	if e != nil {
		return nil, e
	}
	r := &rule{form: computed, at: t.at, name: t.text}
	if p.peek().text == "from" {
		p.next()
		from, e := p.identifier("relation", longestRelation)
		if e != nil {
			return nil, e
		}
		r.form, r.from = fromOther, from.text
	}
	return r, nil
}

func (p *parser) types() (*rule, *Error) {
	r := &rule{form: direct, at: p.next().at}
	for {
		t, e := p.identifier("type", longestType)
		if e != nil {
			return nil, e
		}
		one := restricted{kind: t.text, at: t.at}
		switch p.peek().text {
		case ":":
			colon, star := p.next(), p.peek()
			if e := p.want("*", "write: "+t.text+":*"); e != nil {
				return nil, e
			}
			if !colon.glued || !star.glued {
				return nil, p.src.fault(star.at, "write: "+t.text+":*", "there is a space inside %s:*", t.text)
			}
			one.everybody = true
		case "#":
			p.next()
			relation, e := p.identifier("relation", longestRelation)
			if e != nil {
				return nil, e
			}
			if !relation.glued {
				return nil, p.src.fault(relation.at, "write: "+t.text+"#"+relation.text, "there is a space inside %s#%s", t.text, relation.text)
			}
			one.relation = relation.text
		}
		if p.peek().text == "with" {
			return nil, p.src.fault(p.peek().at, "take the condition out: what depends on time, network or attributes is for a Cedar policy (policies/*.cedar), beside context.rel", "conditions are not read")
		}
		if slices.ContainsFunc(r.types, func(o restricted) bool { return o.String() == one.String() }) {
			return nil, p.src.fault(one.at, "take it out", "%s is there twice", one)
		}
		r.types = append(r.types, one)
		switch t := p.next(); t.text {
		case ",":
		case "]":
			return r, nil
		default:
			return nil, p.src.fault(t.at, "write: [user, group#member]", "expected \",\" or \"]\", found %s", t.shown())
		}
	}
}

// walk calls each for every rule of an expression.
func (r *rule) walk(each func(*rule)) {
	each(r)
	for _, p := range r.parts {
		p.walk(each)
	}
}
