package openapi

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// orders is the description that bench serves, and order a reply of its upstream.
const ordersFile = "../../bench/testdata/orders.openapi.yaml"

func order() []byte {
	return orderOf(func(i int) (string, int, int) {
		return fmt.Sprintf("a book about gates, vol. %d", i+1), i%3 + 1, 1990 + 100*i
	})
}

// orderOf is an order whose lines are as line says.
func orderOf(line func(i int) (name string, quantity, price int)) []byte {
	var b strings.Builder
	b.WriteString(`{"id":"u7","customer_id":"u7","tenant_id":"t1","status":"shipped","created":"2026-10-02T08:15:30Z","currency":"EUR","total":48950,"note":"leave it with the neighbours","lines":[`)
	for i := range 11 {
		if i > 0 {
			b.WriteByte(',')
		}
		name, quantity, price := line(i)
		fmt.Fprintf(&b, `{"sku":"BK-%05d","name":%q,"quantity":%d,"price":%d}`, 10_000+i, name, quantity, price)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// BenchmarkReadAnOrder is the pass over a reply that control/object and
// control/reply share: the order of bench, 1 kB.
func BenchmarkReadAnOrder(b *testing.B) { benchmarkReading(b, order()) }

// BenchmarkReadManyOrders is the same over orders no two of which are alike, so that
// the processor cannot learn by heart how long everything is.
func BenchmarkReadManyOrders(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var bodies [][]byte
	for range 256 {
		bodies = append(bodies, orderOf(func(int) (string, int, int) {
			price := 1
			for range r.IntN(6) {
				price = price*10 + r.IntN(10)
			}
			return "a book about gates and other things in the world"[:5+r.IntN(40)], 1 + r.IntN(30), price
		}))
	}
	benchmarkReading(b, bodies...)
}

func benchmarkReading(b *testing.B, bodies ...[]byte) {
	d, err := Load(ordersFile)
	if err != nil {
		b.Fatal(err)
	}
	s := d.Operation("getOrder").Response(200).JSON("application/json")
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
	b.SetBytes(int64(len(bodies[0])))
	for i := 0; b.Loop(); i++ {
		if r, ok := s.Read(&slot, bodies[i%len(bodies)], jsonwalk.Limits{}, Options{Undeclared: Strip}, picks); !ok || r.Cuts() {
			b.Fatal("refused")
		}
		slot.Reset()
	}
}
