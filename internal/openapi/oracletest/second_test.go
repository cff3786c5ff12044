package oracletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// reached returns the component schemas that a schema of a description reaches,
// or false when it refers to anything else.
func reached(raw any, schemas object) (object, bool) {
	out, whole := object{}, true
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			if ref, ok := v["$ref"].(string); ok {
				name, local := strings.CutPrefix(ref, "#/components/schemas/")
				whole = whole && local && schemas[name] != nil
				if _, seen := out[name]; !seen {
					out[name] = schemas[name]
					walk(schemas[name])
				}
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(raw)
	return out, whole
}

// asSecond compiles a subject for the second judge, once, or returns nil where
// that one cannot.
func (s *subject) asSecond() *openapi3.Schema {
	if s.second != nil && s.kin == nil {
		s.kin = s.compileSecond()
		if s.kin == nil {
			s.second = nil
		}
	}
	return s.kin
}

func (s *subject) compileSecond() *openapi3.Schema {
	schemas, _ := s.components["schemas"].(object)
	used, whole := reached(s.second, schemas)
	if !whole {
		return nil
	}
	b, err := json.Marshal(object{"openapi": "3.0.3", "info": object{"title": "t", "version": "1"}, "components": object{"schemas": used}, "paths": object{"/a": object{"post": object{
		"operationId": "a", "requestBody": object{"content": object{"application/json": object{"schema": s.second}}}, "responses": object{"200": object{"description": "ok"}},
	}}}})
	if err != nil {
		return nil
	}
	s.chooses = bytes.Contains(b, []byte(`"discriminator"`))
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		return nil
	}
	return doc.Paths.Find("/a").Post.RequestBody.Value.Content["application/json"].Schema.Value
}

// stringFormats are our formats in the second judge's form: like the judge, it is
// asked what schemas make of them.
var stringFormats = sync.OnceValue(func() map[string]openapi3.StringFormatValidator {
	all := map[string]openapi3.StringFormatValidator{}
	for _, f := range formatsByOurs() {
		all[f.Name] = openapi3.NewCallbackValidator(func(s string) error { return f.Validate(s) })
	}
	return all
})

// askSecond asks the second judge, which may panic (VALIDATION.md section 3.3).
func askSecond(k *openapi3.Schema, body []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	return k.VisitJSON(v, openapi3.VisitAsRequest(), openapi3.EnableFormatValidation(), openapi3.WithStringFormatValidators(stringFormats()))
}

// known says why the second judge differs where we and the judge agree; "" is a
// difference that nobody has explained.
func known(v *verdict, err error) string {
	_, keyword, _ := strings.Cut(v.why, " ")
	switch {
	case v.lexical != nil:
		return "it reads what our lexer refuses"
	case err == nil && keyword == "format":
		return "it does not know the format"
	case err == nil && keyword == "oneOf", err != nil && v.of.chooses && discriminated(err):
		// For OpenAPI, a discriminator is a hint that changes no verdict.
		return "it chooses among oneOf and anyOf by discriminator alone"
	case err != nil && strings.Contains(err.Error(), "format"):
		return "it reads formats otherwise"
	case v.beyondExact():
		return "it reads numbers as doubles"
	case err != nil && strings.Contains(err.Error(), "not nullable"):
		return "it refuses null where no type is written"
	}
	return ""
}

// discriminated reports an error of the second judge about a choice.
func discriminated(err error) bool {
	for _, choice := range []string{"anyOf", "oneOf", "discriminator"} {
		if strings.Contains(err.Error(), choice) {
			return true
		}
	}
	return false
}

// differs reports whether the second judge says otherwise of a body on which we
// and the judge agree, and why, when that is known.
func (v *verdict) differs() (why string, err error, differs bool) {
	k := v.of.asSecond()
	if k == nil || v.of.way != openapi.Request || (v.judge == nil) != (v.why == "") {
		return "", nil, false
	}
	if err = askSecond(k, v.body); (err == nil) == (v.why == "") {
		return "", err, false
	}
	return known(v, err), err, true
}

// TestTheSecondJudgeMostlyAgrees asks kin-openapi, where it can read the schema,
// what it says of the same bodies. It is no judge of right and wrong, since it is
// known to err; but every difference must be one that is known.
func TestTheSecondJudgeMostlyAgrees(t *testing.T) {
	if race.Enabled {
		t.Skip("too slow under the race detector")
	}
	n := tally{}
	var doc jsonwalk.Doc
	made, agreed := 0, 0
	for _, file := range []string{"github.v3.json", "stripe.json", "digitalocean.yaml"} {
		for i, s := range read(t, file).realSubjects(t, 6) {
			if s.way != openapi.Request || s.asSecond() == nil {
				continue
			}
			n["schemas"]++
			m := maker{rand.New(rand.NewPCG(7, uint64(i)))}
			for range 30 {
				v := s.compare(t, &doc, m.body(s))
				if v.judge == nil && v.why != "" || v.judge != nil && v.why == "" {
					continue // explained elsewhere
				}
				made++
				why, err, differs := v.differs()
				if !differs {
					agreed++
					continue
				}
				if n[why]++; why == "" {
					t.Errorf("%s: %.300s: we say %q, the second judge %.300v", s.name, v.body, v.why, err)
				}
			}
		}
	}
	t.Logf("figure kin-openapi agrees on %d of %d bodies:%v", agreed, made, n)
	if made < 1000 || agreed < made*9/10 {
		t.Errorf("it agrees on %d of %d bodies only", agreed, made)
	}
}
