package guard

import (
	"errors"
	"strings"
	"testing"
)

// orders is a guard of two tables with a partition, a view and a function.
func orders(d Dialect) *Guard {
	schema := map[Dialect]string{PostgreSQL: "public", SQLite: "main"}[d]
	return New(d, Facts{
		Tables:    []Table{{Schema: schema, Name: "orders", Tenant: Column{Name: "tenant_id"}}, {Schema: schema, Name: "notes", Owner: Column{Name: "owner_id", Type: Integer}, Tenant: Column{Name: "tenant_id"}}, {Schema: schema, Name: "orders_2026", Tenant: Column{Name: "tenant_id"}}},
		Schemas:   []string{schema, "archive"},
		Relations: map[string]string{"totals": "it reads orders"},
		Writes:    map[string]string{"logs": "its trigger t touches orders"},
		Functions: map[string]string{"purge": "it touches orders"},
	})
}

func TestWhatIsSentIsPutTogetherFromWhatWasJudged(t *testing.T) {
	for _, c := range []struct {
		dialect   Dialect
		src, want string
	}{
		{PostgreSQL, "select id from orders where status=$1 -- it's open", `WITH "orders" AS NOT MATERIALIZED (SELECT * FROM "public"."orders" WHERE "tenant_id" = CAST($2 AS text) AND (CASE WHEN "tenant_id" = ANY (ARRAY[CAST($2 AS text)]) THEN 1 END) IS NOT NULL) select id from orders where status=$1`},
		{PostgreSQL, "with x as (select 1) select * from x, ORDERS;", `WITH "orders" AS NOT MATERIALIZED (SELECT * FROM "public"."orders" WHERE "tenant_id" = CAST($1 AS text) AND (CASE WHEN "tenant_id" = ANY (ARRAY[CAST($1 AS text)]) THEN 1 END) IS NOT NULL), x as (select 1) select * from x, ORDERS`},
		{PostgreSQL, "update orders o set a=1 where x or y returning id", `update "public"."orders" o set a=1 where o."tenant_id" = CAST($1 AS text) AND (CASE WHEN o."tenant_id" = ANY (ARRAY[CAST($1 AS text)]) THEN 1 END) IS NOT NULL AND (x or y) returning id`},
		{PostgreSQL, "delete from notes", `delete from "public"."notes" WHERE "notes"."tenant_id" = CAST($1 AS text) AND (CASE WHEN "notes"."tenant_id" = ANY (ARRAY[CAST($1 AS text)]) THEN 1 END) IS NOT NULL AND "notes"."owner_id" = CAST($2 AS bigint) AND (CASE WHEN "notes"."owner_id" = ANY (ARRAY[CAST($2 AS bigint)]) THEN 1 END) IS NOT NULL `},
		{PostgreSQL, "insert into orders (id) values ($1), ($2) on conflict do nothing", `insert into "public"."orders" (id, "tenant_id") VALUES ($1, CAST($3 AS text)), ($2, CAST($3 AS text)) on conflict do nothing`},
		{PostgreSQL, "select id from orders where id=$1 for update", `select id from "public"."orders" where "orders"."tenant_id" = CAST($2 AS text) AND (CASE WHEN "orders"."tenant_id" = ANY (ARRAY[CAST($2 AS text)]) THEN 1 END) IS NOT NULL AND (id=$1) for update`},
		{PostgreSQL, "select 1/* -- */+/* /* */ */2", "select 1 + 2"},
		{SQLite, "select id from orders where a=? and b=?", `WITH "orders" AS NOT MATERIALIZED (SELECT * FROM "main"."orders" WHERE "tenant_id" = ?3 COLLATE BINARY) select id from orders where a=?1 and b=?2`},
		{SQLite, "update [Orders] set a=:a", `update "main"."orders" set a=:a WHERE "orders"."tenant_id" = :gatehouse_0 COLLATE BINARY `},
		{SQLite, "select 1 /* /* */ + 2", "select 1 + 2"},
	} {
		s, err := orders(c.dialect).Rewrite(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		if s.Text != c.want {
			t.Errorf("%s\n is  %s\nwant %s", c.src, s.Text, c.want)
		}
	}
}

func TestARefusalSaysWhereWhyAndWhatToWriteInstead(t *testing.T) {
	_, err := orders(PostgreSQL).Rewrite("select *\n  from public.orders")
	var r *Refused
	if !errors.As(err, &r) || r.Line != 2 || r.Column != 8 || !strings.Contains(r.Because, "schema") || r.Instead != "write orders" {
		t.Fatalf("got %#v", err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	c := NewCache(orders(PostgreSQL))
	for i := range 10 * maxCached {
		s, err := c.Rewrite("select " + strings.Repeat("1", i%200+1) + ", " + strings.Repeat("2", i/200+1) + " from orders")
		if err != nil {
			t.Fatal(err)
		}
		c.Check(s)
	}
	if n := len(c.new) + len(c.old); n > 2*maxCached || n < maxCached {
		t.Errorf("%d texts are kept", n)
	}
	if len(c.checked) > 2*maxCached {
		t.Errorf("%d plans are remembered", len(c.checked))
	}
	a, _ := c.Rewrite("select 1")
	if b, _ := c.Rewrite("select 1"); a != b {
		t.Error("a text is rewritten twice")
	}
	long := "select '" + strings.Repeat("x", maxKept) + "'"
	a, _ = c.Rewrite(long)
	if b, _ := c.Rewrite(long); a == b {
		t.Error("a long text is kept")
	}
}

// BenchmarkRewrite is the cost of a text that is seen for the first time.
func BenchmarkRewrite(b *testing.B) {
	g := orders(PostgreSQL)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Rewrite("select o.id, o.status, o.amount from orders o join customers c on c.id=o.owner_id where o.status=$1 and c.region=$2 order by o.id limit 50"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCached is the cost of a text that was seen before.
func BenchmarkCached(b *testing.B) {
	c := NewCache(orders(PostgreSQL))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Rewrite("select o.id, o.status, o.amount from orders o join customers c on c.id=o.owner_id where o.status=$1 and c.region=$2 order by o.id limit 50"); err != nil {
			b.Fatal(err)
		}
	}
}
