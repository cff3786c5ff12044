package learn

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Options are what traffic does not say.
type Options struct {
	Title  string // of the API; default "Learned API"
	Server string // the URL of the API, or ""
}

// Description is an OpenAPI 3.1 document.
type Description struct {
	YAML       []byte
	Operations []string // their ids, in the order of the document
	Warnings   []string // what a reader has to know, in plain English
}

const head = `Written by gatehouse learn, from traffic: it says what was seen, not what is meant.
Read it before you use it. Bounds have head-room; members are required where they were always there;
x-gatehouse-learned says how many requests an operation was learned from, and how many were refused by the API.
Then: gatehouse init, and gatehouse check.`

// mostQuery is how many query parameters of one operation are written down.
const mostQuery = 200

// Describe writes down what was learned so far. What was learned stays, and more
// may be added. The same exchanges give the same text.
func (l *Learner) Describe(o Options) (*Description, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ops := operations(l.root.settled(""), nil)
	identify(ops)
	doc := newBlock()
	doc.text("openapi", "3.1.0")
	info := newBlock()
	if o.Title == "" {
		o.Title = "Learned API"
	}
	info.text("title", strings.ToValidUTF8(o.Title, "?"))
	info.text("version", "0.learned")
	doc.put("info", info.Node)
	if o.Server != "" {
		server := newLine()
		server.text("url", strings.ToValidUTF8(o.Server, "?"))
		doc.put("servers", list(server.Node))
	}
	noted := newLine()
	noted.number("exchanges", l.seen)
	noted.number("learned", l.learned)
	doc.put("x-gatehouse-learned", noted.Node)
	doc.put("paths", l.paths(ops).Node)
	if c := l.components(ops); len(c.Content) > 0 {
		doc.put("components", c.Node)
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	doc.HeadComment = comment(head)
	if err := e.Encode(doc.Node); err != nil {
		return nil, fmt.Errorf("learn: writing the description: %w", err)
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("learn: writing the description: %w", err)
	}
	d := &Description{YAML: b.Bytes(), Warnings: l.warnings(ops)}
	for _, op := range ops {
		d.Operations = append(d.Operations, op.id)
	}
	return d, nil
}

func comment(s string) string { return "# " + strings.ReplaceAll(s, "\n", "\n# ") }

func (l *Learner) paths(ops []*operation) block {
	paths := newBlock()
	var item block
	for i, o := range ops {
		if i == 0 || ops[i-1].template != o.template {
			item = newBlock()
			paths.put(o.template, item.Node)
		}
		item.put(strings.ToLower(o.method), l.operation(o).Node)
		if o.call.samples < enough {
			item.comment(fmt.Sprintf("# few samples (%d)", o.call.samples))
		}
	}
	return paths
}

func (l *Learner) operation(o *operation) block {
	b := newBlock()
	b.text("operationId", o.id)
	if t := o.tag(); t != "" {
		b.put("tags", texts(t))
	}
	noted := newLine()
	noted.number("samples", o.call.samples)
	noted.number("refused", o.call.failed)
	b.put("x-gatehouse-learned", noted.Node)
	b.put("security", o.call.security())
	w := &writer{partial: o.method == "PATCH"}
	if p := w.parameters(o); len(p.Content) > 0 {
		b.put("parameters", p)
	}
	if len(o.call.takes) > 0 {
		b.put("requestBody", w.body(o.call).Node)
	}
	w.partial, w.replies, w.secrets = false, true, map[string]bool{}
	b.put("responses", l.responses(w, o.call).Node)
	o.open, o.secrets = w.open, slices.Sorted(maps.Keys(w.secrets))
	return b
}

func (w *writer) parameters(o *operation) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	add := func(name, in string, required bool, schema block) {
		b := newLine()
		b.text("name", name)
		b.text("in", in)
		if required {
			b.yes("required")
		}
		b.put("schema", schema.Node)
		out.Content = append(out.Content, b.Node)
	}
	for _, s := range o.path {
		if s.param != "" {
			add(s.param, "path", true, s.value.segment())
		}
	}
	query := slices.Sorted(maps.Keys(o.call.query))
	if len(query) > mostQuery {
		query, w.open = query[:mostQuery], true
	}
	for _, name := range query {
		p := o.call.query[name]
		add(name, "query", p.n == o.call.samples && p.n >= enough, p.schema(name))
	}
	for _, name := range slices.Sorted(maps.Keys(o.call.headers)) {
		// What one client always sends is not what the API asks for: never required.
		// A field that came twice would be refused: it is left undeclared, and passes.
		if p := o.call.headers[name]; p.most == 1 {
			schema := newLine()
			schema.text("type", "string")
			schema.number("maxLength", headroom(p.value.text.max, 64))
			add(name, "header", false, schema)
		}
	}
	return out
}

