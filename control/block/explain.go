package block

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("incident.block", "blocked addresses, networks, principals, keys and clients are refused at once")
	if len(c.Exempt) > 0 {
		s.Fact("incident.block", "addresses in %v are never shut out: %s", c.Exempt, c.Waiver)
	}
	s.Fact("incident.disable", "an endpoint that was switched off answers 503")
	s.Fact("alert.act", "what detection blocks is refused until the block ends or is lifted")
}
