package policy

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	t := c.speaking(s.Build)
	if t == nil {
		return
	}
	var ids []string
	for _, p := range c.policy.Set().Rules(cedar.NewEntityUID("Action", cedar.String(t.Name)), "Api").Policies() {
		if c.policy.Origin(p.ID) == "" {
			ids = append(ids, p.ID+" at "+p.Place())
		}
	}
	s.Fact("authz.abac", "%s is decided on by policies: %s", t.Name, strings.Join(ids, ", "))
}