func (w *writer) body(c *call) block {
	b := newBlock()
	if c.bodies == c.samples && c.samples >= enough {
		b.yes("required")
	}
	content := newBlock()
	for _, name := range slices.Sorted(maps.Keys(c.takes)) {
		p := c.takes[name]
		m := newBlock()
		switch {
		case name == formType || name == partsType:
			m.put("schema", w.form(p).Node)
			if e := p.encoding(); e != nil {
				m.put("encoding", e)
			}
		case p.shape != nil:
			m.put("schema", w.schema(p.shape, "").Node)
		default:
			m, w.open = newLine(), true
		}
		content.put(name, m.Node)
	}
	b.put("content", content.Node)
	return b
}

// responses writes the answers below 400 as the operation's own, and the others
// as those that the API gives anywhere.
func (l *Learner) responses(w *writer, c *call) block {
	b := newBlock()
	for _, status := range slices.Sorted(maps.Keys(c.answers)) {
		b.put(strconv.Itoa(status), w.response(status, c.answers[status]).Node)
	}
	for _, status := range slices.Sorted(maps.Keys(l.errors)) {
		ref := newLine()
		ref.text("$ref", "#/components/responses/"+errorName(status))
		b.put(strconv.Itoa(status), ref.Node)
	}
	return b
}

func errorName(status int) string { return "Error" + strconv.Itoa(status) }

func (w *writer) response(status int, a *answer) block {
	b := newBlock()
	says := http.StatusText(status)
	if says == "" {
		says = "status " + strconv.Itoa(status)
	}
	b.text("description", says)
	if len(a.content) == 0 {
		return b
	}
	content := newBlock()
	for _, name := range slices.Sorted(maps.Keys(a.content)) {
		m := newLine()
		if s := a.content[name]; s != nil {
			m = newBlock()
			m.put("schema", w.schema(s, "").Node)
		}
		content.put(name, m.Node)
	}
	b.put("content", content.Node)
	return b
}

func (l *Learner) components(ops []*operation) block {
	b := newBlock()
	if len(l.errors) > 0 {
		responses, w := newBlock(), &writer{}
		for _, status := range slices.Sorted(maps.Keys(l.errors)) {
			responses.put(errorName(status), w.response(status, l.errors[status]).Node)
		}
		b.put("responses", responses.Node)
	}
	if used := schemes(ops); len(used) > 0 {
		all := newBlock()
		for _, s := range used {
			all.put(schemeName(s), securityScheme(s).Node)
		}
		b.put("securitySchemes", all.Node)
	}
	return b
}

// schemeName is the key of a security scheme.
func schemeName(used string) string {
	kind, name, _ := strings.Cut(used, " ")
	if kind == "scheme" || kind == "header" {
		return name
	}
	return kind + "-" + name
}

func securityScheme(used string) block {
	b := newLine()
	kind, name, _ := strings.Cut(used, " ")
	if kind == "scheme" {
		b.text("type", "http")
		b.text("scheme", name)
		return b
	}
	b.text("type", "apiKey")
	b.text("in", kind)
	b.text("name", name)
	return b
}

// security writes the alternatives that were seen.
func (c *call) security() *yaml.Node {
	out := list()
	for _, used := range slices.Sorted(maps.Keys(c.auth)) {
		b := newLine()
		if used != noCredential {
			for one := range strings.SplitSeq(used, ",") {
				b.put(schemeName(one), list())
			}
		}
		out.Content = append(out.Content, b.Node)
	}
	if len(c.auth) == 1 && c.auth[noCredential] > 0 {
		return list()
	}
	return out
}
