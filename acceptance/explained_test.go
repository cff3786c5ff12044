package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/record"
)

// refusal is a message that the description does not allow, and what is said of it.
type refusal struct {
	what   string
	ask    ask
	reply  string   // of the upstream; "" is an ordinary one
	errors []string // what the problem document says: in name pointer keyword detail
	trail  []string // what explain says, and the end of the place: " @ line #pointer"
}

func refusals(secrets *canaries) []refusal {
	post := func(place, body string) ask {
		return ask{method: "POST", target: "/v1/orders", fields: fields{{Name: "content-type", Value: "application/json"}}, body: fmt.Sprintf(body, secrets.in(place))}
	}
	const newOrder = "#/components/schemas/NewOrder"
	return []refusal{
		{what: "wrong values", ask: post("a body", `{"item":1,"quantity":"%s"}`),
			errors: []string{"body  #/item type ", "body  #/quantity type "},
			trail:  []string{"body #/item: type @ " + newOrder + "/properties/item/type", "body #/quantity: type @ " + newOrder + "/properties/quantity/type"}},
		{what: "a missing member", ask: post("a note", `{"item":"a","note":"%s"}`),
			errors: []string{"body  # required quantity is missing"}, trail: []string{"body #: required quantity @ " + newOrder + "/required"}},
		{what: "an undeclared member", ask: post("an undeclared member", `{"item":"a","quantity":1,"role":"%s"}`),
			errors: []string{"body  # additionalProperties "}, trail: []string{"body #/role: additionalProperties @ " + newOrder + "/additionalProperties"}},
		{what: "an undeclared name", ask: post("a name", `{"item":"a","quantity":1,"%s":1}`),
			errors: []string{"body  # additionalProperties "}, trail: []string{"body #/*: additionalProperties @ " + newOrder + "/additionalProperties"}},
		{what: "no JSON", ask: post("garbage", `{"item":"%s`), errors: []string{"body  # json "}, trail: []string{"body #: json @ "}},
		{what: "query parameters", ask: ask{target: "/v1/orders?limit=101&q=&" + secrets.in("the name of a parameter") + "=" + secrets.in("a parameter")},
			errors: []string{"query limit  maximum ", "query  # undeclared "},
			trail:  []string{"query limit: maximum @ #/paths/~1v1~1orders/get/parameters/0/schema/maximum", "query #: undeclared @ #/paths/~1v1~1orders/get/parameters"}},
		{what: "a path parameter", ask: ask{target: "/v1/orders/" + strings.Repeat(secrets.in("a path"), 2)},
			errors: []string{"path orderId  maxLength "}, trail: []string{"path orderId: maxLength @ #/paths/~1v1~1orders~1{orderId}/parameters/0/schema/maxLength"}},
		{what: "a reply", ask: ask{}, reply: `{"id":"1","customer_id":"alice","tenant_id":"t1","quantity":"` + secrets.in("a reply") + `"}`,
			errors: []string{"reply  #/quantity type "}, trail: []string{"reply #/quantity: type @ #/components/schemas/Order/properties/quantity/type"}},
		{what: "a status", ask: ask{target: "/public/x"}, reply: "201", errors: []string{"reply  # responses "}, trail: []string{"reply #: responses @ #/paths/~1{a}~1{b}/get/responses"}},
	}
}

// TestEveryRefusalByTheDescriptionIsExplained asks for what the description does
// not allow, in the three ways that errors may be told: input.openapi,
// output.validate, output.errors, log.redacted.
func TestEveryRefusalByTheDescriptionIsExplained(t *testing.T) {
	strict := ordinary + "  reply: {on_invalid: refuse}\n"
	told := 0
	for name, o := range map[string]options{
		"development": {api: strict},
		"production":  {api: strict, top: "environment: production\n"},
		"waived":      {api: strict + "verbose_errors: " + waived + "\n", top: "environment: production\n"},
	} {
		t.Run(name, func(t *testing.T) {
			access, answers := &keptText{}, &keptText{}
			recorder := record.New(record.Config{Log: access})
			o.record = recorder
			h := open(t, o)
			var secrets canaries
			for _, r := range refusals(&secrets) {
				h.up.reply(func(c io.Writer, a *arrival) bool {
					switch r.reply {
					case "":
						return jsonReply(c, order)
					case "201":
						_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
						return true
					}
					return jsonReply(c, r.reply)
				})
				for _, c := range h.callers(t) {
					r.ask.token = h.alice()
					g := c.do(r.ask)
					_, _ = fmt.Fprintln(answers, g.fields, g.body)
					want := r.errors
					if name == "production" {
						want = nil
					}
					if said := errorsOf(t, g.body); !slices.Equal(said, want) {
						t.Errorf("%s, %s: the caller is told %q, want %q", r.what, c.name(), said, want)
					}
					trail, text := trailOf(t, recorder, g.fields.Get("X-Request-Id"))
					if said := explanations(trail); !slices.Equal(said, r.trail) {
						t.Errorf("%s, %s: explain says %q, want %q", r.what, c.name(), said, r.trail)
					}
					_, _ = fmt.Fprintln(answers, text)
					told++
				}
			}
			if err := recorder.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			for sink, text := range map[string]string{"an answer or a trail": answers.String(), "the access log": access.String()} {
				for _, place := range secrets.find(text) {
					t.Errorf("log.redacted: the secret of %s is in %s", place, sink)
				}
			}
		})
	}
	if told != 3*9*3 {
		t.Errorf("%d refusals were looked at", told)
	}
}

// errorsOf returns what a problem document says beside the reason.
func errorsOf(t *testing.T, body string) (said []string) {
	t.Helper()
	var problem struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status"`
		RequestID string `json:"request_id"`
		Errors    []struct{ In, Name, Pointer, Keyword, Detail string }
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&problem); err != nil || problem.RequestID == "" {
		t.Errorf("no problem document: %v: %s", err, body)
	}
	for _, e := range problem.Errors {
		said = append(said, strings.Join([]string{e.In, e.Name, e.Pointer, e.Keyword, e.Detail}, " "))
	}
	return said
}

// trailOf returns the trail of a request, and as it is printed.
func trailOf(t *testing.T, r *record.Recorder, id string) (*record.Trail, string) {
	t.Helper()
	for range 500 {
		trail, err := r.Find(context.Background(), id)
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		var out bytes.Buffer
		if err := record.PrintTrail(&out, trail); err != nil {
			t.Fatal(err)
		}
		return trail, out.String()
	}
	t.Fatalf("no trail of %s", id)
	return nil, ""
}

// explanations returns what a trail says of the description, without the lines.
func explanations(trail *record.Trail) (said []string) {
	for _, s := range trail.Steps {
		for _, v := range s.Violations {
			file, pointer, _ := strings.Cut(v.Place, ": #")
			if pointer != "" {
				pointer = "#" + pointer
				if !strings.Contains(file, "api.yaml:") || s.Verdict != gatehouse.SaidDeny.String() {
					pointer += " in " + file + " by " + s.Verdict
				}
			}
			said = append(said, v.String()+" @ "+pointer)
		}
	}
	return said
}
