package graphql

import (
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// dedent gives the block strings of a document the values that they have (GraphQL
// section 2.9.4). The library counts the first line's indentation, which does not
// count, so that its value would be another than the upstream's. It reports whether
// every block string ends with three quotes: the library lets one end with more.
func dedent(doc *ast.QueryDocument, text string) bool {
	if !strings.Contains(text, `"""`) {
		return true
	}
	b := blocks{text: text}
	for _, op := range doc.Operations {
		for _, v := range op.VariableDefinitions {
			b.value(v.DefaultValue)
			b.directives(v.Directives)
		}
		b.directives(op.Directives)
		b.set(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		b.directives(f.Directives)
		b.set(f.SelectionSet)
	}
	return !b.more
}

type blocks struct {
	text    string
	more    bool  // one ends with more quotes than it needs
	offsets []int // of each character, once one is asked for
}

func (b *blocks) set(set ast.SelectionSet) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			b.arguments(s.Arguments)
			b.directives(s.Directives)
			b.set(s.SelectionSet)
		case *ast.InlineFragment:
			b.directives(s.Directives)
			b.set(s.SelectionSet)
		case *ast.FragmentSpread:
			b.directives(s.Directives)
		}
	}
}

func (b *blocks) directives(list ast.DirectiveList) {
	for _, d := range list {
		b.arguments(d.Arguments)
	}
}

func (b *blocks) arguments(list ast.ArgumentList) {
	for _, a := range list {
		b.value(a.Value)
	}
}

func (b *blocks) value(v *ast.Value) {
	if v == nil {
		return
	}
	for _, c := range v.Children {
		b.value(c.Value)
	}
	if v.Kind == ast.BlockValue {
		from, to := b.offset(v.Position.Start)+3, b.offset(v.Position.End)-3
		v.Raw = blockValue(b.text[from:to])
		b.more = b.more || strings.HasPrefix(b.text[to:], `""""`)
	}
}

// offset returns where a character is, in bytes.
func (b *blocks) offset(char int) int {
	if b.offsets == nil {
		b.offsets = make([]int, 0, utf8.RuneCountInString(b.text)+1)
		for i := range b.text {
			b.offsets = append(b.offsets, i)
		}
		b.offsets = append(b.offsets, len(b.text))
	}
	return b.offsets[char]
}

// blockValue is BlockStringValue of the specification, of what stands between the
// quotes.
func blockValue(raw string) string {
	raw = strings.ReplaceAll(raw, `\"""`, `"""`)
	raw = strings.ReplaceAll(strings.ReplaceAll(raw, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(raw, "\n")
	common := -1
	for _, l := range lines[1:] {
		if n := indent(l); n < len(l) && (common < 0 || n < common) {
			common = n
		}
	}
	for i := 1; i < len(lines) && common > 0; i++ {
		lines[i] = lines[i][min(common, len(lines[i])):]
	}
	from, to := 0, len(lines)
	for from < to && indent(lines[from]) == len(lines[from]) {
		from++
	}
	for from < to && indent(lines[to-1]) == len(lines[to-1]) {
		to--
	}
	return strings.Join(lines[from:to], "\n")
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }
