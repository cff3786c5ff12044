package learn

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// block is a YAML mapping that is being written.
type block struct{ *yaml.Node }

func newBlock() block { return block{&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

// newLine is a mapping on one line.
func newLine() block {
	b := newBlock()
	b.Style = yaml.FlowStyle
	return b
}

func (b block) put(key string, value *yaml.Node) { b.Content = append(b.Content, str(key), value) }

func (b block) text(key, value string) { b.put(key, str(value)) }

func (b block) number(key string, n int) { b.put(key, digits(strconv.Itoa(n))) }

func (b block) yes(key string) {
	b.put(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
}

func (b block) no(key string) {
	b.put(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "false"})
}

// comment writes a comment above the member that was put last.
func (b block) comment(says string) { b.Content[len(b.Content)-2].HeadComment = says }

// str is one string; the encoder quotes it where that is needed.
func str(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// digits is one number.
func digits(s string) *yaml.Node {
	tag := "!!int"
	if len(s) > 18 {
		tag = "!!float" // what YAML makes of an integer that no machine word holds
		if _, err := strconv.ParseInt(s, 10, 64); err == nil {
			tag = "!!int"
		}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: s}
}

// null is the value null.
func null() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"} }

// list is a sequence on one line.
func list(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle, Content: items}
}

// texts is a sequence of strings on one line.
func texts(items ...string) *yaml.Node {
	n := list()
	for _, s := range items {
		n.Content = append(n.Content, str(s))
	}
	return n
}
