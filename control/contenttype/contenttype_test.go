package contenttype_test

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/contenttype"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

const description = `openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /a:
    post:
      operationId: a
      requestBody: {content: {application/json: {schema: {type: object}}, "image/*": {}}}
      responses: {"200": {description: ok}}
    get: {operationId: b, responses: {"200": {description: ok}}}
`

func step(t testing.TB, id string, c *contenttype.Config) gatehouse.Step {
	d, err := openapi.Parse("a.yaml", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := c.Compile(&gatehouse.Build{Operation: d.Operation(id), Now: time.Now})
	if err != nil || len(steps) != 1 {
		t.Fatal(steps, err)
	}
	return steps[0]
}

func request(values ...string) *gatehouse.Exchange {
	x := &gatehouse.Exchange{}
	x.Request.HasBody = true
	for _, v := range values {
		x.Request.Fields.Add("content-type", v)
	}
	return x
}

// input.content-type, R22
func TestOnlyDeclaredMediaTypesAreTaken(t *testing.T) {
	s := step(t, "a", &contenttype.Config{})
	for value, want := range map[string]string{
		"application/json":                                 "",
		"application/JSON":                                 "",
		"Application/Json; charset=UTF-8":                  "",
		`application/json;charset="utf-8"`:                 "",
		"application/json ; charset=utf-8":                 "",
		"image/png":                                        "",
		"image/":                                           "contenttype.malformed",
		"text/plain":                                       "contenttype.undeclared",
		"text/json":                                        "contenttype.undeclared",
		"application/jsonx":                                "contenttype.undeclared",
		"application/json-patch+json":                      "contenttype.undeclared",
		"text/plain; x=application/json":                   "contenttype.malformed",
		"application/json; charset=utf-16":                 "contenttype.charset",
		"application/json; charset=utf-7":                  "contenttype.charset",
		"application/json; charset=iso-8859-1":             "contenttype.charset",
		"application/json; charset=utf-8; charset=utf-16":  "contenttype.malformed",
		"application/json; charset=utf-16; charset=utf-8":  "contenttype.charset",
		"application/json, text/plain":                     "contenttype.malformed",
		"application/json;":                                "",
		"application/json; charset":                        "contenttype.malformed",
		"application/json; charset=utf-8 x":                "contenttype.malformed",
		`application/json; a="b\"; charset=utf-16; c=\"d"`: "contenttype.malformed",
		"":                  "contenttype.malformed",
		"application":       "contenttype.malformed",
		"application/json/": "contenttype.malformed",
		"*/*":               "contenttype.undeclared",
	} {
		v, err := s.Enforce(context.Background(), request(value))
		if err != nil || v.Rule() != want {
			t.Errorf("%q: %q %v, want %q", value, v.Rule(), err, want)
		}
		if v.Denied() && v.Answer().Status != 415 {
			t.Errorf("%q: status %d", value, v.Answer().Status)
		}
	}
	if v, _ := s.Enforce(context.Background(), request()); v.Rule() != "contenttype.missing" {
		t.Errorf("no type: %q", v.Rule())
	}
	if v, _ := s.Enforce(context.Background(), request("application/json", "text/plain")); v.Rule() != "contenttype.malformed" {
		t.Errorf("two types: %q", v.Rule())
	}
}

// R23: what is compressed is not looked into, so it does not pass.
func TestEncodedBodiesNeedAWaiver(t *testing.T) {
	x := request("application/json")
	x.Request.Fields.Add("content-encoding", "gzip")
	if v, _ := step(t, "a", &contenttype.Config{}).Enforce(context.Background(), x); v.Rule() != "contenttype.encoding" {
		t.Errorf("gzip: %q", v.Rule())
	}
	waiver := &gatehouse.Waiver{Because: "legacy", Owner: "x", Until: time.Now().AddDate(0, 1, 0)}
	if v, _ := step(t, "a", &contenttype.Config{Encoded: waiver}).Enforce(context.Background(), x); !v.Passed() {
		t.Errorf("gzip with a waiver: %q", v.Rule())
	}
	x.Request.Fields.Set("content-encoding", "identity")
	if v, _ := step(t, "a", &contenttype.Config{}).Enforce(context.Background(), x); !v.Passed() {
		t.Errorf("identity: %q", v.Rule())
	}
	d, _ := openapi.Parse("a.yaml", []byte(description))
	expired := &contenttype.Config{Encoded: &gatehouse.Waiver{Until: time.Now().AddDate(0, -1, 0)}}
	if _, err := expired.Compile(&gatehouse.Build{Operation: d.Operation("a"), Now: time.Now}); err == nil {
		t.Error("a waiver that ended still compiles")
	}
}

func TestRequestsWithoutABodyAreNotConcerned(t *testing.T) {
	x := &gatehouse.Exchange{}
	for _, id := range []string{"a", "b"} {
		if v, _ := step(t, id, &contenttype.Config{}).Enforce(context.Background(), x); !v.Passed() {
			t.Errorf("%s: %q", id, v.Rule())
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	s, x := step(t, "a", &contenttype.Config{}), request("application/JSON; charset=UTF-8")
	if n := testing.AllocsPerRun(100, func() {
		if v, _ := s.Enforce(context.Background(), x); !v.Passed() {
			t.Fatal(v.Rule())
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
