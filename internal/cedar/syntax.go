package cedar

import "slices"

// The library's trees have no places, and its parser names the word after the
// wrong one. So a text is read a second time, for its places alone: what policies
// mean is the library's word, where that is written is found here. The trees have
// the shape of the library's, child by child.

// span is where an expression stands.
type span struct {
	start, end int // in bytes
	focus      token
	kids       []*span
}

// clause is one of the three parts of a policy's head.
type clause struct {
	start, end int
	names      []named
}

// named is an entity or a type that a head names.
type named struct {
	text       string // as the library prints it
	start, end int
}

// layout is where a policy's parts stand.
type layout struct {
	start, end int
	head       [3]clause // principal, action, resource
	conditions []*span
}

// misread is where a text stops to be a policy.
type misread struct {
	at        token
	says, fix string
	instead   string // what to write in place of the word, "" where it is not known
}

type reading struct {
	src    string
	tokens []token
	at     int
	bad    *misread // the first thing wrong; nothing is read after it
}

// readLayout reads a source. It goes as far as the first thing that is wrong.
func readLayout(src string) ([]*layout, *misread) {
	r := &reading{src: src, tokens: lex(src)}
	var out []*layout
	for r.peek().kind != isEnd {
		l := r.policy()
		if r.bad != nil {
			break
		}
		out = append(out, l)
	}
	return out, r.bad
}

func (r *reading) peek() token {
	if r.bad != nil {
		return r.tokens[len(r.tokens)-1]
	}
	return r.tokens[r.at]
}

func (r *reading) next() token {
	t := r.peek()
	if r.bad == nil && r.at < len(r.tokens)-1 {
		r.at++
	}
	return t
}

func (r *reading) is(text string) bool { return r.peek().text == text && r.peek().kind != isString }

func (r *reading) take(text string) bool {
	if r.is(text) {
		r.next()
		return true
	}
	return false
}

func (r *reading) last() token { return r.tokens[max(0, r.at-1)] }

// wrong keeps the first thing that is wrong, at the word that is next.
func (r *reading) wrong(says, fix, instead string) {
	if r.bad == nil {
		r.bad = &misread{r.peek(), says, fix, instead}
	}
}

// found names the next word.
func (r *reading) found() string {
	if r.peek().kind == isEnd {
		return "the end of the text"
	}
	return "`" + r.peek().text + "`"
}

func (r *reading) expect(text string) {
	if r.bad != nil || r.take(text) {
		return
	}
	r.unexpected("`"+text+"`", text)
}

// name reads an identifier.
func (r *reading) name(what string) token {
	t := r.peek()
	if t.kind != isIdent || slices.Contains(reserved, t.text) {
		r.unexpected(what, "")
	}
	return r.next()
}

func (r *reading) policy() *layout {
	l := &layout{start: r.peek().start}
	r.annotations()
	if !r.take("permit") && !r.take("forbid") {
		r.effect()
	}
	r.expect("(")
	for i, variable := range []string{"principal", "action", "resource"} {
		if i > 0 && r.is(")") {
			r.missing("the head of a policy has three parts: (principal, action, resource)", ", "+variable)
		}
		if i > 0 {
			r.expect(",")
		}
		l.head[i] = r.clause(variable)
	}
	r.take(",")
	r.expect(")")
	for r.is("when") || r.is("unless") {
		r.next()
		r.expect("{")
		l.conditions = append(l.conditions, r.expression())
		r.expect("}")
	}
	r.expect(";")
	l.end = r.last().end
	return l
}

func (r *reading) annotations() {
	var known []string
	for r.take("@") {
		t := r.peek()
		if t.kind != isIdent {
			r.unexpected("the annotation's name", "")
		}
		if slices.Contains(known, t.text) {
			r.wrong("the annotation @"+t.text+" stands twice", "keep one of them", "")
		}
		known = append(known, t.text)
		r.next()
		if r.take("(") {
			r.text("the annotation's text, in quotes")
			r.expect(")")
		}
	}
}

