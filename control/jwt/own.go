package jwt

import (
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// self is how a configuration names our own authorization server.
const self = "self"

// Own is our own authorization server. Who runs it provides it; its keys are known
// without a fetch, and a key that is dropped is dropped at once.
type Own struct {
	Issuer string // the exact value of iss
	Source *jose.Source
}

// issuer reads its tokens: ES256 and at+jwt, with the claims that it writes.
func (o Own) issuer() *issuer {
	return &issuer{
		name: o.Issuer, algorithms: []string{jose.ES256}, typ: "at+jwt", source: o.Source,
		tenant: []string{"tenant"}, roles: []string{"roles"}, scopes: "scope", client: []string{"client_id"},
		levels: ownLevels, clientLifetime: seconds(mostLifetime),
	}
}
