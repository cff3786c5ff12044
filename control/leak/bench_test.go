package leak

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

// bodies are successes in which nothing is found, by what they are made of.
var bodies = map[string]string{
	"an order": order(11),
	"ordinary": string(ordinary),
	// as many digits as replies have
	"numbers": strings.Repeat(`{"id":8421557,"created_at":"2026-11-21T10:42:07.123456Z","lat":52.5200066,"ref":"018f3c2e-7b1a-7c3d-9e4f-123456789abc","at":1732200000000},`, 8),
	// indented
	"pretty": strings.Repeat("        {\n            \"id\": 8421557,\n            \"customer\": \"alice\",\n            \"item\": \"A book about gates\"\n        },\n", 10),
	"prose": `{"text":"` + strings.Repeat(`A gate is a point of entry to a space that is enclosed by walls. The word is derived from an old word for road or path; other terms include yett and port. `+
		`The concept originally referred to the gap or hole in the wall or fence, rather than a barrier which closed it. The moving part or parts of a gateway may be considered doors, `+
		`as they are fixed at one side whilst opening and closing like one. `, 2) + `"}`,
	"links":  strings.Repeat(`{"login":"octocat","avatar_url":"https://example.com/images/error/octocat_happy.gif","gists_url":"https://api.example.com/users/octocat/gists{/gist_id}","site_admin":false},`, 6),
	"100 kB": order(1335),
	"a name": "order.created",
}

// order is what the bench reads: an order of about 1 kB when it has 11 lines.
func order(lines int) string {
	var b strings.Builder
	b.WriteString(`{"id":"u0","customer_id":"u0","tenant_id":"t1","status":"shipped","created":"2026-10-02T08:15:30Z","currency":"EUR","total":48950,"note":"leave it with the neighbours","lines":[`)
	for i := range lines {
		fmt.Fprintf(&b, `{"sku":"BK-%05d","name":"a book about gates, vol. %d","quantity":%d,"price":%d},`, 10_000+i, i+1, i%3+1, 1990+100*i)
	}
	return strings.TrimSuffix(b.String(), ",") + "]}"
}

func BenchmarkInspect(b *testing.B) {
	for name, body := range bodies {
		b.Run(name, func(b *testing.B) {
			s := inspector(b)
			x := &gatehouse.Exchange{}
			x.Response.Status, x.Response.Body = 200, []byte(body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if v, _ := s.Enforce(b.Context(), x); v.Rule() != "" {
					b.Fatal(v.Rule())
				}
			}
		})
	}
}

// BenchmarkScrub drops one field of ten.
func BenchmarkScrub(b *testing.B) {
	fields := gatehouse.Fields{}
	for _, name := range []string{"server", "date", "content-type", "content-length", "cache-control", "vary", "x-content-type-options", "strict-transport-security", "x-request-id", "content-security-policy"} {
		fields.Add(name, "x")
	}
	x := &gatehouse.Exchange{}
	b.ReportAllocs()
	for b.Loop() {
		x.Response.Fields = append(x.Response.Fields[:0], fields...)
		scrub(b.Context(), x)
	}
	if len(x.Response.Fields) != len(fields)-1 {
		b.Fatal(x.Response.Fields)
	}
}
