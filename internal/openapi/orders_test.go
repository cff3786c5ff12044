package openapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// orders is the description that bench serves, and order a reply of its upstream.
const ordersFile = "../../bench/testdata/orders.openapi.yaml"

func order() []byte {
	var b strings.Builder
	b.WriteString(`{"id":"u7","customer_id":"u7","tenant_id":"t1","status":"shipped","created":"2026-10-02T08:15:30Z","currency":"EUR","total":48950,"note":"leave it with the neighbours","lines":[`)
	for i := range 11 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"BK-%05d","name":"a book about gates, vol. %d","quantity":%d,"price":%d}`, 10_000+i, i+1, i%3+1, 1990+100*i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// BenchmarkReadAnOrder is the pass over a reply that control/object and
// control/reply share: the order of bench, 1 kB.
func BenchmarkReadAnOrder(b *testing.B) {
	d, err := Load(ordersFile)
	if err != nil {
		b.Fatal(err)
	}
	s, body := d.Operation("getOrder").Response(200).JSON("application/json"), order()
	path := func(text string) *jsonwalk.Path {
		p, err := jsonwalk.CompilePath(text)
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	picks := NewPicks(nil, path("tenant_id"), path("customer_id"))
	var slot interface{ Reset() }
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if r, ok := s.Read(&slot, body, jsonwalk.Limits{}, Options{Undeclared: Strip}, picks); !ok || r.Cuts() {
			b.Fatal("refused")
		}
		slot.Reset()
	}
}
