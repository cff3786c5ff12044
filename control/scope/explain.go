package scope

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("jwt.scopes", "a token without the scopes that the operation demands is refused")
	s.Fact("authz.gateway", "scopes are demanded before anything else is decided, and grant nothing by themselves")
}
