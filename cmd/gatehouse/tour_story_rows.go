package main

import "github.com/gatehouse-api/gatehouse/examples/orders"

// rowAttacks are those of objectAttacks once more, against the variant of the API whose
// queries go through sdk/rows: the gateway lets them pass, as its own rule is off there,
// and there is nothing behind it for who asks.
func rowAttacks() []attack {
	rows := func(status int, how string) ending { return disarmed(status, "identity", how) }
	const gone, own = "no such row", "own rows only"
	list := []attack{
		{name: "read Bob's order by its id", request: "GET /v1/orders/ord-2001\nAs: alice", proof: shows(bobsSecret, "Bob's order"), end: rows(404, gone)},
		{name: "change Bob's order", request: "PATCH /v1/orders/ord-2001\nAs: alice\n\n" + `{"note": "deliver to Alice"}`,
			proof: changed("Bob's order changed", func(api *orders.API) bool { o, _ := api.Order("ord-2001"); return o.Note == "deliver to Alice" }), end: rows(404, gone)},
		{name: "delete Bob's order", request: "DELETE /v1/orders/ord-2001\nAs: alice",
			proof: changed("Bob's order gone", func(api *orders.API) bool { _, ok := api.Order("ord-2001"); return !ok }), end: rows(404, gone)},
		{name: "list Bob's orders by the filter", request: "GET /v1/orders?customer_id=bob\nAs: alice", proof: shows(bobsSecret, "Bob's orders"), end: rows(200, own)},
		{name: "search Bob's orders by SQL injection", request: "GET /v1/search?q=%27%20OR%20customer_id%20%3D%20%27bob%27%20--\nAs: alice", proof: shows(bobsSecret, "Bob's orders"), end: rows(200, own)},
		{name: "the forgotten list of all orders", request: "GET /v0/orders\nAs: alice", proof: shows(bobsSecret, "everybody's orders"), end: rows(200, own)},
		{name: "another tenant reads ours", request: "GET /v1/orders/ord-2001\nAs: mallory", proof: shows(bobsSecret, "acme's order"), end: rows(404, gone)},
	}
	for i := range list {
		list[i].kept = true
	}
	return list
}
