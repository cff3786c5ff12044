package size

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("input.payload-limit", "a request body of more than %s is refused, however it is framed", c.MaxBody)
}
