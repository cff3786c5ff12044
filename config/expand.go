package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// block is the configuration of one control: the mapping its own struct is
// decoded from, and how its keys are called in the file.
type block struct {
	kind  *gatehouse.Kind
	key   string            // "apis.orders.controls.jwt"
	node  *yaml.Node        // nil when nobody wrote anything
	place gatehouse.Place   // zero for a default
	short map[string]string // the control's key -> the path that it was written at
	set   engine.Configured
}

// short is one short form of an API's block.
type short struct {
	name    string // as it is written in the API's block
	control string
	into    string // key of the control's own block
	wrap    string // list entries become {wrap: entry}
	beside  bool   // a second control that needs to know, when there is one
	whole   bool   // a block in its place is the control's own
}

func shortForms() []short {
	return []short{
		{name: "issuer", control: "jwt", into: "issuers", wrap: "issuer"},
		{name: "audience", control: "jwt", into: "audience"},
		{name: "origins", control: "cors", into: "origins"},
		{name: "graphql", control: "graphql", into: "schema", whole: true},
		{name: "roles", control: "role", into: "roles"},
		{name: "objects", control: "object", into: "objects"},
		{name: "no_object", control: "object", into: "no_object"},
		{name: "roles", control: "object", into: "roles", beside: true},
	}
}

// blocks returns one block for each kind, in the order of the catalogue: the
// API's own, else the one for all APIs, else the defaults; and the API's short
// forms written into it.
func (r *reader) blocks(a *API, global *yaml.Node, kinds []gatehouse.Kind) []*block {
	own := a.block.Controls.Node
	r.kindNames(global, "controls", kinds)
	r.kindNames(own, join(a.key, "controls"), kinds)
	out := make([]*block, len(kinds))
	for i := range kinds {
		b := &block{kind: &kinds[i], key: join(a.key, "controls."+kinds[i].Name), short: map[string]string{}}
		for _, from := range []struct {
			n   *yaml.Node
			key string
		}{{global, "controls"}, {own, join(a.key, "controls")}} {
			if k, v := lookup(from.n, b.kind.Name); k != nil {
				b.node, b.key, b.place = v, join(from.key, b.kind.Name), r.place(k.Line, k.Column)
			}
		}
		out[i] = b
	}
	for _, s := range shortForms() {
		if a.block.OpenAPI == speaksGraphQL && s.control == "object" && !s.beside {
			s.control = "graphql" // whose the objects are that its schema has
		}
		if k, v := lookup(a.node, s.name); k != nil {
			r.expand(a, s, k, v, out)
		}
	}
	return out
}

func (r *reader) kindNames(n *yaml.Node, key string, kinds []gatehouse.Kind) {
	if n != nil && n.Kind != yaml.MappingNode {
		r.wrong(n, key, "expected a block, found "+found(n), "{cors: {...}}")
	}
	names := kindNames(kinds)
	for k := range pairs(n) {
		if !slices.Contains(names, k.Value) {
			r.unknownControl(k, key, names)
		}
	}
}

func kindNames(kinds []gatehouse.Kind) []string {
	names := make([]string, len(kinds))
	for i := range kinds {
		names[i] = kinds[i].Name
	}
	slices.Sort(names)
	return names
}

func (r *reader) unknownControl(k *yaml.Node, key string, names []string) {
	fix := "one of: " + strings.Join(names, ", ")
	if near := words.Nearest(k.Value, names); near != "" {
		fix = near + ":"
	}
	r.add(r.place(k.Line, k.Column), key, fmt.Sprintf("unknown control %q", k.Value), fix)
}

// expand writes a short form into its control's block. The nodes are the
// file's own, so that every fault of the control points at the short form.
func (r *reader) expand(a *API, s short, k, v *yaml.Node, blocks []*block) {
	at := slices.IndexFunc(blocks, func(b *block) bool { return b.kind.Name == s.control })
	if at < 0 && s.beside {
		return
	}
	if at < 0 {
		r.add(r.place(k.Line, k.Column), join(a.key, s.name), "this build has no control "+s.control, "a catalogue with "+s.control)
		return
	}
	b := blocks[at]
	if b.node != nil && b.node.Kind != yaml.MappingNode {
		return // reported when the block is decoded
	}
	if s.whole && v.Kind == yaml.MappingNode {
		if b.key != join(a.key, "controls."+s.control) || b.node == nil {
			b.node, b.key, b.place = v, join(a.key, s.name), r.place(k.Line, k.Column)
			return
		}
		r.add(r.place(k.Line, k.Column), join(a.key, s.name), fmt.Sprintf("this is also written as %s on line %d", b.key, b.node.Line), "one of the two; values are never merged")
		return
	}
	if old, _ := lookup(b.node, s.into); old != nil {
		r.add(r.place(k.Line, k.Column), join(a.key, s.name),
			fmt.Sprintf("this is also written as %s.%s on line %d", b.key, s.into, old.Line), "one of the two; values are never merged")
		return
	}
	value := v
	if s.wrap != "" {
		if value = r.issuers(a, s, v); value == nil {
			return
		}
	}
	grown := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: k.Line, Column: k.Column}
	if b.node != nil {
		grown.Line, grown.Column = b.node.Line, b.node.Column
		grown.Content = slices.Clone(b.node.Content)
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s.into, Line: k.Line, Column: k.Column}
	grown.Content = append(grown.Content, name, value)
	if b.node == nil {
		b.place = r.place(k.Line, k.Column)
	}
	b.node = grown
	b.short[s.into] = join(a.key, s.name)
}

