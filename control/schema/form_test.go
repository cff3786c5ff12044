package schema_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/schema"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const forms = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /form:
    post:
      operationId: form
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {$ref: "#/components/schemas/Form"}
            encoding:
              csv: {style: form, explode: false}
              piped: {style: pipeDelimited}
              deep: {style: deepObject, explode: true}
              spread: {style: form, explode: true}
              document: {contentType: application/json}
              free: {allowReserved: true}
      responses: {"200": {description: ok}}
  /upload:
    post:
      operationId: upload
      requestBody:
        content:
          multipart/form-data:
            schema:
              type: object
              required: [title]
              properties:
                title: {type: string, maxLength: 10}
                count: {type: integer, minimum: 1, maximum: 9}
                tags: {type: array, maxItems: 2, items: {type: string}}
                meta: {type: object, required: [a], properties: {a: {type: integer}}}
                photo: {type: string, format: binary, maxLength: 100}
                photos: {type: array, maxItems: 2, items: {type: string, format: binary}}
                any: {type: string, format: binary}
                report: {}
                data: {type: string, format: binary}
                csv: {type: array, items: {type: integer}}
            encoding:
              photo: {contentType: "image/png, image/jpeg", headers: {X-Kind: {required: true, schema: {type: string, enum: [face, place]}}}}
              photos: {contentType: image/*}
              report: {contentType: application/pdf}
              data: {contentType: application/json}
              csv: {style: form, explode: false}
      responses: {"200": {description: ok}}
  /raw:
    post: {operationId: raw, requestBody: {content: {multipart/form-data: {}}}, responses: {"200": {description: ok}}}
  /text:
    post: {operationId: text, requestBody: {content: {text/plain: {schema: {type: string, maxLength: 5}}, "application/*": {schema: {$ref: "#/components/schemas/Form"}}}}, responses: {"200": {description: ok}}}
  /any:
    post: {operationId: any, requestBody: {content: {"*/*": {schema: {type: string, format: binary}}}}, responses: {"200": {description: ok}}}
  /pages:
    post:
      operationId: pages
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                limit: {type: integer}
                perPage: {type: integer, minimum: -1}
                first: {type: [integer, "null"]}
                count: {type: integer, maximum: 5000}
                last: {$ref: "#/components/schemas/Number"}
                offset: {type: integer}
                size: {type: integer}
                page: {type: object, properties: {page_size: {type: number}}}
                name: {type: string}
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {count: {type: integer}, limit: {type: integer}}}}}}}
components:
  schemas:
    Number: {type: integer}
    Form:
      type: object
      properties:
        name: {type: string, maxLength: 10}
        age: {type: integer, minimum: 0}
        on: {type: boolean}
        mixed: {oneOf: [{type: integer, maximum: 9}, {type: string, maxLength: 2}]}
        ids: {type: array, maxItems: 3, items: {type: integer}}
        address: {type: object, required: [city], properties: {city: {type: string}, zip: {type: integer}, lines: {type: array, items: {type: string}}}}
        orders: {type: array, maxItems: 2, items: {type: object, properties: {sku: {type: string}, n: {type: integer}}}}
        meta: {type: object, additionalProperties: {type: integer}}
        csv: {type: array, items: {type: integer}}
        piped: {type: array, items: {type: string}}
        deep: {type: object, properties: {a: {type: object, properties: {b: {type: integer}}}}}
        spread: {type: object, properties: {red: {type: integer}, green: {type: integer}}}
        document: {type: object, properties: {a: {type: integer}}}
        free: {type: string, pattern: "^[a-z+]+$"}
        "literal[x]": {type: integer}
        secret: {type: string, readOnly: true}
        nothing: {type: object, properties: {limit: {type: integer}}}
