package schema_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/schema"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

func corpus(t *testing.T, name string) *openapi.Document {
	t.Helper()
	files, _ := filepath.Glob("../../../shared/corpora/openapi/*")
	if len(files) == 0 {
		t.Skip("the corpus of descriptions is not in ../shared/corpora")
	}
	for _, f := range files {
		if strings.Contains(f, name) {
			d, err := openapi.Load(f)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("no description of %s", name)
	return nil
}

// Every operation of every real description compiles, in every style that there is.
func TestEveryRealOperationCompiles(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpora/openapi/*")
	if len(files) == 0 {
		t.Skip("the corpus of descriptions is not in ../shared/corpora")
	}
	operations := 0
	for _, f := range files {
		if i, err := os.Stat(f); err != nil || i.IsDir() || !strings.Contains("json yaml yml", strings.TrimPrefix(filepath.Ext(f), ".")) {
			continue
		}
		d, err := openapi.Load(f)
		if err != nil {
			t.Logf("%s does not load: %v", f, err)
			continue
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		var kept [][]gatehouse.Step
		for _, op := range d.Operations {
			steps, err := schema.Kind.New().Compile(&gatehouse.Build{Operation: op, Now: time.Now})
			if err != nil {
				t.Errorf("%s: %s: %v", f, op.ID(), err)
			}
			kept = append(kept, steps)
			operations++
		}
		took := time.Since(began)
		runtime.GC()
		runtime.ReadMemStats(&after)
		t.Logf("%s: %d operations in %v, %d KiB", filepath.Base(f), len(kept), took, (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10)
		runtime.KeepAlive(kept)
	}
	t.Logf("figure operations of real descriptions compiled %d/%d", operations, operations)
	if operations < 1000 {
		t.Errorf("only %d operations", operations)
	}
}

// The forms that Stripe's own documentation shows are taken; a member more is not.
func TestFormsOfARealDescriptionAreTaken(t *testing.T) {
	d := corpus(t, "stripe")
	for _, c := range []struct{ id, body, want string }{
		{"PostCustomers", "name=Jenny+Rosen&email=jenny%40example.com&metadata[order_id]=6735&address[city]=Berlin&address[country]=DE", ""},
		{"PostCustomers", "name=Jenny&address[city]=Berlin&address[admin]=1", "schema.undeclared"},
		{"PostCustomers", "name=Jenny&admin=1", "schema.undeclared"},
		{"PostCustomers", "name=Jenny&metadata=", ""},
		{"PostCustomers", "name=Jenny&name=Joe", "schema.duplicate"},
		{"PostCustomers", "name=Jenny&expand[]=tax&expand[]=sources", ""},
		{"PostCustomers", "name=Jenny&expand[0]=tax&expand[1]=sources", ""},
		{"PostCustomers", "name=Jenny&expand[]=tax&expand[0]=sources", "schema.form"},
		{"PostCustomers", "balance=abc", "schema.body"},
		{"PostSubscriptions", "customer=cus_Na6dX7aXxi11N4&items[0][price]=price_1MowQULkdIwHu7ixraBm864M&items[0][quantity]=2&items[1][price]=x", ""},
		{"PostSubscriptions", "customer=cus_1&items[0][price]=p&items[0][oops]=2", "schema.undeclared"},
		{"PostSubscriptions", "customer=cus_1&items[][price]=p&items[][quantity]=2", "schema.form"},
		{"PostPaymentIntents", "amount=2000&currency=usd&automatic_payment_methods[enabled]=true", ""},
		{"PostPaymentIntents", "amount=20.5&currency=usd", "schema.body"},
	} {
		op := d.Operation(c.id)
		if op == nil {
			t.Errorf("there is no %s", c.id)
			continue
		}
		steps, err := schema.Kind.New().Compile(&gatehouse.Build{Operation: op, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		x := post("application/x-www-form-urlencoded", c.body)
		x.Request.Params = nil
		if rule, detail := run(t, steps, x); rule != c.want {
			t.Errorf("%s %s: %q (%s), want %q", c.id, c.body, rule, detail, c.want)
		}
	}
}
