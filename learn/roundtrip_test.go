package learn_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/learn"
)

// world is a small API made up at random, and those who use it.
type world struct {
	*rand.Rand
	resources []resource
}

type resource struct {
	name   string
	prefix string
	id     func() string
	fields []field
}

// field is a member and the values it has.
type field struct {
	name     string
	optional bool
	value    func(depth int) any
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7))}
	names := []string{"orders", "customers", "invoices", "categories", "boxes", "order-items", "people", "news"}
	w.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	prefix := []string{"", "/v1", "/api/v2", "/rest"}[w.IntN(4)]
	for _, n := range names[:2+w.IntN(3)] {
		r := resource{name: n, prefix: prefix, id: w.identifiers()}
		for i := range 2 + w.IntN(8) {
			r.fields = append(r.fields, w.field(i, 2))
		}
		w.resources = append(w.resources, r)
	}
	return w
}

func (w *world) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[w.IntN(16)]
	}
	return string(b)
}

func (w *world) uuid() string {
	return w.hex(8) + "-" + w.hex(4) + "-4" + w.hex(3) + "-a" + w.hex(3) + "-" + w.hex(12)
}

func (w *world) word() string {
	b := make([]byte, 3+w.IntN(10))
	for i := range b {
		b[i] = "etaoinshrdlu"[w.IntN(12)]
	}
	return string(b)
}

// identifiers returns one of the ways to name the elements of a collection.
func (w *world) identifiers() func() string {
	return []func() string{
		func() string { return fmt.Sprint(w.IntN(100_000)) },
		w.uuid,
		func() string { return "ord-" + fmt.Sprint(w.IntN(1000)) },
		func() string { return "01J" + strings.ToUpper(w.hex(23)) },
		func() string { return w.word() + " & " + w.word() },
		w.word,
	}[w.IntN(6)]
}

func (w *world) field(i, depth int) field {
	f := field{optional: w.IntN(3) == 0}
	kinds := []struct {
		name string
		of   func(int) any
	}{
		{"count", func(int) any { return w.IntN(1 << w.IntN(40)) }},
		{"delta", func(int) any { return w.IntN(2000) - 1000 }},
		{"amount", func(int) any { return float64(w.IntN(10_000)) / 100 }},
		{"ratio", func(int) any { return json.Number([]string{"1", "1.5", "1e-3", "-2E2", "0"}[w.IntN(5)]) }},
		{"paid", func(int) any { return w.IntN(2) == 0 }},
		{"status", func(int) any { return []string{"open", "shipped", "cancelled"}[w.IntN(3)] }},
		{"created_at", func(int) any {
			return fmt.Sprintf("20%02d-0%d-1%dT0%d:00:00Z", w.IntN(30), 1+w.IntN(9), w.IntN(10), w.IntN(10))
		}},
		{"day", func(int) any { return fmt.Sprintf("20%02d-0%d-1%d", w.IntN(30), 1+w.IntN(9), w.IntN(10)) }},
		{"key", func(int) any { return w.uuid() }},
		{"email", func(int) any { return w.word() + "@example.com" }},
		{"link", func(int) any { return "https://example.com/" + w.word() }},
		{"address", func(int) any { return fmt.Sprintf("10.0.%d.%d", w.IntN(256), w.IntN(256)) }},
		{"note", func(int) any { return strings.Repeat("é\" ", w.IntN(50)) }},
		{"mixed", func(int) any { return []any{1, "one", nil, true}[w.IntN(4)] }},
		{"nothing", func(int) any { return nil }},
		{"maybe", func(int) any { return []any{nil, w.word()}[w.IntN(2)] }},
	}
	if depth > 0 {
		inner := []field{w.field(0, depth-1), w.field(1, depth-1)}
		kinds = append(kinds, kinds[0], kinds[1])[:len(kinds)]
		switch w.IntN(4) {
		case 0:
			f.name, f.value = fmt.Sprintf("part%d", i), func(int) any { return w.object(inner, 1) }
			return f
		case 1:
			f.name, f.value = fmt.Sprintf("list%d", i), func(int) any {
				list := []any{}
				for range w.IntN(5) {
					list = append(list, w.object(inner, 1))
				}
				return list
			}
			return f
		case 2:
			f.name, f.value = fmt.Sprintf("map%d", i), func(int) any {
				m := map[string]any{}
				for range w.IntN(4) {
					m[w.uuid()] = w.object(inner, 1)
				}
				return m
			}
			return f
		}
	}
	k := kinds[w.IntN(len(kinds))]
	f.name, f.value = fmt.Sprintf("%s%d", k.name, i), k.of
	if k.name == "status" {
		f.name = "status"
	}
	return f
}

func (w *world) object(fields []field, depth int) map[string]any {
	m := map[string]any{}
	for _, f := range fields {
		if !f.optional || w.IntN(2) == 0 {
			m[f.name] = f.value(depth)
		}
	}
	return m
}

