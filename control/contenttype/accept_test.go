package contenttype_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/contenttype"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const negotiating = `openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /a:
    get:
      operationId: a
      responses: {"200": {description: ok, content: {application/json: {}, text/csv: {}}}, "404": {description: no, content: {application/problem+json: {}}}}
    put: {operationId: any, responses: {"200": {description: ok, content: {"*/*": {}}}}}
    delete: {operationId: none, responses: {"204": {description: ok}}}
`

func accepting(t testing.TB, id, accept string) gatehouse.Step {
	t.Helper()
	d, err := openapi.Parse("a.yaml", []byte(negotiating))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := (&contenttype.Config{Accept: accept}).Compile(&gatehouse.Build{Operation: d.Operation(id), Now: time.Now})
	if err != nil || len(steps) != 1 {
		t.Fatal(steps, err)
	}
	return steps[0]
}

// input.content-type: RFC 9110 section 12.5.1.
func TestAnAcceptFieldIsRead(t *testing.T) {
	lenient, strict := accepting(t, "a", "any"), accepting(t, "a", "declared")
	for _, c := range []struct {
		value            string
		readable, strict bool
	}{
		{"*/*", true, true}, {"application/json", true, true}, {"APPLICATION/JSON", true, true}, {"application/*", true, true}, {"text/*;q=0.1", true, true},
		{"application/problem+json", true, true}, {"text/html", true, false}, {"image/*", true, false}, {"application/xml, text/html", true, false},
		{"text/html, */*;q=0.8", true, true}, {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7", true, true},
		{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", true, true},
		{"application/json;q=0", true, false}, {"application/json;q=0, */*", true, true}, {"*/*;q=0", true, false}, {"*/*, application/json;q=0, text/csv;q=0, application/problem+json;q=0", true, false},
		{"application/json;q=0.000", true, false}, {"application/json;q=1.000", true, true}, {"application/json;q=0.001", true, true},
		{`application/json;profile="a,b;c"`, true, true}, {"application/json ; q=0.5 , text/html", true, true}, {"", true, true}, {" , ,", true, true}, {",application/json,", true, true},
		{"../../../../etc/passwd{{", false, false}, {"application", false, false}, {"application/", false, false}, {"/json", false, false}, {"*/json", false, false}, {"app*/json", false, false},
		{"application/json;q", false, false}, {"application/json;q=", false, false}, {"application/json;q=2", false, false}, {"application/json;q=1.1", false, false}, {"application/json;q=0.1234", false, false},
		{"application/json;q=-1", false, false}, {"application/json;q=.", false, false}, {"application/json;q=1;q=0", false, false}, {"application/json text/html", false, false},
		{"application/json;", true, true}, {"text/html ; , application/json;;q=0.5;", true, true}, {"application/json, text/javascript, */*; q=0.01", true, true}, {`application/json;a="b`, false, false}, {`application/json;a="\""`, false, false}, {"application/json;=b", false, false}, {"**", false, false}, {"a/b/c", false, false},
	} {
		x := &gatehouse.Exchange{}
		x.Request.Fields.Add("accept", c.value)
		want := ""
		if !c.readable {
			want = "contenttype.accept"
		}
		if v, err := lenient.Enforce(context.Background(), x); err != nil || v.Rule() != want {
			t.Errorf("any, %q: %q, want %q", c.value, v.Rule(), want)
		}
		if c.readable && !c.strict {
			want = "contenttype.not_acceptable"
		}
		if v, err := strict.Enforce(context.Background(), x); err != nil || v.Rule() != want || want == "contenttype.not_acceptable" && v.Answer().Status != 406 {
			t.Errorf("declared, %q: %q, want %q", c.value, v.Rule(), want)
		}
	}
	two := &gatehouse.Exchange{}
	two.Request.Fields.Add("accept", "text/html")
	two.Request.Fields.Add("accept", "text/csv")
	if v, _ := strict.Enforce(context.Background(), two); !v.Passed() {
		t.Errorf("the second line allows: %q", v.Rule())
	}
	for _, id := range []string{"any", "none"} {
		x := &gatehouse.Exchange{}
		x.Request.Fields.Add("accept", "text/html")
		if v, _ := accepting(t, id, "declared").Enforce(context.Background(), x); !v.Passed() {
			t.Errorf("%s: %q", id, v.Rule())
		}
	}
	if v, _ := strict.Enforce(context.Background(), &gatehouse.Exchange{}); !v.Passed() {
		t.Errorf("no field: %q", v.Rule())
	}
}

func TestReadingAcceptAllocatesNothing(t *testing.T) {
	s, x := accepting(t, "a", "declared"), &gatehouse.Exchange{}
	x.Request.Fields.Add("accept", `text/html, application/json;profile="a";q=0.5, */*;q=0.1`)
	if n := testing.AllocsPerRun(100, func() {
		if v, _ := s.Enforce(context.Background(), x); !v.Passed() {
			t.Fatal(v.Rule())
		}
	}); n != 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}

func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

func decoding(t testing.TB) []gatehouse.Step {
	t.Helper()
	d, err := openapi.Parse("a.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := (&contenttype.Config{Decompress: "gzip"}).Compile(&gatehouse.Build{Operation: d.Operation("a"), Now: time.Now})
	if err != nil || len(steps) != 2 || steps[1].Need != gatehouse.Body {
		t.Fatal(steps, err)
	}
	return steps
}

// input.payload-limit, R23: VALIDATION.md section 7.
func TestOneLayerOfGzipIsDecodedWithinItsBounds(t *testing.T) {
	steps := decoding(t)
	text := `{"item":"book"}`
	dense := make([]byte, 0, 300<<10) // a third of it is left when it is encoded
	for i := uint32(1); len(dense) < cap(dense); i = i*1664525 + 1013904223 {
		dense = append(dense, "0123456789abcdef"[i>>28])
	}
	truncated := zipped(text)
	for name, c := range map[string]struct {
		body   []byte
		coding []string
		limit  int64
		want   string
		text   string
	}{
		"a body":                   {zipped(text), []string{"gzip"}, 1 << 20, "", text},
		"in capitals":              {zipped(text), []string{"GZIP"}, 1 << 20, "", text},
		"an empty body":            {zipped(""), []string{"gzip"}, 1 << 20, "", ""},
		"at the limit":             {zipped(text), []string{"gzip"}, int64(len(text)), "", text},
		"over the limit":           {zipped(text), []string{"gzip"}, int64(len(text)) - 1, "contenttype.too_large", ""},
		"64 KiB of zeros":          {zipped(strings.Repeat("\x00", 64<<10)), []string{"gzip"}, 1 << 20, "", strings.Repeat("\x00", 64<<10)},
		"a bomb":                   {zipped(strings.Repeat("\x00", 900<<10)), []string{"gzip"}, 1 << 20, "contenttype.ratio", ""},
		"a bomb over the limit":    {zipped(strings.Repeat("\x00", 100<<20)), []string{"gzip"}, 1 << 20, "contenttype.too_large", ""},
		"a long text":              {zipped(string(dense)), []string{"gzip"}, 1 << 20, "", string(dense)},
		"two members":              {append(zipped("a"), zipped("b")...), []string{"gzip"}, 1 << 20, "contenttype.gzip", ""},
		"trailing bytes":           {append(zipped("a"), 0), []string{"gzip"}, 1 << 20, "contenttype.gzip", ""},
		"cut short":                {truncated[:len(truncated)-3], []string{"gzip"}, 1 << 20, "contenttype.gzip", ""},
		"a wrong checksum":         {append(truncated[:len(truncated)-8:len(truncated)-8], 0, 0, 0, 0, 0, 0, 0, 0), []string{"gzip"}, 1 << 20, "contenttype.gzip", ""},
		"no gzip at all":           {[]byte(text), []string{"gzip"}, 1 << 20, "contenttype.gzip", ""},
		"nothing":                  {nil, []string{"gzip"}, 1 << 20, "contenttype.gzip", ""},
		"two layers":               {zipped(string(zipped(text))), []string{"gzip, gzip"}, 1 << 20, "contenttype.encoding", ""},
		"two layers in two fields": {zipped(string(zipped(text))), []string{"gzip", "gzip"}, 1 << 20, "contenttype.encoding", ""},
		"identity beside it":       {zipped(text), []string{"identity", "gzip"}, 1 << 20, "contenttype.encoding", ""},
		"another coding":           {zipped(text), []string{"br"}, 1 << 20, "contenttype.encoding", ""},
		"an old name":              {zipped(text), []string{"x-gzip"}, 1 << 20, "contenttype.encoding", ""},
		"no coding":                {[]byte(text), nil, 1 << 20, "", text},
		"identity":                 {[]byte(text), []string{"identity"}, 1 << 20, "", text},
	} {
		x := request("application/json")
		for _, v := range c.coding {
			x.Request.Fields.Add("content-encoding", v)
		}
		x.Request.Fields.Add("content-digest", "sha-256=:x:")
		x.Request.Body, x.Request.BodyLimit = c.body, c.limit
		rule := ""
		for _, s := range steps {
			v, err := s.Enforce(context.Background(), x)
			if err != nil {
				t.Fatal(err)
			}
			if v.Denied() {
				rule = v.Rule()
				if f := v.Answer().Fields.Get("accept-encoding"); rule == "contenttype.encoding" && f != "gzip" {
					t.Errorf("%s: the answer does not say what would do (RFC 7694): %q", name, f)
				}
				break
			}
		}
		if rule != c.want {
			t.Errorf("%s: %q, want %q", name, rule, c.want)
		}
		if rule == "" && string(x.Request.Body) != c.text {
			t.Errorf("%s: %d bytes, want %d", name, len(x.Request.Body), len(c.text))
		}
		decoded := rule == "" && len(c.coding) == 1 && c.coding[0] != "identity"
		if f := &x.Request.Fields; decoded && (f.Has("content-encoding") || f.Has("content-digest")) {
			t.Errorf("%s: fields of the encoded body stay: %v", name, *f)
		}
	}
	x := request("application/json")
	x.Request.Fields.Add("content-encoding", "gzip")
	x.Request.BodyTooLarge = true
	if v, _ := steps[1].Enforce(context.Background(), x); v.Rule() != "contenttype.too_large" {
		t.Errorf("a body that was cut short: %q", v.Rule())
	}
}

func TestABodyIsRefusedWithWhatWouldDo(t *testing.T) {
	x := request("application/json")
	x.Request.Fields.Add("content-encoding", "gzip")
	v, _ := step(t, "a", &contenttype.Config{}).Enforce(context.Background(), x)
	if v.Rule() != "contenttype.encoding" || v.Answer().Fields.Get("accept-encoding") != "identity" {
		t.Errorf("%q, %v", v.Rule(), v.Answer().Fields)
	}
	d, _ := openapi.Parse("a.yaml", []byte(description))
	for _, c := range []*contenttype.Config{{Decompress: "br"}, {Accept: "maybe"}} {
		if _, err := c.Compile(&gatehouse.Build{Operation: d.Operation("a"), Now: time.Now}); err == nil {
			t.Errorf("%+v compiles", c)
		}
	}
}

func TestDecodingAgainAllocatesNothing(t *testing.T) {
	steps, body := decoding(t), zipped(strings.Repeat(`{"item":"book"}`, 100))
	x := request("application/json")
	buffer := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		x.Request.Fields = append(x.Request.Fields[:1], gatehouse.Field{Name: "content-encoding", Value: "gzip"})
		x.Request.Body = append(buffer, body...)
		if v, _ := steps[1].Enforce(context.Background(), x); !v.Passed() {
			t.Fatal(v.Rule())
		}
		buffer = x.Request.Body[:0]
	}); n != 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}

// FuzzAccept looks for fields that cannot be judged: what can be read stays
// readable with a range more, and one that takes everything allows an answer
// unless a weight forbids it.
func FuzzAccept(f *testing.F) {
	lenient, strict := accepting(f, "a", "any"), accepting(f, "a", "declared")
	for _, v := range []string{"*/*", "text/html, */*;q=0.8", `application/json;a="b,c";q=.5`, "a/b;;c=d,", "*; q=.2"} {
		f.Add(v)
	}
	judge := func(s gatehouse.Step, value string) string {
		x := &gatehouse.Exchange{}
		x.Request.Fields.Add("accept", value)
		v, err := s.Enforce(context.Background(), x)
		if err != nil {
			f.Error(err)
		}
		return v.Rule()
	}
	f.Fuzz(func(t *testing.T, value string) {
		if judge(lenient, value) != "" {
			return
		}
		if rule := judge(lenient, value+", */*"); rule != "" {
			t.Errorf("%q with a range more: %s", value, rule)
		}
		if rule := judge(strict, value+", */*"); rule != "" && !strings.ContainsAny(value, "qQ") {
			t.Errorf("%q with everything: %s", value, rule)
		}
	})
}
