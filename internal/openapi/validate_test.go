package openapi_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// compile returns the schema of a description's only body.
func compile(t testing.TB, version, schema string) *openapi.Schema {
	t.Helper()
	d, err := openapi.Parse("t.json", []byte(fmt.Sprintf(`{"openapi":%q,"info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a",
		"requestBody":{"content":{"application/json":{"schema":%s}}},"responses":{"200":{"description":"ok"}}}}},
		"components":{"schemas":{"Base":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}},
		"Tree":{"anyOf":[{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/components/schemas/Tree"}}},{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/components/schemas/Tree"}}},{"type":"null"}]}}}}`, version, schema)))
	if err != nil {
		t.Fatal(err)
	}
	return d.Operation("a").RequestBody.Content[0].Schema
}

func judge(t testing.TB, s *openapi.Schema, body string, o openapi.Options) string {
	t.Helper()
	var d jsonwalk.Doc
	if err := d.Parse([]byte(body), jsonwalk.Limits{}); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	v, ok := s.Validate(&d, o)
	if ok != (v == openapi.Violation{}) {
		t.Fatalf("%s: valid is %v, but %v", body, ok, v)
	}
	// Programs come to the same verdict, but for what costs them nothing.
	if got := s.Accepts([]byte(body), jsonwalk.Limits{}, o); got != ok && v.Keyword != "budget" {
		t.Errorf("%s: the program says %v, the tape %v", body, got, v)
	}
	return strings.TrimSpace(v.String())
}

// input.no-extra: a member is declared when a live branch declares it, however
// the schema is composed.
func TestUndeclaredMembersAreRefusedHoweverSchemasAreComposed(t *testing.T) {
	for schema, cases := range map[string]map[string]string{
		`{"type":"object","properties":{"a":{}}}`:                             {`{"a":1}`: "", `{"a":1,"b":2}`: "/b undeclared", `{}`: ""},
		`{"type":"object","properties":{"a":{}},"additionalProperties":true}`: {`{"a":1,"b":2}`: "/b undeclared"},
		`{"type":"object","additionalProperties":true}`:                       {`{"a":1,"b":{"c":1}}`: ""},
		`{"type":"object"}`: {`{"a":1}`: "", `{"a":{"__proto__":{}}}`: "/a/__proto__ propertyNames", `{"constructor":1}`: "/constructor propertyNames", `{"a":[1e309]}`: "/a/0 format"},
		`{"anyOf":[{"properties":{"constructor":{"type":"integer"}}},{"type":"object"}]}`:  {`{"constructor":1}`: "", `{"constructor":"x"}`: "/constructor propertyNames"},
		`{"type":"object","properties":{"a":{}},"additionalProperties":{"type":"string"}}`: {`{"a":1,"b":"x"}`: "", `{"b":1}`: "/b type", `{"A":"x"}`: "/A undeclared", `{"constructor":"x"}`: "/constructor propertyNames"},
		`{"allOf":[{"$ref":"#/components/schemas/Base"},{"properties":{"b":{}}}]}`:         {`{"id":1,"b":2}`: "", `{"id":1,"c":2}`: "/c undeclared", `{"b":2}`: " required"},
		`{"allOf":[{"$ref":"#/components/schemas/Base"}],"properties":{"b":{}}}`:           {`{"id":1,"b":2}`: "", `{"id":1,"b":2,"c":3}`: "/c undeclared"},
		`{"allOf":[{"$ref":"#/components/schemas/Base"},{"required":["x"]}]}`:              {`{"id":1,"x":2}`: "/x undeclared"},
		`{"oneOf":[{"required":["a"],"properties":{"a":{"type":"integer"}}},{"required":["b"],"properties":{"b":{"type":"integer"}}}]}`: {
			`{"a":1}`: "", `{"b":1}`: "", `{"a":1,"b":"x"}`: "/b undeclared", `{"a":1,"c":1}`: "/c undeclared"},
		`{"properties":{"p":{}},"anyOf":[{"required":["a"],"properties":{"a":{}}},{"required":["b"],"properties":{"b":{}}}]}`: {
			`{"p":1,"a":1,"b":1}`: "", `{"p":1,"a":1}`: "", `{"a":1,"c":1}`: "/c undeclared", `{"p":1}`: " anyOf"},
		`{"allOf":[{"properties":{"u":{"properties":{"id":{}}}}},{"properties":{"u":{"properties":{"name":{}}}}}]}`: {
			`{"u":{"id":1,"name":2}}`: "", `{"u":{"id":1,"role":2}}`: "/u/role undeclared"},
		`{"properties":{"list":{"type":"array","items":{"$ref":"#/components/schemas/Base"}}}}`: {`{"list":[{"id":1},{"id":2,"x":1}]}`: "/list/1/x undeclared"},
		`{"not":{"required":["z"],"properties":{"z":{}}},"properties":{"a":{}}}`:                {`{"a":1}`: "", `{"z":1}`: " not"},
		`{"patternProperties":{"^x-":{}},"properties":{"a":{}}}`:                                {`{"a":1,"x-b":2}`: "", `{"y":1}`: "/y undeclared"},
	} {
		s := compile(t, "3.1.0", schema)
		for body, want := range cases {
			if got := judge(t, s, body, openapi.Options{}); got != strings.TrimSpace(want) {
				t.Errorf("%s\n%s: %q, want %q", schema, body, got, want)
			}
		}
	}
}

