package main

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/examples/orders"
)

// chapter is a group of attacks that one question answers.
type chapter struct {
	title, says string
	attacks     []attack
}

// attack is one thing an attacker does: first straight to the API, where it must
// work, then through the gateway, where it must not.
type attack struct {
	name     string
	request  string   // in the form that [tour.wire] reads
	requests []string // several instead of one, in order
	answers  int      // the most answers that one message may bring; 0 is one
	proof    proof
	end      ending
	kept     bool // through the gateway it goes to the variant whose rows are kept apart
}

// proof tells what the attacker has gained, from the answers and from the API's
// own data; "" when nothing.
type proof func(api *orders.API, replies []reply) string

// ending is how an attack must end at the gateway.
type ending struct {
	status        int
	control, rule string
	reach         reach
	// harmless says how a request that passes was disarmed; "" means that it must
	// be refused.
	harmless string
}

// reach is what the API may have seen of an attack.
type reach uint8

const (
	nothing   reach = iota
	reads           // GET only: to compare the owner, or because the reply is judged
	something       // the request itself, or some of many
)

// shows is the proof that an answer with success holds a text.
func shows(text, gain string) proof {
	return func(_ *orders.API, replies []reply) string {
		for _, r := range replies {
			if r.status < 300 && strings.Contains(r.body, text) {
				return gain
			}
		}
		return ""
	}
}

// leaks is the proof that an answer of any status holds a text.
func leaks(text, gain string) proof {
	return func(_ *orders.API, replies []reply) string {
		for _, r := range replies {
			if strings.Contains(r.body, text) {
				return gain
			}
		}
		return ""
	}
}

// changed is the proof that the API's data is what the attacker wants it to be.
func changed(gain string, is func(api *orders.API) bool) proof {
	return func(api *orders.API, _ []reply) string {
		if is(api) {
			return gain
		}
		return ""
	}
}

// logged is the proof that the API has seen a text in a URL, and with it every log
// on the way.
func logged(text, gain string) proof {
	return changed(gain, func(api *orders.API) bool {
		return slices.ContainsFunc(api.Seen(), func(s orders.Seen) bool { return strings.Contains(s.Target, text) })
	})
}

// answered is the proof that a field of an answer holds a text.
func answered(name, text, gain string) proof {
	return func(_ *orders.API, replies []reply) string {
		for _, r := range replies {
			if strings.Contains(r.header.Get(name), text) {
				return gain
			}
		}
		return ""
	}
}

// refusal is the usual ending: refused before the API has seen anything.
func refusal(status int, rule string) ending {
	control, _, _ := strings.Cut(rule, ".")
	return ending{status: status, control: control, rule: rule}
}

// afterReading is a refusal for which the API had to be asked.
func afterReading(status int, rule string) ending {
	e := refusal(status, rule)
	e.reach = reads
	return e
}

// undeclared is the ending of what the description does not declare.
func undeclared(status int, rule string) ending {
	return ending{status: status, control: "declared", rule: rule}
}

// disarmed is an ending without a refusal: by a control, or by a rule of one.
func disarmed(status int, by, how string) ending {
	control, _, ruled := strings.Cut(by, ".")
	e := ending{status: status, control: control, reach: something, harmless: how}
	if ruled {
		e.rule = by
	}
	return e
}

const bobsSecret = "engagement ring"

func story() []chapter {
	return []chapter{
		{"Who is asking?", "The API reads a token's payload and believes it. Each of these tokens says \"bob\".", tokenAttacks()},
		{"Whose is it?", "Genuine customers with genuine tokens reach for what is not theirs.", objectAttacks()},
		{"And without the rule?", "The same holes, but queries go through sdk/rows; the gateway's own rule is off here.", rowAttacks()},
		{"May they do this?", "Functions and fields that are meant for others.", functionAttacks()},
		{"Is it one request, and the same for everybody?", "What two programs read in two ways gets past the first one.", wireAttacks()},
		{"Is it well-formed?", "Everything that the description does not declare.", inputAttacks()},
		{"Is it meant to be reached?", "Other sites' scripts, forgotten versions, back doors.", surfaceAttacks()},
		{"What leaves?", "What an answer tells to somebody who should not know.", replyAttacks()},
		{"How often?", "The same question again and again, until the limits are spent.", rateAttacks()},
	}
}

