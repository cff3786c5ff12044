package cors

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	if len(c.Origins) == 0 {
		s.Fact("cors.exact", "no other site may call this from a browser")
		return
	}
	s.Fact("cors.exact", "browsers may call this from %s", strings.Join(c.Origins, ", "))
	s.Fact("cors.no-wildcard", "patterns and null are refused; * is for public data with a waiver, without credentials")
	s.Fact("cors.methods", "browsers may use the methods that the API describes")
	s.Fact("cors.headers", "browsers may send %s", strings.Join(c.Headers, ", "))
	s.Fact("cors.max-age", "browsers keep the answer to a preflight for %s", c.MaxAge)
}
