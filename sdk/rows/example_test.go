package rows_test

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	_ "modernc.org/sqlite"

	"github.com/gatehouse-api/gatehouse/sdk/identity"
	"github.com/gatehouse-api/gatehouse/sdk/rows"
)

// The bundle is what `gatehouse policy export orders -o orders.bundle.json` has written.
//
//go:embed testdata/orders.bundle.json
var bundle []byte

// orders opens a database with two people's orders in two tenants.
func orders() *sql.DB {
	db, err := sql.Open("sqlite", "file::memory:?cache=shared")
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range []string{
		`DROP TABLE IF EXISTS orders`,
		`CREATE TABLE orders (id text PRIMARY KEY, tenant_id text NOT NULL, customer_id text NOT NULL, item text NOT NULL) STRICT`,
		`INSERT INTO orders VALUES ('o1', 'acme', 'alice', 'a book'), ('o2', 'acme', 'bob', 'a pen'), ('o3', 'evil', 'alice', 'a trap')`,
	} {
		if _, err := db.Exec(s); err != nil {
			log.Fatal(err)
		}
	}
	return db
}

// A handler that lists orders, and cannot list another's.
func ExamplePolicy_Where() {
	db := orders()
	defer db.Close()
	policy, err := rows.Open(bundle, rows.SQLite)
	if err == nil {
		err = policy.Verify(context.Background(), db)
	}
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		predicate, args, err := policy.Where(r.Context(), "order", "list")
		if err != nil {
			http.Error(w, "cannot tell whose orders", http.StatusInternalServerError)
			return
		}
		found, err := db.QueryContext(r.Context(), "SELECT id, item FROM orders WHERE "+predicate+" ORDER BY id", args...)
		if err != nil {
			http.Error(w, "cannot read orders", http.StatusInternalServerError)
			return
		}
		defer found.Close()
		for found.Next() {
			var id, item string
			if err := found.Scan(&id, &item); err != nil {
				return
			}
			fmt.Fprintln(w, id, item)
		}
	})

	// In a program the identity comes from identity.Verifier.Middleware around the handler.
	for _, who := range []identity.Identity{{Kind: identity.User, Subject: "alice", Tenant: "acme"}, {Kind: identity.User, Subject: "bob", Tenant: "acme"}, {Kind: identity.Client, Subject: "alice", Tenant: "acme"}, {}} {
		r := httptest.NewRequest("GET", "/v1/orders", nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(identity.With(r.Context(), who)))
		fmt.Printf("%s %s: %q\n", who.Kind, who.Subject, w.Body.String())
	}
	// Output:
	// user alice: "o1 a book\n"
	// user bob: "o2 a pen\n"
	// client alice: ""
	//  : "cannot tell whose orders\n"
}

// The statement has parameters of its own, and the table another name.
func ExampleFrom() {
	policy, err := rows.Open(bundle, rows.PostgreSQL)
	if err != nil {
		log.Fatal(err)
	}
	ctx := identity.With(context.Background(), identity.Identity{Kind: identity.User, Subject: "alice", Tenant: "acme"})
	predicate, args, err := policy.Where(ctx, "order", "list", rows.From(2), rows.As("o"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("SELECT o.item FROM orders AS o WHERE o.item = $1 AND " + predicate)
	fmt.Println(append([]any{"a book"}, args...))
	// Output:
	// SELECT o.item FROM orders AS o WHERE o.item = $1 AND ((("o"."customer_id" = $2::text)) AND NOT (NOT (("o"."tenant_id" = $3::text))))
	// [a book alice acme]
}
