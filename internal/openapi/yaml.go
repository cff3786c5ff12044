package openapi

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"go.yaml.in/yaml/v3"
)

// maxAliased bounds the nodes that aliases may add to a description, against
// files of a few hundred bytes that unfold to gigabytes.
const maxAliased = 200_000

// yamlReader writes a YAML tree as JSON, so that both forms are read by one
// strict parser, and notes the line of every value in document order.
type yamlReader struct {
	name    string
	out     []byte
	lines   []int32
	aliased int // nodes written for aliases
	depth   int // aliases that are open
}

func fromYAML(name string, data []byte) ([]byte, []int32, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, nil, fmt.Errorf("openapi: %s: %w", name, err)
	}
	if len(root.Content) != 1 {
		return nil, nil, &Error{Place{File: name, Line: 1}, "one YAML document expected"}
	}
	r := &yamlReader{name: name, out: make([]byte, 0, len(data))}
	if err := r.node(root.Content[0]); err != nil {
		return nil, nil, err
	}
	return r.out, r.lines, nil
}

func (r *yamlReader) fault(n *yaml.Node, format string, args ...any) error {
	return &Error{Place{File: r.name, Line: n.Line}, fmt.Sprintf(format, args...)}
}

func (r *yamlReader) node(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		if r.depth++; r.depth > 16 {
			return r.fault(n, "aliases nested too deeply")
		}
		defer func() { r.depth-- }()
		return r.node(n.Alias)
	}
	if r.depth > 0 {
		if r.aliased++; r.aliased > maxAliased {
			return r.fault(n, "aliases unfold to more than %d values", maxAliased)
		}
	}
	r.lines = append(r.lines, int32(n.Line))
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n)
	case yaml.SequenceNode:
		r.out = append(r.out, '[')
		for i, c := range n.Content {
			if i > 0 {
				r.out = append(r.out, ',')
			}
			if err := r.node(c); err != nil {
				return err
			}
		}
		r.out = append(r.out, ']')
		return nil
	}
	return r.scalar(n)
}

func (r *yamlReader) mapping(n *yaml.Node) error {
	r.out = append(r.out, '{')
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
			return r.fault(k, "a key must be plain text; merge keys are not read")
		}
		if seen[k.Value] {
			return r.fault(k, "duplicate key %q", k.Value)
		}
		seen[k.Value] = true
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.out = append(appendJSON(r.out, k.Value), ':')
		if err := r.node(n.Content[i+1]); err != nil {
			return err
		}
	}
	r.out = append(r.out, '}')
	return nil
}

func appendJSON(dst []byte, s string) []byte {
	b, _ := json.Marshal(s) // a string always marshals
	return append(dst, b...)
}

func (r *yamlReader) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		r.out = append(r.out, "null"...)
	case "!!bool":
		var v bool
		if err := n.Decode(&v); err != nil {
			return r.fault(n, "%v", err)
		}
		r.out = strconv.AppendBool(r.out, v)
	case "!!int", "!!float":
		return r.number(n)
	default:
		r.out = appendJSON(r.out, n.Value)
	}
	return nil
}

func (r *yamlReader) number(n *yaml.Node) error {
	if jsonwalk.ScanNumber([]byte(n.Value)) {
		r.out = append(r.out, n.Value...)
		return nil
	}
	var i int64
	if n.Decode(&i) == nil {
		r.out = strconv.AppendInt(r.out, i, 10)
		return nil
	}
	var f float64
	if err := n.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return r.fault(n, "%q is no JSON number", n.Value)
	}
	r.out = strconv.AppendFloat(r.out, f, 'g', -1, 64)
	return nil
}
