package oracletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// subject is one schema, compiled by us and by the judge.
type subject struct {
	name  string
	way   openapi.Direction
	ours  *openapi.Schema
	plain any    // in the judge's words
	defs  object // that plain refers to
	// judge compiles at the first use.
	judge func(testing.TB) *jsonschema.Schema
	data  [][]byte // of the suite
	names []string // of all members that the schema declares
	// second is the schema as a description of OpenAPI 3.0 has it, with what it
	// refers to; nil where there is none.
	second, components object
	kin                *openapi3.Schema // of second, once it is compiled
	chooses            bool             // second has a discriminator
}

// declaredNames returns the names of members that a schema speaks of.
func declaredNames(v any) []string {
	all := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			for k, x := range v {
				if p, ok := x.(object); ok && k == "properties" {
					for name := range p {
						all[name] = true
					}
				}
				if list, ok := x.([]any); ok && k == "required" {
					for _, name := range list {
						if s, ok := name.(string); ok {
							all[s] = true
						}
					}
				}
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	return slices.Sorted(maps.Keys(all))
}

// suiteSubjects are the schemas of JSON-Schema-Test-Suite that stand on their own.
func suiteSubjects(t testing.TB) (out []*subject) {
	t.Helper()
	files, _ := filepath.Glob(corpus + "json-schema/tests/draft2020-12/*.json")
	if len(files) == 0 {
		t.Skip("corpora/json-schema is missing")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range decode(t, b).([]any) {
			if s := suiteSubject(t, filepath.Base(file), g.(object)); s != nil {
				out = append(out, s)
			}
		}
	}
	return out
}

func suiteSubject(t testing.TB, file string, g object) *subject {
	t.Helper()
	text, _ := json.Marshal(g["schema"])
	if strings.Contains(string(text), "http://localhost:1234/") || strings.Contains(string(text), "$dynamic") || strings.Contains(string(text), "json-schema.org/draft/2020-12/s") && strings.Count(string(text), "json-schema.org") > 1 {
		return nil
	}
	s := &subject{name: file + ": " + g["description"].(string), plain: g["schema"], names: declaredNames(g["schema"])}
	url := "http://oracle.test/schema"
	if m, ok := g["schema"].(object); ok {
		if m["format"] == "regex" { // the judge's reading of it cannot be replaced by ours
			return nil
		}
		delete(m, "$schema")
		if _, has := m["$id"]; !has {
			m["$id"] = url
		}
		s.defs, _ = m["$defs"].(object)
	}
	compiled, err := only("3.1.0", object{"$ref": "#/components/schemas/S"}, object{"S": g["schema"]})
	if err != nil {
		return nil
	}
	s.ours = compiled
	var judge *jsonschema.Schema
	s.judge = func(t testing.TB) *jsonschema.Schema {
		if judge != nil {
			return judge
		}
		c := newJudge()
		if err := c.AddResource(url, g["schema"]); err != nil {
			t.Fatal(err)
		}
		var err error
		if judge, err = c.Compile(url); err != nil {
			t.Fatalf("%s: the judge: %v", s.name, err)
		}
		return judge
	}
	for _, c := range g["tests"].([]any) {
		b, _ := json.Marshal(c.(object)["data"])
		s.data = append(s.data, b)
	}
	return s
}

// realSubjects are the bodies of a description, each step-th of them.
func (d *description) realSubjects(t testing.TB, step int) (out []*subject) {
	t.Helper()
	add := func(name string, way openapi.Direction, m openapi.MediaType, raw object) {
		if m.Schema == nil || raw["schema"] == nil {
			return
		}
		l := d.judged[way]
		s := &subject{name: d.file + " " + name, way: way, ours: m.Schema, defs: l.defs}
		s.plain = l.schema(raw["schema"])
		closure := l.closure(s.plain)
		s.names = declaredNames([]any{s.plain, closure})
		if d.v30 && way == openapi.Request {
			s.second, _ = raw["schema"].(object)
			s.components, _ = d.tree["components"].(object)
		}
		var judge *jsonschema.Schema
		s.judge = func(t testing.TB) *jsonschema.Schema {
			if judge == nil {
				var err error
				if judge, _, err = l.compile(raw["schema"]); err != nil {
					t.Fatalf("%s: the judge: %v", s.name, err)
				}
			}
			return judge
		}
		out = append(out, s)
	}
	for i, op := range d.doc.Operations {
		if i%step != 0 {
			continue
		}
		_, of := d.operation(op)
		if op.RequestBody != nil {
			content := d.follow(of["requestBody"])["content"]
			for _, m := range op.RequestBody.Content {
				add(op.ID(), openapi.Request, m, d.media(content, m.Type))
			}
		}
		responses, _ := of["responses"].(object)
		for _, r := range op.Responses {
			for _, m := range r.Content {
				add(fmt.Sprint(op.ID(), " ", r.Status), openapi.Reply, m, d.media(d.follow(responses[r.Status])["content"], m.Type))
			}
		}
	}
	return out
}

// subjects are all that the fuzz target chooses from.
func subjects(t testing.TB) []*subject {
	t.Helper()
	all := suiteSubjects(t)
	for _, c := range []struct {
		file string
		step int
	}{{"svix.json", 4}, {"vercel.json", 2}, {"prometheus-3.2.yaml", 2}, {"digitalocean.yaml", 10}, {"stripe.json", 15}, {"github.v3.json", 12}} {
		if race.Enabled && c.file != "prometheus-3.2.yaml" { // the others are too slow there
			continue
		}
		all = append(all, read(t, c.file).realSubjects(t, c.step)...)
	}
	return all
}
