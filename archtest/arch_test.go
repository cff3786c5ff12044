// Package archtest keeps the house's walls standing: who may import whom, what a
// control consists of, which requirements are still without a test.
package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/control/all"
)

const module = "github.com/gatehouse-api/gatehouse"

// mayImport says, for each room, which rooms it may import. A room that is not
// listed does not exist: add it here and in ARCHITECTURE.md, with the reason.
var mayImport = map[string][]string{
	".":             {},
	"internal":      {}, // and nobody's: tools without opinions
	"wire":          {".", "internal"},
	"engine":        {"."},
	"store":         {".", "internal"}, // says through internal/aside that it blocks
	"control":       {".", "store", "internal"},
	"host":          {".", "wire", "engine", "internal"},
	"config":        {".", "engine", "store", "internal"},
	"record":        {".", "store", "internal"},
	"admin":         {".", "store", "record", "internal"},
	"idp":           {".", "store", "internal"},
	"authzen":       {"internal"},              // a decision point, an upstream behind our own controls
	"egress":        {},                        // calls what others chose, for whoever is given its client
	"sdk":           {"internal"},              // what an application imports: it must not bring a gateway along
	"learn":         {".", "wire", "internal"}, // canonical targets are the wire's, so that no path is learned that is refused there
	"cmd":           nil,                       // everything
	"gatehousetest": nil,                       // everything: it reads a configuration as the program does
	"casetest":      nil,                       // everything: it puts the house together for tests
	"archtest":      nil,
	"examples":      {"internal", "sdk"},
	"acceptance":    nil, // tests of the whole program
	"bench":         nil, // measurements of the whole program
	"interop":       nil, // the whole program beside those of others
}

// listed is one package as `go list` sees it.
type listed struct {
	path    string
	imports []string
}

func packages(t *testing.T) (out []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}}|{{join .Imports \" \"}}", module+"/...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	for l := range strings.Lines(string(b)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(l), "|")
		out = append(out, listed{path, strings.Fields(imports)})
	}
	return out
}

func room(path string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	first, _, _ := strings.Cut(rest, "/")
	if first == "" {
		return "."
	}
	return first
}

func TestWalls(t *testing.T) {
	ps := packages(t)
	if len(ps) < 20 {
		t.Fatalf("only %d packages found: the test does not see the house", len(ps))
	}
	for _, p := range ps {
		from := room(p.path)
		may, known := mayImport[from]
		if !known {
			t.Errorf("%s: the room %s is not in the plan of the house", p.path, from)
			continue
		}
		for _, imp := range p.imports {
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				if from == "." && strings.Contains(imp, ".") {
					t.Errorf("%s imports %s: the vocabulary has the standard library only", p.path, imp)
				}
				continue
			}
			to := room(imp)
			switch {
			case may == nil:
			case from == "internal":
				if !strings.HasPrefix(imp, module+"/internal/") {
					t.Errorf("%s imports %s: internal imports nothing of ours", p.path, imp)
				}
			case from == to:
				if from == "control" && p.path != module+"/control/all" && !strings.HasPrefix(imp, module+"/control/internal/") {
					t.Errorf("%s imports %s: controls do not know each other", p.path, imp)
				}
				if from == "store" && imp != module+"/store" && p.path != module+"/store/storetest" && !strings.HasPrefix(imp, module+"/store/internal/") {
					t.Errorf("%s imports %s: engines of the store do not know each other", p.path, imp)
				}
			case !slices.Contains(may, to):
				t.Errorf("%s imports %s: %s may import only %v", p.path, imp, from, may)
			}
		}
	}
}

// TestTheDevelopmentIssuerIsOutOfReachOfServe keeps an issuer that signs whatever
// it is asked for out of everything but the tour and tests.
func TestTheDevelopmentIssuerIsOutOfReachOfServe(t *testing.T) {
	seen := 0
	walk(t, func(path string, src []byte) {
		if !bytes.Contains(src, []byte(module+"/internal/devissuer\"")) {
			return
		}
		seen++
		dir, file := filepath.Split(strings.TrimPrefix(path, "../"))
		tour := dir == "cmd/gatehouse/" && strings.HasPrefix(file, "tour")
		if !tour && !strings.HasSuffix(file, "_test.go") && dir != "casetest/" && !strings.HasPrefix(dir, "bench/") {
			t.Errorf("%s imports the development issuer", path)
		}
	})
	if seen < 3 {
		t.Fatalf("only %d files import it: the test does not see the house", seen)
	}
}

// TestNobodyButTheTourSignsWhatItLikes keeps the server's private key out of
// everything but the story that needs tokens nobody would issue.
func TestNobodyButTheTourSignsWhatItLikes(t *testing.T) {
	call, seen := regexp.MustCompile(`\bkeys\.Signer\(\)|\bKeys\.Signer\(\)`), 0
	walk(t, func(path string, src []byte) {
		if !call.Match(src) || strings.HasSuffix(path, "_test.go") {
			return
		}
		seen++
		if !strings.HasPrefix(path, "../cmd/gatehouse/tour_") {
			t.Errorf("%s takes the signing key", path)
		}
	})
	if seen == 0 {
		t.Fatal("the tour does not take it: the test does not see the house")
	}
}

// forTests are the modules that tests compare with and no program is built from.
var forTests = []string{"github.com/santhosh-tekuri/jsonschema", "github.com/getkin/kin-openapi", "github.com/c2sp/wycheproof", "github.com/descope/virtualwebauthn"}

