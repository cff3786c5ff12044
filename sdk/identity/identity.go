// Package identity tells an application behind Gatehouse who is asking.
//
// It defends from requests that reach the application by another way than the
// gateway, and from headers that anybody can write: the gateway sends a signed
// statement about the caller it has proven (JWS, ES256, for this application only,
// for a minute), and [Verifier.Middleware] lets nobody in without one.
//
//	who, err := identity.New(identity.Config{Keys: "http://127.0.0.1:9901/.well-known/jwks.json", Audience: "orders"})
//	...
//	http.ListenAndServe("127.0.0.1:9000", who.Middleware(handler))
//
// A handler asks [From]. The identity comes from the context, which comes from the
// statement; no function here takes one as a parameter and believes it.
package identity

import (
	"context"
	"maps"
	"slices"
	"time"
)

// The kinds of callers.
const (
	User   = "user"   // a person
	Client = "client" // a program, for itself
	Key    = "key"    // the holder of an API key
)

// Identity is who asks, as the gateway has proven it.
type Identity struct {
	Kind    string // [User], [Client] or [Key]
	Subject string // who it is, unique within Issuer; never empty
	Issuer  string // who vouches for Subject
	Tenant  string // or ""
	Client  string // OAuth client by which the caller asks, or ""
	Roles   []string
	Scopes  []string
	// Claims are those of the caller's token that the API's policies may read, by name,
	// as JSON.
	Claims map[string]string
	Until  time.Time // when the statement ends
}

// Claim returns the JSON of a claim, and whether the caller's token has it and policies
// of the API may read it.
func (i Identity) Claim(name string) (json string, ok bool) {
	json, ok = i.Claims[name]
	return json, ok
}

// HasRole reports whether the caller has the role.
func (i Identity) HasRole(role string) bool { return slices.Contains(i.Roles, role) }

// HasScope reports whether the caller was given the scope.
func (i Identity) HasScope(scope string) bool { return slices.Contains(i.Scopes, scope) }

// key is what identities stand under in a context: nobody else can make one.
type key struct{}

// From returns the identity of the request that ctx belongs to, and whether there is
// one. It is a copy: changing it changes nothing for others.
func From(ctx context.Context) (Identity, bool) {
	i, ok := ctx.Value(key{}).(*Identity)
	if !ok {
		return Identity{}, false
	}
	return i.clone(), true
}

// With returns a context in which the caller is i. It proves nothing: it is for tests
// of handlers and queries, and for work that goes on for a caller after the request
// has ended (a queue). What calls it in a handler, with something from the request,
// has undone all of this package. An identity without a subject is none.
func With(ctx context.Context, i Identity) context.Context {
	if i.Subject == "" {
		return context.WithValue(ctx, key{}, nil)
	}
	i = i.clone()
	return context.WithValue(ctx, key{}, &i)
}

func (i Identity) clone() Identity {
	i.Roles, i.Scopes, i.Claims = slices.Clone(i.Roles), slices.Clone(i.Scopes), maps.Clone(i.Claims)
	return i
}
