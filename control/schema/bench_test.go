package schema_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/schema"
)

// Benchmark judges what comes in other forms than JSON, or before it.
func Benchmark(b *testing.B) {
	photo := "name=\"any\"; filename=\"a.png\"\nContent-Type: image/png\n\n" + png
	for _, c := range []struct {
		name  string
		steps []gatehouse.Step
		x     *gatehouse.Exchange
	}{
		{"path", steps(b, "post", schema.Kind.New())[:1], post("application/json", "{}")},
		{"query", steps(b, "get", schema.Kind.New()), get("limit=5&q=caf%C3%A9&status=open&ids=1&ids=2&tags=a,b&filter[min]=1&on=true")},
		{"form", formSteps(b, "form", nil), post("application/x-www-form-urlencoded", "name=a+b&age=1&ids[]=1&ids[]=2&address[city]=x&address[zip]=1&orders[0][sku]=a&orders[0][n]=1&meta[a]=1")},
		{"upload 1 KiB", formSteps(b, "upload", nil), upload("name=\"title\"\n\nhello", "name=\"count\"\n\n1", photo+strings.Repeat("x", 1<<10))},
		{"upload 1 MiB", formSteps(b, "upload", nil), upload("name=\"title\"\n\nhello", "name=\"count\"\n\n1", photo+strings.Repeat("x", 1<<20))},
		{"upload 1 MiB of dashes", formSteps(b, "upload", nil), upload("name=\"title\"\n\nhello", "name=\"count\"\n\n1", photo+strings.Repeat("\r\n--Xb", 1<<20/6))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.x.Request.Body) + len(c.x.Request.Query)))
			for b.Loop() {
				if rule, detail := run(b, c.steps, c.x); rule != "" {
					b.Fatal(rule, detail)
				}
			}
		})
	}
}
