package nostore

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	if c.Cacheable != nil {
		s.Fact("headers.no-store", "refusals are marked no-store; replies may be cached: %s", c.Cacheable)
		return
	}
	s.Fact("headers.no-store", "every answer to an authenticated caller and every refusal is marked Cache-Control: no-store")
}
