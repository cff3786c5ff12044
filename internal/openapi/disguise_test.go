package openapi_test

import (
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// input.json-strict: a name that differs from a declared one in case only is
// refused, also where another schema, or unevaluatedProperties, would take it.
func TestANameInDisguiseIsRefusedWhateverElseTakesIt(t *testing.T) {
	for _, schema := range []string{
		`{"type":"object","properties":{"role":{"enum":["user"]}},"additionalProperties":{"type":"string"}}`,
		`{"type":"object","properties":{"role":{"enum":["user"]}},"unevaluatedProperties":{"type":"string"}}`,
		`{"allOf":[{"type":"object","properties":{"role":{"enum":["user"]}}},{"type":"object","additionalProperties":{"type":"string"}}]}`,
		`{"allOf":[{"type":"object","additionalProperties":{"type":"string"}},{"type":"object","properties":{"role":{"enum":["user"]}}}]}`,
		`{"type":"object","properties":{"role":{"enum":["user"]}},"patternProperties":{".":{"type":"string"}}}`,
		`{"type":"object","properties":{"role":{"enum":["user"]}},"patternProperties":{".":{"type":"string"}},"additionalProperties":false}`,
		`{"allOf":[{"type":"object","properties":{"role":{"enum":["user"]}}},{"type":"object","patternProperties":{".":{"type":"string"}}}]}`,
		`{"allOf":[{"type":"object","patternProperties":{".":{"type":"string"}}},{"type":"object","properties":{"role":{"enum":["user"]},"constructor":false}}]}`,
	} {
		s := compile(t, "3.1.0", schema)
		for body, want := range map[string]bool{`{"role":"user"}`: true, `{"other":"x"}`: true, `{"ROLE":"admin"}`: false, `{"role":"user","ROLE":"admin"}`: false, `{"ro\u006ce":"admin"}`: false,
			`{"__proto__":"x"}`: false, `{"constructor":"x"}`: false, `{"__pro\u0074o__":"x"}`: false} {
			for _, u := range []openapi.Undeclared{openapi.Reject, openapi.Allow} {
				o := openapi.Options{Undeclared: u}
				if got := s.Accepts([]byte(body), jsonwalk.Limits{}, o); got != want {
					t.Errorf("%s %s %v: %v, want %v", schema, body, u, got, want)
				}
				if got := judge(t, s, body, o); (got == "") != want {
					t.Errorf("%s %s %v: the walk says %q", schema, body, u, got)
				}
			}
		}
	}
}