// issuers turns a URL or a list of URLs into the long form's list of blocks.
func (r *reader) issuers(a *API, s short, v *yaml.Node) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: v.Line, Column: v.Column}
	for _, c := range r.texts(v, join(a.key, s.name)) {
		if c.Value == Self && !r.self {
			r.add(r.place(c.Line, c.Column), join(a.key, s.name), "our own authorization server is not configured", "at the top of the file, "+sampleIDP+"; or the issuer: https://login.example.com")
			return nil
		}
		name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s.wrap, Line: c.Line, Column: c.Column}
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: c.Line, Column: c.Column, Content: []*yaml.Node{name, c}})
	}
	if len(list.Content) == 0 {
		return nil
	}
	return list
}

// decode takes what belongs to the engine out of the block and decodes the
// rest into a new control.
func (r *reader) decode(b *block) {
	b.set = engine.Configured{Kind: *b.kind, Control: b.kind.New(), Mode: b.kind.Mode, Place: b.place}
	if b.node == nil {
		return
	}
	if b.node.Kind != yaml.MappingNode {
		r.wrong(b.node, b.key, "expected a block, found "+found(b.node), "{...}")
		return
	}
	rest := *b.node
	rest.Content = nil
	for k, v := range pairs(b.node) {
		key := join(b.key, k.Value)
		switch k.Value {
		case "mode":
			b.set.Mode = r.mode(v, key, b)
		case "off":
			if b.kind.Mandatory {
				r.add(r.place(k.Line, k.Column), key, b.kind.Name+" cannot be switched off", "nothing: remove the off block")
				continue
			}
			if b.set.Waiver = r.waiver(v, key); b.set.Waiver != nil {
				b.set.Mode = gatehouse.Off
			}
		case "on_error":
			b.set.Opens = r.opens(v, key)
		default:
			rest.Content = append(rest.Content, k, v)
		}
	}
	if _, mode := lookup(b.node, "mode"); mode != nil && b.set.Waiver != nil {
		r.wrong(mode, join(b.key, "mode"), "mode and off contradict each other", "one of the two")
	}
	r.rename = b.rename
	defer func() { r.rename = nil }()
	r.into(&rest, b.set.Control, b.key)
}

func (r *reader) mode(n *yaml.Node, key string, b *block) gatehouse.Mode {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == gatehouse.Enforce.String():
	case n.Kind == yaml.ScalarNode && n.Value == gatehouse.Shadow.String():
		return gatehouse.Shadow
	case n.Kind == yaml.ScalarNode && n.Value == gatehouse.Off.String():
		r.add(r.place(n.Line, n.Column), key, b.kind.Name+" is switched off without a reason", "off: "+sampleWaiver)
	default:
		r.wrong(n, key, "expected enforce or shadow, found "+dateOr(n), "enforce")
	}
	return gatehouse.Enforce
}

func (r *reader) opens(n *yaml.Node, key string) *gatehouse.Waiver {
	open, v := lookup(n, "open")
	if open == nil || len(n.Content) != 2 {
		r.wrong(n, key, "expected a block with open and its waiver", "{open: "+sampleWaiver+"}")
		return nil
	}
	return r.waiver(v, join(key, "open"))
}

// rename gives a key of the control's own block the name it has in the file.
func (b *block) rename(key string) string {
	for _, into := range slices.Sorted(maps.Keys(b.short)) {
		own := join(b.key, into)
		rest, ok := cutName(key, own)
		if !ok {
			continue
		}
		if into == "issuers" {
			rest = "" // the short form is the URL itself
		}
		return b.short[into] + rest
	}
	return key
}

// cutName cuts a name from the beginning of a path, at the end of a name only.
func cutName(path, name string) (rest string, ok bool) {
	if len(path) < len(name) || path[:len(name)] != name {
		return "", false
	}
	rest = path[len(name):]
	return rest, rest == "" || rest[0] == '.' || rest[0] == '['
}
