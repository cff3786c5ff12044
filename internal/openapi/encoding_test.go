package openapi_test

import (
	"slices"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// OpenAPI 3.1 section 4.8.15.
func TestTheEncodingOfFormsIsKept(t *testing.T) {
	const head = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a","requestBody":{"content":{"multipart/form-data":{"schema":{"$ref":"#/components/schemas/F"},"encoding":{`
	const tail = `}}}},"responses":{"200":{"description":"ok"}}}}},"components":{"headers":{"H":{"required":true,"schema":{"type":"integer"}}},"schemas":{"F":{"type":"object","properties":{"a":{"type":"string","format":"binary"},"b":{"contentMediaType":"image/png"},"c":{"type":"string","contentMediaType":"image/png","contentEncoding":"base64"},"d":{"type":"array","items":{"type":"string","format":"binary"}}},"additionalProperties":{"type":"integer"}}}}}`
	d, err := openapi.Parse("a.json", []byte(head+`"a":{"contentType":"image/PNG, image/*;q=1 , ","headers":{"X-Kind":{"$ref":"#/components/headers/H"},"Content-Type":{}}},"b":{"explode":false},"c":{"style":"pipeDelimited"},"d":{"allowReserved":true}`+tail))
	if err != nil {
		t.Fatal(err)
	}
	m := &d.Operation("a").RequestBody.Content[0]
	a := m.EncodingOf("a")
	if a == nil || !slices.Equal(a.Types, []string{"image/png", "image/*"}) || a.Style != "" || len(a.Headers) != 1 || a.Headers[0].Name != "x-kind" || !a.Headers[0].Required || a.Headers[0].Schema.Types() != openapi.TypeInteger {
		t.Errorf("a is %+v", a)
	}
	for name, want := range map[string]openapi.Encoding{"b": {Style: "form"}, "c": {Style: "pipeDelimited"}, "d": {Style: "form", Explode: true, Reserved: true}} {
		if e := m.EncodingOf(name); e == nil || e.Style != want.Style || e.Explode != want.Explode || e.Reserved != want.Reserved {
			t.Errorf("%s is %+v, want %+v", name, e, want)
		}
	}
	if m.EncodingOf("e") != nil {
		t.Error("there is no e")
	}
	for name, want := range map[string]bool{"a": true, "b": true, "c": false, "d": false} {
		if got := m.Schema.Property(name).Binary(); got != want {
			t.Errorf("%s is binary: %v", name, got)
		}
	}
	if !m.Schema.Property("d").Items().Binary() || m.Schema.Others() == nil || m.Schema.Others().Types() != openapi.TypeInteger {
		t.Error("elements of d are files, and other members are integers")
	}
	if _, err := openapi.Parse("a.json", []byte(head+`"a":{"style":"simple"}`+tail)); err == nil {
		t.Error("forms have no style simple")
	}
}
