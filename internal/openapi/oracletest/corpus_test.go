package oracletest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

const corpus = "../../../../shared/corpora/"

// object is a JSON object as encoding/json gives it.
type object = map[string]any

// description is one description, read twice: by the product, and as plain data
// for the judge.
type description struct {
	file string
	v30  bool
	tree object
	doc  *openapi.Document
	// judged are the schemas in the judge's words, by direction.
	judged [2]*dialect
}

func read(t testing.TB, file string) *description {
	t.Helper()
	data, err := os.ReadFile(corpus + "openapi/" + file)
	if err != nil {
		t.Skip("corpora/openapi is missing")
	}
	doc, err := openapi.Load(corpus + "openapi/" + file)
	if err != nil {
		t.Fatal(err)
	}
	d := &description{file: file, doc: doc, v30: strings.HasPrefix(doc.Version, "3.0")}
	if strings.HasSuffix(file, ".json") {
		d.tree = decode(t, data).(object)
	} else {
		var n yaml.Node
		if err := yaml.Unmarshal(data, &n); err != nil {
			t.Fatal(err)
		}
		d.tree = plain(&n).(object)
	}
	for way := range d.judged {
		d.judged[way] = newDialect(d.tree, d.v30, openapi.Direction(way))
	}
	return d
}

func decode(t testing.TB, b []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%.200s: %v", b, err)
	}
	return v
}

// plain turns YAML into what JSON would have been.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0])
	case yaml.AliasNode:
		return plain(n.Alias)
	case yaml.MappingNode:
		m := object{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plain(c))
		}
		return list
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true" || n.Value == "True"
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
		var f float64
		_ = n.Decode(&f)
		return json.Number(fmt.Sprint(f))
	}
	return n.Value
}

// follow resolves references of objects that are no schemas.
func (d *description) follow(v any) object {
	for range 16 {
		m, _ := v.(object)
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		v = pointed(d.tree, ref)
	}
	return nil
}

// pointed returns what a local reference names.
func pointed(tree any, ref string) any {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil
	}
	for step := range strings.SplitSeq(path, "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~", "%7B", "{", "%7D", "}").Replace(step)
		switch v := tree.(type) {
		case object:
			tree = v[step]
		case []any:
			i := 0
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				return nil
			}
			tree = v[i]
		default:
			return nil
		}
	}
	return tree
}

// operation returns the plain data of an operation and of its path.
func (d *description) operation(op *openapi.Operation) (item, of object) {
	item = d.follow(d.tree["paths"].(object)[op.Template()])
	of, _ = item[strings.ToLower(op.Method())].(object)
	if of == nil {
		more, _ := item["additionalOperations"].(object)
		of, _ = more[op.Method()].(object)
	}
	return item, of
}

// media returns the plain data of a media type.
func (d *description) media(content any, mediaType string) object {
	c, _ := content.(object)
	for name, m := range c {
		name, _, _ = strings.Cut(strings.ToLower(name), ";")
		if strings.TrimSpace(name) == mediaType {
			return m.(object)
		}
	}
	return nil
}

// dialect rewrites schemas of a description into JSON Schema 2020-12 for the
// judge, as they hold in one direction.
type dialect struct {
	tree     object
	v30      bool
	way      openapi.Direction
	names    map[string]string // of definitions, by reference
	defs     object
	compiler *jsonschema.Compiler
	roots    int
}

func newDialect(tree object, v30 bool, way openapi.Direction) *dialect {
	return &dialect{tree: tree, v30: v30, way: way, names: map[string]string{}, defs: object{}, compiler: newJudge()}
}

