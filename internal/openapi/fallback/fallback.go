// Package fallback judges documents by the schemas that package openapi cannot:
// those with $dynamicRef and those of other dialects and vocabularies.
//
// It is the only room that imports a library for it, and trusts that library with
// little. It is asked only where an operator has permitted it, only after our
// strict lexer and its limits, for documents of bounded size, and with a budget of
// steps, since anyOf may cost a library time that is exponential in a document's
// depth. What panics or costs too much is refused. The library's messages hold
// values: they are dropped, and only a verdict leaves.
package fallback

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Pattern is a compiled regular expression, which takes linear time.
type Pattern interface {
	MatchString(s string) bool
	String() string
}

// Rules are what a judge is made from. Its zero Text and Number check no format.
type Rules struct {
	// Open returns the file that a URI without fragment names. It never opens the
	// network.
	Open func(uri string) (*jsonwalk.Doc, error)
	// Pattern compiles a pattern of ECMA-262, or refuses it.
	Pattern func(text string) (Pattern, error)
	// Text and Number report whether a value is of a format.
	Text, Number func(format string, value []byte) bool
}

// Bounds of one document and one judgement. A step is one schema applied to one
// value; a value of many members or elements counts for as many, and a text for
// one more every 16 bytes, since patterns read it.
const (
	maxValues    = 4096
	maxText      = 64 << 10 // bytes of strings and names
	maxSteps     = 10_000
	stepsAValue  = 8
	bytesAStep   = 16
	maxDepth     = 64
	vocabularyID = "urn:gatehouse:every-schema"
)

// Verdict is what a judge says.
type Verdict uint8

// The verdicts. Only Valid lets a document pass.
const (
	Invalid Verdict = iota
	Valid
	Spent  // it is too large, or cost more than its size explains
	Failed // the library panicked
)

// Judge judges by one schema. It may be used by many goroutines at once, which
// wait for one another: the budget of each bounds the wait.
type Judge struct {
	mu     sync.Mutex
	schema *jsonschema.Schema
	left   int // steps
}

// errSpent ends a judgement whose budget is spent.
var errSpent = errors.New("fallback: the budget is spent")

// New compiles the schema at a JSON pointer in the file of a URI. What the library
// says of a schema that it cannot compile is in the error.
func New(uri, pointer string, r Rules) (j *Judge, err error) {
	defer func() {
		if p := recover(); p != nil {
			j, err = nil, fmt.Errorf("fallback: compiling %s#%s: the library panicked", uri, pointer)
		}
	}()
	j = &Judge{}
	c := jsonschema.NewCompiler()
	c.UseLoader(files(r.Open))
	c.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) { return r.Pattern(s) })
	// A vocabulary without keywords sees every schema that is compiled, whatever
	// refers to it, so that none can be applied without being counted.
	formats := map[*jsonschema.Schema]string{}
	c.RegisterVocabulary(&jsonschema.Vocabulary{URL: vocabularyID, Compile: func(ctx *jsonschema.CompilerContext, of map[string]any) (jsonschema.SchemaExt, error) {
		name, _ := of["format"].(string)
		formats[ctx.Enqueue(nil)] = name
		return nil, nil
	}})
	c.AssertVocabs()
	if j.schema, err = c.Compile(uri + "#" + (&url.URL{Fragment: hoisted(pointer)}).EscapedFragment()); err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
	}
	for s, name := range formats {
		s.Format = j.counted(name, s.Format, r)
	}
	return j, nil
}

// counted is the format of every schema: what the library asks first, before any
// branch, and so where a judgement's steps are counted.
func (j *Judge) counted(name string, own *jsonschema.Format, r Rules) *jsonschema.Format {
	wrong := errors.New("fallback: format")
	return &jsonschema.Format{Name: "gatehouse", Validate: func(v any) error {
		j.left -= weight(v)
		if j.left < 0 {
			panic(errSpent)
		}
		ok := true
		switch v := v.(type) {
		case string:
			ok = name == "" || r.Text == nil || r.Text(name, []byte(v))
		case json.Number:
			ok = r.Number == nil || r.Number(name, []byte(v))
		}
		if !ok {
			return wrong
		}
		if own != nil {
			return own.Validate(v)
		}
		return nil
	}}
}