func tokenAttacks() []attack {
	list := func(name, how, rule string) attack {
		return attack{name: name, request: "GET /v1/orders\nAs: bob " + how, proof: shows(bobsSecret, "Bob's orders"), end: refusal(401, rule)}
	}
	return []attack{
		{name: "no token at all", request: "GET /v1/orders/ord-2001", proof: shows(bobsSecret, "Bob's order"), end: refusal(401, "jwt.missing")},
		list("token without signature (alg none)", "none", "jwt.alg"),
		list("Alice's token with Bob's name written in", "edited", "jwt.signature"),
		list("token signed with the attacker's key", "other-key", "jwt.signature"),
		list("public key as a shared secret (HS256)", "hs256", "jwt.alg"),
		list("token that brings its own key (jwk)", "jwk", "jwt.header"),
		list("token of last hour", "expired", "jwt.exp"),
		list("token of a few minutes from now", "not-yet", "jwt.nbf"),
		list("token for another service", "audience", "jwt.aud"),
		list("token of another issuer", "issuer", "jwt.iss"),
		list("token that holds for a year", "year", "jwt.lifetime"),
		{name: "Basic instead of a token", request: "GET /v1/orders\nAuthorization: Basic Ym9iOmFueXRoaW5n", proof: shows(bobsSecret, "Bob's orders"), end: refusal(401, "jwt.basic_refused")},
		{name: "token in the URL, for every log to keep", request: "GET /v1/orders?access_token=$TOKEN", proof: logged("access_token=ey", "token in its log"), end: refusal(400, "jwt.query")},
	}
}

func objectAttacks() []attack {
	return []attack{
		{name: "read Bob's order by its id", request: "GET /v1/orders/ord-2001\nAs: alice", proof: shows(bobsSecret, "Bob's order"), end: afterReading(403, "object.foreign")},
		{name: "change Bob's order", request: "PATCH /v1/orders/ord-2001\nAs: alice\n\n" + `{"note": "deliver to Alice"}`,
			proof: changed("Bob's order changed", func(api *orders.API) bool { o, _ := api.Order("ord-2001"); return o.Note == "deliver to Alice" }), end: afterReading(403, "object.foreign")},
		{name: "delete Bob's order", request: "DELETE /v1/orders/ord-2001\nAs: alice",
			proof: changed("Bob's order gone", func(api *orders.API) bool { _, ok := api.Order("ord-2001"); return !ok }), end: afterReading(403, "object.foreign")},
		{name: "list Bob's orders by the filter", request: "GET /v1/orders?customer_id=bob\nAs: alice", proof: shows(bobsSecret, "Bob's orders"), end: afterReading(403, "object.foreign")},
		{name: "search Bob's orders by SQL injection", request: "GET /v1/search?q=%27%20OR%20customer_id%20%3D%20%27bob%27%20--\nAs: alice", proof: shows(bobsSecret, "Bob's orders"), end: afterReading(403, "object.foreign")},
		{name: "place an order in Bob's name", request: "POST /v1/orders\nAs: alice\n\n" + `{"item": "anvil", "quantity": 9, "customer_id": "bob"}`,
			proof: shows(`"customer_id":"bob"`, "Bob will pay"), end: refusal(400, "schema.undeclared")},
		{name: "another tenant's support reads ours", request: "GET /v1/orders/ord-2001\nAs: mallory", proof: shows(bobsSecret, "acme's order"), end: afterReading(403, "object.foreign")},
		{name: "another tenant lists ours", request: "GET /v1/orders?customer_id=bob\nAs: mallory", proof: shows(bobsSecret, "acme's orders"), end: afterReading(403, "object.foreign")},
	}
}

func functionAttacks() []attack {
	return []attack{
		{name: "a customer lists all users", request: "GET /v1/admin/users\nAs: carol", proof: shows("ada@acme", "every account"), end: refusal(403, "role.admin_required")},
		{name: "a customer deletes a user", request: "DELETE /v1/admin/users/bob\nAs: carol",
			proof: changed("Bob's account gone", func(api *orders.API) bool { _, ok := api.User("bob"); return !ok }), end: refusal(403, "role.admin_required")},
		{name: "a token without the scope to read orders", request: "GET /v1/orders/ord-3001\nAs: carol narrow", proof: shows("violin", "orders"), end: refusal(403, "scope.insufficient")},
		{name: "make oneself administrator", request: "PATCH /v1/me\nAs: carol\n\n" + `{"name": "Carol", "role": "admin"}`,
			proof: changed("role: admin", func(api *orders.API) bool { u, _ := api.User("carol"); return u.Role == "admin" }), end: refusal(400, "schema.undeclared")},
		{name: "mark the own order as paid", request: "PATCH /v1/orders/ord-3001\nAs: carol\n\n" + `{"note": "thanks", "paid": true}`,
			proof: changed("paid without paying", func(api *orders.API) bool { o, _ := api.Order("ord-3001"); return o.Paid }), end: refusal(400, "schema.undeclared")},
		{name: "move an order into another tenant", request: "PATCH /v1/orders/ord-3001\nAs: carol\n\n" + `{"note": "moved", "tenant_id": "globex"}`,
			proof: changed("tenant crossed", func(api *orders.API) bool { o, _ := api.Order("ord-3001"); return o.TenantID == "globex" }), end: refusal(400, "schema.undeclared")},
	}
}