var (
	single = []string{"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
	listed = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	mapped = []string{"properties", "patternProperties", "dependentSchemas"}
	copied = []string{
		"type", "enum", "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "format",
		"minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties", "dependentRequired",
	}
)

// urlOf is where the judge finds a definition: each is a resource of its own, so
// that what many roots share is compiled once.
func urlOf(name string) string { return "file:///" + name + ".json" }

func nameOf(ref string) string {
	return strings.TrimSuffix(strings.TrimPrefix(ref, "file:///"), ".json")
}

// schema returns the judge's words for a schema.
func (l *dialect) schema(v any) any {
	m, ok := v.(object)
	if !ok {
		return v
	}
	out := object{}
	if ref, ok := m["$ref"].(string); ok {
		name, known := l.names[ref]
		if !known {
			name = fmt.Sprintf("d%d", len(l.names))
			l.names[ref] = name
			l.defs[name] = l.schema(pointed(l.tree, ref))
			if err := l.compiler.AddResource(urlOf(name), l.defs[name]); err != nil {
				panic(err) // two definitions of one name
			}
		}
		out["$ref"] = urlOf(name)
		if l.v30 {
			return out
		}
	}
	for _, k := range copied {
		if x, ok := m[k]; ok && !(k == "format" && x == "regex") {
			out[k] = x
		}
	}
	for _, k := range single {
		if x, ok := m[k]; ok {
			out[k] = l.schema(x)
		}
	}
	for _, k := range listed {
		if x, ok := m[k].([]any); ok {
			list := []any{}
			for _, s := range x {
				list = append(list, l.schema(s))
			}
			out[k] = list
		}
	}
	for _, k := range mapped {
		if x, ok := m[k].(object); ok {
			all := object{}
			for name, s := range x {
				all[name] = l.schema(s)
			}
			out[k] = all
		}
	}
	l.directed(m, out)
	if l.v30 {
		return rewrite30(m, out)
	}
	return out
}

// directed writes what readOnly and writeOnly mean for members.
func (l *dialect) directed(m, out object) {
	required, _ := m["required"].([]any)
	required = slices.Clone(required)
	if properties, ok := out["properties"].(object); ok {
		for name := range properties {
			own := l.says(m["properties"].(object)[name])
			switch {
			case l.way == openapi.Request && own["readOnly"] == true:
				properties[name] = false
			case l.way == openapi.Reply && own["writeOnly"] == true:
			default:
				continue
			}
			required = slices.DeleteFunc(required, func(r any) bool { return r == name })
		}
	}
	if len(required) > 0 {
		out["required"] = required
	}
}

// says follows pure references, as the product does.
func (l *dialect) says(v any) object {
	for range 32 {
		m, _ := v.(object)
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		if !l.v30 {
			for k := range m {
				switch k {
				case "$ref", "description", "summary", "title", "example", "examples", "default", "deprecated":
				default:
					if !strings.HasPrefix(k, "x-") {
						return m
					}
				}
			}
		}
		v = pointed(l.tree, ref)
	}
	return nil
}

// rewrite30 turns the keywords of OpenAPI 3.0 into those of 2020-12.
func rewrite30(m, out object) any {
	for bound, over := range map[string]string{"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"} {
		if b, ok := m[over].(bool); ok {
			delete(out, over)
			if x, there := out[bound]; b && there {
				delete(out, bound)
				out[over] = x
			}
		}
	}
	if m["nullable"] != true {
		return out
	}
	switch t := out["type"].(type) {
	case string:
		out["type"] = []any{t, "null"}
		return out
	case []any:
		out["type"] = append(slices.Clone(t), "null")
		return out
	}
	return object{"anyOf": []any{object{"type": "null"}, out}}
}

// sameByOurs are the formats on which the judge asks us: what a format is has
// tests of its own (internal/openapi, the suite's format cases), and here the
// question is what schemas make of it.
var sameByOurs = []string{
	"date", "date-time", "time", "duration", "email", "idn-email", "uuid", "uri", "url", "uri-reference", "iri", "iri-reference", "uri-template", "ipv4", "ipv6", "hostname",
	"idn-hostname", "byte", "base64url", "json-pointer", "relative-json-pointer", "char",
	"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "double-int", "float", "double",
}

// unchecked are formats that the judge knows and the product does not check.
var unchecked = []string{"semver", "period"}

// formatsByOurs are our formats in the judge's form.
var formatsByOurs = sync.OnceValue(func() (out []*jsonschema.Format) {
	for _, name := range sameByOurs {
		s, err := only("3.1.0", object{"format": name}, nil)
		if err != nil {
			panic(err) // a description that is written here
		}
		out = append(out, &jsonschema.Format{Name: name, Validate: func(v any) error {
			b, err := json.Marshal(v)
			if err != nil {
				return err
			}
			var d jsonwalk.Doc
			if err := d.Parse(b, jsonwalk.Limits{AllowNUL: true}); err != nil {
				return err
			}
			if v, ok := s.Validate(&d, openapi.Options{Undeclared: openapi.Allow, Direction: openapi.Reply}); !ok {
				return errors.New(v.Keyword)
			}
			return nil
		}})
	}
	return out
})

// newJudge returns a compiler that asserts formats by our reading of them.
func newJudge() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(ecma)
	for _, f := range formatsByOurs() {
		c.RegisterFormat(f)
	}
	for _, name := range unchecked {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
	}
	return c
}