`

func formSteps(t testing.TB, id string, set func(*schema.Config)) []gatehouse.Step {
	t.Helper()
	d, err := openapi.Parse("t.yaml", []byte(forms))
	if err != nil {
		t.Fatal(err)
	}
	c := schema.Kind.New().(*schema.Config)
	if set != nil {
		set(c)
	}
	s, err := c.Compile(&gatehouse.Build{Operation: d.Operation(id), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// input.openapi, input.no-extra
func TestFormsHoldObjectsAndLists(t *testing.T) {
	list := formSteps(t, "form", nil)
	for body, want := range map[string]string{
		"":                                 "",
		"name=a&age=1&on=true":             "",
		"name=a&NAME=b":                    "schema.undeclared",
		"Name=b":                           "schema.undeclared",
		"name=a&name=b":                    "schema.duplicate",
		"name[]=a":                         "schema.undeclared",
		"name[x]=a":                        "schema.undeclared",
		"unknown=1":                        "schema.undeclared",
		"unknown[a][b]=1":                  "schema.undeclared",
		"secret=1":                         "schema.body",
		"age=1.0":                          "schema.body",
		"mixed=9":                          "",
		"mixed=10":                         "",
		"mixed=100":                        "schema.body",
		"ids=1&ids=2":                      "",
		"ids[]=1&ids[]=2":                  "",
		"ids%5B%5D=1&ids[]=2":              "",
		"ids[0]=1&ids[1]=2":                "",
		"ids[1]=1&ids[0]=2":                "",
		"ids[0]=1&ids[2]=2":                "schema.form",
		"ids[0]=1&ids[0]=2":                "schema.duplicate",
		"ids[01]=1":                        "schema.undeclared",
		"ids[a]=1":                         "schema.undeclared",
		"ids=1&ids[]=2":                    "schema.form",
		"ids[]=1&ids[0]=2":                 "schema.form",
		"ids[]=1&ids[]=2&ids[]=3&ids[]=4":  "schema.body",
		"ids[]=x":                          "schema.body",
		"ids=[1,2]":                        "schema.body",
		"address[city]=x&address[zip]=1":   "",
		"address[zip]=1":                   "schema.body",
		"address[city]=x&address[city]=y":  "schema.duplicate",
		"address[city]=x&address[State]=y": "schema.undeclared",
		"address[city]=x&address[lines][]=1&address[lines][]=2": "",
		"address[city]=x&address[lines]=1&address[lines]=2":     "",
		"address[city][x]=1":                               "schema.undeclared",
		"address[]=x":                                      "schema.form",
		"address[city]=x&address=1":                        "schema.form",
		`address={"city":"x","zip":1}`:                     "",
		`address={"city":"x","city":"y"}`:                  "schema.form",
		`address={"city":"x","admin":1}`:                   "schema.undeclared",
		"address=x":                                        "schema.form",
		"orders[0][sku]=a&orders[0][n]=1&orders[1][sku]=b": "",
		"orders[][sku]=a&orders[][n]=1":                    "schema.form",
		"orders[0][sku]=a&orders[0][x]=1":                  "schema.undeclared",
		"orders[0]=a":                                      "schema.form",
		"meta[a]=1&meta[b]=2":                              "",
		"meta[a]=x":                                        "schema.body",
		"meta[__proto__]=1":                                "schema.body",
		"csv=1,2,3":                                        "",
		"csv=1%2C2":                                        "schema.body",
		"csv=1&csv=2":                                      "schema.duplicate",
		"csv[]=1":                                          "schema.undeclared",
		"piped=a|b":                                        "",
		"piped=a%7Cb":                                      "",
		"deep[a][b]=1":                                     "",
		"deep[a][b]=x":                                     "schema.body",
		"deep[a]=1":                                        "schema.form",
		"deep={}":                                          "schema.form",
		"red=1&green=2":                                    "",
		"red=1&red=2":                                      "schema.duplicate",
		"red=x":                                            "schema.body",
		"spread[red]=1":                                    "",
		`document={"a":1}`:                                 "",
		`document={"a":"x"}`:                               "schema.body",
		`document={"a":1}x`:                                "schema.form",
		"document[a]=1":                                    "schema.undeclared",
		"free=a%2Bb":                                       "",
		"free=a+b":                                         "schema.body",
		"literal[x]=1":                                     "",
		"literal[x]=y":                                     "schema.body",
		"a[b=1":                                            "schema.undeclared",
		"[a]=1":                                            "schema.undeclared",
		"nothing[limit]=100":                               "",
		"nothing[limit]=101":                               "schema.body",
		"name=%":                                           "schema.form",
		"name=%0":                                          "schema.form",
		"name=%00":                                         "schema.form",
		"name=a;age=1":                                     "schema.form",
		"name=caf\xC3\xA9":                                 "schema.form",
		"ids=" + strings.Repeat("1&ids=", 1000):            "schema.form",
		strings.Repeat("address[", 40) + "x]=1":            "schema.undeclared",
	} {
		if rule, detail := run(t, list, post("application/x-www-form-urlencoded", body)); rule != want {
			t.Errorf("%.90q: %q (%s), want %q", body, rule, detail, want)
		}
	}
	anything := formSteps(t, "text", nil)
	for _, c := range [][3]string{
		{"application/x-www-form-urlencoded", "name=a", ""}, {"application/x-www-form-urlencoded", "unknown=a", "schema.undeclared"}, {"Application/JSON", `{"name":"a"}`, ""},
		{"application/json", `{"unknown":1}`, "schema.undeclared"}, {"application/json", `{`, "schema.json"}, {"text/plain", "12345", ""}, {"text/plain", "123456", "schema.body"}, {"text/plain", "a\x00", "schema.body"},
	} {
		if rule, detail := run(t, anything, post(c[0], c[1])); rule != c[2] {
			t.Errorf("%s under a range: %q: %q (%s), want %q", c[0], c[1], rule, detail, c[2])
		}
	}
}

func TestAFileOfAnyTypeIsNoDocument(t *testing.T) {
	list := formSteps(t, "any", nil)
	for contentType, body := range map[string]string{"application/json": "{", "image/png": png, "text/plain": "\x00"} {
		if rule, detail := run(t, list, post(contentType, body)); rule != "" {
			t.Errorf("%s: %q (%s)", contentType, rule, detail)
		}
	}
}

// input.pagination: by name, in bodies as in queries, and in requests only.
func TestPageSizesInBodiesAreBounded(t *testing.T) {
	for name, list := range map[string][]gatehouse.Step{"default": formSteps(t, "pages", nil), "tighter": formSteps(t, "pages", func(c *schema.Config) { c.PaginationMax, c.OffsetMax = 50, 50 })} {
		for body, want := range map[string]string{
			`{"limit":50}`: "", `{"limit":101}`: "schema.body", `{"limit":1e3}`: "schema.body", `{"limit":99999999999999999999}`: "schema.body", `{"limit":-1}`: "schema.body", `{"limit":0}`: "",
			`{"perPage":-1}`: "", `{"perPage":101}`: "schema.body", `{"first":null}`: "", `{"first":50}`: "", `{"first":101}`: "schema.body", `{"count":5000}`: "", `{"count":5001}`: "schema.body",
			`{"last":101}`: "schema.body", `{"last":5.0e1}`: "", `{"offset":50}`: "", `{"offset":10001}`: "schema.body", `{"size":1000000}`: "", `{"page":{"page_size":101}}`: "schema.body", `{"page":{"page_size":50}}`: "",
			`{"page":{"page_size":50.5}}`: "schema.body", `{"name":"limit"}`: "",
		} {
			if rule, detail := run(t, list, post("application/json", body)); rule != want || want != "" && !strings.HasSuffix(detail, " maximum") {
				t.Errorf("%s: %s: %q (%s), want %q", name, body, rule, detail, want)
			}
		}
		for body, loose := range map[string]bool{`{"limit":51}`: true, `{"offset":51}`: true} {
			if rule, _ := run(t, list, post("application/json", body)); (rule == "") != (loose && name == "default") {
				t.Errorf("%s: %s: %q", name, body, rule)
			}
		}
	}
	d, err := openapi.Parse("t.yaml", []byte(forms))
	if err != nil {
		t.Fatal(err)
	}
	reply := d.Operation("pages").Response(200).Content[0].Schema
	if _, cut, ok := reply.Cut(nil, []byte(`{"count":123456,"limit":7000}`), jsonwalk.Limits{}, openapi.Options{Direction: openapi.Reply, Undeclared: openapi.Strip, MaxPage: 100}); cut || !ok {
		t.Errorf("a reply with many results: cut %v, valid %v", cut, ok)
	}
}

// upload writes a body of parts, each a head and a content with "\n" for line ends.
func upload(parts ...string) *gatehouse.Exchange {
	var b strings.Builder
	for _, p := range parts {
		head, content, _ := strings.Cut(p, "\n\n")
		b.WriteString("--XbX\r\nContent-Disposition: form-data; " + strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + content + "\r\n")
	}
	b.WriteString("--XbX--\r\n")
	return post("multipart/form-data; boundary=XbX", b.String())
}

const (
	png  = "\x89PNG\r\n\x1A\n\x00\x00"
	jpeg = "\xFF\xD8\xFF\xE0\x00\x10JFIF"
)

// input.openapi, input.content-type, input.size: VALIDATION.md section 7.
func TestUploadsAreAsDeclared(t *testing.T) {
	list := formSteps(t, "upload", func(c *schema.Config) { c.MaxFile = 200 })
	title := "name=\"title\"\n\nhello"
	face := "\nContent-Type: image/png\nX-Kind: face\n\n"
	for name, c := range map[string]struct {
		want  string
		parts []string
	}{
		"a text":                           {"", []string{title}},
		"a text with its type":             {"", []string{"name=\"title\"\nContent-Type: text/plain; charset=UTF-8\n\nhello"}},
		"a text in another charset":        {"schema.part", []string{"name=\"title\"\nContent-Type: text/plain; charset=utf-7\n\nhello"}},
		"a text that is JSON":              {"schema.part", []string{"name=\"title\"\nContent-Type: application/json\n\n\"a\""}},
		"a text that is a file":            {"schema.part", []string{"name=\"title\"; filename=\"a.txt\"\n\nhello"}},
		"a text too long":                  {"schema.body", []string{"name=\"title\"\n\nhello world"}},
		"NUL in a text":                    {"schema.multipart", []string{"name=\"title\"\n\nhe\x00llo"}},
		"a text that is not UTF-8":         {"schema.multipart", []string{"name=\"title\"\n\n\xFF"}},
		"nothing that is required":         {"schema.body", []string{"name=\"count\"\n\n1"}},
		"a number":                         {"", []string{title, "name=\"count\"\n\n9"}},
		"a number too large":               {"schema.body", []string{title, "name=\"count\"\n\n10"}},
		"a part twice":                     {"schema.duplicate", []string{title, title}},
		"a name in capitals":               {"schema.undeclared", []string{title, "name=\"TITLE\"\n\nx"}},
		"a part that nobody declared":      {"schema.undeclared", []string{title, "name=\"admin\"\n\n1"}},
		"a file that nobody declared":      {"schema.undeclared", []string{title, "name=\"shell\"; filename=\"a.php\"\n\n1"}},
		"a list":                           {"", []string{title, "name=\"tags\"\n\na", "name=\"tags\"\n\nb"}},
		"a list with brackets":             {"", []string{title, "name=\"tags[]\"\n\na", "name=\"tags[]\"\n\nb"}},
		"a list too long":                  {"schema.body", []string{title, "name=\"tags\"\n\na", "name=\"tags\"\n\nb", "name=\"tags\"\n\nc"}},
		"a list in one part":               {"", []string{title, "name=\"csv\"\n\n1,2,3"}},
		"an object":                        {"", []string{title, "name=\"meta\"\nContent-Type: application/json\n\n{\"a\":1}"}},
		"an object without its type":       {"", []string{title, "name=\"meta\"\n\n{\"a\":1}"}},
		"an object as a browser sends it":  {"", []string{title, "name=\"meta\"; filename=\"blob\"\nContent-Type: application/json\n\n{\"a\":1}"}},
		"an object as text":                {"schema.part", []string{title, "name=\"meta\"\nContent-Type: text/plain\n\n{\"a\":1}"}},
		"an object that is none":           {"schema.multipart", []string{title, "name=\"meta\"\n\n{\"a\":1,\"a\":2}"}},
		"an object with more":              {"schema.undeclared", []string{title, "name=\"meta\"\n\n{\"a\":1,\"b\":2}"}},
		"a picture":                        {"", []string{title, "name=\"photo\"; filename=\"a.png\"" + face + png}},
		"a picture without a file name":    {"", []string{title, "name=\"photo\"" + face + png}},
		"another declared picture":         {"", []string{title, "name=\"photo\"; filename=\"a.jpg\"\nContent-Type: image/jpeg\nX-Kind: place\n\n" + jpeg}},
		"a picture that is another":        {"schema.file_type", []string{title, "name=\"photo\"; filename=\"a.png\"" + face + jpeg}},
		"a picture that is a page":         {"schema.file_type", []string{title, "name=\"photo\"; filename=\"a.png\"" + face + "<html>"}},
		"a picture that is a program":      {"schema.file_type", []string{title, "name=\"photo\"; filename=\"a.png\"" + face + "MZ\x90\x00"}},
		"a picture of an undeclared type":  {"schema.file_type", []string{title, "name=\"photo\"; filename=\"a.gif\"\nContent-Type: image/gif\nX-Kind: face\n\nGIF89a"}},
		"a picture of no type":             {"schema.file_type", []string{title, "name=\"photo\"; filename=\"a.png\"\nX-Kind: face\n\n" + png}},
		"a picture without its field":      {"schema.part", []string{title, "name=\"photo\"; filename=\"a.png\"\nContent-Type: image/png\n\n" + png}},
		"a picture with another kind":      {"schema.part", []string{title, "name=\"photo\"; filename=\"a.png\"\nContent-Type: image/png\nX-Kind: foe\n\n" + png}},
		"a field that nobody declared":     {"schema.part", []string{title + "", "name=\"count\"\nX-Other: 1\n\n1"}},
		"a picture over its length":        {"schema.body", []string{title, "name=\"photo\"; filename=\"a.png\"" + face + png + strings.Repeat("x", 100)}},
		"a file over every length":         {"schema.file_too_large", []string{title, "name=\"any\"; filename=\"a\"\n\n" + strings.Repeat("x", 201)}},
		"a file in disguise over it":       {"schema.file_too_large", []string{title, "name=\"any\"\n\n" + strings.Repeat("x", 201)}},
		"pictures":                         {"", []string{title, "name=\"photos\"; filename=\"a.png\"\nContent-Type: image/png\n\n" + png, "name=\"photos\"; filename=\"b.webp\"\nContent-Type: image/webp\n\nRIFF....WEBP"}},
		"pictures with brackets":           {"", []string{title, "name=\"photos[]\"; filename=\"a.png\"\nContent-Type: image/png\n\n" + png}},
		"too many pictures":                {"schema.body", []string{title, "name=\"photos\"; filename=\"a.png\"\nContent-Type: image/png\n\n" + png, "name=\"photos\"; filename=\"a.png\"\nContent-Type: image/png\n\n" + png, "name=\"photos\"; filename=\"a.png\"\nContent-Type: image/png\n\n" + png}},
		"a picture that nobody can tell":   {"schema.file_type", []string{title, "name=\"photos\"; filename=\"a\"\nContent-Type: image/x-unknown\n\nwhatever"}},
		"a picture that is a program, SVG": {"schema.file_type", []string{title, "name=\"photos\"; filename=\"a.svg\"\nContent-Type: image/svg+xml\n\n<svg>"}},
		"any file":                         {"", []string{title, "name=\"any\"; filename=\"a.bin\"\nContent-Type: application/octet-stream\n\n\x00\x01"}},
		"any file that is called a text":   {"schema.file_type", []string{title, "name=\"any\"; filename=\"a.txt\"\nContent-Type: text/plain\n\na\x00b"}},
		"any file that is not its type":    {"schema.file_type", []string{title, "name=\"any\"; filename=\"a.png\"\nContent-Type: image/png\n\nhello"}},
		"a report":                         {"", []string{title, "name=\"report\"; filename=\"a.pdf\"\nContent-Type: application/pdf\n\n%PDF-1.7"}},
		"a report that does not say so":    {"", []string{title, "name=\"report\"; filename=\"a.pdf\"\n\n%PDF-1.7"}},
		"a report that is none, unsaid":    {"schema.file_type", []string{title, "name=\"report\"; filename=\"a.pdf\"\n\nPDF"}},
		"a report that is none":            {"schema.file_type", []string{title, "name=\"report\"; filename=\"a.pdf\"\nContent-Type: application/pdf\n\nPDF"}},
		"a file that is JSON":              {"", []string{title, "name=\"data\"; filename=\"a.json\"\nContent-Type: application/json\n\n{\"a\":1}"}},
		"a file that should be JSON":       {"schema.file_type", []string{title, "name=\"data\"; filename=\"a.json\"\nContent-Type: application/json\n\n{\"a\":1}{}"}},
		"no file chosen":                   {"", []string{title, "name=\"photo\"; filename=\"\"\nContent-Type: application/octet-stream\n\n"}},
		"two file names":                   {"schema.multipart", []string{title, "name=\"any\"; filename=\"a.jpg\"; filename*=UTF-8''a.php\n\nx"}},
		"multipart within":                 {"schema.multipart", []string{title, "name=\"any\"; filename=\"a\"\nContent-Type: multipart/mixed; boundary=y\n\nx"}},
	} {
		if rule, detail := run(t, list, upload(c.parts...)); rule != c.want {
			t.Errorf("%s: %q (%s), want %q", name, rule, detail, c.want)
		}
	}
	for contentType, want := range map[string]string{
		"multipart/form-data": "schema.multipart", "multipart/form-data; boundary=XbX; boundary=YbY": "schema.multipart", "Multipart/Form-Data; Boundary=\"XbX\"": "", "multipart/mixed; boundary=XbX": "schema.content_type",
	} {
		x := upload(title)
		x.Request.Fields.Set("content-type", contentType)
		if rule, _ := run(t, list, x); rule != want {
			t.Errorf("%s: %q, want %q", contentType, rule, want)
		}
	}
	many := make([]string, 65)
	for i := range many {
		many[i] = "name=\"tags\"\n\na"
	}
	if rule, _ := run(t, list, upload(many...)); rule != "schema.multipart" {
		t.Errorf("65 parts: %q", rule)
	}
}

// A form that nobody described is a form nevertheless.
func TestPartsWithoutASchemaAreParts(t *testing.T) {
	list := formSteps(t, "raw", nil)
	if rule, _ := run(t, list, upload("name=\"a\"\n\nb")); rule != "" {
		t.Errorf("a part: %q", rule)
	}
	if rule, _ := run(t, list, upload("name=\"a\"; name=\"b\"\n\nb")); rule != "schema.multipart" {
		t.Errorf("two names: %q", rule)
	}
}

func TestJudgingAFormAllocatesNothing(t *testing.T) {
	for id, x := range map[string]*gatehouse.Exchange{
		"form":   post("application/x-www-form-urlencoded", "name=a&age=1&ids[]=1&ids[]=2&address[city]=x&orders[0][sku]=a"),
		"upload": upload("name=\"title\"\n\nhello", "name=\"photo\"; filename=\"a.png\"\nContent-Type: image/png\nX-Kind: face\n\n"+png, "name=\"meta\"\n\n{\"a\":1}"),
	} {
		list := formSteps(t, id, nil)
		if n := testing.AllocsPerRun(100, func() {
			if rule, detail := run(t, list, x); rule != "" {
				t.Fatal(id, rule, detail)
			}
		}); n != 0 && !race.Enabled {
			t.Errorf("%s: %v allocations", id, n)
		}
	}
}

// A part that is not as declared is named by its field, and by nothing of its own.
func TestARefusedPartIsNamedByItsField(t *testing.T) {
	list := formSteps(t, "upload", nil)
	for _, c := range []struct{ part, pointer, keyword string }{
		{"name=\"photo\"; filename=\"secret.png\"\nContent-Type: image/png\nX-Kind: foe\n\n" + png, "/photo", "enum"},
		{"name=\"photo\"; filename=\"secret.png\"\nContent-Type: image/png\nX-Kind: face\n\n" + jpeg, "/photo", "content"},
		{"name=\"photo\"; filename=\"secret.gif\"\nContent-Type: image/gif\nX-Kind: face\n\nGIF89a", "/photo", "contentType"},
		{"name=\"secret\"; filename=\"secret.gif\"\n\nGIF89a", "", "undeclared"},
		{"name=\"photo\"; filename=\"a/secret.gif\"\n\nGIF89a", "", "multipart"},
	} {
		x := upload("name=\"title\"\n\nhello", c.part)
		rule, detail := run(t, list, x)
		if rule == "" || len(x.Violations) != 1 || x.Violations[0].Pointer != c.pointer || x.Violations[0].Keyword != c.keyword {
			t.Errorf("%q: %s, %+v; want %s at %q", c.part, rule, x.Violations, c.keyword, c.pointer)
		}
		if strings.Contains(detail, "secret") {
			t.Errorf("%q: the detail holds what was sent: %s", c.part, detail)
		}
	}
}
