package openapi

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// schemaOf compiles one schema as a document of its own.
func schemaOf(t testing.TB, text []byte, formats bool) (*Schema, bool) {
	t.Helper()
	l := newLoader(fromRemotes)
	l.shared.formats = formats
	tr, err := l.parse("file:///schema.json", "schema.json", text)
	if err != nil {
		t.Fatal(err)
	}
	root := at{tr, 0}
	in := resource{uri: tr.uri, root: root}
	l.resources[tr.uri] = in
	l.index(root, in)
	s, err := l.schema(root, in)
	if err == nil {
		err = l.settle()
	}
	supported := err == nil && !slices.ContainsFunc(l.findings, func(f Finding) bool { return f.Unsupported })
	return s, supported
}

// withPrograms assembles all programs of a schema.
func withPrograms(s *Schema) *Schema {
	for m := range modes {
		s.programs[m] = newAssembler(s.shared, m).program(s)
	}
	return s
}

// The mandatory part of JSON-Schema-Test-Suite, draft 2020-12, by programs: the
// same verdicts as on the tape, and every schema has a program.
func TestProgramsJudgeTheSchemaSuiteRight(t *testing.T) {
	files, _ := filepath.Glob(suite + "tests/draft2020-12/*.json")
	if len(files) == 0 {
		t.Skip("corpora/json-schema is missing")
	}
	var right, wrongAccept, wrongReject, unsupported, tape int
	for _, file := range files {
		for _, g := range groups(t, file) {
			s, ok := schemaOf(t, g.Schema, false)
			if !ok {
				unsupported += len(g.Tests)
				continue
			}
			if withPrograms(s).programs[forRequest] == nil {
				tape += len(g.Tests)
				t.Logf("on the tape: %s: %s", filepath.Base(file), g.Description)
			}
			for _, c := range g.Tests {
				switch got := s.Accepts(c.Data, jsonwalk.Limits{AllowNUL: true}, Options{Undeclared: Allow}); {
				case got == c.Valid:
					right++
				case got:
					wrongAccept++
					t.Errorf("wrong accept: %s: %s: %s", filepath.Base(file), g.Description, c.Description)
				default:
					wrongReject++
					t.Errorf("wrong reject: %s: %s: %s", filepath.Base(file), g.Description, c.Description)
				}
			}
		}
	}
	t.Logf("figure suite wrong accepts %d/0, wrong rejects %d/0, right %d, unsupported %d, on the tape %d", wrongAccept, wrongReject, right, unsupported, tape)
	if right+wrongAccept+wrongReject+unsupported != 1299 || right < 1244 || tape != 0 {
		t.Errorf("%d right, %d unsupported, %d on the tape", right, unsupported, tape)
	}
}
