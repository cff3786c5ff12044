package assurance

import "github.com/gatehouse-api/gatehouse"

// Explain says what the control promises.
func (c *Config) Explain(s *gatehouse.Sheet) {
	challenged := "others are answered with 401 and what to ask for (RFC 9470); clients for themselves are refused"
	if c.Clients {
		challenged = "others are answered with 401 and what to ask for (RFC 9470); clients for themselves are let through"
	}
	switch {
	case c.Level != "" && c.MaxAge > 0:
		s.Fact("session.mfa-aal2", "only persons who were proven at %s, and that within %s; %s", c.Level, c.MaxAge, challenged)
	case c.Level != "":
		s.Fact("session.mfa-aal2", "only persons who were proven at %s; %s", c.Level, challenged)
	case c.MaxAge > 0:
		s.Fact("session.mfa-aal2", "only persons who were proven within %s; %s", c.MaxAge, challenged)
	}
	switch c.SenderConstrained {
	case byDPoP:
		s.Fact("jwt.dpop-mtls", "only tokens that are bound to a key of the client's, by DPoP")
	case byMTLS:
		s.Fact("jwt.dpop-mtls", "only tokens that are bound to the certificate of the client's TLS connection")
	case byEither:
		s.Fact("jwt.dpop-mtls", "only tokens that are bound to a key of the client's, by DPoP or by its TLS certificate")
	}
}
