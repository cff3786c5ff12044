package openapi

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

const textsDescription = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /texts:
    get:
      parameters:
        - {name: any, in: query, schema: {type: string}}
        - {name: short, in: query, schema: {type: string, minLength: 2, maxLength: 4}}
        - {name: code, in: query, schema: {type: string, pattern: "^[A-Z]{2}-[0-9]{1,12}$"}}
        - {name: loose, in: query, schema: {type: string, pattern: "[^a]"}}
        - {name: listed, in: query, schema: {type: string, enum: [a, "AB-1", ""]}}
        - {name: single, in: query, schema: {const: "AB-1", type: string}}
        - {name: dated, in: query, schema: {type: string, format: date}}
        - {name: either, in: query, schema: {type: [string, integer]}}
        - {name: one, in: query, schema: {type: string, anyOf: [{maxLength: 1}, {pattern: "^A"}]}}
        - {name: never, in: query, schema: false}
        - {name: free, in: query, schema: {}}
      responses: {"200": {description: ok}}
`

// A text that is known to be valid is valid; what is not known is not refused by it.
func TestTextsThatAreKnownToBeValidAre(t *testing.T) {
	d, err := Parse("t.yaml", []byte(textsDescription))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]int{}
	for _, p := range d.Operations[0].Parameters {
		for _, text := range []string{"", "a", "b", "AB-1", "AB-12345", "AB-123456", "AB-1234567890", "AB-1234567890123", "ab-1", "abcde", "2026-11-22", "2026-02-30", "a\x00", "\x00\x00", "é", "éé", "\xff\xff", "42", strings.Repeat("a", 9), strings.Repeat("é", 9)} {
			for _, most := range []int{0, 8} {
				var doc jsonwalk.Doc
				doc.Begin()
				doc.Scalar(jsonwalk.String, []byte(text))
				_, want := p.Schema.Validate(&doc, Options{MaxString: most})
				plain := !strings.ContainsFunc(text, func(r rune) bool { return r == 0 || r > 0x7f })
				got := p.Schema.AcceptsText([]byte(text), most)
				if got && !(want && plain) {
					t.Errorf("%s: %q of at most %d is known to be valid, and is not", p.Name, text, most)
				}
				if got {
					known[p.Name]++
				} else if want && plain && (p.Name == "any" || p.Name == "short" || p.Name == "code" || p.Name == "loose" || p.Name == "listed" || p.Name == "single" || p.Name == "dated") && len(text) <= 8 {
					t.Errorf("%s: %q of at most %d is not known to be valid", p.Name, text, most)
				}
			}
		}
	}
	if len(known) != 7 {
		t.Errorf("of these parameters something is known: %v; want 7", known)
	}
}