// look is a pattern with a negative look-ahead at its beginning.
type look struct{ is, not *regexp.Regexp }

func (l look) MatchString(s string) bool {
	return l.is.MatchString(s) && (l.not == nil || !l.not.MatchString(s))
}

func (l look) String() string { return l.is.String() }

// ecma compiles the patterns of real descriptions, with one look-ahead.
func ecma(s string) (jsonschema.Regexp, error) {
	if rest, ok := strings.CutPrefix(s, "^(?!"); ok {
		if inner, after, ok := strings.Cut(rest, ")"); ok && !strings.ContainsAny(inner, "(|[\\") {
			is, err := regexp.Compile("^" + after)
			if err != nil {
				return nil, err
			}
			return look{is, regexp.MustCompile("^(?:" + inner + ")")}, nil
		}
	}
	is, err := regexp.Compile(s)
	return look{is: is}, err
}

// compile returns the judge's schema for a plain one, and its rewriting.
func (l *dialect) compile(raw any) (*jsonschema.Schema, any, error) {
	s := l.schema(raw)
	url := fmt.Sprintf("file:///root%d.json", l.roots)
	l.roots++
	if err := l.compiler.AddResource(url, s); err != nil {
		return nil, s, err
	}
	compiled, err := l.compiler.Compile(url)
	return compiled, s, err
}

// closure returns the definitions that a schema reaches.
func (l *dialect) closure(s any) object {
	out := object{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			if ref, ok := v["$ref"].(string); ok {
				name := nameOf(ref)
				if _, seen := out[name]; !seen {
					out[name] = l.defs[name]
					walk(l.defs[name])
				}
			}
			for k, x := range v {
				if k != "enum" && k != "const" {
					walk(x)
				}
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(s)
	return out
}

// only compiles a schema as the only body of a description.
func only(version string, schema any, components object) (*openapi.Schema, error) {
	b, err := json.Marshal(object{
		"openapi": version, "info": object{"title": "t", "version": "1"},
		"paths": object{"/a": object{"post": object{
			"operationId": "a", "requestBody": object{"content": object{"application/json": object{"schema": schema}}},
			"responses": object{"200": object{"description": "ok"}},
		}}},
		"components": object{"schemas": components},
	})
	if err != nil {
		return nil, err
	}
	d, err := openapi.Parse("one.json", b)
	if err != nil {
		return nil, err
	}
	return d.Operation("a").RequestBody.Content[0].Schema, nil
}

// ours judges a body. The reason is empty when it is accepted. The program that
// decides and the walk that explains must come to one verdict, but that the walk
// has a budget.
func ours(t testing.TB, s *openapi.Schema, d *jsonwalk.Doc, body []byte, o openapi.Options) (reason string, lexical error) {
	t.Helper()
	accepted := s.Accepts(body, jsonwalk.Limits{}, o)
	if err := d.Parse(body, jsonwalk.Limits{}); err != nil {
		if accepted {
			t.Errorf("the program accepts what cannot be parsed (%v): %q", err, body)
		}
		return err.Error(), err
	}
	v, ok := s.Validate(d, o)
	if ok != accepted && v.Keyword != "budget" {
		t.Errorf("%s: the program says %v, the walk %v (%v): %.600s", s.Place(), accepted, ok, v, body)
	}
	switch {
	case accepted:
		return "", nil
	case ok:
		return "refused without a reason", nil
	}
	return v.Pointer + " " + v.Keyword, nil
}
