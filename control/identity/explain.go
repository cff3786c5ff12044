package identity

import "github.com/gatehouse-api/gatehouse"

// Explain says what the control promises.
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("authn.internal-too", "the upstream is told subject, tenant, roles, scopes and the claims that policies may read in %s, signed with ES256, for this API only, for 60 s", c.Header)
	s.Fact("authn.internal-too", "fields of the client that could be taken for it are removed, whatever the spelling")
	if c.Certificate {
		s.Fact("jwt.dpop-mtls", "the upstream is told the certificate of the client's TLS connection in Client-Cert; what clients send under that name is removed")
	}
	switch c.Client {
	case clientForwarded:
		s.Fact("authn.internal-too", "the upstream is told the client's address in Forwarded, which holds nothing that a client wrote")
	case clientXForwarded:
		s.Fact("authn.internal-too", "the upstream is told the client's address in X-Forwarded-For, which holds nothing that a client wrote")
	}
	for _, name := range c.names()[1:] {
		s.Fact("authn.internal-too", "the upstream is told the caller's %s in %s", c.Plain[name], name)
	}
}
