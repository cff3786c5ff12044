package graphql

import (
	"errors"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// errNotJudged is returned when there is nothing to forward, since nothing was judged.
var errNotJudged = errors.New("graphql: the request was not judged")

// limits are those of every JSON body.
var limits = jsonwalk.Limits{}

// asked is what a request asks for. It stands in Request.Parsed, so that whoever wants
// the body's document finds it there.
type asked struct {
	doc   *jsonwalk.Doc // of the body, or of the variables of a GET
	list  []asking
	batch bool // as an array, whatever its length
	out   []byte

	touched []touched
}

// asking is one operation with its variables.
type asking struct {
	op        *operation
	variables int // node of the document, or [jsonwalk.Missing]
}

// Reset forgets the request and keeps the memory.
func (a *asked) Reset() {
	a.doc.Reset()
	clear(a.list)
	clear(a.touched)
	a.list, a.touched = a.list[:0], a.touched[:0]
}

// Document returns the body's document, for [jsonwalk.Of].
func (a *asked) Document() *jsonwalk.Doc { return a.doc }

// borrow returns what the exchange has for it, with the document that is there.
func borrow(x *gatehouse.Exchange) *asked {
	switch p := x.Request.Parsed.(type) {
	case *asked:
		return p
	case *jsonwalk.Doc:
		a := &asked{doc: p}
		x.Request.Parsed = a
		return a
	}
	a := &asked{doc: new(jsonwalk.Doc)}
	x.Request.Parsed = a
	return a
}

// read finds the operations of a request.
func (k *check) read(x *gatehouse.Exchange, a *asked) *refusal {
	a.list = a.list[:0]
	if k.get {
		return k.readQuery(x, a)
	}
	q := &x.Request
	if !q.HasBody || q.BodyTooLarge {
		return refuse(badRequest, "no body, or one that is too large")
	}
	d, err := jsonwalk.Of(&q.Parsed, q.Body, limits)
	if err != nil {
		return refuse(badRequest, err.Error())
	}
	if a.batch = d.Kind(0) == jsonwalk.Array; !a.batch {
		return k.readOne(a, 0)
	}
	if n := d.Count(0); n > k.max.Batch || n == 0 {
		return refuse(noBatch, "")
	}
	for c, end := 1, d.Next(0); c < end; c = d.Next(c) {
		if why := k.readOne(a, c); why != nil {
			return why
		}
	}
	return nil
}

// parameters are the members of a GraphQL request (GraphQL over HTTP section 5.1).
type parameters struct {
	query, name, document []byte
	variables             int
}

// readOne reads the request at a node of the body.
func (k *check) readOne(a *asked, node int) *refusal {
	d := a.doc
	if d.Kind(node) != jsonwalk.Object {
		return refuse(badRequest, "not an object")
	}
	p := parameters{variables: jsonwalk.Missing}
	for c, end := node+1, d.Next(node); c < end; c = d.Next(c) {
		kind := d.Kind(c)
		if kind == jsonwalk.Null {
			continue
		}
		var want jsonwalk.Kind
		switch string(d.Name(c)) {
		case "query":
			want, p.query = jsonwalk.String, d.Text(c)
		case "operationName":
			want, p.name = jsonwalk.String, d.Text(c)
		case "documentId":
			want, p.document = jsonwalk.String, d.Text(c)
		case "variables":
			want, p.variables = jsonwalk.Object, c
		case "extensions":
			want = jsonwalk.Object
			if kind == want {
				if why := p.extend(d, c); why != nil {
					return why
				}
			}
		default:
			return refuse(badRequest, "a member that a GraphQL request does not have")
		}
		if kind != want {
			return refuse(badRequest, "a member of another type")
		}
	}
	return k.find(a, p)
}

// extend reads the one extension that says what is asked for: Apollo's persisted
// queries. The others are not forwarded.
func (p *parameters) extend(d *jsonwalk.Doc, node int) *refusal {
	n := d.Member(node, "persistedQuery")
	if n == jsonwalk.Missing {
		return nil
	}
	if d.Kind(n) != jsonwalk.Object {
		return refuse(badRequest, "persistedQuery")
	}
	h := d.Member(n, "sha256Hash")
	if h == jsonwalk.Missing || d.Kind(h) != jsonwalk.String || p.document != nil {
		return refuse(badRequest, "persistedQuery")
	}
	p.document = d.Text(h)
	return nil
}

// find finds the operation that parameters name: judged before, trusted, or new.
func (k *check) find(a *asked, p parameters) *refusal {
	text := p.query
	if p.document != nil {
		known := k.trusted.named(p.document)
		switch {
		case known == nil:
			return refuse(noDocument, "")
		case text != nil && string(text) != known.text:
			return refuse(badRequest, "a document and the name of another")
		}
		text = known.bytes
	}
	if text == nil {
		return refuse(badRequest, "no query")
	}
	h := hashOf(text, p.name)
	op := k.cache.get(h)
	if op == nil {
		if k.trusted != nil && k.max.Only && !k.trusted.has(text) {
			return refuse(untrusted, "")
		}
		var why *refusal
		// What is kept must not point into the connection's memory.
		if op, why = k.compile(string(text), string(p.name)); why != nil {
			return why
		}
		k.cache.put(h, op)
	}
	a.list = append(a.list, asking{op, p.variables})
	return nil
}

// readQuery reads the request of a GET (GraphQL over HTTP section 6.1).
func (k *check) readQuery(x *gatehouse.Exchange, a *asked) *refusal {
	a.batch = false
	p := parameters{variables: jsonwalk.Missing}
	var variables []byte
	for rest := x.Request.Query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		text := percent.Append([]byte{}, value, true)
		var into *[]byte
		switch name {
		case "query":
			into = &p.query
		case "operationName":
			into = &p.name
		case "documentId":
			into = &p.document
		case "variables":
			into = &variables
		default:
			return refuse(badRequest, "a parameter that a GraphQL request does not have")
		}
		if *into != nil {
			return refuse(badRequest, "a parameter that comes twice")
		}
		*into = text
	}
	if len(variables) > 0 {
		if err := a.doc.Parse(variables, limits); err != nil {
			return refuse(badRequest, err.Error())
		}
		switch a.doc.Kind(0) {
		case jsonwalk.Object:
			p.variables = 0
		case jsonwalk.Null:
		default:
			return refuse(badRequest, "variables are an object")
		}
	}
	if why := k.find(a, p); why != nil {
		return why
	}
	if a.list[0].op.kind != "query" {
		return refuse(mutationByGet, "")
	}
	return nil
}

