package urlsecret

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("input.url-secrets", "tokens, keys, card numbers, e-mail addresses and parameters named like secrets are refused in path and query")
	if len(c.Allow) > 0 {
		s.Fact("input.url-secrets", "not looked at: %s (%s)", strings.Join(c.Allow, ", "), c.Waiver)
	}
}