func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// exchange is what one client does, and the answer.
func (w *world) exchange() learn.Exchange {
	r := w.resources[w.IntN(len(w.resources))]
	base := r.prefix + "/" + r.name
	one := base + "/" + url.PathEscape(r.id())
	x := learn.Exchange{Method: "GET", Target: base, Status: 200}
	body := func(v any) { x.Body = learn.Body{Type: "application/json", Bytes: marshal(v)} }
	reply := func(v any) { x.Reply = learn.Body{Type: "application/json; charset=utf-8", Bytes: marshal(v)} }
	element := w.object(r.fields, 2)
	switch w.IntN(9) {
	case 0, 1:
		q := url.Values{}
		if w.IntN(2) == 0 {
			q.Set("limit", fmt.Sprint(1+w.IntN(100)))
		}
		if w.IntN(2) == 0 {
			q["tag"] = []string{w.word(), w.word()}[:1+w.IntN(2)]
		}
		if w.IntN(3) == 0 {
			q.Set("filter[min]", fmt.Sprint(w.Float64()))
		}
		if len(q) > 0 {
			x.Target += "?" + q.Encode()
		}
		list := []any{}
		for range w.IntN(4) {
			list = append(list, w.object(r.fields, 2))
		}
		reply(map[string]any{"items": list, "next": nil})
	case 2:
		x.Method, x.Status = "POST", 201
		body(element)
		reply(element)
	case 3:
		x.Method, x.Target = "PATCH", one
		body(w.object(r.fields[:1], 2))
		reply(element)
	case 4:
		x.Method, x.Target, x.Status = "DELETE", one, 204
	case 5:
		x.Method, x.Target, x.Status = "POST", one+"/close", 202
	case 6:
		x.Method, x.Target, x.Status = "POST", base+"/search", 200
		x.Body = learn.Body{Type: "application/x-www-form-urlencoded", Bytes: []byte(url.Values{"q": {w.word()}, "page": {fmt.Sprint(w.IntN(50))}, "sort": []string{"up", "down"}[:1+w.IntN(2)]}.Encode())}
		reply([]any{element})
	default:
		x.Target = one
		reply(element)
	}
	if w.IntN(20) == 0 { // what the API refuses teaches nothing of what it takes
		x.Status = []int{400, 401, 404, 422, 500}[w.IntN(5)]
		x.Reply = learn.Body{Type: "application/problem+json", Bytes: []byte(`{"title":"no"}`)}
	}
	if w.IntN(2) == 0 {
		x.Fields.Add("x-client", w.word())
	}
	x.Fields.Add("authorization", "Bearer "+w.hex(40))
	return x
}

// mutated returns an exchange that nobody has taught, and whether there is one to
// be made of x.
func (w *world) mutated(x learn.Exchange) (learn.Exchange, string) {
	var m map[string]any
	isObject := len(x.Body.Bytes) > 0 && x.Body.Type == "application/json" && json.Unmarshal(x.Body.Bytes, &m) == nil
	kind := w.IntN(6)
	switch {
	case kind == 0 && isObject:
		m["is_admin"] = true
		x.Body.Bytes = marshal(m)
		return x, "a member more"
	case kind == 1 && len(x.Body.Bytes) > 0:
		x.Body.Type = "text/plain"
		return x, "another media type"
	case kind == 2 && isObject:
		x.Body.Bytes = []byte(`[` + string(x.Body.Bytes) + `]`)
		return x, "another type"
	case kind == 5 && isObject:
		for name, v := range m {
			if _, ok := v.(string); ok {
				m[name] = strings.Repeat("long", 1000)
				x.Body.Bytes = marshal(m)
				return x, "a longer text"
			}
		}
	case kind == 3:
		x.Target += map[bool]string{true: "&", false: "?"}[strings.Contains(x.Target, "?")] + "debug=1"
		return x, "a parameter more"
	case kind == 4:
		x.Method = "PUT"
		return x, "another method"
	}
	path, query, _ := strings.Cut(x.Target, "?")
	x.Target = path + "/internal/export?" + query
	return x, "another path"
}

// ops.learn: what was learned validates what it was learned from, and refuses
// what it has not seen.
func TestWhatWasLearnedTakesWhatItWasLearnedFromAndNothingElse(t *testing.T) {
	exchanges, mutated, refused := 0, 0, map[string]int{}
	for seed := range uint64(60) {
		w := newWorld(seed)
		list := times(20+w.IntN(400), func(int) learn.Exchange { return w.exchange() })
		text, api := learned(t, list)
		for i := range list {
			x := &list[i]
			if x.Status >= 400 {
				continue
			}
			exchanges++
			if rule := api.refuses(t, x); rule != "" {
				t.Fatalf("seed %d: %s %s %s: %s\n%s\n%s", seed, x.Method, x.Target, x.Body.Bytes, rule, x.Reply.Bytes, text)
			}
			y, how := w.mutated(*x)
			mutated++
			if api.refuses(t, &y) != "" {
				refused[how]++
			} else {
				t.Errorf("seed %d: %s passes: %s %s %s\n%s", seed, how, y.Method, y.Target, y.Body.Bytes, text)
			}
		}
	}
	sum := 0
	for _, n := range refused {
		sum += n
	}
	t.Logf("%d exchanges pass, %d of %d mutated ones are refused: %v", exchanges, sum, mutated, refused)
	if exchanges < 5000 || sum < 5000 || len(refused) != 7 {
		t.Errorf("%d exchanges, %d refused, %v", exchanges, sum, refused)
	}
}

func TestTheOrderOfTrafficDoesNotMatter(t *testing.T) {
	w := newWorld(3)
	list := times(300, func(int) learn.Exchange { return w.exchange() })
	for i := range list { // the count of refusals depends on what was known by then
		list[i].Status = min(list[i].Status, 399)
	}
	first, _ := learned(t, list)
	for range 5 {
		w.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if next, _ := learned(t, list); next != first {
			t.Fatalf("another order gives another text:\n%s\n%s", first, next)
		}
	}
}
