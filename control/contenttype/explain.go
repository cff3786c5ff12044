package contenttype

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("input.content-type", "bodies are of a declared media type and in UTF-8, or answered with 415")
	if c.Encoded != nil {
		s.Fact("input.content-type", "encoded bodies pass without being looked into: %s", c.Encoded)
	}
}
