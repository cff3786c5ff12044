package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// behind are libraries that speak a protocol for one room of programs, which shows
// nothing of them, so that they can be replaced.
var behind = []struct {
	module   string
	room     string
	packages []string // by which names they stand in signatures
	files    int      // that import it, at least
}{
	{"github.com/luikyv/go-oidc", "../idp", []string{"goidc", "provider"}, 3},
	{"github.com/coreos/go-oidc", "../idp/oidc", []string{"gooidc", "oidc"}, 2},
	{"golang.org/x/oauth2", "../idp/oidc", []string{"oauth2"}, 1},
	{"github.com/vektah/gqlparser", "../control/graphql", []string{"ast", "parser", "validator", "rules", "gqlerror"}, 5},
}

// TestOneRoomImportsCedar keeps the policy engine behind internal/cedar, in tests
// too: its index, its strictness and its refusals are passed by nobody, and parts
// of the library are experimental. The types of its values are shown under names of
// that room's own.
func TestOneRoomImportsCedar(t *testing.T) {
	seen := 0
	walk(t, func(path string, src []byte) {
		if !bytes.Contains(src, []byte(`"github.com/cedar-policy/`)) || strings.HasPrefix(path, "../archtest/") {
			return
		}
		seen++
		if filepath.Dir(path) != "../internal/cedar" {
			t.Errorf("%s imports cedar-go, which is internal/cedar's alone", path)
		}
	})
	if seen < 4 {
		t.Errorf("only %d files import it: the test does not see the house", seen)
	}
}

// TestTheLibrariesOfProtocolsAreSeenByNobody keeps them in their rooms.
func TestTheLibrariesOfProtocolsAreSeenByNobody(t *testing.T) {
	seen := make([]int, len(behind))
	walk(t, func(path string, src []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		for i, b := range behind {
			if !bytes.Contains(src, []byte(b.module)) {
				continue
			}
			seen[i]++
			if filepath.Dir(path) != b.room {
				t.Errorf("%s imports %s", path, b.module)
			}
			shownTypes(t, path, src, b.packages)
		}
	})
	for i, b := range behind {
		if seen[i] < b.files {
			t.Errorf("only %d files import %s: the test does not see the house", seen[i], b.module)
		}
	}
}

// shownTypes refuses types of the packages where other rooms see them.
func shownTypes(t *testing.T, path string, src []byte, packages []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		for _, shown := range signatures(d) {
			ast.Inspect(shown, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && slices.Contains(packages, x.Name) {
						t.Errorf("%s shows %s.%s", path, x.Name, s.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// libraryOfSAML are the modules that one room reads SAML with.
var libraryOfSAML = []string{"github.com/russellhaering/", "github.com/beevik/etree"}

// TestTheLibrariesOfSAMLAreSeenByNobody keeps what parses XML of strangers in one
// room, and replaceable there.
func TestTheLibrariesOfSAMLAreSeenByNobody(t *testing.T) {
	seen := 0
	walk(t, func(path string, src []byte) {
		f, err := parser.ParseFile(token.NewFileSet(), path, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, i := range f.Imports {
			for _, m := range libraryOfSAML {
				if !strings.HasPrefix(i.Path.Value, `"`+m) {
					continue
				}
				seen++
				if filepath.Dir(path) != "../idp/saml" {
					t.Errorf("%s imports %s: SAML is read in one room", path, i.Path.Value)
				}
				name := strings.Trim(i.Path.Value, `"`)
				name = name[strings.LastIndexByte(name, '/')+1:]
				if i.Name != nil {
					name = i.Name.Name
				}
				names[name] = true
			}
		}
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, d := range f.Decls {
			for _, shown := range signatures(d) {
				ast.Inspect(shown, func(n ast.Node) bool {
					if s, ok := n.(*ast.SelectorExpr); ok {
						if x, ok := s.X.(*ast.Ident); ok && names[x.Name] {
							t.Errorf("%s shows %s.%s", path, x.Name, s.Sel.Name)
						}
					}
					return true
				})
			}
		}
	})
	if seen < 5 {
		t.Fatalf("only %d imports seen: the test does not see the house", seen)
	}
}

// TestNoSignatureIsSkipped is the lint of the one switch that would have a SAML
// response believed whoever wrote it.
func TestNoSignatureIsSkipped(t *testing.T) {
	seen := false
	walk(t, func(path string, src []byte) {
		seen = seen || bytes.Contains(src, []byte("ValidateEncodedResponse"))
		if filepath.Dir(path) != "../archtest" && bytes.Contains(src, []byte("SkipSignatureValidation")) {
			t.Errorf("%s speaks of skipping signatures", path)
		}
	})
	if !seen {
		t.Fatal("nobody asks the library: the test does not see the house")
	}
}

// signatures returns what other packages see of a declaration's types.
func signatures(d ast.Decl) (out []ast.Node) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv.List[0].Type)) {
			out = append(out, d.Type)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				fields, isStruct := s.Type.(*ast.StructType)
				if s.Name.IsExported() && !isStruct {
					out = append(out, s.Type)
				}
				for i := 0; s.Name.IsExported() && isStruct && i < len(fields.Fields.List); i++ {
					if f := fields.Fields.List[i]; len(f.Names) == 0 || f.Names[0].IsExported() {
						out = append(out, f.Type)
					}
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() && s.Type != nil {
					out = append(out, s.Type)
				}
			}
		}
	}
	return out
}

func exportedReceiver(e ast.Expr) bool {
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	id, ok := e.(*ast.Ident)
	return ok && id.IsExported()
}

// TestTheLibraryOfPasskeysIsSeenByOneRoom keeps foreign parsers behind the checks of
// ours.
func TestTheLibraryOfPasskeysIsSeenByOneRoom(t *testing.T) {
	seen := 0
	walk(t, func(path string, src []byte) {
		if !bytes.Contains(src, []byte("github.com/go-webauthn/")) {
			return
		}
		seen++
		if dir := filepath.Dir(path); dir != "../internal/passkey" && dir != "../archtest" {
			t.Errorf("%s imports the library of passkeys", path)
		}
	})
	if seen < 2 {
		t.Fatalf("only %d files import it: the test does not see the house", seen)
	}
}
