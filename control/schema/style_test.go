package schema_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/schema"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// The value that every style writes: a list of blue, black and brown, or an
// object of R, G and B, as in the tables of OpenAPI 3.1 section 4.8.12 and of RFC
// 6570 section 3.2.
const colours = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /v1/things/{p}:
    get:
      operationId: one
      parameters: [{name: p, in: PLACE, required: true, STYLE, schema: {$ref: "#/components/schemas/TYPE"}}]
      responses: {"200": {description: ok}}
components:
  schemas:
    text: {type: string, enum: [blue]}
    list: {type: array, minItems: 3, maxItems: 3, items: {type: string, enum: [blue, black, brown]}}
    rgb: {type: object, required: [R, G, B], properties: {R: {type: integer, const: 100}, G: {type: integer, const: 200}, B: {type: integer, const: 150}}}
    maybe: {anyOf: [{type: object, properties: {a: {type: integer}}}, {type: string, enum: [""]}]}
    deep: {type: object, properties: {a: {type: object, properties: {b: {type: integer}, c: {type: array, maxItems: 2, items: {type: integer}}}}, l: {type: array, items: {type: object, properties: {x: {type: integer}}}}, m: {type: object, additionalProperties: {type: integer}}}}
`

func styled(t testing.TB, place, style, kind string) []gatehouse.Step {
	t.Helper()
	text := strings.NewReplacer("PLACE", place, "STYLE", style, "TYPE", kind).Replace(colours)
	if place != "path" {
		text = strings.Replace(text, "/v1/things/{p}", "/v1/things", 1)
	}
	d, err := openapi.Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Kind.New().Compile(&gatehouse.Build{Operation: d.Operation("one"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sent(place, value string) *gatehouse.Exchange {
	x := &gatehouse.Exchange{}
	switch place {
	case "path":
		x.Request.Params = []gatehouse.Param{{Name: "p", Value: value}}
		x.Request.Path = "/v1/things/" + value
	case "query":
		x.Request.Query = value
	case "header":
		for line := range strings.SplitSeq(value, "\n") {
			x.Request.Fields.Add("p", line)
		}
	case "cookie":
		x.Request.Fields.Add("cookie", value)
	}
	return x
}

// input.openapi: every style, with explode and without, in every place.
func TestParametersComeInEveryStyle(t *testing.T) {
	for _, c := range []struct {
		place, style, kind string
		takes, refuses     []string
	}{
		{"path", "style: simple", "text", []string{"blue"}, []string{"red", ""}},
		{"path", "style: simple", "list", []string{"blue,black,brown"}, []string{"blue,black", "blue;black;brown", "blue,black,brown,blue", "blue%2Cblack,brown,blue", "blue, black,brown"}},
		{"path", "style: simple, explode: true", "list", []string{"blue,black,brown"}, []string{"blue.black.brown"}},
		{"path", "style: simple", "rgb", []string{"R,100,G,200,B,150", "B,150,R,100,G,200"}, []string{"R=100,G=200,B=150", "R,100,G,200", "R,100,G,200,B", "R,100,G,200,B,150,X,1", "R,100,R,100,G,200,B,150", "R,100,G,200,B,x"}},
		{"path", "style: simple, explode: true", "rgb", []string{"R=100,G=200,B=150"}, []string{"R,100,G,200,B,150", "R=100,G=200,B=150,R=100", "R=100,G=200,B"}},
		{"path", "style: label", "text", []string{".blue"}, []string{"blue", "..blue", "."}},
		{"path", "style: label", "list", []string{".blue,black,brown"}, []string{"blue,black,brown", ".blue.black.brown"}},
		{"path", "style: label, explode: true", "list", []string{".blue.black.brown"}, []string{".blue,black,brown", "blue.black.brown"}},
		{"path", "style: label", "rgb", []string{".R,100,G,200,B,150"}, []string{".R=100.G=200.B=150"}},
		{"path", "style: label, explode: true", "rgb", []string{".R=100.G=200.B=150"}, []string{".R,100,G,200,B,150", ".R=100.G=200.B=150.X=1"}},
		{"path", "style: matrix", "text", []string{";p=blue"}, []string{"blue", ";q=blue", ";p=", "p=blue"}},
		{"path", "style: matrix", "list", []string{";p=blue,black,brown"}, []string{";p=blue;p=black;p=brown"}},
		{"path", "style: matrix, explode: true", "list", []string{";p=blue;p=black;p=brown"}, []string{";p=blue,black,brown", ";p=blue;q=black;p=brown", ";p=blue;p=black"}},
		{"path", "style: matrix", "rgb", []string{";p=R,100,G,200,B,150"}, []string{";R=100;G=200;B=150"}},
		{"path", "style: matrix, explode: true", "rgb", []string{";R=100;G=200;B=150"}, []string{";p=R,100,G,200,B,150", ";R=100;G=200;B=150;admin=1"}},

		{"query", "style: form", "text", []string{"p=blue", "p=%62lue"}, []string{"p=red", "", "p=blue&p=blue", "P=blue"}},
		{"query", "style: form", "list", []string{"p=blue&p=black&p=brown"}, []string{"p=blue,black,brown", "p=blue&p=black", "p[]=blue&p[]=black&p[]=brown"}},
		{"query", "style: form, explode: false", "list", []string{"p=blue,black,brown"}, []string{"p=blue&p=black&p=brown", "p=blue%2Cblack%2Cbrown", "p=blue|black|brown"}},
		{"query", "style: form", "rgb", []string{"R=100&G=200&B=150", "B=150&R=100&G=200"}, []string{"p=R,100,G,200,B,150", "R=100&G=200&B=150&R=100", "R=100&G=200", "R=100&G=200&B=150&X=1", "R=100&G=200&B=x"}},
		{"query", "style: form, explode: false", "rgb", []string{"p=R,100,G,200,B,150"}, []string{"R=100&G=200&B=150", "p=R,100,G,200,B", "p=R,100,R,100,G,200,B,150"}},
		{"query", "style: spaceDelimited, explode: false", "list", []string{"p=blue%20black%20brown", "p=blue+black+brown"}, []string{"p=blue,black,brown", "p=blue%20black"}},
		{"query", "style: spaceDelimited, explode: false", "rgb", []string{"p=R%20100%20G%20200%20B%20150"}, []string{"p=R,100,G,200,B,150"}},
		{"query", "style: spaceDelimited, explode: true", "list", []string{"p=blue&p=black&p=brown"}, []string{"p=blue%20black%20brown"}},
		{"query", "style: pipeDelimited, explode: false", "list", []string{"p=blue|black|brown", "p=blue%7Cblack%7cbrown"}, []string{"p=blue,black,brown"}},
		{"query", "style: pipeDelimited, explode: false", "rgb", []string{"p=R%7C100%7CG%7C200%7CB%7C150"}, []string{"p=R,100,G,200,B,150"}},
		{"query", "style: deepObject, explode: true", "rgb", []string{"p[R]=100&p[G]=200&p[B]=150", "p%5BR%5D=100&p%5BG%5D=200&p%5BB%5D=150"}, []string{"R=100&G=200&B=150", "p[R]=100&p[G]=200&p[B]=150&p[X]=1", "p[R]=100&p[R]=100&p[G]=200&p[B]=150", "p[R][x]=100&p[G]=200&p[B]=150", "p[R=100&p[G]=200&p[B]=150", "p=1", "p[]=1", "q[R]=1"}},
		{"query", "style: deepObject, explode: true", "list", []string{"p[]=blue&p[]=black&p[]=brown", "p[0]=blue&p[1]=black&p[2]=brown", "p[1]=black&p[0]=blue&p[2]=brown"}, []string{"p[0]=blue&p[2]=black&p[1]=brown&p[4]=blue", "p[1]=blue&p[2]=black&p[3]=brown", "p[]=blue&p[1]=black&p[2]=brown", "p[00]=blue&p[1]=black&p[2]=brown", "p[0]=blue&p[0]=black&p[2]=brown"}},
		{"query", "style: deepObject, explode: true", "deep", []string{"p[a][b]=1", "p[a][c]=1&p[a][c]=2", "p[a][c][]=1&p[a][c][]=2", "p[l][0][x]=1&p[l][1][x]=2", "p[m][one]=1&p[m][two]=2", "p[a][b]=1&p[m][x]=2&p[a][c][0]=1"},
			[]string{"p[a][b]=1&p[a][b]=2", "p[a]=1", "p[a]=1&p[a][b]=1", "p[a][d]=1", "p[a][c]=1&p[a][c]=2&p[a][c]=3", "p[a][c][]=1&p[a][c]=2", "p[l][][x]=1&p[l][][x]=2", "p[m][one]=x", "p[a][b][c][d][e][f][g]=1", "p[a]b=1", "p[a][b]=1&p[A][b]=1"}},
		{"query", "style: deepObject, explode: true", "maybe", []string{"p[a]=1", "p="}, []string{"p=x", "p=&p[a]=1", "p[a]=1&p=", "p[b]=1", "p=&p=", "p[a=1"}},

		{"header", "style: simple", "text", []string{"blue"}, []string{"red", "blue\nblue"}},
		{"header", "style: simple", "list", []string{"blue,black,brown", "blue, black ,\tbrown", "blue\nblack,brown"}, []string{"blue,black", "blue,black\nblue,brown", "blue;black;brown"}},
		{"header", "style: simple", "rgb", []string{"R,100,G,200,B,150", "R, 100, G, 200, B, 150"}, []string{"R=100,G=200,B=150", "R,100\nG,200,B,150"}},
		{"header", "style: simple, explode: true", "rgb", []string{"R=100,G=200,B=150", "R=100, G=200, B=150"}, []string{"R,100,G,200,B,150"}},

		{"cookie", "style: form", "text", []string{"p=blue", "a=1; p=blue; b=2"}, []string{"p=red", "p=blue; p=blue", "a=1", "p=%62lue"}},
		{"cookie", "style: form", "list", []string{"p=blue; p=black; p=brown"}, []string{"p=blue,black,brown", "p=blue; p=black"}},
		{"cookie", "style: form, explode: false", "list", []string{"p=blue,black,brown", "p=%62lue,black,brown"}, []string{"p=blue; p=black; p=brown"}},
		{"cookie", "style: form, explode: false", "rgb", []string{"p=R,100,G,200,B,150"}, []string{"R=100; G=200; B=150"}},
		{"cookie", "style: form", "rgb", []string{"R=100; G=200; B=150", "x=1; R=100; G=200; B=150"}, []string{"p=R,100,G,200,B,150", "R=100; G=200", "R=100; R=100; G=200; B=150"}},
	} {
		list := styled(t, c.place, c.style, c.kind)
		for _, v := range c.takes {
			if rule, detail := run(t, list, sent(c.place, v)); rule != "" {
				t.Errorf("%s %s %s: %q is refused: %s (%s)", c.place, c.style, c.kind, v, rule, detail)
			}
		}
		for _, v := range c.refuses {
			if rule, _ := run(t, list, sent(c.place, v)); rule == "" {
				t.Errorf("%s %s %s: %q is taken", c.place, c.style, c.kind, v)
			}
		}
	}
}

func TestParametersThatAreDocuments(t *testing.T) {
	for _, place := range []string{"path", "query", "header", "cookie"} {
		list := styled(t, place, "content: {application/json: {schema: {$ref: \"#/components/schemas/rgb\"}}}, x-unused: 1", "text")
		for value, ok := range map[string]bool{
			`{"R":100,"G":200,"B":150}`: true, `{"R":100,"G":200}`: false, `{"R":100,"R":100,"G":200,"B":150}`: false, `{"R":100,"G":200,"B":150,"X":1}`: false,
			`{"R":100,"G":200,"B":150}{}`: false, `R,100,G,200,B,150`: false,
		} {
			v := value
			switch place {
			case "query":
				v = "p=" + strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22").Replace(v)
			case "cookie":
				v = "p=" + strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22").Replace(v)
			}
			if rule, detail := run(t, list, sent(place, v)); (rule == "") != ok {
				t.Errorf("%s: %s: %s (%s)", place, value, rule, detail)
			}
		}
	}
}

// What allowReserved lets stand as it is must be as described in both readings of
// "+".
func TestReservedCharactersMayStandForThemselves(t *testing.T) {
	const text = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /a:
    get:
      operationId: one
      parameters:
        - {name: p, in: query, allowReserved: true, schema: {type: string, pattern: "^[a-z:/?@+]+$"}}
        - {name: q, in: query, schema: {type: string, pattern: "^[a-z ]+$"}}
        - {name: f, in: query, allowReserved: true, schema: {type: string, maxLength: 20}}
        - {name: flag, in: query, allowEmptyValue: true, schema: {type: boolean}}
        - {name: rest, in: query, schema: {type: object, maxProperties: 2, properties: {known: {type: boolean}}, additionalProperties: {type: integer}}}
      responses: {"200": {description: ok}}
`
	d, err := openapi.Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	list, err := schema.Kind.New().Compile(&gatehouse.Build{Operation: d.Operation("one"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"p=a:/b?c@d": "", "p=a%3Ab": "", "p=a+b": "schema.query", "p=a%2Bb": "", "q=a+b": "", "q=a%2Bb": "schema.query", "f=a+b": "",
		// allowEmptyValue, and members of an object that are not all declared.
		"flag": "", "flag=": "", "flag=true": "", "flag=1": "schema.query", "flag&flag": "schema.duplicate", "q=a&x=1&y=2": "", "x=a": "schema.query", "x=1&x=2": "schema.duplicate", "x=1&y=2&z=3": "schema.query",
		"known=true&x=1": "", "known=1": "schema.query", "rest=1": "schema.undeclared", "x[y]=1": "", "Q=1": "schema.undeclared",
	} {
		if rule, detail := run(t, list, sent("query", query)); rule != want {
			t.Errorf("%s: %q (%s), want %q", query, rule, detail, want)
		}
	}
}

func TestReadingStylesAllocatesNothing(t *testing.T) {
	for _, c := range [][4]string{
		{"query", "style: deepObject, explode: true", "deep", "p[a][b]=1&p[a][c][]=1&p[l][0][x]=1"}, {"path", "style: matrix, explode: true", "rgb", ";R=100;G=200;B=150"},
		{"header", "style: simple", "list", "blue, black, brown"}, {"query", "style: form", "rgb", "R=100&G=200&B=150"}, {"cookie", "style: form", "list", "p=blue; p=black; p=brown"},
	} {
		list, x := styled(t, c[0], c[1], c[2]), sent(c[0], c[3])
		if n := testing.AllocsPerRun(100, func() {
			if rule, detail := run(t, list, x); rule != "" {
				t.Fatal(rule, detail)
			}
		}); n != 0 && !race.Enabled {
			t.Errorf("%v: %v allocations", c, n)
		}
	}
}