func TestReadOnlyMembersAreRefusedAndNotDemanded(t *testing.T) {
	s := compile(t, "3.0.3", `{"type":"object","required":["id","pw","n"],"properties":{"id":{"type":"string","readOnly":true},"pw":{"type":"string","writeOnly":true},"n":{"type":"string"}}}`)
	for body, want := range map[string]string{`{"pw":"x","n":"y"}`: "", `{"id":"1","pw":"x","n":"y"}`: "/id readOnly", `{"n":"y"}`: "required"} {
		if got := judge(t, s, body, openapi.Options{}); got != want {
			t.Errorf("request %s: %q, want %q", body, got, want)
		}
	}
	for body, want := range map[string]string{`{"id":"1","n":"y"}`: "", `{"n":"y"}`: "required", `{"id":"1","n":"y","pw":"x"}`: "/pw undeclared"} {
		if got := judge(t, s, body, openapi.Options{Direction: openapi.Reply}); got != want {
			t.Errorf("reply %s: %q, want %q", body, got, want)
		}
	}
}

func TestTheKeywordsOf30MeanWhatTheyMeantThere(t *testing.T) {
	for schema, cases := range map[string]map[string]string{
		`{"type":"string","nullable":true}`:                                {`null`: "", `"x"`: "", `1`: "type"},
		`{"nullable":true,"allOf":[{"$ref":"#/components/schemas/Base"}]}`: {`null`: "", `{"id":1}`: "", `{}`: "required"},
		`{"type":"number","minimum":1,"exclusiveMinimum":true}`:            {`1`: "exclusiveMinimum", `1.1`: ""},
		`{"type":"number","maximum":1,"exclusiveMaximum":false}`:           {`1`: "", `1.1`: "maximum"},
		`{"$ref":"#/components/schemas/Base","required":["zzz"]}`:          {`{"id":1}`: ""},
		`{"type":"integer","format":"int32"}`:                              {`2147483647`: "", `2147483648`: "format", `-2147483649`: "format"},
		`{"type":"integer"}`:                                               {`9007199254740992`: "", `9007199254740993`: "format", `-9007199254740993`: "format"},
		`{"type":"integer","maximum":9223372036854775807}`:                 {`9223372036854775807`: "", `9223372036854775808`: "maximum"},
		`{"type":"number"}`:                                                {`1e308`: "", `1e309`: "format", `-1e400`: "format"},
		`{"type":"integer","multipleOf":10}`:                               {`1234567890123456789`: "multipleOf", `1000000`: ""},
		`{"type":"string","pattern":"^(?!sink_)[a-z_]+$"}`:                 {`"abc"`: "", `"sink_a"`: "pattern", `"A"`: "pattern"},
		`{"type":"string","format":"uuid"}`:                                {`"123e4567-e89b-12d3-a456-426614174000"`: "", `"123"`: "format"},
		`{"type":"array","items":{"type":"integer"},"uniqueItems":true}`:   {`[1,2]`: "", `[1,1.0]`: "uniqueItems"},
		`{"enum":["a",1,null,{"b":[1]}]}`:                                  {`"a"`: "", `1.0`: "", `null`: "", `{"b":[1.0]}`: "", `2`: "enum", `"1"`: "enum"},
	} {
		s := compile(t, "3.0.3", schema)
		for body, want := range cases {
			if got := judge(t, s, body, openapi.Options{}); got != want {
				t.Errorf("%s\n%s: %q, want %q", schema, body, got, want)
			}
		}
	}
}

// VALIDATION.md section 3.4: a body of a hundred bytes must not cost seconds.
func TestBranchesThatTryOneAnotherCostNoMoreThanTheirBudget(t *testing.T) {
	s := compile(t, "3.1.0", `{"$ref":"#/components/schemas/Tree"}`)
	if got := judge(t, s, strings.Repeat(`{"a":`, 4)+"null"+strings.Repeat("}", 4), openapi.Options{}); got != "" {
		t.Errorf("depth 4: %q", got)
	}
	deep := strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)
	if got := judge(t, s, deep, openapi.Options{}); !strings.HasSuffix(got, "budget") {
		t.Errorf("depth 60: %q, want the budget", got)
	}
	var d jsonwalk.Doc
	if err := d.Parse([]byte(deep), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	if _, cut, v := s.Filter(nil, &d, openapi.Options{Undeclared: openapi.Strip}); v.Keyword != "budget" || cut != 0 {
		t.Errorf("filter: %v %d", v, cut)
	}
}