// leashed is the one room of programs that imports one of them: what it judges by
// is refused at load unless an operator permits it, and it keeps the budget.
const leashed = "../internal/openapi/fallback/"

// TestTheOraclesOfTestsAreInNoProgram keeps what the validator is judged by out
// of what it judges with.
func TestTheOraclesOfTestsAreInNoProgram(t *testing.T) {
	seen := map[string]int{}
	walk(t, func(path string, src []byte) {
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			for _, m := range forTests {
				if !strings.HasPrefix(i.Path.Value, `"`+m) {
					continue
				}
				seen[m]++
				if !strings.HasSuffix(path, "_test.go") && (m != forTests[0] || !strings.HasPrefix(path, leashed)) {
					t.Errorf("%s imports %s, which is for tests only", path, i.Path.Value)
				}
			}
		}
	})
	for _, m := range forTests {
		if seen[m] == 0 {
			t.Errorf("nobody imports %s: the test does not see the house", m)
		}
	}
}

// meaningless are the names of rooms where design stopped.
var meaningless = []string{"pkg", "util", "utils", "common", "types", "core", "helpers", "manager"}

func TestNoRoomHasANameThatSaysNothing(t *testing.T) {
	for _, p := range packages(t) {
		for part := range strings.SplitSeq(p.path, "/") {
			if slices.Contains(meaningless, part) {
				t.Errorf("%s: %q says nothing", p.path, part)
			}
		}
	}
}

func TestFiveParts(t *testing.T) {
	if len(all.Kinds) < 15 {
		t.Fatalf("only %d controls in the catalogue", len(all.Kinds))
	}
	for _, k := range all.Kinds {
		dir := filepath.Join("..", "control", k.Name)
		for _, f := range []string{"config.go", "compile.go", "enforce.go", "explain.go"} {
			if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
				t.Errorf("control %s lacks %s", k.Name, f)
			}
		}
		for _, pattern := range []string{"*_test.go", "testdata/*.txtar"} {
			if m, _ := filepath.Glob(filepath.Join(dir, pattern)); len(m) == 0 {
				t.Errorf("control %s lacks %s", k.Name, pattern)
			}
		}
		if len(k.Covers) == 0 {
			t.Errorf("control %s covers no requirement", k.Name)
		}
		if k.New() == k.New() {
			t.Errorf("control %s shares one configuration", k.Name)
		}
	}
}

func TestCatalogueIsFresh(t *testing.T) {
	entries, err := os.ReadDir("../control")
	if err != nil {
		t.Fatal(err)
	}
	var folders, kinds []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "all" && e.Name() != "internal" {
			folders = append(folders, e.Name())
		}
	}
	for _, k := range all.Kinds {
		kinds = append(kinds, k.Name)
	}
	if !slices.Equal(folders, kinds) {
		t.Errorf("the catalogue is stale, run go generate ./control\nfolders   %v\ncatalogue %v", folders, kinds)
	}
}

func TestNothingIsSetUpBehindTheReadersBack(t *testing.T) {
	n := 0
	walk(t, func(path string, src []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		n++
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", path)
			}
		}
	})
	if n < 60 {
		t.Fatalf("only %d files read", n)
	}
}

// maxLines is the house's habit.
const maxLines = 400

func TestFilesStayShort(t *testing.T) {
	walk(t, func(path string, src []byte) {
		n := bytes.Count(src, []byte("\n"))
		if n > maxLines && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s has %d lines, the habit is %d", path, n, maxLines)
		}
	})
}

func walk(t *testing.T, f func(path string, src []byte)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f(path, src)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var slug = regexp.MustCompile(`^\| *([a-z]+\.[a-z0-9-]+(?: +[a-z]+\.[a-z0-9-]+)*) *\|`)

// TestEveryRequirementIsCovered compares the catalogue of requirements with what
// tests and cases name. What is missing stands in uncovered.txt, which may only
// shrink: a slug that gained a test must leave it.
func TestEveryRequirementIsCovered(t *testing.T) {
	b, err := os.ReadFile("../../shared/design/REQUIREMENTS.md")
	if err != nil {
		t.Skipf("the catalogue of requirements is not here: %v", err)
	}
	var slugs []string
	for l := range strings.Lines(string(b)) {
		if m := slug.FindStringSubmatch(l); m != nil {
			slugs = append(slugs, strings.Fields(m[1])...)
		}
	}
	if len(slugs) < 130 {
		t.Fatalf("only %d requirements found", len(slugs))
	}
	tests := testText(t)
	list, err := os.ReadFile("uncovered.txt")
	if err != nil {
		t.Fatal(err)
	}
	allowed := strings.Fields(string(list))
	for _, s := range slugs {
		named := regexp.MustCompile(`(^|[^a-z0-9.-])` + regexp.QuoteMeta(s) + `($|[^a-z0-9-])`).Match(tests)
		switch listed := slices.Contains(allowed, s); {
		case !named && !listed:
			t.Errorf("%s: no test names it", s)
		case named && listed:
			t.Errorf("%s: a test names it now; take it out of uncovered.txt", s)
		}
	}
	for _, k := range all.Kinds {
		for _, c := range k.Covers {
			if !slices.Contains(slugs, string(c)) {
				t.Errorf("control %s covers %s, which is no requirement", k.Name, c)
			}
		}
	}
}

// testText is the text of all tests and cases, archtest's own excepted.
func testText(t *testing.T) []byte {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if (strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "archtest")) || strings.HasSuffix(path, ".txtar") {
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all.Write(src)
			all.WriteByte('\n')
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}
