package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/examples/orders"
)

func wireAttacks() []attack {
	var list []attack
	for _, p := range []struct {
		name, target string
		end          ending
	}{
		{"path that climbs: /status/..;/admin", "/v1/status/..;/admin/users", refusal(400, "wire.path_semicolon")},
		{"path that climbs: %2e%2e", "/v1/status/%2e%2e/admin/users", refusal(400, "wire.path_dot_segment")},
		{"path with an encoded slash: ..%2f", "/v1/status/..%2fadmin/users", refusal(400, "wire.path_encoded_slash")},
		{"path with two slashes: //v1/admin", "//v1/admin/users", refusal(400, "wire.path_double_slash")},
		{`path with backslashes: /v1\admin`, `/v1\admin\users`, refusal(400, "wire.path_backslash")},
		{"path that is escaped twice: %2561dmin", "/v1/%2561dmin/users", refusal(400, "wire.path_double_encoding")},
		{"path in disguise: %61dmin", "/v1/%61dmin/users", refusal(403, "role.admin_required")},
	} {
		list = append(list, attack{name: p.name, request: "GET " + p.target + "\nAs: dave", proof: shows("ada@acme", "every account"), end: p.end})
	}
	smuggled := "GET /v1/admin/users HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
	return append(list, []attack{
		{name: "request smuggled in a body (TE + CL)", answers: 2, proof: shows("ada@acme", "every account"), end: refusal(400, "wire.te_and_cl"),
			request: fmt.Sprintf("POST /v1/orders\nAs: dave\nContent-Length: %d\nTransfer-Encoding: chunked\n\n0\r\n\r\n%s", len(smuggled)+5, smuggled)},
		{name: "X-User-Id: bob", request: "GET /v1/orders\nAs: dave\nX-User-Id: bob", proof: shows(bobsSecret, "Bob's orders"), end: disarmed(200, "identity", "replaced")},
		{name: "X_User_Id: bob", request: "GET /v1/orders\nAs: dave\nX_User_Id: bob", proof: shows(bobsSecret, "Bob's orders"), end: refusal(400, "wire.header_underscore")},
		{name: "a gateway's statement, home-made", request: "GET /v1/orders\nGatehouse-Identity: as bob\nAs: dave", proof: shows(bobsSecret, "Bob's orders"), end: disarmed(200, "wire", "replaced")},
		{name: "two Authorization fields", request: "GET /v1/orders\nAs: dave\nAs: bob none", proof: shows(bobsSecret, "Bob's orders"), end: refusal(400, "wire.duplicate_field")},
		{name: "X-HTTP-Method-Override: DELETE", request: "GET /v1/orders/ord-4001\nAs: dave\nX-HTTP-Method-Override: DELETE",
			proof: changed("a GET that deletes", func(api *orders.API) bool { _, ok := api.Order("ord-4001"); return !ok }), end: disarmed(200, "wire", "dropped")},
		{name: "X-Forwarded-For: from the inside", request: "GET /v1/status\nX-Forwarded-For: 10.0.0.7", proof: shows("db-01.internal", "inner addresses"), end: disarmed(200, "wire", "dropped")},
		{name: "X-Forwarded-Host: a poisoned link", request: "POST /v1/orders\nAs: dave\nX-Forwarded-Host: evil.example\n\n" + `{"item": "tea", "quantity": 1}`,
			proof: answered("Location", "evil.example", "a link to evil"), end: disarmed(201, "wire", "dropped")},
		{name: "a host that is not served", request: "GET /v1/orders/ord-2001\nAs: dave\nHost: intranet.example", proof: shows(bobsSecret, "Bob's order"), end: refusal(421, "proxy.misdirected")},
		{name: "TRACE: the token, echoed to a script", request: "TRACE /v1/orders\nAs: dave", proof: leaks("Bearer ey", "the token"), end: refusal(405, "wire.method_trace")},
	}...)
}

