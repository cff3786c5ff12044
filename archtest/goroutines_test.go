package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestNoStepBeginsAGoroutine holds what internal/aside asks for: who answers a request says
// that it may block on the goroutine that was given the context, which is a coroutine of
// internal/loop. Said on another, it would end the program.
func TestNoStepBeginsAGoroutine(t *testing.T) {
	rooms := []string{"../control/", "../engine/", "../internal/policy/", "../internal/relations/", "../internal/learned/", "../internal/bundle/", "../internal/cedar/", "../internal/jose/", "../store/internal/relational/"}
	const own = "../internal/jose/source.go" // fetches with a context of its own, since many requests wait for it
	n, begun := 0, 0
	walk(t, func(path string, src []byte) {
		if strings.HasSuffix(path, "_test.go") || !slices.ContainsFunc(rooms, func(room string) bool { return strings.HasPrefix(path, room) }) {
			return
		}
		n++
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(node ast.Node) bool {
			at, call := token.NoPos, false
			switch node := node.(type) {
			case *ast.GoStmt:
				at = node.Pos()
			case *ast.CallExpr:
				if s, ok := node.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Go" || s.Sel.Name == "AfterFunc") {
					at, call = node.Pos(), true
				}
			}
			switch {
			case at == token.NoPos:
			case call && path == own:
				begun++
			case path == "../store/internal/relational/feed.go":
				begun++ // the feed of changes is nobody's request
			default:
				t.Errorf("%s: a goroutine that a request's context may reach; internal/aside must not be told there", set.Position(at))
			}
			return true
		})
	})
	if n < 100 || begun == 0 {
		t.Fatalf("%d files read, %d goroutines known: the test does not see the house", n, begun)
	}
}
