package waf

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	switch c.Rules {
	case off:
		s.Fact("input.injection", "nothing: off until rules: quick or rules: crs is written, and in shadow until mode: enforce is")
		return
	case quick:
		s.Fact("input.injection", "texts that the description leaves open are searched for injected SQL and scripts (libinjection) and a few signs of other attacks")
	case crs:
		s.Fact("input.injection", "texts that the description leaves open are searched by libinjection and by the OWASP Core Rule Set %s at paranoia level 1", rulesetVersion)
	}
	if c.Unscanned != nil {
		s.Fact("input.injection", "the rules are given at most %d bytes of text and %s a request; what is beyond passes: %s", c.MaxText, c.Budget, c.Unscanned)
		return
	}
	s.Fact("input.injection", "the rules are given at most %d bytes of text and %s a request; a request with more is refused", c.MaxText, c.Budget)
}
