package openapi

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

const suite = "../../../shared/corpora/json-schema/"

type group struct {
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Tests       []struct {
		Description string          `json:"description"`
		Data        json.RawMessage `json:"data"`
		Valid       bool            `json:"valid"`
	} `json:"tests"`
}

// tally counts how the suite went.
type tally struct{ right, wrongAccept, wrongReject, unsupported int }

// unsupportedIn are the cases of the suite whose schemas are unsupported, by file:
// $dynamicRef, the meta-schema and vocabularies of one's own.
var unsupportedIn = map[string]int{"defs.json": 2, "dynamicRef.json": 42, "ref.json": 2, "unevaluatedItems.json": 2, "unevaluatedProperties.json": 2, "vocabulary.json": 5,
	// The optional ones.
	"cross-draft": 1, "dynamicRef": 2, "format-assertion": 4}

// runGroup runs the tests of one schema.
func runGroup(t *testing.T, file string, g group, formats bool, n *tally) {
	l := newLoader(fromRemotes)
	l.shared.formats = formats
	tr, err := l.parse("file:///schema.json", "schema.json", g.Schema)
	if err != nil {
		t.Fatalf("%s: %s: %v", file, g.Description, err)
	}
	root := at{tr, 0}
	in := resource{uri: tr.uri, root: root}
	l.resources[tr.uri] = in
	l.index(root, in)
	s, err := l.schema(root, in)
	if err == nil {
		err = l.settle()
	}
	unsupported := errors.Join(err, l.refuse()) != nil
	for _, c := range g.Tests {
		if unsupported {
			n.unsupported++
			continue
		}
		var d jsonwalk.Doc
		if err := d.Parse(c.Data, jsonwalk.Limits{AllowNUL: true}); err != nil {
			t.Errorf("%s: %s: %v", file, c.Description, err)
			continue
		}
		v, ok := s.Validate(&d, Options{Undeclared: Allow})
		switch {
		case ok == c.Valid:
			n.right++
		case ok:
			n.wrongAccept++
			t.Logf("wrong accept: %s: %s: %s", file, g.Description, c.Description)
		default:
			n.wrongReject++
			t.Logf("wrong reject: %s: %s: %s (%s)", file, g.Description, c.Description, v)
		}
	}
	if unsupported && unsupportedIn[file] == 0 {
		t.Errorf("unsupported: %s: %s: %d (%v)", file, g.Description, len(g.Tests), err)
	}
}

func fromRemotes(uri string) ([]byte, error) {
	name, ok := strings.CutPrefix(uri, "http://localhost:1234/")
	if !ok {
		return nil, ErrNetwork
	}
	return os.ReadFile(suite + "remotes/" + name)
}

func groups(t *testing.T, file string) []group {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var gs []group
	if err := json.Unmarshal(b, &gs); err != nil {
		t.Fatal(err)
	}
	return gs
}

// The mandatory part of JSON-Schema-Test-Suite, draft 2020-12: nothing invalid is
// ever accepted (input.type, input.size, input.enum).
func TestTheSchemaSuiteIsJudgedRight(t *testing.T) {
	files, _ := filepath.Glob(suite + "tests/draft2020-12/*.json")
	if len(files) == 0 {
		t.Skip("corpora/json-schema is missing")
	}
	slices.Sort(files)
	var n tally
	for _, file := range files {
		before := n.unsupported
		for _, g := range groups(t, file) {
			runGroup(t, filepath.Base(file), g, false, &n)
		}
		if got := n.unsupported - before; got != unsupportedIn[filepath.Base(file)] {
			t.Errorf("%s: %d unsupported, want %d", file, got, unsupportedIn[filepath.Base(file)])
		}
	}
	t.Logf("%+v", n)
	if total := n.right + n.wrongAccept + n.wrongReject + n.unsupported; total != 1299 {
		t.Errorf("ran %d cases, want 1299", total)
	}
	if n.wrongAccept != 0 || n.wrongReject != 0 {
		t.Errorf("%d wrongly accepted, %d wrongly rejected", n.wrongAccept, n.wrongReject)
	}
	if n.right < 1244 || n.unsupported > 55 {
		t.Errorf("%d right, want at least 1244", n.right)
	}
}
