package openapi

import (
	"bytes"
	"os"
	"path/filepath"
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
	return s, err == nil && l.refuse() == nil
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

// report returns a body for GitHub's checks/create with n annotations.
func report(n, detail int) []byte {
	b := []byte(`{"name":"mighty_readme","head_sha":"ce587453ced02b1526dfb4cb910479d431683101","status":"in_progress","external_id":"42","started_at":"2018-05-04T01:14:52Z","output":{"title":"Mighty Readme report","summary":"There are 0 failures, 2 warnings, and 1 notice.","text":"You may have misspelled some words on lines 2 and 4.","annotations":[`)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"path":"README.md","annotation_level":"warning","title":"Spell Checker","message":"Check your spelling for 'banaas'.","raw_details":"`...)
		b = append(b, bytes.Repeat([]byte("word "), detail)...)
		b = append(b, `","start_line":2,"end_line":2}`...)
	}
	return append(b, `]}}`...)
}

func checks(t testing.TB) *Schema {
	path := "../../../shared/corpora/openapi/github.v3.json"
	if _, err := os.Stat(path); err != nil {
		t.Skip("corpora/openapi is missing")
	}
	d, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return withPrograms(d.Operation("checks/create").RequestBody.Content[0].Schema)
}

var bounds = Options{MaxString: 10_000, MaxItems: 1000}

// BenchmarkPrograms judges GitHub's check runs (VALIDATION.md section 4.1).
func BenchmarkPrograms(b *testing.B) {
	s := checks(b)
	for name, body := range map[string][]byte{"588B": report(1, 17), "68KB": report(50, 236)} {
		b.Run("accept/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if !s.Accepts(body, jsonwalk.Limits{}, bounds) {
					b.Fatal("refused")
				}
			}
		})
		b.Run("tape/"+name, func(b *testing.B) {
			var d jsonwalk.Doc
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := d.Parse(body, jsonwalk.Limits{}); err != nil {
					b.Fatal(err)
				}
				if v, ok := s.Validate(&d, bounds); !ok {
					b.Fatal(v)
				}
			}
		})
		spoilt := bytes.ReplaceAll(body, []byte(`"start_line"`), []byte(`"secret":{"a":[1,2]},"start_line"`))
		// What is cut is to be compared with judging the same document uncut.
		b.Run("allow/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(spoilt)))
			for b.Loop() {
				if !s.Accepts(spoilt, jsonwalk.Limits{}, Options{Undeclared: Allow}) {
					b.Fatal("refused")
				}
			}
		})
		for what, doc := range map[string][]byte{"keep": body, "cut": spoilt} {
			b.Run("filter-"+what+"/"+name, func(b *testing.B) {
				var out []byte
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					var cut, ok bool
					if out, cut, ok = s.Cut(out[:0], doc, jsonwalk.Limits{}, Options{Undeclared: Strip}); !ok || cut != (what == "cut") {
						b.Fatal(cut, ok)
					}
				}
			})
		}
	}
}