func weight(v any) int {
	switch v := v.(type) {
	case map[string]any:
		n := 1
		for name := range v {
			n += 1 + len(name)/bytesAStep
		}
		return n
	case []any:
		return 1 + len(v)
	case string:
		return 1 + len(v)/bytesAStep
	}
	return 1
}

// textOf returns how many bytes of text a document has.
func textOf(d *jsonwalk.Doc) (n int) {
	for i := range d.Len() {
		n += len(d.Name(i))
		if d.Kind(i) == jsonwalk.String {
			n += len(d.Text(i))
		}
	}
	return n
}

// Judge judges a document.
func (j *Judge) Judge(d *jsonwalk.Doc) (v Verdict) {
	text := textOf(d)
	if d.Len() > maxValues || text > maxText {
		return Spent
	}
	value, ok := valueOf(d, 0, maxDepth, false)
	if !ok {
		return Spent
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.left = maxSteps + stepsAValue*(d.Len()+text/bytesAStep)
	defer func() {
		switch p := recover(); p {
		case nil:
		case errSpent:
			v = Spent
		default:
			v = Failed
		}
	}()
	if j.schema.Validate(value) != nil {
		return Invalid
	}
	return Valid
}

// files is the library's way to files.
type files func(uri string) (*jsonwalk.Doc, error)

// Load implements jsonschema.URLLoader.
func (f files) Load(uri string) (any, error) {
	d, err := f(uri)
	if err != nil {
		return nil, err
	}
	v, ok := valueOf(d, 0, 256, true)
	if !ok {
		return nil, errors.New("fallback: nested too deeply")
	}
	hoist(v)
	return v, nil
}

// components is where descriptions keep schemas, which the library looks for
// under $defs only.
const components = "/components/schemas/"

// hoist moves a description's schemas to where the library sees their anchors.
func hoist(v any) {
	root, _ := v.(map[string]any)
	c, _ := root["components"].(map[string]any)
	schemas, ok := c["schemas"].(map[string]any)
	if _, taken := root["$defs"]; ok && !taken {
		delete(c, "schemas")
		root["$defs"] = schemas
	}
}

// hoisted returns where a pointer leads after that.
func hoisted(pointer string) string {
	if rest, ok := strings.CutPrefix(pointer, components); ok {
		return "/$defs/" + rest
	}
	return pointer
}

// valueOf returns node i as the library wants it.
func valueOf(d *jsonwalk.Doc, i, depth int, schema bool) (any, bool) {
	if depth < 0 {
		return nil, false
	}
	switch d.Kind(i) {
	case jsonwalk.Null:
		return nil, true
	case jsonwalk.True, jsonwalk.False:
		return d.Kind(i) == jsonwalk.True, true
	case jsonwalk.Number:
		return json.Number(d.Raw(i)), true
	case jsonwalk.String:
		return string(d.Text(i)), true
	}
	object := map[string]any{}
	list := []any{}
	for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
		v, ok := valueOf(d, c, depth-1, schema)
		if !ok {
			return nil, false
		}
		if d.Kind(i) == jsonwalk.Array {
			list = append(list, v)
			continue
		}
		name := string(d.Name(c))
		if ref, is := v.(string); schema && is && (name == "$ref" || name == "$dynamicRef") {
			if uri, fragment, found := strings.Cut(ref, "#"); found {
				v = uri + "#" + hoisted(fragment)
			}
		}
		object[name] = v
	}
	if d.Kind(i) == jsonwalk.Array {
		return list, true
	}
	return object, true
}
