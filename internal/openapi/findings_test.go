package openapi

import (
	"strings"
	"testing"
)

// What a description says and nobody would check is said at load, with its place
// (input.openapi).
func TestWhatWouldBeIgnoredIsAFinding(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"string","maxlength":5}`:                                     "/maxlength: keyword maxlength is ignored; it is written maxLength",
		`{"type":"object","Properties":{"a":{}},"additionalProperties":true}`: "/Properties: keyword Properties is ignored; it is written properties",
		`{"type":"string","regex":"^a$"}`:                                     "/regex: keyword regex is not known and ignored",
		`{"type":"string","format":"telephone"}`:                              "/format: format telephone is not known and not checked",
		`{"type":"object"}`:                                                   ": an object that declares no member takes any",
		`{"type":["object","null"],"minProperties":1}`:                        ": an object that declares no member takes any",
		`{"type":"object","required":["a"]}`:                                  ": an object that declares no member takes any",
		`{"type":"object","properties":{"a":{"type":"object"}}}`:              "/properties/a: an object that declares no member takes any",
		// Nothing to say.
		`{"type":"object","additionalProperties":true}`:                        "",
		`{"type":"object","additionalProperties":{}}`:                          "",
		`{"type":"object","additionalProperties":{"type":"string"}}`:           "",
		`{"type":"object","maxProperties":0}`:                                  "",
		`{"type":"object","patternProperties":{"^a":{}}}`:                      "",
		`{"type":"object","oneOf":[{"properties":{"a":{}}}]}`:                  "",
		`{"type":"string","x-note":1,"title":"t","xml":{},"deprecated":true}`:  "",
		`{"type":"string","format":"idn-hostname"}`:                            "",
		`{"type":"object","properties":{"maxlength":{"type":"string"}}}`:       "",
		`{"$comment":"c","$defs":{"a":{"maxlength":1}},"contentEncoding":"x"}`: "",
	} {
		d, err := Parse("t.json", []byte(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a","requestBody":{"content":{"application/json":{"schema":`+schema+`}}}}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range d.Findings {
			said = append(said, f.String())
		}
		got := strings.Join(said, "\n")
		const at = "t.json:1: #/paths/~1a/post/requestBody/content/application~1json/schema"
		if want == "" && got != "" || want != "" && (len(said) != 1 || !strings.HasPrefix(got, at+want)) {
			t.Errorf("%s:\ngot  %s\nwant %s%s", schema, got, at, want)
		}
	}
}