// appendBody appends the request as it is forwarded.
func (a *asked) appendBody(b []byte) []byte {
	if a.batch {
		b = append(b, '[')
	}
	for i := range a.list {
		if i > 0 {
			b = append(b, ',')
		}
		one := &a.list[i]
		b = append(append(b, `{"query":`...), one.op.quoted...)
		if one.op.name != "" {
			b = append(append(append(b, `,"operationName":"`...), one.op.name...), '"')
		}
		if len(one.op.variables) > 0 {
			b = append(b, `,"variables":`...)
			b = one.appendVariables(b, a.doc)
		}
		b = append(b, '}')
	}
	if a.batch {
		b = append(b, ']')
	}
	return b
}

// appendVariables appends the values of the variables that the operation declares.
func (o *asking) appendVariables(b []byte, d *jsonwalk.Doc) []byte {
	b = append(b, '{')
	first := true
	for i := range o.op.variables {
		n := jsonwalk.Missing
		if o.variables != jsonwalk.Missing {
			n = d.Member(o.variables, o.op.variables[i].name)
		}
		if n == jsonwalk.Missing {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), o.op.variables[i].name...), `":`...)
		b = append(b, d.Raw(n)...)
	}
	return append(b, '}')
}

// appendQuery appends the query of a GET as it is forwarded.
func (o *asking) appendQuery(b []byte, d *jsonwalk.Doc) []byte {
	b = appendEscaped(append(b, "query="...), o.op.text)
	if o.op.name != "" {
		b = append(append(b, "&operationName="...), o.op.name...)
	}
	if len(o.op.variables) > 0 {
		b = appendEscaped(append(b, "&variables="...), string(o.appendVariables(nil, d)))
	}
	return b
}

// appendEscaped appends text for the value of a query parameter.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