// R22 and the loader: what is wrong is said with its place.
func TestADescriptionThatIsWrongIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"openapi: 3.0.3\npaths:\n  /a:\n    get:\n      operationId: a\n      operationId: b\n":                    "t.yaml:6: #: duplicate key \"operationId\"",
		"openapi: 3.0.3\npaths:\n  /a:\n    get: {operationId: a}\n  /b:\n    get: {operationId: a}\n":             "t.yaml:6: #/paths/~1b/get: operationId \"a\" is used twice",
		"openapi: 3.0.3\npaths:\n  /a:\n    get:\n      parameters: [{$ref: '#/components/parameters/x'}]\n":       "nothing is there",
		"openapi: 3.0.3\npaths:\n  /a:\n    get:\n      parameters: [{$ref: 'https://example.com/x.yaml'}]\n":      "never fetched",
		"openapi: 3.0.3\npaths:\n  /a:\n    get:\n      parameters: [{$ref: '../../etc/passwd'}]\n":                "no folder",
		"openapi: 3.0.3\npaths:\n  /a:\n    get:\n      parameters: [{name: q, in: query, schema: {type: strin}}]": "t.yaml:5: #/paths/~1a/get/parameters/0/schema/type: no such type",
		"openapi: 3.0.3\npaths:\n  /a:\n    get:\n      parameters: [{name: q, in: body}]\n":                       "in is one of",
		"openapi: 3.0.3\npaths:\n  /a:\n    get:\n      responses: {abc: {}}\n":                                    "is no status",
		"openapi: 3.0.3\npaths: {a: {}}\n":     "a path begins with /",
		"openapi: 3.0.3\npaths: {/a/{b: {}}\n": "t.yaml",
		"openapi: 4.0.0\n":                     "OpenAPI 4.0.0 is not read",
		"title: x\n":                           "no openapi version",
		"a: &a [*a]\n":                         "t.yaml",
		"{\"openapi\":\"3.0.3\",\n\"paths\":{}\n,\"paths\":{}}": "t.yaml:3",
		"openapi: 3.0.3\npaths: {}\ncomponents: {schemas: {A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}}\n---\nb: 1\n":                                                           "",
		"openapi: 3.1.0\npaths: {/a: {get: {responses: {default: {content: {a/b: {schema: {$ref: '#/components/schemas/A'}}}}}}}}\ncomponents: {schemas: {A: {allOf: [{$ref: '#/components/schemas/A'}]}}}\n": "applies itself in place",
		"openapi: 3.1.0\npaths: {/a: {get: {responses: {default: {content: {a/b: {schema: {$ref: '#/components/schemas/A'}}}}}}}}\ncomponents: {schemas: {A: {$ref: '#/components/schemas/A'}}}\n":            "leads back to itself",
	} {
		_, err := openapi.Parse("t.yaml", []byte(text))
		if want == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
}

func TestAliasesDoNotUnfoldWithoutEnd(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	if _, err := openapi.Parse("t.yaml", []byte(b.String())); err == nil {
		t.Error("a billion laughs")
	}
}

