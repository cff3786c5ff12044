package openapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

const explained = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /orders:
    post:
      operationId: createOrder
      requestBody:
        content:
          application/json:
            schema:
              $ref: '#/components/schemas/Order'
      responses: {"200": {description: ok}}
components:
  schemas:
    Order:
      type: object
      required: [item, quantity]
      properties:
        item:
          type: string
          maxLength: 5
        quantity: {type: integer, maximum: 10}
        id: {type: string, readOnly: true}
        lines:
          type: array
          items:
            type: object
            properties:
              sku: {type: string, pattern: "^[a-z]+$"}
        labels:
          type: object
          additionalProperties: {type: string, maxLength: 3}
        pay:
          oneOf:
            - {type: object, required: [card], properties: {card: {type: string}}}
            - {type: object, required: [iban], properties: {iban: {type: string}}}
`

func TestEveryViolationIsExplainedWithItsPlaceAndWithoutValues(t *testing.T) {
	doc, err := openapi.Parse("orders.yaml", []byte(explained))
	if err != nil {
		t.Fatal(err)
	}
	s := doc.Operation("createOrder").RequestBody.Content[0].Schema
	const order = "orders.yaml:%d: #/components/schemas/Order"
	for _, c := range []struct {
		body string
		want []string // pointer | known | keyword | member | line and rest of the place
	}{
		{`{"item":"book","quantity":1}`, nil},
		{`{"item":"CANARY","quantity":11}`, []string{"/item 5 maxLength  21/properties/item/maxLength", "/quantity 9 maximum  22/properties/quantity/maximum"}},
		{`{}`, []string{" 0 required item 17/required", " 0 required quantity 17/required"}},
		{`{"item":1,"quantity":"CANARY","role":"CANARY","x y":1}`, []string{"/item 5 type  20/properties/item/type", "/quantity 9 type  22/properties/quantity/type", "/role 0 undeclared  16", "/* 0 undeclared  16"}},
		{`{"item":"a","quantity":1,"id":"1"}`, []string{"/id 3 readOnly  23/properties/id/readOnly"}},
		{`{"item":"a","quantity":1,"lines":[{"sku":"a"},{"sku":"CANARY"}]}`, []string{"/lines/1/sku 12 pattern  29/properties/lines/items/properties/sku/pattern"}},
		{`{"item":"a","quantity":1,"labels":{"12345":"CANARY"}}`, []string{"/labels/12345 7 maxLength  32/properties/labels/additionalProperties/maxLength"}},
		{`{"item":"a","quantity":1,"pay":{"cash":"CANARY"}}`, []string{"/pay 4 oneOf  35/properties/pay/oneOf"}},
	} {
		var d jsonwalk.Doc
		if err := d.Parse([]byte(c.body), jsonwalk.Limits{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range s.Explain(&d, openapi.Options{}, 8) {
			place := fmt.Sprintf(order, v.Place.Line)
			if !strings.HasPrefix(v.Place.String(), place) {
				t.Errorf("%s: the place is %s", c.body, v.Place)
			}
			got = append(got, fmt.Sprintf("%s %d %s %s %d%s", v.Pointer, v.Known, v.Keyword, v.Member, v.Place.Line, strings.TrimPrefix(v.Place.String(), place)))
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("input.openapi: %s\ngot  %q\nwant %q", c.body, got, c.want)
		}
		if _, ok := s.Validate(&d, openapi.Options{}); ok != (len(c.want) == 0) {
			t.Errorf("%s: the explanation and the verdict differ", c.body)
		}
		if strings.Contains(fmt.Sprint(got), "CANARY") {
			t.Errorf("log.redacted: %s: a value is in %q", c.body, got)
		}
	}
}

func TestAnExplanationIsBounded(t *testing.T) {
	doc, err := openapi.Parse("orders.yaml", []byte(explained))
	if err != nil {
		t.Fatal(err)
	}
	s := doc.Operation("createOrder").RequestBody.Content[0].Schema
	var d jsonwalk.Doc
	body := `{"item":"a","quantity":1,"lines":[` + strings.Repeat(`{"sku":1},`, 100) + `{}]}`
	if err := d.Parse([]byte(body), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Explain(&d, openapi.Options{}, 8)); n != 8 {
		t.Errorf("%d violations, want 8", n)
	}
	if n := len(s.Explain(&d, openapi.Options{MaxItems: 5}, 200)); n != 101 {
		t.Errorf("%d violations, want 100 and the one of our own bound", n)
	}
}
