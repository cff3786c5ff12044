package learn_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/learn"
)

const descriptions = "../../shared/corpora/openapi"

// ops.learn: the path templates of real APIs are found again in requests to them,
// whose ids are numbers, UUIDs or names of users; and no such name becomes a word of
// a path.
func TestThePathsOfRealAPIsAreFoundAgain(t *testing.T) {
	if _, err := os.Stat(descriptions); err != nil {
		t.Skip("the corpus of descriptions is missing: " + descriptions)
	}
	for name, of := range map[string]struct{ templates, found, other int }{
		"github.v3.json": {1222, 1208, 4}, "stripe.json": {594, 594, 0}, "digitalocean.yaml": {659, 642, 4}, "svix.json": {252, 252, 0}, "vercel.json": {113, 113, 0}, "prometheus-3.1.yaml": {49, 49, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := openapi.Load(filepath.Join(descriptions, name))
			if err != nil {
				t.Fatal(err)
			}
			w := &world{Rand: rand.New(rand.NewPCG(1, 2))}
			var list []learn.Exchange
			want := map[string]bool{}
			for _, op := range d.Operations {
				want[op.Method()+" "+nameless(op.Template())] = true
				list = append(list, times(12, func(int) learn.Exchange { return w.call(op) })...)
			}
			w.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			_, api := learned(t, list)
			found, other := 0, []string{}
			for _, op := range api.doc.Operations {
				if k := op.Method() + " " + nameless(op.Template()); want[k] {
					found++
				} else {
					other = append(other, k)
				}
			}
			for i := range list {
				if rule := api.refuses(t, &list[i]); rule != "" && rule != "wire" {
					t.Errorf("%s: %s", list[i].Target, rule)
				}
			}
			t.Logf("%d of %d templates found, %d others: %v", found, len(want), len(other), other)
			if len(want) != of.templates || found < of.found || len(other) > of.other {
				t.Errorf("want %+v", of)
			}
		})
	}
}

func nameless(template string) string {
	var b strings.Builder
	for i, s := range strings.Split(template, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		if strings.Contains(s, "{") {
			s = "{}"
		}
		b.WriteString(s)
	}
	return b.String()
}

// call makes a request of an operation and an answer.
func (w *world) call(op *openapi.Operation) learn.Exchange {
	path, value := "", ""
	for s := range strings.SplitSeq(op.Template()[1:], "/") {
		if strings.Contains(s, "{") {
			value = []func() string{func() string { return fmt.Sprint(1 + w.IntN(1_000_000)) }, w.uuid, w.word}[w.IntN(3)]()
			s = value
		}
		path += "/" + s
	}
	x := learn.Exchange{Method: op.Method(), Target: path, Status: 200}
	// Each kind of resource has members of its own, and says which one it is.
	kind := strings.NewReplacer("/", "_", "{", "", "}", "", "-", "_", ".", "_").Replace(op.Template()[1:])
	kind = kind[max(0, len(kind)-24):]
	x.Reply = learn.Body{Type: "application/json", Bytes: marshal(map[string]any{"id": value, "a_" + kind: 1, "b_" + kind: true, "c_" + kind: "x"})}
	return x
}