// text reads a string.
func (r *reading) text(what string) {
	if t := r.peek(); t.kind != isString {
		r.unexpected(what, "")
	}
	r.checkEscapes()
	r.next()
}

func (r *reading) clause(variable string) clause {
	c := clause{start: r.peek().start}
	r.expect(variable)
	switch {
	case r.take("=="):
		r.named(&c, false)
	case r.take("in"):
		if variable == "action" && r.take("[") {
			r.list("]", func() { r.named(&c, false) })
		} else {
			r.named(&c, false)
		}
	case variable != "action" && r.take("is"):
		r.named(&c, true)
		if r.take("in") {
			r.named(&c, false)
		}
	}
	c.end = r.last().end
	return c
}

// named reads an entity, or a type, and notes it.
func (r *reading) named(c *clause, typ bool) {
	start := r.peek().start
	text := r.path(typ)
	c.names = append(c.names, named{text, start, r.last().end})
}

// path reads Type::"id", or a type alone.
func (r *reading) path(typ bool) string {
	what := `an entity, as User::"alice"`
	if typ {
		what = "a type, as User"
	}
	text := r.name(what).text
	for r.bad == nil {
		if typ && !r.is("::") {
			return text
		}
		r.expect("::")
		if t := r.peek(); !typ && t.kind == isString {
			r.text("")
			return text + "::" + t.text
		}
		text += "::" + r.name(`the entity's id, in quotes`).text
	}
	return text
}

func (r *reading) list(end string, item func()) {
	for r.bad == nil && !r.is(end) {
		item()
		if !r.is(end) && !r.take(",") {
			r.unexpected("`,` or `"+end+"`", ",")
		}
	}
	r.expect(end)
}

func (r *reading) expression() *span {
	if t := r.peek(); r.take("if") {
		s := &span{start: t.start, focus: t}
		s.kids = append(s.kids, r.expression())
		r.expect("then")
		s.kids = append(s.kids, r.expression())
		r.expect("else")
		s.kids = append(s.kids, r.expression())
		s.end = r.last().end
		return s
	}
	return r.binary([]string{"||"}, func() *span { return r.binary([]string{"&&"}, r.relation) })
}

// binary reads operators that associate to the left.
func (r *reading) binary(ops []string, operand func() *span) *span {
	left := operand()
	for r.peek().kind == isOperator && slices.Contains(ops, r.peek().text) {
		op := r.next()
		right := operand()
		left = &span{left.start, right.end, op, []*span{left, right}}
	}
	return left
}

func (r *reading) sum() *span {
	return r.binary([]string{"+", "-"}, func() *span { return r.binary([]string{"*"}, r.unary) })
}

func (r *reading) relation() *span {
	left := r.sum()
	op := r.peek()
	switch {
	case r.take("has"):
		return r.has(left)
	case r.take("like"):
		s := &span{left.start, r.peek().end, op, []*span{left}}
		r.text("a pattern in quotes")
		return s
	case r.take("is"):
		s := &span{left.start, 0, r.peek(), []*span{left}}
		r.path(true)
		s.focus = token{isIdent, "", s.focus.start, r.last().end}
		if r.take("in") {
			s.kids = append(s.kids, r.sum())
		}
		s.end = r.last().end
		return s
	case op.kind == isOperator && slices.Contains([]string{"<", "<=", ">", ">=", "==", "!="}, op.text), r.is("in"):
		r.next()
		right := r.sum()
		return &span{left.start, right.end, op, []*span{left, right}}
	}
	return left
}

// has reads `x has a.b.c`, which is `x has a && x.a has b && x.a.b has c`.
func (r *reading) has(left *span) *span {
	t := r.peek()
	if t.kind == isString {
		r.text("")
		return &span{left.start, t.end, t, []*span{left}}
	}
	r.name("an attribute's name")
	out := &span{left.start, t.end, t, []*span{left}}
	for r.take(".") {
		left = &span{left.start, t.end, t, []*span{left}}
		t = r.name("an attribute's name")
		step := &span{left.start, t.end, t, []*span{left}}
		out = &span{out.start, t.end, t, []*span{out, step}}
	}
	return out
}
