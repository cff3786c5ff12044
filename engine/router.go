package engine

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// router is a tree over canonical path segments. Literal segments win over
// mixed ones ("{id}.json"), mixed ones over whole parameters, and a branch that
// ends nowhere is left again, as OpenAPI has it.
type router struct{ root node }

type node struct {
	literal map[string]*node
	mixed   []mixed
	param   *node
	leaves  []leaf
	other   *gatehouse.Endpoint // any other method of a declared path
	depths  uint64              // bit d: some template ends d segments below
}

// farthest is the last bit of depths; it stands for all that lie beyond, too.
const farthest = 63

// reaches reports whether some template ends that many segments below. A path
// that is not declared is mostly known by that before its segments are read.
func (n *node) reaches(segments int) bool {
	return n.depths>>min(segments, farthest)&1 == 1
}

// mixed is a segment with text around its parameters.
type mixed struct {
	text []string // n+1 texts around n parameters
	next *node
}

// leaf is one method of a template. Names stand here and not in the tree, since
// two templates may differ by nothing else.
type leaf struct {
	method   string
	names    []string
	endpoint *gatehouse.Endpoint
}

// maxParams bounds the parameters of one template.
const maxParams = 16

// anyMethod is the method of endpoints that take what no other takes.
const anyMethod = "*"

func (r *router) add(e *gatehouse.Endpoint) error {
	segments := strings.Split(strings.TrimPrefix(e.Template, "/"), "/")
	n := &r.root
	var names []string
	n.depths |= 1 << min(len(segments), farthest)
	for i, s := range segments {
		s = decode(s)
		text, params, err := split(s)
		if err != nil {
			return fmt.Errorf("engine: routing %s: %w", e.Template, err)
		}
		names = append(names, params...)
		n = n.child(s, text)
		n.depths |= 1 << min(len(segments)-i-1, farthest)
	}
	if len(names) > maxParams {
		return fmt.Errorf("engine: routing %s: more than %d parameters", e.Template, maxParams)
	}
	if e.Method == anyMethod {
		n.other = e
		return nil
	}
	for _, l := range n.leaves {
		if l.method == e.Method {
			return fmt.Errorf("engine: routing %s %s: %s takes the same requests", e.Method, e.Template, l.endpoint.Template)
		}
	}
	n.leaves = append(n.leaves, leaf{e.Method, names, e})
	return nil
}

// split cuts a template's segment into the texts around its parameters.
func split(s string) (text, params []string, err error) {
	for {
		before, rest, ok := strings.Cut(s, "{")
		text = append(text, before)
		if !ok {
			return text, params, nil
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok || name == "" {
			return nil, nil, fmt.Errorf("segment %q: a brace is not closed", s)
		}
		if len(text) > 1 && before == "" {
			return nil, nil, fmt.Errorf("segment %q: two parameters touch", s)
		}
		params = append(params, name)
		s = after
	}
}

func (n *node) child(segment string, text []string) *node {
	switch {
	case len(text) == 1:
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		if n.literal[segment] == nil {
			n.literal[segment] = &node{}
		}
		return n.literal[segment]
	case len(text) == 2 && text[0] == "" && text[1] == "":
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	for _, m := range n.mixed {
		if strings.Join(m.text, "{}") == strings.Join(text, "{}") {
			return m.next
		}
	}
	next := &node{}
	n.mixed = append(n.mixed, mixed{text, next})
	return next
}

// match is one search: the path and the values found so far.
type match struct {
	path   string
	plain  bool // the path has no escapes
	values [maxParams]string
	n      int
}

// find returns the endpoint for the method and fills params, or nil when the
// path is not declared.
func (r *router) find(method, path string, params []gatehouse.Param) (*gatehouse.Endpoint, []gatehouse.Param) {
	if path == "" || path[0] != '/' {
		return nil, params
	}
	m := match{path: path}
	n := m.find(&r.root)
	if n == nil {
		return nil, params
	}
	for i := range n.leaves {
		l := &n.leaves[i]
		if l.method != method {
			continue
		}
		for j, name := range l.names {
			params = append(params, gatehouse.Param{Name: name, Value: m.values[j]})
		}
		return l.endpoint, params
	}
	return n.other, params
}

// leadsAway reports whether a path is declared and leads elsewhere than to e.
func (r *router) leadsAway(method, path string, e *gatehouse.Endpoint) bool {
	m := match{path: path}
	n := m.find(&r.root)
	if n == nil {
		return false
	}
	for i := range n.leaves {
		if n.leaves[i].method == method {
			return n.leaves[i].endpoint != e
		}
	}
	return n.other != e
}

// find returns the node of the path, or nil.
func (m *match) find(root *node) *node {
	m.plain = strings.IndexByte(m.path, '%') < 0
	segments := strings.Count(m.path, "/")
	if !root.reaches(segments) {
		return nil
	}
	return m.walk(root, 1, segments)
}

// walk finds the node for the path from byte i on, where that many segments
// begin. Every node is looked at once at the most, so a search costs no more than
// the tree has nodes.
func (m *match) walk(n *node, i, segments int) *node {
	if segments == 0 {
		if len(n.leaves) == 0 && n.other == nil {
			return nil
		}
		return n
	}
	end := len(m.path)
	if j := strings.IndexByte(m.path[i:], '/'); j >= 0 {
		end = i + j
	}
	// A canonical path keeps the escapes of reserved characters. The upstream may
	// decode them before it routes, so "/a%3Ab" must not get past "/a:b" here.
	segment, kept := m.path[i:end], m.n
	if !m.plain {
		segment = decode(segment)
	}
	segments--
	if next := n.literal[segment]; next != nil && next.reaches(segments) {
		if found := m.walk(next, end+1, segments); found != nil {
			return found
		}
		m.n = kept
	}
	for k := range n.mixed {
		if n.mixed[k].next.reaches(segments) && m.cut(&n.mixed[k], segment) {
			if found := m.walk(n.mixed[k].next, end+1, segments); found != nil {
				return found
			}
		}
		m.n = kept
	}
	if n.param != nil && n.param.reaches(segments) && segment != "" && m.n < maxParams {
		m.values[m.n] = segment
		m.n++
		if found := m.walk(n.param, end+1, segments); found != nil {
			return found
		}
		m.n = kept
	}
	return nil
}

// cut reads the parameters of a mixed segment, the shortest value first. No
// value is empty.
func (m *match) cut(t *mixed, s string) bool {
	if !strings.HasPrefix(s, t.text[0]) {
		return false
	}
	s = s[len(t.text[0]):]
	for k, text := range t.text[1:] {
		end := len(s)
		switch last := k == len(t.text)-2; {
		case last && text != "":
			end = len(s) - len(text)
			if end < 1 || s[end:] != text {
				return false
			}
		case !last:
			if s == "" {
				return false
			}
			j := strings.Index(s[1:], text)
			if j < 0 {
				return false
			}
			end = j + 1
		}
		if end < 1 || m.n == maxParams {
			return false
		}
		m.values[m.n] = s[:end]
		m.n++
		s = s[min(len(s), end+len(text)):]
	}
	return true
}

// decode decodes a canonical segment, once: what is matched is what controls see
// as the parameter's value. It allocates only when there is an escape.
func decode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	d, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return d
}
