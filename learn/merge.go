package learn

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/wire"
	"go.yaml.in/yaml/v3"
)

// Knows tells the learner what is described already: requests of those operations
// teach nothing from now on.
func (l *Learner) Knows(d *openapi.Document) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range d.Operations {
		l.described = append(l.described, described{op.Method(), strings.Split(op.Template()[1:], "/")})
	}
}

// described is an operation of another description.
type described struct {
	method   string
	segments []string
}

// takes reports whether a request is one of the operation's.
func (d *described) takes(method string, segments []string) bool {
	if d.method != method || len(d.segments) != len(segments) {
		return false
	}
	for i, s := range d.segments {
		before, rest, ok := strings.Cut(s, "{")
		switch {
		case !ok && wire.SegmentDecode(s) != segments[i]:
			return false
		case ok && (segments[i] == "" || !strings.HasPrefix(segments[i], before) || !strings.HasSuffix(segments[i], rest[strings.LastIndexByte(rest, '}')+1:])):
			return false
		}
	}
	return true
}

// Merge adds what was learned to a description of OpenAPI 3.1 or 3.2, in YAML or
// JSON. What is there stays: paths get the methods that they did not have, and
// nothing that has a name gets another meaning.
func Merge(base []byte, d *Description) ([]byte, error) {
	var to, from yaml.Node
	if err := yaml.Unmarshal(base, &to); err != nil {
		return nil, fmt.Errorf("learn: merging: %w", err)
	}
	if err := yaml.Unmarshal(d.YAML, &from); err != nil {
		return nil, fmt.Errorf("learn: merging: %w", err)
	}
	if len(to.Content) != 1 || to.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("learn: merging: this is no description")
	}
	m := merger{to: to.Content[0], from: from.Content[0], renamed: map[string]string{}, ids: map[string]bool{}}
	if v := child(m.to, "openapi"); v == nil || !strings.HasPrefix(v.Value, "3.1.") && !strings.HasPrefix(v.Value, "3.2.") {
		return nil, errors.New("learn: merging: what is learned is OpenAPI 3.1, and can be added to 3.1 and 3.2 only")
	}
	if m.to.Style&yaml.FlowStyle != 0 {
		unfold(m.to) // JSON: on one line nobody reads what was added
	}
	m.components()
	m.paths()
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&to), e.Close()); err != nil {
		return nil, fmt.Errorf("learn: merging: %w", err)
	}
	return b.Bytes(), nil
}

type merger struct {
	to, from *yaml.Node
	renamed  map[string]string // references
	ids      map[string]bool   // operationIds that are taken
}

// child returns the value of a key, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// grown returns the mapping under a key, which is made where there is none.
func grown(n *yaml.Node, key string) *yaml.Node {
	c := child(n, key)
	if c == nil {
		c = newBlock().Node
		block{n}.put(key, c)
	}
	if c.Kind != yaml.MappingNode { // a key without anything behind it
		*c = *newBlock().Node
	}
	c.Style &^= yaml.FlowStyle // comments have no place on one line
	return c
}

// unfold writes a node and everything below it on lines of their own.
func unfold(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	for _, c := range n.Content {
		unfold(c)
	}
}

// components adds answers under names that are free, and credentials that have no
// name yet.
func (m *merger) components() {
	all := child(m.from, "components")
	if list := child(all, "responses"); list != nil {
		to := grown(grown(m.to, "components"), "responses")
		for i := 0; i < len(list.Content); i += 2 {
			name := list.Content[i].Value
			for child(to, name) != nil {
				name = "Learned" + name
			}
			m.renamed["#/components/responses/"+list.Content[i].Value] = "#/components/responses/" + name
			block{to}.put(name, list.Content[i+1])
		}
	}
	if list := child(all, "securitySchemes"); list != nil {
		to := grown(grown(m.to, "components"), "securitySchemes")
		for i := 0; i < len(list.Content); i += 2 {
			if child(to, list.Content[i].Value) == nil {
				block{to}.put(list.Content[i].Value, list.Content[i+1])
			}
		}
	}
}

func (m *merger) paths() {
	to := grown(m.to, "paths")
	shapes := map[string]int{}
	for i := 0; i < len(to.Content); i += 2 {
		shapes[nameless(to.Content[i].Value)] = i
		for j := 0; j < len(to.Content[i+1].Content); j += 2 {
			if id := child(to.Content[i+1].Content[j+1], "operationId"); id != nil {
				m.ids[id.Value] = true
			}
		}
	}
	from := child(m.from, "paths")
	for i := 0; i < len(from.Content); i += 2 {
		template, item := from.Content[i].Value, from.Content[i+1]
		for j := 0; j < len(item.Content); j += 2 {
			m.free(item.Content[j+1])
		}
		at, known := shapes[nameless(template)]
		if !known {
			block{to}.put(template, item)
			continue
		}
		have := to.Content[at+1]
		for j := 0; j < len(item.Content); j += 2 {
			// What is behind a reference is another file's, and stays.
			if method := item.Content[j].Value; child(have, method) == nil && child(have, "$ref") == nil && have.Kind == yaml.MappingNode {
				rename(item.Content[j+1], names(template), names(to.Content[at].Value))
				have.Style &^= yaml.FlowStyle
				block{have}.put(method, item.Content[j+1])
			}
		}
	}
}

// free gives an operation an id that is free, and the names that its references
// have now.
func (m *merger) free(op *yaml.Node) {
	if id := child(op, "operationId"); id != nil {
		for m.ids[id.Value] {
			id.Value += "_learned"
		}
		m.ids[id.Value] = true
	}
	if list := child(op, "responses"); list != nil {
		for i := 1; i < len(list.Content); i += 2 {
			if ref := child(list.Content[i], "$ref"); ref != nil && m.renamed[ref.Value] != "" {
				ref.Value = m.renamed[ref.Value]
			}
		}
	}
}

// rename gives the parameters in the path the names that the path has.
func rename(op *yaml.Node, from, to []string) {
	list := child(op, "parameters")
	if list == nil {
		return
	}
	for _, p := range list.Content {
		name := child(p, "name")
		if in := child(p, "in"); in == nil || in.Value != "path" || name == nil {
			continue
		}
		for i := range from {
			if name.Value == from[i] {
				name.Value = to[i]
				break
			}
		}
	}
}

// nameless is a template without the names of its parameters.
func nameless(template string) string {
	for _, name := range names(template) {
		template = strings.Replace(template, "{"+name+"}", "{}", 1)
	}
	return template
}

// names returns the names of a template's parameters, in order.
func names(template string) (list []string) {
	for {
		_, rest, ok := strings.Cut(template, "{")
		if !ok {
			return list
		}
		name, after, _ := strings.Cut(rest, "}")
		list, template = append(list, name), after
	}
}
