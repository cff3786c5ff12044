package graphql

import (
	"github.com/vektah/gqlparser/v2/ast"
)

// printer writes an operation anew, with the fragments that it reaches and nothing
// else of its document.
type printer struct {
	out       []byte
	doc       *ast.QueryDocument
	fragments []*ast.FragmentDefinition // in the order in which they are met
	// add is what is selected beside what a field's caller selects, or nil.
	add func(*ast.Field) string
}

func (p *printer) operation(op *ast.OperationDefinition) string {
	p.text(string(op.Operation))
	if op.Name != "" {
		p.text(" ", op.Name)
	}
	if len(op.VariableDefinitions) > 0 {
		p.text("(")
		for i, v := range op.VariableDefinitions {
			if i > 0 {
				p.text(",")
			}
			p.text("$", v.Variable, ":", v.Type.String())
			if v.DefaultValue != nil {
				p.text("=")
				p.value(v.DefaultValue)
			}
			p.directives(v.Directives)
		}
		p.text(")")
	}
	p.directives(op.Directives)
	p.set(op.SelectionSet, "")
	for i := 0; i < len(p.fragments); i++ {
		f := p.fragments[i]
		p.text(" fragment ", f.Name, " on ", f.TypeCondition)
		p.directives(f.Directives)
		p.set(f.SelectionSet, "")
	}
	return string(p.out)
}

func (p *printer) text(parts ...string) {
	for _, s := range parts {
		p.out = append(p.out, s...)
	}
}

func (p *printer) set(set ast.SelectionSet, more string) {
	p.text("{")
	for i, s := range set {
		if i > 0 {
			p.text(" ")
		}
		switch s := s.(type) {
		case *ast.Field:
			p.field(s)
		case *ast.InlineFragment:
			p.text("...")
			if s.TypeCondition != "" {
				p.text("on ", s.TypeCondition)
			}
			p.directives(s.Directives)
			p.set(s.SelectionSet, "")
		case *ast.FragmentSpread:
			p.text("...", s.Name)
			p.directives(s.Directives)
			p.reach(s.Name)
		}
	}
	if more != "" {
		p.text(" ", more)
	}
	p.text("}")
}

func (p *printer) reach(name string) {
	for _, f := range p.fragments {
		if f.Name == name {
			return
		}
	}
	if f := p.doc.Fragments.ForName(name); f != nil {
		p.fragments = append(p.fragments, f)
	}
}

func (p *printer) field(f *ast.Field) {
	if f.Alias != f.Name {
		p.text(f.Alias, ":")
	}
	p.text(f.Name)
	p.arguments(f.Arguments)
	p.directives(f.Directives)
	if f.SelectionSet == nil {
		return
	}
	more := ""
	if p.add != nil {
		more = p.add(f)
	}
	p.set(f.SelectionSet, more)
}

func (p *printer) arguments(list ast.ArgumentList) {
	if len(list) == 0 {
		return
	}
	p.text("(")
	for i, a := range list {
		if i > 0 {
			p.text(",")
		}
		p.text(a.Name, ":")
		p.value(a.Value)
	}
	p.text(")")
}

func (p *printer) directives(list ast.DirectiveList) {
	for _, d := range list {
		p.text("@", d.Name)
		p.arguments(d.Arguments)
	}
}

// value writes a value without white space; a block string becomes a plain one.
func (p *printer) value(v *ast.Value) {
	switch v.Kind {
	case ast.ListValue:
		p.text("[")
		for i, c := range v.Children {
			if i > 0 {
				p.text(",")
			}
			p.value(c.Value)
		}
		p.text("]")
	case ast.ObjectValue:
		p.text("{")
		for i, c := range v.Children {
			if i > 0 {
				p.text(",")
			}
			p.text(c.Name, ":")
			p.value(c.Value)
		}
		p.text("}")
	default:
		p.text(v.String())
	}
}