func inputAttacks() []attack {
	order := func(name, fields, body string, p proof, end ending) attack {
		return attack{name: name, request: "POST /v1/orders\nAs: erin" + fields + "\n\n" + body, proof: p, end: end}
	}
	return []attack{
		order("one name twice in the JSON", "", `{"item": "tea", "quantity": 1, "quantity": 900}`, shows(`"quantity":900`, "900 instead of 1"), refusal(400, "schema.json")),
		order("a form of another site as text/plain", "\nContent-Type: text/plain", `{"item": "tea", "quantity": 7}`, shows(`"quantity":7`, "an order"), refusal(415, "contenttype.undeclared")),
		order("a note of 10 MB", "", `{"item": "tea", "quantity": 1, "note": "`+strings.Repeat("a", 10<<20)+`"}`, shows("aaaa", "10 MB stored"), refusal(413, "size.body_too_large")),
		order("a note of 100 KB", "", `{"item": "tea", "quantity": 1, "note": "`+strings.Repeat("a", 100<<10)+`"}`, shows("aaaa", "100 KB stored"), refusal(400, "schema.body")),
		order("a quantity of -5: a refund", "", `{"item": "tea", "quantity": -5}`, shows(`"quantity":-5`, "money back"), refusal(400, "schema.body")),
		order("5,000 nested arrays", "", `{"item": "tea", "quantity": 1, "x": `+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`, shows(`"item":"tea"`, "all of them parsed"), refusal(400, "schema.json")),
		order("a body that unpacks a thousandfold", "\nContent-Encoding: gzip", bomb(), shows("aaaa", "unpacked and stored"), refusal(415, "contenttype.encoding")),
		{name: "limit=999999999", request: "GET /v1/orders?limit=999999999\nAs: alice", proof: shows("ord-1130", "the whole table"), end: refusal(400, "schema.query")},
		{name: "a parameter from development: ?as=bob", request: "GET /v1/orders?as=bob\nAs: erin", proof: shows(bobsSecret, "Bob's orders"), end: refusal(400, "schema.undeclared")},
		{name: "a GET with a body", request: "GET /v1/orders\nAs: erin\n\n" + `{"customer_id": "bob"}`, proof: shows(bobsSecret, "Bob's orders"), end: refusal(400, "schema.unexpected_body")},
		{name: "a card number in the URL", request: "GET /v1/search?q=4111111111111111\nAs: erin", proof: logged("4111111111111111", "card in its log"), end: refusal(400, "urlsecret.card")},
	}
}

// bomb returns an order with a note of a megabyte, packed.
func bomb() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(`{"item": "tea", "quantity": 1, "note": "` + strings.Repeat("a", 1<<20) + `"}`))
	_ = z.Close()
	return b.String()
}

func surfaceAttacks() []attack {
	return []attack{
		{name: "a foreign site's script places an order", request: "POST /v1/orders\nAs: frank\nOrigin: https://evil.example\n\n" + `{"item": "tea", "quantity": 1}`,
			proof: answered("Access-Control-Allow-Origin", "evil.example", "done, and readable"), end: refusal(403, "cors.origin")},
		{name: "a foreign site's script reads orders", request: "GET /v1/orders\nAs: frank\nOrigin: https://evil.example",
			proof: answered("Access-Control-Allow-Origin", "evil.example", "readable"), end: disarmed(200, "cors", "not readable")},
		{name: "preflight for an undeclared method", request: "OPTIONS /v1/orders/ord-1001\nOrigin: https://app.example.com\nAccess-Control-Request-Method: PUT",
			proof: answered("Access-Control-Allow-Methods", "PUT", "PUT allowed"), end: refusal(403, "cors.method")},
		{name: "undeclared method: PUT", request: "PUT /v1/orders/ord-2001\nAs: frank\n\n" + `{"note": "mine now", "customer_id": "frank"}`,
			proof: changed("Bob's order taken", func(api *orders.API) bool { o, _ := api.Order("ord-2001"); return o.CustomerID == "frank" }), end: undeclared(405, "undeclared.method")},
		{name: "undeclared path: /v1/internal/export", request: "GET /v1/internal/export\nAs: frank", proof: shows("password_hash", "every password hash"), end: undeclared(404, "undeclared.path")},
		{name: "undeclared path: /debug/vars", request: "GET /debug/vars", proof: shows("last_requests", "other people's URLs"), end: undeclared(404, "undeclared.path")},
		{name: "a version that is closed: /v0/orders", request: "GET /v0/orders\nAs: frank", proof: shows(bobsSecret, "everybody's orders"), end: refusal(410, "version.closed")},
	}
}

func replyAttacks() []attack {
	return []attack{
		{name: "an error that tells the SQL and the stack", request: "GET /v1/search?q=%27\nAs: grace", proof: leaks("goroutine", "SQL and stack trace"), end: disarmed(500, "object.error_replaced", "replaced")},
		{name: "internal fields of an order", request: "GET /v1/orders/ord-1001\nAs: alice", proof: shows("supplier_key", "the supplier's key"), end: disarmed(200, "reply.stripped", "cut")},
		{name: "password hashes in a list of users", request: "GET /v1/admin/users\nAs: ada", proof: shows("$argon2id$", "every password hash"), end: disarmed(200, "reply.stripped", "cut")},
		{name: "a secret key that stands in a note", request: "GET /v1/orders/ord-5001\nAs: grace", proof: shows("sk_live_", "the key"), end: afterReading(502, "leak.blocked")},
		{name: "the server's make and version", request: "GET /v1/status", proof: answered("Server", "SQLite", "what to look up"), end: disarmed(200, "leak", "removed")},
	}
}

func rateAttacks() []attack {
	guesses := make([]string, 0, len(orders.CommonPasswords()))
	for _, p := range orders.CommonPasswords()[:25] {
		guesses = append(guesses, fmt.Sprintf("POST /v1/login\n\n{\"email\": \"alice@acme.example\", \"password\": %q}", p))
	}
	return []attack{
		{name: "an insider copies 120 orders", requests: copies(120), proof: everyOf(120, "everything copied"), end: ending{status: 429, control: "ratelimit", rule: "ratelimit.exceeded", reach: something}},
		{name: "25 guesses at Alice's password", requests: guesses, proof: shows("Alice Archer", "her password"), end: ending{status: 429, control: "ratelimit", rule: "ratelimit.exceeded", reach: something}},
		{name: "40 forged tokens in a row", requests: repeat(40, "GET /v1/orders\nAs: bob other-key"), proof: shows(bobsSecret, "Bob's orders"), end: refusal(429, "ratelimit.failures")},
	}
}

func repeat(n int, request string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = request
	}
	return out
}

func copies(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("GET /v1/orders/ord-1%03d\nAs: tom", i+1)
	}
	return out
}

// everyOf is the proof that every one of n requests was answered.
func everyOf(n int, gain string) proof {
	return func(_ *orders.API, replies []reply) string {
		for _, r := range replies {
			if r.status != 200 {
				return ""
			}
		}
		if len(replies) < n {
			return ""
		}
		return gain
	}
}