func TestReferencesReachTheOwnFolderOnly(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.yaml", "{type: string}")
	write("api/parts/order.yaml", "{type: object, properties: {id: {$ref: 'id.json#/definitions/Id'}}}")
	write("api/parts/id.json", `{"definitions":{"Id":{"type":"integer"}}}`)
	doc := "openapi: 3.0.3\npaths: {/a: {get: {operationId: a, responses: {'200': {content: {application/json: {schema: {$ref: '%s'}}}}}}}}\n"
	write("api/good.yaml", fmt.Sprintf(doc, "parts/order.yaml"))
	write("api/bad.yaml", fmt.Sprintf(doc, "../secret.yaml"))
	d, err := openapi.Load(filepath.Join(dir, "api/good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Operation("a").Response(200).Content[0].Schema
	if got := judge(t, s, `{"id":"x"}`, openapi.Options{}); got != "/id type" {
		t.Errorf("%q", got)
	}
	if _, err := openapi.Load(filepath.Join(dir, "api/bad.yaml")); err == nil {
		t.Error("a reference above the folder was followed")
	}
	write("api/net.yaml", fmt.Sprintf(doc, "http://127.0.0.1:1/x.yaml"))
	if _, err := openapi.Load(filepath.Join(dir, "api/net.yaml")); !errors.Is(err, openapi.ErrNetwork) {
		t.Errorf("%v, want ErrNetwork", err)
	}
}

func TestNothingIsAllocatedOnTheAcceptPath(t *testing.T) {
	s := compile(t, "3.1.0", `{"type":"object","required":["id"],"properties":{"id":{"type":"integer","maximum":100000},"name":{"type":"string","maxLength":20,"pattern":"^[a-zé]+$"},
		"when":{"type":"string","format":"date-time"},"mail":{"type":"string","format":"email"},"ip":{"type":"string","format":"ipv6"},"url":{"type":"string","format":"uri"},
		"list":{"type":"array","uniqueItems":true,"items":{"oneOf":[{"type":"integer"},{"type":"object","properties":{"a":{"enum":["x","y",1]}}}]}},"x":{"multipleOf":0.01}},"unevaluatedProperties":false}`)
	var d jsonwalk.Doc
	body := []byte(`{"id":1,"name":"caf\u00e9","when":"2026-11-20T10:00:00.5+01:00","mail":"a@example.com","ip":"2001:db8::1","url":"https://example.com/a?b=c#d","list":[1,2,{"a":"x"},{"a":1}],"x":1.25}`)
	if err := d.Parse(body, jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	o := openapi.Options{MaxString: 100, MaxItems: 10}
	if n := testing.AllocsPerRun(200, func() {
		if v, ok := s.Validate(&d, o); !ok {
			t.Fatal(v)
		}
	}); n != 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}

func FuzzNoBodyMakesTheValidatorPanic(f *testing.F) {
	s := compile(f, "3.1.0", `{"anyOf":[{"$ref":"#/components/schemas/Base"},{"$ref":"#/components/schemas/Tree"},{"type":"array","prefixItems":[{"format":"uri"},{"format":"date-time"},{"format":"duration"},{"format":"email"},{"format":"ipv6"},{"format":"hostname"}],"contains":{"type":"integer","multipleOf":0.3},"uniqueItems":true}]}`)
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte(`["http://[::1]:8/a@b","2026-01-01T00:00:60Z","P1DT2H","a@[1.2.3.4]","::1.2.3.4","a-b.c",1e3]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d jsonwalk.Doc
		if d.Parse(b, jsonwalk.Limits{}) != nil {
			return
		}
		s.Validate(&d, openapi.Options{MaxString: 10, MaxItems: 10})
		out, cut, v := s.Filter(nil, &d, openapi.Options{Undeclared: openapi.Strip})
		if cut == 0 || v.Keyword == "budget" {
			return
		}
		var e jsonwalk.Doc
		if err := e.Parse(out, jsonwalk.Limits{}); err != nil {
			t.Fatalf("cut to what is no JSON: %s: %v", out, err)
		}
		if _, again, _ := s.Filter(nil, &e, openapi.Options{Undeclared: openapi.Strip}); again != 0 {
			t.Fatalf("%s was cut twice, to %s", b, out)
		}
	})
}

// BenchmarkValidate judges a body of the usual kind, reading included.
func BenchmarkValidate(b *testing.B) {
	s := compile(b, "3.0.3", `{"type":"object","required":["name","head_sha"],"properties":{"name":{"type":"string"},"head_sha":{"type":"string"},"status":{"type":"string","enum":["queued","in_progress"]},
		"started_at":{"type":"string","format":"date-time"},"output":{"type":"object","required":["title"],"properties":{"title":{"type":"string"},"summary":{"type":"string","maxLength":65535},
		"annotations":{"type":"array","maxItems":50,"items":{"type":"object","required":["path","start_line"],"properties":{"path":{"type":"string"},"start_line":{"type":"integer"},"end_line":{"type":"integer"},"annotation_level":{"type":"string","enum":["notice","warning","failure"]},"message":{"type":"string"}}}}}}}}`)
	body := []byte(`{"name":"mighty_readme","head_sha":"ce587453ced02b1526dfb4cb910479d431683101","status":"in_progress","started_at":"2018-05-04T01:14:52Z","output":{"title":"Mighty Readme report","summary":"There are 0 failures, 2 warnings, and 1 notice.","annotations":[{"path":"README.md","annotation_level":"warning","message":"Check your spelling for 'banaas'.","start_line":2,"end_line":2},{"path":"README.md","annotation_level":"warning","message":"Check your spelling for 'aples'","start_line":4,"end_line":4}]}}`)
	var d jsonwalk.Doc
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Parse(body, jsonwalk.Limits{}); err != nil {
			b.Fatal(err)
		}
		if v, ok := s.Validate(&d, openapi.Options{MaxString: 10_000, MaxItems: 1000}); !ok {
			b.Fatal(v)
		}
	}
}
