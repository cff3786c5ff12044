package headers

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("headers.security", "every answer, refusals included, carries nosniff, X-Frame-Options DENY, a Content-Security-Policy, a Referrer-Policy and a Permissions-Policy")
	if c.Pages != nil {
		s.Fact("headers.security", "pages keep the Content-Security-Policy of their own where it is strict")
	}
	s.Fact("tls.hsts", "over TLS every answer tells browsers to keep to TLS for %.0f days", c.HSTS.Hours()/24)
	s.Fact("log.correlation", "every answer carries the request id")
}
