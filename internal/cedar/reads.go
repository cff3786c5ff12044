package cedar

import (
	"maps"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Reads is what rules look at: what has to be known before they can decide.
// Everything in it is sorted.
type Reads struct {
	// Attributes, as dotted paths behind the variable: "owner" of
	// resource.owner, "local.hour" of context.local.hour. A path whose first
	// attribute is an entity goes on into that entity: "owner.region". In
	// Context, "" is the context as a whole, as in `context == {...}`.
	Principal, Resource, Context []string
	// Names is every name of an attribute that stands in the policies, whatever it
	// is an attribute of. Facts are held to the schema for these names: what is
	// brought without one of them that the schema requires denies.
	Names []string
	// Relations is X of each context.rel.X.
	Relations []string
	// AllRelations says that a policy takes context.rel as a whole, so that no
	// list of relations is enough.
	AllRelations bool
	// Parents are the expressions whose parents are looked up by `in`, as
	// "principal" or "resource.folder".
	Parents []string
	// Tags are the expressions whose tags are read, as "principal".
	Tags []string
	// Itself says that a policy looks at which resource it is, as in
	// `resource == Order::"1"`, and not at its attributes alone.
	Itself bool
}

// Reads says what the rules look at. It was found out at load, and is not to be
// changed.
func (r *Rules) Reads() Reads { return r.reads }

// read inspects policies.
func read(policies []*Policy) Reads {
	w, whole := reader{}, false
	for _, p := range policies {
		whole = whole || takesRelations(p.ast())
		a := p.ast()
		w.scope("principal", a.Principal)
		w.scope("resource", a.Resource)
		if _, one := a.Resource.(ast.ScopeTypeEq); one {
			w.note(itself, "resource")
		}
		for _, c := range a.Conditions {
			ast.Inspect(ast.NewNode(c.Body), w.visit)
		}
	}
	out := Reads{Principal: w.sorted("principal"), Resource: w.sorted("resource"), Context: w.sorted("context"),
		Parents: w.sorted(parents), Tags: w.sorted(tags), AllRelations: whole}
	out.Itself = len(w[itself]) > 0 || slices.Contains(out.Parents, "resource")
	for name := range looksOf(policies).names {
		out.Names = append(out.Names, string(name))
	}
	slices.Sort(out.Names)
	for _, path := range out.Context {
		if name, ok := strings.CutPrefix(path, "rel."); ok {
			name, _, _ = strings.Cut(name, ".")
			out.Relations = append(out.Relations, name)
		}
	}
	out.Relations = slices.Compact(out.Relations)
	return out
}

// What a reader notes beside the variables' own paths.
const parents, tags, itself = "in", "tag", "=="

// reader notes what is read, by variable.
type reader map[string]map[string]bool

func (w reader) note(of, path string) {
	if w[of] == nil {
		w[of] = map[string]bool{}
	}
	w[of][path] = true
}

func (w reader) sorted(of string) []string { return slices.Sorted(maps.Keys(w[of])) }

func (w reader) scope(variable string, scope ast.IsScopeNode) {
	switch scope.(type) {
	case ast.ScopeTypeIn, ast.ScopeTypeIsIn:
		w.note(parents, variable)
	}
}

func (w reader) visit(n ast.IsNode) bool {
	switch n := n.(type) {
	case ast.NodeTypeIn:
		w.of(parents, n.Left)
	case ast.NodeTypeIsIn:
		w.of(parents, n.Left)
	case ast.NodeTypeHasTag:
		w.of(tags, n.Left)
	case ast.NodeTypeGetTag:
		w.of(tags, n.Left)
	case ast.NodeTypeIs:
		if _, path, ok := pathOf(n.Left); ok && path == "" {
			return false // what type it is, is known from the request
		}
	}
	variable, path, ok := pathOf(n)
	switch {
	case ok && (path != "" || variable == "context"):
		w.note(variable, path)
	case ok && variable == "resource":
		w.note(itself, variable)
	}
	return !ok
}

// of notes an expression of which something is looked up. Where it is no path
// from a variable, it is noted as "*": any entity may be asked for.
func (w reader) of(what string, n ast.IsNode) {
	variable, path, ok := pathOf(n)
	switch {
	case !ok:
		variable = "*"
	case path != "":
		variable += "." + path
	}
	w.note(what, variable)
}

// takesRelations reports whether a policy uses the context, or context.rel, as a
// value: `context.rel == {editor: true}`.
func takesRelations(p *ast.Policy) (whole bool) {
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			variable, path, ok := pathOf(n)
			_, asked := n.(ast.NodeTypeHas)
			whole = whole || ok && !asked && variable == "context" && (path == "" || path == "rel")
			return !ok
		})
	}
	return whole
}

// pathOf reads a chain of attributes from a variable: `context.rel.editor`,
// `context.rel has editor`.
func pathOf(n ast.IsNode) (variable, path string, ok bool) {
	var step ast.StrOpNode
	switch n := n.(type) {
	case ast.NodeTypeVariable:
		return string(n.Name), "", true
	case ast.NodeTypeAccess:
		step = n.StrOpNode
	case ast.NodeTypeHas:
		step = n.StrOpNode
	default:
		return "", "", false
	}
	variable, path, ok = pathOf(step.Arg)
	if path != "" {
		path += "."
	}
	return variable, path + string(step.Value), ok
}
