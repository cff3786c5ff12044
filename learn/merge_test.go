package learn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/learn"
)

const partly = `openapi: 3.1.0
info: {title: Orders, version: "7"}  # ours
paths:
  /v1/orders/{id}:
    get:
      operationId: deleteOrder  # of all names
      parameters: [{name: id, in: path, required: true, schema: {type: string, maxLength: 9}}]
      responses: {"200": {description: ours}}
  /files/{name}.pdf:
    get:
      operationId: getFile
      parameters: [{name: name, in: path, required: true, schema: {type: string, maxLength: 9}}]
      responses: {"200": {description: ours}}
components:
  responses:
    Error404: {description: ours}
  securitySchemes:
    bearer: {type: http, scheme: bearer, description: ours}
`

// ops.learn: what is described stays, and what is not is added.
func TestWhatIsDescribedAlreadyStays(t *testing.T) {
	l, err := learn.New()
	if err != nil {
		t.Fatal(err)
	}
	known, err := openapi.Parse("partly.yaml", []byte(partly))
	if err != nil {
		t.Fatal(err)
	}
	l.Knows(known)
	var list []learn.Exchange
	for i := range 12 {
		x := get(fmt.Sprintf("/v1/orders/%d", i), `{"never":"learned"}`)
		y := get("/files/a.pdf", `{"never":"learned"}`)
		del := learn.Exchange{Method: "DELETE", Target: fmt.Sprintf("/v1/orders/%d", i), Status: 204}
		del.Fields.Add("authorization", "Bearer x")
		none := learn.Exchange{Method: "DELETE", Target: "/v1/orders/900", Status: 404, Reply: learn.Body{Type: "application/json", Bytes: []byte(`{"error":"no"}`)}}
		list = append(list, x, y, del, none, get("/v1/customers", `{"items":[{"id":1}]}`))
	}
	for i := range list {
		l.Observe(&list[i])
	}
	d, err := l.Describe(learn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	merged, err := learn.Merge([]byte(partly), d)
	if err != nil {
		t.Fatal(err)
	}
	text := string(merged)
	for _, want := range []string{"# ours", "# of all names", "operationId: deleteOrder_learned", "operationId: listCustomers", "LearnedError404:", "'#/components/responses/LearnedError404'", "description: ours}"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, no := range []string{"never", "{orderId}", "name: orderId"} {
		if strings.Contains(text, no) {
			t.Errorf("%q in\n%s", no, text)
		}
	}
	api := opened(t, merged)
	for i := range list {
		if x := &list[i]; x.Status < 400 && x.Method == "DELETE" {
			if rule := api.refuses(t, x); rule != "" {
				t.Errorf("%s %s: %s", x.Method, x.Target, rule)
			}
		}
	}
	if len(api.doc.Operations) != 4 || api.doc.SecuritySchemes[0].Name != "bearer" || !strings.Contains(strings.Join(d.Warnings, "\n"), "24 exchanges were of operations that are described already") {
		t.Errorf("%d operations, %v\n%s", len(api.doc.Operations), d.Warnings, text)
	}
	for base, want := range map[string]string{"openapi: 3.0.3\npaths: {}\n": "3.1 and 3.2 only", "[]": "no description", "a: [": "merging"} {
		if _, err := learn.Merge([]byte(base), d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", base, err)
		}
	}
	if out, err := learn.Merge([]byte(`{"openapi":"3.2.0","info":{"title":"J","version":"1"},"paths":null}`), d); err != nil || len(opened(t, out).doc.Operations) != 2 {
		t.Errorf("JSON: %v\n%s", err, out)
	}
}
