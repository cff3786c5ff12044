package reply

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	switch c.Undeclared {
	case "strip":
		s.Fact("output.filter", "members that the schema of the reply does not declare are cut, writeOnly members too")
	case "reject":
		s.Fact("output.filter", "a reply with members that its schema does not declare is answered with 502")
	case "allow":
		s.Fact("output.filter", "members that the schema does not declare leave; writeOnly members are cut: %s", c.Waiver)
	}
	for _, says := range seen(s.Build) {
		s.Fact("output.filter", "%s", says)
	}
	if c.OnUndeclaredStatus == "refuse" {
		s.Fact("output.validate", "successes and redirects of an undeclared status or media type are answered with 502")
	} else {
		s.Fact("output.validate", "successes of an undeclared status or media type are reported: %s", c.Waiver)
	}
	if c.OnInvalid == "refuse" {
		s.Fact("output.validate", "replies with values that are not as described are answered with 502")
	} else {
		s.Fact("output.validate", "replies with values that are not as described are reported")
	}
	if c.NotInspected != nil {
		s.Fact("output.filter", "of replies larger than 4 MiB only the beginning is looked at, for leaks: %s", c.NotInspected)
	}
	s.Fact("output.validate", "event streams and lines of JSON are judged and cut item by item as they flow, at most %d bytes each; one that must not leave ends the reply", c.MaxItem)
}
